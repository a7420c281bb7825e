//! Azure RBAC on storage: built-in roles as data, assignments with their propagation delay, the check.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{State, StateError, World};

/// An operation that a role can allow. Management actions and data actions are separate name
/// spaces: `Owner` has every action and no data action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StorageAction {
    GenerateUserDelegationKey,
    ReadService,
    WriteService,
    ReadContainer,
    WriteContainer,
    DeleteContainer,
    ReadBlob,
    /// Overwrite a blob, or change its metadata.
    WriteBlob,
    /// Create a blob that is not there.
    AddBlob,
    DeleteBlob,
    MoveBlob,
    ReadTags,
    WriteTags,
    FilterBlobs,
}

impl StorageAction {
    /// The name below `Microsoft.Storage/storageAccounts/blobServices/`.
    fn suffix(self) -> &'static str {
        match self {
            Self::GenerateUserDelegationKey => "generateUserDelegationKey/action",
            Self::ReadService => "read",
            Self::WriteService => "write",
            Self::ReadContainer => "containers/read",
            Self::WriteContainer => "containers/write",
            Self::DeleteContainer => "containers/delete",
            Self::ReadBlob => "containers/blobs/read",
            Self::WriteBlob => "containers/blobs/write",
            Self::AddBlob => "containers/blobs/add/action",
            Self::DeleteBlob => "containers/blobs/delete",
            Self::MoveBlob => "containers/blobs/move/action",
            Self::ReadTags => "containers/blobs/tags/read",
            Self::WriteTags => "containers/blobs/tags/write",
            Self::FilterBlobs => "containers/blobs/filter/action",
        }
    }

    /// Azure's full name of the operation.
    pub fn name(self) -> String {
        format!("{BLOB_SERVICES}{}", self.suffix())
    }

    /// Is it a data action (as opposed to a management action)?
    pub fn is_data(self) -> bool {
        self.suffix().starts_with("containers/blobs/")
    }
}

const BLOB_SERVICES: &str = "Microsoft.Storage/storageAccounts/blobServices/";

/// A built-in or custom role. Names may hold `*`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleDefinition {
    pub name: String,
    /// A GUID.
    #[serde(default = "new_id")]
    pub id: String,
    #[serde(default)]
    pub actions: Vec<String>,
    #[serde(default)]
    pub data_actions: Vec<String>,
}

impl RoleDefinition {
    fn allows(&self, action: StorageAction) -> bool {
        let granted = if action.is_data() {
            &self.data_actions
        } else {
            &self.actions
        };
        let name = action.name();
        granted.iter().any(|pattern| matches(pattern, &name))
    }
}

/// Name, id, actions, data actions.
type BuiltInRole = (
    &'static str,
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

/// As published 2026-07 (built-in-roles/storage); `blobServices/` stands for its full name.
const BUILT_IN_ROLES: &[BuiltInRole] = &[
    (
        "Storage Blob Data Reader",
        "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
        &[
            "blobServices/containers/read",
            "blobServices/generateUserDelegationKey/action",
        ],
        &["blobServices/containers/blobs/read"],
    ),
    (
        "Storage Blob Data Contributor",
        "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
        &[
            "blobServices/containers/read",
            "blobServices/containers/write",
            "blobServices/containers/delete",
            "blobServices/generateUserDelegationKey/action",
        ],
        &[
            "blobServices/containers/blobs/read",
            "blobServices/containers/blobs/write",
            "blobServices/containers/blobs/delete",
            "blobServices/containers/blobs/move/action",
            "blobServices/containers/blobs/add/action",
        ],
    ),
    (
        "Storage Blob Data Owner",
        "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
        &[
            "blobServices/containers/*",
            "blobServices/generateUserDelegationKey/action",
        ],
        &["blobServices/containers/blobs/*"],
    ),
    (
        "Storage Blob Delegator",
        "db58b8e5-c6ad-4a2a-8342-4190687cbf4a",
        &["blobServices/generateUserDelegationKey/action"],
        &[],
    ),
    (
        "Storage Account Contributor",
        "17d1049b-9a84-46fb-8f53-869881c3d3ab",
        &["Microsoft.Storage/storageAccounts/*"],
        &[],
    ),
    (
        "Reader and Data Access",
        "c12c1c16-33a1-487b-954d-41c89c60f349",
        &["Microsoft.Storage/storageAccounts/read"],
        &[],
    ),
    ("Owner", "8e3af657-a8ff-443c-a75c-2fe8c4bcb635", &["*"], &[]),
    (
        "Contributor",
        "b24988ac-6180-42a0-ab88-20f7382dd24c",
        &["*"],
        &[],
    ),
    (
        "Reader",
        "acdd72a7-3385-48ef-bd42-f606fba81ae7",
        &["*/read"],
        &[],
    ),
];

/// The built-in roles in their owned form.
pub(super) fn built_in_roles() -> Vec<RoleDefinition> {
    let full = |names: &[&str]| {
        names
            .iter()
            .map(|name| match name.strip_prefix("blobServices/") {
                Some(rest) => format!("{BLOB_SERVICES}{rest}"),
                None => (*name).to_owned(),
            })
            .collect()
    };
    BUILT_IN_ROLES
        .iter()
        .map(|(name, id, actions, data_actions)| RoleDefinition {
            name: (*name).to_owned(),
            id: (*id).to_owned(),
            actions: full(actions),
            data_actions: full(data_actions),
        })
        .collect()
}

/// A principal's role at a scope and everything below it.
#[derive(Clone, Debug, Serialize)]
pub struct RoleAssignment {
    pub id: String,
    /// The *object id* of a service principal, managed identity or user.
    pub principal: String,
    pub role_id: String,
    pub role_name: String,
    /// An ARM scope: subscription, resource group, account or container.
    pub scope: String,
    /// From when it is seen: the propagation delay.
    pub effective_at_ms: i64,
}

impl World {
    /// Does a role assignment that is in effect allow this?
    pub fn principal_may(
        &self,
        object_id: &str,
        action: StorageAction,
        scope: &str,
        now_ms: i64,
    ) -> bool {
        self.role_assignments
            .iter()
            .filter(|given| given.principal.eq_ignore_ascii_case(object_id))
            .filter(|given| given.effective_at_ms <= now_ms && covers(&given.scope, scope))
            .any(|given| {
                self.role_definitions
                    .iter()
                    .any(|role| role.id == given.role_id && role.allows(action))
            })
    }
}

impl State {
    /// Does a role assignment that is in effect allow this at this scope? `Get User Delegation Key`
    /// and `List Containers` are asked at the account's scope, the rest at the container's.
    pub fn principal_may(
        &self,
        object_id: &str,
        action: StorageAction,
        scope: &str,
        now_ms: i64,
    ) -> bool {
        self.world().principal_may(object_id, action, scope, now_ms)
    }

    /// Assigns a role (by name or id) to a principal's object id; it is in effect `delay_ms` from now.
    ///
    /// # Errors
    /// Unknown role, or a scope that is no ARM scope. The principal is not checked: Azure too
    /// keeps assignments of principals that are gone.
    pub fn assign_role(
        &self,
        principal: &str,
        role: &str,
        scope: &str,
        delay_ms: i64,
    ) -> Result<RoleAssignment, StateError> {
        if !scope.starts_with("/subscriptions/") {
            return Err(StateError::Invalid {
                what: "scope",
                reason: format!("{scope} does not begin with /subscriptions/"),
            });
        }
        let effective_at_ms = self.now_ms() + delay_ms;
        let mut world = self.world_mut();
        let definition = world
            .role_definitions
            .iter()
            .find(|known| known.name.eq_ignore_ascii_case(role) || known.id == role)
            .ok_or_else(|| StateError::Unknown {
                what: "role",
                id: role.to_owned(),
            })?;
        let assignment = RoleAssignment {
            id: new_id(),
            principal: principal.to_owned(),
            role_id: definition.id.clone(),
            role_name: definition.name.clone(),
            scope: scope.trim_end_matches('/').to_owned(),
            effective_at_ms,
        };
        world.role_assignments.push(assignment.clone());
        Ok(assignment)
    }

    /// Removes a role assignment; `false` when there is none of that id.
    pub fn remove_role(&self, assignment_id: &str) -> bool {
        let mut world = self.world_mut();
        let before = world.role_assignments.len();
        world
            .role_assignments
            .retain(|given| given.id != assignment_id);
        world.role_assignments.len() < before
    }

    /// Adds a custom role.
    ///
    /// # Errors
    /// A role of that name exists.
    pub fn create_role(&self, role: RoleDefinition) -> Result<(), StateError> {
        let mut world = self.world_mut();
        if world
            .role_definitions
            .iter()
            .any(|known| known.name.eq_ignore_ascii_case(&role.name))
        {
            return Err(StateError::Exists {
                what: "role",
                id: role.name,
            });
        }
        world.role_definitions.push(role);
        Ok(())
    }
}

/// Is `scope` the given scope or below it? ARM ids compare without case.
fn covers(given: &str, scope: &str) -> bool {
    scope
        .get(..given.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(given))
        && (scope.len() == given.len() || scope.as_bytes()[given.len()] == b'/')
}

/// `*` stands for any text; at most one of them, as in Azure's own roles.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.to_ascii_lowercase(), name.to_ascii_lowercase());
    match pattern.split_once('*') {
        None => pattern == name,
        Some((head, tail)) => {
            name.len() >= head.len() + tail.len() && name.starts_with(head) && name.ends_with(tail)
        }
    }
}

fn new_id() -> String {
    Uuid::new_v4().to_string()
}
