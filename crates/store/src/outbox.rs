//! What is to be written to target storages: one row per object, so newer supersedes older and one
//! object is never written by two workers at once.

use model::{AnnotationId, OrgId, ProjectId, StorageId, SyncRunId, TaskId};

use crate::{Result, Store};

/// What to do with the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutboxOp {
    /// Write it as it is now.
    Upsert,
    /// Delete it.
    Delete,
}

/// An object under lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxItem {
    pub id: i64,
    /// Raised by every newer change: finishing an older one leaves the object pending.
    pub version: i64,
    pub org_id: OrgId,
    pub project_id: ProjectId,
    pub storage_id: StorageId,
    pub task_id: TaskId,
    /// `None` when the object holds the whole task.
    pub annotation_id: Option<AnnotationId>,
    /// The blob's name below the storage's prefix: `ANNOTATION_ID.json` or `TASK_ID.json`.
    pub object_key: String,
    pub op: OutboxOp,
    /// The full export that it belongs to, when there is one.
    pub run_id: Option<SyncRunId>,
    /// This one included: 1 at the first.
    pub attempts: i64,
}

/// Where the objects of a storage, or of a run, stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutboxCounts {
    /// Waiting, or being written.
    pub pending: i64,
    /// Given up.
    pub failed: i64,
    /// Written or deleted.
    pub done: i64,
    /// The newest cause among those that wait or are given up.
    pub last_error: Option<String>,
}

impl Store {
    /// Leases objects that are due, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn claim_outbox(
        &self,
        _worker_id: &str,
        _limit: i64,
        _lease_ms: i64,
        _now_ms: i64,
    ) -> Result<Vec<OutboxItem>> {
        todo!()
    }

    /// Worker: these are written. One that changed meanwhile becomes due again.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn finish_outbox(&self, _items: &[OutboxItem], _now_ms: i64) -> Result<()> {
        todo!()
    }

    /// Worker: again at this time. `error` is redacted.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn retry_outbox(
        &self,
        _item: &OutboxItem,
        _error: &str,
        _next_at_ms: i64,
    ) -> Result<()> {
        todo!()
    }

    /// Worker: given up until the object changes again or a full export asks for it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn fail_outbox(&self, _item: &OutboxItem, _error: &str) -> Result<()> {
        todo!()
    }

    /// Where the storage's objects stand.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn outbox_counts(&self, _org: OrgId, _storage: StorageId) -> Result<OutboxCounts> {
        todo!()
    }

    /// Worker: where the objects of a full export stand.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn outbox_counts_of_run(&self, _run: SyncRunId) -> Result<OutboxCounts> {
        todo!()
    }

    /// Enqueues every annotation (or annotated task) of the storage's project for the run; how many
    /// objects. Also revives those given up before.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn enqueue_full_export(
        &self,
        _org: OrgId,
        _storage: StorageId,
        _run: SyncRunId,
        _now_ms: i64,
    ) -> Result<i64> {
        todo!()
    }
}
