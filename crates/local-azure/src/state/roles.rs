//! Azure RBAC on storage: roles, assignments with their propagation delay, and the check.

use serde::{Deserialize, Serialize};

use super::{State, StateError, World, new_id};

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

pub(super) const BLOB_SERVICES: &str = "Microsoft.Storage/storageAccounts/blobServices/";

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

#[cfg(test)]
mod tests {
    use super::{RoleAssignment, RoleDefinition, StorageAction, World};

    const ACCOUNT: &str =
        "/subscriptions/s/resourceGroups/local/providers/Microsoft.Storage/storageAccounts/data";

    /// May the principal `p`, with this role at this scope from instant 100 on?
    fn may(role: &str, given: &str, action: StorageAction, scope: &str, now_ms: i64) -> bool {
        let mut world = World::default();
        world.role_definitions.push(RoleDefinition {
            name: "Append only".to_owned(),
            id: "custom".to_owned(),
            actions: Vec::new(),
            data_actions: vec![StorageAction::AddBlob.name()],
        });
        let role_id = world
            .role_definitions
            .iter()
            .find(|known| known.name == role)
            .unwrap()
            .id
            .clone();
        world.role_assignments.push(RoleAssignment {
            id: "1".to_owned(),
            principal: "p".to_owned(),
            role_id,
            role_name: role.to_owned(),
            scope: given.to_owned(),
            effective_at_ms: 100,
        });
        assert!(!world.principal_may("another", action, scope, now_ms));
        world.principal_may("p", action, scope, now_ms)
    }

    #[test]
    fn built_in_roles_allow_what_azure_documents() {
        use StorageAction::{
            AddBlob, DeleteBlob, GenerateUserDelegationKey, ReadBlob, ReadContainer, WriteBlob,
            WriteContainer,
        };
        let all = [
            ReadBlob,
            WriteBlob,
            AddBlob,
            DeleteBlob,
            ReadContainer,
            WriteContainer,
            GenerateUserDelegationKey,
        ];
        for (role, allowed) in [
            (
                "Storage Blob Data Reader",
                &[ReadBlob, ReadContainer, GenerateUserDelegationKey][..],
            ),
            ("Storage Blob Data Contributor", &all),
            ("Storage Blob Data Owner", &all),
            ("Storage Blob Delegator", &[GenerateUserDelegationKey]),
            // Management roles read no blob.
            (
                "Owner",
                &[ReadContainer, WriteContainer, GenerateUserDelegationKey],
            ),
            ("Reader", &[ReadContainer]),
            ("Append only", &[AddBlob]),
        ] {
            for action in all {
                assert_eq!(
                    may(role, ACCOUNT, action, ACCOUNT, 100),
                    allowed.contains(&action),
                    "{role} {action:?}"
                );
            }
        }
    }

    #[test]
    fn a_scope_covers_what_is_below_it() {
        let container = format!("{ACCOUNT}/blobServices/default/containers/images");
        let reads = |given: &str, scope: &str| {
            may(
                "Storage Blob Data Reader",
                given,
                StorageAction::ReadBlob,
                scope,
                100,
            )
        };
        for given in [
            "/subscriptions/s",
            "/subscriptions/S/resourcegroups/LOCAL",
            ACCOUNT,
            &container,
        ] {
            assert!(reads(given, &container), "{given}");
        }
        assert!(!reads(&container, ACCOUNT));
        assert!(!reads(&container, &format!("{container}2")));
        assert!(!reads("/subscriptions/other", &container));
    }

    #[test]
    fn an_assignment_counts_once_it_has_propagated() {
        for (now_ms, seen) in [(0, false), (99, false), (100, true), (1000, true)] {
            let role = "Storage Blob Data Reader";
            let read = may(role, ACCOUNT, StorageAction::ReadBlob, ACCOUNT, now_ms);
            assert_eq!(read, seen, "{now_ms}");
        }
    }
}
