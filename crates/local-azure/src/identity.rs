//! Managed identity endpoints of a machine in Azure: IMDS and App Service.
use crate::State;
use axum::Router;
use std::sync::Arc;
pub fn router(state: Arc<State>) -> Router {
    let _ = state;
    Router::new()
}
