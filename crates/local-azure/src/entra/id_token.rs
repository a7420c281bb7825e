//! v2 id_tokens, and the flaws that a test may order ([`IdTokenFlaw`]).

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use super::{code::PERSON_TOKEN_S, keys::SigningKeys};
use crate::{
    State,
    state::{IdTokenFlaw, SignIn},
};

/// The id_token of a sign-in, flawed as ordered.
pub fn id_token(state: &State, sign_in: &SignIn) -> String {
    let mut claims = claims(state, sign_in);
    let now = state.now_ms() / 1000;
    let Some(flaw) = state.deviations().id_token else {
        return state.keys().sign(&claims);
    };
    match flaw {
        IdTokenFlaw::WrongIssuer => {
            let other = uuid::Uuid::new_v4().to_string();
            claims["iss"] = json!(state.endpoints().issuer(&other));
        }
        IdTokenFlaw::ForeignIssuer => {
            claims["iss"] = json!(format!(
                "https://login.evil.example/{}/v2.0",
                sign_in.tenant
            ));
        }
        IdTokenFlaw::WrongAudience => claims["aud"] = json!(uuid::Uuid::new_v4().to_string()),
        IdTokenFlaw::WrongNonce => claims["nonce"] = json!("another nonce"),
        IdTokenFlaw::NoNonce => {
            claims.as_object_mut().map(|claims| claims.remove("nonce"));
        }
        IdTokenFlaw::Expired => {
            claims["iat"] = json!(now - 2 * PERSON_TOKEN_S);
            claims["nbf"] = json!(now - 2 * PERSON_TOKEN_S);
            claims["exp"] = json!(now - PERSON_TOKEN_S);
        }
        IdTokenFlaw::NotYetValid => {
            claims["nbf"] = json!(now + PERSON_TOKEN_S);
            claims["exp"] = json!(now + 2 * PERSON_TOKEN_S);
        }
        IdTokenFlaw::Unsigned => {
            let header = json!({"typ": "JWT", "alg": "none", "kid": state.keys().current()});
            return format!("{}.{}.", part(&header), part(&claims));
        }
        IdTokenFlaw::SymmetricSignature => return with_public_key_as_secret(state, &claims),
        IdTokenFlaw::UnknownKey => return SigningKeys::generate().sign(&claims),
        IdTokenFlaw::Tampered => return tampered(state, &mut claims),
    }
    state.keys().sign(&claims)
}

fn claims(state: &State, sign_in: &SignIn) -> Value {
    let now = state.now_ms() / 1000;
    let user = &sign_in.user;
    let has = |wanted: &str| sign_in.scope.split(' ').any(|scope| scope == wanted);
    let subject = format!("{} {}", user.object_id, sign_in.client_id);
    let mut claims = json!({
        "ver": "2.0",
        "iss": state.endpoints().issuer(&sign_in.tenant),
        // Pairwise: another one for each app.
        "sub": BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, subject.as_bytes())),
        "aud": sign_in.client_id,
        "iat": now,
        "nbf": now,
        "exp": now + PERSON_TOKEN_S,
        "tid": sign_in.tenant,
        "uti": uuid::Uuid::new_v4().simple().to_string(),
    });
    let world = state.world();
    let app = world.apps.get(&sign_in.client_id.to_ascii_lowercase());
    if app.is_some_and(|app| app.tells_roles) {
        claims["wids"] = json!(user.role.wids());
    }
    if let Some(nonce) = &sign_in.nonce {
        claims["nonce"] = json!(nonce);
    }
    if has("profile") {
        let name = &user.user_principal_name;
        claims["oid"] = json!(user.object_id);
        claims["preferred_username"] = json!(name);
        claims["name"] = json!(name.split('@').next());
    }
    if has("email") {
        claims["email"] = json!(user.user_principal_name);
    }
    claims
}

/// The attack on verifiers that let the token choose between RSA and HMAC.
fn with_public_key_as_secret(state: &State, claims: &Value) -> String {
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some(state.keys().current());
    let secret = EncodingKey::from_secret(state.keys().public_key().as_bytes());
    jsonwebtoken::encode(&header, claims, &secret).expect("HMAC takes any key")
}

/// Header and signature of the true token around somebody else's object id.
fn tampered(state: &State, claims: &mut Value) -> String {
    let signed = state.keys().sign(claims);
    claims["oid"] = json!(uuid::Uuid::new_v4().to_string());
    let mut parts = signed.split('.');
    let header = parts.next().unwrap_or_default();
    let signature = parts.next_back().unwrap_or_default();
    format!("{header}.{}.{signature}", part(claims))
}

fn part(value: &Value) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(value.to_string())
}
