//! Source and target storages, and the runs over them.

use std::ops::Deref;

use serde::{Deserialize, Serialize};

use crate::{
    AccountName, ContainerName, CredentialKind, OrgId, Prefix, ProjectId, StorageId, SyncRunId,
};

macro_rules! text_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $text)] $variant),+ }

        impl $name {
            /// As stored and as in JSON.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// The inverse of `as_str`.
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

text_enum! {
    /// Which way data flows.
    Direction {
        /// Blobs come in as tasks.
        Source = "source",
        /// Annotations go out as blobs.
        Target = "target",
    }
}

impl Direction {
    /// The storages of this direction that sign in so: `Direction::Source.by(kind)`.
    pub fn by(self, kind: CredentialKind) -> StorageType {
        StorageType {
            direction: self,
            kind,
        }
    }
}

/// Which sort of storage: which way data flows and how it signs in. It never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StorageType {
    pub direction: Direction,
    pub kind: CredentialKind,
}

text_enum! {
    /// What a blob is to a source storage.
    ImportMode {
        /// One task per blob; the task's data is the blob's URI.
        Files = "files",
        /// Each blob is a JSON object, a JSON array or JSONL of tasks.
        Tasks = "tasks",
    }
}

text_enum! {
    /// How a browser gets a blob.
    ServeMode {
        /// 303 to a pre-signed URL (SAS).
        Presigned = "presigned",
        /// Streamed through Longshore.
        Proxy = "proxy",
    }
}

text_enum! {
    /// What one exported blob holds.
    ExportLayout {
        /// One blob per annotation: `ANNOTATION_ID.json`.
        PerAnnotation = "per_annotation",
        /// One blob per task with all its annotations: `TASK_ID.json`.
        PerTask = "per_task",
    }
}

text_enum! {
    /// Where a run stands. `completed` means that all of it is there.
    SyncStatus {
        /// Never run.
        Initialized = "initialized",
        /// Waiting for a worker.
        Queued = "queued",
        /// A worker is at it.
        InProgress = "in_progress",
        /// Everything is there.
        Completed = "completed",
        /// Ended, and some blobs are listed with their errors.
        CompletedWithErrors = "completed_with_errors",
        /// Ended early; `error` says why. What was committed stays, a new run goes on from there.
        Failed = "failed",
        /// A person stopped it; the same holds.
        Cancelled = "cancelled",
    }
}

impl SyncStatus {
    /// Will it change without anyone asking?
    pub fn is_running(self) -> bool {
        matches!(self, Self::Queued | Self::InProgress)
    }
}

/// What a person sets of a storage, and can change later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageSettings {
    pub title: String,
    pub description: Option<String>,
    pub account: AccountName,
    pub container: ContainerName,
    pub prefix: Prefix,
    /// As the person typed it; compiled by `BlobFilter::parse`.
    pub regex_filter: Option<String>,
    pub recursive: bool,
    pub import_mode: ImportMode,
    pub serve_mode: ServeMode,
    /// Minutes that a pre-signed URL lives: 1 to 10,080 (7 days, the delegation key's limit).
    pub presign_ttl_minutes: i64,
    pub export_layout: ExportLayout,
    /// Deleted annotations delete their blob.
    pub can_delete_objects: bool,
}

/// A source or target storage of a project. Its credential is kept apart, sealed.
#[derive(Clone, Debug)]
pub struct Storage {
    pub id: StorageId,
    pub org_id: OrgId,
    pub project_id: ProjectId,
    pub direction: Direction,
    pub kind: CredentialKind,
    pub settings: StorageSettings,
    pub created_at_ms: i64,
    /// The newest run, when there is one.
    pub last_run: Option<SyncRun>,
    pub health: StorageHealth,
    /// Blobs of somebody else in the way of what is to be written.
    pub foreign_objects: i64,
}

impl Storage {
    /// Which sort of storage it is.
    pub fn storage_type(&self) -> StorageType {
        self.direction.by(self.kind)
    }
}

/// Its settings are read as its own: `storage.prefix`.
impl Deref for Storage {
    type Target = StorageSettings;

    fn deref(&self) -> &StorageSettings {
        &self.settings
    }
}

/// How a storage fared last; empty before its first use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StorageHealth {
    pub last_success_at_ms: Option<i64>,
    pub last_failure: Option<HealthFailure>,
    /// When its credential ends, where that is known.
    pub expires_at_ms: Option<i64>,
}

/// Why a storage failed last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthFailure {
    pub at_ms: i64,
    /// Stable, as in an access check.
    pub code: String,
    /// Cause and fix in words.
    pub text: String,
}

/// One pass over a source storage, or one full export to a target storage.
#[derive(Clone, Debug)]
pub struct SyncRun {
    pub id: SyncRunId,
    pub storage_id: StorageId,
    pub status: SyncStatus,
    pub counts: SyncCounts,
    /// For people: cause and what to do. Redacted.
    pub error: Option<String>,
    pub attempts: i64,
    pub queued_at_ms: i64,
    pub started_at_ms: Option<i64>,
    pub last_ping_at_ms: Option<i64>,
    pub finished_at_ms: Option<i64>,
}

/// Live counts of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SyncCounts {
    /// Blobs that Azure listed.
    pub listed: i64,
    /// Blobs left out by the filter.
    pub filtered: i64,
    /// Folder markers and blobs of an export area, left out.
    pub skipped: i64,
    /// Tasks created by this run (source), or annotation files written (target).
    pub created: i64,
    /// Blobs whose tasks were there already and which have not changed.
    pub existed: i64,
    /// Known blobs whose ETag is another one now.
    pub changed: i64,
    /// Blobs that failed; each is listed with its cause.
    pub failed: i64,
    /// Export only: how many objects there are to write.
    pub total: i64,
}
