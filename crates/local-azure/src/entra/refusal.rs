//! Entra's refusals: AADSTS code, HTTP status and body. Texts and statuses are those recorded from
//! the real service where a recording exists, and its documentation's otherwise.

use axum::{
    Json,
    response::{IntoResponse as _, Response},
};
use http::StatusCode;
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use crate::State;

/// One refusal.
#[derive(Debug, thiserror::Error)]
#[error("AADSTS{code}: {text}")]
pub struct Refusal {
    code: u32,
    status: StatusCode,
    /// The OAuth error.
    error: &'static str,
    text: String,
}

impl Refusal {
    /// 401 `invalid_client`: the app could not prove itself.
    pub fn invalid_client(code: u32, text: impl Into<String>) -> Self {
        Self::new(code, StatusCode::UNAUTHORIZED, "invalid_client", text)
    }

    /// 400 `unauthorized_client`: the app may not act here.
    pub fn unauthorized_client(code: u32, text: impl Into<String>) -> Self {
        Self::new(code, StatusCode::BAD_REQUEST, "unauthorized_client", text)
    }

    /// 400 with any other OAuth error.
    pub fn bad_request(code: u32, error: &'static str, text: impl Into<String>) -> Self {
        Self::new(code, StatusCode::BAD_REQUEST, error, text)
    }

    /// A form field that is not there.
    pub fn missing(field: &str) -> Self {
        Self::bad_request(
            900144,
            "invalid_request",
            format!("The request body must contain the following parameter: '{field}'."),
        )
    }

    fn new(code: u32, status: StatusCode, error: &'static str, text: impl Into<String>) -> Self {
        Self {
            code,
            status,
            error,
            text: text.into(),
        }
    }

    /// The answer, as Entra shapes it.
    pub fn response(self, state: &State) -> Response {
        let (trace, correlation) = (Uuid::new_v4().to_string(), Uuid::new_v4().to_string());
        let timestamp = Timestamp::from_millisecond(state.now_ms())
            .map_or_else(|_| String::new(), |at| at.strftime("%F %TZ").to_string());
        let mut body = json!({
            "error": self.error,
            "error_description": format!(
                "{self} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {timestamp}",
            ),
            "error_codes": [self.code],
            "timestamp": timestamp,
            "trace_id": trace,
            "correlation_id": correlation,
        });
        // Recorded without it for this one.
        if self.code != 700038 {
            body["error_uri"] = json!(format!(
                "{}/error?code={}",
                state.endpoints().entra,
                self.code
            ));
        }
        (self.status, Json(body)).into_response()
    }
}
