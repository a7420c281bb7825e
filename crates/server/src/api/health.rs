//! For load balancers, monitoring and API clients' generators.

use axum::{Json, extract::State, http::header, response::IntoResponse};
use serde_json::{Value, json};

use crate::{App, api::Answer, error::ApiError, openapi_document};

/// The process is up; says nothing about the database.
pub(crate) async fn health() -> Json<Value> {
    Json(json!({"status": "UP"}))
}

pub(crate) async fn ready(State(app): State<App>) -> Answer<Json<Value>> {
    match app.engine.ping().await {
        Ok(()) => Ok(Json(json!({"status": "READY"}))),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            Err(ApiError::not_ready())
        }
    }
}

/// Counters and durations only: nothing in it names a customer.
pub(crate) async fn metrics() -> impl IntoResponse {
    let handle = crate::metrics();
    handle.run_upkeep();
    (
        [(
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        )],
        handle.render(),
    )
}

pub(crate) async fn openapi() -> impl IntoResponse {
    Json(openapi_document())
}
