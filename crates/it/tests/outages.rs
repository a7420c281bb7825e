//! The disk fills, the log ends, the database goes: it is said, nothing acknowledged is lost, and
//! the program goes on by itself.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, ensure};
use private_postgres::PrivatePostgres;
use serde_json::json;
use testkit::{Answer, Settings, eventually, programs};

use crate::world::{IMAGE_CONFIG, World, sealing_key};

const PATIENCE: Duration = Duration::from_secs(90);

/// A program that starts Longshore by these words of a shell, in which `$LONGSHORE` is its path.
fn started_by(folder: &Path, words: &str) -> anyhow::Result<Settings> {
    let script = folder.join("longshore.sh");
    let program = programs().longshore.canonicalize()?;
    let text = format!("#!/bin/bash\nLONGSHORE={}\n{words}\n", program.display());
    fs::write(&script, text)?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o700))?;
    Ok(Settings {
        program: Some(script),
        ..Settings::default()
    })
}

/// The process may make its files no larger than this; nothing takes it back.
fn let_write(world: &World, limit: &str) -> anyhow::Result<()> {
    let pid = format!("--pid={}", world.longshore.child.id());
    let set = Command::new("prlimit")
        .args([&pid, &format!("--fsize={limit}:")])
        .status()?;
    ensure!(set.success(), "prlimit: {set}");
    Ok(())
}

async fn ready(world: &World) -> anyhow::Result<Answer> {
    world.longshore.get("/ready").await
}

async fn ready_again(world: &World) -> anyhow::Result<()> {
    eventually("ready again", PATIENCE, async || {
        Ok((ready(world).await?.status == 200).then_some(()))
    })
    .await
}

#[tokio::test]
async fn a_full_disk_is_told_and_everything_goes_on_when_there_is_room() -> anyhow::Result<()> {
    const BLOBS: i64 = 60_000;
    let folder = tempfile::tempdir()?;
    // A signal would end it; without, a write beyond the limit is refused.
    let settings = started_by(folder.path(), "trap '' XFSZ\nexec \"$LONGSHORE\" \"$@\"")?;
    let world = World::with(settings).await?;
    world.container("many", &[]).await?;
    world
        .azure
        .generate(&world.account, "many", BLOBS as u64, "images/", 10)
        .await?;
    let project = world.project(IMAGE_CONFIG).await?;
    let storage = world.source(project, "many", json!({})).await?;
    let_write(&world, "6000000")?;
    let sync = format!("{storage}/sync");
    world.longshore.post(&sync, &json!({})).await?.expect(200)?;

    let told = eventually("a run that waits for room", PATIENCE, async || {
        let run = world.longshore.get(&storage).await?.expect(200)?;
        let why = run["traceback"].as_str().unwrap_or_default().to_owned();
        Ok(why.contains("no room left").then_some(run))
    })
    .await?;
    assert_eq!(told["status"], "in_progress", "{told}");
    // What is left of the room is taken.
    eventually("no room", PATIENCE, async || {
        Ok((large_task(&world, project).await?.status == 507).then_some(()))
    })
    .await?;
    let not_ready = eventually("not ready", PATIENCE, async || {
        let answer = ready(&world).await?;
        Ok((answer.status == 503).then_some(answer))
    })
    .await?;
    assert!(
        not_ready.text.contains("Free some room"),
        "{}",
        not_ready.text
    );
    assert!(not_ready.headers.contains_key("retry-after"));
    // Saving is refused, each time in the same words; reading is not.
    for _ in 0..3 {
        let refused = large_task(&world, project).await?;
        assert_eq!(refused.status, 507, "{}", refused.text);
        assert_eq!(refused.json["code"], "no_room");
    }
    world.longshore.get("/api/projects").await?.expect(200)?;

    let_write(&world, "unlimited")?;
    ready_again(&world).await?;
    let ended = world.ended(&storage).await?;
    assert_eq!(ended["status"], "completed", "{ended}");
    assert_eq!(ended["last_sync_count"], BLOBS, "{ended}");
    let path = format!("/api/projects/{project}");
    let counted = world.longshore.get(&path).await?.expect(200)?;
    let counted = counted["task_number"].as_i64();
    ensure!(counted >= Some(BLOBS), "{counted:?}");
    assert_eq!(large_task(&world, project).await?.status, 201);
    Ok(())
}

/// More than what may be left of a file's last block.
async fn large_task(world: &World, project: i64) -> anyhow::Result<Answer> {
    let body = json!({"project": project, "data": {"image": "x".repeat(400_000)}});
    world.longshore.post("/api/tasks", &body).await
}

#[tokio::test]
async fn a_log_that_is_closed_or_full_ends_nothing() -> anyhow::Result<()> {
    for words in [
        "exec \"$LONGSHORE\" \"$@\" 2>/dev/full",
        "exec \"$LONGSHORE\" \"$@\" 2>&-",
        // Its first line is read, and nobody reads any more.
        "exec \"$LONGSHORE\" \"$@\" 2>/dev/full > >(head -n 1)",
    ] {
        let folder = tempfile::tempdir()?;
        let mut settings = started_by(folder.path(), words)?;
        settings
            .environment
            .push(("LONGSHORE_LOG".to_owned(), "debug".to_owned()));
        let world = World::with(settings).await?;
        let project = world.project(IMAGE_CONFIG).await?;
        for _ in 0..20 {
            let missing = world.longshore.get("/api/projects/999999").await?;
            assert_eq!(missing.status, 404, "{words}");
        }
        world.container("media", &[("a.png", "x")]).await?;
        let storage = world.source(project, "media", json!({})).await?;
        assert_eq!(
            world.sync(&storage).await?["status"],
            "completed",
            "{words}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_standard_output_that_is_full_does_not_end_the_start() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    // The line that it cannot write is written for it, where it will listen.
    let port = std::net::TcpListener::bind("127.0.0.1:0")?
        .local_addr()?
        .port();
    let words =
        format!("echo http://127.0.0.1:{port}/\nexec \"$LONGSHORE\" \"$@\" >/dev/full 2>/dev/full");
    let mut settings = started_by(folder.path(), &words)?;
    let address = ("LONGSHORE_LISTEN".to_owned(), format!("127.0.0.1:{port}"));
    settings.environment.push(address);
    let world = World::with(settings).await?;
    eventually("the server", PATIENCE, async || {
        let answer = world.longshore.get("/ready").await;
        Ok(answer.ok().filter(|answer| answer.status == 200).map(drop))
    })
    .await?;
    world.project(IMAGE_CONFIG).await?;
    Ok(())
}

#[tokio::test]
async fn a_database_file_that_is_gone_takes_nothing_that_would_be_lost() -> anyhow::Result<()> {
    let world = World::start().await?;
    let file = world.longshore.data_dir.join("longshore.db");
    let aside = PathBuf::from(format!("{}.aside", file.display()));
    fs::rename(&file, &aside).context("the database's file")?;
    let body = json!({"title": "lost?", "label_config": IMAGE_CONFIG});
    let refused = world.longshore.post("/api/projects/", &body).await?;
    assert_eq!(refused.status, 503, "{}", refused.text);
    assert_eq!(refused.json["code"], "database_unavailable");
    assert!(refused.headers.contains_key("retry-after"));
    assert_eq!(ready(&world).await?.status, 503);
    fs::rename(&aside, &file)?;
    ready_again(&world).await?;
    world.project(IMAGE_CONFIG).await?;
    Ok(())
}

#[tokio::test]
async fn a_postgresql_that_is_restarted_is_waited_for() -> anyhow::Result<()> {
    let mut database = PrivatePostgres::start();
    let folder = tempfile::tempdir()?;
    let key_file = sealing_key(folder.path())?;
    let settings = Settings {
        environment: vec![
            ("LONGSHORE_DATABASE_URL".to_owned(), database.url()),
            (
                "LONGSHORE_SECRET_KEY_FILE".to_owned(),
                key_file.display().to_string(),
            ),
        ],
        ..Settings::default()
    };
    let world = World::with(settings).await?;
    let project = world.project(IMAGE_CONFIG).await?;
    database.stop();
    let body = json!({"title": "another", "label_config": IMAGE_CONFIG});
    for answer in [
        world.longshore.post("/api/projects/", &body).await?,
        world.longshore.get("/api/projects/").await?,
        ready(&world).await?,
    ] {
        assert_eq!(answer.status, 503, "{}", answer.text);
        assert!(
            answer.headers.contains_key("retry-after"),
            "{}",
            answer.text
        );
        assert!(answer.text.contains("cannot be reached"), "{}", answer.text);
    }
    database.start_again();
    ready_again(&world).await?;
    // What was in the middle of something is over, and the worker works.
    world.container("media", &[("a.png", "x")]).await?;
    let storage = world.source(project, "media", json!({})).await?;
    assert_eq!(world.sync(&storage).await?["status"], "completed");
    Ok(())
}
