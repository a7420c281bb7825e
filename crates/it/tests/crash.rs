//! A kill at any instant costs no annotation and makes no duplicate.

use std::{collections::BTreeSet, time::Duration};

use serde_json::json;
use testkit::eventually;

use crate::world::{IMAGE_CONFIG, World};

#[tokio::test]
async fn a_sync_killed_again_and_again_ends_with_each_blob_once() -> anyhow::Result<()> {
    const BLOBS: usize = 60_000;
    let mut world = World::start().await?;
    world.container("many", &[]).await?;
    world
        .azure
        .generate(&world.account, "many", BLOBS as u64, "images/", 10)
        .await?;
    let project = world.project(IMAGE_CONFIG).await?;
    let storage = world.source(project, "many", json!({})).await?;
    world
        .longshore
        .post(&format!("{storage}/sync"), &json!({}))
        .await?
        .expect(200)?;
    let mut at_kill = Vec::new();
    for _ in 0..3 {
        let before = at_kill.last().copied().unwrap_or(0);
        // Killed in the middle of a page: as soon as something more than last time is there.
        let now = eventually("progress", Duration::from_secs(60), async || {
            let storage = world.longshore.get(&storage).await?.expect(200)?;
            let count = storage["last_sync_count"].as_i64().unwrap_or(0);
            Ok((count > before).then_some(count))
        })
        .await?;
        // Of a sync that has ended nothing could be lost.
        assert!(now < BLOBS as i64, "the kill came too late: {now}");
        at_kill.push(now);
        world.longshore.crash_and_restart()?;
    }
    let ended = world.ended(&storage).await?;
    assert_eq!(ended["status"], "completed", "{ended}");
    let project_now = world
        .longshore
        .get(&format!("/api/projects/{project}/"))
        .await?
        .expect(200)?;
    assert_eq!(project_now["task_number"], BLOBS, "killed at {at_kill:?}");
    assert_eq!(
        ended["last_sync_count"], BLOBS,
        "the count survives the kills"
    );
    Ok(())
}

const KILLS: usize = 4;

#[tokio::test]
async fn every_acknowledged_annotation_survives_and_reaches_the_container_once()
-> anyhow::Result<()> {
    let mut world = World::start().await?;
    world.container("out", &[]).await?;
    world.container("media", &[("a.png", "x")]).await?;
    let project = world.project(IMAGE_CONFIG).await?;
    let storage = world.source(project, "media", json!({})).await?;
    world.sync(&storage).await?;
    world
        .storage(
            "/api/storages/export/azure",
            &world.by_key(project, "out", json!({})),
        )
        .await?;
    let task = world.tasks(project).await?.remove(0);
    let mut acknowledged = BTreeSet::new();
    for _ in 0..KILLS {
        for _ in 0..15 {
            acknowledged.insert(world.annotate(&task).await?["id"].as_i64());
        }
        world.longshore.crash_and_restart()?;
    }
    let path = format!("/api/tasks/{}/annotations/", task["id"]);
    let listed = world.longshore.get(&path).await?.expect(200)?;
    let listed: Vec<_> = listed
        .as_array()
        .expect("annotations")
        .iter()
        .map(|one| one["id"].as_i64())
        .collect();
    assert_eq!(listed.len(), acknowledged.len(), "none lost, none twice");
    assert_eq!(
        listed.iter().copied().collect::<BTreeSet<_>>(),
        acknowledged
    );
    let names: Vec<String> = acknowledged
        .into_iter()
        .flatten()
        .map(|id| format!("{id}.json"))
        .collect();
    // One kill can come between a write and its note: then it is written again.
    world.exported_at_most("out", &names, 1 + KILLS).await
}
