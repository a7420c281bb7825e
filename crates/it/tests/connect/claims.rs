//! Two organizations of one company link one tenant: what the common service principal may read
//! says nothing about which of them may see it.

use anyhow::Context;
use reqwest::Method;
use serde_json::json;
use testkit::Role;

use super::{Stage, organization::Organization};

#[tokio::test]
async fn who_comes_second_to_a_container_proves_control_of_it_first() -> anyhow::Result<()> {
    let stage = Stage::start().await?;
    let (azure, account) = (&stage.world.azure, &stage.world.account);
    stage.world.container("media", &[("a.png", "x")]).await?;
    let first = stage.owner().await?;
    let link = stage.connect(&first, &stage.ada).await?;
    let scope = account.container_scope("media");
    azure
        .assign_role(stage.principal(&link), Role::DataReader, &scope)
        .await?;
    let path = stage.task("media", "a.png").await?;
    assert!(stage.resolve(&path).await?.status < 400, "the first reads");

    let second = Organization::create(&stage, "second")?;
    let owner = second.owner(&stage).await?;
    stage.decide(&owner, &stage.ada, "accept").await?;
    let claim = async || second.claim(&stage, "media").await?.expect(200);
    let asked = claim().await?;
    assert_eq!(asked["state"], "asked", "{asked}");
    let project = second.project(&stage).await?;
    let storage = json!({
        "project": project, "account_name": account.name, "container": "media",
        "tenant_id": stage.world.tenant, "use_blob_urls": true, "presign": false,
    });
    let attach = async || {
        let path = "/api/storages/azure_link/";
        second.post(&stage, path, &storage).await
    };
    let refused = attach().await?;
    assert_eq!(refused.status, 400, "{}", refused.text);
    assert!(!refused.text.contains("a.png"), "{}", refused.text);

    // Somebody who may write there does what the printed command does.
    let marker = asked["marker"].as_str().context("a marker")?;
    let command = asked["command"].as_str().context("a command")?;
    assert!(
        command.starts_with("az storage blob upload ") && command.contains(marker),
        "{command}"
    );
    azure
        .put_blob(account, "media", marker, "text/plain", b"claimed".to_vec())
        .await?;
    assert_eq!(claim().await?["state"], "held");
    let attached = attach().await?;
    assert_eq!(attached.status, 201, "{}", attached.text);
    Ok(())
}

/// Lets the service principal of this link read a new container with one blob.
async fn readable(stage: &Stage, link: &serde_json::Value, container: &str) -> anyhow::Result<()> {
    stage.world.container(container, &[("a.png", "x")]).await?;
    let scope = stage.world.account.container_scope(container);
    let principal = stage.principal(link);
    let azure = &stage.world.azure;
    azure.assign_role(principal, Role::DataReader, &scope).await
}

#[tokio::test]
async fn a_name_is_not_held_before_there_is_a_container() -> anyhow::Result<()> {
    let stage = Stage::start().await?;
    let owner = stage.owner().await?;
    let link = stage.connect(&owner, &stage.ada).await?;
    let first = Organization::operators();
    let early = first.claim(&stage, "future").await?.expect(200)?;
    assert_eq!(early["state"], "free", "it is not held: {early}");
    assert_eq!(first.audit(&stage, "azure_link.claim").await?.len(), 0);

    // Nobody reserved it, so whoever is there first once it exists holds it.
    let second = Organization::create(&stage, "second")?;
    second.link(&stage, &stage.ada).await?;
    readable(&stage, &link, "future").await?;
    assert_eq!(
        second.claim(&stage, "future").await?.expect(200)?["state"],
        "held"
    );
    assert_eq!(
        first.claim(&stage, "future").await?.expect(200)?["state"],
        "asked"
    );

    // A claim is of a name: who may make the container anew controls the account.
    let (azure, account) = (&stage.world.azure, &stage.world.account);
    azure.delete_container(account, "future").await?;
    stage.world.container("future", &[("b.png", "x")]).await?;
    assert_eq!(
        second.claim(&stage, "future").await?.expect(200)?["state"],
        "held"
    );
    assert_eq!(
        first.claim(&stage, "future").await?.expect(200)?["state"],
        "asked"
    );
    Ok(())
}

#[tokio::test]
async fn whoever_must_prove_a_container_does_not_learn_whether_it_exists() -> anyhow::Result<()> {
    let stage = Stage::start().await?;
    let owner = stage.owner().await?;
    let link = stage.connect(&owner, &stage.ada).await?;
    readable(&stage, &link, "there").await?;
    stage.world.container("closed", &[]).await?;
    let second = Organization::create(&stage, "second")?;
    second.link(&stage, &stage.mel).await?;
    let mut said = Vec::new();
    for container in ["there", "closed", "missing"] {
        let answer = second.claim(&stage, container).await?;
        let (status, text) = (answer.status, answer.text.clone());
        let claim = answer.expect(200)?;
        let marker = claim["marker"].as_str().context("a marker")?;
        let text = text
            .replace(marker, "MARKER")
            .replace(container, "CONTAINER");
        said.push((status, text));
    }
    assert!(said.iter().all(|one| *one == said[0]), "{said:?}");
    Ok(())
}

#[tokio::test]
async fn an_employee_links_first_and_the_administrator_comes_later() -> anyhow::Result<()> {
    let stage = Stage::start().await?;
    let owner = stage.owner().await?;
    let first = Organization::operators();
    // An employee signs in; somebody else of the tenant consents by themselves.
    stage.sign_in(&owner, &stage.mel).await?.away()?;
    stage
        .world
        .azure
        .consent(&stage.world.tenant, &stage.app)
        .await?;
    let link = stage.linked().await?;
    assert_eq!(link["proof"], json!(null), "{link}");
    let page = stage.integrations(&owner).await?;
    for words in [
        "Not proven",
        "administrator of the tenant signs in",
        "press Claim",
    ] {
        assert!(page.contains(words), "{words:?} is not in: {page}");
    }
    readable(&stage, &link, "media").await?;
    let path = stage.task("media", "a.png").await?;
    let refused = stage.resolve(&path).await?;
    assert!(
        refused.text.contains("az storage blob upload"),
        "{}",
        refused.text
    );
    let grants = format!(
        "/settings/integrations/{}?account={}&container=media",
        stage.world.tenant, stage.world.account.name
    );
    let page = owner.get(&grants).await?;
    assert!(
        page.text.contains("az storage blob upload"),
        "{}",
        page.text
    );

    // The administrator signs in for it: the same link is proven, and gives what it names.
    stage.decide(&owner, &stage.ada, "accept").await?;
    let link = first.its_link(&stage).await?;
    assert_eq!(link["proof"], json!("administrator"), "{link}");
    assert_eq!(link["entra_username"], json!(stage.ada), "{link}");
    assert!(stage.resolve(&path).await?.status < 400);
    let proven = first.audit(&stage, "azure_link.prove").await?;
    assert_eq!(proven.len(), 1, "{proven:?}");
    let claims = first.audit(&stage, "azure_link.claim").await?;
    assert_eq!(claims.len(), 1, "the first claim is audited: {claims:?}");
    Ok(())
}

#[tokio::test]
async fn owners_learn_when_another_organization_links_their_tenant() -> anyhow::Result<()> {
    let stage = Stage::start().await?;
    let owner = stage.owner().await?;
    let link = stage.connect(&owner, &stage.ada).await?;
    readable(&stage, &link, "media").await?;
    let first = Organization::operators();
    let second = Organization::create(&stage, "second")?;
    let theirs = second.link(&stage, &stage.mel).await?;

    let told = first.audit(&stage, "azure_link.other").await?;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["detail"]["organization"], json!("second"));
    assert_eq!(told[0]["detail"]["entra_username"], json!(stage.mel));
    let page = stage.integrations(&owner).await?;
    for words in ["second", stage.mel.as_str(), "Agree that it claims"] {
        assert!(page.contains(words), "{words:?} is not in: {page}");
    }
    // Who has proven nothing learns that there is another one, and not which.
    assert_eq!(theirs["others"][0]["name"], json!(null), "{theirs}");
    assert!(!theirs.to_string().contains(&stage.ada), "{theirs}");
    let page = second
        .owner(&stage)
        .await?
        .get("/settings/integrations")
        .await?;
    assert!(
        page.text.contains("Another organization has linked"),
        "{}",
        page.text
    );
    assert!(!page.text.contains(&stage.ada), "{}", page.text);
    // It agrees on nobody, itself included.
    let path = format!("/api/azure-links/{}/agreement", stage.world.tenant);
    for organization in [1, 2] {
        let body = json!({"organization": organization, "agreed": true});
        assert_eq!(second.post(&stage, &path, &body).await?.status, 409);
    }

    // The owners agree, on the page; the other one may name what is free, until they take it back.
    let page_path = format!("/settings/integrations/{}/agreement", stage.world.tenant);
    let set = async |agreed| {
        let fields = [("organization", "2"), ("agreed", agreed)];
        owner.post(&page_path, &fields).await
    };
    assert_eq!(set("true").await?.status, 303);
    assert_eq!(
        second.claim(&stage, "media").await?.expect(200)?["state"],
        "held"
    );
    let project = second.project(&stage).await?;
    let path = second.task(&stage, project, "media/a.png").await?;
    let read = async || second.ask(&stage, Method::GET, &path, None).await;
    assert!(read().await?.status < 400);
    assert_eq!(set("false").await?.status, 303);
    let refused = read().await?;
    assert!(
        refused.status >= 400,
        "from that instant on: {}",
        refused.text
    );
    for organization in [&first, &second] {
        for action in ["azure_link.agree", "azure_link.disagree"] {
            let entries = organization.audit(&stage, action).await?;
            assert_eq!(entries.len(), 1, "{} {action}", organization.name);
        }
    }
    let refusals = second.audit(&stage, "azure_link.refuse").await?;
    assert!(
        refusals.is_empty(),
        "it was never refused a claim: {refusals:?}"
    );
    second.claim(&stage, "media").await?;
    assert_eq!(second.audit(&stage, "azure_link.refuse").await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn unlinking_gives_up_what_was_held_and_hands_it_to_nobody() -> anyhow::Result<()> {
    let stage = Stage::start().await?;
    let owner = stage.owner().await?;
    let link = stage.connect(&owner, &stage.ada).await?;
    readable(&stage, &link, "payroll").await?;
    let path = stage.task("payroll", "a.png").await?;
    assert!(stage.resolve(&path).await?.status < 400);
    let first = Organization::operators();
    first.unlink(&stage).await?;
    let given_up = first.audit(&stage, "azure_link.give_up").await?;
    assert_eq!(given_up.len(), 1, "{given_up:?}");

    // Neither an employee's nor the administrator's other organization gets it by naming it.
    for (name, who) in [("member", &stage.mel), ("proven", &stage.ada)] {
        let other = Organization::create(&stage, name)?;
        other.link(&stage, who).await?;
        let claim = other.claim(&stage, "payroll").await?.expect(200)?;
        assert_eq!(claim["state"], "asked", "{name}");
    }
    // Linked again by an employee, the first one begins at nothing; by the administrator, it goes on.
    first.link(&stage, &stage.mel).await?;
    assert!(stage.resolve(&path).await?.status >= 400);
    first.link(&stage, &stage.ada).await?;
    assert!(stage.resolve(&path).await?.status < 400);
    Ok(())
}

#[tokio::test]
async fn a_storage_whose_claim_ended_neither_syncs_nor_writes() -> anyhow::Result<()> {
    let stage = Stage::start().await?;
    let holder = Organization::operators();
    let owner = stage.owner().await?;
    let link = stage.connect(&owner, &stage.ada).await?;
    readable(&stage, &link, "media").await?;
    let second = Organization::create(&stage, "second")?;
    second.link(&stage, &stage.mel).await?;
    holder.agree(&stage, &second, true).await?.expect(200)?;
    let project = second.project(&stage).await?;
    let form = second.form(&stage, project, "media");
    let made = second
        .post(&stage, "/api/storages/azure_link", &form)
        .await?;
    let storage = made.expect(201)?;
    holder.agree(&stage, &second, false).await?.expect(200)?;

    let at = format!("/api/storages/azure_link/{}", storage["id"]);
    let azure = &stage.world.azure;
    let none = serde_json::Value::Null;
    azure.control(Method::DELETE, "/requests", &none).await?;
    second
        .post(&stage, &format!("{at}/sync"), &json!({}))
        .await?;
    let ended = testkit::eventually("the end", std::time::Duration::from_secs(60), async || {
        let now = second
            .ask(&stage, Method::GET, &at, None)
            .await?
            .expect(200)?;
        Ok((now["status"] == "failed").then_some(now))
    });
    let ended = ended.await?;
    assert!(ended.to_string().contains("has not shown"), "{ended}");
    let seen = azure.control(Method::GET, "/requests", &none).await?;
    let of_container = seen.as_array().into_iter().flatten().filter(|request| {
        let path = request["path"].as_str().unwrap_or_default();
        path.contains("media") && request["credential"] == "bearer"
    });
    assert_eq!(of_container.count(), 0, "{seen}");
    Ok(())
}
