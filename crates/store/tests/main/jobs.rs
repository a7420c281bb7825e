//! The job queue.

use std::collections::HashSet;

use model::{SyncRunId, SyncStatus};
use store::{Job, JobTask, NewJob, Retry};

use crate::world::{NOW, World};

const LEASE: i64 = 1_000;

fn job(unique_key: Option<&str>, run_at_ms: i64) -> NewJob<'_> {
    NewJob {
        task: JobTask::Sync {
            run_id: SyncRunId(0),
        },
        unique_key,
        run_at_ms,
    }
}

async fn claim(w: &World, worker: &str, now_ms: i64) -> Option<Job> {
    w.store.claim_job(worker, LEASE, now_ms).await.unwrap()
}

pub async fn two_workers_never_hold_the_same_job(w: World) {
    for n in 0..60 {
        w.store
            .enqueue_job(&job(None, NOW + n % 7), NOW)
            .await
            .unwrap()
            .unwrap();
    }
    let workers: Vec<_> = (0..6)
        .map(|n| {
            let store = w.store.clone();
            tokio::spawn(async move {
                let mut ids = Vec::new();
                while let Some(job) = store
                    .claim_job(&format!("w{n}"), LEASE, NOW + 10)
                    .await
                    .unwrap()
                {
                    ids.push(job.id);
                }
                ids
            })
        })
        .collect();
    let mut all = Vec::new();
    for worker in workers {
        all.extend(worker.await.unwrap());
    }
    assert_eq!(all.len(), 60);
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), 60);
}

pub async fn a_lost_lease_is_taken_over_and_fenced(w: World) {
    w.store.enqueue_job(&job(None, NOW), NOW).await.unwrap();
    assert!(claim(&w, "a", NOW - 1).await.is_none(), "not due yet");
    let first = claim(&w, "a", NOW).await.unwrap();
    assert!(claim(&w, "b", NOW + LEASE - 1).await.is_none());
    assert!(w.store.renew_job(&first, LEASE, NOW + 500).await.unwrap());
    assert!(claim(&w, "b", NOW + LEASE).await.is_none(), "renewed");
    let second = claim(&w, "a", NOW + 500 + LEASE).await.unwrap();
    assert_eq!((second.id, second.attempts), (first.id, 2));
    // The same worker's older lease is fenced as well.
    assert!(!w.store.renew_job(&first, LEASE, NOW).await.unwrap());
    assert!(!w.store.finish_job(&first).await.unwrap());
    assert!(
        !w.store
            .fail_job(&first, "x", Retry::AtMs(NOW), NOW)
            .await
            .unwrap()
    );
    assert!(w.store.release_job(&second, NOW + 2_000).await.unwrap());
    let third = claim(&w, "b", NOW + 2_000).await.unwrap();
    assert_eq!(third.attempts, 2, "a released attempt does not count");
    assert!(w.store.finish_job(&third).await.unwrap());
    assert!(claim(&w, "b", NOW + 99_999).await.is_none());
}

pub async fn attempts_are_limited(w: World) {
    w.store
        .enqueue_job(&job(Some("k"), NOW), NOW)
        .await
        .unwrap();
    let mut now = NOW;
    let max_attempts = loop {
        let job = claim(&w, "a", now).await.unwrap();
        now += 10;
        if !w
            .store
            .fail_job(&job, "why", Retry::AtMs(now), now)
            .await
            .unwrap()
        {
            assert_eq!(job.attempts, job.max_attempts);
            break job.max_attempts;
        }
        assert!(claim(&w, "a", now - 1).await.is_none(), "waits");
    };
    assert!(claim(&w, "a", now + 99_999).await.is_none());

    // A worker that dies every time: the lease runs out, until nobody takes it any more.
    w.store
        .enqueue_job(&job(Some("k"), now), now)
        .await
        .unwrap()
        .expect("the key is free again");
    for _ in 0..max_attempts {
        assert!(w.store.fail_exhausted_jobs(now).await.unwrap().is_empty());
        claim(&w, "a", now).await.unwrap();
        now += LEASE;
    }
    assert!(claim(&w, "a", now).await.is_none());
    assert_eq!(w.store.fail_exhausted_jobs(now).await.unwrap().len(), 1);
    assert!(w.store.fail_exhausted_jobs(now).await.unwrap().is_empty());
}

pub async fn a_key_is_enqueued_once(w: World) {
    let notified = w.store.job_notify().notified();
    tokio::pin!(notified);
    notified.as_mut().enable();
    assert!(
        w.store
            .enqueue_job(&job(Some("k"), NOW), NOW)
            .await
            .unwrap()
            .is_some()
    );
    notified.await;
    assert!(
        w.store
            .enqueue_job(&job(Some("k"), NOW), NOW)
            .await
            .unwrap()
            .is_none()
    );
    let held = claim(&w, "a", NOW).await.unwrap();
    assert!(
        w.store
            .enqueue_job(&job(Some("k"), NOW), NOW)
            .await
            .unwrap()
            .is_none()
    );
    w.store.finish_job(&held).await.unwrap();
    assert!(
        w.store
            .enqueue_job(&job(Some("k"), NOW), NOW)
            .await
            .unwrap()
            .is_some()
    );
}

pub async fn a_job_given_up_ends_its_run(w: World) {
    let storage = w.source().await;
    let run = w
        .store
        .start_run(w.org, storage.id, NOW)
        .await
        .unwrap()
        .unwrap()
        .run
        .id;
    let job = claim(&w, "a", NOW).await.unwrap();
    assert!(
        !w.store
            .fail_job(&job, "no such container", Retry::GiveUp, NOW)
            .await
            .unwrap()
    );
    let run = w.store.find_run(w.org, run).await.unwrap().unwrap();
    assert_eq!(
        (run.status, run.error.as_deref()),
        (SyncStatus::Failed, Some("no such container"))
    );
    let again = w
        .store
        .start_run(w.org, storage.id, NOW)
        .await
        .unwrap()
        .unwrap();
    assert!(!again.already_running);
}

pub async fn a_clock_that_was_set_back_keeps_nothing_waiting(w: World) {
    const DAY: i64 = 86_400_000;
    w.store
        .enqueue_job(&job(None, NOW + DAY), NOW + DAY)
        .await
        .unwrap();
    w.store
        .enqueue_job(&job(None, NOW + 60_000), NOW)
        .await
        .unwrap();
    assert!(claim(&w, "a", NOW).await.is_none());
    assert_eq!(w.store.pull_back_due(NOW).await.unwrap(), 1);
    assert!(claim(&w, "a", NOW).await.is_some());
    assert!(claim(&w, "a", NOW).await.is_none(), "a wait is a wait");
}
