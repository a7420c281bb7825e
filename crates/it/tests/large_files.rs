//! Task files of many rows: in whole or not at all, once, and with the memory of a few rows.

use std::{ops::Range, time::Duration};

use serde_json::{Value, json};
use testkit::eventually;

use crate::world::{TEXT_CONFIG, World};

/// JSONL, one short row a line.
fn rows(numbers: Range<u32>, word: &str) -> String {
    numbers
        .map(|number| format!("{{\"text\":\"{word}{number}\"}}\n"))
        .collect()
}

struct Imported {
    world: World,
    project: i64,
    storage: String,
}

impl Imported {
    /// A project whose source storage reads the task files of a container.
    async fn start() -> anyhow::Result<Self> {
        let world = World::start().await?;
        world.container("tasks", &[]).await?;
        let project = world.project(TEXT_CONFIG).await?;
        let more = json!({"use_blob_urls": false});
        let storage = world.source(project, "tasks", more).await?;
        Ok(Self {
            world,
            project,
            storage,
        })
    }

    async fn put(&self, name: &str, text: String) -> anyhow::Result<()> {
        let (azure, account) = (&self.world.azure, &self.world.account);
        let put = azure.put_blob(account, "tasks", name, "text/plain", text.into_bytes());
        put.await
    }

    async fn begin(&self) -> anyhow::Result<Value> {
        let path = format!("{}/sync", self.storage);
        self.world
            .longshore
            .post(&path, &json!({}))
            .await?
            .expect(200)
    }

    async fn cancel(&self) -> anyhow::Result<Value> {
        let path = format!("{}/cancel", self.storage);
        self.world
            .longshore
            .post(&path, &json!({}))
            .await?
            .expect(200)
    }

    async fn count(&self) -> anyhow::Result<u64> {
        let path = format!("/api/projects/{}/", self.project);
        let project = self.world.longshore.get(&path).await?.expect(200)?;
        Ok(project["task_number"].as_u64().unwrap_or_default())
    }

    /// Waits until some of a file's rows are tasks and others not yet.
    async fn becoming_tasks(&self) -> anyhow::Result<u64> {
        eventually("the first tasks", Duration::from_secs(60), async || {
            let count = self.count().await?;
            Ok((count > 0).then_some(count))
        })
        .await
    }
}

#[tokio::test]
async fn memory_does_not_grow_with_the_rows_of_a_file() -> anyhow::Result<()> {
    let now = Imported::start().await?;
    let child = &now.world.longshore.child;
    let mut peaks = Vec::new();
    // The first one warms up what is kept: connections, caches, threads.
    for (name, count) in [
        ("0.jsonl", 10_000),
        ("1.jsonl", 20_000),
        ("2.jsonl", 100_000),
    ] {
        now.put(name, rows(0..count, name)).await?;
        child.reset_peak_memory()?;
        let ended = now.world.sync(&now.storage).await?;
        assert_eq!(ended["status"], "completed", "{ended}");
        assert_eq!(ended["last_sync_count"], count);
        peaks.push(child.peak_memory_kib()? >> 10);
    }
    assert_eq!(now.count().await?, 130_000);
    assert!(peaks[2] < peaks[1] + 16, "MiB at the peaks: {peaks:?}");
    Ok(())
}

#[tokio::test]
async fn a_bad_last_row_leaves_nothing_of_a_large_file() -> anyhow::Result<()> {
    let now = Imported::start().await?;
    let good = rows(0..9_000, "");
    now.put("0.jsonl", format!("{good}{{\"text\": oops}}\n"))
        .await?;
    now.put("1.jsonl", rows(0..5_000, "other")).await?;
    let ended = now.world.sync(&now.storage).await?;
    assert_eq!(ended["status"], "completed_with_errors", "{ended}");
    assert_eq!(now.count().await?, 5_000);
    let path = format!("{}/errors", now.storage);
    let errors = now.world.longshore.get(&path).await?.expect(200)?;
    let error = errors["results"]
        .as_array()
        .or(errors.as_array())
        .map(|all| all[0].clone());
    let error = error.unwrap_or_default();
    assert_eq!(
        (&error["line"], &error["column"]),
        (&json!(9_001), &json!(10)),
        "{error}"
    );

    now.put("0.jsonl", good).await?;
    let ended = now.world.sync(&now.storage).await?;
    assert_eq!(ended["last_sync_count"], 9_000, "{ended}");
    assert_eq!(now.count().await?, 14_000);
    Ok(())
}

#[tokio::test]
async fn a_large_file_killed_again_and_again_comes_in_once() -> anyhow::Result<()> {
    const ROWS: u32 = 40_000;
    let mut now = Imported::start().await?;
    now.put("a.jsonl", rows(0..ROWS, "old")).await?;
    now.begin().await?;
    // While it is read; and it is another file when it is read again.
    now.world.longshore.crash_and_restart()?;
    let before = now.count().await?;
    if before == 0 {
        now.put("a.jsonl", rows(0..ROWS, "new")).await?;
    }
    let mut at_kill = Vec::new();
    for _ in 0..3 {
        at_kill.push(now.becoming_tasks().await?);
        now.world.longshore.crash_and_restart()?;
    }
    let ended = now.world.ended(&now.storage).await?;
    assert_eq!(ended["status"], "completed", "{ended}");
    assert_eq!(now.count().await?, u64::from(ROWS), "killed at {at_kill:?}");
    let mut texts: Vec<String> = (now.world.tasks(now.project).await?.iter())
        .map(|task| task["data"]["text"].to_string())
        .collect();
    let all = texts.len();
    texts.sort_unstable();
    texts.dedup();
    assert_eq!(texts.len(), all, "no row is there twice");
    Ok(())
}

#[tokio::test]
async fn a_cancelled_large_file_is_there_whole_or_not_at_all() -> anyhow::Result<()> {
    const ROWS: u64 = 30_000;
    let now = Imported::start().await?;
    now.put("a.jsonl", rows(0..ROWS as u32, "")).await?;
    now.begin().await?;
    now.cancel().await?;
    let ended = now.world.ended(&now.storage).await?;
    let count = now.count().await?;
    assert!(count == 0 || count == ROWS, "{count}: {ended}");

    now.begin().await?;
    let seen = now.becoming_tasks().await?;
    now.cancel().await?;
    let ended = now.world.ended(&now.storage).await?;
    assert_eq!(now.count().await?, ROWS, "{seen} were there: {ended}");
    let again = now.world.sync(&now.storage).await?;
    assert_eq!(again["last_sync_count"], 0, "{again}");
    assert_eq!(now.count().await?, ROWS);
    Ok(())
}
