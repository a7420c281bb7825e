//! Rows of a large file come in whole, exactly once, or not at all.

use model::{Storage, SyncCounts, SyncRun, SyncStatus};
use serde_json::{json, value::to_raw_value};
use store::{
    ApplyBlobTasks, BlobRows, ImportedBlob, NewTask, StagedFile, StagedFileId, StagingRun,
};

use crate::{
    import::started,
    world::{NOW, World, counts, prediction, task},
};

const NAME: &str = "in/large.jsonl";

fn rows(range: std::ops::Range<i64>) -> Vec<NewTask> {
    range
        .map(|row| NewTask {
            data: to_raw_value(&json!({ "row": row })).unwrap(),
            ..task()
        })
        .collect()
}

fn of(run: &SyncRun) -> StagingRun {
    StagingRun {
        run_id: run.id,
        attempt: run.attempts,
    }
}

async fn begun(w: &World, run: &SyncRun, etag: &str) -> StagedFile {
    w.store
        .stage_file(of(run), NAME, etag)
        .await
        .unwrap()
        .unwrap()
}

/// Stages rows in batches of three.
async fn staged(w: &World, run: &SyncRun, etag: &str, tasks: &[NewTask]) -> StagedFileId {
    let file = begun(w, run, etag).await;
    for (batch, first) in tasks.chunks(3).zip((0..).step_by(3)) {
        assert!(
            w.store
                .stage_rows(of(run), file.id, first, batch)
                .await
                .unwrap()
        );
    }
    file.id
}

/// Decides a file; `false` when the run was not there for it any more.
async fn decide(
    w: &World,
    storage: &Storage,
    run: &SyncRun,
    etag: &str,
    file: StagedFileId,
) -> bool {
    let blob = ImportedBlob {
        name: NAME.to_owned(),
        etag: etag.to_owned(),
        size: 10,
        modified_ms: NOW,
        rows: BlobRows::Staged(file),
    };
    let page = ApplyBlobTasks {
        org_id: w.org,
        project_id: w.project,
        storage_id: storage.id,
        run_id: run.id,
        attempt: run.attempts,
        account: &storage.account,
        container: &storage.container,
        blobs: &[blob],
        marker_after: None,
        counts: &SyncCounts::default(),
        now_ms: NOW,
    };
    w.store.apply_blob_tasks(&page).await.unwrap().is_some()
}

/// Publishes all that is decided.
async fn publish(w: &World) {
    loop {
        let files = w.store.decided_files().await.unwrap();
        if files.is_empty() {
            return;
        }
        for file in files {
            w.store.publish_rows(file, NOW).await.unwrap();
        }
    }
}

async fn clean(w: &World) {
    while w.store.clean_staged(NOW).await.unwrap() {}
}

async fn status(w: &World, run: &SyncRun) -> (SyncStatus, i64) {
    let run = w.store.find_run(w.org, run.id).await.unwrap().unwrap();
    (run.status, run.counts.created)
}

pub async fn a_staged_file_is_seen_by_nobody_until_it_is_decided(w: World) {
    let storage = w.source().await;
    let run = started(&w, storage.id).await;
    let mut tasks = rows(0..7);
    tasks[4].annotations = vec![w.annotation()];
    tasks[4].predictions = vec![prediction(0.1)];
    let file = staged(&w, &run, "1", &tasks).await;
    // Where a lost worker's successor goes on; rows cannot be staged twice.
    assert_eq!(begun(&w, &run, "1").await, StagedFile { id: file, rows: 7 });
    let again = w.store.stage_rows(of(&run), file, 0, &tasks[..3]).await;
    assert!(!again.unwrap());
    assert_eq!(w.store.decided_files().await.unwrap(), []);
    assert_eq!(counts(&w.counted().await), (0, 0, 0, 0, 0));

    assert!(decide(&w, &storage, &run, "1", file).await);
    assert!(w.store.is_publishing(run.id).await.unwrap());
    assert_eq!(w.store.publish_rows(file, NOW).await.unwrap(), Some(3));
    publish(&w).await;
    assert!(!w.store.is_publishing(run.id).await.unwrap());
    assert_eq!(counts(&w.counted().await), (7, 1, 1, 0, 1));
    assert_eq!(status(&w, &run).await.1, 7);
    assert_eq!(w.store.publish_rows(file, NOW).await.unwrap(), None);
}

pub async fn a_changed_file_renews_what_nobody_labeled(w: World) {
    let storage = w.source().await;
    let run = started(&w, storage.id).await;
    let mut first = rows(0..4);
    first[1].annotations = vec![w.annotation()];
    let file = staged(&w, &run, "1", &first).await;
    assert!(decide(&w, &storage, &run, "1", file).await);
    // The next version is decided before the first is in: it waits for it.
    let file = staged(&w, &run, "2", &rows(10..16)).await;
    assert!(decide(&w, &storage, &run, "2", file).await);
    assert_eq!(w.store.decided_files().await.unwrap().len(), 1);
    publish(&w).await;
    let query = store::TaskQuery {
        project: Some(w.project),
        limit: 9,
        ..store::TaskQuery::default()
    };
    let (tasks, _) = w.store.list_tasks(w.org, &query).await.unwrap();
    let mut data: Vec<_> = tasks
        .iter()
        .map(|task| task.data.get().to_owned())
        .collect();
    data.sort();
    let expected = [10, 12, 13, 14, 15, 1].map(|row| format!("{{\"row\":{row}}}"));
    assert_eq!(data, expected);
}

pub async fn a_run_that_is_over_stages_nothing_and_leaves_nothing(w: World) {
    let storage = w.source().await;
    let run = started(&w, storage.id).await;
    // The blob changed between two attempts: the rows of before are of no use.
    staged(&w, &run, "1", &rows(0..5)).await;
    let file = staged(&w, &run, "2", &rows(0..5)).await;
    w.store
        .cancel_run(w.org, storage.id, NOW)
        .await
        .unwrap()
        .unwrap();
    assert!(
        !w.store
            .stage_rows(of(&run), file, 5, &rows(5..6))
            .await
            .unwrap()
    );
    assert!(!decide(&w, &storage, &run, "2", file).await);
    assert!(
        w.store
            .stage_file(of(&run), "in/other", "1")
            .await
            .unwrap()
            .is_none()
    );
    clean(&w).await;
    assert_eq!(counts(&w.counted().await), (0, 0, 0, 0, 0));

    // Nothing is left to go on from, and a file that is dropped begins anew.
    let run = started(&w, storage.id).await;
    assert_eq!(begun(&w, &run, "2").await.rows, 0);
    let file = staged(&w, &run, "3", &rows(0..70)).await;
    w.store.drop_staged(file).await.unwrap();
    clean(&w).await;
    assert_eq!(begun(&w, &run, "3").await.rows, 0);
}

pub async fn a_cancelled_run_ends_behind_the_file_that_was_decided(w: World) {
    let storage = w.source().await;
    let run = started(&w, storage.id).await;
    let file = staged(&w, &run, "1", &rows(0..5)).await;
    assert!(decide(&w, &storage, &run, "1", file).await);
    w.store.publish_rows(file, NOW).await.unwrap();
    w.store
        .cancel_run(w.org, storage.id, NOW)
        .await
        .unwrap()
        .unwrap();
    clean(&w).await;
    assert_eq!(status(&w, &run).await, (SyncStatus::InProgress, 3));
    // It is not the worker's any more.
    assert!(!w.store.ping_run(run.id, run.attempts, NOW).await.unwrap());
    publish(&w).await;
    clean(&w).await;
    assert_eq!(status(&w, &run).await, (SyncStatus::Cancelled, 5));
    assert_eq!(counts(&w.counted().await).0, 5);
}

pub async fn workers_at_once_make_each_row_one_task(w: World) {
    let storage = w.source().await;
    let run = started(&w, storage.id).await;
    let file = staged(&w, &run, "1", &rows(0..60)).await;
    assert!(decide(&w, &storage, &run, "1", file).await);
    tokio::join!(publish(&w), publish(&w), publish(&w));
    assert_eq!(counts(&w.counted().await).0, 60);
    assert_eq!(status(&w, &run).await.1, 60);
}

pub async fn deleting_all_tasks_ends_what_was_coming(w: World) {
    let storage = w.source().await;
    let run = started(&w, storage.id).await;
    let file = staged(&w, &run, "1", &rows(0..9)).await;
    assert!(decide(&w, &storage, &run, "1", file).await);
    w.store.publish_rows(file, NOW).await.unwrap();
    let deleted = w.store.delete_tasks_of_project(w.org, w.project, NOW).await;
    assert_eq!(deleted.unwrap(), Some(3));
    publish(&w).await;
    clean(&w).await;
    assert_eq!(counts(&w.counted().await).0, 0);

    // The next sync brings the file again, whole.
    let file = staged(&w, &run, "1", &rows(0..9)).await;
    assert!(decide(&w, &storage, &run, "1", file).await);
    publish(&w).await;
    assert_eq!(counts(&w.counted().await).0, 9);
}
