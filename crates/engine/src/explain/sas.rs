//! What is wrong with a SAS token, as Azure's "SAS error codes" tell it.

use azure::ErrorKind;
use model::Credential;

use super::{Answer, Doing, Row, Situation, clean, commands::quote};
use crate::{Fix, Who};

/// A token of a single blob lists nothing, and Azure says so in several ways.
pub(super) fn one_blob_only(answer: &Answer<'_>, at: &Situation<'_>) -> Option<Row> {
    let Credential::Sas { token } = at.credential else {
        return None;
    };
    let is_refusal = matches!(
        answer.kind,
        ErrorKind::CredentialRejected | ErrorKind::RoleMissing | ErrorKind::Firewall
    );
    let is_of_blob = token
        .expose()
        .split(['?', '&'])
        .any(|pair| matches!(pair, "sr=b" | "sr=bv" | "sr=bs"));
    (is_refusal && is_of_blob && at.doing == Doing::List).then(|| {
        (
            "sas_one_blob_only",
            "The SAS token is for one blob only (sr=b), so that the container cannot be listed with it."
                .to_owned(),
            new_token(at),
        )
    })
}

/// Is it about one field of the token?
pub(super) fn is_field(answer: &Answer<'_>) -> bool {
    matches!(
        answer.code.unwrap_or_default(),
        "AuthorizationSourceIPMismatch"
            | "AuthorizationProtocolMismatch"
            | "AuthorizationServiceMismatch"
            | "AuthorizationResourceTypeMismatch"
    )
}

/// `AuthenticationFailed` or one of the mismatches: the token itself does not fit.
pub(super) fn rejected(answer: &Answer<'_>, at: &Situation<'_>) -> Row {
    let text = answer.message.to_ascii_lowercase();
    let (code, cause) = match answer.code.unwrap_or_default() {
        "AuthorizationSourceIPMismatch" => (
            "sas_address",
            "The SAS token is limited to other addresses (sip) than this machine's.",
        ),
        "AuthorizationProtocolMismatch" => (
            "sas_protocol",
            "The SAS token does not allow this protocol (spr).",
        ),
        "AuthorizationServiceMismatch" => (
            "sas_service",
            "The SAS token is not for the blob service (ss must contain b).",
        ),
        "AuthorizationResourceTypeMismatch" => (
            "sas_resource_type",
            "The SAS token is not for containers and blobs (srt must contain c and o).",
        ),
        _ if azure::is_before_time_frame(answer.message) => (
            "sas_not_yet_valid",
            "The SAS token is not valid yet: its beginning (st) has not come.",
        ),
        _ if text.contains("expir")
            || text.contains("time frame")
            || text.contains("not valid in the specified time") =>
        {
            ("sas_expired", "The SAS token has expired (se).")
        }
        _ => {
            return (
                "sas_rejected",
                format!(
                    "Azure does not accept the SAS token for {}: its signature is wrong, or the key that signed it was changed. {}",
                    at.account,
                    clean(answer.message)
                ),
                new_token(at),
            );
        }
    };
    (code, cause.to_owned(), new_token(at))
}

/// `AuthorizationPermissionMismatch`: a good token that does not allow the operation (sp).
pub(super) fn permission_missing(at: &Situation<'_>) -> Row {
    let letter = match at.doing {
        Doing::List => "l (list)",
        Doing::Read | Doing::Sign | Doing::SignIn => "r (read)",
        Doing::Write => "c and w (create and write)",
        Doing::Delete => "d (delete)",
    };
    (
        "sas_permission_missing",
        format!("The SAS token lacks the permission {letter} (sp)."),
        new_token(at),
    )
}

fn new_token(at: &Situation<'_>) -> Fix {
    let permissions = match at.doing {
        Doing::List | Doing::Read | Doing::Sign | Doing::SignIn => "rl",
        Doing::Write => "rcwl",
        Doing::Delete => "rcwdl",
    };
    token_with(at, permissions)
}

/// How to make a token with these permissions.
pub(super) fn token_with(at: &Situation<'_>, permissions: &str) -> Fix {
    Fix::by(Who::AzureAdministrator, "Make a new token and enter it").command(format!(
        "az storage container generate-sas --account-name {} --name {} --permissions {permissions} --https-only --expiry YYYY-MM-DDTHH:MMZ --as-user --auth-mode login --output tsv",
        at.account,
        quote(at.container.as_str())
    ))
}
