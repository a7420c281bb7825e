//! Managed identities, and which of them the machine behind IMDS and App Service has.

use serde::{Deserialize, Serialize};

use super::{State, StateError, World, new_id};

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
}

impl State {
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
