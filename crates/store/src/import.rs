//! The hot path of a sync: a page of blobs becomes tasks, exactly once, with the run's checkpoint
//! in the same transaction.

use model::{AccountName, ContainerName, OrgId, ProjectId, StorageId, SyncCounts, SyncRunId};

use crate::{NewTask, Result, Store};

/// A listed blob, and the task that it becomes.
#[derive(Clone, Debug)]
pub struct SeenBlob {
    pub name: String,
    pub etag: String,
    /// Bytes.
    pub size: i64,
    pub modified_ms: i64,
    /// JSON object: the task's data.
    pub data_json: String,
}

/// A page of blobs in files mode: one task per blob.
#[derive(Clone, Debug)]
pub struct ApplyPage<'a> {
    pub org_id: OrgId,
    pub project_id: ProjectId,
    pub storage_id: StorageId,
    pub run_id: SyncRunId,
    /// `attempts` of the started run: the fence.
    pub attempt: i64,
    pub account: &'a AccountName,
    pub container: &'a ContainerName,
    pub blobs: &'a [SeenBlob],
    /// Where the next page begins; `None` leaves the checkpoint alone.
    pub marker_after: Option<&'a str>,
    /// The run's counts with this page's `listed`, `filtered`, `skipped` and `failed`; what the page
    /// creates, finds or sees changed is added by the store.
    pub counts: &'a SyncCounts,
    pub now_ms: i64,
}

/// A blob of task files, parsed.
#[derive(Clone, Debug)]
pub struct ImportedBlob {
    pub name: String,
    pub etag: String,
    /// Bytes.
    pub size: i64,
    pub modified_ms: i64,
    /// By row, from 0.
    pub tasks: Vec<NewTask>,
}

/// One or more parsed blobs in tasks mode: all rows of a blob or none.
#[derive(Clone, Debug)]
pub struct ApplyBlobTasks<'a> {
    pub org_id: OrgId,
    pub project_id: ProjectId,
    pub storage_id: StorageId,
    pub run_id: SyncRunId,
    /// `attempts` of the started run: the fence.
    pub attempt: i64,
    pub account: &'a AccountName,
    pub container: &'a ContainerName,
    pub blobs: &'a [ImportedBlob],
    /// Where the next page begins; `None` leaves the checkpoint alone.
    pub marker_after: Option<&'a str>,
    /// As in [`ApplyPage::counts`].
    pub counts: &'a SyncCounts,
    pub now_ms: i64,
}

/// What a page did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PageOutcome {
    /// Tasks.
    pub created: i64,
    /// Blobs known with this ETag.
    pub existed: i64,
    /// Blobs known with another ETag.
    pub changed: i64,
    /// The run's counts with all this added, as saved.
    pub counts: SyncCounts,
}

impl Store {
    /// Files mode: inserts the page's new blobs and their tasks, and saves counts and checkpoint, in
    /// one transaction. `None` when the run is no longer this attempt's (cancelled, or taken over):
    /// nothing was written.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn apply_blob_page(&self, _page: &ApplyPage<'_>) -> Result<Option<PageOutcome>> {
        todo!()
    }

    /// Tasks mode: the same for parsed blobs. Rows that are there already stay as they are, so a blob
    /// that grew adds only its new rows.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn apply_blob_tasks(
        &self,
        _page: &ApplyBlobTasks<'_>,
    ) -> Result<Option<PageOutcome>> {
        todo!()
    }
}
