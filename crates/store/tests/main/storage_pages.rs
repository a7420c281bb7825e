//! What the pages of storages ask for: drafts of connections, histories, retries, backlogs.

use model::{
    AccountName, ContainerName, Direction, ExportLayout, Secret, StorageId, SyncCounts, SyncStatus,
};
use store::{BlobError, ConnectDraftKey, MOST_COUNTED, RunScope};

use crate::world::{NOW, World};

pub async fn a_draft_is_its_persons_until_it_is_over(w: World) {
    let key = ConnectDraftKey {
        org_id: w.org,
        user_id: w.user,
        project_id: w.project,
        direction: Direction::Source,
    };
    let keep = async |text: &str, until| {
        let text = Secret::new(text);
        let kept = w.store.keep_connect_draft(key, &text, until, NOW).await;
        kept.unwrap()
    };
    let found = async |key, now| {
        let found = w.store.connect_draft(key, now).await.unwrap();
        found.map(|text| text.expose().to_owned())
    };
    assert!(keep("one", NOW + 10).await);
    assert!(keep("two", NOW + 20).await);
    assert_eq!(found(key, NOW + 19).await.as_deref(), Some("two"));
    assert_eq!(found(key, NOW + 20).await, None);

    let target = ConnectDraftKey {
        direction: Direction::Target,
        ..key
    };
    let of_another = ConnectDraftKey {
        user_id: w.member("mel@example.com").await,
        ..key
    };
    let elsewhere = ConnectDraftKey {
        org_id: w.another_org().await,
        ..key
    };
    for other in [target, of_another, elsewhere] {
        assert_eq!(found(other, NOW).await, None);
    }
    let text = Secret::new("x");
    let foreign = w.store.keep_connect_draft(elsewhere, &text, NOW + 10, NOW);
    assert!(!foreign.await.unwrap());
    w.store.drop_connect_draft(key).await.unwrap();
    assert_eq!(found(key, NOW).await, None);
}

async fn fail_blob(w: &World, storage: StorageId, run: model::SyncRunId, name: &str) {
    let error = BlobError {
        org_id: w.org,
        project_id: w.project,
        storage_id: storage,
        run_id: run,
        account: &AccountName::parse("account1").unwrap(),
        container: &ContainerName::parse("images").unwrap(),
        name,
        etag: "1",
        code: "bad",
        message: "broken",
        line: None,
        column: None,
    };
    w.store.record_blob_error(&error, NOW).await.unwrap();
}

pub async fn a_history_says_who_and_what(w: World) {
    let storage = w.source().await;
    let start = async |by, scope: RunScope| {
        let started = w.store.start_run_of(w.org, storage.id, by, &scope, NOW);
        started.await.unwrap().unwrap().run
    };
    let end = async |run, listed| {
        let taken = w.store.mark_run_started(run, NOW).await.unwrap().unwrap();
        let counts = SyncCounts {
            listed,
            created: 2,
            ..SyncCounts::default()
        };
        let ended = w
            .store
            .finish_run(run, SyncStatus::Completed, &counts, None, NOW + 5);
        assert!(ended.await.unwrap());
        taken.scope
    };
    let first = start(Some(w.user), RunScope::Everything).await;
    assert_eq!(
        w.store
            .listed_before(w.org, storage.id, first.id)
            .await
            .unwrap(),
        None
    );
    let running = w.store.running_imports(w.org, w.project).await.unwrap();
    assert_eq!(running.runs, 1);
    assert_eq!(end(first.id, 540).await, RunScope::Everything);
    fail_blob(&w, storage.id, first.id, "a.json").await;
    let retry = start(None, RunScope::Blob("a.json".to_owned())).await;
    assert_eq!(end(retry.id, 1).await, RunScope::Blob("a.json".to_owned()));
    let last = start(Some(w.user), RunScope::FailedBlobs).await;
    // A retry does not tell how many blobs there are.
    assert_eq!(
        w.store
            .listed_before(w.org, storage.id, last.id)
            .await
            .unwrap(),
        Some(540)
    );

    let (runs, total) = w.store.run_history(w.org, storage.id, 2, 0).await.unwrap();
    assert_eq!(total, 3);
    let told: Vec<_> = runs
        .iter()
        .map(|record| (record.run.id, record.started_by.as_deref(), &record.scope))
        .collect();
    assert_eq!(
        told,
        [
            (last.id, Some("owner@example.com"), &RunScope::FailedBlobs),
            (retry.id, None, &RunScope::Blob("a.json".to_owned())),
        ]
    );
    assert_eq!(w.store.tasks_made_by(w.org, storage.id).await.unwrap(), 4);
    let foreign = w.store.run_history(w.stranger(), storage.id, 9, 0).await;
    assert!(foreign.unwrap().0.is_empty());
}

pub async fn a_sync_of_everything_takes_the_place_of_a_retry(w: World) {
    let storage = w.source().await;
    let start = async |scope: RunScope| {
        let started = w.store.start_run_of(w.org, storage.id, None, &scope, NOW);
        started.await.unwrap().unwrap()
    };
    // Once while it waits, and once while a worker is at it.
    for is_running in [false, true] {
        let retry = start(RunScope::FailedBlobs).await.run;
        let taken = if is_running {
            w.store.mark_run_started(retry.id, NOW).await.unwrap()
        } else {
            None
        };
        let all = start(RunScope::Everything).await;
        assert!(!all.already_running);
        assert_ne!(all.run.id, retry.id);
        let replaced = w.store.find_run(w.org, retry.id).await.unwrap().unwrap();
        assert_eq!(replaced.status, SyncStatus::Cancelled);
        assert_eq!(replaced.finished_at_ms, Some(NOW));
        assert!(replaced.error.unwrap().contains("took its place"));
        let counts = SyncCounts::default();
        if let Some(taken) = taken {
            let late = w
                .store
                .save_run_progress(retry.id, taken.run.attempts, &counts, NOW);
            assert!(!late.await.unwrap(), "the worker has lost it");
        }
        // A retry and a sync meanwhile are that sync.
        for scope in [RunScope::Blob("a".to_owned()), RunScope::Everything] {
            let again = start(scope).await;
            assert_eq!((again.run.id, again.already_running), (all.run.id, true));
        }
        let started = w.store.mark_run_started(all.run.id, NOW).await.unwrap();
        assert_eq!(started.unwrap().scope, RunScope::Everything);
        let end = w
            .store
            .finish_run(all.run.id, SyncStatus::Completed, &counts, None, NOW);
        assert!(end.await.unwrap());
    }
}

pub async fn a_failure_that_is_over_is_forgotten(w: World) {
    let storage = w.source().await;
    let run = w.store.start_run(w.org, storage.id, NOW).await;
    let run = run.unwrap().unwrap().run.id;
    for name in ["a", "b", "c"] {
        fail_blob(&w, storage.id, run, name).await;
    }
    let names = w.store.failed_blob_names(w.org, storage.id, "a", 1).await;
    assert_eq!(names.unwrap(), ["b"]);
    let forget = w.store.forget_blob_error(w.stranger(), storage.id, "b");
    forget.await.unwrap();
    let forget = w.store.forget_blob_error(w.org, storage.id, "a");
    forget.await.unwrap();
    let names = w.store.failed_blob_names(w.org, storage.id, "", 9).await;
    assert_eq!(names.unwrap(), ["b", "c"]);
}

pub async fn a_backlog_is_counted_and_explained(w: World) {
    let target = w.target(ExportLayout::PerAnnotation, false).await;
    for _ in 0..3 {
        let task = w.task().await;
        let added = w
            .store
            .create_annotation(w.org, task, &w.annotation(), NOW)
            .await;
        added.unwrap().unwrap();
    }
    let items = w.store.claim_outbox("w", 9, 1000, NOW).await.unwrap();
    w.store.fail_outbox(&items[0], "denied").await.unwrap();
    let later = w.store.retry_outbox(&items[1], "busy", NOW + 50);
    later.await.unwrap();
    let backlog = w.store.export_backlog(w.org, target.id).await.unwrap();
    assert_eq!((backlog.waiting, backlog.failed), (2, 1));
    assert!(backlog.waiting <= MOST_COUNTED);
    let troubled = w.store.troubled_exports(w.org, target.id, 9).await.unwrap();
    let told: Vec<_> = troubled
        .iter()
        .map(|object| (object.error.as_str(), object.next_at_ms))
        .collect();
    assert_eq!(told, [("busy", Some(NOW + 50)), ("denied", None)]);
    let foreign = w.store.export_backlog(w.stranger(), target.id).await;
    assert_eq!(foreign.unwrap(), Default::default());
}
