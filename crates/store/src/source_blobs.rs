//! Blobs that syncs have seen: what makes a second sync cheap and a duplicate impossible.

use model::{AccountName, ContainerName, OrgId, ProjectId, StorageId, SyncRunId};

use crate::{Result, Store};

/// What is known of a blob that was listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlobStanding {
    /// Never imported.
    New,
    /// Imported, with this ETag.
    Imported,
    /// Imported, with another ETag.
    Changed,
    /// Not imported: its last import failed.
    Failed,
}

/// Why a blob could not be imported.
#[derive(Clone, Debug)]
pub struct BlobError<'a> {
    pub org_id: OrgId,
    pub project_id: ProjectId,
    pub storage_id: StorageId,
    pub run_id: SyncRunId,
    pub account: &'a AccountName,
    pub container: &'a ContainerName,
    pub name: &'a str,
    pub etag: &'a str,
    /// Stable, for programs.
    pub code: &'a str,
    /// For people; redacted.
    pub message: &'a str,
    /// From 1.
    pub line: Option<i64>,
    /// From 1.
    pub column: Option<i64>,
}

/// A blob that could not be imported, as listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobErrorRecord {
    pub name: String,
    pub etag: String,
    pub code: String,
    pub message: String,
    pub line: Option<i64>,
    pub column: Option<i64>,
    pub run_id: SyncRunId,
    pub failed_at_ms: i64,
}

impl Store {
    /// What is known of these (name, ETag) pairs of one container, in the order given.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn known_blobs(
        &self,
        _project: ProjectId,
        _account: &AccountName,
        _container: &ContainerName,
        _blobs: &[(&str, &str)],
    ) -> Result<Vec<BlobStanding>> {
        todo!()
    }

    /// Keeps why a blob could not be imported; a later success clears it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn record_blob_error(&self, _error: &BlobError<'_>, _now_ms: i64) -> Result<()> {
        todo!()
    }

    /// A storage's blobs that could not be imported, by name, and how many there are in all.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_blob_errors(
        &self,
        _org: OrgId,
        _storage: StorageId,
        _limit: i64,
        _offset: i64,
    ) -> Result<(Vec<BlobErrorRecord>, i64)> {
        todo!()
    }
}
