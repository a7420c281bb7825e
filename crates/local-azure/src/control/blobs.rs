//! Control of blobs: seeding and looking, past every authorization.
//!
//! | request | body → answer |
//! |---|---|
//! | `POST /accounts/{account}/containers` | `{name, public_access?}` |
//! | `PATCH /accounts/{account}/containers/{name}` | `{public_access}` |
//! | `GET /blobs/{account}/{container}` | → names in order |
//! | `PUT /blobs/{account}/{container}/{blob}` | the bytes; `Content-Type` is kept |
//! | `GET /blobs/{account}/{container}/{blob}` | → the bytes |
//! | `POST /blobs/{account}/{container}/generate` | `{count, prefix?, size?}` |

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, State as Shared},
    routing::{get, patch, post, put},
};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;

use super::{Answer, ControlError};
use crate::{blob::PublicAccess, state::State};

pub fn routes() -> Router<Arc<State>> {
    Router::new()
        .route("/accounts/{account}/containers", post(create_container))
        .route(
            "/accounts/{account}/containers/{name}",
            patch(change_container),
        )
        .route("/blobs/{account}/{container}", get(names))
        .route(
            "/blobs/{account}/{container}/{*blob}",
            put(seed).get(look).post(generate),
        )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewContainer {
    name: String,
    /// `none`, `blob` or `container`.
    #[serde(default)]
    public_access: PublicAccess,
}

async fn create_container(
    Shared(state): Shared<Arc<State>>,
    Path(account): Path<String>,
    Json(new): Json<NewContainer>,
) -> Result<StatusCode, ControlError> {
    known(&state, &account)?;
    state
        .blobs()
        .create_container(&account, &new.name, new.public_access)
        .await?;
    Ok(StatusCode::CREATED)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ContainerSetting {
    public_access: PublicAccess,
}

async fn change_container(
    Shared(state): Shared<Arc<State>>,
    Path((account, name)): Path<(String, String)>,
    Json(setting): Json<ContainerSetting>,
) -> Result<StatusCode, ControlError> {
    known(&state, &account)?;
    state
        .blobs()
        .set_public_access(&account, &name, setting.public_access)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn names(
    Shared(state): Shared<Arc<State>>,
    Path((account, container)): Path<(String, String)>,
) -> Answer<Vec<String>> {
    known(&state, &account)?;
    Ok(Json(state.blobs().names(&account, &container).await?))
}

async fn seed(
    Shared(state): Shared<Arc<State>>,
    Path((account, container, blob)): Path<(String, String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, ControlError> {
    known(&state, &account)?;
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("application/octet-stream");
    state
        .blobs()
        .put(&account, &container, &blob, body, content_type)
        .await?;
    Ok(StatusCode::CREATED)
}

async fn look(
    Shared(state): Shared<Arc<State>>,
    Path((account, container, blob)): Path<(String, String, String)>,
) -> Result<Bytes, ControlError> {
    known(&state, &account)?;
    state
        .blobs()
        .get(&account, &container, &blob)
        .await?
        .ok_or_else(|| ControlError::NotFound(format!("no blob {blob}")))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Generate {
    count: u64,
    /// Before each name's number.
    #[serde(default)]
    prefix: String,
    /// Bytes of each blob.
    #[serde(default)]
    size: u64,
}

async fn generate(
    Shared(state): Shared<Arc<State>>,
    Path((account, container, action)): Path<(String, String, String)>,
    Json(new): Json<Generate>,
) -> Result<StatusCode, ControlError> {
    known(&state, &account)?;
    if action != "generate" {
        return Err(ControlError::NotFound(format!("no action {action}")));
    }
    state
        .blobs()
        .generate(&account, &container, &new.prefix, new.count, new.size)
        .await?;
    Ok(StatusCode::CREATED)
}

fn known(state: &State, account: &str) -> Result<(), ControlError> {
    state
        .find_account(account)
        .map(|_| ())
        .ok_or_else(|| ControlError::NotFound(format!("no account {account}")))
}
