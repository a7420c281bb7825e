//! The job queue: leases on rows, no broker, any number of workers.

use model::JobId;

use crate::{Result, Store};

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JobKind {
    /// A run over a source storage; payload `{"run_id": N}`.
    Sync,
    /// A full export to a target storage; payload `{"run_id": N}`.
    Export,
}

/// A job to enqueue.
#[derive(Clone, Debug)]
pub struct NewJob<'a> {
    pub kind: JobKind,
    /// JSON object.
    pub payload: &'a str,
    /// While a job with this key waits or runs, another is not enqueued.
    pub unique_key: Option<&'a str>,
    pub run_at_ms: i64,
}

/// A job under lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    pub id: JobId,
    pub kind: JobKind,
    /// JSON object.
    pub payload: String,
    /// This one included: 1 at the first.
    pub attempts: i64,
    /// No further attempt follows this many.
    pub max_attempts: i64,
    pub(crate) worker_id: String,
}

/// What follows a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Again at this time, unless it was the last attempt.
    AtMs(i64),
    /// Never.
    GiveUp,
}

impl Store {
    /// Enqueues a job; `None` when one with the same key waits or runs.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn enqueue_job(&self, _job: &NewJob<'_>, _now_ms: i64) -> Result<Option<JobId>> {
        todo!()
    }

    /// Leases the job that is due first, or one whose lease has run out; `None` when there is none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn claim_job(
        &self,
        _worker_id: &str,
        _lease_ms: i64,
        _now_ms: i64,
    ) -> Result<Option<Job>> {
        todo!()
    }

    /// Extends the lease; `false` when it was lost: stop working on it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn renew_job(&self, _job: &Job, _lease_ms: i64, _now_ms: i64) -> Result<bool> {
        todo!()
    }

    /// Removes a job that succeeded; `false` when the lease was lost.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn finish_job(&self, _job: &Job) -> Result<bool> {
        todo!()
    }

    /// Ends a failed attempt; `true` when another one will follow. `error` is redacted.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn fail_job(
        &self,
        _job: &Job,
        _error: &str,
        _retry: Retry,
        _now_ms: i64,
    ) -> Result<bool> {
        todo!()
    }

    /// Gives up jobs whose last attempt's lease ran out (its worker died) and answers them, so that
    /// their runs can be ended.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn fail_exhausted_jobs(&self, _now_ms: i64) -> Result<Vec<Job>> {
        todo!()
    }
}
