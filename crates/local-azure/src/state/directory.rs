//! Entra ID's directory: tenants, app registrations, service principals, managed identities.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use rand::RngCore as _;
use rustls::pki_types::{CertificateDer, pem::PemObject};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{State, StateError, World};

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
#[derive(Clone, Debug, Serialize)]
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
    Member,
}

/// An app registration, in its home tenant.
#[derive(Clone, Debug, Serialize)]
pub struct App {
    pub client_id: String,
    pub display_name: String,
    pub home_tenant: String,
    pub audience: AppAudience,
    pub redirect_uris: Vec<String>,
    pub secrets: Vec<AppSecret>,
    pub certificates: Vec<AppCertificate>,
    pub federated_credentials: Vec<FederatedCredential>,
}

/// Who may consent to an app.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AppAudience {
    /// Its home tenant only.
    #[default]
    SingleTenant,
    MultiTenant,
}

/// A client secret.
#[derive(Clone, Debug, Serialize)]
pub struct AppSecret {
    /// What people paste by mistake instead of the value.
    pub key_id: String,
    pub value: String,
    pub expires_at_ms: i64,
}

/// A certificate that the app proves itself with.
#[derive(Clone, Debug, Serialize)]
pub struct AppCertificate {
    pub key_id: String,
    /// Of the DER: what `x5t` names. Lower-case hex.
    pub sha1: String,
    /// Of the DER: what `x5t#S256` names. Lower-case hex.
    pub sha256: String,
    /// PEM, `PUBLIC KEY`.
    #[serde(skip)]
    pub public_key: String,
    /// `None` never expires.
    pub expires_at_ms: Option<i64>,
}

/// Trust in another issuer's tokens as client assertions; compared case-sensitively.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FederatedCredential {
    pub issuer: String,
    pub subject: String,
    pub audience: String,
}

/// An app (or managed identity) in one tenant: what role assignments name.
#[derive(Clone, Debug, Serialize)]
pub struct ServicePrincipal {
    pub object_id: String,
    pub tenant: String,
    pub client_id: String,
    /// Off: the tenant's administrator has blocked sign-in (AADSTS7000112).
    pub enabled: bool,
}

/// A managed identity; it is its own service principal.
#[derive(Clone, Debug, Serialize)]
pub struct ManagedIdentity {
    pub client_id: String,
    /// Also called the principal id.
    pub object_id: String,
    /// Its ARM id.
    pub resource_id: String,
    pub tenant: String,
    pub kind: IdentityKind,
    /// Is it attached to the machine behind IMDS and App Service?
    pub attached: bool,
}

/// Whose life a managed identity shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentityKind {
    SystemAssigned,
    UserAssigned,
}

/// Which attached identity a request names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdentitySelector {
    /// None named: the system-assigned one, else the only user-assigned one.
    Default,
    ClientId(String),
    ObjectId(String),
    ResourceId(String),
}

/// What a selector finds on the machine.
#[derive(Clone, Debug)]
pub enum AttachedIdentity {
    One(ManagedIdentity),
    /// Several user-assigned identities and none named.
    Ambiguous,
    None,
}

impl From<Option<&ManagedIdentity>> for AttachedIdentity {
    fn from(found: Option<&ManagedIdentity>) -> Self {
        found.cloned().map_or(Self::None, Self::One)
    }
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

    /// The identity that the machine answers for.
    pub fn attached_identity(&self, selector: &IdentitySelector) -> AttachedIdentity {
        let mut attached = self.identities.values().filter(|known| known.attached);
        let found = match selector {
            IdentitySelector::ClientId(id) => {
                attached.find(|one| one.client_id.eq_ignore_ascii_case(id))
            }
            IdentitySelector::ObjectId(id) => {
                attached.find(|one| one.object_id.eq_ignore_ascii_case(id))
            }
            IdentitySelector::ResourceId(id) => {
                attached.find(|one| one.resource_id.eq_ignore_ascii_case(id))
            }
            IdentitySelector::Default => match (self.system_identity(), attached.next()) {
                (Some(system), _) => Some(system),
                (None, Some(_)) if attached.next().is_some() => {
                    return AttachedIdentity::Ambiguous;
                }
                (None, only) => only,
            },
        };
        AttachedIdentity::from(found)
    }

    /// The machine's system-assigned identity.
    pub fn system_identity(&self) -> Option<&ManagedIdentity> {
        self.identities
            .values()
            .find(|known| known.attached && known.kind == IdentityKind::SystemAssigned)
    }

    fn app_mut(&mut self, client_id: &str) -> Result<&mut App, StateError> {
        self.apps
            .get_mut(client_id)
            .ok_or_else(|| unknown("app", client_id))
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

    /// Registers an app in its home tenant. Its service principal comes with [`State::consent`].
    ///
    /// # Errors
    /// Unknown tenant.
    pub fn create_app(
        &self,
        home_tenant: &str,
        display_name: &str,
        audience: AppAudience,
    ) -> Result<App, StateError> {
        let mut world = self.world_mut();
        let app = App {
            client_id: new_id(),
            display_name: display_name.to_owned(),
            home_tenant: world.tenant(home_tenant)?.id.clone(),
            audience,
            redirect_uris: Vec::new(),
            secrets: Vec::new(),
            certificates: Vec::new(),
            federated_credentials: Vec::new(),
        };
        world.apps.insert(app.client_id.clone(), app.clone());
        Ok(app)
    }

    /// Replaces an app's redirect URIs.
    ///
    /// # Errors
    /// Unknown app.
    pub fn set_redirect_uris(&self, client_id: &str, uris: Vec<String>) -> Result<(), StateError> {
        self.world_mut().app_mut(client_id)?.redirect_uris = uris;
        Ok(())
    }

    /// Adds a random client secret that works for `lifetime_ms` from now (negative: expired already).
    ///
    /// # Errors
    /// Unknown app.
    pub fn add_secret(&self, client_id: &str, lifetime_ms: i64) -> Result<AppSecret, StateError> {
        let mut random = [0; 24];
        rand::rng().fill_bytes(&mut random);
        let secret = AppSecret {
            key_id: new_id(),
            value: format!("loc8Q~{}", hex::encode(random)),
            expires_at_ms: self.now_ms() + lifetime_ms,
        };
        let mut world = self.world_mut();
        world.app_mut(client_id)?.secrets.push(secret.clone());
        Ok(secret)
    }

    /// Adds a certificate (PEM; a private key beside it is ignored) with an RSA key.
    ///
    /// # Errors
    /// Unknown app, or a PEM without a certificate.
    pub fn add_certificate(
        &self,
        client_id: &str,
        pem: &str,
        expires_at_ms: Option<i64>,
    ) -> Result<AppCertificate, StateError> {
        let certificate = read_certificate(pem, expires_at_ms)?;
        let mut world = self.world_mut();
        world
            .app_mut(client_id)?
            .certificates
            .push(certificate.clone());
        Ok(certificate)
    }

    /// Lets an app prove itself by another issuer's tokens.
    ///
    /// # Errors
    /// Unknown app.
    pub fn add_federated_credential(
        &self,
        client_id: &str,
        credential: FederatedCredential,
    ) -> Result<(), StateError> {
        let mut world = self.world_mut();
        world
            .app_mut(client_id)?
            .federated_credentials
            .push(credential);
        Ok(())
    }

    /// Makes an issuer outside of this Azure known, by its RSA public key (PEM, `PUBLIC KEY`).
    pub fn add_external_issuer(&self, issuer: &str, public_key: &str) {
        self.world_mut()
            .external_issuers
            .insert(issuer.to_owned(), public_key.to_owned());
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

    /// Creates a managed identity and attaches it to the machine behind IMDS and App Service.
    ///
    /// # Errors
    /// Unknown tenant.
    pub fn create_identity(
        &self,
        tenant: &str,
        name: &str,
        kind: IdentityKind,
    ) -> Result<ManagedIdentity, StateError> {
        let mut world = self.world_mut();
        let tenant = world.tenant(tenant)?;
        let provider = match kind {
            IdentityKind::SystemAssigned => "Microsoft.Compute/virtualMachines",
            IdentityKind::UserAssigned => "Microsoft.ManagedIdentity/userAssignedIdentities",
        };
        let identity = ManagedIdentity {
            client_id: new_id(),
            object_id: new_id(),
            resource_id: format!(
                "/subscriptions/{}/resourceGroups/local/providers/{provider}/{name}",
                tenant.subscription
            ),
            tenant: tenant.id.clone(),
            kind,
            attached: true,
        };
        world
            .identities
            .insert(identity.object_id.clone(), identity.clone());
        Ok(identity)
    }

    /// Attaches an identity to the machine or detaches it; `false` when there is none.
    pub fn attach_identity(&self, object_id: &str, attached: bool) -> bool {
        self.world_mut()
            .identities
            .get_mut(object_id)
            .map(|identity| identity.attached = attached)
            .is_some()
    }
}

fn read_certificate(pem: &str, expires_at_ms: Option<i64>) -> Result<AppCertificate, StateError> {
    let invalid = |reason: String| StateError::Invalid {
        what: "certificate",
        reason,
    };
    let der = CertificateDer::from_pem_slice(pem.as_bytes())
        .map_err(|error| invalid(error.to_string()))?;
    let parsed =
        webpki::EndEntityCert::try_from(&der).map_err(|error| invalid(error.to_string()))?;
    let spki = parsed.subject_public_key_info();
    Ok(AppCertificate {
        key_id: new_id(),
        sha1: hex::encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &der)),
        sha256: hex::encode(digest(&SHA256, &der)),
        public_key: crate::tls::public_key_pem(spki.as_ref()),
        expires_at_ms,
    })
}

fn unknown(what: &'static str, id: &str) -> StateError {
    StateError::Unknown {
        what,
        id: id.to_owned(),
    }
}

fn new_id() -> String {
    Uuid::new_v4().to_string()
}
