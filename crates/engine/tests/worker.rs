//! Workers that die, hang or meet each other.

use std::time::Duration;

use engine::Limits;
use local_azure::state::FaultKind;
use model::{Direction, StorageId, SyncRun, SyncStatus};

use crate::azure_world::{ACCOUNT, World, eventually};

/// Longer than any test.
const STUCK: FaultKind = FaultKind::Delay { ms: 600_000 };

async fn world() -> (World, StorageId) {
    let world = World::with_limits(Limits {
        list_page: 50,
        lease: Duration::from_millis(300),
        ..Limits::default()
    })
    .await;
    world.container("media").await;
    let blobs = world.azure.state().blobs();
    blobs.generate(ACCOUNT, "media", "", 200, 0).await.unwrap();
    let storage = world.source(world.form("media")).await;
    (world, storage)
}

async fn now(world: &World, run: &SyncRun) -> SyncRun {
    let found = world.engine.wait_run(&world.owner, run.id, Duration::ZERO);
    found.await.unwrap()
}

#[tokio::test]
async fn a_sync_that_kills_every_worker_is_given_up_with_its_counts() {
    let (world, storage) = world().await;
    let run = world.start_sync(storage).await;
    world.fault("comp=list", STUCK, None);
    let mut attempts = 0;
    let ended = eventually("the end of the run", async || {
        let worker = world.worker();
        let seen = eventually("another attempt, or the end", async || {
            let seen = now(&world, &run).await;
            (seen.attempts > attempts || !seen.status.is_running()).then_some(seen)
        })
        .await;
        attempts = seen.attempts;
        worker.crash().await;
        (!seen.status.is_running()).then_some(seen)
    })
    .await;
    assert_eq!(ended.status, SyncStatus::Failed, "{ended:?}");
    let why = ended.error.unwrap();
    assert!(why.contains("the worker stopped every time"), "{why}");
    // The next one is a new run, and works.
    world.azure.state().clear_faults();
    let next = world.sync(storage).await;
    assert_eq!(
        (next.status, next.counts.created),
        (SyncStatus::Completed, 200)
    );
}

#[tokio::test]
async fn a_cancel_reaches_a_sync_that_waits_for_azure() {
    let (world, storage) = world().await;
    world.fault("comp=list", STUCK, None);
    let worker = world.worker();
    let run = world.start_sync(storage).await;
    eventually("the run to begin", async || {
        (now(&world, &run).await.status == SyncStatus::InProgress).then_some(())
    })
    .await;
    world.cancel(Direction::Source, storage).await;
    assert_eq!(world.ended(&run).await.status, SyncStatus::Cancelled);
    // The worker noticed too: it is free for the next one.
    world.azure.state().clear_faults();
    let next = world.start_sync(storage).await;
    let next = world.ended(&next).await;
    assert_eq!(
        (next.status, next.counts.created),
        (SyncStatus::Completed, 200)
    );
    worker.stop().await;
}

#[tokio::test]
async fn two_workers_and_two_syncs_of_one_container_make_each_task_once() {
    let (world, first) = world().await;
    let second = world.source(world.form("media")).await;
    let workers = [world.worker(), world.worker()];
    let runs = [
        world.start_sync(first).await,
        world.start_sync(second).await,
    ];
    let mut created = 0;
    for run in &runs {
        let ended = world.ended(run).await;
        assert_eq!(ended.status, SyncStatus::Completed, "{ended:?}");
        created += ended.counts.created;
    }
    assert_eq!(created, 200);
    assert_eq!(world.task_ids().await.len(), 200);
    for worker in workers {
        worker.stop().await;
    }
}
