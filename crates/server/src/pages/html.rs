//! How a page leaves the server: rendered, with the headers that keep it private and harmless.

use askama::Template;
use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
};

use super::frame::Frame;
use crate::error::ApiError;

/// Only our own stylesheet, scripts, pictures and forms.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; media-src 'self'; connect-src 'self'; frame-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// Other sites learn nothing; our own forms must say where they come from, or the browser sends
/// `Origin: null` and the server takes them for another site's.
const REFERRER: (HeaderName, &str) = (header::REFERRER_POLICY, "same-origin");

/// Pages show what only this person may see, some of it once.
const PRIVATE: (HeaderName, &str) = (header::CACHE_CONTROL, "no-store");

pub(super) fn title(text: &str) -> &str {
    if text.trim().is_empty() {
        "Untitled"
    } else {
        text
    }
}

/// The page, or what went wrong as a page.
pub(super) fn render<T: Template>(page: Result<T, ApiError>) -> Response {
    match page {
        Ok(page) => with_status(StatusCode::OK, page),
        Err(error) => failed(&error),
    }
}

/// A page whose answer is not 200: a form with errors, for instance.
pub(super) fn with_status<T: Template>(status: StatusCode, page: T) -> Response {
    let policy = (header::CONTENT_SECURITY_POLICY, POLICY);
    match page.render() {
        Ok(html) => (status, [policy, REFERRER, PRIVATE], Html(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            ApiError::internal().into_response()
        }
    }
}

/// A part of a page, for htmx; an error is shown in its place.
pub(super) fn part<T: Template>(part: Result<T, ApiError>) -> Response {
    render(part)
}

/// The same page, allowed to load media of these origins too, and to send forms there:
/// `https://account.blob.core.windows.net`, the sign-in page of Entra ID.
pub(super) fn allowing(mut response: Response, media: &[String], forms: &[&str]) -> Response {
    let mut policy = POLICY.to_owned();
    let mut allow = |directive: &str, origin: &str| {
        let itself = format!("{directive} 'self'");
        policy = policy.replace(&itself, &format!("{itself} {origin}"));
    };
    for origin in media {
        allow("img-src", origin);
        allow("media-src", origin);
    }
    for origin in forms {
        allow("form-action", origin);
    }
    // The operator's setting, an address; one that is no header leaves the strict policy.
    if let Ok(policy) = HeaderValue::try_from(policy) {
        response
            .headers_mut()
            .insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// A page whose forms end at Entra ID.
pub(super) fn render_live<T: Template>(page: Result<T, ApiError>, authority: &str) -> Response {
    live(render(page), authority)
}

/// A page that is written already, likewise.
pub(super) fn live(response: Response, authority: &str) -> Response {
    allowing(response, &[], &[authority])
}

/// What went wrong; a browser gets it as a page ([`super::error_page`]).
pub(super) fn failed(error: &ApiError) -> Response {
    error.clone().into_response()
}

/// A page that says what came of something that began on another site, and where to go on.
#[derive(Template)]
#[template(path = "message.html")]
pub(super) struct Message {
    pub(super) frame: Frame,
    pub(super) heading: &'static str,
    pub(super) problem: Option<String>,
    pub(super) says: &'static [&'static str],
    /// Address and name.
    pub(super) links: &'static [(&'static str, &'static str)],
}
