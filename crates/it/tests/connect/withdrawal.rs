//! What happens in Azure after the link: consent withdrawn, an account that answers falsely.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use testkit::{Role, eventually};

use super::Stage;

#[tokio::test]
async fn withdrawn_consent_is_on_the_page_after_the_next_use() -> anyhow::Result<()> {
    let stage = Stage::start().await?;
    let (azure, account) = (&stage.world.azure, &stage.world.account);
    stage.world.container("media", &[("a.png", "x")]).await?;
    let owner = stage.owner().await?;
    let link = stage.connect(&owner, &stage.ada).await?;
    let principal = stage.principal(&link);
    let scope = account.container_scope("media");
    azure
        .assign_role(principal, Role::DataReader, &scope)
        .await?;
    let path = stage.task("media", "a.png").await?;
    azure.remove_service_principal(principal).await?;
    stage.resolve(&path).await?;
    let told = "has removed the enterprise application";
    eventually("the page to say so", Duration::from_secs(60), async || {
        let page = stage.integrations(&owner).await?;
        Ok(page.contains(told).then_some(()))
    })
    .await?;

    // Consenting again mends it.
    stage.decide(&owner, &stage.ada, "accept").await?;
    let check = format!("/settings/integrations/{}/check", stage.world.tenant);
    owner.post(&check, &[]).await?;
    let page = stage.integrations(&owner).await?;
    assert!(!page.contains(told), "{page}");
    Ok(())
}

#[tokio::test]
async fn an_account_that_names_a_hostile_authority_gets_no_token() -> anyhow::Result<()> {
    let stage = Stage::start().await?;
    let (azure, account) = (&stage.world.azure, &stage.world.account);
    stage.world.container("media", &[("a.png", "x")]).await?;
    let owner = stage.owner().await?;
    let link = stage.connect(&owner, &stage.ada).await?;
    let principal = stage.principal(&link);
    let scope = account.container_scope("media");
    azure
        .assign_role(principal, Role::DataReader, &scope)
        .await?;
    let tenant = &stage.world.tenant;
    let entra = &azure.endpoints.entra;
    for challenge in [
        format!(
            "Bearer authorization_uri=https://login.evil.example/{tenant}/oauth2/authorize resource_id=https://storage.azure.com"
        ),
        format!(
            "Bearer authorization_uri={entra}/{tenant}/oauth2/authorize resource_id=https://vault.azure.net"
        ),
        format!(
            "Bearer authorization_uri={entra}@evil.example/{tenant}/oauth2/authorize resource_id=https://storage.azure.com"
        ),
    ] {
        azure
            .set_account(account, &json!({"challenge": challenge}))
            .await?;
        let said = stage.resolve(&stage.task("media", "a.png").await?).await?;
        assert!(said.status >= 400, "{challenge}: {}", said.status);
    }
    let requests = azure.control(Method::GET, "/requests", &json!({})).await?;
    let requests = requests.as_array().expect("requests");
    let with_token = requests
        .iter()
        .filter(|request| request["front"] == "blob" && request["credential"] == "bearer");
    assert_eq!(
        with_token.count(),
        0,
        "no token leaves for an account that cannot be placed"
    );

    azure
        .set_account(account, &json!({"challenge": null}))
        .await?;
    let path = stage.task("media", "a.png").await?;
    eventually(
        "the true answer to count",
        Duration::from_secs(60),
        async || {
            let answer = stage.resolve(&path).await?;
            Ok((answer.status < 400).then_some(()))
        },
    )
    .await
}
