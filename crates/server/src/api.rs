//! One file per resource: its JSON, then its handlers. A handler takes the actor and the input,
//! makes one call of the engine, and encodes.

pub(crate) mod annotations;
pub(crate) mod audit;
pub(crate) mod azure_links;
pub(crate) mod checks;
pub(crate) mod drafts;
pub(crate) mod exports;
pub(crate) mod health;
pub(crate) mod if_match;
pub(crate) mod invites;
pub(crate) mod label_stream;
pub(crate) mod media;
pub(crate) mod members;
pub(crate) mod named_tokens;
pub(crate) mod predictions;
pub(crate) mod projects;
pub(crate) mod storage_forms;
pub(crate) mod storages;
pub(crate) mod sync_runs;
pub(crate) mod task_actions;
mod task_walk;
pub(crate) mod tasks;
pub(crate) mod tokens;
pub(crate) mod users;

use axum::{
    Json,
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use engine::aside;
use serde::Serialize;

use crate::error::ApiError;

/// What a handler answers.
pub(crate) type Answer<T> = Result<T, ApiError>;

/// A large JSON answer, of about so many bytes.
pub(crate) async fn large(bytes: usize, value: impl Serialize + Send) -> Answer<Response> {
    let written = aside(bytes, || serde_json::to_vec(&value)).await;
    let json = written.map_err(|error| {
        tracing::error!(%error, "an answer could not be written");
        ApiError::internal()
    })?;
    Ok(json_text(json))
}

/// JSON that is written already, or is being written.
pub(crate) fn json_text(body: impl Into<Body>) -> Response {
    let kind = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, kind)], body.into()).into_response()
}

/// 201 with what was created.
pub(crate) struct Created<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        (StatusCode::CREATED, Json(self.0)).into_response()
    }
}

/// 204.
pub(crate) struct NoContent;

impl IntoResponse for NoContent {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}
