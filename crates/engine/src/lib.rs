//! What the product does: projects and storages, sync, resolve, annotate, export.
//!
//! Every call takes the [`model::Actor`] first (who, in which organization). This crate knows
//! neither status codes nor SQL nor Azure's wire; it puts `store`, `azure` and `formats` together.

mod account_tenants;
mod accounts;
mod annotations;
mod aside;
mod audit;
mod azure_links;
mod blob_uris;
pub mod check;
mod connect;
mod connect_drafts;
mod connection;
mod container_claims;
mod drafts;
mod error;
mod expiry;
mod explain;
mod export;
mod first_run;
mod fix;
mod gate;
mod grants;
mod hashing;
mod health;
mod invites;
mod known_browsers;
mod label_config;
mod label_stream;
mod link_cache;
mod link_proof;
mod link_watch;
mod lost_labels;
mod media_links;
mod members;
mod opened;
mod predictions;
mod preview;
mod projects;
mod redirects;
mod resolve;
mod sessions;
mod storage_credential;
mod storage_input;
mod storages;
mod sync;
mod task_lists;
mod tasks;
mod thumbnails;
mod tokens;
mod worker;

use std::{sync::Arc, time::Duration};

use azure::Azure;
use model::{Actor, Clock, Permission, Secret};
use store::Store;
use tokio::sync::Semaphore;

pub use accounts::{FirstOwner, NewMember, SESSION_MS, Whoami};
pub use annotations::AnnotationInput;
pub use aside::aside;
pub use audit::AuditAction;
pub use azure::GetStatus;
pub use azure_links::{Integrations, Leftover, Unlinked};
pub use connect::{ConnectAddresses, EntraOutcome, PendingConnect, Returned};
pub use connect_drafts::{ConnectDraft, LinkedTenant};
pub use container_claims::Claim;
pub use drafts::DraftInput;
pub use error::{AzureAnswer, Error, FieldError, Problem};
pub use explain::{Doing, Situation, explain};
pub use fix::{Fix, Who};
pub use formats::{ExportFormat, ExportWriter, Format, LabeledTask, label_studio, object_name};
pub use grants::{
    GrantPurpose, GrantScope, GrantState, GrantedRole, Grants, RoleNeed, container_of,
};
pub use invites::{INVITE_DAYS, InvitedPerson, OpenInvite};
pub use known_browsers::KNOWN_BROWSER_MS;
pub use label_config::LabelConfig;
pub use label_stream::TaskPresence;
pub use link_proof::{OtherLink, OtherOrganization};
pub use link_watch::LinkProblem;
pub use lost_labels::LostLabel;
pub use media_links::{Holder, Presented};
pub use predictions::PredictionInput;
pub use preview::{FilesPreview, LeftOut, PreviewBlob, PreviewLimits};
pub use projects::{Page, ProjectInput, project_settings};
pub use redirects::Unreadable;
pub use resolve::{BlobBody, Delivery, ReadMethod, ResolveRequest, Resolved, ServedBlob};
pub use storage_input::{DefaultAccount, StorageInput};
pub use storages::SignsIn;
pub use store::{
    AnnotationVersion, ApiToken, AuditQuery, AuditRecord, AzureLink, BlobErrorRecord, BulkDeleted,
    ConnectStep, EntraIdentity, Expected, ExportBacklog, HistoryEntry, Invite, LinkProof,
    MOST_COUNTED, Presence, RunRecord, RunScope, RunningImports, TaskCursor, TaskFilter, TaskOrder,
    TaskState, TokenKind, TroubledExport,
};
pub use task_lists::{BulkAction, MatchCount, Selection, TaskList};
pub use tasks::{Imported, TaskInput, TaskPage, TaskPaging};
pub use thumbnails::{AtHand, Blank, MediaKind, Thumbnail, ThumbnailSettings, Waveform};
pub use tokens::NamedToken;
pub use worker::Worker;

/// The result of every call of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What the product does, over one database and one cloud. Cheap to clone.
#[derive(Clone)]
pub struct Engine(Arc<Parts>);

struct Parts {
    store: Store,
    azure: gate::Gate,
    clock: Clock,
    settings: Settings,
    storages_of_project: resolve::StorageCache,
    worker_signals: worker::Signals,
    ledger: audit::Ledger,
    /// What is done through it is the operator's doing.
    is_operators: bool,
    health_written: health::Written,
    links_of_org: link_cache::LinkCache,
    watched: link_watch::Watched,
    account_tenants: account_tenants::AccountTenants,
    label_uses: lost_labels::UsesCache,
    thumbnails: thumbnails::Thumbnails,
    /// One permit: at most one large row of a task file is in memory, of all syncs.
    large_rows: Arc<Semaphore>,
}

/// The operator's settings that change what the product does.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Signs the API's JWTs (HMAC-SHA-256); at least 32 bytes, the same on every replica.
    pub token_key: Secret,
    /// Client id of our own app registration, behind every Azure link.
    pub app_client_id: Option<String>,
    /// The account and key that an `azure` storage takes when it names neither.
    pub default_account: Option<DefaultAccount>,
    pub limits: Limits,
    pub thumbnails: ThumbnailSettings,
}

/// Bounds on what one person, one blob or one job may take.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Blobs asked for per listing page; Azure gives at most 5,000.
    pub list_page: u32,
    /// JSON blobs downloaded at once by one sync in tasks mode.
    pub sync_downloads: usize,
    /// Bytes of memory that the rows of one sync take at once, counted at what they cost there.
    pub sync_bytes: usize,
    /// One task file, imported by hand or by a sync.
    pub task_files: formats::Limits,
    /// Annotation files written at once.
    pub export_writes: usize,
    /// How often one annotation file is tried before it is left as failed.
    pub export_attempts: i64,
    /// How long a worker may be silent before its job goes to another.
    pub lease: Duration,
    /// Days that entries of the audit log are kept; `None` keeps them for ever.
    pub audit_days: Option<u32>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            list_page: 5_000,
            sync_downloads: 16,
            sync_bytes: 32 << 20,
            task_files: formats::Limits::default(),
            export_writes: 8,
            export_attempts: 12,
            lease: Duration::from_secs(10),
            audit_days: None,
        }
    }
}

impl Engine {
    /// Puts the parts together; opens and starts nothing.
    pub fn new(store: Store, azure: Azure, clock: Clock, settings: Settings) -> Self {
        Self::made(store, azure, clock, settings, false)
    }

    /// The same for the operator's commands: the audit log says that what is done through it was
    /// done by the operator, in whoever's name.
    pub fn for_operator(store: Store, azure: Azure, clock: Clock, settings: Settings) -> Self {
        Self::made(store, azure, clock, settings, true)
    }

    fn made(
        store: Store,
        azure: Azure,
        clock: Clock,
        settings: Settings,
        is_operators: bool,
    ) -> Self {
        Self(Arc::new(Parts {
            thumbnails: thumbnails::Thumbnails::new(&settings.thumbnails),
            store,
            azure: gate::Gate::new(azure),
            clock,
            settings,
            storages_of_project: resolve::StorageCache::default(),
            worker_signals: worker::Signals::default(),
            ledger: audit::Ledger::default(),
            is_operators,
            health_written: health::Written::default(),
            links_of_org: link_cache::LinkCache::default(),
            watched: link_watch::Watched::default(),
            account_tenants: account_tenants::AccountTenants::default(),
            label_uses: lost_labels::UsesCache::default(),
            large_rows: Arc::new(Semaphore::new(1)),
        }))
    }

    /// The cloud that storages live in.
    pub fn cloud(&self) -> &azure::Cloud {
        self.0.azure.cloud()
    }

    /// Can the database be reached? For the health check.
    ///
    /// # Errors
    /// [`Error::Store`] when it cannot.
    pub async fn ping(&self) -> Result<()> {
        Ok(self.0.store.ping().await?)
    }

    fn store(&self) -> &Store {
        &self.0.store
    }

    fn azure(&self) -> &gate::Gate {
        &self.0.azure
    }

    fn settings(&self) -> &Settings {
        &self.0.settings
    }

    fn limits(&self) -> &Limits {
        &self.0.settings.limits
    }

    fn now_ms(&self) -> i64 {
        self.0.clock.now_ms()
    }
}

/// Refuses an actor whose role lacks the permission.
fn require(actor: &Actor, permission: Permission) -> Result<()> {
    if actor.may(permission) {
        Ok(())
    } else {
        Err(Error::Denied { permission })
    }
}
