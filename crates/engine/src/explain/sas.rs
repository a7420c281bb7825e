//! What is wrong with a SAS token, as Azure's "SAS error codes" tell it.

use super::{Answer, Doing, Row, Situation, clean, commands::quote};
use crate::{Fix, Who};

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
        _ if text.contains("expir")
            || text.contains("time frame")
            || text.contains("not valid in the specified time") =>
        {
            (
                "sas_expired",
                "The SAS token is not valid at this time: it has expired (se) or has not begun (st).",
            )
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
        format!(
            "The SAS token lacks the permission {letter} (sp), or is for one blob only (sr must be c)."
        ),
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
