//! How a page leaves the server: rendered, with the headers that keep it private and harmless.

use askama::Template;
use axum::{
    http::{HeaderName, StatusCode, header},
    response::{Html, IntoResponse, Response},
};

use super::frame::Frame;
use crate::{
    error::ApiError,
    policy::{Nonce, Policy, allowing},
};

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
    let nonce = Nonce::new();
    match page.render_with_values(&nonce) {
        Ok(html) => {
            let mut response = (status, [REFERRER, PRIVATE], Html(html)).into_response();
            Policy::page(nonce).put_on(&mut response);
            response
        }
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

/// A page whose forms end at Entra ID.
pub(super) fn render_live<T: Template>(page: Result<T, ApiError>, authority: &str) -> Response {
    live(render(page), authority)
}

/// A page that is written already, likewise.
pub(super) fn live(response: Response, authority: &str) -> Response {
    allowing(response, &[("form-action", authority)])
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
