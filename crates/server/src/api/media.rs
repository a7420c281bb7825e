//! Media of tasks: a redirect to a pre-signed URL, or the blob streamed through the server.
//!
//! What is streamed comes from our own origin, or from the other host name when the operator gave it one
//! ([`crate::media_origin`]); nothing in it may run: [`crate::stranger`] decides what a browser may take it for.
//! Behind a pre-signed URL it comes from the storage account's origin, which has no part in ours.

use axum::{
    body::Body,
    extract::State,
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
        header::{self, AsHeaderName},
    },
    response::{IntoResponse, Response},
};
use engine::{Delivery, GetStatus, ReadMethod, ResolveRequest, Resolved, ServedBlob};
use model::{Actor, TaskId};

use crate::{
    App,
    api::Answer,
    auth::presented,
    error::ApiError,
    extract::{Id, Query},
    media_origin,
    parameters::{Parameter, only, text as text_parameter},
    stranger::{Shown, encoding, put_on, used_as},
};

/// For what is kept by its ETag: the browser asks before it shows it again, so that the next person
/// at it, or one who was removed, sees nothing. Unchanged, it is not sent again.
pub(crate) const ASK_AGAIN: &str = "private, no-cache";

/// Of both ways to a blob.
pub(crate) const PARAMETERS: [Parameter; 2] = [
    text_parameter("fileuri"),
    // Label Studio's editor adds it.
    only("lsref", &["1"], "Leave it out."),
];

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
    let delivery = match &app.settings.media_url {
        Some(_) => {
            let holder = presented(&headers, &app)?.and_then(|it| app.engine.holder(it));
            let over = || ApiError::unauthenticated("Given token not valid for any token type");
            Delivery::Linked(holder.ok_or_else(over)?)
        }
        None => Delivery::AsStored,
    };
    let request = asked(&method, &headers, delivery);
    match app.engine.resolve(&actor, task, fileuri, &request).await? {
        Resolved::Redirect { url, max_age_s } => redirect(url.expose(), max_age_s),
        Resolved::Link { link, max_age_s } => {
            redirect(&media_origin::address(&app, &link), max_age_s)
        }
        Resolved::Blob(blob) => serve(blob, used_as(&headers)),
    }
}

/// A request for a blob, in the engine's words.
pub(crate) fn asked(method: &Method, headers: &HeaderMap, delivery: Delivery) -> ResolveRequest {
    ResolveRequest {
        method: if method == Method::HEAD {
            ReadMethod::Head
        } else {
            ReadMethod::Get
        },
        range: text(headers, header::RANGE),
        if_none_match: text(headers, header::IF_NONE_MATCH),
        if_modified_since: text(headers, header::IF_MODIFIED_SINCE),
        if_range: text(headers, header::IF_RANGE),
        delivery,
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

/// A blob, as a browser may take it.
pub(crate) fn serve(blob: ServedBlob, used_as: Option<&str>) -> Answer<Response> {
    let stored = blob.content_type.as_deref();
    let shown = Shown::of(stored, blob.blob.as_str(), used_as);
    if !shown.suits(used_as) {
        return Err(ApiError::used_as_script());
    }
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
        set(
            header::CONTENT_ENCODING,
            encoding(blob.content_encoding.as_deref()),
        );
        let length = blob.content_length.map(|bytes| bytes.to_string());
        set(header::CONTENT_LENGTH, length.as_deref());
        put_on(&shown, &mut headers);
    }
    let body = blob.body.map_or_else(Body::empty, Body::from_stream);
    Ok((status, headers, body).into_response())
}
