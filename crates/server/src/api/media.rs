//! Media of tasks: a redirect to a pre-signed URL, or the blob streamed through the server.
//!
//! What is streamed comes from our own origin, so nothing in it may run: no sniffing, a sandboxed
//! document at most, and types that can hold scripts are only ever downloads.

use axum::{
    body::Body,
    extract::State,
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
        header::{self, AsHeaderName},
    },
    response::{IntoResponse, Response},
};
use azure::GetStatus;
use engine::{ReadMethod, ResolveRequest, Resolved, ServedBlob};
use model::{Actor, TaskId};

use crate::{
    App,
    api::Answer,
    error::ApiError,
    extract::{Id, Query},
};

/// Media may not load anything, run anything, or be framed by others.
const SANDBOX: HeaderValue = HeaderValue::from_static(
    "sandbox; default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'; frame-ancestors 'self'",
);
/// Browsers' own PDF viewers do not work in a sandbox; a PDF's scripts never run on our origin.
const PDF: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'self'",
);

/// For what is kept by its ETag: the browser asks before it shows it again, so that the next person
/// at it, or one who was removed, sees nothing. Unchanged, it is not sent again.
pub(crate) const ASK_AGAIN: &str = "private, no-cache";

pub(crate) async fn resolve(
    State(app): State<App>,
    actor: Actor,
    Id(task): Id<TaskId>,
    query: Query,
    method: Method,
    headers: HeaderMap,
) -> Answer<Response> {
    let fileuri = query
        .text("fileuri")
        .filter(|text| !text.is_empty())
        .ok_or_else(|| ApiError::required("fileuri"))?;
    let request = ResolveRequest {
        method: if method == Method::HEAD {
            ReadMethod::Head
        } else {
            ReadMethod::Get
        },
        range: text(&headers, header::RANGE),
        if_none_match: text(&headers, header::IF_NONE_MATCH),
        if_modified_since: text(&headers, header::IF_MODIFIED_SINCE),
        if_range: text(&headers, header::IF_RANGE),
    };
    match app.engine.resolve(&actor, task, fileuri, &request).await? {
        Resolved::Redirect { url, max_age_s } => redirect(url.expose(), max_age_s),
        Resolved::Blob(blob) => Ok(serve(blob)),
    }
}

fn text(headers: &HeaderMap, name: impl AsHeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

fn redirect(url: &str, max_age_s: i64) -> Answer<Response> {
    let (Ok(location), Ok(cache)) = (
        HeaderValue::from_str(url),
        HeaderValue::from_str(&format!("no-store, max-age={max_age_s}")),
    ) else {
        return Err(ApiError::internal());
    };
    let headers = [(header::LOCATION, location), (header::CACHE_CONTROL, cache)];
    Ok((StatusCode::SEE_OTHER, headers).into_response())
}

fn serve(blob: ServedBlob) -> Response {
    let status = match blob.status {
        GetStatus::Full => StatusCode::OK,
        GetStatus::Partial => StatusCode::PARTIAL_CONTENT,
        GetStatus::NotModified => StatusCode::NOT_MODIFIED,
        GetStatus::RangeNotSatisfiable => StatusCode::RANGE_NOT_SATISFIABLE,
    };
    let mut headers = HeaderMap::with_capacity(16);
    let mut set = |name: HeaderName, value: Option<&str>| {
        if let Some(value) = value.and_then(|text| HeaderValue::from_str(text).ok()) {
            headers.insert(name, value);
        }
    };
    set(header::ETAG, blob.etag.as_deref());
    set(header::LAST_MODIFIED, blob.last_modified.as_deref());
    set(header::ACCEPT_RANGES, Some("bytes"));
    set(header::CACHE_CONTROL, Some(ASK_AGAIN));
    set(header::CONTENT_RANGE, blob.content_range.as_deref());
    if matches!(status, StatusCode::OK | StatusCode::PARTIAL_CONTENT) {
        let shown = Shown::of(blob.content_type.as_deref(), blob.blob.as_str());
        set(header::CONTENT_TYPE, Some(&shown.content_type));
        set(header::CONTENT_ENCODING, blob.content_encoding.as_deref());
        let length = blob.content_length.map(|bytes| bytes.to_string());
        set(header::CONTENT_LENGTH, length.as_deref());
        if shown.is_download {
            set(header::CONTENT_DISPOSITION, Some("attachment"));
        }
        let policy = if shown.content_type == "application/pdf" {
            PDF
        } else {
            SANDBOX
        };
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        headers.insert(
            header::X_FRAME_OPTIONS,
            HeaderValue::from_static("SAMEORIGIN"),
        );
        headers.insert(
            HeaderName::from_static("cross-origin-resource-policy"),
            HeaderValue::from_static("same-origin"),
        );
    }
    let body = blob.body.map_or_else(Body::empty, Body::from_stream);
    (status, headers, body).into_response()
}

/// How a blob is shown: its type, and whether only as a download.
#[derive(Debug, PartialEq, Eq)]
struct Shown {
    content_type: String,
    is_download: bool,
}

impl Shown {
    fn of(stored: Option<&str>, name: &str) -> Self {
        let stored = stored.unwrap_or_default().trim();
        let essence = stored
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        // Azure's type for blobs that were uploaded without one.
        let is_unknown = matches!(
            essence.as_str(),
            "" | "application/octet-stream" | "binary/octet-stream"
        );
        let (essence, stored) = if is_unknown {
            let guessed = type_of_extension(name);
            (guessed.to_owned(), guessed)
        } else {
            (essence, stored)
        };
        let (kind, subtype) = essence.split_once('/').unwrap_or((&essence, ""));
        let is_markup = subtype.ends_with("xml") || subtype.contains("html");
        let is_media = matches!(kind, "image" | "audio" | "video") && !is_markup;
        let is_text = matches!(
            essence.as_str(),
            "text/plain"
                | "text/csv"
                | "text/tab-separated-values"
                | "text/vtt"
                | "application/json"
                | "application/x-ndjson"
                | "application/pdf"
        );
        let content_type = if essence == "image/svg+xml" || is_media || is_text {
            stored.to_owned()
        } else if is_markup || kind == "text" || subtype.contains("script") {
            "text/plain; charset=utf-8".to_owned()
        } else {
            "application/octet-stream".to_owned()
        };
        Self {
            content_type,
            is_download: !(is_media || is_text),
        }
    }
}

fn type_of_extension(name: &str) -> &'static str {
    const TYPES: [(&str, &str); 30] = [
        ("avif", "image/avif"),
        ("bmp", "image/bmp"),
        ("gif", "image/gif"),
        ("jpeg", "image/jpeg"),
        ("jpg", "image/jpeg"),
        ("png", "image/png"),
        ("svg", "image/svg+xml"),
        ("tif", "image/tiff"),
        ("tiff", "image/tiff"),
        ("webp", "image/webp"),
        ("aac", "audio/aac"),
        ("flac", "audio/flac"),
        ("m4a", "audio/mp4"),
        ("mp3", "audio/mpeg"),
        ("oga", "audio/ogg"),
        ("ogg", "audio/ogg"),
        ("opus", "audio/ogg"),
        ("wav", "audio/wav"),
        ("avi", "video/x-msvideo"),
        ("m4v", "video/mp4"),
        ("mkv", "video/x-matroska"),
        ("mov", "video/quicktime"),
        ("mp4", "video/mp4"),
        ("webm", "video/webm"),
        ("csv", "text/csv; charset=utf-8"),
        ("json", "application/json"),
        ("jsonl", "application/x-ndjson"),
        ("pdf", "application/pdf"),
        ("tsv", "text/tab-separated-values; charset=utf-8"),
        ("txt", "text/plain; charset=utf-8"),
    ];
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    TYPES
        .iter()
        .find(|(known, _)| extension.eq_ignore_ascii_case(known))
        .map_or("application/octet-stream", |(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::Shown;

    fn shown(stored: &str, name: &str) -> (String, bool) {
        let shown = Shown::of(Some(stored), name);
        (shown.content_type, shown.is_download)
    }

    #[test]
    fn what_can_run_is_only_a_download() {
        for (stored, kept) in [
            ("text/html", "text/plain; charset=utf-8"),
            ("Text/HTML; charset=utf-7", "text/plain; charset=utf-8"),
            ("application/xhtml+xml", "text/plain; charset=utf-8"),
            ("application/xml", "text/plain; charset=utf-8"),
            ("text/javascript", "text/plain; charset=utf-8"),
            ("image/svg+xml", "image/svg+xml"),
            ("application/x-msdownload", "application/octet-stream"),
            ("nonsense", "application/octet-stream"),
        ] {
            assert_eq!(shown(stored, "x"), (kept.to_owned(), true), "{stored}");
        }
    }

    #[test]
    fn media_is_shown_as_it_is() {
        for stored in [
            "image/png",
            "video/mp4",
            "audio/wav",
            "application/pdf",
            "text/plain",
        ] {
            assert_eq!(shown(stored, "x"), (stored.to_owned(), false));
        }
    }

    #[test]
    fn a_blob_without_a_type_gets_its_extensions() {
        assert_eq!(
            shown("application/octet-stream", "a/b.c.JPG"),
            ("image/jpeg".to_owned(), false)
        );
        assert_eq!(shown("", "a.svg"), ("image/svg+xml".to_owned(), true));
        assert!(shown("", "a.html").1);
        assert_eq!(
            shown("", "noextension"),
            ("application/octet-stream".to_owned(), true)
        );
    }
}
