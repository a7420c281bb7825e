//! The worker: claims jobs, keeps their leases, runs several at once, and delivers exports.
//!
//! Any number of workers, in any number of processes, share one database. A worker that dies
//! stops renewing; its jobs go to another one, which goes on from their checkpoints.

use std::time::Duration;

use store::{Job, JobTask, Retry};
use tokio::{sync::Notify, task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    Engine, Result,
    audit::retention,
    error::report,
    runs::{deletion, export, sync},
    storages::expiry,
};

/// How often an idle worker looks for jobs of other processes.
const POLL: Duration = Duration::from_secs(1);

/// How often it is looked whether something waits for longer than anything may.
const CLOCK_LOOK: Duration = Duration::from_secs(60);

/// The wait of a job that the database let down.
const OUTAGE_WAIT_MS: i64 = 2_000;

/// The wait before a job's second attempt; doubled for each further one.
const FIRST_RETRY_MS: i64 = 1_000;

/// Wakes those who wait inside this process; those in others poll.
#[derive(Default)]
pub(crate) struct Signals {
    /// A run has ended.
    pub run_changed: Notify,
    /// An object was exported or given up.
    pub outbox_changed: Notify,
    /// A task file was decided, or more of one became tasks.
    pub staging_changed: Notify,
}

/// What became of a job whose body returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JobEnd {
    /// It is over, well or not.
    Done,
    /// Given back: the worker is stopping.
    Released,
}

/// Runs jobs until it is told to stop.
#[derive(Debug)]
pub struct Worker;

impl Worker {
    /// Runs at most `concurrency` jobs at once, and delivers exports beside them, until
    /// `shutdown`. Then running syncs stop at their next page and go back to the queue, and
    /// writes that are on their way are finished.
    pub async fn run(engine: Engine, shutdown: CancellationToken, concurrency: usize) {
        let id = uuid::Uuid::now_v7().to_string();
        tracing::info!(worker = %id, concurrency, "worker started");
        tokio::join!(
            run_jobs(&engine, &id, &shutdown, concurrency.max(1)),
            export::deliver(&engine, &id, &shutdown),
            sync::watch_staged(&engine, &shutdown),
            expiry::watch(&engine, &shutdown),
            retention::watch(&engine, &shutdown),
        );
        tracing::info!(worker = %id, "worker stopped");
    }
}

async fn run_jobs(engine: &Engine, id: &str, shutdown: &CancellationToken, concurrency: usize) {
    let mut running = JoinSet::new();
    let mut looked = None;
    loop {
        if looked.is_none_or(|at: Instant| at.elapsed() > CLOCK_LOOK) {
            looked = Some(Instant::now());
            pull_back(engine).await;
        }
        // Registered before looking, so that a job enqueued in between is not missed.
        let enqueued = engine.store().job_notify().notified();
        while running.len() < concurrency && !shutdown.is_cancelled() {
            let lease_ms = engine.lease_ms();
            match engine
                .store()
                .claim_job(id, lease_ms, engine.now_ms())
                .await
            {
                Ok(Some(job)) => {
                    running.spawn(work(engine.clone(), job, shutdown.clone()));
                }
                Ok(None) => break,
                Err(error) => {
                    tracing::error!(error = %report(&error), "jobs cannot be claimed");
                    break;
                }
            }
        }
        end_abandoned(engine).await;
        if shutdown.is_cancelled() && running.is_empty() {
            return;
        }
        tokio::select! {
            Some(ended) = running.join_next() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "a job ended without an answer");
                }
            }
            () = enqueued => {}
            () = shutdown.cancelled(), if !shutdown.is_cancelled() => {}
            () = tokio::time::sleep(POLL) => {}
        }
    }
}

/// A clock that was set back leaves jobs and objects that would wait for as long as it was ahead.
async fn pull_back(engine: &Engine) {
    match engine.store().pull_back_due(engine.now_ms()).await {
        Ok(0) => {}
        Ok(count) => tracing::warn!(count, "the clock was set back; what waited for it is due"),
        Err(error) => tracing::warn!(error = %report(&error), "due times cannot be looked at"),
    }
}

/// Runs one job under its lease and settles it.
async fn work(engine: Engine, job: Job, shutdown: CancellationToken) {
    let ended = tokio::select! {
        ended = run_body(&engine, &job, &shutdown) => ended,
        () = keep_lease(&engine, &job) => {
            tracing::warn!(job = %job.id, "the lease of a job was lost; another worker has it");
            return;
        }
    };
    let ended = match ended {
        Err(error) if error.outage().is_some() => {
            tracing::warn!(job = %job.id, error = %report(&error), "a job waits for the database");
            give_back(&engine, &job, &shutdown).await;
            return;
        }
        ended => ended,
    };
    if let Err(error) = settle(&engine, &job, ended).await {
        tracing::error!(job = %job.id, error = %report(&error), "a job cannot be settled");
    }
}

async fn run_body(engine: &Engine, job: &Job, stop: &CancellationToken) -> Result<JobEnd> {
    match job.task {
        JobTask::Sync { run_id } => sync::run(engine, run_id, stop).await,
        JobTask::Export { run_id } => export::run(engine, run_id, stop).await,
        JobTask::Delete { deletion_id } => deletion::run(engine, deletion_id, stop).await,
    }
}

/// Gives back a job that the database let down, as soon as that takes something again: it was not
/// the job's doing, so the attempt does not count.
async fn give_back(engine: &Engine, job: &Job, shutdown: &CancellationToken) {
    while !shutdown.is_cancelled() {
        let due_ms = engine.now_ms() + OUTAGE_WAIT_MS;
        match engine.store().release_job(job, due_ms).await {
            Ok(_) => return,
            Err(error) => {
                tracing::debug!(job = %job.id, error = %report(&error), "it cannot be given back yet");
                tokio::select! {
                    () = tokio::time::sleep(POLL) => {}
                    () = shutdown.cancelled() => {}
                }
            }
        }
    }
}

async fn settle(engine: &Engine, job: &Job, ended: Result<JobEnd>) -> Result<()> {
    let store = engine.store();
    match ended {
        Ok(JobEnd::Done) => {
            store.finish_job(job).await?;
        }
        Ok(JobEnd::Released) => {
            store.release_job(job, engine.now_ms()).await?;
        }
        Err(error) => {
            let text = report(&error);
            tracing::error!(job = %job.id, attempt = job.attempts, error = %text, "a job failed");
            metrics::counter!("longshore_job_failures_total").increment(1);
            let wait_ms = FIRST_RETRY_MS << (job.attempts - 1).clamp(0, 10);
            let now_ms = engine.now_ms();
            // Shown with the run when no attempt follows; the causes are in the log.
            let text = format!(
                "It was given up after {} attempts: {error}. What was done is kept; start it again, and see the server's log.",
                job.attempts
            );
            let another = store
                .fail_job(job, &text, Retry::AtMs(now_ms + wait_ms), now_ms)
                .await?;
            if !another {
                engine.run_changed();
            }
        }
    }
    Ok(())
}

/// Renews the lease for as long as it is ours; returns when it is not.
async fn keep_lease(engine: &Engine, job: &Job) {
    loop {
        tokio::time::sleep(engine.limits().lease / 3).await;
        let renewed = engine
            .store()
            .renew_job(job, engine.lease_ms(), engine.now_ms());
        match renewed.await {
            Ok(true) => {}
            Ok(false) => return,
            // Another try follows before the lease is over; the run's fence protects what is written.
            Err(error) => {
                tracing::warn!(job = %job.id, error = %report(&error), "a lease cannot be renewed");
            }
        }
    }
}

/// Ends the runs of jobs whose workers died in every attempt.
async fn end_abandoned(engine: &Engine) {
    match engine.store().fail_exhausted_jobs(engine.now_ms()).await {
        Ok(jobs) if jobs.is_empty() => {}
        Ok(jobs) => {
            tracing::error!(count = jobs.len(), "jobs were given up: their workers died");
            metrics::counter!("longshore_job_failures_total").increment(jobs.len() as u64);
            engine.run_changed();
        }
        Err(error) => {
            tracing::error!(error = %report(&error), "abandoned jobs cannot be ended");
        }
    }
}
