//! What a browser may take a stranger's bytes for, on answers: the type is [`Shown`]'s, which also pre-signed URLs
//! carry, and what is never code is never run.

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
pub(crate) use engine::Shown;

use crate::{error::ApiError, policy::Policy};

const PDF: &str = "application/pdf";

/// Says how bytes are shown, with what keeps a browser from making more of them.
pub(crate) fn put_on(shown: &Shown, headers: &mut HeaderMap) {
    let policy = if shown.content_type == PDF {
        Policy::PDF
    } else {
        Policy::STRANGER
    };
    for (name, value) in [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static(shown.content_type),
        ),
        (header::CONTENT_SECURITY_POLICY, policy),
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
        (
            header::X_FRAME_OPTIONS,
            HeaderValue::from_static("SAMEORIGIN"),
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            HeaderValue::from_static("same-origin"),
        ),
    ] {
        headers.insert(name, value);
    }
    // A download that has a name keeps it.
    if shown.is_download && !headers.contains_key(header::CONTENT_DISPOSITION) {
        headers.insert(
            header::CONTENT_DISPOSITION,
            HeaderValue::from_static("attachment"),
        );
    }
}

/// A picture that we drew of a stranger's.
pub(crate) const DRAWN: Shown = Shown {
    content_type: "image/jpeg",
    is_download: false,
};

/// Encodings that browsers undo; whatever else was stored is not passed on.
pub(crate) fn encoding(stored: Option<&str>) -> Option<&'static str> {
    let stored = stored?.trim();
    let known = ["gzip", "br", "deflate", "zstd"];
    known
        .into_iter()
        .find(|known| stored.eq_ignore_ascii_case(known))
}

/// What the browser does with the answer, when it says so.
pub(crate) fn used_as(headers: &HeaderMap) -> Option<&str> {
    headers.get("sec-fetch-dest")?.to_str().ok()
}

/// The layer: scripts, stylesheets, workers and their like come from our own files only.
pub(crate) async fn only_own_files_run(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let is_own_file = path.starts_with("/static/") || path.starts_with("/editor/");
    if is_own_file || !used_as(request.headers()).is_some_and(runs) {
        return next.run(request).await;
    }
    ApiError::used_as_script().into_response()
}

/// Would the browser run, apply or take apart the answer?
fn runs(used_as: &str) -> bool {
    const SHOWN: [&str; 12] = [
        "audio", "document", "embed", "empty", "frame", "iframe", "image", "object", "video",
        // Fonts and subtitles are never code, and a report is sent, not read.
        "font", "track", "report",
    ];
    !SHOWN.contains(&used_as)
}

#[cfg(test)]
mod tests;
