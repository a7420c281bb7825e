//! The configuration behind the lock, as plain collections.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::{
    Account, App, AuthorizationCode, DelegationKeyFields, Deviations, ManagedIdentity,
    RoleAssignment, RoleDefinition, ServicePrincipal, Tenant, built_in_roles::built_in_roles,
};

/// All that the control endpoint configures.
pub struct World {
    /// By tenant id.
    pub tenants: BTreeMap<String, Tenant>,
    /// By client id.
    pub apps: BTreeMap<String, App>,
    /// By object id.
    pub service_principals: BTreeMap<String, ServicePrincipal>,
    /// By object id.
    pub identities: BTreeMap<String, ManagedIdentity>,
    /// By account name.
    pub accounts: BTreeMap<String, Arc<Account>>,
    pub role_definitions: Vec<RoleDefinition>,
    pub role_assignments: Vec<RoleAssignment>,
    /// External token issuers that federated credentials may name, with their RSA public keys (PEM).
    pub external_issuers: BTreeMap<String, String>,
    /// Base64 values of the issued user delegation keys.
    pub delegation_keys: HashMap<DelegationKeyFields, String>,
    /// By the code itself; redeemed and expired ones stay, to be told apart.
    pub codes: HashMap<String, AuthorizationCode>,
    pub deviations: Deviations,
}

impl Default for World {
    fn default() -> Self {
        Self {
            tenants: BTreeMap::new(),
            apps: BTreeMap::new(),
            service_principals: BTreeMap::new(),
            identities: BTreeMap::new(),
            accounts: BTreeMap::new(),
            role_definitions: built_in_roles(),
            role_assignments: Vec::new(),
            external_issuers: BTreeMap::new(),
            delegation_keys: HashMap::new(),
            codes: HashMap::new(),
            deviations: Deviations::default(),
        }
    }
}
