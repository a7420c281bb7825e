//! Blob Storage's codes that change nothing of what the program does next, and everything of what
//! a person does: leases, retention, keys in a vault, names that cannot be.
//!
//! Source: "Common REST API error codes", "Blob service error codes", "SAS error codes". A code that
//! is not here is shown as it came.

use model::{Code, Credential};

use super::{Answer, Row, Situation, clean, commands, the_blob};
use crate::{Fix, Who};

/// The row of a code that says its cause by itself.
pub(super) fn row(answer: &Answer<'_>, at: &Situation<'_>) -> Option<Row> {
    let (account, container) = (at.account(), at.container());
    let code = answer.code?;
    Some(match code {
        "LeaseIdMissing" => (
            Code::Leased,
            format!("Somebody holds a lease on {} (or on its container), so that it can be read and not changed or deleted.", the_blob(at)),
            Fix::by(
                Who::AzureAdministrator,
                "Nothing was changed. Wait until the lease ends, or end it when nobody needs it",
            )
            .command(commands::break_lease(at)),
        ),
        "BlobImmutableDueToPolicy"
        | "ContainerImmutabilityPolicyLocked"
        | "ImmutabilityPolicyDeleteOnLockedPolicy" => (
            Code::RetentionPolicy,
            format!("A retention policy forbids changing or deleting {} until its time is over.", the_blob(at)),
            Fix::by(
                Who::AzureAdministrator,
                "Nothing was changed. New names may be written: choose another prefix for the target. To see the policy",
            )
            .command(commands::of_container(at, "immutability-policy show", "")),
        ),
        "BlobImmutableDueToLegalHold" | "ContainerHasLegalHold" => (
            Code::LegalHold,
            format!("A legal hold forbids changing or deleting {}.", the_blob(at)),
            Fix::by(
                Who::AzureAdministrator,
                "Nothing was changed. Choose another prefix for the target, or ask whoever set the hold. To see it",
            )
            .command(commands::of_container(at, "legal-hold show", "")),
        ),
        "AccountIsDisabled" => (
            Code::AccountDisabled,
            format!("The storage account {account} is disabled, mostly because its subscription is."),
            Fix::by(
                Who::AzureAdministrator,
                "An administrator looks at the subscription's state (bill, credit, cancelled)",
            )
            .command("az account list --all --query \"[].{name:name,state:state}\" --output table"),
        ),
        "InsufficientAccountPermissions" => (
            Code::AccountReadOnly,
            format!("The storage account {account} itself does not allow this now, whoever asks: {}", clean(answer.message)),
            Fix::by(
                Who::AzureAdministrator,
                "No role mends this. A secondary endpoint is read only, and during a failover or a suspended subscription nothing can be written. To see the account's state",
            )
            .command(show_account(at, "{status:statusOfPrimary,provisioning:provisioningState}")),
        ),
        "AccountBeingCreated" => (
            Code::AccountBeingCreated,
            format!("The storage account {account} is still being made."),
            Fix::by(Who::You, "Wait a minute and try again.").takes("about a minute"),
        ),
        "ContainerDisabled" => (
            Code::ContainerDisabled,
            format!("The container {container} of {account} was switched off."),
            Fix::by(
                Who::AzureAdministrator,
                "An administrator of the account, or Microsoft's support, switches it on again.",
            ),
        ),
        "KeyVaultEncryptionKeyNotFound"
        | "KeyVaultAccessTokenCannotBeAcquired"
        | "KeyVaultVaultNotFound" => (
            Code::EncryptionKeyUnavailable,
            format!("The storage account {account} is encrypted with a key of its owner's, and cannot get at that key ({code}); until then nobody can read or write it."),
            Fix::by(
                Who::AzureAdministrator,
                "The key vault's administrator enables or restores the key, or gives the account's identity its role on the vault again. To see which vault and key",
            )
            .command(show_account(at, "encryption.{source:keySource,vault:keyVaultProperties,identity:identity}")),
        ),
        "RequestForbiddenByContainerEncryptionPolicy" => (
            Code::EncryptionScopeForced,
            format!("The container {container} of {account} forces its own encryption scope, and the request named another one."),
            Fix::by(
                Who::You,
                "A SAS token that names an encryption scope (ses) cannot write here; use one without.",
            ),
        ),
        "BlobUsesCustomerSpecifiedEncryption" => (
            Code::BlobHasOwnKey,
            format!("{} was encrypted with a key that must be sent with each request, and Longshore has no such key.", the_blob(at)),
            Fix::by(
                Who::AzureAdministrator,
                "Upload it again without a key of its own (an encryption scope works).",
            ),
        ),
        "InvalidResourceName" | "OutOfRangeInput" => (
            Code::InvalidName,
            format!("Azure does not take the name: {} A container has 3 to 63 small letters, digits and single hyphens; a blob at most 1,024 characters.", clean(answer.message)),
            Fix::by(Who::You, "Correct the container's name or the prefix. To see the containers")
                .command(format!("az storage container list --account-name {account} --auth-mode login --query \"[].name\" --output tsv")),
        ),
        "InvalidHeaderValue" if answer.message.contains("HeaderName=x-ms-version") => (
            Code::VersionUnknown,
            format!("The cloud {} does not know the version of the storage interface that Longshore speaks: {}", at.cloud.name, clean(answer.message)),
            Fix::by(
                Who::Operator,
                "The cloud is behind the public one, or a proxy changed the header. The operator names the cloud's newest version as storage_version in the cloud profile (2019-12-12 or later).",
            ),
        ),
        "InvalidHeaderValue" | "MissingRequiredHeader" | "UnsupportedHeader"
        | "MissingContentLengthHeader" | "MissingRequiredQueryParameter"
        | "UnsupportedQueryParameter" | "InvalidQueryParameterValue" | "OutOfRangeQueryParameterValue"
        | "RequestUrlFailedToParse" | "InvalidUri" | "HostInformationNotPresent"
        | "Md5Mismatch" | "Crc64Mismatch" | "LeaseIdMismatchWithBlobOperation"
        | "LeaseIdMismatchWithContainerOperation" | "LeaseNotPresentWithBlobOperation"
        | "LeaseNotPresentWithContainerOperation" | "LeaseLost" => (
            Code::RequestChanged,
            format!(
                "Azure did not get the request as Longshore makes it ({code}): {} Most likely something on the way changed it (a proxy); else {}it is a mistake of Longshore's.",
                clean(answer.message),
                match at.credential {
                    Credential::Sas { .. } => "the SAS token holds parameters that are none of its own, or ",
                    _ => "",
                }
            ),
            Fix::by(
                Who::Operator,
                "Let requests to Azure pass the proxy unchanged, or except Azure's hosts (NO_PROXY). If there is no proxy, please report it with the request id.",
            ),
        ),
        "AccountRequiresHttps" => (
            Code::HttpsRequired,
            format!("The storage account {account} takes https only, and the request came to it without."),
            Fix::by(
                Who::Operator,
                "The operator gives the cloud profile an https blob_endpoint, or excepts Azure's hosts from the proxy that ends TLS.",
            ),
        ),
        "TlsVersionNotPermitted" => (
            Code::TlsTooOld,
            format!("The storage account {account} wants a newer TLS version than reached it. Longshore speaks 1.2 and 1.3, so that something on the way must have used an older one."),
            Fix::by(Who::Operator, "The operator excepts Azure's hosts from TLS inspection. To see what the account wants")
                .command(show_account(at, "minimumTlsVersion")),
        ),
        "ResourceTypeMismatch" | "InvalidBlobType" | "PathConflict" | "PathAlreadyExists"
        | "BlobOperationNotSupported" | "InvalidDestinationPath" | "DirectoryNotEmpty" => (
            Code::AnotherKindThere,
            format!("Something of another kind has the name of {}: an append or page blob, or a folder ({code}).", the_blob(at)),
            Fix::by(
                Who::You,
                "Nothing was overwritten. Choose another prefix for the target, or remove what is there.",
            ),
        ),
        "PendingCopyOperation" => (
            Code::CopyUnderWay,
            format!("A copy onto {} is under way, and until it ends it cannot be changed.", the_blob(at)),
            Fix::by(Who::You, "Wait until the copy ends; it is tried again."),
        ),
        "DestinationPathIsBeingDeleted" | "SourcePathIsBeingDeleted" | "FilesystemBeingDeleted" => (
            Code::DeletionUnderWay,
            format!("What had this name in {account}/{container} is still being deleted ({code})."),
            Fix::by(Who::You, "Wait a minute; it is tried again.").takes("about a minute"),
        ),
        _ => return None,
    })
}

fn show_account(at: &Situation<'_>, query: &str) -> String {
    format!(
        "az storage account show --name {} --query \"{query}\"",
        at.account()
    )
}

#[cfg(test)]
mod tests {
    use azure::ErrorKind;

    use crate::access::explain::{
        Doing,
        tests::{answer, assert_holds, explained, principal},
    };

    #[test]
    fn a_code_that_says_its_cause_is_never_told_as_something_else() {
        for (status, azure_code, code, words) in [
            (
                412,
                "LeaseIdMissing",
                "leased",
                &["lease", "az storage blob lease break --account-name acct1"][..],
            ),
            (
                409,
                "BlobImmutableDueToPolicy",
                "retention_policy",
                &["az storage container immutability-policy show"],
            ),
            (
                409,
                "BlobImmutableDueToLegalHold",
                "legal_hold",
                &["az storage container legal-hold show"],
            ),
            (
                403,
                "AccountIsDisabled",
                "account_disabled",
                &["az account list --all"],
            ),
            (
                403,
                "InsufficientAccountPermissions",
                "account_read_only",
                &["No role mends this"],
            ),
            (
                409,
                "AccountBeingCreated",
                "account_being_created",
                &["Wait"],
            ),
            (409, "ContainerDisabled", "container_disabled", &["images"]),
            (
                403,
                "KeyVaultEncryptionKeyNotFound",
                "encryption_key_unavailable",
                &["KeyVaultEncryptionKeyNotFound", "key vault"],
            ),
            (
                403,
                "KeyVaultVaultNotFound",
                "encryption_key_unavailable",
                &["key vault"],
            ),
            (
                403,
                "RequestForbiddenByContainerEncryptionPolicy",
                "encryption_scope_forced",
                &["ses"],
            ),
            (
                409,
                "BlobUsesCustomerSpecifiedEncryption",
                "blob_has_own_key",
                &["it's 1.png"],
            ),
            (
                400,
                "InvalidResourceName",
                "invalid_name",
                &["az storage container list"],
            ),
            (400, "OutOfRangeInput", "invalid_name", &["3 to 63"]),
            (
                400,
                "InvalidHeaderValue",
                "request_changed",
                &["proxy", "InvalidHeaderValue"],
            ),
            (
                411,
                "MissingContentLengthHeader",
                "request_changed",
                &["proxy"],
            ),
            (
                412,
                "LeaseIdMismatchWithBlobOperation",
                "request_changed",
                &["proxy"],
            ),
            (
                400,
                "AccountRequiresHttps",
                "https_required",
                &["blob_endpoint"],
            ),
            (
                400,
                "TlsVersionNotPermitted",
                "tls_too_old",
                &["minimumTlsVersion"],
            ),
            (
                409,
                "ResourceTypeMismatch",
                "another_kind_there",
                &["append or page blob"],
            ),
            (409, "PathConflict", "another_kind_there", &["folder"]),
            (409, "PendingCopyOperation", "copy_under_way", &["copy"]),
            (
                409,
                "FilesystemBeingDeleted",
                "deletion_under_way",
                &["Wait"],
            ),
            (
                409,
                "SnapshotsPresent",
                "azure_error",
                &["SnapshotsPresent (409)", "r-1"],
            ),
            (
                412,
                "AppendPositionConditionNotMet",
                "azure_error",
                &["AppendPositionConditionNotMet"],
            ),
        ] {
            let refused = answer(ErrorKind::Unexpected, status, azure_code);
            let problem = explained(&refused, &principal(), Doing::Write);
            assert_holds(&problem, code, words);
        }
    }
}
