//! Pages of blobs become tasks exactly once.

use model::{Storage, StorageId, SyncCounts, SyncRun};
use store::{
    ApplyBlobTasks, ApplyPage, BlobError, BlobRows, BlobStanding, ImportedBlob, NewTask,
    PageOutcome, SeenBlob, TaskQuery,
};

use crate::world::{NOW, World, counts, prediction, task};

fn blobs(names: &[&str], etag: &str) -> Vec<SeenBlob> {
    names
        .iter()
        .map(|name| SeenBlob {
            name: (*name).to_owned(),
            etag: etag.to_owned(),
            size: 10,
            modified_ms: NOW,
            data_json: serde_json::json!({ "image": name }).to_string(),
        })
        .collect()
}

pub async fn started(w: &World, storage: StorageId) -> SyncRun {
    let run = w
        .store
        .start_run(w.org, storage, NOW)
        .await
        .unwrap()
        .unwrap()
        .run;
    w.store
        .mark_run_started(run.id, NOW)
        .await
        .unwrap()
        .unwrap()
        .run
}

async fn apply(
    w: &World,
    storage: &Storage,
    run: &SyncRun,
    blobs: &[SeenBlob],
    counts: &SyncCounts,
) -> Option<PageOutcome> {
    let page = ApplyPage {
        org_id: w.org,
        project_id: w.project,
        storage_id: storage.id,
        run_id: run.id,
        attempt: run.attempts,
        account: &storage.account,
        container: &storage.container,
        blobs,
        marker_after: Some("next"),
        counts,
        now_ms: NOW,
    };
    w.store.apply_blob_page(&page).await.unwrap()
}

/// Names as Azure allows them.
const NAMES: [&str; 4] = ["in/a b#?%.png", "in/é🐈.png", "in//x", "in/\"q\"'\\.png"];

pub async fn a_page_applied_twice_creates_nothing_twice(w: World) {
    let storage = w.source().await;
    let run = started(&w, storage.id).await;
    let listed = SyncCounts {
        listed: 4,
        skipped: 1,
        ..SyncCounts::default()
    };
    let page = blobs(&NAMES, "1");
    let first = apply(&w, &storage, &run, &page, &listed).await.unwrap();
    assert_eq!((first.created, first.existed, first.changed), (4, 0, 0));
    assert_eq!(
        (
            first.counts.created,
            first.counts.listed,
            first.counts.skipped
        ),
        (4, 4, 1)
    );
    let second = apply(&w, &storage, &run, &page, &first.counts)
        .await
        .unwrap();
    assert_eq!((second.created, second.existed, second.changed), (0, 4, 0));
    assert_eq!((second.counts.created, second.counts.existed), (4, 4));
    assert_eq!(counts(&w.counted().await), (4, 0, 0, 0, 0));

    // The checkpoint and the counts were saved with the page.
    let resumed = w
        .store
        .mark_run_started(run.id, NOW)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (resumed.marker.as_deref(), resumed.run.attempts),
        (Some("next"), 2)
    );
    assert_eq!(resumed.run.counts, second.counts);

    let query = TaskQuery {
        project: Some(w.project),
        limit: 9,
        ..TaskQuery::default()
    };
    let (tasks, _) = w.store.list_tasks(w.org, &query).await.unwrap();
    for ((task, name), inner_id) in tasks.iter().zip(NAMES).zip(1..) {
        assert_eq!(task.source_blob_name.as_deref(), Some(name));
        assert_eq!(
            task.data.get(),
            serde_json::json!({ "image": name }).to_string()
        );
        assert_eq!(
            (task.source_storage_id, task.inner_id),
            (Some(storage.id), inner_id)
        );
    }
    // A deleted task comes back with the next sync, as in Label Studio.
    assert!(w.store.delete_task(w.org, tasks[0].id, NOW).await.unwrap());
    let third = apply(&w, &storage, &resumed.run, &page, &second.counts)
        .await
        .unwrap();
    assert_eq!((third.created, third.existed), (1, 3));
    assert_eq!(counts(&w.counted().await), (4, 0, 0, 0, 0));
}

pub async fn a_changed_blob_is_counted_and_not_duplicated(w: World) {
    let storage = w.source().await;
    let run = started(&w, storage.id).await;
    let none = SyncCounts::default();
    apply(&w, &storage, &run, &blobs(&["a", "b"], "1"), &none)
        .await
        .unwrap();
    let mixed = [blobs(&["a"], "1"), blobs(&["b"], "2"), blobs(&["c"], "1")].concat();
    let pairs: Vec<_> = mixed
        .iter()
        .map(|blob| (blob.name.as_str(), blob.etag.as_str()))
        .collect();
    let known = w
        .store
        .known_blobs(w.project, &storage.account, &storage.container, &pairs)
        .await;
    assert_eq!(
        known.unwrap(),
        [
            BlobStanding::Imported,
            BlobStanding::Changed,
            BlobStanding::New
        ]
    );
    let outcome = apply(&w, &storage, &run, &mixed, &none).await.unwrap();
    assert_eq!(
        (outcome.created, outcome.existed, outcome.changed),
        (1, 1, 1)
    );
    let outcome = apply(&w, &storage, &run, &mixed, &none).await.unwrap();
    assert_eq!(
        (outcome.created, outcome.existed, outcome.changed),
        (0, 3, 0)
    );
    assert_eq!(counts(&w.counted().await).0, 3);
}

pub async fn a_lost_or_cancelled_run_writes_nothing(w: World) {
    let storage = w.source().await;
    let stale = started(&w, storage.id).await;
    let current = w
        .store
        .mark_run_started(stale.id, NOW)
        .await
        .unwrap()
        .unwrap()
        .run;
    let none = SyncCounts::default();
    assert!(
        apply(&w, &storage, &stale, &blobs(&["a"], "1"), &none)
            .await
            .is_none()
    );
    assert_eq!(counts(&w.counted().await).0, 0);
    assert!(
        apply(&w, &storage, &current, &blobs(&["a"], "1"), &none)
            .await
            .is_some()
    );
    w.store
        .cancel_run(w.org, storage.id, NOW)
        .await
        .unwrap()
        .unwrap();
    for names in [["a"], ["b"]] {
        assert!(
            apply(&w, &storage, &current, &blobs(&names, "1"), &none)
                .await
                .is_none()
        );
    }
    assert_eq!(counts(&w.counted().await).0, 1);
    let known = w
        .store
        .known_blobs(
            w.project,
            &storage.account,
            &storage.container,
            &[("b", "1")],
        )
        .await;
    assert_eq!(known.unwrap(), [BlobStanding::New]);
}

pub async fn a_deleted_storage_leaves_its_blobs_known(w: World) {
    let storage = w.source().await;
    let run = started(&w, storage.id).await;
    let none = SyncCounts::default();
    apply(&w, &storage, &run, &blobs(&NAMES, "1"), &none)
        .await
        .unwrap();
    assert!(w.delete_storage(w.org, storage.id).await);
    assert_eq!(counts(&w.counted().await).0, 4);
    let next = w.source().await;
    let run = started(&w, next.id).await;
    let outcome = apply(&w, &next, &run, &blobs(&NAMES, "1"), &none)
        .await
        .unwrap();
    assert_eq!((outcome.created, outcome.existed), (0, 4));
}

pub async fn two_pages_at_once_create_each_task_once(w: World) {
    // Two storages over one container, synced at the same time.
    let (left, right) = (w.source().await, w.source().await);
    let (left_run, right_run) = (started(&w, left.id).await, started(&w, right.id).await);
    let names: Vec<_> = (0..500).map(|n| format!("in/{n:04}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let (page, none) = (blobs(&names, "1"), SyncCounts::default());
    let (one, two) = tokio::join!(
        apply(&w, &left, &left_run, &page, &none),
        apply(&w, &right, &right_run, &page, &none)
    );
    assert_eq!(one.unwrap().created + two.unwrap().created, 500);
    assert_eq!(counts(&w.counted().await).0, 500);
}

pub async fn rows_of_a_blob_are_all_there_or_none(w: World) {
    let storage = w.source().await;
    let run = started(&w, storage.id).await;
    let labeled = NewTask {
        annotations: vec![w.annotation()],
        predictions: vec![prediction(0.5)],
        ..task()
    };
    let blob = |etag: &str, tasks| ImportedBlob {
        name: "in/tasks.json".to_owned(),
        etag: etag.to_owned(),
        size: 10,
        modified_ms: NOW,
        rows: BlobRows::Here(tasks),
    };
    let apply = async |attempt, blobs: &[ImportedBlob]| {
        let page = ApplyBlobTasks {
            org_id: w.org,
            project_id: w.project,
            storage_id: storage.id,
            run_id: run.id,
            attempt,
            account: &storage.account,
            container: &storage.container,
            blobs,
            marker_after: None,
            counts: &SyncCounts::default(),
            now_ms: NOW,
        };
        w.store.apply_blob_tasks(&page).await.unwrap()
    };
    let two = vec![labeled.clone(), task()];
    assert!(apply(9, &[blob("1", two.clone())]).await.is_none());
    assert_eq!(counts(&w.counted().await), (0, 0, 0, 0, 0));
    let outcome = apply(1, &[blob("1", two.clone())]).await.unwrap();
    assert_eq!(
        (outcome.created, outcome.existed, outcome.changed),
        (2, 0, 0)
    );
    let outcome = apply(1, &[blob("1", two.clone())]).await.unwrap();
    assert_eq!((outcome.created, outcome.existed), (0, 1));
    let grown = [two, vec![labeled]].concat();
    let outcome = apply(1, &[blob("2", grown)]).await.unwrap();
    assert_eq!((outcome.created, outcome.changed), (1, 1));
    assert_eq!(counts(&w.counted().await), (3, 2, 2, 0, 2));
}

pub async fn failed_blobs_are_listed_until_they_succeed(w: World) {
    let storage = w.source().await;
    let run = started(&w, storage.id).await;
    for name in ["in/b.json", "in/a.json"] {
        let error = BlobError {
            org_id: w.org,
            project_id: w.project,
            storage_id: storage.id,
            run_id: run.id,
            account: &storage.account,
            container: &storage.container,
            name,
            etag: "1",
            code: "malformed_json",
            message: "expected `,`",
            line: Some(3),
            column: Some(7),
        };
        w.store.record_blob_error(&error, NOW).await.unwrap();
    }
    let (errors, total) = w
        .store
        .list_blob_errors(w.org, storage.id, 1, 0)
        .await
        .unwrap();
    assert_eq!(
        (errors.len(), total, errors[0].name.as_str()),
        (1, 2, "in/a.json")
    );
    assert_eq!(
        (errors[0].line, errors[0].column, errors[0].run_id),
        (Some(3), Some(7), run.id)
    );
    let foreign = w
        .store
        .list_blob_errors(w.stranger(), storage.id, 9, 0)
        .await
        .unwrap();
    assert_eq!((foreign.0.len(), foreign.1), (0, 0));
    let known = w
        .store
        .known_blobs(
            w.project,
            &storage.account,
            &storage.container,
            &[("in/a.json", "1")],
        )
        .await;
    assert_eq!(known.unwrap(), [BlobStanding::Failed]);

    let fixed = blobs(&["in/a.json"], "2");
    let outcome = apply(&w, &storage, &run, &fixed, &SyncCounts::default())
        .await
        .unwrap();
    assert_eq!((outcome.created, outcome.changed), (1, 0));
    assert_eq!(
        w.store
            .list_blob_errors(w.org, storage.id, 9, 0)
            .await
            .unwrap()
            .1,
        1
    );
}
