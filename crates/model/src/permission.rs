//! Who acts, in which organization, and the whole permission table.

use serde::{Deserialize, Serialize};

use crate::{OrgId, UserId};

/// A member's role in an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Owner,
    Manager,
    Annotator,
    ReadOnly,
}

impl Role {
    /// As stored and shown: `owner`, `manager`, `annotator`, `read_only`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Manager => "manager",
            Self::Annotator => "annotator",
            Self::ReadOnly => "read_only",
        }
    }

    /// The inverse of [`Role::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Owner, Self::Manager, Self::Annotator, Self::ReadOnly]
            .into_iter()
            .find(|role| role.as_str() == text)
    }

    /// The permission table.
    pub fn may(self, permission: Permission) -> bool {
        match self {
            Self::Owner => true,
            Self::Manager => permission != Permission::ManageOrganization,
            Self::Annotator => matches!(permission, Permission::Read | Permission::Annotate),
            Self::ReadOnly => permission == Permission::Read,
        }
    }
}

/// What an operation needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Permission {
    /// See projects, tasks, annotations and media.
    Read,
    /// Create and change annotations.
    Annotate,
    /// Create, change and delete projects, tasks, predictions and storages; sync and export.
    ManageProjects,
    /// Members, organization settings, the Azure link.
    ManageOrganization,
}

impl Permission {
    /// As in the OpenAPI document: `read`, `annotate`, `manage_projects`, `manage_organization`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Annotate => "annotate",
            Self::ManageProjects => "manage_projects",
            Self::ManageOrganization => "manage_organization",
        }
    }
}

/// The person (or token) behind a call, always inside one organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Actor {
    pub org_id: OrgId,
    pub user_id: UserId,
    pub role: Role,
}

impl Actor {
    /// What the member's role allows.
    pub fn may(&self, permission: Permission) -> bool {
        self.role.may(permission)
    }
}
