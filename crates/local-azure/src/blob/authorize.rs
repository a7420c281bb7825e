//! What a caller may do: role assignments, SAS permissions, public access. Only this decides.

use crate::{
    State,
    blob::{
        authenticate::{Caller, FIRST_VERSION_WITH_CHALLENGE, challenge},
        engine::PublicAccess,
        error::{BlobError, Result},
        operation::{Level, Operation},
        request::BlobRequest,
        sas::Grant,
    },
    state::{Account, StorageAction},
};

/// Lets the operation pass or refuses it as the service does.
///
/// # Errors
/// 403 with the code of what is missing; for anonymous callers 401, 404 or 409.
pub async fn authorize(
    state: &State,
    account: &Account,
    request: &BlobRequest,
    operation: Operation,
    caller: &Caller,
) -> Result<()> {
    let needs = operation.needs();
    match caller {
        Caller::AccountKey | Caller::Sas(_) if operation == Operation::GetUserDelegationKey => Err(
            BlobError::authentication_failed("Only authentication scheme Bearer is supported"),
        ),
        Caller::AccountKey => Ok(()),
        Caller::Principal { object_id } => {
            authorize_principal(state, account, request, operation, object_id).await
        }
        Caller::Sas(Grant::Account {
            permissions,
            resource_types,
        }) => {
            if !resource_types.contains(needs.level.letter()) {
                return Err(BlobError::resource_type_mismatch());
            }
            authorize_letters(state, request, operation, permissions).await
        }
        Caller::Sas(Grant::Service { permissions }) => {
            require_blob_level(operation)?;
            authorize_letters(state, request, operation, permissions).await
        }
        Caller::Sas(Grant::UserDelegation {
            permissions,
            object_id,
        }) => {
            require_blob_level(operation)?;
            authorize_letters(state, request, operation, permissions).await?;
            authorize_principal(state, account, request, operation, object_id).await
        }
        Caller::Anonymous => authorize_anonymous(state, account, request, operation).await,
    }
}

/// A service SAS reaches blobs and their listing, never the container itself.
fn require_blob_level(operation: Operation) -> Result<()> {
    if operation.needs().level == Level::Object || operation == Operation::ListBlobs {
        Ok(())
    } else {
        Err(BlobError::permission_mismatch())
    }
}

async fn authorize_letters(
    state: &State,
    request: &BlobRequest,
    operation: Operation,
    permissions: &str,
) -> Result<()> {
    let needs = operation.needs();
    let has = |letters: &str| letters.chars().any(|letter| permissions.contains(letter));
    if has(needs.sas) {
        Ok(())
    } else if has(needs.sas_if_new) {
        require_new(state, request).await
    } else {
        Err(BlobError::permission_mismatch())
    }
}

async fn authorize_principal(
    state: &State,
    account: &Account,
    request: &BlobRequest,
    operation: Operation,
    object_id: &str,
) -> Result<()> {
    let needs = operation.needs();
    let scope = match (needs.level, &request.container) {
        (Level::Container | Level::Object, Some(container)) => account.container_scope(container),
        _ => account.scope(),
    };
    if account
        .settings
        .denied
        .iter()
        .any(|denied| denied == object_id)
    {
        return Err(BlobError::permission_mismatch());
    }
    let may =
        |action: StorageAction| state.principal_may(object_id, action, &scope, request.now_ms);
    if may(needs.action) || listed(account, request, operation, object_id) {
        Ok(())
    } else if needs.action_if_new.is_some_and(may) {
        require_new(state, request).await
    } else {
        Err(BlobError::permission_mismatch())
    }
}

/// Do access control lists allow it to who has no role?
fn listed(account: &Account, request: &BlobRequest, operation: Operation, object_id: &str) -> bool {
    let (letter, path) = match operation {
        Operation::GetBlob | Operation::GetBlobProperties => ('r', request.blob.as_deref()),
        Operation::ListBlobs => ('l', request.query.get("prefix")),
        _ => return false,
    };
    let path = path.unwrap_or_default();
    let covers = |folder: &str| {
        let folder = folder.trim_end_matches('/');
        let rest = path.strip_prefix(folder);
        folder.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    account.settings.hierarchical_namespace
        && account.settings.acls.iter().any(|acl| {
            acl.principal.eq_ignore_ascii_case(object_id)
                && Some(&acl.container) == request.container.as_ref()
                && acl.permissions.contains(letter)
                && covers(&acl.folder)
        })
}

/// For those who may create a blob and not replace one.
async fn require_new(state: &State, request: &BlobRequest) -> Result<()> {
    let exists = state
        .blobs()
        .has_blob(&request.account, request.container()?, request.blob()?)
        .await;
    if exists {
        Err(BlobError::no_overwrite())
    } else {
        Ok(())
    }
}

async fn authorize_anonymous(
    state: &State,
    account: &Account,
    request: &BlobRequest,
    operation: Operation,
) -> Result<()> {
    if account.settings.allow_public_access
        && let Some(container) = &request.container
    {
        let access = state.blobs().public_access(&account.name, container).await;
        let allowed = match operation {
            Operation::GetBlob | Operation::GetBlobProperties => {
                matches!(access, Some(PublicAccess::Blob | PublicAccess::Container))
            }
            Operation::ListBlobs | Operation::GetContainerProperties => {
                access == Some(PublicAccess::Container)
            }
            _ => false,
        };
        if allowed {
            return Ok(());
        }
    }
    if request.version() >= FIRST_VERSION_WITH_CHALLENGE {
        Err(BlobError::no_authentication(&challenge(state, account)))
    } else if account.settings.allow_public_access {
        Err(BlobError::resource_not_found())
    } else {
        Err(BlobError::public_access_disabled())
    }
}
