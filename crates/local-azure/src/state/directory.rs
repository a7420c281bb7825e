//! Entra ID's directory: tenants, their people, and the service principals that consent creates.

use super::{AppAudience, State, StateError, World, new_id, unknown};
use serde::{Deserialize, Serialize};

/// An Entra tenant with its one subscription.
#[derive(Clone, Debug, Serialize)]
pub struct Tenant {
    /// A GUID.
    pub id: String,
    /// Its `onmicrosoft.com` name, accepted wherever the id is.
    pub domain: String,
    pub subscription: String,
    pub users: Vec<TenantUser>,
}

/// A person of a tenant.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TenantUser {
    pub object_id: String,
    /// `name@domain`.
    pub user_principal_name: String,
    pub role: DirectoryRole,
}

/// What a person may do in the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DirectoryRole {
    /// May consent for the whole tenant.
    GlobalAdministrator,
    /// May consent too, for apps that ask for nothing of Microsoft Graph.
    CloudApplicationAdministrator,
    /// Administers, and may not consent.
    HelpdeskAdministrator,
    Member,
}

impl DirectoryRole {
    /// Every member's role, whatever else they have.
    const USER: &str = "b79fbf4d-3ef9-4689-8143-76b194e85509";

    /// May let an app into the tenant.
    pub fn may_consent(self) -> bool {
        matches!(
            self,
            Self::GlobalAdministrator | Self::CloudApplicationAdministrator
        )
    }

    /// As Entra ID's pages call it.
    pub fn title(self) -> &'static str {
        match self {
            Self::GlobalAdministrator => "Global Administrator",
            Self::CloudApplicationAdministrator => "Cloud Application Administrator",
            Self::HelpdeskAdministrator => "Helpdesk Administrator",
            Self::Member => "member",
        }
    }

    /// The claim `wids`: template ids of the directory roles ("Microsoft Entra built-in roles").
    pub fn wids(self) -> Vec<&'static str> {
        let role = match self {
            Self::GlobalAdministrator => Some("62e90394-69f5-4237-9190-012177145e10"),
            Self::CloudApplicationAdministrator => Some("158c047a-c907-4556-b7ef-446551a6b5f7"),
            Self::HelpdeskAdministrator => Some("729827e3-9c14-49f7-bb1b-9608f156bbb8"),
            Self::Member => None,
        };
        role.into_iter().chain([Self::USER]).collect()
    }
}

/// An app (or managed identity) in one tenant: what role assignments name.
#[derive(Clone, Debug, Serialize)]
pub struct ServicePrincipal {
    pub object_id: String,
    pub tenant: String,
    pub client_id: String,
    /// Off: the tenant's administrator has blocked sign-in (AADSTS7000112).
    pub enabled: bool,
    /// On: a Conditional Access policy for workload identities gives it no token (AADSTS53003).
    pub blocked_by_policy: bool,
    /// Until then the token endpoint does not know it (AADSTS7000229): consent replicates slowly.
    pub visible_at_ms: i64,
}

impl World {
    /// A tenant by id or domain.
    ///
    /// # Errors
    /// Unknown tenant.
    pub fn tenant(&self, id_or_domain: &str) -> Result<&Tenant, StateError> {
        self.tenants
            .values()
            .find(|tenant| {
                tenant.id.eq_ignore_ascii_case(id_or_domain)
                    || tenant.domain.eq_ignore_ascii_case(id_or_domain)
            })
            .ok_or_else(|| unknown("tenant", id_or_domain))
    }

    /// The app's service principal in a tenant.
    pub fn principal_of_app(&self, tenant: &str, client_id: &str) -> Option<&ServicePrincipal> {
        self.service_principals.values().find(|principal| {
            principal.tenant == tenant && principal.client_id.eq_ignore_ascii_case(client_id)
        })
    }
}

impl State {
    /// Creates a tenant; `domain` is its name, for instance `contoso.onmicrosoft.com`.
    ///
    /// # Errors
    /// A tenant of that domain exists.
    pub fn create_tenant(&self, domain: &str) -> Result<Tenant, StateError> {
        let mut world = self.world_mut();
        if world.tenant(domain).is_ok() {
            return Err(StateError::Exists {
                what: "tenant",
                id: domain.to_owned(),
            });
        }
        let tenant = Tenant {
            id: new_id(),
            domain: domain.to_owned(),
            subscription: new_id(),
            users: Vec::new(),
        };
        world.tenants.insert(tenant.id.clone(), tenant.clone());
        Ok(tenant)
    }

    /// Adds a person to a tenant.
    ///
    /// # Errors
    /// Unknown tenant.
    pub fn create_user(
        &self,
        tenant: &str,
        name: &str,
        role: DirectoryRole,
    ) -> Result<TenantUser, StateError> {
        let mut world = self.world_mut();
        let (id, domain) = {
            let tenant = world.tenant(tenant)?;
            (tenant.id.clone(), tenant.domain.clone())
        };
        let user = TenantUser {
            object_id: new_id(),
            user_principal_name: format!("{name}@{domain}"),
            role,
        };
        if let Some(tenant) = world.tenants.get_mut(&id) {
            tenant.users.push(user.clone());
        }
        Ok(user)
    }

    /// Admin consent: creates the app's service principal in the tenant (or finds it) and answers
    /// its object id, which differs from tenant to tenant.
    ///
    /// # Errors
    /// Unknown tenant or app; a single-tenant app outside its home tenant.
    pub fn consent(&self, tenant: &str, client_id: &str) -> Result<String, StateError> {
        let mut world = self.world_mut();
        let tenant = world.tenant(tenant)?.id.clone();
        let app = world
            .apps
            .get(client_id)
            .ok_or_else(|| unknown("app", client_id))?;
        if app.audience == AppAudience::SingleTenant && app.home_tenant != tenant {
            return Err(StateError::Invalid {
                what: "consent",
                reason: "the app is not multi-tenant (AADSTS50194)".to_owned(),
            });
        }
        if let Some(existing) = world.principal_of_app(&tenant, client_id) {
            return Ok(existing.object_id.clone());
        }
        let principal = ServicePrincipal {
            object_id: new_id(),
            tenant,
            client_id: client_id.to_owned(),
            enabled: true,
            blocked_by_policy: false,
            visible_at_ms: self.now_ms() + world.deviations.consent_delay_ms,
        };
        let object_id = principal.object_id.clone();
        world
            .service_principals
            .insert(object_id.clone(), principal);
        Ok(object_id)
    }

    /// Deletes the enterprise application; its role assignments stay behind, as in Azure.
    pub fn remove_service_principal(&self, object_id: &str) -> bool {
        self.world_mut()
            .service_principals
            .remove(object_id)
            .is_some()
    }

    /// Blocks or allows sign-in of a service principal; `false` when there is none.
    pub fn enable_service_principal(&self, object_id: &str, enabled: bool) -> bool {
        self.world_mut()
            .service_principals
            .get_mut(object_id)
            .map(|principal| principal.enabled = enabled)
            .is_some()
    }

    /// Puts a service principal under a blocking Conditional Access policy or takes it out;
    /// `false` when there is none.
    pub fn block_service_principal(&self, object_id: &str, blocked: bool) -> bool {
        self.world_mut()
            .service_principals
            .get_mut(object_id)
            .map(|principal| principal.blocked_by_policy = blocked)
            .is_some()
    }
}
