//! What happens around every request: its id, its count, its duration, the headers that every
//! response has, and an answer even when a handler panics. One layer, because it runs 10,000
//! times a second.

use std::{any::Any, panic::AssertUnwindSafe, sync::OnceLock, time::Instant};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, Method, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use uuid::Uuid;

use crate::{
    App,
    auth::Asker,
    error::{ApiError, REQUEST_ID, Told},
    head,
    policy::Policy,
};

/// Said unless a handler says otherwise: nothing may be framed, guessed, told to other sites, or kept
/// by the browser, where the next person would find it.
const SECURITY_HEADERS: [(HeaderName, HeaderValue); 5] = [
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    ),
    (header::CONTENT_SECURITY_POLICY, Policy::NOTHING),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
];

/// With an https `public_url`: a year of https only. Other names below the host's are not ours to
/// speak for.
const HTTPS_ONLY: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// The layer.
pub(crate) async fn observe(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let asker = Asker::default();
    request.extensions_mut().insert(asker.clone());
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned());
    app.proxy_notices.look(request.headers(), &app);
    let answer = async {
        match head::check(&request) {
            Ok(()) => next.run(request).await,
            Err(error) => error.into_response(),
        }
    };
    let mut response = match AssertUnwindSafe(answer).catch_unwind().await {
        Ok(response) => response,
        Err(panic) => {
            tracing::error!(
                route,
                panic = panic_text(panic.as_ref()),
                "a handler panicked"
            );
            ApiError::internal().into_response()
        }
    };
    let told = response.extensions().get::<Told>();
    if let (Some(told), Some(actor)) = (told, asker.who())
        && told.error.is_denied()
    {
        let asked = format!("{method} {}", uri.path());
        app.engine.note_refusal(actor, told.error.code(), &asked);
    }
    let headers = response.headers_mut();
    for (name, value) in SECURITY_HEADERS {
        headers.entry(name).or_insert(value);
    }
    if app.settings.is_https() {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HTTPS_ONLY);
    }
    if !headers.contains_key(REQUEST_ID) {
        let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
        let text = Uuid::new_v4().hyphenated().encode_lower(&mut text);
        if let Ok(value) = HeaderValue::from_str(text) {
            headers.insert(REQUEST_ID, value);
        }
    }
    let status = response.status();
    let elapsed = started.elapsed();
    tracing::debug!(%method, route, status = status.as_u16(), ?elapsed, "request");
    let labels = [
        ("method", known(&method).to_owned()),
        ("route", route),
        ("status", status.as_str().to_owned()),
    ];
    metrics::counter!("longshore_http_requests_total", &labels).increment(1);
    metrics::histogram!("longshore_http_request_seconds").record(elapsed.as_secs_f64());
    response
}

/// A client can make up methods; the metrics keep only those that mean something.
fn known(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        _ => "other",
    }
}

/// The process's metrics, in Prometheus' text. The first call starts the recording.
///
/// # Panics
/// When another recorder was installed in this process.
pub fn metrics() -> &'static PrometheusHandle {
    static METRICS: OnceLock<PrometheusHandle> = OnceLock::new();
    METRICS.get_or_init(|| {
        PrometheusBuilder::new()
            .install_recorder()
            .expect("the process has one recorder, this one")
    })
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
