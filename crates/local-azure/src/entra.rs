//! Entra ID: discovery, signing keys, sign-in and consent pages, and the token endpoint.

mod app_request;
mod assertion;
mod authorize;
mod code;
mod consent;
mod discovery;
mod form;
mod id_token;
pub mod keys;
mod page;
mod refusal;
mod token;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, State as Shared},
    middleware,
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::{
    State,
    faults::{self, Credential},
    state::FaultTarget,
};

pub use keys::{Claims, SigningKeys, TokenProblem};
pub(crate) use token::known_resource;

/// Entra ID on its listener.
pub(crate) fn router(state: Arc<State>) -> Router {
    Router::new()
        .route("/{tenant}/oauth2/v2.0/token", post(issue))
        .route("/{tenant}/oauth2/token", post(issue))
        .route(
            "/{tenant}/oauth2/v2.0/authorize",
            get(authorize::authorize).post(authorize::authorize),
        )
        .route(
            "/{tenant}/v2.0/adminconsent",
            get(consent::v2).post(consent::v2),
        )
        .route("/{tenant}/adminconsent", get(consent::v1).post(consent::v1))
        .route(
            "/{tenant}/v2.0/.well-known/openid-configuration",
            get(discovery::v2),
        )
        .route(
            "/{tenant}/.well-known/openid-configuration",
            get(discovery::v1),
        )
        .route("/{tenant}/discovery/v2.0/keys", get(discovery::keys))
        .route("/{tenant}/discovery/keys", get(discovery::keys))
        .route("/{tenant}/discovery/instance", get(discovery::instance))
        .layer(middleware::from_fn_with_state(
            (Arc::clone(&state), FaultTarget::Entra),
            faults::inject,
        ))
        .with_state(state)
}

/// `POST /{tenant}/oauth2/v2.0/token`.
async fn issue(
    Shared(state): Shared<Arc<State>>,
    Path(tenant): Path<String>,
    body: Bytes,
) -> Response {
    let form = form::Form::parse(&body);
    let credential = Credential(form.credential_name());
    let mut response = match token::issue(&state, &tenant, &form) {
        Ok(issued) => axum::Json::<Value>(issued).into_response(),
        Err(refusal) => refusal.response(&state),
    };
    response.extensions_mut().insert(credential);
    response
}

/// How long an app's token lives, in seconds.
pub(crate) const APP_TOKEN_S: i64 = 3599;

/// The audience of tokens that prove an app to Entra.
pub(crate) const TOKEN_EXCHANGE: &str = "api://AzureADTokenExchange";

/// Whom an access token is for.
pub(crate) struct Subject<'a> {
    pub tenant: &'a str,
    pub object_id: &'a str,
    pub client_id: &'a str,
    /// `appidacr`: `1` for a secret, `2` for a certificate or a federated assertion.
    pub proof: &'static str,
}

/// Signs an app-only access token. Storage and most others get the v1 form, whose issuer is not the
/// authority; `api://AzureADTokenExchange` gets the v2 form.
pub(crate) fn access_token(
    state: &State,
    subject: &Subject<'_>,
    audience: &str,
    lifetime_s: i64,
) -> String {
    let now = state.now_ms() / 1000;
    let mut claims = json!({
        "aud": audience,
        "iat": now,
        "nbf": now,
        "exp": now + lifetime_s,
        "oid": subject.object_id,
        "sub": subject.object_id,
        "tid": subject.tenant,
        "uti": uuid::Uuid::new_v4().simple().to_string(),
    });
    let own = if audience.trim_end_matches('/') == TOKEN_EXCHANGE {
        json!({
            "iss": state.endpoints().issuer(subject.tenant),
            "azp": subject.client_id,
            "azpacr": subject.proof,
            "ver": "2.0",
        })
    } else {
        let issuer = format!("https://sts.windows.net/{}/", subject.tenant);
        json!({
            "iss": issuer,
            "idp": issuer,
            "appid": subject.client_id,
            "appidacr": subject.proof,
            "ver": "1.0",
        })
    };
    if let (Value::Object(claims), Value::Object(own)) = (&mut claims, own) {
        claims.extend(own);
    }
    state.keys().sign(&claims)
}
