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

use crate::{State, state::Tenant};

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

    /// 700016: no such app, or not for this tenant.
    pub fn unknown_app(client_id: &str, tenant: Option<&Tenant>) -> Self {
        Self::unauthorized_client(
            700016,
            format!(
                "Application with identifier '{client_id}' was not found in the directory '{}'. This \
                 can happen if the application has not been installed by the administrator of the \
                 tenant or consented to by any user in the tenant. You may have sent your \
                 authentication request to the wrong tenant.",
                tenant.map_or("organizations", |tenant| &tenant.domain)
            ),
        )
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

    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The OAuth error.
    pub fn error(&self) -> &'static str {
        self.error
    }

    /// `error_uri`.
    pub fn uri(&self, state: &State) -> String {
        format!("{}/error?code={}", state.endpoints().entra, self.code)
    }

    /// `error_description`; what stands between its lines changed over the years.
    pub fn description(&self, state: &State, separator: &str) -> String {
        self.traced(&Trace::new(state), separator)
    }

    fn traced(&self, trace: &Trace, separator: &str) -> String {
        format!(
            "{self}{separator}Trace ID: {}{separator}Correlation ID: {}{separator}Timestamp: {}",
            trace.id, trace.correlation, trace.timestamp
        )
    }

    /// The token endpoint's answer, as Entra shapes it.
    pub fn response(self, state: &State) -> Response {
        let trace = Trace::new(state);
        let mut body = json!({
            "error": self.error,
            "error_description": self.traced(&trace, " "),
            "error_codes": [self.code],
            "timestamp": trace.timestamp,
            "trace_id": trace.id,
            "correlation_id": trace.correlation,
        });
        // Recorded without it for this one.
        if self.code != 700038 {
            body["error_uri"] = json!(self.uri(state));
        }
        (self.status, Json(body)).into_response()
    }
}

/// What Entra's support asks for.
struct Trace {
    id: String,
    correlation: String,
    timestamp: String,
}

impl Trace {
    fn new(state: &State) -> Self {
        Self {
            id: Uuid::new_v4().to_string(),
            correlation: Uuid::new_v4().to_string(),
            timestamp: Timestamp::from_millisecond(state.now_ms())
                .map_or_else(|_| String::new(), |at| at.strftime("%F %TZ").to_string()),
        }
    }
}
