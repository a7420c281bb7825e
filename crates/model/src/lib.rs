//! The words of Longshore: ids, Azure's names with Azure's own rules, secrets, the clock,
//! credentials, storages, filters, roles. No IO, no async, no HTTP, no SQL.

pub mod budgets;
mod clock;
mod code;
mod credential;
mod filter;
mod ids;
pub mod json;
mod labeling;
mod names;
mod permission;
mod redact;
mod secret;
mod storage;

pub use clock::Clock;
pub use code::Code;
pub use credential::{ClientProof, Credential, CredentialKind, IdentityId, IdentitySource};
pub use filter::{BlobFilter, FilterError};
pub use ids::{
    AnnotationId, ApiTokenId, DeletionId, DraftId, InviteId, JobId, OrgId, PredictionId, ProjectId,
    SourceBlobId, StorageId, SyncRunId, TaskId, UserId,
};
pub use labeling::{Annotation, Draft, Prediction, Project, Task, User};
pub use names::{
    AccountName, BlobInstant, BlobName, BlobRevision, BlobUri, ContainerName, NameError, Prefix,
};
pub use permission::{Actor, Permission, Role};
pub use redact::redact;
pub use secret::Secret;
pub use storage::{
    Direction, ExportLayout, HealthFailure, ImportMode, ServeMode, Storage, StorageHealth,
    StorageSettings, StorageType, SyncCounts, SyncRun, SyncStatus,
};
