//! Azure's built-in roles, as data.

use super::{RoleDefinition, roles::BLOB_SERVICES};

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
