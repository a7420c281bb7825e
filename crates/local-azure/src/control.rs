//! The control endpoint: everything a test or a demo arranges, as JSON over HTTP.
use crate::State;
use axum::Router;
use std::sync::Arc;
pub fn router(state: Arc<State>) -> Router {
    let _ = state;
    Router::new()
}
