//! The only SQL of the product: one text for SQLite and PostgreSQL, one file per table.
//!
//! Every lookup takes the organization and answers `Option`: a row of another organization is
//! `None`, so isolation and "not found" are one code path. Queries of the worker, which has no
//! organization, take a run, job or outbox item that a lease gave it. Times are Unix milliseconds
//! (`now_ms`) given by the caller, JSON is text, secrets are sealed before they touch a statement.

mod accounts;
mod annotation_commits;
mod annotations;
mod audit;
mod azure_connects;
mod azure_links;
mod connect_drafts;
mod container_claims;
mod credentials;
mod db;
mod deletions;
mod drafts;
mod entra_identities;
mod error;
mod export_backlog;
mod exported_objects;
mod import;
mod invites;
mod jobs;
mod label_stream;
mod label_uses;
mod members;
mod outage;
mod outbox;
mod predictions;
mod presence;
mod projects;
mod readers;
mod reseal;
mod run_history;
mod seal;
mod sessions;
mod source_blobs;
mod staged_files;
mod storage_health;
mod storages;
mod store;
mod sync_runs;
mod task_batch;
mod task_bulk;
mod task_filter;
mod tasks;
mod tokens;
mod writing;

pub use accounts::{Login, NewUser, UserPatch};
pub use annotation_commits::Submission;
pub use annotations::{AnnotationPatch, Edited, Expected, NewAnnotation};
pub use audit::{AUDIT_EXPIRE, AuditEntry, AuditQuery, AuditRecord};
pub use azure_connects::{AzureConnect, ConnectState, ConnectStep};
pub use azure_links::{AzureLink, LinkOfTenant, LinkProof, LinksOfOrg, NewAzureLink};
pub use connect_drafts::ConnectDraftKey;
pub use container_claims::{ClaimedContainer, Hold, Standing};
pub use deletions::{Deletion, DeletionStep};
pub use drafts::{DraftPatch, NewDraft};
pub use entra_identities::{EntraIdentity, EntraPurpose};
pub use error::{Error, ErrorKind, Result};
pub use export_backlog::{ExportBacklog, MOST_COUNTED, TroubledExport};
pub use exported_objects::{ObjectKey, ObjectRecord, ObjectState};
pub use import::{ApplyBlobTasks, ApplyPage, BlobRows, ImportedBlob, PageOutcome, SeenBlob};
pub use invites::{Acceptance, Invite, NewInvite};
pub use jobs::{Job, JobTask, NewJob, Retry};
pub use label_stream::{HistoryEntry, NextTask, NextTaskQuery};
pub use label_uses::LabelUse;
pub use members::MemberChange;
pub use outage::Outage;
pub use outbox::{OutboxCounts, OutboxItem, OutboxOp};
pub use predictions::{NewPrediction, PredictionPatch, PredictionQuery};
pub use presence::{AnnotationVersion, Presence};
pub use projects::{NewProject, ProjectPatch};
pub use run_history::{RunRecord, RunningImports};
pub use seal::{SealKeyError, SealKeyInfo, SealKeys};
pub use source_blobs::{BlobError, BlobErrorRecord, BlobStanding, BlobVersion};
pub use staged_files::{StagedFile, StagedFileId, StagingRun};
pub use storage_health::CredentialEnd;
pub use storages::NewStorage;
pub use store::{Store, StoreOptions, sqlite_file};
pub use sync_runs::{RunScope, RunStart, StartedRun};
pub use task_bulk::BulkDeleted;
pub use task_filter::{FoundTasks, TaskCursor, TaskFilter, TaskOrder, TaskState};
pub use tasks::{NewTask, ResolveRow, TaskPatch, TaskQuery};
pub use tokens::{ApiToken, NewApiToken, TokenKind, TokenOwner};
