//! What the consent page can end with, and what the owner then reads.

use reqwest::Method;
use serde_json::json;
use testkit::{Person, Role};

use super::Stage;

#[tokio::test]
async fn the_tenant_of_the_redirect_is_never_believed() -> anyhow::Result<()> {
    let stage = Stage::start().await?;
    let owner = stage.owner().await?;
    let swapped = json!({"consent_tenant": stage.fabrikam});
    stage.world.azure.deviate(&swapped).await?;
    let page = stage.decide(&owner, &stage.ada, "accept").await?;
    let proven = stage.world.tenant.as_str();
    stage.refused(&page, &["another", proven]).await
}

#[tokio::test]
async fn who_cancels_or_may_not_consent_reads_what_to_do() -> anyhow::Result<()> {
    let stage = Stage::start().await?;
    let owner = stage.owner().await?;

    let page = stage.decide(&owner, &stage.ada, "cancel").await?;
    stage
        .refused(&page, &["Cancel", "opens the consent page again"])
        .await?;

    // Mel is no administrator: Entra ID says so on its own page, from which one returns.
    let consent = stage.sign_in(&owner, &stage.mel).await?.away()?;
    let told = stage
        .world
        .azure
        .at_entra(&consent, &stage.mel, "accept")
        .await?;
    assert!(told.text.contains("AADSTS90094"), "{}", told.text);
    let back = stage.answer(&consent, &stage.mel, "return").await?;
    let page = owner.come_back(&back).await?.here()?;
    stage.refused(&page, &["administrator"]).await?;

    // Eve belongs to another tenant than the one that was proven.
    let consent = stage.sign_in(&owner, &stage.ada).await?.away()?;
    let back = stage.answer(&consent, &stage.eve, "accept").await?;
    let page = owner.come_back(&back).await?.here()?;
    stage.refused(&page, &["another tenant"]).await
}

#[tokio::test]
async fn a_page_of_entra_that_leads_nowhere_is_explained_to_who_waits() -> anyhow::Result<()> {
    let stage = Stage::start().await?;
    let owner = stage.owner().await?;
    let consent = stage.sign_in(&owner, &stage.ada).await?.away()?;
    // The operator forgot to register where the consent page leads back to.
    let azure = &stage.world.azure;
    let path = format!("/apps/{}", stage.app.client_id);
    let registered = json!({"redirect_uris": ["http://127.0.0.1/connect/azure/callback"]});
    azure.control(Method::PATCH, &path, &registered).await?;
    let told = azure.at_entra(&consent, &stage.ada, "accept").await?;
    assert!(told.text.contains("AADSTS50011"), "{}", told.text);
    owner.post("/connect/azure/check", &[]).await?;
    let page = stage.integrations(&owner).await?;
    for words in ["No administrator", "AADSTS number"] {
        assert!(page.contains(words), "{words:?} is not in: {page}");
    }
    Ok(())
}

#[tokio::test]
async fn a_service_principal_that_is_not_known_yet_is_waited_for() -> anyhow::Result<()> {
    let stage = Stage::start().await?;
    let owner = stage.owner().await?;
    // Longer than the token endpoint is asked again while the browser waits.
    let delayed = json!({"consent_delay_ms": 8000});
    stage.world.azure.deviate(&delayed).await?;
    let page = stage.decide(&owner, &stage.ada, "accept").await?;
    assert!(page.status < 400, "{}: {}", page.status, page.text);
    assert!(
        stage.links().await?.is_empty(),
        "no link without a token of the tenant"
    );
    let link = stage.linked().await?;
    assert_eq!(link["tenant_id"], json!(stage.world.tenant));
    Ok(())
}

#[tokio::test]
async fn two_people_who_connect_at_once_make_one_link() -> anyhow::Result<()> {
    let stage = Stage::start().await?;
    let (email, password) = stage.second_owner()?;
    let one = stage.owner().await?;
    let other = Person::sign_in(&stage.world.longshore, &email, &password).await?;
    let (first, second) = tokio::join!(
        stage.decide(&one, &stage.ada, "accept"),
        stage.decide(&other, &stage.ada, "accept"),
    );
    for page in [first?, second?] {
        assert!(page.text.contains("Connected"), "{}", page.text);
    }
    stage.linked().await?;
    let links = stage.links().await?;
    assert_eq!(links.len(), 1, "{links:?}");
    Ok(())
}

#[tokio::test]
async fn consent_for_one_tenant_opens_no_account_of_another() -> anyhow::Result<()> {
    let stage = Stage::start().await?;
    stage.world.container("media", &[("a.png", "x")]).await?;
    let owner = stage.owner().await?;
    let link = stage.connect(&owner, &stage.eve).await?;
    assert_eq!(link["tenant_id"], json!(stage.fabrikam));

    // The account is Contoso's, the link is Fabrikam's.
    let said = stage.resolve(&stage.task("media", "a.png").await?).await?;
    assert!(said.status >= 400, "{}", said.status);
    let project = stage.world.project(crate::world::IMAGE_CONFIG).await?;
    let storage = json!({
        "project": project, "account_name": stage.world.account.name, "container": "media",
        "tenant_id": stage.fabrikam,
    });
    let refused = stage
        .world
        .longshore
        .post("/api/storages/azure_link/", &storage)
        .await?;
    assert_eq!(refused.status, 400, "{}", refused.text);
    for text in [&said.text, &refused.text] {
        for tenant in [&stage.fabrikam, &stage.world.tenant] {
            assert!(text.contains(tenant.as_str()), "{tenant} is not in: {text}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn after_consent_a_blob_is_read_with_the_links_token_or_not_at_all() -> anyhow::Result<()> {
    let stage = Stage::start().await?;
    let (azure, account) = (&stage.world.azure, &stage.world.account);
    stage.world.container("media", &[("a.png", "x")]).await?;
    let open = json!({"allow_public_access": true});
    azure.set_account(account, &open).await?;
    stage.make_public("media").await?;
    let path = stage.task("media", "a.png").await?;
    let before = stage.resolve(&path).await?;
    assert!(before.status < 400, "anonymously: {}", before.text);

    let owner = stage.owner().await?;
    let link = stage.connect(&owner, &stage.ada).await?;
    let without_role = stage.resolve(&path).await?;
    assert!(
        without_role.status >= 400,
        "a public blob is not read anonymously behind a link's back: {}",
        without_role.status
    );
    let principal = stage.principal(&link);
    azure
        .assign_role(
            principal,
            Role::DataReader,
            &account.container_scope("media"),
        )
        .await?;
    let with_role = stage.resolve(&path).await?;
    assert!(with_role.status < 400, "{}", with_role.text);
    Ok(())
}
