//! Annotations back to the container: per annotation, per task, retries, deletion, true counts.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::eventually;

use crate::world::{IMAGE_CONFIG, World, annotation};

async fn annotated(blobs: usize) -> anyhow::Result<(World, i64, Vec<Value>)> {
    let world = World::start().await?;
    world.container("out", &[]).await?;
    let names: Vec<String> = (0..blobs).map(|number| format!("{number}.png")).collect();
    let blobs: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "x")).collect();
    world.container("media", &blobs).await?;
    let project = world.project(IMAGE_CONFIG).await?;
    let storage = world.source(project, "media", json!({})).await?;
    world.sync(&storage).await?;
    let tasks = world.tasks(project).await?;
    Ok((world, project, tasks))
}

#[tokio::test]
async fn each_annotation_is_a_file_and_changes_follow() -> anyhow::Result<()> {
    let (world, project, tasks) = annotated(3).await?;
    let body = world.by_key(project, "out", json!({"prefix": "ann"}));
    world.storage("/api/storages/export/azure", &body).await?;
    let mut names = Vec::new();
    for task in &tasks {
        names.push(format!("ann/{}.json", world.annotate(task).await?["id"]));
    }
    world.exported("out", &names).await?;

    let id = names[0]
        .trim_start_matches("ann/")
        .trim_end_matches(".json");
    world
        .longshore
        .patch(&format!("/api/annotations/{id}/"), &annotation("dog"))
        .await?
        .expect(200)?;
    eventually(
        "the changed annotation",
        Duration::from_secs(30),
        async || {
            let file = world
                .azure
                .read_blob(&world.account, "out", &names[0])
                .await?
                .unwrap_or_default();
            let file: Value = serde_json::from_slice(&file)?;
            Ok((file["result"][0]["value"]["choices"][0] == "dog").then_some(()))
        },
    )
    .await?;

    // Deletion is off: the file of a deleted annotation stays.
    world
        .longshore
        .delete(&format!("/api/annotations/{id}/"))
        .await?
        .expect(204)?;
    world.annotate(&tasks[1]).await?;
    eventually("a fourth file", Duration::from_secs(30), async || {
        Ok((world.azure.blob_names(&world.account, "out").await?.len() == 4).then_some(()))
    })
    .await?;
    assert!(
        world
            .azure
            .blob_names(&world.account, "out")
            .await?
            .contains(&names[0])
    );
    Ok(())
}

#[tokio::test]
async fn deletion_follows_only_when_switched_on() -> anyhow::Result<()> {
    let (world, project, tasks) = annotated(2).await?;
    let body = world.by_key(project, "out", json!({"can_delete_objects": true}));
    world.storage("/api/storages/export/azure", &body).await?;
    let first = world.annotate(&tasks[0]).await?["id"].to_string();
    let second = world.annotate(&tasks[1]).await?["id"].to_string();
    world
        .exported("out", &[format!("{first}.json"), format!("{second}.json")])
        .await?;
    world
        .longshore
        .delete(&format!("/api/annotations/{first}/"))
        .await?
        .expect(204)?;
    world.exported("out", &[format!("{second}.json")]).await
}

#[tokio::test]
async fn per_task_files_hold_all_annotations() -> anyhow::Result<()> {
    let (world, project, tasks) = annotated(1).await?;
    let body = world.by_key(project, "out", json!({"export_layout": "per_task"}));
    world.storage("/api/storages/export/azure", &body).await?;
    world.annotate(&tasks[0]).await?;
    world.annotate(&tasks[0]).await?;
    let name = format!("{}.json", tasks[0]["id"]);
    eventually(
        "two annotations in one file",
        Duration::from_secs(30),
        async || {
            let file = world
                .azure
                .read_blob(&world.account, "out", &name)
                .await?
                .unwrap_or_default();
            let file: Value = serde_json::from_slice(&file).unwrap_or_default();
            Ok((file["annotations"].as_array().map(Vec::len) == Some(2)).then_some(()))
        },
    )
    .await?;
    world.exported("out", &[name]).await
}

#[tokio::test]
async fn a_busy_container_delays_and_loses_nothing() -> anyhow::Result<()> {
    let (world, project, tasks) = annotated(5).await?;
    world
        .storage(
            "/api/storages/export/azure",
            &world.by_key(project, "out", json!({})),
        )
        .await?;
    world.azure.fault(&json!({"target": "blob", "matches": "/out/", "kind": {"status": {"status": 503, "retry_after_s": 1}}, "times": 6})).await?;
    let mut names = Vec::new();
    for task in &tasks {
        names.push(format!("{}.json", world.annotate(task).await?["id"]));
    }
    world.exported_at_most("out", &names, 1).await
}

#[tokio::test]
async fn a_container_that_does_not_exist_is_failed_0_of_20() -> anyhow::Result<()> {
    let (world, project, tasks) = annotated(20).await?;
    let storage = world
        .storage(
            "/api/storages/export/azure",
            &world.by_key(project, "out", json!({})),
        )
        .await?;
    let mut names = Vec::new();
    for task in &tasks {
        names.push(format!("{}.json", world.annotate(task).await?["id"]));
    }
    world.exported("out", &names).await?;
    world.azure.delete_container(&world.account, "out").await?;
    let ended = world.sync(&storage).await?;
    assert_eq!(ended["status"], "failed", "{ended}");
    let said = ended["traceback"].to_string();
    assert!(said.contains("0 of 20") && said.contains("out"), "{said}");
    assert_eq!(ended["last_sync_count"], 0, "{ended}");

    world.azure.create_container(&world.account, "out").await?;
    let ended = world.sync(&storage).await?;
    assert_eq!(
        (&ended["status"], &ended["last_sync_count"]),
        (&json!("completed"), &json!(20)),
        "{ended}"
    );
    world.exported("out", &names).await
}

#[tokio::test]
async fn the_export_area_is_not_imported() -> anyhow::Result<()> {
    let (world, project, tasks) = annotated(2).await?;
    let body = world.by_key(project, "media", json!({"prefix": "annotations"}));
    world.storage("/api/storages/export/azure", &body).await?;
    let id = world.annotate(&tasks[0]).await?["id"].to_string();
    eventually("the annotation file", Duration::from_secs(30), async || {
        world
            .azure
            .read_blob(&world.account, "media", &format!("annotations/{id}.json"))
            .await
    })
    .await?;
    let source = world
        .source(project, "media", json!({"title": "again"}))
        .await?;
    let ended = world.sync(&source).await?;
    assert_eq!(ended["last_sync_count"], 0, "{ended}");
    assert_eq!(world.tasks(project).await?.len(), 2);
    Ok(())
}
