//! The control endpoint: everything a test or a demo arranges, as JSON over HTTP. No authorization.
//!
//! | request | body → answer |
//! |---|---|
//! | `GET /state` | the whole configuration, secrets and keys included |
//! | `PUT /clock` | `{offset_ms}` |
//! | `POST`, `GET`, `DELETE /faults` | a fault; all of them |
//! | `GET`, `DELETE /requests` | the recent requests |
//! | `POST /signing-keys/rotate` | `{drop_old}` |
//!
//! The rest is in [`directory`], [`storage`] and [`blobs`].

mod blobs;
mod directory;
mod storage;

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, State as Shared},
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::state::{Fault, RequestRecord, State, StateError};

/// The control endpoint on its listener.
pub fn router(state: Arc<State>) -> Router {
    Router::new()
        .route("/state", get(show))
        .route("/clock", put(set_clock).post(set_clock))
        .route("/faults", get(faults).post(add_fault).delete(clear_faults))
        .route("/requests", get(requests).delete(clear_requests))
        .route("/signing-keys/rotate", post(rotate_keys))
        .merge(directory::routes())
        .merge(storage::routes())
        .merge(blobs::routes())
        .layer(DefaultBodyLimit::disable())
        .with_state(state)
}

/// Why a control request failed: 404, 409 or 400 with `{"error": …}`, 500 for the blob engine's failures.
enum ControlError {
    State(StateError),
    NotFound(String),
    Invalid(String),
    Engine(anyhow::Error),
}

impl From<StateError> for ControlError {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}

impl From<anyhow::Error> for ControlError {
    fn from(error: anyhow::Error) -> Self {
        Self::Engine(error)
    }
}

impl IntoResponse for ControlError {
    fn into_response(self) -> Response {
        let (status, text) = match self {
            Self::State(error) => {
                let status = match error {
                    StateError::Unknown { .. } => StatusCode::NOT_FOUND,
                    StateError::Exists { .. } => StatusCode::CONFLICT,
                    StateError::Invalid { .. } => StatusCode::BAD_REQUEST,
                };
                (status, error.to_string())
            }
            Self::NotFound(text) => (StatusCode::NOT_FOUND, text),
            Self::Invalid(text) => (StatusCode::BAD_REQUEST, text),
            Self::Engine(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}")),
        };
        (status, Json(json!({"error": text}))).into_response()
    }
}

type Answer<T> = Result<Json<T>, ControlError>;

/// 204, or 404 when there was no such thing.
fn done(found: bool, what: &str) -> Result<StatusCode, ControlError> {
    if found {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ControlError::NotFound(format!("no such {what}")))
    }
}

async fn show(Shared(state): Shared<Arc<State>>) -> Json<Value> {
    let faults = state.faults();
    let world = state.world();
    Json(json!({
        "endpoints": state.endpoints(),
        "clock_offset_ms": state.clock_offset_ms(),
        "tenants": world.tenants.values().collect::<Vec<_>>(),
        "apps": world.apps.values().collect::<Vec<_>>(),
        "service_principals": world.service_principals.values().collect::<Vec<_>>(),
        "identities": world.identities.values().collect::<Vec<_>>(),
        "accounts": world.accounts.values().map(|account| storage::shown(account)).collect::<Vec<_>>(),
        "role_definitions": world.role_definitions,
        "role_assignments": world.role_assignments,
        "faults": faults,
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockSetting {
    /// How far ahead of the real time.
    offset_ms: i64,
}

async fn set_clock(
    Shared(state): Shared<Arc<State>>,
    Json(clock): Json<ClockSetting>,
) -> StatusCode {
    state.set_clock_offset_ms(clock.offset_ms);
    StatusCode::NO_CONTENT
}

async fn faults(Shared(state): Shared<Arc<State>>) -> Json<Vec<Fault>> {
    Json(state.faults())
}

async fn add_fault(Shared(state): Shared<Arc<State>>, Json(fault): Json<Fault>) -> StatusCode {
    state.add_fault(fault);
    StatusCode::NO_CONTENT
}

async fn clear_faults(Shared(state): Shared<Arc<State>>) -> StatusCode {
    state.clear_faults();
    StatusCode::NO_CONTENT
}

async fn requests(Shared(state): Shared<Arc<State>>) -> Json<Vec<RequestRecord>> {
    Json(state.requests())
}

async fn clear_requests(Shared(state): Shared<Arc<State>>) -> StatusCode {
    state.clear_requests();
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rotation {
    /// Refuse tokens of the earlier keys from now on.
    #[serde(default)]
    drop_old: bool,
}

async fn rotate_keys(
    Shared(state): Shared<Arc<State>>,
    Json(rotation): Json<Rotation>,
) -> StatusCode {
    state.keys().rotate();
    if rotation.drop_old {
        state.keys().drop_old();
    }
    StatusCode::NO_CONTENT
}
