//! Runs: one pass over a source storage, or one full export to a target storage.
//!
//! A run is fenced by its `attempts`: a worker that lost its lease, and a run that was cancelled,
//! can write neither tasks nor progress.

use model::{OrgId, ProjectId, StorageId, SyncCounts, SyncRun, SyncRunId, SyncStatus};

use crate::{Result, Store};

/// The answer to "start a run".
#[derive(Clone, Debug)]
pub struct RunStart {
    pub run: SyncRun,
    /// It was running before; nothing new was enqueued.
    pub already_running: bool,
}

/// A run that a worker has taken.
#[derive(Clone, Debug)]
pub struct StartedRun {
    pub org_id: OrgId,
    pub project_id: ProjectId,
    pub storage_id: StorageId,
    /// `run.attempts` is the fence to give to every write of this run.
    pub run: SyncRun,
    /// Where to go on listing; `None` begins at the beginning.
    pub marker: Option<String>,
}

impl Store {
    /// Queues a run and its job in one transaction, or answers the one that is running.
    /// `None` when the storage is not the organization's.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn start_run(
        &self,
        _org: OrgId,
        _storage: StorageId,
        _now_ms: i64,
    ) -> Result<Option<RunStart>> {
        todo!()
    }

    /// A run of the organization.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_run(&self, _org: OrgId, _run: SyncRunId) -> Result<Option<SyncRun>> {
        todo!()
    }

    /// A storage's runs, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_runs(
        &self,
        _org: OrgId,
        _storage: StorageId,
        _limit: i64,
        _offset: i64,
    ) -> Result<Vec<SyncRun>> {
        todo!()
    }

    /// Cancels the storage's running run; `None` when none is running.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn cancel_run(
        &self,
        _org: OrgId,
        _storage: StorageId,
        _now_ms: i64,
    ) -> Result<Option<SyncRun>> {
        todo!()
    }

    /// Worker: takes a queued run, or one whose worker was lost, raising `attempts`.
    /// `None` when it was cancelled, has finished or is gone.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn mark_run_started(
        &self,
        _run: SyncRunId,
        _now_ms: i64,
    ) -> Result<Option<StartedRun>> {
        todo!()
    }

    /// Worker: has someone cancelled it (or deleted its storage)?
    ///
    /// # Errors
    /// When the database fails.
    pub async fn run_is_cancelled(&self, _run: SyncRunId) -> Result<bool> {
        todo!()
    }

    /// Worker: saves counts and the time; `false` when the run is no longer this attempt's.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn save_run_progress(
        &self,
        _run: SyncRunId,
        _attempt: i64,
        _counts: &SyncCounts,
        _now_ms: i64,
    ) -> Result<bool> {
        todo!()
    }

    /// Worker: ends a run; `error` is for people and redacted. `false` when it was ended before
    /// (cancelled, for instance): then nothing changes.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn finish_run(
        &self,
        _run: SyncRunId,
        _status: SyncStatus,
        _counts: &SyncCounts,
        _error: Option<&str>,
        _now_ms: i64,
    ) -> Result<bool> {
        todo!()
    }
}
