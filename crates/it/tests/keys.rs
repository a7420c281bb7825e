//! Sealing keys are changed beside running servers, and nobody else reads the files.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Output,
};

use serde_json::json;
use testkit::{Longshore, Settings};

use crate::world::{IMAGE_CONFIG, World};

fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Runs a command that must succeed; what it says.
fn said(longshore: &Longshore, arguments: &[&str]) -> anyhow::Result<String> {
    let output = longshore.command(arguments)?;
    anyhow::ensure!(output.status.success(), "{}", text(&output));
    Ok(text(&output))
}

fn mode(path: &Path) -> anyhow::Result<u32> {
    Ok(fs::metadata(path)?.permissions().mode() & 0o777)
}

fn set_mode(path: &Path, mode: u32) -> anyhow::Result<()> {
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(mode))?)
}

/// Storages that all must sync.
async fn sync_all(world: &World, storages: &[String]) -> anyhow::Result<()> {
    for storage in storages {
        let ended = world.sync(storage).await?;
        anyhow::ensure!(ended["status"] == "completed", "{storage}: {ended}");
    }
    Ok(())
}

#[tokio::test]
async fn a_key_is_changed_beside_a_running_server_and_nothing_is_lost() -> anyhow::Result<()> {
    let mut world = World::start().await?;
    world.container("media", &[("a.png", "x")]).await?;
    let project = world.project(IMAGE_CONFIG).await?;
    let source = async |world: &World| world.source(project, "media", json!({})).await;
    let mut storages = vec![source(&world).await?];
    let key_file = world.longshore.data_dir.join("secret.key");
    let before = fs::read_to_string(&key_file)?;

    let rotated = said(&world.longshore, &["secrets", "rotate"])?;
    assert!(rotated.contains("line 2"), "{rotated}");
    sync_all(&world, &storages).await?;
    storages.push(source(&world).await?);
    said(&world.longshore, &["secrets", "rotate"])?;
    storages.push(source(&world).await?);
    sync_all(&world, &storages).await?;

    let status = said(&world.longshore, &["secrets", "status"])?;
    assert_eq!(
        status.matches("the line can be removed").count(),
        2,
        "{status}"
    );
    let keys = fs::read_to_string(&key_file)?;
    assert!(keys.ends_with(&before));
    let newest = keys.lines().next().unwrap_or_default();
    fs::write(&key_file, newest)?;
    sync_all(&world, &storages).await?;
    world.longshore.crash_and_restart()?;
    sync_all(&world, &storages).await?;
    Ok(())
}

#[tokio::test]
async fn a_line_is_kept_while_something_is_sealed_with_its_key() -> anyhow::Result<()> {
    let world = World::start().await?;
    world.container("media", &[("a.png", "x")]).await?;
    let project = world.project(IMAGE_CONFIG).await?;
    // Another machine has a copy of the key file, and is not told of the new key.
    let copy = world.longshore.data_dir.join("copy.key");
    fs::copy(world.longshore.data_dir.join("secret.key"), &copy)?;
    let settings = Settings {
        data_dir: Some(world.longshore.data_dir.clone()),
        role: Some("api"),
        environment: vec![(
            "LONGSHORE_SECRET_KEY_FILE".into(),
            copy.display().to_string(),
        )],
        ..Settings::default()
    };
    let replica = Longshore::start(&world.azure.endpoints.cloud_file, settings)?;
    said(&world.longshore, &["secrets", "rotate"])?;
    let body = world.by_key(project, "media", json!({"use_blob_urls": true}));
    let made = replica.post("/api/storages/azure", &body).await?;
    let made = made.expect(201)?;
    let storage = format!("/api/storages/azure/{}", made["id"]);
    drop(replica);

    let status = said(&world.longshore, &["secrets", "status"])?;
    assert!(
        status.contains("1 secrets; in use: keep the line"),
        "{status}"
    );
    assert!(status.contains("rotate --reseal"), "{status}");
    sync_all(&world, std::slice::from_ref(&storage)).await?;
    said(&world.longshore, &["secrets", "rotate", "--reseal"])?;
    let status = said(&world.longshore, &["secrets", "status"])?;
    assert!(status.contains("0 secrets; not in use"), "{status}");
    let key_file = world.longshore.data_dir.join("secret.key");
    let keys = fs::read_to_string(&key_file)?;
    assert_eq!(keys.lines().count(), 2, "no further key");
    fs::write(&key_file, keys.lines().next().unwrap_or_default())?;
    sync_all(&world, &[storage]).await
}

#[tokio::test]
async fn a_change_that_was_broken_off_is_finished_by_the_next_start() -> anyhow::Result<()> {
    let mut world = World::start().await?;
    world.container("media", &[("a.png", "x")]).await?;
    let project = world.project(IMAGE_CONFIG).await?;
    let source = world.source(project, "media", json!({})).await?;
    // Killed when the new key was in the file, and nothing was sealed with it.
    let key_file = world.longshore.data_dir.join("secret.key");
    let old = fs::read_to_string(&key_file)?;
    let new = "5f".repeat(32);
    fs::write(&key_file, format!("{new}\n{old}"))?;
    let status = said(&world.longshore, &["secrets", "status"])?;
    assert!(status.contains("in use: keep the line"), "{status}");
    world.longshore.crash_and_restart()?;
    let status = said(&world.longshore, &["secrets", "status"])?;
    assert!(status.contains("0 secrets; not in use"), "{status}");
    fs::write(&key_file, new)?;
    world.longshore.crash_and_restart()?;
    sync_all(&world, &[source]).await
}

/// Every file and folder below, but for the log that the test itself keeps.
fn below(folder: &Path, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            below(&path, found)?;
        }
        if !path.ends_with("longshore.log") {
            found.push(path);
        }
    }
    Ok(())
}

#[tokio::test]
async fn nobody_else_reads_what_longshore_keeps() -> anyhow::Result<()> {
    let mut world = World::start().await?;
    let folder = world.longshore.data_dir.clone();
    let check = |least: usize| -> anyhow::Result<()> {
        let mut found = Vec::new();
        below(&folder, &mut found)?;
        assert!(found.len() >= least, "{found:?}");
        for path in found {
            let mode = mode(&path)?;
            assert_eq!(mode & 0o077, 0, "{} has {mode:o}", path.display());
        }
        Ok(())
    };
    check(3)?;
    // As an older version left them.
    fs::create_dir_all(folder.join("thumbnails"))?;
    for name in ["longshore.db", "longshore.db-wal", "thumbnails"] {
        set_mode(&folder.join(name), 0o755)?;
    }
    set_mode(&folder, 0o755)?;
    world.longshore.crash_and_restart()?;
    check(4)?;
    let log = fs::read_to_string(folder.join("longshore.log"))?;
    assert!(log.contains("chmod 700"), "{log}");
    Ok(())
}

#[tokio::test]
async fn a_database_elsewhere_is_private_too() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let database = folder.path().join("else where.db");
    let settings = Settings {
        environment: vec![(
            "LONGSHORE_DATABASE_URL".into(),
            format!("sqlite://{}/else%20where.db", folder.path().display()),
        )],
        ..Settings::default()
    };
    let mut world = World::with(settings).await?;
    assert_eq!(mode(&database)?, 0o600);
    set_mode(&database, 0o664)?;
    world.longshore.crash_and_restart()?;
    assert_eq!(mode(&database)?, 0o600);
    Ok(())
}

#[tokio::test]
async fn a_key_that_everybody_reads_is_refused_with_the_command_that_mends_it() -> anyhow::Result<()>
{
    let mut world = World::start().await?;
    let key_file = world.longshore.data_dir.join("secret.key");
    set_mode(&key_file, 0o644)?;
    let refused = world.longshore.command(&["secrets", "status"])?;
    let text = text(&refused);
    assert!(!refused.status.success());
    assert!(
        text.contains(&format!("chmod 600 {}", key_file.display())),
        "{text}"
    );
    assert!(world.longshore.crash_and_restart().is_err());
    set_mode(&key_file, 0o440)?;
    world.longshore.crash_and_restart()?;
    Ok(())
}
