//! The only place that turns a failure into a status code and a body.
//!
//! The body is Label Studio's (`id`, `status_code`, `version`, `detail`, `exc_info`,
//! `validation_errors`) with a stable `code` added, and for Azure failures `cause`, `fix` and
//! what Azure answered.

mod access;
mod limits;

use std::{borrow::Cow, collections::BTreeMap};

use axum::{
    Json,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use engine::{AzureAnswer, FieldError, Outage, Problem};
use model::{Annotation, Code};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{api::annotations::AnnotationView, extract::instant};

/// The release of Label Studio whose API this is; clients of that release work unchanged.
pub const API_VERSION: &str = "1.23.2";

/// On every response: what to quote when asking for help; `id` in an error's body.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Every failure of a handler.
#[derive(Clone, Debug)]
pub struct ApiError(Box<Parts>);

#[derive(Clone, Debug)]
struct Parts {
    status: StatusCode,
    code: &'static str,
    detail: Cow<'static, str>,
    fields: Vec<FieldError>,
    problem: Option<Problem>,
    current: Option<AnnotationView>,
    headers: HeaderMap,
}

/// The JSON of every error.
#[derive(Serialize, ToSchema)]
pub struct ErrorBody {
    /// The request's id, also in the header `x-request-id` and in the log.
    id: String,
    status_code: u16,
    /// The API's version.
    version: &'static str,
    detail: String,
    /// Always null: no stack trace leaves the server.
    exc_info: Option<String>,
    /// Messages by field; `non_field_errors` for what is about no single field.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    validation_errors: Option<BTreeMap<String, Vec<String>>>,
    /// Stable, for scripts.
    code: &'static str,
    /// What an Azure failure means.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
    /// What to do about an Azure failure, and who.
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
    /// What Azure answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    azure: Option<AzureAnswer>,
    /// With 412: the annotation as somebody else left it.
    #[serde(skip_serializing_if = "Option::is_none")]
    current: Option<AnnotationView>,
}

impl ApiError {
    fn new(status: StatusCode, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Parts {
            status,
            code,
            detail: limits::detail(detail.into()),
            fields: Vec::new(),
            problem: None,
            current: None,
            headers: HeaderMap::new(),
        }))
    }

    fn header(mut self, name: HeaderName, value: &'static str) -> Self {
        self.0.headers.insert(name, HeaderValue::from_static(value));
        self
    }

    /// 404 of a path that leads nowhere, or of an id that no row can have.
    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "Not found.")
    }

    /// 404 of a page over the end, as Label Studio says it; its client stops paging by it.
    pub(crate) fn invalid_page() -> Self {
        Self::new(StatusCode::NOT_FOUND, "invalid_page", "Invalid page.")
    }

    /// 405; the router adds `Allow`.
    pub(crate) fn method_not_allowed(method: &Method) -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            format!("Method \"{method}\" not allowed."),
        )
    }

    /// 400: the body is not what its content type says; `detail` has line and column.
    pub(crate) fn malformed(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed_body", detail)
    }

    /// 400 with messages by field.
    pub(crate) fn invalid(fields: Vec<FieldError>) -> Self {
        let mut error = Self::new(StatusCode::BAD_REQUEST, "invalid", "Validation error");
        error.0.fields = limits::messages(fields);
        error
    }

    /// 400 about the request as a whole.
    pub(crate) fn invalid_request(message: impl Into<String>) -> Self {
        Self::invalid(vec![FieldError {
            field: FieldError::NON_FIELD.to_owned(),
            message: message.into(),
        }])
    }

    /// 400: a field that must be given is not.
    pub(crate) fn required(field: &str) -> Self {
        Self::invalid(vec![FieldError {
            field: field.to_owned(),
            message: "This field is required.".to_owned(),
        }])
    }

    /// 501: a feature of Label Studio's that is not here.
    pub(crate) fn not_implemented(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_IMPLEMENTED, "not_implemented", detail)
    }

    /// 413; names the limit.
    pub(crate) fn too_large(what: &str, limit_bytes: u64) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too_large",
            format!("{what} is larger than the limit of {limit_bytes} bytes."),
        )
        .header(header::CONNECTION, "close")
    }

    /// 415.
    pub(crate) fn unsupported_media_type(given: &str) -> Self {
        let shown: String = given.chars().take(100).collect();
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            format!(
                "Unsupported media type \"{shown}\" in request. Send application/json or application/x-www-form-urlencoded."
            ),
        )
    }

    /// 408: the body stopped coming.
    pub(crate) fn body_timeout(seconds: u64) -> Self {
        Self::new(
            StatusCode::REQUEST_TIMEOUT,
            "body_timeout",
            format!("The request's body did not arrive within {seconds} seconds."),
        )
        .header(header::CONNECTION, "close")
    }

    /// 400: the client broke the connection while it sent the body.
    pub(crate) fn body_broken() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "body_broken",
            "The request's body ended early.",
        )
        .header(header::CONNECTION, "close")
    }

    /// 503 of the readiness check.
    pub(crate) fn not_ready(outage: Outage) -> Self {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Self::new(status, "not_ready", outage.to_string()).header(header::RETRY_AFTER, "5")
    }

    /// The database takes nothing: 507 without room, else 503.
    fn of_outage(outage: Outage) -> Self {
        let (status, code) = match outage {
            Outage::Full => (StatusCode::INSUFFICIENT_STORAGE, "no_room"),
            Outage::ReadOnly
            | Outage::Locked
            | Outage::Gone
            | Outage::Broken
            | Outage::Unreachable => (StatusCode::SERVICE_UNAVAILABLE, "database_unavailable"),
        };
        Self::new(status, code, outage.to_string()).header(header::RETRY_AFTER, "5")
    }

    /// 429: too many failed sign-ins or tokens of late.
    pub(crate) fn too_many_attempts(seconds: u32) -> Self {
        let mut error = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_attempts",
            format!("Too many failed attempts. Try again in {seconds} seconds."),
        );
        error
            .0
            .headers
            .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        error
    }

    /// 429: the person watches as much as one may, or everybody together does.
    pub(crate) fn too_many_watchers() -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_watchers",
            "Too many pages are open that show something live. Close some of them.",
        )
    }

    /// 404 of an invitation's link.
    pub(crate) fn invitation_gone() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "invitation_gone",
            "This invitation has been used or taken back, or its time is over. Ask an owner of the organization for a new link.",
        )
    }

    /// 404 of a first-run link.
    pub(crate) fn first_run_over() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "first_run_over",
            "This is not the link for the first run, or Longshore was set up with it already. The server prints the link when it starts, as long as nobody can sign in.",
        )
    }

    /// 500; the cause is in the log under the same id.
    pub(crate) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Something went wrong on our side. The log has the cause under this id.",
        )
    }

    /// An Azure failure while a storage is created, changed, validated or previewed: the input
    /// names what does not work, so it is a 400 with `non_field_errors`, as in Label Studio.
    pub(crate) fn of_storage_input(error: engine::Error) -> Self {
        let mut api = Self::from(error);
        if let Some(problem) = &api.0.problem {
            api.0.status = StatusCode::BAD_REQUEST;
            api.0.detail = "Validation error".into();
            api.0.fields = vec![FieldError {
                field: FieldError::NON_FIELD.to_owned(),
                message: problem.to_string(),
            }];
        }
        api
    }

    /// Stable, for scripts and for the words of a page.
    pub(crate) fn code(&self) -> &'static str {
        self.0.code
    }

    /// The message for a page.
    pub(crate) fn detail(&self) -> &str {
        &self.0.detail
    }

    /// What is wrong with a form, for its page.
    pub(crate) fn messages(&self) -> String {
        if self.0.fields.is_empty() {
            return self.detail().to_owned();
        }
        let messages: Vec<&str> = self
            .0
            .fields
            .iter()
            .map(|field| field.message.as_str())
            .collect();
        messages.join(" ")
    }

    /// What an Azure failure means, in words.
    pub(crate) fn cause(&self) -> Option<&str> {
        self.0.problem.as_ref().map(|problem| &*problem.cause)
    }

    /// What to do about an Azure failure, and who.
    pub(crate) fn fix(&self) -> Option<String> {
        self.0
            .problem
            .as_ref()
            .map(|problem| problem.fix.to_string())
    }

    /// What is wrong with which field, of a form that is shown again.
    pub(crate) fn field_errors(&self) -> &[FieldError] {
        &self.0.fields
    }

    /// The status for a page.
    pub(crate) fn status(&self) -> StatusCode {
        self.0.status
    }
}

impl From<engine::Error> for ApiError {
    fn from(error: engine::Error) -> Self {
        use engine::Error;
        match error {
            Error::NotFound { what, .. } => Self::new(
                StatusCode::NOT_FOUND,
                "not_found",
                format!("No {} matches the given query.", capitalized(what)),
            ),
            Error::Denied { permission } => Self::new(
                StatusCode::FORBIDDEN,
                "permission_denied",
                format!(
                    "You do not have permission to perform this action: your role lacks {permission:?}."
                ),
            ),
            Error::Unauthenticated { reason } => Self::unauthenticated(reason),
            Error::Invalid(fields) => Self::invalid(fields),
            Error::ChangedMeanwhile { by, current } => {
                let now_ms = current.updated_at_ms;
                Self::changed_meanwhile(by, *current, now_ms)
            }
            Error::NothingLeft => Self::new(
                StatusCode::NOT_FOUND,
                "nothing_left",
                "Nothing is left for you to label: every task is labeled, skipped by you, or open at somebody else.",
            ),
            Error::Conflict { message } => Self::new(StatusCode::CONFLICT, "conflict", message),
            Error::TooLarge { what, limit_bytes } => Self::too_large(what, limit_bytes),
            Error::Busy => Self::busy(),
            Error::Azure(problem) => Self::from_problem(*problem),
            other => {
                tracing::error!(error = %chain(&other), "request failed");
                other.outage().map_or_else(Self::internal, Self::of_outage)
            }
        }
    }
}

impl ApiError {
    /// A failure about an annotation, which is told as of now.
    pub(crate) fn of_annotation(error: engine::Error, now_ms: i64) -> Self {
        match error {
            engine::Error::ChangedMeanwhile { by, current } => {
                Self::changed_meanwhile(by, *current, now_ms)
            }
            other => other.into(),
        }
    }

    /// 412: `If-Match` names another state than the annotation's.
    fn changed_meanwhile(by: Option<String>, current: Annotation, now_ms: i64) -> Self {
        let who = by.unwrap_or_else(|| "Somebody".to_owned());
        let at = instant(current.updated_at_ms);
        let detail = format!(
            "{who} saved this annotation at {at}, after you opened it. Nothing was changed: `current` is how it is now."
        );
        let mut error = Self::new(StatusCode::PRECONDITION_FAILED, "changed_meanwhile", detail);
        error.0.current = Some(AnnotationView::at(current, now_ms));
        error
    }

    fn from_problem(problem: Problem) -> Self {
        let (status, retry_after) = match problem.code {
            Code::BlobNotFound => (StatusCode::NOT_FOUND, None),
            code if code.is_transient() => (StatusCode::SERVICE_UNAVAILABLE, Some("5")),
            // Azure is set up in a way that cannot work; kept apart from 403 (you may not) and
            // 5xx (we are broken). Label Studio's status for a failed proxy request, too.
            _ => (StatusCode::FAILED_DEPENDENCY, None),
        };
        tracing::warn!(code = problem.code.as_str(), azure = ?problem.azure, "azure refused");
        let mut error = Self::new(status, problem.code.as_str(), problem.to_string());
        error.0.problem = Some(problem);
        match retry_after {
            Some(seconds) => error.header(header::RETRY_AFTER, seconds),
            None => error,
        }
    }
}

/// An error and its id, on its response: what a browser's page says instead of the JSON.
#[derive(Clone)]
pub(crate) struct Told {
    pub(crate) id: String,
    pub(crate) error: ApiError,
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let error = self.clone();
        let parts = *self.0;
        let id = Uuid::new_v4().to_string();
        if parts.status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(%id, "answered 500");
        }
        let request_id = HeaderValue::from_str(&id).ok();
        let told = Told {
            id: id.clone(),
            error,
        };
        let mut validation_errors = BTreeMap::<String, Vec<String>>::new();
        for field in parts.fields {
            validation_errors
                .entry(field.field)
                .or_default()
                .push(field.message);
        }
        let (cause, fix, azure) = parts
            .problem
            .map(|problem| {
                (
                    Some(problem.cause),
                    Some(problem.fix.to_string()),
                    problem.azure,
                )
            })
            .unwrap_or_default();
        let body = ErrorBody {
            id,
            status_code: parts.status.as_u16(),
            version: API_VERSION,
            detail: parts.detail.into_owned(),
            exc_info: None,
            validation_errors: (!validation_errors.is_empty()).then_some(validation_errors),
            code: parts.code,
            cause,
            fix,
            azure,
            current: parts.current,
        };
        let mut response = (parts.status, parts.headers, Json(body)).into_response();
        if let Some(id) = request_id {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        response.extensions_mut().insert(told);
        response
    }
}

/// An error and its causes on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    model::redact(&text).into_owned()
}

fn capitalized(noun: &str) -> String {
    let mut chars = noun.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars).collect()
    })
}

#[cfg(test)]
mod tests;
