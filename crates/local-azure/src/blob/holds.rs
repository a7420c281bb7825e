//! Leases, retention policies and legal holds: what keeps a blob that is there from being changed.

use crate::{
    State,
    blob::{
        error::{BlobError, Result},
        operation::Operation,
        request::BlobRequest,
    },
    state::{Account, HoldKind},
};

/// Lets a write or a deletion pass, or refuses it as the service does; a new name is free.
///
/// # Errors
/// 412 `LeaseIdMissing`, 409 `BlobImmutableDueToPolicy` or `BlobImmutableDueToLegalHold`.
pub async fn check(
    state: &State,
    account: &Account,
    request: &BlobRequest,
    operation: Operation,
) -> Result<()> {
    let changes = matches!(
        operation,
        Operation::PutBlob
            | Operation::PutBlockList
            | Operation::DeleteBlob
            | Operation::SetBlobTier
    );
    let (Some(container), Some(blob), true) = (&request.container, &request.blob, changes) else {
        return Ok(());
    };
    let hold = account
        .settings
        .holds
        .iter()
        .find(|hold| hold.container == *container && blob.starts_with(&hold.prefix));
    let Some(hold) = hold else { return Ok(()) };
    if !state.blobs().has_blob(&account.name, container, blob).await {
        return Ok(());
    }
    Err(match hold.kind {
        HoldKind::Lease => BlobError::lease_id_missing(),
        HoldKind::Retention => BlobError::immutable_by_policy(),
        HoldKind::LegalHold => BlobError::immutable_by_hold(),
    })
}
