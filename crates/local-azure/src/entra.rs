//! Entra ID: discovery, signing keys and the token endpoint for client credentials.

pub mod keys;
use crate::State;
use axum::Router;
use std::sync::Arc;
pub(crate) fn router(state: Arc<State>) -> Router {
    let _ = state;
    Router::new()
}
