//! The operator's command line, on the data of a server that is running.

use std::process::Output;

use serde_json::json;
use testkit::{Longshore, Person, Settings};

use crate::world::{IMAGE_CONFIG, World};

fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[tokio::test]
async fn sync_and_export_are_followed_to_their_end() -> anyhow::Result<()> {
    // No worker is running: the command does the work itself.
    let settings = Settings {
        role: Some("api"),
        ..Settings::default()
    };
    let world = World::with(settings).await?;
    world
        .container("media", &[("a.png", "x"), ("b.png", "y")])
        .await?;
    world.container("out", &[]).await?;
    let project = world.project(IMAGE_CONFIG).await?;
    let source = world.source(project, "media", json!({})).await?;
    let id = source.rsplit('/').next().unwrap_or_default();
    let synced = world.longshore.command(&["sync", id, "--follow"])?;
    assert!(
        synced.status.success() && text(&synced).contains('2'),
        "{}",
        text(&synced)
    );
    assert_eq!(world.imported(project).await?, ["a.png", "b.png"]);

    let target = world
        .storage(
            "/api/storages/export/azure",
            &world.by_key(project, "out", json!({})),
        )
        .await?;
    let task = world.tasks(project).await?.remove(0);
    let annotation = world.annotate(&task).await?;
    let id = target.rsplit('/').next().unwrap_or_default();
    let exported = world.longshore.command(&["export", id, "--follow"])?;
    assert!(exported.status.success(), "{}", text(&exported));
    assert_eq!(
        world.azure.blob_names(&world.account, "out").await?,
        [format!("{}.json", annotation["id"])]
    );

    let unknown = world.longshore.command(&["sync", "99999999", "--follow"])?;
    assert!(
        !unknown.status.success() && text(&unknown).contains("99999999"),
        "{}",
        text(&unknown)
    );
    Ok(())
}

#[tokio::test]
async fn settings_are_shown_without_secrets_and_unknown_ones_are_named() -> anyhow::Result<()> {
    let world = World::start().await?;
    let shown = text(&world.longshore.command(&["config", "print"])?);
    assert!(shown.contains("data_dir"), "{shown}");
    for secret in [Longshore::PASSWORD, Longshore::TOKEN] {
        assert!(!shown.contains(secret), "{shown}");
    }
    let settings = Settings {
        environment: vec![("LONGSHORE_LISTN".into(), "127.0.0.1:0".into())],
        ..Settings::default()
    };
    let refused = Longshore::start(&world.azure.endpoints.cloud_file, settings);
    let said = refused
        .err()
        .map(|error| format!("{error:#}"))
        .unwrap_or_default();
    assert!(said.contains("listn"), "{said}");
    Ok(())
}

#[tokio::test]
async fn rotated_secrets_still_open_the_storages() -> anyhow::Result<()> {
    let mut world = World::start().await?;
    world.container("media", &[("a.png", "x")]).await?;
    let project = world.project(IMAGE_CONFIG).await?;
    let source = world.source(project, "media", json!({})).await?;
    let key_file = world.longshore.data_dir.join("secret.key");
    let before = std::fs::read_to_string(&key_file)?;
    let rotated = world.longshore.command(&["secrets", "rotate"])?;
    assert!(rotated.status.success(), "{}", text(&rotated));
    let after = std::fs::read_to_string(&key_file)?;
    // As the command says: once every process has the new key, the old ones can go.
    let newest = after
        .lines()
        .find(|line| !line.is_empty() && !line.starts_with('#'))
        .unwrap_or_default();
    assert!(!before.contains(newest), "a new key comes first");
    std::fs::write(&key_file, newest)?;
    world.longshore.crash_and_restart()?;
    assert_eq!(world.sync(&source).await?["status"], "completed");
    Ok(())
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_by_the_operator() -> anyhow::Result<()> {
    let world = World::start().await?;
    let longshore = &world.longshore;
    let before = Person::owner(longshore).await?;
    assert_eq!(before.get("/").await?.status, 200);

    let set = longshore.command(&["user", "set-password", Longshore::EMAIL])?;
    let said = text(&set);
    assert!(set.status.success(), "{said}");
    let password = said
        .split_once("The password is ")
        .and_then(|(_, rest)| rest.split_whitespace().next())
        .unwrap_or_default();

    assert_eq!(before.get("/").await?.status, 303, "the session has ended");
    let old = Person::sign_in(longshore, Longshore::EMAIL, Longshore::PASSWORD).await;
    assert!(old.is_err(), "the old password still works");
    let again = Person::sign_in(longshore, Longshore::EMAIL, password).await?;
    assert_eq!(again.get("/").await?.status, 200);
    let entries = longshore
        .get("/api/audit?action=password.change")
        .await?
        .expect(200)?;
    assert_eq!(entries[0]["detail"]["with"], "command", "{entries}");

    let unknown = longshore.command(&["user", "set-password", "nobody@longshore.example"])?;
    assert!(!unknown.status.success(), "{}", text(&unknown));
    Ok(())
}
