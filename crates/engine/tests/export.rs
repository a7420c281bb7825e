//! Annotations reach their container, in order, and what does not is told.

use engine::{AnnotationInput, Expected, StorageInput, TaskInput, label_studio::instant};
use local_azure::state::FaultKind;
use model::{
    AnnotationId, ContainerName, Direction, StorageId, StorageSettings, SyncStatus, TaskId,
};
use serde_json::{Value, json, value::to_raw_value};

use crate::azure_world::{ACCOUNT, World, eventually};

fn target(world: &World) -> StorageInput {
    StorageInput {
        prefix: Some("out".to_owned()),
        ..world.form("labels")
    }
}

pub async fn task(world: &World) -> TaskId {
    let input = TaskInput {
        data: Some(to_raw_value(&json!({"image": "https://example.com/1.png"})).unwrap()),
        ..TaskInput::default()
    };
    let task = world
        .engine
        .create_task(&world.owner, world.project.id, &input)
        .await;
    task.unwrap().id
}

fn labeled(label: &str) -> AnnotationInput {
    let result = json!([{
        "from_name": "c", "to_name": "i", "type": "choices", "value": {"choices": [label]},
    }]);
    AnnotationInput {
        result: Some(to_raw_value(&result).unwrap()),
        ..AnnotationInput::default()
    }
}

pub async fn annotate(world: &World, task: TaskId, label: &str) -> AnnotationId {
    let made = world
        .engine
        .create_annotation(&world.owner, task, &labeled(label))
        .await;
    made.unwrap().id
}

pub async fn relabel(world: &World, annotation: AnnotationId, label: &str) {
    let changed = world
        .engine
        .update_annotation(&world.owner, annotation, &labeled(label), Expected::Any)
        .await;
    changed.unwrap();
}

/// The blob's JSON, as soon as it says what `test` wants.
pub async fn blob_that(world: &World, name: &str, test: impl Fn(&Value) -> bool) -> Value {
    eventually(name, async || {
        let text = world.text("labels", name).await?;
        let blob: Value = serde_json::from_str(&text).unwrap();
        test(&blob).then_some(blob)
    })
    .await
}

pub async fn nothing_waits(world: &World, storage: StorageId) {
    eventually("an empty outbox", async || {
        let counts = world.store.outbox_counts(world.owner.org_id, storage);
        (counts.await.unwrap().pending == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn each_change_of_an_annotation_reaches_its_blob() {
    let world = World::start().await;
    world.container("labels").await;
    let storage = world.target(target(&world)).await;
    let worker = world.worker();
    let task = task(&world).await;
    let first = annotate(&world, task, "cat").await;
    let name = format!("out/{first}.json");
    let blob = blob_that(&world, &name, |_| true).await;
    assert_eq!(blob["result"][0]["value"]["choices"][0], "cat");
    assert_eq!(blob["task"]["id"], task.0);
    assert_eq!(blob["completed_by"]["email"], "owner@example.com");

    for label in ["dog", "cow", "fox"] {
        relabel(&world, first, label).await;
    }
    blob_that(&world, &name, |blob| {
        blob["result"][0]["value"]["choices"][0] == "fox"
    })
    .await;
    nothing_waits(&world, storage).await;
    assert_eq!(world.names("labels").await, [name]);
    worker.stop().await;
}

/// What Label Studio 1.23.2 wrote for a new annotation, with our ids and times; `created_ago` is
/// left out: it is not true any more when someone reads the file.
#[tokio::test]
async fn the_file_of_a_new_annotation_is_label_studios() {
    let world = World::start().await;
    world.container("labels").await;
    world.target(target(&world)).await;
    let worker = world.worker();
    let (owner, project) = (world.owner.user_id.0, world.project.id.0);
    let task_id = task(&world).await;
    let id = annotate(&world, task_id, "cat").await;
    let task = world.engine.get_task(&world.owner, task_id).await.unwrap();
    let annotation = world.engine.get_annotation(&world.owner, id).await.unwrap();
    let recorded = json!({
        "id": id.0,
        "result": [{"from_name": "c", "to_name": "i", "type": "choices", "value": {"choices": ["cat"]}}],
        "created_username": format!(" owner@example.com, {owner}"),
        "completed_by": {"id": owner, "first_name": "", "last_name": "", "email": "owner@example.com"},
        "task": {
            "id": task_id.0, "data": {"image": "https://example.com/1.png"}, "meta": {},
            "created_at": instant(task.created_at_ms), "updated_at": instant(task.updated_at_ms),
            "is_labeled": true, "allow_skip": true, "overlap": 1, "inner_id": 1, "total_annotations": 1,
            "cancelled_annotations": 0, "total_predictions": 0, "precomputed_agreement": null,
            "comment_count": 0, "unresolved_comment_count": 0, "last_comment_updated_at": null,
            "project": project, "updated_by": owner, "file_upload": null, "comment_authors": []
        },
        "was_cancelled": false, "ground_truth": false,
        "created_at": instant(annotation.created_at_ms), "updated_at": instant(annotation.updated_at_ms),
        "draft_created_at": null, "lead_time": null, "import_id": null, "last_action": null,
        "bulk_created": false, "project": project, "updated_by": owner, "parent_prediction": null,
        "parent_annotation": null, "last_created_by": null
    });
    let file = blob_that(&world, &format!("out/{id}.json"), |_| true).await;
    assert_eq!(file, recorded);
    worker.stop().await;
}

#[tokio::test]
async fn a_tasks_file_holds_all_its_annotations() {
    let world = World::start().await;
    world.container("labels").await;
    let form = StorageInput {
        export_layout: Some("per_task".to_owned()),
        ..target(&world)
    };
    let storage = world.target(form).await;
    let worker = world.worker();
    let task = task(&world).await;
    let name = format!("out/{task}.json");
    let first = annotate(&world, task, "cat").await;
    annotate(&world, task, "dog").await;
    let count = |blob: &Value| blob["annotations"].as_array().map(Vec::len);
    let blob = blob_that(&world, &name, |blob| count(blob) == Some(2)).await;
    assert_eq!(blob["id"], task.0);
    world
        .engine
        .delete_annotation(&world.owner, first, Expected::Any)
        .await
        .unwrap();
    blob_that(&world, &name, |blob| count(blob) == Some(1)).await;
    nothing_waits(&world, storage).await;
    assert_eq!(world.names("labels").await, [name]);
    worker.stop().await;
}

#[tokio::test]
async fn a_deletion_deletes_the_blob_only_where_that_is_switched_on() {
    for can_delete in [false, true] {
        let world = World::start().await;
        world.container("labels").await;
        let form = StorageInput {
            can_delete_objects: Some(can_delete),
            ..target(&world)
        };
        let storage = world.target(form).await;
        let worker = world.worker();
        let task = task(&world).await;
        let (one, two) = (
            annotate(&world, task, "cat").await,
            annotate(&world, task, "dog").await,
        );
        let (one_blob, two_blob) = (format!("out/{one}.json"), format!("out/{two}.json"));
        blob_that(&world, &one_blob, |_| true).await;
        blob_that(&world, &two_blob, |_| true).await;
        world
            .engine
            .delete_annotation(&world.owner, one, Expected::Any)
            .await
            .unwrap();
        nothing_waits(&world, storage).await;
        let left = world.names("labels").await;
        if can_delete {
            assert_eq!(left, [two_blob.as_str()]);
            // A blob that somebody else deleted is as good as deleted.
            let blobs = world.azure.state().blobs();
            assert!(blobs.delete(ACCOUNT, "labels", &two_blob).await.unwrap());
            world
                .engine
                .delete_annotation(&world.owner, two, Expected::Any)
                .await
                .unwrap();
            nothing_waits(&world, storage).await;
            let counts = world.store.outbox_counts(world.owner.org_id, storage);
            assert_eq!(counts.await.unwrap().failed, 0);
        } else {
            assert_eq!(left, [one_blob, two_blob]);
        }
        worker.stop().await;
    }
}

#[tokio::test]
async fn a_refused_write_is_retried_until_it_works() {
    let world = World::start().await;
    world.container("labels").await;
    let storage = world.target(target(&world)).await;
    let task = task(&world).await;
    // Longer than the client itself retries, so that the outbox has to.
    let busy = FaultKind::Status {
        status: 503,
        code: None,
        retry_after_s: Some(0),
    };
    world.fault("PUT /", busy, None);
    let worker = world.worker();
    let annotation = annotate(&world, task, "cat").await;
    let why = eventually("a recorded failure", async || {
        let counts = world.store.outbox_counts(world.owner.org_id, storage);
        counts.await.unwrap().last_error
    })
    .await;
    assert!(why.contains("request limit"), "{why}");
    assert_eq!(world.names("labels").await, [""; 0]);
    world.azure.state().clear_faults();
    blob_that(&world, &format!("out/{annotation}.json"), |_| true).await;
    nothing_waits(&world, storage).await;
    worker.stop().await;
}

#[tokio::test]
async fn a_full_export_writes_what_was_there_before_the_storage() {
    let world = World::start().await;
    world.container("labels").await;
    let task = task(&world).await;
    let mut expected = Vec::new();
    for _ in 0..20 {
        let annotation = annotate(&world, task, "cat").await;
        expected.push(format!("out/{annotation}.json"));
    }
    expected.sort();
    let storage = world.target(target(&world)).await;
    let worker = world.worker();
    let run = world.start_export(storage).await;
    let run = world.ended(&run).await;
    assert_eq!(run.status, SyncStatus::Completed, "{run:?}");
    assert_eq!((run.counts.total, run.counts.created), (20, 20));
    assert_eq!(world.names("labels").await, expected);
    worker.stop().await;
}

#[tokio::test]
async fn a_missing_container_is_failed_0_of_20_and_a_new_export_makes_it_good() {
    let world = World::start().await;
    world.container("labels").await;
    let storage = world.target(target(&world)).await;
    let task = task(&world).await;
    let first = annotate(&world, task, "cat").await;
    for _ in 1..20 {
        annotate(&world, task, "cat").await;
    }
    point_to(&world, storage, "gone").await;
    let worker = world.worker();
    let run = world.start_export(storage).await;
    let failed = world.ended(&run).await;
    assert_eq!(failed.status, SyncStatus::Failed, "{failed:?}");
    assert_eq!((failed.counts.total, failed.counts.created), (20, 0));
    assert_eq!(failed.counts.failed, 20);
    let why = failed.error.unwrap();
    for word in [
        "0 of 20 files",
        "no container gone",
        "az storage container create",
    ] {
        assert!(why.contains(word), "{why}");
    }
    let counts = world
        .store
        .outbox_counts(world.owner.org_id, storage)
        .await
        .unwrap();
    assert_eq!((counts.failed, counts.pending), (20, 0));

    // A change after that is tried until it works, with nobody watching.
    relabel(&world, first, "dog").await;
    eventually("the changed one to be tried", async || {
        let counts = world.store.outbox_counts(world.owner.org_id, storage);
        let counts = counts.await.unwrap();
        (counts.failed == 19 && counts.pending == 1).then_some(())
    })
    .await;
    world.container("gone").await;
    eventually("the changed one", async || {
        world.text("gone", &format!("out/{first}.json")).await
    })
    .await;
    let run = world.start_export(storage).await;
    let done = world.ended(&run).await;
    assert_eq!(done.status, SyncStatus::Completed, "{done:?}");
    assert_eq!(done.counts.created, 20);
    assert_eq!(world.names("gone").await.len(), 20);
    worker.stop().await;
}

#[tokio::test]
async fn a_cancelled_export_writes_no_more_and_keeps_what_changes_later() {
    let world = World::start().await;
    world.container("labels").await;
    let task = task(&world).await;
    for _ in 0..5 {
        annotate(&world, task, "cat").await;
    }
    let storage = world.target(target(&world)).await;
    let run = world.start_export(storage).await;
    world.cancel(Direction::Target, storage).await;
    assert_eq!(world.ended(&run).await.status, SyncStatus::Cancelled);
    let worker = world.worker();
    let later = annotate(&world, task, "dog").await;
    let name = format!("out/{later}.json");
    blob_that(&world, &name, |_| true).await;
    nothing_waits(&world, storage).await;
    assert_eq!(world.names("labels").await, [name]);
    worker.stop().await;
}

#[tokio::test]
async fn an_export_of_nothing_says_so() {
    let world = World::start().await;
    world.container("labels").await;
    let storage = world.target(target(&world)).await;
    let worker = world.worker();
    let run = world.start_export(storage).await;
    let run = world.ended(&run).await;
    assert_eq!((run.status, run.counts.total), (SyncStatus::Completed, 0));
    assert!(run.error.unwrap().contains("no annotations yet"));
    worker.stop().await;
}

/// As if the container had gone after the storage was saved.
async fn point_to(world: &World, storage: StorageId, container: &str) {
    let container = ContainerName::parse(container).unwrap();
    let change = |settings: &mut StorageSettings| settings.container = container;
    world.set(storage, change).await;
}
