//! What a person sees when something does not work: the same error that a script gets as JSON, as
//! a page in the product's own frame. The one place that makes them, whoever failed.

use askama::Template;
use axum::{
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::Next,
    response::Response,
};

use super::{
    frame::{Frame, Section},
    html::with_status,
};
use crate::{
    App,
    auth::session_of,
    error::{ApiError, Told},
};

#[derive(Template)]
#[template(path = "failed.html")]
struct Failed {
    frame: Frame,
    status: StatusCode,
    id: String,
    error: ApiError,
}

/// An error in the place of a part of a page.
#[derive(Template)]
#[template(
    source = "<p class=\"problem\" role=\"alert\">{{ error.messages() }}</p>",
    ext = "html"
)]
struct FailedPart {
    error: ApiError,
}

/// The layer: turns errors into what was asked for.
pub(crate) async fn for_browsers(State(app): State<App>, request: Request, next: Next) -> Response {
    let (is_part, is_page) = wishes(&request);
    if !is_part && !is_page {
        return next.run(request).await;
    }
    let headers = request.headers().clone();
    let mut response = next.run(request).await;
    let Some(Told { id, error }) = response.extensions_mut().remove::<Told>() else {
        return response;
    };
    let status = response.status();
    let page = if is_part {
        with_status(status, FailedPart { error })
    } else {
        let frame = frame(&app, &headers, status).await;
        let page = Failed {
            frame,
            status,
            id,
            error,
        };
        with_status(status, page)
    };
    // What the error said beside its body stays: Retry-After, the request's id.
    let (mut parts, body) = page.into_parts();
    for (name, value) in response.headers() {
        if name != header::CONTENT_LENGTH && !parts.headers.contains_key(name) {
            parts.headers.insert(name, value.clone());
        }
    }
    Response::from_parts(parts, body)
}

/// Is a part of a page wanted, or a page? The API answers JSON whoever asks.
fn wishes(request: &Request) -> (bool, bool) {
    if request.uri().path().starts_with("/api/") {
        return (false, false);
    }
    let accepted = request.headers().get(header::ACCEPT);
    let accepts_pages = accepted
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.contains("text/html"));
    let is_part = request.headers().contains_key("hx-request");
    (is_part, accepts_pages)
}

/// With the person's menu, when that is known without doubt.
async fn frame(app: &App, headers: &HeaderMap, status: StatusCode) -> Frame {
    let Some(session) = session_of(headers, app).filter(|_| !status.is_server_error()) else {
        return Frame::nobody();
    };
    match app.engine.authenticate_session(session).await {
        Ok(actor) => Frame::load(app, &actor, Section::Settings)
            .await
            .unwrap_or_else(|_| Frame::nobody()),
        Err(_) => Frame::nobody(),
    }
}

impl Failed {
    fn heading(&self) -> &'static str {
        match self.status {
            StatusCode::NOT_FOUND => "Nothing is here",
            StatusCode::FORBIDDEN => "You may not do this",
            StatusCode::TOO_MANY_REQUESTS => "Too many attempts",
            status if status.is_server_error() => "Something went wrong",
            _ => "That did not work",
        }
    }

    fn message(&self) -> String {
        match self.error.code() {
            "permission_denied" => "Your role does not allow this.".to_owned(),
            _ => self.error.messages(),
        }
    }

    /// What to do, where the error itself does not say.
    fn advice(&self) -> &'static str {
        match self.error.code() {
            "not_found" | "invalid_page" => {
                "The address may be mistyped, or what it led to was deleted, or it belongs to another organization."
            }
            "permission_denied" => {
                "An owner of your organization can give you another role, in Members."
            }
            "internal" => {
                "Try again. If it happens again, give the request id to whoever runs this server: the log has the cause under it."
            }
            _ => "",
        }
    }
}
