//! For load balancers, monitoring and API clients' generators.

use aws_lc_rs::digest::{SHA256, digest};
use axum::{
    Json,
    extract::{Request, State},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use engine::Outage;
use model::Secret;
use serde_json::{Value, json};

use crate::{App, api::Answer, client_address::Peer, error::ApiError, openapi_document};

/// The process is up; says nothing about the database.
pub(crate) async fn health() -> Json<Value> {
    Json(json!({"status": "UP"}))
}

pub(crate) async fn ready(State(app): State<App>) -> Answer<Json<Value>> {
    match app.engine.ping().await {
        Ok(()) => Ok(Json(json!({"status": "READY"}))),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            let outage = error.outage().unwrap_or(Outage::Unreachable);
            Err(ApiError::not_ready(outage))
        }
    }
}

/// Counters and durations only: nothing in it names a customer. Still it is for who runs the
/// server: with the operator's token, else from the machine itself.
pub(crate) async fn metrics(State(app): State<App>, request: Request) -> Answer<Response> {
    match &app.settings.metrics_token {
        Some(token) if !bears(request.headers(), token) => {
            return Err(ApiError::unauthenticated(
                "Send the operator's metrics token: Authorization: Bearer TOKEN.",
            ));
        }
        None if !is_of_this_machine(&request, &app) => return Err(ApiError::metrics_are_local()),
        _ => {}
    }
    let handle = crate::metrics();
    handle.run_upkeep();
    let text = (
        [(
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        )],
        handle.render(),
    );
    Ok(text.into_response())
}

fn bears(headers: &HeaderMap, token: &Secret) -> bool {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| {
        let (scheme, given) = value.to_str().ok()?.split_once(' ')?;
        scheme
            .eq_ignore_ascii_case("bearer")
            .then_some(given.trim())
    });
    // Digests are compared, so the time it takes says nothing of the token.
    let hash = |text: &str| digest(&SHA256, text.as_bytes());
    given.is_some_and(|given| hash(given).as_ref() == hash(token.expose()).as_ref())
}

/// Does it come from this machine and was not passed on by a proxy on it? What calls the server
/// from inside its own process has no connection.
fn is_of_this_machine(request: &Request, app: &App) -> bool {
    let passed_on = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];
    let headers = request.headers();
    let own = app.settings.client_address_header.iter();
    let is_passed_on = passed_on.iter().any(|name| headers.contains_key(*name))
        || own.into_iter().any(|name| headers.contains_key(name));
    let peer = request.extensions().get::<Peer>();
    !is_passed_on && peer.is_none_or(|peer| peer.0.to_canonical().is_loopback())
}

pub(crate) async fn openapi() -> impl IntoResponse {
    Json(openapi_document())
}
