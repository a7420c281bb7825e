//! What the product does: projects and storages, sync, resolve, annotate, export.
//!
//! Every call takes the [`model::Actor`] first (who, in which organization). This crate knows
//! neither status codes nor SQL nor Azure's wire; it puts `store`, `azure` and `formats` together.

mod access;
mod aside;
mod audit;
mod engine;
mod error;
mod labeling;
mod links;
mod media;
mod people;
mod runs;
mod storages;

pub use access::check;
pub use access::explain::{Doing, Situation, explain};
pub use access::fix::{Fix, Who};
pub use aside::aside;
pub use audit::AuditAction;
pub use azure::GetStatus;
use engine::require;
pub use engine::{Engine, Limits, Settings};
pub use error::{AzureAnswer, Error, FieldError, Problem};
pub use formats::{ExportFormat, ExportWriter, Format, LabeledTask, label_studio, object_name};
pub use labeling::annotations::AnnotationInput;
pub use labeling::drafts::DraftInput;
pub use labeling::label_config::LabelConfig;
pub use labeling::label_stream::TaskPresence;
pub use labeling::lost_labels::LostLabel;
pub use labeling::predictions::PredictionInput;
pub use labeling::projects::{Page, ProjectInput, project_settings};
pub use labeling::task_lists::{BulkAction, MatchCount, Selection, TaskList};
pub use labeling::tasks::{Imported, TaskInput, TaskPage, TaskPaging};
pub use links::azure_links::{Integrations, Leftover, Unlinked};
pub use links::connect::{ConnectAddresses, EntraOutcome, PendingConnect, Returned};
pub use links::container_claims::Claim;
pub use links::grants::{
    GrantPurpose, GrantScope, GrantState, GrantedRole, Grants, RoleNeed, container_of,
};
pub use links::link_proof::{OtherLink, OtherOrganization};
pub use links::link_watch::LinkProblem;
pub use media::media_links::{Holder, Presented};
pub use media::redirects::Unreadable;
pub use media::resolve::{BlobBody, Delivery, ReadMethod, ResolveRequest, Resolved, ServedBlob};
pub use media::shown::Shown;
pub use media::thumbnails::{AtHand, Blank, MediaKind, Thumbnail, ThumbnailSettings, Waveform};
pub use people::accounts::{FirstOwner, NewMember, SESSION_MS, Whoami};
pub use people::invites::{INVITE_DAYS, InvitedPerson, OpenInvite};
pub use people::known_browsers::KNOWN_BROWSER_MS;
pub use people::tokens::NamedToken;
pub use runs::worker::Worker;
pub use storages::SignsIn;
pub use storages::connect_drafts::{ConnectDraft, LinkedTenant};
pub use storages::pasted::Pasted;
pub use storages::preview::{FilesPreview, LeftOut, PreviewBlob, PreviewLimits};
pub use storages::storage_input::{DefaultAccount, StorageInput};
pub use store::{
    AnnotationVersion, ApiToken, AuditQuery, AuditRecord, AzureLink, BlobErrorRecord, BulkDeleted,
    ConnectStep, EntraIdentity, Expected, ExportBacklog, HistoryEntry, Invite, LinkProof,
    MOST_COUNTED, Outage, Presence, RunRecord, RunScope, RunningImports, TaskCursor, TaskFilter,
    TaskOrder, TaskState, TokenKind, TroubledExport,
};

/// The result of every call of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
