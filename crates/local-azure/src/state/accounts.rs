//! Storage accounts with their keys and switches, and the user delegation keys they issued.

use std::{collections::BTreeMap, sync::Arc};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use rand::RngCore as _;
use serde::{Deserialize, Serialize};

use super::{State, StateError};

/// A storage account. Immutable once handed out; a change replaces it.
#[derive(Clone, Debug, Serialize)]
pub struct Account {
    pub name: String,
    /// The tenant of the account's subscription: the only one whose tokens it accepts.
    pub tenant: String,
    pub subscription: String,
    pub resource_group: String,
    /// Base64, as the portal shows it.
    pub key1: String,
    pub key2: String,
    #[serde(flatten)]
    pub settings: AccountSettings,
}

impl Account {
    /// The account's ARM id, which is also its role assignment scope.
    pub fn scope(&self) -> String {
        format!(
            "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Storage/storageAccounts/{}",
            self.subscription, self.resource_group, self.name
        )
    }

    /// The role assignment scope of one container.
    pub fn container_scope(&self, container: &str) -> String {
        format!(
            "{}/blobServices/default/containers/{container}",
            self.scope()
        )
    }
}

/// The switches of an account that its administrator may change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AccountSettings {
    /// `allowSharedKeyAccess`: off refuses account keys, service SAS and account SAS.
    pub allow_shared_key: bool,
    /// `allowBlobPublicAccess`: off answers anonymous requests with 409.
    pub allow_public_access: bool,
    /// Off: the firewall refuses every address that is not in `allowed_addresses` with 403
    /// `AuthorizationFailure`.
    pub firewall_open: bool,
    /// IPv4 addresses of the firewall's network rules.
    pub allowed_addresses: Vec<String>,
    /// `supportsHttpsTrafficOnly`.
    pub https_only: bool,
    /// `isHnsEnabled`: folders are listed and can be asked for, and access control lists count.
    pub hierarchical_namespace: bool,
    /// Blob soft delete: a deleted blob can be restored, of the built-in engine only. It is kept
    /// for good, and a new blob of its name takes its place.
    pub soft_delete: bool,
    /// How long a blob takes to leave the archive tier: hours, as in Azure.
    pub rehydration_ms: i64,
    /// CORS rules of the blob service, first match wins.
    pub cors: Vec<CorsRule>,
    /// Stored access policies by `CONTAINER/ID`, which tokens name (`si`).
    pub access_policies: BTreeMap<String, AccessPolicy>,
    /// What keeps blobs from being changed.
    pub holds: Vec<Hold>,
    /// Access control lists of a hierarchical namespace, below any role.
    pub acls: Vec<Acl>,
    /// Object ids that a deny assignment keeps from the data, whatever their roles.
    pub denied: Vec<String>,
    /// The `WWW-Authenticate` value of 401 answers instead of the true one: what a hostile host that
    /// poses as an account would send.
    pub challenge: Option<String>,
}

impl AccountSettings {
    /// Do the network rules let this address in?
    pub fn lets_in(&self, address: &str) -> bool {
        self.firewall_open || self.allowed_addresses.iter().any(|known| known == address)
    }
}

impl Default for AccountSettings {
    /// As `az storage account create` does, except that plain HTTP is let in: the local
    /// product may be told to use the HTTP listener.
    fn default() -> Self {
        Self {
            allow_shared_key: true,
            allow_public_access: false,
            firewall_open: true,
            allowed_addresses: Vec::new(),
            https_only: false,
            hierarchical_namespace: false,
            soft_delete: false,
            rehydration_ms: 15 * 3_600_000,
            cors: Vec::new(),
            access_policies: BTreeMap::new(),
            holds: Vec::new(),
            acls: Vec::new(),
            denied: Vec::new(),
            challenge: None,
        }
    }
}

/// A stored access policy; what it leaves open, each token says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AccessPolicy {
    pub start: Option<String>,
    pub expiry: Option<String>,
    pub permissions: Option<String>,
}

/// What a principal may do below a folder without a role; execute on the folders above is implied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acl {
    /// An object id.
    pub principal: String,
    pub container: String,
    #[serde(default)]
    pub folder: String,
    /// Of `r` (read files) and `l` (list the folder: read on the folder itself).
    pub permissions: String,
}

/// Keeps the blobs of a container whose names begin with `prefix` from being replaced or deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    pub kind: HoldKind,
    pub container: String,
    #[serde(default)]
    pub prefix: String,
}

/// Why they are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldKind {
    /// Somebody holds a lease.
    Lease,
    /// A time-based retention policy.
    Retention,
    LegalHold,
}

/// One CORS rule of the blob service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorsRule {
    /// Exact origins, `*`, or one with `*` in the place of labels.
    pub allowed_origins: Vec<String>,
    pub allowed_methods: Vec<String>,
    /// Header names, a prefix with `*`, or `*`.
    #[serde(default)]
    pub allowed_headers: Vec<String>,
    #[serde(default)]
    pub exposed_headers: Vec<String>,
    #[serde(default)]
    pub max_age_in_seconds: u32,
}

/// What identifies a user delegation key in a SAS (`skoid`, `sktid`, `skt`, `ske`, `skv`), with the account.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DelegationKeyFields {
    pub account: String,
    pub object_id: String,
    pub tenant: String,
    /// `skt`, `ske`: as written, for instance `2026-01-01T00:00:00Z`.
    pub start: String,
    pub expiry: String,
    /// `skv`: the service version the key was asked with.
    pub version: String,
}

/// A user delegation key as the service answers it.
#[derive(Clone, Debug)]
pub struct DelegationKey {
    pub fields: DelegationKeyFields,
    /// Base64.
    pub value: String,
}

impl State {
    /// Creates an account with two random keys.
    ///
    /// # Errors
    /// Unknown tenant, a name that exists, or a name against Azure's rule.
    pub fn create_account(
        &self,
        name: &str,
        tenant: &str,
        settings: AccountSettings,
    ) -> Result<Arc<Account>, StateError> {
        model::AccountName::parse(name).map_err(|error| StateError::Invalid {
            what: "account name",
            reason: error.to_string(),
        })?;
        let mut world = self.world_mut();
        if world.accounts.contains_key(name) {
            return Err(StateError::Exists {
                what: "account",
                id: name.to_owned(),
            });
        }
        let tenant = world.tenant(tenant)?;
        let account = Arc::new(Account {
            name: name.to_owned(),
            tenant: tenant.id.clone(),
            subscription: tenant.subscription.clone(),
            resource_group: "local".to_owned(),
            key1: random_key(),
            key2: random_key(),
            settings,
        });
        world.accounts.insert(name.to_owned(), Arc::clone(&account));
        Ok(account)
    }

    /// The account, or `None` where the real Azure would fail to resolve its host name.
    pub fn find_account(&self, name: &str) -> Option<Arc<Account>> {
        self.world().accounts.get(name).cloned()
    }

    /// Replaces the account's switches with what `change` makes of them.
    ///
    /// # Errors
    /// Unknown account.
    pub fn change_account(
        &self,
        name: &str,
        change: impl FnOnce(&mut AccountSettings),
    ) -> Result<Arc<Account>, StateError> {
        self.replace_account(name, |account| change(&mut account.settings))
    }

    /// Replaces both account keys, as rotating them in the portal does.
    ///
    /// # Errors
    /// Unknown account.
    pub fn rotate_account_keys(&self, name: &str) -> Result<Arc<Account>, StateError> {
        self.replace_account(name, |account| {
            account.key1 = random_key();
            account.key2 = random_key();
        })
    }

    fn replace_account(
        &self,
        name: &str,
        change: impl FnOnce(&mut Account),
    ) -> Result<Arc<Account>, StateError> {
        let mut world = self.world_mut();
        let shared = world
            .accounts
            .get_mut(name)
            .ok_or_else(|| StateError::Unknown {
                what: "account",
                id: name.to_owned(),
            })?;
        change(Arc::make_mut(shared));
        Ok(Arc::clone(shared))
    }

    /// Issues the user delegation key of these fields; asking again answers the same value.
    pub fn issue_delegation_key(&self, fields: DelegationKeyFields) -> DelegationKey {
        let mut world = self.world_mut();
        let value = world
            .delegation_keys
            .entry(fields.clone())
            .or_insert_with(random_key)
            .clone();
        DelegationKey { fields, value }
    }

    /// The base64 value of a key that was issued and not revoked.
    pub fn delegation_key(&self, fields: &DelegationKeyFields) -> Option<String> {
        self.world().delegation_keys.get(fields).cloned()
    }

    /// Revokes every user delegation key of an account (`Revoke User Delegation Keys`).
    pub fn revoke_delegation_keys(&self, account: &str) {
        self.world_mut()
            .delegation_keys
            .retain(|fields, _| fields.account != account);
    }
}

/// 64 random bytes in base64, the shape of a real account key.
fn random_key() -> String {
    let mut bytes = [0; 64];
    rand::rng().fill_bytes(&mut bytes);
    BASE64_STANDARD.encode(bytes)
}
