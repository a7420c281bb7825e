//! A blob that Longshore did not write is neither overwritten nor deleted, and is data.

use engine::{Engine, Expected, StorageInput};
use local_azure::state::FaultKind;
use model::{AnnotationId, CredentialKind, StorageId, SyncStatus, TaskId};
use serde_json::Value;

use crate::{
    azure_world::{ACCOUNT, World, eventually},
    export::{annotate, blob_that, nothing_waits, relabel, task},
};

const MINE: &str = r#"{"image": "https://example.com/mine.png"}"#;

const ANOTHER: &str = r#"{"image": "https://example.com/another.png"}"#;

fn at(world: &World, prefix: &str, layout: &str) -> StorageInput {
    StorageInput {
        prefix: Some(prefix.to_owned()),
        export_layout: Some(layout.to_owned()),
        can_delete_objects: Some(true),
        ..world.form("labels")
    }
}

/// What is said of an object that could not be written.
async fn trouble(world: &World, storage: StorageId) -> String {
    eventually("an object with trouble", async || {
        let told = world.engine.export_backlog(&world.owner, storage, 5);
        let (_, troubled) = told.await.unwrap();
        troubled.first().map(|object| object.error.clone())
    })
    .await
}

async fn foreign(world: &World, storage: StorageId) -> Vec<String> {
    let names = world.engine.foreign_blobs(&world.owner, storage, 10, 0);
    names.await.unwrap()
}

async fn adopt(engine: &Engine, world: &World, storage: StorageId) {
    let kind = CredentialKind::AccountKey;
    let adopted = engine.adopt_blobs(&world.owner, kind, storage).await;
    assert_eq!(adopted.unwrap().foreign_objects, 0);
}

async fn delete(world: &World, annotation: AnnotationId) {
    let deleted = world
        .engine
        .delete_annotation(&world.owner, annotation, Expected::Any);
    deleted.await.unwrap();
}

fn object(layout: &str, task: TaskId, annotation: AnnotationId) -> String {
    match layout {
        "per_task" => format!("{task}.json"),
        _ => format!("{annotation}.json"),
    }
}

#[tokio::test]
async fn a_customers_numbered_files_survive_exports_and_deletions() {
    for (prefix, layout) in [
        ("", "per_annotation"),
        ("", "per_task"),
        ("out", "per_annotation"),
        ("out", "per_task"),
    ] {
        let world = World::start().await;
        world.container("labels").await;
        let folder = if prefix.is_empty() { "" } else { "out/" };
        for number in 1..=5 {
            world
                .put("labels", &format!("{folder}{number}.json"), MINE)
                .await;
        }
        let storage = world.target(at(&world, prefix, layout)).await;
        let worker = world.worker();
        let task = task(&world).await;
        let annotation = annotate(&world, task, "cat").await;
        let name = format!("{folder}{}", object(layout, task, annotation));
        let why = trouble(&world, storage).await;
        assert!(
            why.contains("not written by Longshore") && why.contains(&name),
            "{why}"
        );
        assert_eq!(foreign(&world, storage).await, [name.as_str()]);
        delete(&world, annotation).await;
        nothing_waits(&world, storage).await;
        for number in 1..=5 {
            let kept = world
                .text("labels", &format!("{folder}{number}.json"))
                .await;
            assert_eq!(kept.as_deref(), Some(MINE), "{layout} {folder}{number}");
        }
        worker.stop().await;
    }
}

#[tokio::test]
async fn what_is_adopted_is_overwritten_as_it_was_met_and_no_later() {
    let world = World::start().await;
    world.container("labels").await;
    world.put("labels", "1.json", MINE).await;
    let storage = world.target(at(&world, "", "per_annotation")).await;
    let worker = world.worker();
    let task = task(&world).await;
    let annotation = annotate(&world, task, "cat").await;
    trouble(&world, storage).await;
    // Changed by the customer between the look and the decision: met anew.
    worker.stop().await;
    world.put("labels", "1.json", ANOTHER).await;
    adopt(&world.engine, &world, storage).await;
    let worker = world.worker();
    eventually("the changed blob in the way", async || {
        (foreign(&world, storage).await.len() == 1).then_some(())
    })
    .await;
    assert_eq!(world.text("labels", "1.json").await.unwrap(), ANOTHER);

    adopt(&world.engine, &world, storage).await;
    let is_ours = |blob: &Value| blob["id"] == annotation.0;
    blob_that(&world, "1.json", is_ours).await;
    nothing_waits(&world, storage).await;
    assert_eq!(foreign(&world, storage).await, [""; 0]);
    worker.stop().await;
}

#[tokio::test]
async fn what_a_customer_changed_since_is_theirs() {
    let world = World::start().await;
    world.container("labels").await;
    let storage = world.target(at(&world, "", "per_annotation")).await;
    let worker = world.worker();
    let task = task(&world).await;
    let (one, two) = (
        annotate(&world, task, "cat").await,
        annotate(&world, task, "cat").await,
    );
    let (name, other) = (format!("{one}.json"), format!("{two}.json"));
    blob_that(&world, &name, |_| true).await;
    blob_that(&world, &other, |_| true).await;
    nothing_waits(&world, storage).await;
    for name in [&name, &other] {
        world.put("labels", name, MINE).await;
    }
    relabel(&world, one, "dog").await;
    delete(&world, two).await;
    let why = trouble(&world, storage).await;
    assert!(why.contains(&name), "{why}");
    eventually("the deletion", async || {
        let counts = world.store.outbox_counts(world.owner.org_id, storage);
        let counts = counts.await.unwrap();
        (counts.pending + counts.failed == 1).then_some(())
    })
    .await;
    for name in [&name, &other] {
        assert_eq!(world.text("labels", name).await.as_deref(), Some(MINE));
    }
    // Gone is not in the way.
    let blobs = world.azure.state().blobs();
    assert!(blobs.delete(ACCOUNT, "labels", &name).await.unwrap());
    relabel(&world, one, "cow").await;
    blob_that(&world, &name, |blob| blob["id"] == one.0).await;
    nothing_waits(&world, storage).await;
    assert_eq!(foreign(&world, storage).await, [""; 0]);
    worker.stop().await;
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_known_again() {
    let world = World::start().await;
    world.container("labels").await;
    let storage = world.target(at(&world, "", "per_annotation")).await;
    let task = task(&world).await;
    world.fault("PUT /", FaultKind::LostAnswer {}, Some(1));
    let worker = world.worker();
    let annotation = annotate(&world, task, "cat").await;
    let name = format!("{annotation}.json");
    blob_that(&world, &name, |_| true).await;
    // Changed before it is tried again: what is there is not what would be written.
    relabel(&world, annotation, "dog").await;
    blob_that(&world, &name, |blob| {
        blob["result"][0]["value"]["choices"][0] == "dog"
    })
    .await;
    nothing_waits(&world, storage).await;
    assert_eq!(foreign(&world, storage).await, [""; 0]);

    // Also of a later write, and of a deletion.
    world.fault("PUT /", FaultKind::LostAnswer {}, Some(1));
    relabel(&world, annotation, "cow").await;
    nothing_waits(&world, storage).await;
    world.fault("DELETE /", FaultKind::LostAnswer {}, Some(1));
    delete(&world, annotation).await;
    nothing_waits(&world, storage).await;
    assert_eq!(world.names("labels").await, [""; 0]);
    assert_eq!(foreign(&world, storage).await, [""; 0]);
    worker.stop().await;
}

#[tokio::test]
async fn a_sync_takes_a_customers_numbered_files_and_not_our_own() {
    let world = World::start().await;
    world.container("labels").await;
    let target = world.target(at(&world, "", "per_annotation")).await;
    let worker = world.worker();
    let task = task(&world).await;
    let annotation = annotate(&world, task, "cat").await;
    let own = format!("{annotation}.json");
    blob_that(&world, &own, |_| true).await;
    nothing_waits(&world, target).await;
    worker.stop().await;
    world.put("labels", "6.json", MINE).await;
    let form = StorageInput {
        use_blob_urls: Some(false),
        ..world.form("labels")
    };
    let source = world.source(form).await;
    let run = world.sync(source).await;
    assert_eq!(run.status, SyncStatus::Completed, "{run:?}");
    assert_eq!((run.counts.created, run.counts.skipped), (1, 1), "{run:?}");

    // A record that is behind (a write whose end was not told) does not make our file data; a
    // customer's file in its place is.
    let worker = world.worker();
    world.fault("PUT /", FaultKind::LostAnswer {}, Some(1));
    relabel(&world, annotation, "dog").await;
    blob_that(&world, &own, |blob| {
        blob["result"][0]["value"]["choices"][0] == "dog"
    })
    .await;
    let run = world.ended(&world.start_sync(source).await).await;
    assert_eq!((run.counts.created, run.counts.skipped), (0, 1), "{run:?}");
    nothing_waits(&world, target).await;
    world.put("labels", &own, MINE).await;
    let run = world.ended(&world.start_sync(source).await).await;
    assert_eq!((run.counts.created, run.counts.skipped), (1, 0), "{run:?}");
    worker.stop().await;
}
