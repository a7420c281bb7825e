//! Everything this Azure knows: directory, storage accounts, role assignments, faults and the clock.
//!
//! One lock holds the configuration (read on every request, written by the control endpoint);
//! accounts are handed out as `Arc` so that no request holds the lock while it works.

mod accounts;
mod apps;
mod built_in_roles;
mod deviations;
mod directory;
mod faults;
mod identities;
mod requests;
mod roles;
mod sign_in;
mod world;

use std::{
    collections::VecDeque,
    sync::{
        Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
};

use model::Clock;

pub use accounts::{
    AccessPolicy, Account, AccountSettings, Acl, CorsRule, DelegationKey, DelegationKeyFields,
    Hold, HoldKind,
};
pub use apps::{App, AppAudience, AppCertificate, AppSecret, FederatedCredential};
pub use deviations::{Deviations, IdTokenFlaw};
pub use directory::{DirectoryRole, ServicePrincipal, Tenant, TenantUser};
pub use faults::{Fault, FaultKind, FaultTarget};
pub use identities::{AttachedIdentity, IdentityKind, IdentitySelector, ManagedIdentity};
pub use requests::RequestRecord;
pub use roles::{RoleAssignment, RoleDefinition, StorageAction};
pub use sign_in::{AuthorizationCode, CONSUMERS, SignIn};
pub use world::World;

use crate::{blob::Blobs, endpoints::Endpoints, entra::SigningKeys, workload::Cluster};

/// Why a change of the state was refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum StateError {
    #[error("no {what} named {id}")]
    Unknown { what: &'static str, id: String },
    #[error("{what} {id} exists already")]
    Exists { what: &'static str, id: String },
    #[error("invalid {what}: {reason}")]
    Invalid { what: &'static str, reason: String },
}

/// The whole local Azure, shared by all its listeners.
pub struct State {
    world: RwLock<World>,
    clock: Clock,
    offset_ms: AtomicI64,
    faults: Mutex<Vec<Fault>>,
    /// `faults.len()`, so that a request without faults takes no lock.
    fault_count: AtomicUsize,
    requests: Mutex<VecDeque<RequestRecord>>,
    endpoints: OnceLock<Endpoints>,
    keys: SigningKeys,
    cluster: OnceLock<Cluster>,
    blobs: Blobs,
}

impl State {
    /// An empty Azure: no tenant, no account. `blobs` is where blob bytes live.
    pub fn new(clock: Clock, blobs: Blobs) -> Self {
        Self {
            world: RwLock::new(World::default()),
            clock,
            offset_ms: AtomicI64::new(0),
            faults: Mutex::default(),
            fault_count: AtomicUsize::new(0),
            requests: Mutex::default(),
            endpoints: OnceLock::new(),
            keys: SigningKeys::generate(),
            cluster: OnceLock::new(),
            blobs,
        }
    }

    /// The time this Azure believes it is: Unix milliseconds, the clock's offset included.
    pub fn now_ms(&self) -> i64 {
        self.clock.now_ms() + self.offset_ms.load(Ordering::Relaxed)
    }

    /// Sets how far this Azure's clock is ahead of (or, negative, behind) the real one.
    pub fn set_clock_offset_ms(&self, offset_ms: i64) {
        self.offset_ms.store(offset_ms, Ordering::Relaxed);
    }

    /// Moves this Azure's clock by `by_ms`, on top of the offset it has.
    pub fn advance_clock_ms(&self, by_ms: i64) {
        self.offset_ms.fetch_add(by_ms, Ordering::Relaxed);
    }

    /// How far this Azure's clock is off.
    pub fn clock_offset_ms(&self) -> i64 {
        self.offset_ms.load(Ordering::Relaxed)
    }

    /// Where everything listens; known before the first request is served.
    ///
    /// # Panics
    /// When asked before the listeners are bound.
    pub fn endpoints(&self) -> &Endpoints {
        self.endpoints.get().expect("listeners are bound first")
    }

    pub(crate) fn set_endpoints(&self, endpoints: Endpoints) {
        // Only `LocalAzure::start` calls this, once.
        let _ = self.endpoints.set(endpoints);
    }

    /// Entra's signing keys.
    pub fn keys(&self) -> &SigningKeys {
        &self.keys
    }

    pub(crate) fn cluster(&self) -> &Cluster {
        self.cluster.get_or_init(|| Cluster::start(self))
    }

    /// Where blob bytes live: raw access, without any authorization.
    pub fn blobs(&self) -> &Blobs {
        &self.blobs
    }

    /// A consistent view of the configuration; hold it briefly and never across an `await`.
    pub fn world(&self) -> RwLockReadGuard<'_, World> {
        self.world.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn world_mut(&self) -> RwLockWriteGuard<'_, World> {
        self.world.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unknown(what: &'static str, id: &str) -> StateError {
    StateError::Unknown {
        what,
        id: id.to_owned(),
    }
}

fn new_id() -> String {
    uuid::Uuid::new_v4().to_string()
}
