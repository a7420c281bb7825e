//! The table, row by row: code, what the words must hold, what they must not.

mod token;

use azure::{Challenge, Cloud, ErrorKind};
use model::{
    AccountName, BlobName, ClientProof, ContainerName, Credential, IdentityId, IdentitySource,
    Secret,
};

use super::{Answer, Doing, Situation, word};
use crate::Problem;

const TENANT: &str = "11111111-1111-1111-1111-111111111111";
const OTHER: &str = "22222222-2222-2222-2222-222222222222";
const CLIENT: &str = "33333333-3333-3333-3333-333333333333";
const APP: &str = "44444444-4444-4444-4444-444444444444";

pub(super) fn key() -> Credential {
    Credential::AccountKey {
        key: Secret::new("a2V5"),
    }
}

pub(super) fn sas() -> Credential {
    Credential::Sas {
        token: Secret::new("sv=1&sig=x"),
    }
}

pub(super) fn principal() -> Credential {
    Credential::ServicePrincipal {
        tenant_id: TENANT.to_owned(),
        client_id: CLIENT.to_owned(),
        proof: ClientProof::Secret(Secret::new("s")),
    }
}

pub(super) fn link() -> Credential {
    Credential::AzureLink {
        tenant_id: TENANT.to_owned(),
    }
}

pub(super) fn machine(identity: IdentityId) -> Credential {
    Credential::ManagedIdentity {
        source: IdentitySource::Auto,
        identity,
    }
}

pub(super) fn answer(kind: ErrorKind, status: u16, code: &'static str) -> Answer<'static> {
    Answer {
        kind,
        status: Some(status),
        code: Some(code),
        message: "Server failed to authenticate the request",
        request_id: Some("r-1"),
        challenge: None,
        clock_skew_ms: None,
        host: None,
        identity_source: None,
    }
}

pub(super) fn silent(kind: ErrorKind, message: &'static str) -> Answer<'static> {
    Answer {
        kind,
        status: None,
        code: None,
        message,
        request_id: None,
        challenge: None,
        clock_skew_ms: None,
        host: None,
        identity_source: None,
    }
}

pub(super) fn explained(answer: &Answer<'_>, credential: &Credential, doing: Doing) -> Problem {
    let blob = BlobName::parse("a/it's 1.png").unwrap();
    word(
        answer,
        &Situation {
            cloud: &Cloud::public(),
            place: Some((
                &AccountName::parse("acct1").unwrap(),
                &ContainerName::parse("images").unwrap(),
            )),
            blob: Some(&blob),
            credential,
            app_client_id: Some(APP),
            doing,
        },
    )
}

pub(super) fn assert_holds(problem: &Problem, code: &str, words: &[&str]) {
    assert_eq!(problem.code.as_str(), code, "{problem}");
    let text = problem.to_string();
    for word in words {
        assert!(text.contains(word), "{word:?} is not in: {text}");
    }
    assert!(!text.contains('\n'), "{text}");
}

#[test]
fn each_refusal_by_storage_names_cause_and_fix() {
    use ErrorKind as K;
    let scope_of_container = "az storage account show --name acct1 --query id --output tsv)/blobServices/default/containers/images";
    for (kind, status, azure_code, credential, doing, code, words) in [
        (
            K::ContainerNotFound,
            404,
            "ContainerNotFound",
            key(),
            Doing::List,
            "container_not_found",
            &[
                "acct1 has no container images",
                "az storage container create --account-name acct1 --name images",
            ][..],
        ),
        (
            K::NotFound,
            404,
            "BlobNotFound",
            key(),
            Doing::Read,
            "blob_not_found",
            &["it's 1.png", "acct1/images"],
        ),
        (
            K::CredentialRejected,
            403,
            "AuthenticationFailed",
            key(),
            Doing::List,
            "account_key_rejected",
            &[
                "account key for acct1",
                "az storage account keys list --account-name acct1",
            ],
        ),
        (
            K::RoleMissing,
            403,
            "AuthorizationPermissionMismatch",
            principal(),
            Doing::List,
            "role_missing",
            &[
                "Storage Blob Data Reader",
                "container acct1/images",
                CLIENT,
                "10 minutes",
                scope_of_container,
            ],
        ),
        (
            K::RoleMissing,
            403,
            "AuthorizationPermissionMismatch",
            link(),
            Doing::Write,
            "role_missing",
            &[
                "Storage Blob Data Contributor",
                "enterprise application",
                APP,
            ],
        ),
        (
            K::RoleMissing,
            403,
            "AuthorizationPermissionMismatch",
            machine(IdentityId::ClientId(CLIENT.to_owned())),
            Doing::Sign,
            "delegator_missing",
            &[
                "Storage Blob Delegator",
                "managed identity",
                "presign=false",
                "on the storage account acct1",
                CLIENT,
                "--output tsv)\"",
            ],
        ),
        (
            K::RoleMissing,
            403,
            "AuthorizationPermissionMismatch",
            sas(),
            Doing::List,
            "sas_permission_missing",
            &[
                "l (list)",
                "az storage container generate-sas --account-name acct1 --name images --permissions rl",
            ],
        ),
        (
            K::CredentialRejected,
            403,
            "AuthorizationSourceIPMismatch",
            sas(),
            Doing::List,
            "sas_address",
            &["sip"],
        ),
        (
            K::CredentialRejected,
            403,
            "AuthorizationProtocolMismatch",
            sas(),
            Doing::List,
            "sas_protocol",
            &["spr"],
        ),
        (
            K::CredentialRejected,
            403,
            "AuthenticationFailed",
            sas(),
            Doing::List,
            "sas_rejected",
            &["signature"],
        ),
        (
            K::Firewall,
            403,
            "AuthorizationFailure",
            key(),
            Doing::List,
            "firewall",
            &[
                "network rules",
                "az storage account network-rule add --account-name acct1",
            ],
        ),
        (
            K::SharedKeyDisabled,
            403,
            "KeyBasedAuthenticationNotPermitted",
            key(),
            Doing::List,
            "shared_key_disabled",
            &[
                "acct1 does not allow account keys",
                "az storage account update --name acct1 --allow-shared-key-access true",
            ],
        ),
        (
            K::PublicAccessDisabled,
            409,
            "PublicAccessNotPermitted",
            Credential::Anonymous,
            Doing::List,
            "public_access_disabled",
            &["anonymous access"],
        ),
        (
            K::Archived,
            409,
            "BlobArchived",
            key(),
            Doing::Read,
            "blob_archived",
            &["archive tier", r"--name 'a/it'\''s 1.png' --tier Hot"],
        ),
        (
            K::Throttled,
            503,
            "ServerBusy",
            key(),
            Doing::List,
            "throttled",
            &["request limit"],
        ),
    ] {
        let problem = explained(&answer(kind, status, azure_code), &credential, doing);
        assert_holds(&problem, code, words);
        let azure = problem.azure.unwrap();
        assert_eq!(
            (azure.status, azure.code.as_deref()),
            (Some(status), Some(azure_code))
        );
    }
}

#[test]
fn a_wrong_tenant_names_both() {
    let challenge = Challenge {
        tenant_id: OTHER.to_owned(),
        authorization_uri: format!("https://login.microsoftonline.com/{OTHER}/oauth2/authorize"),
        resource_id: None,
    };
    for credential in [principal(), link()] {
        let answer = Answer {
            challenge: Some(&challenge),
            ..answer(ErrorKind::WrongTenant, 401, "InvalidAuthenticationInfo")
        };
        let problem = explained(&answer, &credential, Doing::List);
        assert_holds(
            &problem,
            "wrong_tenant",
            &[TENANT, OTHER, "acct1 belongs to the tenant"],
        );
    }
    let anonymous = Answer {
        challenge: Some(&challenge),
        ..answer(ErrorKind::NoCredential, 401, "NoAuthenticationInformation")
    };
    let problem = explained(&anonymous, &Credential::Anonymous, Doing::List);
    assert_holds(&problem, "credential_required", &["not public", OTHER]);
}

#[test]
fn a_wrong_clock_is_told_from_a_wrong_key() {
    for (skew, words) in [
        (20 * 60_000, "20 minutes behind"),
        (-20 * 60_000, "20 minutes ahead of"),
    ] {
        let refused = Answer {
            clock_skew_ms: Some(skew),
            ..answer(ErrorKind::CredentialRejected, 403, "AuthenticationFailed")
        };
        assert_holds(
            &explained(&refused, &key(), Doing::List),
            "clock_skew",
            &[words, "timedatectl"],
        );
    }
    let dated = Answer {
        message: "Request date header too old: 'Sat, 21 Nov 2026 20:00:00 GMT'",
        ..answer(ErrorKind::CredentialRejected, 403, "AuthenticationFailed")
    };
    assert_holds(&explained(&dated, &key(), Doing::List), "clock_skew", &[]);
    let near = Answer {
        clock_skew_ms: Some(60_000),
        ..answer(ErrorKind::CredentialRejected, 403, "AuthenticationFailed")
    };
    assert_holds(
        &explained(&near, &key(), Doing::List),
        "account_key_rejected",
        &[],
    );
}

#[test]
fn an_expired_sas_is_told_from_a_wrong_one() {
    let expired = Answer {
        message: "Signature not valid in the specified time frame: Start [..] - Expiry [..] - Current [..]",
        ..answer(ErrorKind::CredentialRejected, 403, "AuthenticationFailed")
    };
    assert_holds(
        &explained(&expired, &sas(), Doing::Read),
        "sas_expired",
        &["expired"],
    );
}

#[test]
fn the_way_to_azure_is_told_from_azure() {
    for (kind, code, words) in [
        (
            ErrorKind::AccountNotFound,
            "account_not_found",
            &["acct1", "public cloud", "az storage account list"][..],
        ),
        (
            ErrorKind::Unreachable,
            "unreachable",
            &["connection refused", "443"],
        ),
        (ErrorKind::TimedOut, "timed_out", &["in time"]),
        (ErrorKind::Interrupted, "interrupted", &["broke"]),
    ] {
        let problem = explained(&silent(kind, "connection refused"), &key(), Doing::Read);
        assert_holds(&problem, code, words);
        assert_eq!(problem.azure, None);
    }
}

#[test]
fn what_is_not_in_the_table_is_told_as_it_came_and_without_secrets() {
    let strange = Answer {
        message: "Refused https://acct1/c/b?sig=abcdef&se=1",
        ..answer(ErrorKind::Unexpected, 418, "Teapot")
    };
    let problem = explained(&strange, &key(), Doing::Read);
    assert_holds(
        &problem,
        "azure_error",
        &["Azure answered Teapot (418)", "se=1", "r-1"],
    );
    let shown = format!("{problem:?}");
    assert!(!shown.contains("abcdef"), "{shown}");
}
