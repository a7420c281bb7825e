//! Who signed in, and of which tenant, is believed only when all of it is proven.

use serde_json::json;
use testkit::{LocalAzure, Person};

use super::Stage;

#[tokio::test]
async fn an_id_token_with_any_flaw_links_nothing() -> anyhow::Result<()> {
    let stage = Stage::start().await?;
    let owner = stage.owner().await?;
    for flaw in [
        "wrong_issuer",
        "foreign_issuer",
        "wrong_audience",
        "wrong_nonce",
        "no_nonce",
        "expired",
        "not_yet_valid",
        "unsigned",
        "symmetric_signature",
        "unknown_key",
        "tampered",
    ] {
        let azure = &stage.world.azure;
        azure.deviate(&json!({"id_token": flaw})).await?;
        let page = stage.sign_in(&owner, &stage.ada).await?.here()?;
        assert!(page.status >= 400, "{flaw}: {}", page.status);
        stage.refused(&page, &["proves nothing"]).await?;
    }
    // The same way without a flaw is a link: it was the flaw that was refused.
    stage.world.azure.deviate(&json!({})).await?;
    let link = stage.connect(&owner, &stage.ada).await?;
    assert_eq!(link["tenant_id"], json!(stage.world.tenant));
    Ok(())
}

#[tokio::test]
async fn a_state_counts_once_and_only_in_the_browser_that_began() -> anyhow::Result<()> {
    let stage = Stage::start().await?;
    let owner = stage.owner().await?;
    let elsewhere = stage.owner().await?;
    let stranger = Person::stranger(&stage.world.longshore);

    let page = owner.begin_connect().await?;
    let location = stage.answer(&page, &stage.ada, "sign_in").await?;
    let (address, state) = location.split_once("&state=").expect("a state");
    let rest = state.split_once('&').map_or("", |(_, rest)| rest);

    // Another browser, of the same person: an attacker who planted the address.
    let page = elsewhere.come_back(&location).await?.here()?;
    stage.refused(&page, &["Nothing is connected"]).await?;
    // Somebody who is not signed in is asked to.
    let page = stranger.come_back(&location).await?.here()?;
    stage.refused(&page, &["Sign in"]).await?;
    for forged in [
        format!("{address}&{rest}"),
        format!("{address}&state=&{rest}"),
        format!("{address}&state=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA&{rest}"),
    ] {
        let page = owner.come_back(&forged).await?.here()?;
        stage.refused(&page, &["Nothing is connected"]).await?;
    }

    let consent = owner.come_back(&location).await?.away()?;
    let page = owner.come_back(&location).await?.here()?;
    stage.refused(&page, &["Nothing is connected"]).await?;

    // The same of the consent's own state.
    let consented = stage.answer(&consent, &stage.ada, "accept").await?;
    let page = elsewhere.come_back(&consented).await?.here()?;
    stage.refused(&page, &["Nothing is connected"]).await
}

#[tokio::test]
async fn a_code_cannot_be_redeemed_twice() -> anyhow::Result<()> {
    let stage = Stage::start().await?;
    let owner = stage.owner().await?;
    let code_of = |location: &str| {
        let (_, rest) = location.split_once("code=").expect("a code");
        rest.split('&').next().expect("a code").to_owned()
    };
    let first = owner.begin_connect().await?;
    let first = stage.answer(&first, &stage.ada, "sign_in").await?;
    owner.come_back(&first).await?.away()?;

    let second = owner.begin_connect().await?;
    let second = stage.answer(&second, &stage.ada, "sign_in").await?;
    let replayed = second.replace(&code_of(&second), &code_of(&first));
    let page = owner.come_back(&replayed).await?.here()?;
    stage.refused(&page, &["used already"]).await
}

#[tokio::test]
async fn a_personal_account_is_refused() -> anyhow::Result<()> {
    let stage = Stage::start().await?;
    let owner = stage.owner().await?;
    let who = "pat@outlook.example";
    stage
        .world
        .azure
        .control(
            reqwest::Method::POST,
            "/personal-accounts",
            &json!({"email": who}),
        )
        .await?;
    let page = stage.sign_in(&owner, who).await?.here()?;
    stage.refused(&page, &["personal"]).await
}

#[tokio::test]
async fn an_expired_secret_of_the_app_is_told_as_the_operators_task() -> anyhow::Result<()> {
    let azure = LocalAzure::start(None)?;
    let platform = azure.create_tenant("longshore.example").await?;
    let app = azure.create_app(&platform, "Longshore", true).await?;
    let secret = azure.add_expired_secret(&app).await?;
    let (stage, _) = Stage::with(azure, app, vec![("LONGSHORE_APP_CLIENT_SECRET", secret)]).await?;
    let owner = stage.owner().await?;
    let page = stage.sign_in(&owner, &stage.ada).await?.here()?;
    stage.refused(&page, &["secret", "operator"]).await
}

#[tokio::test]
async fn a_clock_that_is_twenty_minutes_off_is_told() -> anyhow::Result<()> {
    let stage = Stage::start().await?;
    let owner = stage.owner().await?;
    for minutes in [20, -20] {
        let offset = json!({"offset_ms": minutes * 60_000});
        let azure = &stage.world.azure;
        azure
            .control(reqwest::Method::PUT, "/clock", &offset)
            .await?;
        let at = stage.sign_in(&owner, &stage.ada).await?;
        // An id_token that is 20 minutes old is still good; one from the future is not.
        if minutes > 0 {
            stage.refused(&at.here()?, &["clock"]).await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_app_needs_no_secret_at_all() -> anyhow::Result<()> {
    let azure = LocalAzure::start(None)?;
    let platform = azure.create_tenant("longshore.example").await?;
    let app = azure.create_app(&platform, "Longshore", true).await?;
    let (identity, principal) = azure
        .create_identity(&platform, "longshore", "user_assigned")
        .await?;
    let credential = json!({
        "issuer": format!("{}/{platform}/v2.0", azure.endpoints.entra),
        "subject": principal,
        "audience": "api://AzureADTokenExchange",
    });
    let path = format!("/apps/{}/federated-credentials", app.client_id);
    azure
        .control(reqwest::Method::POST, &path, &credential)
        .await?;
    let proof = vec![
        (
            "LONGSHORE_APP_FEDERATED",
            format!("managed-identity:{identity}"),
        ),
        (
            "IDENTITY_ENDPOINT",
            azure.endpoints.identity_endpoint.clone(),
        ),
        ("IDENTITY_HEADER", azure.endpoints.identity_header.clone()),
    ];
    let (stage, _) = Stage::with(azure, app, proof).await?;
    let owner = stage.owner().await?;
    let link = stage.connect(&owner, &stage.ada).await?;
    assert_eq!(link["tenant_id"], json!(stage.world.tenant));
    Ok(())
}

#[tokio::test]
async fn the_app_proves_itself_by_certificate() -> anyhow::Result<()> {
    let azure = LocalAzure::start(None)?;
    let platform = azure.create_tenant("longshore.example").await?;
    let app = azure.create_app(&platform, "Longshore", true).await?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("longshore-app.pem");
    std::fs::write(&file, azure.add_certificate(&app).await?)?;
    let proof = vec![("LONGSHORE_APP_CERTIFICATE_FILE", file.display().to_string())];
    let (stage, _) = Stage::with(azure, app, proof).await?;
    let owner = stage.owner().await?;
    let link = stage.connect(&owner, &stage.ada).await?;
    assert_eq!(link["tenant_id"], json!(stage.world.tenant));
    Ok(())
}

#[tokio::test]
async fn new_signing_keys_of_entra_are_found_at_once() -> anyhow::Result<()> {
    let stage = Stage::start().await?;
    let owner = stage.owner().await?;
    stage.sign_in(&owner, &stage.ada).await?.away()?;
    let rotate = json!({"drop_old": true});
    let azure = &stage.world.azure;
    azure
        .control(reqwest::Method::POST, "/signing-keys/rotate", &rotate)
        .await?;
    let link = stage.connect(&owner, &stage.ada).await?;
    assert_eq!(link["tenant_id"], json!(stage.world.tenant));
    Ok(())
}
