//! Tasks mode: the rows of JSON and JSONL blobs; one bad file never stops the others.

use engine::{AnnotationInput, Limits, StorageInput};
use local_azure::state::FaultKind;
use model::{CredentialKind, StorageId, SyncStatus, TaskId};
use serde_json::{Value, json};

use crate::azure_world::{ACCOUNT, World};

async fn source(world: &World) -> StorageId {
    let form = StorageInput {
        use_blob_urls: Some(false),
        ..world.form("json")
    };
    world.source(form).await
}

fn ids(data: &[Value]) -> Vec<i64> {
    let mut ids: Vec<i64> = data.iter().filter_map(|data| data["id"].as_i64()).collect();
    ids.sort_unstable();
    ids
}

#[tokio::test]
async fn a_malformed_file_in_the_middle_is_listed_and_the_others_come_in() {
    let world = World::start().await;
    world.container("json").await;
    world.put("json", "1.json", r#"{"id": 1}"#).await;
    world
        .put(
            "json",
            "2.json",
            "[{\"id\": 2},\n {\"id\": 3},\n {\"id\": }]",
        )
        .await;
    world
        .put("json", "3.jsonl", "{\"id\": 4}\n{\"id\": 5}\n")
        .await;
    world
        .put(
            "json",
            "4.json",
            r#"[{"data": {"id": 6}, "meta": {"m": 1}}]"#,
        )
        .await;
    let storage = source(&world).await;
    let run = world.sync(storage).await;
    assert_eq!(run.status, SyncStatus::CompletedWithErrors, "{run:?}");
    assert_eq!((run.counts.created, run.counts.failed), (4, 1));
    let note = run.error.unwrap();
    assert!(
        note.contains("1 blob") && note.contains("2.json: line 3, column 9"),
        "{note}"
    );
    // No row of the broken file came in, although its first two are well-formed.
    assert_eq!(ids(&world.task_data().await), [1, 4, 5, 6]);
    let (errors, total) = world
        .engine
        .list_blob_errors(&world.owner, storage, 10, 0)
        .await
        .unwrap();
    assert_eq!(total, 1);
    let error = &errors[0];
    assert_eq!(error.name, "2.json");
    assert_eq!((error.line, error.column), (Some(3), Some(9)));

    // Corrected, it comes in with the next sync, and is off the list.
    world
        .put("json", "2.json", r#"[{"id": 2}, {"id": 3}]"#)
        .await;
    let run = world.sync(storage).await;
    assert_eq!(run.status, SyncStatus::Completed, "{run:?}");
    assert_eq!((run.counts.created, run.counts.existed), (2, 3));
    assert_eq!(ids(&world.task_data().await), [1, 2, 3, 4, 5, 6]);
    let errors = world.engine.list_blob_errors(&world.owner, storage, 10, 0);
    assert_eq!(errors.await.unwrap().1, 0);
}

#[tokio::test]
async fn many_small_files_come_in_once_and_are_not_read_again() {
    let limits = Limits {
        list_page: 200,
        ..Limits::default()
    };
    let world = World::with_limits(limits).await;
    world.container("json").await;
    for id in 0..700 {
        let text = json!({"id": id}).to_string();
        world.put("json", &format!("{id}.json"), text).await;
    }
    let storage = source(&world).await;
    let run = world.sync(storage).await;
    assert_eq!((run.counts.created, run.counts.listed), (700, 700));
    assert_eq!(
        ids(&world.task_data().await),
        (0..700).collect::<Vec<i64>>()
    );

    world.azure.state().clear_requests();
    let again = world.sync(storage).await;
    assert_eq!((again.counts.created, again.counts.existed), (0, 700));
    let reads = world
        .azure
        .state()
        .requests()
        .iter()
        .filter(|request| format!("{request:?}").contains(".json"))
        .count();
    assert_eq!(reads, 0);
}

#[tokio::test]
async fn a_file_that_grew_adds_its_new_rows_and_keeps_what_was_labeled() {
    let world = World::start().await;
    world.container("json").await;
    world
        .put("json", "a.jsonl", "{\"id\": 1}\n{\"id\": 2}\n")
        .await;
    let storage = source(&world).await;
    world.sync(storage).await;
    let first = world.task_ids().await[0];
    annotate(&world, first).await;
    world
        .put(
            "json",
            "a.jsonl",
            "{\"id\": 11}\n{\"id\": 12}\n{\"id\": 13}\n",
        )
        .await;
    let run = world.sync(storage).await;
    assert_eq!((run.counts.created, run.counts.changed), (1, 1));
    let data = world.task_data().await;
    assert_eq!(data.len(), 3);
    // The labeled row stays as it was labeled; the other one is as the file has it now.
    assert_eq!(ids(&data), [1, 12, 13]);
}

#[tokio::test]
async fn a_connection_that_breaks_is_read_again_and_one_that_always_breaks_is_listed() {
    let world = World::start().await;
    world.container("json").await;
    for id in 1..=3 {
        let text = json!({"id": id, "text": "x".repeat(5_000)}).to_string();
        world.put("json", &format!("{id}.json"), text).await;
    }
    let storage = source(&world).await;
    let cut = FaultKind::CutBody { after_bytes: 1_000 };
    world.fault("json/2.json", cut.clone(), Some(1));
    world.fault("json/3.json", cut, None);
    let run = world.sync(storage).await;
    assert_eq!(run.status, SyncStatus::CompletedWithErrors, "{run:?}");
    assert_eq!((run.counts.created, run.counts.failed), (2, 1));
    assert_eq!(ids(&world.task_data().await), [1, 2]);
    let errors = world.engine.list_blob_errors(&world.owner, storage, 10, 0);
    let (errors, _) = errors.await.unwrap();
    assert_eq!(errors[0].code, "interrupted");

    world.azure.state().clear_faults();
    let run = world.sync(storage).await;
    assert_eq!(run.counts.created, 1);
    assert_eq!(ids(&world.task_data().await), [1, 2, 3]);
}

#[tokio::test]
async fn annotations_and_predictions_come_with_their_task() {
    let world = World::start().await;
    world.container("json").await;
    let task = json!([{
        "data": {"image": "x"},
        "annotations": [{"result": [], "was_cancelled": false}],
        "predictions": [{"result": [], "score": 0.5, "model_version": "m1"}],
    }]);
    world.put("json", "a.json", task.to_string()).await;
    let storage = source(&world).await;
    world.sync(storage).await;
    let id = world.task_ids().await[0];
    let task = world
        .store
        .find_task(world.owner.org_id, id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((task.annotation_count, task.prediction_count), (1, 1));
}

#[tokio::test]
async fn a_file_over_the_limit_is_listed_and_not_read() {
    let mut limits = Limits::default();
    limits.task_files.max_blob_bytes = 1_000;
    let world = World::with_limits(limits).await;
    world.container("json").await;
    world.put("json", "1.json", r#"{"id": 1}"#).await;
    world.put("json", "2.json", "x".repeat(2_000)).await;
    let storage = source(&world).await;
    let run = world.sync(storage).await;
    assert_eq!((run.counts.created, run.counts.failed), (1, 1));
    assert!(run.error.unwrap().contains("2000 bytes"));
}

async fn annotate(world: &World, task: TaskId) {
    let input: AnnotationInput = AnnotationInput {
        result: Some(serde_json::value::to_raw_value(&json!([])).unwrap()),
        ..AnnotationInput::default()
    };
    world
        .engine
        .create_annotation(&world.owner, task, &input)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_refusal_that_all_blobs_would_meet_ends_the_run_instead_of_listing_each() {
    let world = World::start().await;
    world.container("json").await;
    for id in 1..=50 {
        let text = json!({"id": id}).to_string();
        world.put("json", &format!("{id}.json"), text).await;
    }
    let storage = source(&world).await;
    let refused = FaultKind::Status {
        status: 403,
        code: Some("KeyBasedAuthenticationNotPermitted".to_owned()),
        retry_after_s: None,
    };
    world.fault(".json", refused, None);
    let run = world.sync(storage).await;
    assert_eq!(run.status, SyncStatus::Failed, "{run:?}");
    let why = run.error.unwrap();
    assert!(why.contains("--allow-shared-key-access true"), "{why}");
    let errors = world.engine.list_blob_errors(&world.owner, storage, 10, 0);
    assert_eq!(errors.await.unwrap().1, 0);
}

#[tokio::test]
async fn failed_blobs_are_tried_again_without_the_others() {
    let limits = Limits {
        list_page: 2,
        ..Limits::default()
    };
    let world = World::with_limits(limits).await;
    world.container("json").await;
    for id in 0..5 {
        world.put("json", &format!("good{id}.json"), "{}").await;
    }
    for name in ["a.json", "b.json", "b.json.old", "c.json"] {
        world.put("json", name, "{").await;
    }
    let storage = source(&world).await;
    assert_eq!(world.sync(storage).await.counts.failed, 4);
    let retry = async |blob: Option<&str>| {
        let kind = CredentialKind::AccountKey;
        let retried = world
            .engine
            .retry_errors(&world.owner, kind, storage, blob)
            .await
            .unwrap();
        let worker = world.worker();
        let run = world.ended(&retried.last_run.unwrap()).await;
        worker.stop().await;
        run
    };

    // One, by its whole name.
    world.put("json", "b.json", r#"{"id": 1}"#).await;
    let run = retry(Some("b.json")).await;
    assert_eq!((run.counts.listed, run.counts.created), (1, 1));
    // All; what is gone from the container has not failed any more.
    world.put("json", "a.json", r#"{"id": 2}"#).await;
    let blobs = world.azure.state().blobs();
    assert!(blobs.delete(ACCOUNT, "json", "c.json").await.unwrap());
    let run = retry(None).await;
    assert_eq!(run.status, SyncStatus::CompletedWithErrors, "{run:?}");
    assert_eq!((run.counts.listed, run.counts.created), (2, 1));
    let errors = world.engine.list_blob_errors(&world.owner, storage, 9, 0);
    let (errors, _) = errors.await.unwrap();
    let names: Vec<_> = errors.iter().map(|error| error.name.as_str()).collect();
    assert_eq!(names, ["b.json.old"]);
    assert_eq!(ids(&world.task_data().await), [1, 2]);
}
