//! Refusals that are about who asks.

use axum::http::StatusCode;

use super::ApiError;

impl ApiError {
    /// Does the role of who asked not allow it?
    pub(crate) fn is_denied(&self) -> bool {
        self.0.code == "permission_denied"
    }

    /// 403 of the metrics.
    pub(crate) fn metrics_are_local() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "metrics_are_local",
            "The metrics are for the machine that the server runs on. The operator opens them to others with the setting metrics_token.",
        )
    }
}
