//! The outbox.

use std::collections::HashSet;

use model::{ExportLayout, StorageSettings, SyncStatus};
use store::{AnnotationPatch, Expected, NewTask, OutboxItem, OutboxOp};

use crate::{
    audit_log::by_hand,
    world::{NOW, World, task},
};

const LEASE: i64 = 1_000;

async fn claim(w: &World, now_ms: i64) -> Vec<OutboxItem> {
    w.store.claim_outbox("a", 100, LEASE, now_ms).await.unwrap()
}

async fn annotate(w: &World, task: model::TaskId) -> model::AnnotationId {
    let created = w
        .store
        .create_annotation(w.org, task, &w.annotation(), NOW)
        .await;
    created.unwrap().unwrap().id
}

pub async fn each_write_reaches_each_target_once(w: World) {
    let each = w.target(ExportLayout::PerAnnotation, false).await;
    let whole = w.target(ExportLayout::PerTask, false).await;
    w.source().await;
    let labeled = NewTask {
        annotations: vec![w.annotation(), w.annotation()],
        ..task()
    };
    let task = w.tasks(&[labeled]).await[0];
    let third = annotate(&w, task).await;
    let items = claim(&w, NOW).await;
    let of = |storage| items.iter().filter(move |item| item.storage_id == storage);
    assert_eq!(of(each.id).count(), 3);
    assert!(of(each.id).any(|item| item.annotation_id == Some(third)));
    let whole: Vec<_> = of(whole.id).collect();
    assert_eq!(
        (whole.len(), whole[0].annotation_id, whole[0].task_id),
        (1, None, task)
    );
    assert!(
        items
            .iter()
            .all(|item| item.op == OutboxOp::Upsert && item.attempts == 1)
    );
    assert!(claim(&w, NOW).await.is_empty(), "leased");
    w.store.finish_outbox(&items, &[], NOW).await.unwrap();
    let counts = w.store.outbox_counts(w.org, each.id).await.unwrap();
    assert_eq!((counts.pending, counts.failed, counts.done), (0, 0, 3));
    assert!(claim(&w, NOW + 99_999).await.is_empty());
}

pub async fn a_newer_change_supersedes_an_older_one(w: World) {
    let target = w.target(ExportLayout::PerAnnotation, true).await;
    let annotation = annotate(&w, w.task().await).await;
    let patch = AnnotationPatch::default();
    w.store
        .update_annotation(w.org, annotation, &patch, w.user, NOW + 1)
        .await
        .unwrap()
        .done()
        .unwrap();
    assert_eq!(
        w.store
            .outbox_counts(w.org, target.id)
            .await
            .unwrap()
            .pending,
        1
    );
    assert!(
        w.store
            .delete_annotation(w.org, annotation, &Expected::Any, NOW + 2)
            .await
            .unwrap()
            .done()
            .is_some()
    );
    let items = claim(&w, NOW + 2).await;
    assert_eq!((items.len(), items[0].op), (1, OutboxOp::Delete));
}

pub async fn an_object_that_changed_under_lease_is_due_again(w: World) {
    let target = w.target(ExportLayout::PerAnnotation, false).await;
    let annotation = annotate(&w, w.task().await).await;
    let held = claim(&w, NOW).await;
    let patch = AnnotationPatch::default();
    w.store
        .update_annotation(w.org, annotation, &patch, w.user, NOW + 1)
        .await
        .unwrap()
        .done()
        .unwrap();
    assert!(
        claim(&w, NOW + 1).await.is_empty(),
        "never two workers at one object"
    );
    w.store.finish_outbox(&held, &[], NOW + 2).await.unwrap();
    let again = claim(&w, NOW + 2).await;
    assert_eq!(again.len(), 1);
    assert!(again[0].version > held[0].version);

    // The same when the older attempt failed: its cause is not the newer change's.
    w.store
        .update_annotation(w.org, annotation, &patch, w.user, NOW + 3)
        .await
        .unwrap()
        .done()
        .unwrap();
    w.store.fail_outbox(&again[0], "old").await.unwrap();
    let counts = w.store.outbox_counts(w.org, target.id).await.unwrap();
    assert_eq!(
        (counts.pending, counts.failed, counts.last_error),
        (1, 0, None)
    );
    let newest = claim(&w, NOW + 3).await;
    // A worker that lost its lease can no longer change the item.
    let taken = w
        .store
        .claim_outbox("b", 9, LEASE, NOW + 3 + LEASE)
        .await
        .unwrap();
    assert_eq!((taken.len(), taken[0].attempts), (1, 2));
    w.store.retry_outbox(&newest[0], "late", NOW).await.unwrap();
    assert!(claim(&w, NOW + 3 + LEASE).await.is_empty());
    w.store.finish_outbox(&taken, &[], NOW).await.unwrap();
    assert_eq!(
        w.store
            .outbox_counts(w.org, target.id)
            .await
            .unwrap()
            .pending,
        0
    );
}

pub async fn failures_are_counted_and_revived(w: World) {
    let target = w.target(ExportLayout::PerAnnotation, false).await;
    let annotation = annotate(&w, w.task().await).await;
    let item = claim(&w, NOW).await.remove(0);
    w.store.retry_outbox(&item, "503", NOW + 50).await.unwrap();
    assert!(claim(&w, NOW + 49).await.is_empty());
    let item = claim(&w, NOW + 50).await.remove(0);
    assert_eq!(item.attempts, 2);
    w.store
        .fail_outbox(&item, "no such container")
        .await
        .unwrap();
    assert!(claim(&w, NOW + 999_999).await.is_empty());
    let counts = w.store.outbox_counts(w.org, target.id).await.unwrap();
    assert_eq!((counts.pending, counts.failed, counts.done), (0, 1, 0));
    assert_eq!(counts.last_error.as_deref(), Some("no such container"));
    let foreign = w
        .store
        .outbox_counts(w.stranger(), target.id)
        .await
        .unwrap();
    assert_eq!(foreign, store::OutboxCounts::default());

    let patch = AnnotationPatch::default();
    w.store
        .update_annotation(w.org, annotation, &patch, w.user, NOW + 60)
        .await
        .unwrap()
        .done()
        .unwrap();
    let revived = claim(&w, NOW + 60).await;
    assert_eq!((revived.len(), revived[0].attempts), (1, 1));
}

pub async fn deletions_reach_only_storages_that_delete(w: World) {
    let deleting = w.target(ExportLayout::PerAnnotation, true).await;
    let keeping = w.target(ExportLayout::PerAnnotation, false).await;
    let whole = w.target(ExportLayout::PerTask, true).await;
    let task = w.task().await;
    let (first, second) = (annotate(&w, task).await, annotate(&w, task).await);
    w.store
        .finish_outbox(&claim(&w, NOW).await, &[], NOW)
        .await
        .unwrap();

    let deleted = w.store.delete_annotation(w.org, first, &Expected::Any, NOW);
    deleted.await.unwrap().done().unwrap();
    let items = claim(&w, NOW).await;
    let of = |storage| {
        items
            .iter()
            .find(|item| item.storage_id == storage)
            .map(|item| item.op)
    };
    assert_eq!(of(deleting.id), Some(OutboxOp::Delete));
    assert_eq!(of(keeping.id), None);
    assert_eq!(
        of(whole.id),
        Some(OutboxOp::Upsert),
        "the task still has an annotation"
    );
    w.store.finish_outbox(&items, &[], NOW).await.unwrap();

    assert!(w.store.delete_task(w.org, task, NOW).await.unwrap());
    let items = claim(&w, NOW).await;
    assert_eq!(items.len(), 2);
    assert!(
        items
            .iter()
            .all(|item| item.op == OutboxOp::Delete && item.task_id == task)
    );
    assert!(items.iter().any(|item| item.annotation_id == Some(second)));

    let third = annotate(&w, w.task().await).await;
    w.store
        .finish_outbox(&claim(&w, NOW).await, &[], NOW)
        .await
        .unwrap();
    w.store
        .delete_tasks_of_project(w.org, w.project, NOW)
        .await
        .unwrap()
        .unwrap();
    let items = claim(&w, NOW).await;
    assert!(
        items
            .iter()
            .any(|item| item.annotation_id == Some(third) && item.op == OutboxOp::Delete)
    );
    assert!(!items.iter().any(|item| item.storage_id == keeping.id));
}

pub async fn a_full_export_is_counted_and_cancelled(w: World) {
    for _ in 0..2 {
        annotate(&w, w.task().await).await;
    }
    let target = w.target(ExportLayout::PerAnnotation, false).await;
    assert!(
        claim(&w, NOW).await.is_empty(),
        "older annotations are not exported by themselves"
    );
    let run = w
        .store
        .start_run(w.org, target.id, NOW)
        .await
        .unwrap()
        .unwrap()
        .run
        .id;
    assert_eq!(
        w.store
            .enqueue_full_export(w.stranger(), target.id, run, NOW)
            .await
            .unwrap(),
        0
    );
    assert_eq!(
        w.store
            .enqueue_full_export(w.org, target.id, run, NOW)
            .await
            .unwrap(),
        2
    );
    let items = claim(&w, NOW).await;
    assert!(items.iter().all(|item| item.run_id == Some(run)));
    w.store.finish_outbox(&items[..1], &[], NOW).await.unwrap();
    w.store.fail_outbox(&items[1], "denied").await.unwrap();
    let counts = w.store.outbox_counts_of_run(run).await.unwrap();
    assert_eq!((counts.pending, counts.failed, counts.done), (0, 1, 1));
    assert_eq!(counts.last_error.as_deref(), Some("denied"));
    let saved = w.store.find_run(w.org, run).await.unwrap().unwrap().counts;
    assert_eq!(saved.total, 2);
    let finished = w
        .store
        .finish_run(run, SyncStatus::Failed, &saved, Some("x"), NOW)
        .await;
    assert!(finished.unwrap());

    // A cancelled export takes back what only it asked for; a live change stays.
    let live = annotate(&w, w.task().await).await;
    let run = w
        .store
        .start_run(w.org, target.id, NOW)
        .await
        .unwrap()
        .unwrap()
        .run
        .id;
    assert_eq!(
        w.store
            .enqueue_full_export(w.org, target.id, run, NOW)
            .await
            .unwrap(),
        3
    );
    w.store
        .cancel_run(w.org, target.id, NOW)
        .await
        .unwrap()
        .unwrap();
    let left = claim(&w, NOW).await;
    assert!(left.iter().any(|item| item.annotation_id == Some(live)));
    assert!(left.len() < 3);

    // Per task, annotations of one task are one object.
    let per_task = StorageSettings {
        export_layout: ExportLayout::PerTask,
        ..target.settings
    };
    w.store
        .update_storage(w.org, target.id, &per_task, None, NOW)
        .await
        .unwrap()
        .unwrap();
    let task = w.task().await;
    annotate(&w, task).await;
    annotate(&w, task).await;
    let run = w
        .store
        .start_run(w.org, target.id, NOW)
        .await
        .unwrap()
        .unwrap()
        .run
        .id;
    assert_eq!(
        w.store
            .enqueue_full_export(w.org, target.id, run, NOW)
            .await
            .unwrap(),
        4
    );
}

/// Annotation 1 and task 1 are both called by their number.
pub async fn a_number_is_one_object_when_the_layout_changes(w: World) {
    let target = w.target(ExportLayout::PerAnnotation, false).await;
    let task = w.task().await;
    let annotation = annotate(&w, task).await;
    assert_eq!((annotation.0, task.0), (1, 1));
    let held = claim(&w, NOW).await;
    let settings = StorageSettings {
        export_layout: ExportLayout::PerTask,
        ..target.settings.clone()
    };
    let changed = w
        .store
        .update_storage(w.org, target.id, &settings, None, NOW);
    changed.await.unwrap().unwrap();
    annotate(&w, task).await;
    assert!(
        claim(&w, NOW + 1).await.is_empty(),
        "never two workers at one object"
    );
    w.store.finish_outbox(&held, &[], NOW + 1).await.unwrap();
    let items = claim(&w, NOW + 1).await;
    assert_eq!((items.len(), items[0].annotation_id), (1, None));
}

/// As they were when the database still knew the objects' names.
pub async fn what_waited_before_an_upgrade_is_written_after_it(w: World) {
    let each = w.target(ExportLayout::PerAnnotation, false).await;
    let whole = w.target(ExportLayout::PerTask, true).await;
    let task = w.task().await;
    let annotation = annotate(&w, task).await;
    let before = claim(&w, NOW).await;
    for back in [
        "DROP INDEX outbox_object",
        "ALTER TABLE outbox ADD COLUMN object_key TEXT NOT NULL DEFAULT ''",
        "UPDATE outbox SET object_key = CAST(COALESCE(annotation_id, task_id) AS TEXT) || '.json'",
        "CREATE UNIQUE INDEX outbox_object ON outbox (storage_id, object_key)",
        "DELETE FROM _sqlx_migrations WHERE version = 12",
    ] {
        assert!(by_hand(&w, back).await);
    }
    w.store.migrate().await.unwrap();
    let later = NOW + LEASE;
    let ids = |items: &[OutboxItem]| items.iter().map(|item| item.id).collect::<Vec<_>>();
    let items = claim(&w, later).await;
    assert_eq!(ids(&items), ids(&before));
    let of = |storage| {
        items
            .iter()
            .find(|item| item.storage_id == storage)
            .unwrap()
    };
    assert_eq!(of(each.id).annotation_id, Some(annotation));
    assert_eq!(
        (of(whole.id).annotation_id, of(whole.id).task_id),
        (None, task)
    );

    // What changes meets the row that waited.
    assert!(w.store.delete_task(w.org, task, later).await.unwrap());
    w.store.finish_outbox(&items, &[], later).await.unwrap();
    let items = claim(&w, later).await;
    assert_eq!((items.len(), items[0].storage_id), (1, whole.id));
    assert_eq!((items[0].op, items[0].version), (OutboxOp::Delete, 2));
}

pub async fn workers_share_the_outbox(w: World) {
    w.target(ExportLayout::PerAnnotation, false).await;
    let labeled = NewTask {
        annotations: vec![w.annotation()],
        ..task()
    };
    w.tasks(&vec![labeled; 90]).await;
    let workers: Vec<_> = (0..4)
        .map(|n| {
            let store = w.store.clone();
            tokio::spawn(async move {
                let mut ids = Vec::new();
                loop {
                    let items = store
                        .claim_outbox(&format!("w{n}"), 7, LEASE, NOW)
                        .await
                        .unwrap();
                    if items.is_empty() {
                        return ids;
                    }
                    assert!(items.len() <= 7);
                    ids.extend(items.iter().map(|item| item.id));
                    store.finish_outbox(&items, &[], NOW).await.unwrap();
                }
            })
        })
        .collect();
    let mut all = Vec::new();
    for worker in workers {
        all.extend(worker.await.unwrap());
    }
    assert_eq!(
        (all.len(), all.iter().collect::<HashSet<_>>().len()),
        (90, 90)
    );
}
