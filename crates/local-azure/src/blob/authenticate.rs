//! Who sends a blob request: a principal by bearer token, an account key, a SAS, or nobody.

use crate::{
    State, Transport,
    blob::{
        error::{BlobError, Result},
        request::BlobRequest,
        sas::{self, Grant},
        shared_key,
    },
    entra::TokenProblem,
    state::Account,
};

/// From this version on the service takes bearer tokens.
const FIRST_VERSION_WITH_BEARER: &str = "2017-11-09";

/// From this version on, who has no token or a wrong one is answered with the challenge.
pub const FIRST_VERSION_WITH_CHALLENGE: &str = "2019-12-12";

/// Storage's audience in every cloud, and its application id.
const AUDIENCES: [&str; 2] = [
    "https://storage.azure.com",
    "e406a681-f3d4-42a8-90b6-c2b029497af1",
];

/// A caller whose credential was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    Anonymous,
    AccountKey,
    /// Of the account's own tenant.
    Principal {
        object_id: String,
    },
    Sas(Grant),
}

/// What the request claims to be, for the request log.
pub fn credential_name(request: &BlobRequest) -> &'static str {
    match request
        .header("authorization")
        .and_then(|value| value.split(' ').next())
    {
        Some("Bearer") => "bearer",
        Some(_) => "shared_key",
        None if request.query.get("sig").is_some() => "sas",
        None => "anonymous",
    }
}

/// Checks the credential of a request against its account.
///
/// # Errors
/// 401 with the challenge for a token that this account does not believe, 403 for the rest.
pub fn authenticate(
    state: &State,
    account: &Account,
    request: &BlobRequest,
    transport: Transport,
) -> Result<Caller> {
    let Some(authorization) = request.header("authorization") else {
        return match request.query.get("sig") {
            Some(_) => sas::check(state, account, request, transport).map(Caller::Sas),
            None => Ok(Caller::Anonymous),
        };
    };
    match authorization.split_once(' ') {
        Some(("Bearer", token)) => bearer(state, account, request, transport, token.trim()),
        Some(("SharedKey", credential)) => {
            shared_key::check(account, request, credential).map(|()| Caller::AccountKey)
        }
        _ => Err(BlobError::new(
            400,
            "InvalidAuthenticationInfo",
            "Authentication information is not given in the correct format. Check the value of Authorization header.",
        )),
    }
}

/// The challenge that tells which tenant owns the account; unquoted, as Azure writes it.
pub fn challenge(state: &State, account: &Account) -> String {
    if let Some(ordered) = &account.settings.challenge {
        return ordered.clone();
    }
    format!(
        "Bearer authorization_uri={}/{}/oauth2/authorize resource_id=https://storage.azure.com",
        state.endpoints().entra,
        account.tenant
    )
}

fn bearer(
    state: &State,
    account: &Account,
    request: &BlobRequest,
    transport: Transport,
    token: &str,
) -> Result<Caller> {
    let refused = |detail: &str| Err(BlobError::authentication_failed(detail));
    if transport == Transport::Http {
        return refused("Authentication scheme Bearer is not allowed with HTTP.");
    }
    if request.version() < FIRST_VERSION_WITH_BEARER {
        return refused("Authentication scheme Bearer is not supported in this version.");
    }
    let challenge = challenge(state, account);
    let invalid = |detail: &str| {
        if request.version() < FIRST_VERSION_WITH_CHALLENGE {
            BlobError::authentication_failed(detail)
        } else {
            BlobError::invalid_authentication(&challenge, detail)
        }
    };
    let claims = state.verify_access_token(token).map_err(|problem| {
        invalid(match problem {
            TokenProblem::Malformed => "Malformed token.",
            TokenProblem::UnknownKey | TokenProblem::BadSignature => {
                "Signature validation failed. Token's signature is not valid."
            }
            TokenProblem::NotYetValid => "Lifetime validation failed. The token is not yet valid.",
            TokenProblem::Expired => "Lifetime validation failed. The token is expired.",
        })
    })?;
    if claims.tid != account.tenant || !claims.iss.contains(&account.tenant) {
        return Err(invalid("Issuer validation failed. Issuer did not match."));
    }
    let audience = claims.aud.trim_end_matches('/');
    let own = format!("https://{}.blob.core.windows.net", account.name);
    if !AUDIENCES.contains(&audience) && audience != own {
        return Err(invalid(
            "Audience validation failed. Audience did not match.",
        ));
    }
    Ok(Caller::Principal {
        object_id: claims.oid,
    })
}
