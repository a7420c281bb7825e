//! What is wrong with a SAS token, as Azure's "SAS error codes" tell it.

use azure::ErrorKind;
use model::{Code, Credential};

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
            Code::SasOneBlobOnly,
            "The SAS token is for one blob only (sr=b), so that the container cannot be listed with it."
                .to_owned(),
            new_token(at),
        )
    })
}

/// A pre-signed URL that Longshore made a moment ago is refused: the storage's own credential did
/// sign it, so that what that credential lacks elsewhere is no cause here.
pub(super) fn signed_by_us(answer: &Answer<'_>, at: &Situation<'_>) -> Option<Row> {
    if at.doing != Doing::ReadSigned || matches!(at.credential, Credential::Sas { .. }) {
        return None;
    }
    let cause = match (answer.kind, answer.code.unwrap_or_default()) {
        (_, "AuthorizationProtocolMismatch") => {
            "it came to Azure without TLS, and a pre-signed URL is for https only".to_owned()
        }
        (ErrorKind::CredentialRejected, _) => format!(
            "{} Either something on the way rewrote its address, or the key that signed it was revoked or changed in this moment, or the signature is a mistake of Longshore's",
            clean(answer.message)
        ),
        _ => return None,
    };
    Some((
        Code::PresignedUrlRefused,
        format!(
            "The storage account {} refuses the pre-signed URL that Longshore made: {cause}.",
            at.account()
        ),
        Fix::by(
            Who::Operator,
            "Try again. If it stays, switch pre-signed URLs off (presign=false), so that blobs are streamed through Longshore, and look for a proxy that changes addresses.",
        ),
    ))
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
            Code::SasAddress,
            "The SAS token is limited to other addresses (sip) than this machine's.",
        ),
        "AuthorizationProtocolMismatch" => (
            Code::SasProtocol,
            "The SAS token does not allow this protocol (spr).",
        ),
        "AuthorizationServiceMismatch" => (
            Code::SasService,
            "The SAS token is not for the blob service (ss must contain b).",
        ),
        "AuthorizationResourceTypeMismatch" => (
            Code::SasResourceType,
            "The SAS token is not for containers and blobs (srt must contain c and o).",
        ),
        _ if text.contains("key time frame") => (
            Code::SasKeyExpired,
            "The user delegation key that signed the SAS token has ended (ske), though the token itself (se) may not have.",
        ),
        _ if text.contains("signed identifier") => (
            Code::SasPolicyMissing,
            "The SAS token names a stored access policy (si) that this container does not have: it was deleted or renamed, was made less than 30 seconds ago, or the token is of another container.",
        ),
        _ if azure::is_before_time_frame(answer.message) => (
            Code::SasNotYetValid,
            "The SAS token is not valid yet: its beginning (st) has not come.",
        ),
        _ if text.contains("not valid in the specified time frame")
            || text.contains("signed expiry time") && !has(at, "st") =>
        {
            (Code::SasExpired, "The SAS token has expired (se).")
        }
        _ => {
            return (
                Code::SasRejected,
                format!(
                    "Azure does not accept the SAS token for {}: {} Most likely its signature was cut or changed when it was copied, it is of another container or account, or the key that signed it was changed.",
                    at.account(),
                    clean(answer.message)
                ),
                new_token(at),
            );
        }
    };
    (code, cause.to_owned(), new_token(at))
}

/// `AuthorizationPermissionMismatch`. Azure compares the token's own permissions (sp), those of its
/// stored access policy (si), and, where a person or an app signed it (skoid), their role.
/// Source: "Create a user delegation SAS", "Define a stored access policy".
pub(super) fn permission_missing(answer: &Answer<'_>, token: &str, at: &Situation<'_>) -> Row {
    let needed: &[(char, &str)] = match at.doing {
        Doing::List => &[('l', "list")],
        Doing::Read | Doing::ReadSigned | Doing::Sign | Doing::SignIn => &[('r', "read")],
        Doing::Write => &[('c', "create"), ('w', "write")],
        Doing::Delete => &[('d', "delete")],
    };
    let allowed = field(token, "sp");
    let named = |keep: &dyn Fn(char) -> bool| -> String {
        let letters = needed.iter().filter(|(letter, _)| keep(*letter));
        let words: Vec<String> = letters
            .map(|(letter, word)| format!("{letter} ({word})"))
            .collect();
        words.join(" and ")
    };
    let missing = named(&|letter| !allowed.unwrap_or_default().contains(letter));
    let words = named(&|_| true);
    let (code, cause) = match (allowed, field(token, "skoid"), field(token, "si")) {
        (_, _, None) if !missing.is_empty() => (
            Code::SasPermissionMissing,
            format!("The SAS token lacks the permission {missing} (sp)."),
        ),
        (Some(_), Some(signer), _) => (
            Code::SasSignerRoleMissing,
            format!(
                "The SAS token allows {words}, and whoever signed it may not do that (any more): the identity with the object id {} has no role for it here. A token is never worth more than its signer's role.",
                clean(signer).trim_end_matches('.')
            ),
        ),
        (None, _, Some(_)) => (
            Code::SasPermissionMissing,
            format!(
                "The stored access policy that the SAS token names (si) does not allow {words}, nor does the token (sp)."
            ),
        ),
        _ => return super::unknown(answer, "Azure"),
    };
    (code, cause, new_token(at))
}

/// A parameter of a token, as it stands there.
fn field<'t>(token: &'t str, name: &str) -> Option<&'t str> {
    let pairs = token.trim().trim_start_matches('?').split('&');
    pairs
        .filter_map(|pair| pair.split_once('='))
        .find_map(|(known, value)| (known == name && !value.is_empty()).then_some(value))
}

fn has(at: &Situation<'_>, name: &str) -> bool {
    match at.credential {
        Credential::Sas { token } => field(token.expose(), name).is_some(),
        _ => false,
    }
}

fn new_token(at: &Situation<'_>) -> Fix {
    let permissions = match at.doing {
        Doing::List | Doing::Read | Doing::ReadSigned | Doing::Sign | Doing::SignIn => "rl",
        Doing::Write => "rcwl",
        Doing::Delete => "rcwdl",
    };
    token_with(at, permissions)
}

/// How to make a token with these permissions.
pub(super) fn token_with(at: &Situation<'_>, permissions: &str) -> Fix {
    Fix::by(Who::AzureAdministrator, "Make a new token and enter it").command(format!(
        "az storage container generate-sas --account-name {} --name {} --permissions {permissions} --https-only --expiry YYYY-MM-DDTHH:MMZ --as-user --auth-mode login --output tsv",
        at.account(),
        quote(at.container())
    ))
}

#[cfg(test)]
mod tests {
    use azure::ErrorKind;
    use model::{Credential, Secret};

    use crate::access::explain::{
        Answer, Doing,
        tests::{answer, assert_holds, explained, key, principal},
    };

    fn told(
        token: &str,
        kind: ErrorKind,
        code: &'static str,
        message: &'static str,
    ) -> crate::Problem {
        let refused = Answer {
            message,
            ..answer(kind, 403, code)
        };
        let sas = Credential::Sas {
            token: Secret::new(token),
        };
        explained(&refused, &sas, Doing::Read)
    }

    #[test]
    fn what_a_token_lacks_is_read_from_the_token() {
        let mismatch = |token| {
            told(
                token,
                ErrorKind::RoleMissing,
                "AuthorizationPermissionMismatch",
                "m",
            )
        };
        for (token, code, words) in [
            ("sp=l&sig=x", "sas_permission_missing", "r (read)"),
            ("sig=x", "sas_permission_missing", "r (read)"),
            (
                "si=readers&sig=x",
                "sas_permission_missing",
                "stored access policy",
            ),
            ("sp=rl&skoid=5555&sig=x", "sas_signer_role_missing", "5555"),
            (
                "sp=rl&sig=x",
                "azure_error",
                "AuthorizationPermissionMismatch",
            ),
        ] {
            assert_holds(&mismatch(token), code, &[words]);
        }
    }

    #[test]
    fn each_end_of_a_token_is_told_apart() {
        let rejected = |token, message| {
            told(
                token,
                ErrorKind::CredentialRejected,
                "AuthenticationFailed",
                message,
            )
        };
        for (token, message, code) in [
            (
                "sig=x",
                "(Signature not valid in the specified time frame: Start [a] - Expiry [b] - Current [c])",
                "sas_expired",
            ),
            (
                "sig=x",
                "(Signature not valid in the specified key time frame: Start [a] - Expiry [b] - Current [c])",
                "sas_key_expired",
            ),
            (
                "sig=x",
                "(Signed expiry time [Thu] has to be after signed start time [Fri])",
                "sas_expired",
            ),
            (
                "st=2026&sig=x",
                "(Signed expiry time [Thu] has to be after signed start time [Fri])",
                "sas_rejected",
            ),
            (
                "si=p&sig=x",
                "(SAS identifier cannot be found for specified signed identifier)",
                "sas_policy_missing",
            ),
            ("sig=x", "(Signature did not match)", "sas_rejected"),
        ] {
            assert_holds(&rejected(token, message), code, &[]);
        }
    }

    #[test]
    fn a_refused_url_of_ours_is_not_blamed_on_the_storages_credential() {
        let refused = Answer {
            message: "(Signature did not match.)",
            ..answer(ErrorKind::CredentialRejected, 403, "AuthenticationFailed")
        };
        for credential in [key(), principal()] {
            let problem = explained(&refused, &credential, Doing::ReadSigned);
            assert_holds(
                &problem,
                "presigned_url_refused",
                &["Signature did not match"],
            );
        }
    }
}
