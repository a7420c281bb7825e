//! Whatever is wrong, the answer says what it is and what to do, and nothing half-done stays.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Longshore, Role};

use crate::world::{IMAGE_CONFIG, World};

/// Posts a storage that must be refused, and sees that none was made; what the refusal says.
async fn refused(world: &World, kind: &str, project: i64, body: &Value) -> anyhow::Result<String> {
    let answer = world
        .longshore
        .post(&format!("/api/storages/{kind}/"), body)
        .await?;
    assert_eq!(answer.status, 400, "{}", answer.text);
    let validated = world
        .longshore
        .post(&format!("/api/storages/{kind}/validate"), body)
        .await?;
    assert_eq!(
        validated.status, 400,
        "validation agrees with creation: {}",
        validated.text
    );
    let left = world
        .longshore
        .get(&format!("/api/storages/?project={project}"))
        .await?
        .expect(200)?;
    assert_eq!(left, json!([]), "nothing half-done stays");
    for secret in ["account_key", "client_secret", "sas_token"] {
        if let Some(secret) = body[secret].as_str().filter(|secret| secret.len() > 12) {
            assert!(
                !answer.text.contains(secret),
                "a secret came back: {}",
                answer.text
            );
        }
    }
    Ok(answer.text)
}

#[track_caller]
fn says(said: &str, words: &[&str]) {
    for word in words {
        assert!(said.contains(word), "{word:?} is not in: {said}");
    }
}

#[tokio::test]
async fn account_keys() -> anyhow::Result<()> {
    let world = World::start().await?;
    world.container("media", &[("a.png", "x")]).await?;
    let project = world.project(IMAGE_CONFIG).await?;
    let wrong =
        "eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eA==";
    for (more, words) in [
        (
            json!({"account_key": wrong}),
            &["account key", "az storage account keys list"][..],
        ),
        (
            json!({"account_key": "not base64!"}),
            &["account_key", "base64"],
        ),
        (
            json!({"container": "absent"}),
            &["absent", "az storage container create"],
        ),
        (
            json!({"container": "Not A Container"}),
            &["container", "3 to 63"],
        ),
        (
            json!({"account_name": "Contoso.Data"}),
            &["account_name", "3 to 24"],
        ),
        (
            json!({"account_name": null, "account_key": null}),
            &["account_name"],
        ),
        (json!({"regex_filter": "["}), &["regex_filter", "unclosed"]),
        (
            json!({"regex_filter": "(?=look)"}),
            &["regex_filter", "look-around"],
        ),
        (json!({"presign_ttl": -1}), &["presign_ttl", "10080"]),
        (json!({"presign_ttl": 40_000}), &["presign_ttl", "10080"]),
        (json!({"prefix": "nothing/here"}), &["nothing/here"]),
        (json!({"account_nam": "typo"}), &["account_nam"]),
        (json!({"project": 99_999_999}), &["project", "99999999"]),
        (json!({"use_blob_urls": "perhaps"}), &["use_blob_urls"]),
    ] {
        let said = refused(
            &world,
            "azure",
            project,
            &world.by_key(project, "media", more.clone()),
        )
        .await?;
        says(&said, words);
    }
    Ok(())
}

#[tokio::test]
async fn the_accounts_own_switches() -> anyhow::Result<()> {
    let world = World::start().await?;
    world.container("media", &[("a.png", "x")]).await?;
    let project = world.project(IMAGE_CONFIG).await?;
    for (switch, words) in [
        (
            json!({"allow_shared_key": false}),
            &["allowSharedKeyAccess", "--allow-shared-key-access true"][..],
        ),
        (
            json!({"firewall_open": false}),
            &["firewall", "az storage account"],
        ),
    ] {
        world.azure.set_account(&world.account, &switch).await?;
        let body = world.by_key(project, "media", json!({}));
        says(&refused(&world, "azure", project, &body).await?, words);
        world
            .azure
            .set_account(
                &world.account,
                &json!({"allow_shared_key": true, "firewall_open": true}),
            )
            .await?;
    }
    // Anonymous is a SAS storage without a token.
    let body =
        json!({"project": project, "account_name": world.account.name, "container": "media"});
    says(
        &refused(&world, "azure_sas", project, &body).await?,
        &["public"],
    );
    Ok(())
}

#[tokio::test]
async fn service_principals() -> anyhow::Result<()> {
    let world = World::start().await?;
    world.container("media", &[("a.png", "x")]).await?;
    let project = world.project(IMAGE_CONFIG).await?;
    let app = world
        .azure
        .create_app(&world.tenant, "labeling", false)
        .await?;
    let secret = world.azure.add_secret(&app).await?;
    let expired = world.azure.add_expired_secret(&app).await?;
    let principal = world.azure.consent(&world.tenant, &app).await?;
    let fabrikam = world.azure.create_tenant("fabrikam.example").await?;
    let foreign_app = world.azure.create_app(&fabrikam, "theirs", false).await?;
    let foreign_secret = world.azure.add_secret(&foreign_app).await?;
    world.azure.consent(&fabrikam, &foreign_app).await?;

    let body = |tenant: &str, client: &str, secret: &str| {
        json!({
            "project": project, "account_name": world.account.name, "container": "media",
            "tenant_id": tenant, "client_id": client, "client_secret": secret,
        })
    };
    let own = &world.tenant;
    let unknown = "00000000-0000-4000-8000-000000000000";
    for (body, words) in [
        (
            body(own, &app.client_id, "wrong~secret~value~0123456789"),
            &["AADSTS7000215", "secret", "az ad app credential reset"][..],
        ),
        (
            body(own, &app.client_id, &expired),
            &["AADSTS7000222", "expired"],
        ),
        (body(own, unknown, &secret), &["AADSTS700016"]),
        (
            body(unknown, &app.client_id, &secret),
            &["AADSTS90002", "tenant"],
        ),
        (
            body(own, &app.client_id, &secret),
            &[
                "Storage Blob Data Reader",
                &app.client_id,
                "az role assignment create",
                "minutes",
            ],
        ),
        (
            body(&fabrikam, &foreign_app.client_id, &foreign_secret),
            &[own.as_str(), fabrikam.as_str()],
        ),
    ] {
        says(&refused(&world, "azure_spi", project, &body).await?, words);
    }

    world
        .azure
        .assign_role(
            &principal,
            Role::DataReader,
            &world.account.container_scope("media"),
        )
        .await?;
    let mut good = body(own, &app.client_id, &secret);
    good["presign"] = json!(false);
    good["use_blob_urls"] = json!(true);
    let storage = world.storage("/api/storages/azure_spi", &good).await?;
    let shown = world.longshore.get(&storage).await?;
    assert!(!shown.text.contains(&secret), "secrets are never returned");
    assert_eq!(world.sync(&storage).await?["status"], "completed");

    // Without Storage Blob Delegator there is no keyless pre-signed URL: said at the moment it is asked for.
    let presigned = world
        .longshore
        .patch(&storage, &json!({"presign": true}))
        .await?;
    let task = world.tasks(project).await?.remove(0);
    let path = task["data"]["image"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let said = if presigned.status == 400 {
        presigned.text
    } else {
        world.longshore.get(&path).await?.text
    };
    says(&said, &["Storage Blob Delegator"]);
    Ok(())
}

#[tokio::test]
async fn managed_identities() -> anyhow::Result<()> {
    let world = World::start().await?;
    world.container("media", &[("a.png", "x")]).await?;
    let project = world.project(IMAGE_CONFIG).await?;
    let body = json!({
        "project": project, "account_name": world.account.name, "container": "media", "identity_source": "imds",
        "identity_client_id": "00000000-0000-4000-8000-000000000000",
    });
    let start = Instant::now();
    says(
        &refused(&world, "azure_mi", project, &body).await?,
        &["identity"],
    );
    assert!(
        start.elapsed() < Duration::from_secs(40),
        "Microsoft's library takes 86 seconds for one try"
    );
    Ok(())
}

#[tokio::test]
async fn a_stored_credential_cannot_be_borrowed() -> anyhow::Result<()> {
    let world = World::start().await?;
    world.container("media", &[("a.png", "x")]).await?;
    world.container("other", &[("b.png", "x")]).await?;
    let project = world.project(IMAGE_CONFIG).await?;
    let storage = world.source(project, "media", json!({})).await?;
    let id: i64 = storage
        .rsplit('/')
        .next()
        .and_then(|id| id.parse().ok())
        .unwrap_or_default();
    let before = world.longshore.get(&storage).await?.expect(200)?;

    let second = world.project(IMAGE_CONFIG).await?;
    let body = json!({"id": id, "project": second, "account_name": world.account.name, "container": "other"});
    assert_eq!(
        world
            .longshore
            .post("/api/storages/azure/", &body)
            .await?
            .status,
        400
    );
    let stranger = world
        .azure
        .create_account("strangerdata", &world.tenant)
        .await?;
    world.azure.create_container(&stranger, "media").await?;
    let elsewhere = world
        .longshore
        .patch(&storage, &json!({"account_name": stranger.name}))
        .await?;
    assert_eq!(elsewhere.status, 400, "{}", elsewhere.text);
    let body = json!({"id": id, "project": project, "container": "media", "title": "changed"});
    assert_eq!(
        world
            .longshore
            .post("/api/storages/azure/validate", &body)
            .await?
            .status,
        200
    );
    assert_eq!(
        world.longshore.get(&storage).await?.expect(200)?,
        before,
        "validation changes nothing"
    );
    Ok(())
}

#[tokio::test]
async fn ids_bodies_and_tokens() -> anyhow::Result<()> {
    let world = World::start().await?;
    let api = &world.longshore;
    for path in [
        "/api/projects/99999999/",
        "/api/projects/99999999999999999999999999/",
        "/api/projects/abc/",
        "/api/tasks/99999999/",
        "/api/tasks/99999999/annotations/",
        "/api/annotations/99999999/",
        "/api/predictions/99999999/",
        "/api/storages/azure/99999999",
        "/api/storages/export/azure_spi/99999999",
        "/tasks/99999999/resolve/?fileuri=YXp1cmUtYmxvYjovL2MvYg==",
        "/api/nothing/here",
    ] {
        let answer = api.get(path).await?;
        assert_eq!(answer.status, 404, "{path}: {}", answer.text);
    }
    for token in ["Token nonsense", "Bearer nonsense", "Basic YTpi", "Token"] {
        let request = api
            .anonymous(Method::GET, "/api/projects/")
            .header("Authorization", token);
        assert_eq!(Longshore::answer(request).await?.status, 401, "{token}");
    }
    let broken = api
        .request(Method::POST, "/api/projects/")
        .header("content-type", "application/json")
        .body("{\"title\":\n  oops}");
    let answer = Longshore::answer(broken).await?;
    assert_eq!(answer.status, 400);
    says(&answer.text, &["line 2"]);
    let labels = api
        .post(
            "/api/projects/",
            &json!({"title": "x", "label_config": "<View><Nope"}),
        )
        .await?;
    assert_eq!(labels.status, 400);
    says(&labels.text, &["label_config"]);
    let large = api
        .request(Method::POST, "/api/projects/")
        .header("content-type", "application/json")
        .body(vec![b' '; 64 << 20]);
    if let Ok(answer) = Longshore::answer(large).await {
        assert_eq!(answer.status, 413, "{}", answer.text);
    }
    let deep = format!(
        "{{\"title\": {}{}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let request = api
        .request(Method::POST, "/api/projects/")
        .header("content-type", "application/json")
        .body(deep);
    assert_eq!(Longshore::answer(request).await?.status, 400);
    assert_eq!(api.get("/health").await?.status, 200, "and it still serves");
    Ok(())
}

#[tokio::test]
async fn a_client_that_never_finishes_its_request_is_let_go() -> anyhow::Result<()> {
    let settings = testkit::Settings {
        environment: vec![("LONGSHORE_REQUEST_TIMEOUT_SECONDS".into(), "1".into())],
        ..testkit::Settings::default()
    };
    let world = World::with(settings).await?;
    let address = world.longshore.url.trim_start_matches("http://").to_owned();
    let ended = tokio::task::spawn_blocking(move || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        stream.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: ")?;
        let mut answer = Vec::new();
        Ok(stream.read_to_end(&mut answer).is_ok())
    })
    .await??;
    assert!(ended, "the connection was still open after 20 seconds");
    Ok(())
}
