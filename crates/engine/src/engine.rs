//! What every call of the product is made on: its parts, its settings, and who may.

use std::{sync::Arc, time::Duration};

use azure::Azure;
use model::{Actor, Clock, Permission, Secret};
use store::{Outage, Store};
use tokio::sync::Semaphore;

use crate::{
    DefaultAccount, Error, Result, ThumbnailSettings, audit, labeling, links, media, runs, storages,
};

/// What the product does, over one database and one cloud. Cheap to clone.
#[derive(Clone)]
pub struct Engine(pub(crate) Arc<Parts>);

pub(crate) struct Parts {
    pub(crate) store: Store,
    pub(crate) azure: links::gate::Gate,
    pub(crate) clock: Clock,
    pub(crate) settings: Settings,
    pub(crate) storages_of_project: media::resolve::StorageCache,
    pub(crate) worker_signals: runs::worker::Signals,
    pub(crate) ledger: audit::Ledger,
    /// What is done through it is the operator's doing.
    pub(crate) is_operators: bool,
    pub(crate) health_written: storages::health::Written,
    pub(crate) links_of_org: links::link_cache::LinkCache,
    pub(crate) watched: links::link_watch::Watched,
    pub(crate) account_tenants: links::account_tenants::AccountTenants,
    pub(crate) label_uses: labeling::lost_labels::UsesCache,
    pub(crate) thumbnails: media::thumbnails::Thumbnails,
    /// One permit: at most one large row of a task file is in memory, of all syncs.
    pub(crate) large_rows: Arc<Semaphore>,
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
            thumbnails: media::thumbnails::Thumbnails::new(&settings.thumbnails),
            store,
            azure: links::gate::Gate::new(azure),
            clock,
            settings,
            storages_of_project: media::resolve::StorageCache::default(),
            worker_signals: runs::worker::Signals::default(),
            ledger: audit::Ledger::default(),
            is_operators,
            health_written: storages::health::Written::default(),
            links_of_org: links::link_cache::LinkCache::default(),
            watched: links::link_watch::Watched::default(),
            account_tenants: links::account_tenants::AccountTenants::default(),
            label_uses: labeling::lost_labels::UsesCache::default(),
            large_rows: Arc::new(Semaphore::new(1)),
        }))
    }

    /// The cloud that storages live in.
    pub fn cloud(&self) -> &azure::Cloud {
        self.0.azure.cloud()
    }

    /// Can the database be reached, and does it take what is written? For the health check.
    ///
    /// # Errors
    /// [`Error::Store`] when it cannot or does not.
    pub async fn ping(&self) -> Result<()> {
        Ok(self.0.store.ping().await?)
    }

    /// Why nothing can be saved now, as far as this process knows.
    pub fn outage(&self) -> Option<Outage> {
        self.0.store.outage()
    }

    pub(crate) fn store(&self) -> &Store {
        &self.0.store
    }

    pub(crate) fn azure(&self) -> &links::gate::Gate {
        &self.0.azure
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.0.settings.limits
    }

    pub(crate) fn lease_ms(&self) -> i64 {
        self.limits().lease.as_millis() as i64
    }

    /// The present instant of the server's clock, in Unix milliseconds.
    pub fn now_ms(&self) -> i64 {
        self.0.clock.now_ms()
    }
}

/// Refuses an actor whose role lacks the permission.
pub(crate) fn require(actor: &Actor, permission: Permission) -> Result<()> {
    if actor.may(permission) {
        Ok(())
    } else {
        Err(Error::Denied { permission })
    }
}
