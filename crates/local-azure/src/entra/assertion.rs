//! Client assertions: a JWT that the app signed with a certificate's key, or another issuer's token
//! that a federated credential trusts.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::Value;
use url::Url;

use super::{
    keys::{TokenProblem, verify_with},
    refusal::Refusal,
};
use crate::{
    State,
    state::{App, FederatedCredential},
};

/// Checks an app's assertion. `authority` is the tenant as the request's path names it.
///
/// # Errors
/// The refusal that Entra gives.
pub fn check(state: &State, authority: &str, app: &App, jwt: &str) -> Result<(), Refusal> {
    let unverified = Unverified::read(jwt).ok_or_else(malformed)?;
    if unverified.claim("iss") == app.client_id {
        by_certificate(state, authority, app, jwt, &unverified)
    } else if unverified.claim("iss") == unverified.claim("sub") {
        // An app's own assertion, made for another client id.
        Err(wrong_app())
    } else {
        federated(state, app, jwt, &unverified)
    }
}

/// Header and claims before anything is proven.
struct Unverified {
    header: Value,
    claims: Value,
}

impl Unverified {
    fn read(jwt: &str) -> Option<Self> {
        let mut parts = jwt.split('.').map(|part| {
            let bytes = BASE64_URL_SAFE_NO_PAD
                .decode(part.trim_end_matches('='))
                .ok()?;
            serde_json::from_slice::<Value>(&bytes).ok()
        });
        Some(Self {
            header: parts.next()??,
            claims: parts.next()??,
        })
    }

    fn claim(&self, name: &str) -> &str {
        self.claims[name].as_str().unwrap_or_default()
    }

    /// `aud` is a text or a list of them.
    fn audiences(&self) -> Vec<&str> {
        match &self.claims["aud"] {
            Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
            one => one.as_str().into_iter().collect(),
        }
    }
}

fn by_certificate(
    state: &State,
    authority: &str,
    app: &App,
    jwt: &str,
    unverified: &Unverified,
) -> Result<(), Refusal> {
    if unverified.claim("sub") != app.client_id {
        return Err(wrong_app());
    }
    let named = thumbprint(&unverified.header["x5t#S256"])
        .or_else(|| thumbprint(&unverified.header["x5t"]))
        .ok_or_else(malformed)?;
    let invalid = |reason: &str| {
        Refusal::invalid_client(
            700027,
            format!(
                "Client assertion contains an invalid signature. [Reason - {reason}, Thumbprint of key \
                 used by client: '{}', Please visit the Azure Portal, Graph Explorer or directly use \
                 MS Graph to see configured keys for app Id '{}'.]",
                named.to_ascii_uppercase(),
                app.client_id
            ),
        )
    };
    let certificate = app
        .certificates
        .iter()
        .find(|known| known.sha256 == named || known.sha1 == named)
        .ok_or_else(|| invalid("The key was not found."))?;
    if certificate
        .expires_at_ms
        .is_some_and(|expires| expires <= state.now_ms())
    {
        return Err(invalid("The key used is expired."));
    }
    let key = DecodingKey::from_rsa_pem(certificate.public_key.as_bytes())
        .map_err(|_| invalid("The key is not an RSA key."))?;
    verify_with::<Value>(
        jwt,
        &key,
        &[Algorithm::RS256, Algorithm::PS256],
        state.now_ms(),
    )
    .map_err(|problem| match problem {
        TokenProblem::Expired | TokenProblem::NotYetValid => out_of_time(state, unverified),
        TokenProblem::Malformed => malformed(),
        TokenProblem::BadSignature | TokenProblem::UnknownKey => {
            invalid("The key was found, but use of the key to verify the signature failed.")
        }
    })?;
    if unverified
        .audiences()
        .iter()
        .any(|audience| is_own_endpoint(state, authority, audience))
    {
        Ok(())
    } else {
        Err(Refusal::invalid_client(
            700023,
            "Client assertion audience claim does not match Realm issuer. Review the documentation at \
             https://docs.microsoft.com/azure/active-directory/develop/active-directory-certificate-credentials.",
        ))
    }
}

/// `x5t` in any base64 alphabet, padded or not, as hex: Microsoft's own libraries disagree.
fn thumbprint(header: &Value) -> Option<String> {
    let text = header.as_str()?;
    let url_safe: String = text
        .trim_end_matches('=')
        .chars()
        .map(|letter| match letter {
            '+' => '-',
            '/' => '_',
            other => other,
        })
        .collect();
    BASE64_URL_SAFE_NO_PAD
        .decode(url_safe)
        .ok()
        .map(hex::encode)
}

/// Is `audience` this tenant's token endpoint (v1 or v2) or issuer, under any name of this machine?
fn is_own_endpoint(state: &State, authority: &str, audience: &str) -> bool {
    let (Ok(audience), Ok(own)) = (Url::parse(audience), Url::parse(&state.endpoints().entra))
    else {
        return false;
    };
    let same_host = audience.scheme() == "https"
        && audience.port_or_known_default() == own.port_or_known_default()
        && matches!(audience.host_str(), Some("127.0.0.1" | "localhost"));
    let world = state.world();
    let tenant = world.tenant(authority);
    let names = match &tenant {
        Ok(tenant) => [tenant.id.as_str(), tenant.domain.as_str()],
        // A code may be redeemed at `organizations`.
        Err(_) => [authority, authority],
    };
    same_host
        && names.iter().any(|name| {
            ["oauth2/v2.0/token", "oauth2/token", "v2.0", ""]
                .iter()
                .any(|rest| audience.path() == format!("/{name}/{rest}").trim_end_matches('/'))
        })
}

fn federated(state: &State, app: &App, jwt: &str, unverified: &Unverified) -> Result<(), Refusal> {
    let issuer = unverified.claim("iss");
    matching_credential(app, unverified)?;
    let verified = if let Some(tenant) = local_tenant(state, issuer) {
        if tenant != app.home_tenant {
            return Err(Refusal::invalid_client(
                700236,
                format!(
                    "Entra ID tokens issued by issuer '{issuer}' may not be used for federated \
                     identity credential flows for applications or managed identities registered in \
                     this tenant."
                ),
            ));
        }
        state.keys().verify::<Value>(jwt, state.now_ms())
    } else {
        let key = state.world().external_issuers.get(issuer).cloned();
        let Some(key) = key.and_then(|pem| DecodingKey::from_rsa_pem(pem.as_bytes()).ok()) else {
            return Err(Refusal::bad_request(
                50166,
                "invalid_request",
                format!("Request to External OIDC endpoint failed. Issuer: '{issuer}'."),
            ));
        };
        verify_with(
            jwt,
            &key,
            &[Algorithm::RS256, Algorithm::PS256],
            state.now_ms(),
        )
    };
    verified.map(|_| ()).map_err(|problem| match problem {
        TokenProblem::Expired | TokenProblem::NotYetValid => out_of_time(state, unverified),
        TokenProblem::Malformed => malformed(),
        TokenProblem::BadSignature | TokenProblem::UnknownKey => Refusal::bad_request(
            5000811,
            "invalid_request",
            "Unable to verify token signature. The signing key identifier does not match any valid \
             registered keys.",
        ),
    })
}

/// Issuer first, then subject, then audience: the refusal names the first that no credential has.
fn matching_credential(app: &App, unverified: &Unverified) -> Result<(), Refusal> {
    let (issuer, subject) = (unverified.claim("iss"), unverified.claim("sub"));
    let audiences = unverified.audiences();
    if app.federated_credentials.is_empty() {
        return Err(Refusal::invalid_client(
            70025,
            format!(
                "The client '{}'({}) has no configured federated identity credentials.",
                app.client_id, app.display_name
            ),
        ));
    }
    let no_match = |code, what: &str, value: &str, more: &str| {
        Refusal::invalid_client(
            code,
            format!(
                "No matching federated identity record found for presented assertion {what} \
                 '{value}'. {more}"
            ),
        )
    };
    const CHECK: &str = "Check your federated identity credential Subject, Audience and Issuer against \
                         the presented assertion. \
                         https://learn.microsoft.com/entra/workload-id/workload-identity-federation";
    let of_issuer: Vec<&FederatedCredential> = app
        .federated_credentials
        .iter()
        .filter(|known| known.issuer == issuer)
        .collect();
    if of_issuer.is_empty() {
        return Err(no_match(700211, "issuer", issuer, CHECK));
    }
    let of_subject: Vec<&&FederatedCredential> = of_issuer
        .iter()
        .filter(|known| known.subject == subject)
        .collect();
    if of_subject.is_empty() {
        let but_for_case = of_issuer
            .iter()
            .any(|known| known.subject.eq_ignore_ascii_case(subject));
        return Err(if but_for_case {
            no_match(
                7002138,
                "subject",
                subject,
                "The subject matches with case-insensitive comparison, but not with case-sensitive \
                 comparison.",
            )
        } else {
            no_match(700213, "subject", subject, CHECK)
        });
    }
    if of_subject
        .iter()
        .any(|known| audiences.contains(&known.audience.as_str()))
    {
        Ok(())
    } else {
        Err(no_match(700212, "audience", &audiences.join(" "), CHECK))
    }
}

/// The id of the local tenant that issues under this name.
fn local_tenant(state: &State, issuer: &str) -> Option<String> {
    state
        .world()
        .tenants
        .keys()
        .find(|id| state.endpoints().issuer(id) == issuer)
        .cloned()
}

fn malformed() -> Refusal {
    Refusal::invalid_client(50027, "JWT token is invalid or malformed.")
}

fn wrong_app() -> Refusal {
    Refusal::invalid_client(
        700021,
        "Client assertion application identifier doesn't match 'client_id' parameter.",
    )
}

fn out_of_time(state: &State, unverified: &Unverified) -> Refusal {
    let at = |seconds: &Value| {
        seconds
            .as_i64()
            .and_then(|seconds| Timestamp::from_second(seconds).ok())
            .map_or_else(String::new, |at| format!("{at:.7}"))
    };
    Refusal::invalid_client(
        700024,
        format!(
            "Client assertion is not within its valid time range. Current time: {}, assertion valid \
             from {}, expiry time of assertion {}.",
            at(&Value::from(state.now_ms() / 1000)),
            at(&unverified.claims["nbf"]),
            at(&unverified.claims["exp"]),
        ),
    )
}
