//! Claims, links and unlinking at the same time.

use serde_json::json;
use testkit::Role;

use super::{Stage, organization::Organization};

impl Stage {
    /// Two organizations, both linked by the administrator, and containers that can be read.
    async fn two_proven(
        &self,
        containers: &[&str],
    ) -> anyhow::Result<(Organization, Organization)> {
        let (one, two) = (
            Organization::operators(),
            Organization::create(self, "two")?,
        );
        let owner = self.owner().await?;
        let link = self.connect(&owner, &self.ada).await?;
        two.link(self, &self.ada).await?;
        let (azure, account) = (&self.world.azure, &self.world.account);
        for container in containers {
            self.world.container(container, &[("a.png", "x")]).await?;
            let scope = account.container_scope(container);
            azure
                .assign_role(self.principal(&link), Role::DataReader, &scope)
                .await?;
        }
        Ok((one, two))
    }
}

#[tokio::test]
async fn of_two_organizations_that_claim_at_once_one_holds_the_container() -> anyhow::Result<()> {
    let stage = Stage::start().await?;
    let containers = ["c-1", "c-2", "c-3", "c-4", "c-5", "c-6"];
    let (one, two) = stage.two_proven(&containers).await?;
    for container in containers {
        let (first, second) =
            tokio::join!(one.claim(&stage, container), two.claim(&stage, container));
        let states = [first?, second?].map(|answer| answer.text);
        let held = states.iter().filter(|text| text.contains("\"held\""));
        assert_eq!(held.count(), 1, "{container}: {states:?}");
    }
    let mut claimed = 0;
    for organization in [&one, &two] {
        claimed += organization.audit(&stage, "azure_link.claim").await?.len();
    }
    assert_eq!(claimed, containers.len(), "each is in the audit once");
    Ok(())
}

#[tokio::test]
async fn a_claim_beside_unlinking_leaves_nothing_for_the_next_link() -> anyhow::Result<()> {
    let stage = Stage::start().await?;
    let (_, two) = stage.two_proven(&["c-1", "c-2", "c-3", "c-4"]).await?;
    for container in ["c-1", "c-2", "c-3", "c-4"] {
        let (claimed, unlinked) = tokio::join!(two.claim(&stage, container), two.unlink(&stage));
        unlinked?;
        let claimed = claimed?;
        assert!(claimed.status < 500, "{}", claimed.text);
        two.link(&stage, &stage.mel).await?;
        let after = two.claim(&stage, container).await?.expect(200)?;
        assert_eq!(after["state"], "asked", "{container}: {}", claimed.text);
        two.link(&stage, &stage.ada).await?;
    }
    Ok(())
}

#[tokio::test]
async fn an_employee_and_the_administrator_who_link_at_once_make_one_proven_link()
-> anyhow::Result<()> {
    let stage = Stage::start().await?;
    let (email, password) = stage.second_owner()?;
    let one = stage.owner().await?;
    let other = testkit::Person::sign_in(&stage.world.longshore, &email, &password).await?;
    stage
        .world
        .azure
        .consent(&stage.world.tenant, &stage.app)
        .await?;
    stage.sign_in(&one, &stage.mel).await?.away()?;
    stage.sign_in(&other, &stage.ada).await?.away()?;
    let (first, second) = tokio::join!(
        one.post("/connect/azure/check", &[]),
        other.post("/connect/azure/check", &[]),
    );
    for answer in [first?, second?] {
        assert!(answer.status < 400, "{}", answer.text);
    }
    let links = stage.links().await?;
    assert_eq!(links.len(), 1, "{links:?}");
    assert_eq!(links[0]["proof"], json!("administrator"), "{links:?}");
    Ok(())
}
