//! The token endpoint's authorization code grant: a completed sign-in for tokens, once.

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{
    discovery::tenant_not_found, form::Form, id_token::id_token, refusal::Refusal, token::prove,
};
use crate::{
    State,
    state::{AuthorizationCode, SignIn},
};

/// How long the tokens of a person live, in seconds.
pub const PERSON_TOKEN_S: i64 = 3599;

/// The token response for a code.
///
/// # Errors
/// A [`Refusal`] with the AADSTS code that Entra gives.
pub fn redeem(state: &State, authority: &str, form: &Form) -> Result<Value, Refusal> {
    let client_id = form.required("client_id")?;
    let code = form.required("code")?;
    let (app, issued) = {
        let world = state.world();
        let named = match authority {
            "organizations" | "common" => None,
            named => Some(
                world
                    .tenant(named)
                    .map_err(|_| tenant_not_found(named, "invalid_request"))?,
            ),
        };
        let app = world
            .apps
            .get(&client_id.to_ascii_lowercase())
            .ok_or_else(|| Refusal::unknown_app(client_id, named))?;
        let issued = world.codes.get(code).ok_or_else(|| {
            invalid_grant(9002313, "Invalid request. Request is malformed or invalid.")
        })?;
        if named.is_some_and(|tenant| tenant.id != issued.sign_in.tenant) {
            return Err(invalid_grant(
                700005,
                "Provided Authorization Code is intended to use against other tenant, thus rejected. \
                 OAuth2 Authorization Code must be redeemed against same tenant it was acquired for.",
            ));
        }
        (app.clone(), issued.clone())
    };
    prove(state, authority, &app, form)?;
    keeps_its_promises(state, form, &issued)?;
    if !state.redeem_code(code) {
        return Err(invalid_grant(
            54005,
            "OAuth2 Authorization code was already redeemed, please retry with a new valid code or \
             use an existing refresh token.",
        ));
    }
    Ok(tokens(state, &issued.sign_in))
}

/// App, time, redirect URI and PKCE must be those of the sign-in.
fn keeps_its_promises(
    state: &State,
    form: &Form,
    issued: &AuthorizationCode,
) -> Result<(), Refusal> {
    let sign_in = &issued.sign_in;
    if !form
        .required("client_id")?
        .eq_ignore_ascii_case(&sign_in.client_id)
    {
        return Err(invalid_grant(
            70000,
            "Provided grant is invalid or malformed: the code was issued to another client.",
        ));
    }
    if issued.expires_at_ms <= state.now_ms() {
        return Err(invalid_grant(
            70008,
            "The provided authorization code or refresh token has expired due to inactivity. Send a \
             new interactive authorization request for this user and resource.",
        ));
    }
    let redirect_uri = form.required("redirect_uri")?;
    if redirect_uri != sign_in.redirect_uri {
        return Err(Refusal::bad_request(
            500112,
            "invalid_client",
            format!(
                "The reply address '{redirect_uri}' does not match the reply address '{}' provided \
                 when requesting Authorization code.",
                sign_in.redirect_uri
            ),
        ));
    }
    let proven = form
        .get("code_verifier")
        .map(|verifier| BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes())));
    if proven == sign_in.code_challenge {
        Ok(())
    } else {
        Err(invalid_grant(
            501481,
            "The Code_Verifier does not match the code_challenge supplied in the authorization \
             request.",
        ))
    }
}

fn tokens(state: &State, sign_in: &SignIn) -> Value {
    let mut answer = json!({
        "token_type": "Bearer",
        "scope": sign_in.scope,
        "expires_in": PERSON_TOKEN_S,
        "ext_expires_in": PERSON_TOKEN_S,
        // For Microsoft Graph: opaque to the app, and nothing here takes it.
        "access_token": format!("EwB{}", uuid::Uuid::new_v4().simple()),
    });
    if sign_in.scope.split(' ').any(|scope| scope == "openid") {
        answer["id_token"] = json!(id_token(state, sign_in));
    }
    answer
}

fn invalid_grant(code: u32, text: &str) -> Refusal {
    Refusal::bad_request(code, "invalid_grant", text)
}
