//! Blob Storage's codes and texts, from "Blob service error codes" and answers quoted in public.

use azure::{GetRequest, ListRequest, PutCondition};
use futures_util::future::join_all;

use super::*;
use By::{App, Key, Nobody, Sas};
use Doing::{Delete, List, Read, Write};

const TOKEN: By = Sas("sv=2026-04-06&sr=c&sp=rcwdl&sig=x");

const fn row(by: By, doing: Doing, status: u16, code: &'static str, expected: &'static str) -> Row {
    Row {
        by,
        doing,
        status,
        code,
        text: "",
        expected,
        says: &[],
    }
}

impl Row {
    const fn text(self, text: &'static str) -> Self {
        Self { text, ..self }
    }

    const fn says(self, says: &'static [&'static str]) -> Self {
        Self { says, ..self }
    }
}

const ROWS: &[Row] = &[
    // 400: the request
    row(App, List, 400, "InvalidQueryParameterValue", "request_changed"),
    row(App, List, 400, "OutOfRangeQueryParameterValue", "request_changed"),
    row(Key, List, 400, "OutOfRangeInput", "invalid_name").says(&["3 to 63"]),
    row(Key, List, 400, "InvalidResourceName", "invalid_name"),
    row(Key, Read, 400, "InvalidUri", "request_changed"),
    row(Key, Read, 400, "RequestUrlFailedToParse", "request_changed"),
    row(App, Read, 400, "InvalidHeaderValue", "request_changed"),
    row(App, Read, 400, "UnsupportedHeader", "request_changed"),
    row(App, Read, 400, "MissingRequiredHeader", "request_changed"),
    row(App, Write, 411, "MissingContentLengthHeader", "request_changed").says(&["proxy"]),
    row(App, List, 400, "MissingRequiredQueryParameter", "request_changed"),
    row(TOKEN, List, 400, "UnsupportedQueryParameter", "request_changed"),
    row(App, List, 400, "HostInformationNotPresent", "request_changed"),
    row(App, Write, 400, "Md5Mismatch", "request_changed"),
    row(App, Write, 400, "Crc64Mismatch", "request_changed"),
    row(App, Read, 400, "InvalidInput", "azure_error"),
    row(App, Read, 400, "InvalidHttpVerb", "azure_error"),
    row(App, Read, 405, "UnsupportedHttpVerb", "azure_error"),
    row(App, Read, 400, "AccountRequiresHttps", "https_required"),
    row(App, Read, 400, "TlsVersionNotPermitted", "tls_too_old"),
    row(App, Write, 400, "InvalidMd5", "azure_error"),
    row(App, Write, 400, "InvalidMetadata", "azure_error"),
    row(App, Write, 400, "ConditionHeadersNotSupported", "azure_error"),
    row(App, Write, 400, "MultipleConditionHeadersNotSupported", "azure_error"),
    row(App, Write, 400, "InvalidBlobOrBlock", "azure_error"),
    row(App, Write, 400, "InvalidBlobTier", "azure_error"),
    row(App, Write, 413, "RequestBodyTooLarge", "azure_error"),
    row(App, Read, 501, "NotImplemented", "azure_error"),
    row(App, Read, 400, "InvalidAuthenticationInfo", "token_rejected"),
    row(Key, Read, 400, "InvalidAuthenticationInfo", "account_key_rejected"),
    row(TOKEN, Read, 400, "InvalidAuthenticationInfo", "sas_rejected"),
    // 401
    row(Nobody, List, 401, "NoAuthenticationInformation", "credential_required"),
    row(App, List, 401, "NoAuthenticationInformation", "request_changed").says(&["removed it"]),
    row(Key, Read, 401, "NoAuthenticationInformation", "request_changed"),
    row(TOKEN, Read, 401, "NoAuthenticationInformation", "request_changed"),
    row(App, List, 401, "InvalidAuthenticationInfo", "wrong_tenant")
        .text("Issuer validation failed. Issuer did not match."),
    row(App, List, 401, "InvalidAuthenticationInfo", "token_rejected")
        .text("Audience validation failed. Audience did not match.")
        .says(&["Audience validation failed"]),
    row(App, List, 401, "InvalidAuthenticationInfo", "token_rejected")
        .text("Lifetime validation failed. The token is expired."),
    // 403 AuthenticationFailed
    row(Key, List, 403, "AuthenticationFailed", "account_key_rejected")
        .text("The MAC signature found in the HTTP request 'x' is not the same as any computed signature.")
        .says(&["MAC signature"]),
    row(Key, List, 403, "AuthenticationFailed", "account_key_rejected"),
    row(Key, List, 403, "AuthenticationFailed", "clock_skew").text("Request date header too old: 'x'"),
    row(App, List, 403, "AuthenticationFailed", "token_rejected"),
    row(TOKEN, List, 403, "AuthenticationFailed", "sas_rejected")
        .text("Signature did not match. String to sign used was x"),
    row(TOKEN, List, 403, "AuthenticationFailed", "sas_rejected"),
    row(TOKEN, List, 403, "AuthenticationFailed", "sas_expired")
        .text("Signature not valid in the specified time frame: Start [Tue, 06 Jan 2026 00:00:00 GMT] - Expiry [Wed, 07 Jan 2026 00:00:00 GMT] - Current [Thu, 08 Jan 2026 00:00:00 GMT]"),
    row(TOKEN, List, 403, "AuthenticationFailed", "sas_not_yet_valid")
        .text("Signature not valid in the specified time frame: Start [Tue, 06 Jan 2026 00:00:00 GMT] - Expiry [Wed, 07 Jan 2026 00:00:00 GMT] - Current [Mon, 05 Jan 2026 00:00:00 GMT]"),
    row(TOKEN, List, 403, "AuthenticationFailed", "sas_key_expired")
        .text("Signature not valid in the specified key time frame: Key start [a] - Key expiry [b] - Current [c]"),
    row(TOKEN, List, 403, "AuthenticationFailed", "sas_expired")
        .text("Signed expiry time [Thu] has to be after signed start time [Fri]"),
    row(Sas("sv=1&si=p&sig=x"), List, 403, "AuthenticationFailed", "sas_policy_missing")
        .text("SAS identifier cannot be found for specified signed identifier"),
    row(TOKEN, List, 403, "AuthenticationFailed", "sas_rejected")
        .text("sr is mandatory. Cannot be empty")
        .says(&["sr is mandatory"]),
    // 403, the other codes
    row(App, List, 403, "AuthorizationPermissionMismatch", "role_missing")
        .says(&["condition", "deny assignment", "hierarchical namespace", "read and execute on the folder"]),
    row(App, Read, 403, "AuthorizationPermissionMismatch", "role_missing").says(&["read on the file"]),
    row(App, Write, 403, "AuthorizationPermissionMismatch", "role_missing")
        .says(&["Storage Blob Data Contributor"]),
    row(App, Delete, 403, "AuthorizationPermissionMismatch", "role_missing"),
    row(Sas("sv=1&sp=r&sig=x"), List, 403, "AuthorizationPermissionMismatch", "sas_permission_missing")
        .says(&["l (list)"]),
    row(Sas("sv=1&sp=rl&skoid=55&sig=x"), Read, 403, "AuthorizationPermissionMismatch", "sas_signer_role_missing"),
    row(TOKEN, Read, 403, "AuthorizationPermissionMismatch", "azure_error"),
    row(Key, List, 403, "AuthorizationFailure", "firewall").says(&["network security perimeter"]),
    row(App, Write, 403, "AuthorizationFailure", "firewall"),
    row(Nobody, List, 403, "AuthorizationFailure", "firewall"),
    row(TOKEN, List, 403, "AuthorizationFailure", "firewall").says(&["not for this kind of request"]),
    row(TOKEN, List, 403, "AuthorizationSourceIPMismatch", "sas_address"),
    row(TOKEN, List, 403, "AuthorizationProtocolMismatch", "sas_protocol"),
    row(TOKEN, List, 403, "AuthorizationServiceMismatch", "sas_service"),
    row(TOKEN, List, 403, "AuthorizationResourceTypeMismatch", "sas_resource_type"),
    row(TOKEN, List, 403, "QueryParameterSasMandatory", "azure_error"),
    row(App, Write, 403, "UnauthorizedBlobOverwrite", "overwrite_not_allowed"),
    row(TOKEN, Write, 403, "UnauthorizedBlobOverwrite", "overwrite_not_allowed")
        .says(&["w (write)", "generate-sas"]),
    row(Key, Write, 403, "InsufficientAccountPermissions", "account_read_only"),
    row(App, Read, 403, "AccountIsDisabled", "account_disabled"),
    row(Key, Read, 403, "KeyBasedAuthenticationNotPermitted", "shared_key_disabled"),
    row(TOKEN, Read, 403, "KeyBasedAuthenticationNotPermitted", "shared_key_disabled"),
    row(App, Read, 403, "KeyVaultEncryptionKeyNotFound", "encryption_key_unavailable"),
    row(App, Read, 403, "KeyVaultAccessTokenCannotBeAcquired", "encryption_key_unavailable"),
    row(App, Read, 403, "KeyVaultVaultNotFound", "encryption_key_unavailable"),
    row(App, Write, 403, "RequestForbiddenByContainerEncryptionPolicy", "encryption_scope_forced"),
    row(App, Read, 403, "SomethingNew", "azure_error").says(&["SomethingNew (403)"]),
    // 404
    row(Key, List, 404, "ContainerNotFound", "container_not_found"),
    row(App, Write, 404, "ContainerNotFound", "container_not_found"),
    row(Key, Read, 404, "BlobNotFound", "blob_not_found"),
    row(Key, Read, 404, "ResourceNotFound", "blob_not_found"),
    row(Nobody, List, 404, "ResourceNotFound", "container_not_found").says(&["may not be known"]),
    row(TOKEN, List, 404, "ResourceNotFound", "container_not_found"),
    row(App, List, 404, "FilesystemNotFound", "container_not_found"),
    row(App, Read, 404, "PathNotFound", "blob_not_found"),
    row(App, Write, 404, "RenameDestinationParentPathNotFound", "azure_error"),
    // 409
    row(Nobody, List, 409, "PublicAccessNotPermitted", "public_access_disabled"),
    row(App, Write, 409, "BlobAlreadyExists", "already_exists"),
    row(App, Write, 409, "ContainerBeingDeleted", "container_being_deleted"),
    row(App, Read, 409, "ContainerDisabled", "container_disabled"),
    row(App, Read, 409, "AccountBeingCreated", "account_being_created"),
    row(App, Read, 409, "BlobArchived", "blob_archived"),
    row(App, Read, 409, "BlobBeingRehydrated", "blob_rehydrating"),
    row(App, Read, 409, "BlobNotArchived", "azure_error"),
    row(App, Write, 409, "BlobImmutableDueToPolicy", "retention_policy"),
    row(App, Delete, 409, "BlobImmutableDueToLegalHold", "legal_hold"),
    row(App, Delete, 409, "ContainerHasLegalHold", "legal_hold"),
    row(App, Read, 409, "BlobUsesCustomerSpecifiedEncryption", "blob_has_own_key"),
    row(App, Write, 409, "LeaseAlreadyPresent", "azure_error"),
    row(App, Write, 409, "ResourceTypeMismatch", "another_kind_there"),
    row(App, Write, 409, "InvalidBlobType", "another_kind_there"),
    row(App, Write, 409, "PathConflict", "another_kind_there"),
    row(App, Write, 409, "DestinationPathIsBeingDeleted", "deletion_under_way"),
    row(App, Write, 409, "FeatureVersionMismatch", "azure_error"),
    row(App, Delete, 409, "SnapshotsPresent", "azure_error"),
    row(App, Write, 409, "PendingCopyOperation", "copy_under_way"),
    row(App, Write, 409, "SystemInUse", "azure_error"),
    row(App, Write, 409, "EndpointUnsupportedAccountFeatures", "azure_error"),
    // 412, 429, 5xx, and what is not Azure's
    row(App, Read, 412, "ConditionNotMet", "changed_meanwhile"),
    row(App, Write, 412, "LeaseIdMissing", "leased").says(&["lease break"]),
    row(App, Read, 412, "LeaseIdMissing", "leased"),
    row(App, Write, 412, "LeaseIdMismatchWithBlobOperation", "request_changed"),
    row(App, Write, 412, "LeaseLost", "request_changed"),
    row(App, Write, 412, "SourceConditionNotMet", "azure_error"),
    row(App, Write, 412, "SomethingNew", "azure_error"),
    row(Key, Read, 500, "InternalError", "azure_error"),
    row(Key, Read, 500, "OperationTimedOut", "timed_out"),
    row(Key, List, 503, "ServerBusy", "throttled"),
    row(Key, List, 200, "", "not_azure").text("<html>Welcome</html>"),
    row(Key, List, 302, "", "not_azure").text("<html>Sign in</html>"),
    row(App, Read, 403, "", "not_azure").text("<html>Blocked by policy</html>"),
    row(Nobody, List, 404, "", "not_azure").text("<html>nginx</html>"),
    row(Key, Read, 407, "", "not_azure").text("<html>Proxy</html>"),
    row(TOKEN, Read, 412, "", "not_azure").text("<html>x</html>"),
    row(Key, List, 502, "", "not_azure").text("<html>Bad gateway</html>"),
    row(Key, List, 503, "", "not_azure").text("<html>Busy</html>"),
];

/// The service's XML, or a page of something else where there is no code.
fn order(world: &World, row: &Row, container: &str) {
    let path = format!("/acct1/{container}");
    if row.code.is_empty() {
        let headers = [("content-type", "text/html"), ("server", "squid")];
        world.answers(
            FaultTarget::Blob,
            path,
            (row.status, &headers, row.text.to_owned()),
        );
        return;
    }
    let detail = match row.text {
        "" => String::new(),
        text => format!("<AuthenticationErrorDetail>{text}</AuthenticationErrorDetail>"),
    };
    let body = format!(
        "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{}</Code><Message>Server failed to do it.\nRequestId:r-1\nTime:x</Message>{detail}</Error>",
        row.code
    );
    let headers = [
        ("content-type", "application/xml"),
        ("x-ms-error-code", row.code),
        ("x-ms-request-id", "r-1"),
    ];
    world.answers(FaultTarget::Blob, path, (row.status, &headers, body));
}

async fn told(world: &World, index: usize, row: &Row) -> Option<String> {
    let container = ContainerName::parse(format!("row-{index:03}-end")).unwrap();
    order(world, row, container.as_str());
    let credential = match row.by {
        Key => Credential::AccountKey {
            key: world.key.clone(),
        },
        Sas(token) => Credential::Sas {
            token: Secret::new(token),
        },
        Nobody => Credential::Anonymous,
        _ => world.app.clone(),
    };
    let account = AccountName::parse("acct1").unwrap();
    let client = world.azure.container(&credential, &account, &container);
    let blob = BlobName::parse("a/b.json").unwrap();
    let failed = match row.doing {
        Read => client.get(&blob, &GetRequest::default()).await.map(drop),
        Write => {
            let put = client.put(&blob, "x".into(), "text/plain", &PutCondition::None);
            put.await.map(drop)
        }
        Delete => client.delete(&blob, None).await,
        _ => client.list(&ListRequest::default()).await.map(drop),
    };
    let Err(error) = failed else {
        return Some(format!("{row:?} is no failure"));
    };
    let at = (Some(&container), &blob);
    let (code, text) = world.explained(&error, &credential, at, row.doing);
    let wrong = row.fault_of(code, &text)?;
    Some(format!(
        "{:?} {:?} {} {} {:?} {wrong}: {text}",
        row.by, row.doing, row.status, row.code, row.text
    ))
}

#[tokio::test]
async fn each_answer_of_storage_has_the_words_that_are_certain() {
    let world = World::start().await;
    let told = ROWS
        .iter()
        .enumerate()
        .map(|(index, row)| told(&world, index, row));
    assert_all(join_all(told).await, 120);
}
