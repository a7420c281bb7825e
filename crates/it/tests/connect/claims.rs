//! Two organizations of one company link one tenant: what the common service principal may read
//! says nothing about which of them may see it.

use anyhow::Context;
use serde_json::json;
use testkit::{Longshore, Person, Role};

use super::{Stage, printed_password};

const SECOND: &str = "second@longshore.example";

impl Stage {
    /// Another organization on the same server: its owner's password and API token.
    fn second_organization(&self) -> anyhow::Result<(String, String)> {
        let said = self.run(&["organization", "create", "Second", "--owner", SECOND])?;
        let token = self.run(&["token", "create", SECOND])?;
        Ok((printed_password(&said)?, token.trim().to_owned()))
    }
}

#[tokio::test]
async fn who_comes_second_to_a_container_proves_control_of_it_first() -> anyhow::Result<()> {
    let stage = Stage::start().await?;
    let (azure, account) = (&stage.world.azure, &stage.world.account);
    let longshore = &stage.world.longshore;
    stage.world.container("media", &[("a.png", "x")]).await?;
    let first = stage.owner().await?;
    let link = stage.connect(&first, &stage.ada).await?;
    let scope = account.container_scope("media");
    azure
        .assign_role(stage.principal(&link), Role::DataReader, &scope)
        .await?;
    let path = stage.task("media", "a.png").await?;
    assert!(stage.resolve(&path).await?.status < 400, "the first reads");

    let (password, token) = stage.second_organization()?;
    let second = Person::sign_in(longshore, SECOND, &password).await?;
    stage.decide(&second, &stage.ada, "accept").await?;
    let ask = |method, path: &str| {
        longshore
            .anonymous(method, path)
            .header("Authorization", format!("Token {token}"))
    };
    let media = json!({"account": account.name, "container": "media"});
    let claim = async || {
        let path = format!("/api/azure-links/{}/claim", stage.world.tenant);
        let request = ask(reqwest::Method::POST, &path).json(&media);
        Longshore::answer(request).await?.expect(200)
    };
    let asked = claim().await?;
    assert_eq!(asked["state"], "asked", "{asked}");
    let project = json!({"title": "second", "label_config": crate::world::IMAGE_CONFIG});
    let request = ask(reqwest::Method::POST, "/api/projects/").json(&project);
    let project = Longshore::answer(request).await?.expect(201)?["id"].clone();
    let storage = json!({
        "project": project, "account_name": account.name, "container": "media",
        "tenant_id": stage.world.tenant, "use_blob_urls": true, "presign": false,
    });
    let attach = async || {
        let request = ask(reqwest::Method::POST, "/api/storages/azure_link/").json(&storage);
        Longshore::answer(request).await
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
