//! Projects and storages go in short steps, and are gone for everybody at once.

use model::{Direction, ExportLayout, SyncCounts, TaskId};
use store::{
    ApplyPage, Deletion, DeletionStep, JobTask, NewTask, PredictionQuery, SeenBlob, TaskQuery,
};

use crate::world::{NOW, World, account_key, prediction, task};

/// What one step may delete at most.
const ROWS: u64 = 1_000;
const TASKS: usize = 1_500;

async fn labeled(w: &World) -> Vec<TaskId> {
    let tasks: Vec<NewTask> = (0..TASKS)
        .map(|_| NewTask {
            annotations: vec![w.annotation()],
            predictions: vec![prediction(0.5)],
            ..task()
        })
        .collect();
    w.tasks(&tasks).await
}

/// All steps, each by whoever is there; how many rows went.
async fn delete(w: &World, deletion: Deletion) -> u64 {
    let mut all = 0;
    loop {
        // What a worker finds after a kill.
        let found = w.store.find_deletion(deletion.id).await.unwrap();
        assert_eq!(found, Some(deletion));
        match w.store.delete_step(deletion).await.unwrap() {
            DeletionStep::Rows(rows) => {
                assert!((1..=ROWS).contains(&rows), "{rows}");
                all += rows;
            }
            DeletionStep::Done => break,
        }
    }
    assert_eq!(w.store.find_deletion(deletion.id).await.unwrap(), None);
    all
}

pub async fn a_project_is_gone_at_once_and_goes_in_steps(w: World) {
    let target = w.target(ExportLayout::PerAnnotation, true).await;
    let tasks = labeled(&w).await;
    let begin = async |org| {
        let begun = w.store.begin_project_deletion(org, w.project, NOW);
        begun.await.unwrap()
    };
    assert_eq!(begin(w.stranger()).await, None);
    let deletion = begin(w.org).await.unwrap();
    assert_eq!(begin(w.org).await, None, "once");

    // Shown, and of no use.
    let (listed, _) = w.store.list_projects(w.org, "", 10, 0).await.unwrap();
    let found = w.store.find_project(w.org, w.project).await.unwrap();
    assert!(listed[0].is_being_deleted && found.unwrap().is_being_deleted);
    assert!(w.store.find_task(w.org, tasks[0]).await.unwrap().is_none());
    let gone = w.store.find_storage(w.org, target.id).await;
    assert!(gone.unwrap().is_none());
    let storage = w.new_storage(Direction::Source);
    let key = account_key();
    let new = w.store.create_storage(&storage, &key, NOW);
    assert!(new.await.unwrap().is_none());
    let more = w
        .store
        .create_tasks(w.org, w.project, &[task()], NOW, w.user)
        .await;
    assert!(more.unwrap().is_none());
    let annotation = w
        .store
        .create_annotation(w.org, tasks[0], &w.annotation(), NOW)
        .await;
    assert!(annotation.unwrap().is_none());

    // Its worker comes when whoever asked has not ended it.
    assert!(w.store.claim_job("a", 1_000, NOW).await.unwrap().is_none());
    let job = w.store.claim_job("a", 1_000, NOW + 60_000).await.unwrap();
    let job = job.unwrap();
    let deletion_id = deletion.id;
    assert_eq!(job.task, JobTask::Delete { deletion_id });
    assert!(w.store.release_job(&job, NOW).await.unwrap());

    // Outbox, annotations, predictions, tasks.
    assert_eq!(delete(&w, deletion).await, 4 * TASKS as u64);
    assert!(
        w.store
            .find_project(w.org, w.project)
            .await
            .unwrap()
            .is_none()
    );
    assert!(w.store.claim_job("a", 1_000, NOW).await.unwrap().is_none());
    let everything = TaskQuery {
        project: None,
        after_id: None,
        limit: 10,
        offset: 0,
    };
    let (left, _) = w.store.list_tasks(w.org, &everything).await.unwrap();
    assert!(left.is_empty());
    let query = PredictionQuery::default();
    let predictions = w.store.list_predictions(w.org, &query);
    assert!(predictions.await.unwrap().is_empty());
}

pub async fn a_storage_goes_in_steps_and_leaves_its_blobs(w: World) {
    let storage = w.source().await;
    let run = w.store.start_run(w.org, storage.id, NOW).await;
    let run = run.unwrap().unwrap().run;
    let started = w.store.mark_run_started(run.id, NOW).await.unwrap();
    let started = started.unwrap();
    let blobs: Vec<SeenBlob> = (0..TASKS)
        .map(|number| SeenBlob {
            name: format!("in/{number}.png"),
            etag: "1".to_owned(),
            size: 1,
            modified_ms: NOW,
            data_json: "{}".to_owned(),
        })
        .collect();
    let page = ApplyPage {
        org_id: w.org,
        project_id: w.project,
        storage_id: storage.id,
        run_id: run.id,
        attempt: started.run.attempts,
        account: &storage.account,
        container: &storage.container,
        blobs: &blobs,
        marker_after: None,
        counts: &SyncCounts::default(),
        now_ms: NOW,
    };
    assert!(w.store.apply_blob_page(&page).await.unwrap().is_some());
    let begun = w.store.begin_storage_deletion(w.org, storage.id, NOW);
    let deletion = begun.await.unwrap().unwrap();
    let gone = w.store.find_storage(w.org, storage.id).await;
    assert!(gone.unwrap().is_none());
    assert!(w.store.apply_blob_page(&page).await.unwrap().is_none());
    let again = w.store.begin_storage_deletion(w.org, storage.id, NOW);
    assert_eq!(again.await.unwrap(), None);
    while w.store.delete_step(deletion).await.unwrap() != DeletionStep::Done {}
    let (tasks, _) = w
        .store
        .list_tasks(
            w.org,
            &TaskQuery {
                project: Some(w.project),
                after_id: None,
                limit: 10_000,
                offset: 0,
            },
        )
        .await
        .unwrap();
    assert_eq!(tasks.len(), TASKS);
    assert!(tasks.iter().all(|task| task.source_storage_id.is_none()));
}
