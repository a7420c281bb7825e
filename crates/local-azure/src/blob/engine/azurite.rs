//! The second engine: Azurite over loopback. Requests were authorized before they come here and
//! are signed anew, so Azurite needs to know neither our keys nor our identities.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::blob::{
    engine::{azurite_process::AzuriteProcess, conditions},
    error::{BlobError, Result},
    query::Query,
    request::BlobRequest,
    shared_key, time,
};

/// The service version that requests to Azurite carry, whatever the client asked with.
const VERSION: &str = "2025-11-05";

/// Everything but unreserved characters, `/` too: a name stays one path segment, so that no
/// library on the way takes its `.` and `..` for directories.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// The query parameters that mean something to an engine; a SAS ends at the front.
const FORWARDED_QUERY: [&str; 8] = [
    "restype",
    "comp",
    "prefix",
    "delimiter",
    "marker",
    "maxresults",
    "include",
    "blockid",
];

/// Request headers that are not `x-ms-` and mean something to an engine.
const FORWARDED_HEADERS: [&str; 6] = [
    "content-type",
    "content-md5",
    "if-match",
    "if-none-match",
    "if-modified-since",
    "if-unmodified-since",
];

/// Answer headers that the front sets itself or that belong to the connection.
const DROPPED_HEADERS: [&str; 8] = [
    "connection",
    "keep-alive",
    "transfer-encoding",
    "date",
    "server",
    "x-ms-request-id",
    "x-ms-version",
    "x-ms-client-request-id",
];

/// A running Azurite and the client that talks to it.
pub struct Azurite {
    http: reqwest::Client,
    process: AzuriteProcess,
}

impl Azurite {
    /// Starts Azurite, installing it with npm when it is missing.
    ///
    /// # Errors
    /// When it cannot be installed or does not start.
    pub async fn start() -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            // Azurite closes idle connections after five seconds.
            .pool_idle_timeout(Duration::from_secs(4))
            .connect_timeout(Duration::from_secs(5))
            .read_timeout(Duration::from_secs(60))
            .no_proxy()
            .build()?;
        Ok(Self {
            http,
            process: AzuriteProcess::start().await?,
        })
    }

    /// Forwards an authorized request and hands its answer back as it comes.
    pub(super) async fn execute(
        &self,
        request: &BlobRequest,
        body: Bytes,
    ) -> Result<Response<Body>> {
        let query = forwarded_query(&request.query);
        let path = path(request);
        let headers = signed_headers(request, &self.process, &path, &query, body.len());
        let url = format!("{}{path}{}", self.process.endpoint(), query_text(&query));
        let answer = self
            .http
            .request(request.method.clone(), url)
            .headers(headers)
            .body(body)
            .send()
            .await
            .map_err(|error| {
                tracing::error!(%error, "Azurite failed");
                BlobError::internal()
            })?;

        let mut forwarded = Response::new(Body::empty());
        *forwarded.status_mut() = answer.status();
        *forwarded.headers_mut() = answer.headers().clone();
        for name in DROPPED_HEADERS {
            forwarded.headers_mut().remove(name);
        }
        *forwarded.body_mut() = Body::from_stream(answer.bytes_stream());
        Ok(forwarded)
    }
}

fn path(request: &BlobRequest) -> String {
    let mut path = format!("/{}", request.account);
    for part in [&request.container, &request.blob].into_iter().flatten() {
        path.push('/');
        path.extend(utf8_percent_encode(part, SEGMENT));
    }
    path
}

fn forwarded_query(query: &Query) -> Query {
    let kept: Vec<_> = query
        .pairs()
        .filter(|(name, _)| FORWARDED_QUERY.contains(name))
        .collect();
    Query::of(&kept)
}

fn query_text(query: &Query) -> String {
    let pairs: Vec<String> = query
        .pairs()
        .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, SEGMENT)))
        .collect();
    if pairs.is_empty() {
        String::new()
    } else {
        format!("?{}", pairs.join("&"))
    }
}

fn signed_headers(
    request: &BlobRequest,
    process: &AzuriteProcess,
    path: &str,
    query: &Query,
    length: usize,
) -> HeaderMap {
    let mut headers: HeaderMap = request
        .headers
        .iter()
        .filter(|(name, _)| {
            name.as_str().starts_with("x-ms-") || FORWARDED_HEADERS.contains(&name.as_str())
        })
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    // Azurite answers 500 to the ranges that Azure ignores.
    if let Some(range) = request
        .header("range")
        .filter(|range| conditions::is_known_range(range))
        && let Ok(value) = HeaderValue::from_str(range)
    {
        headers.insert(header::RANGE, value);
    }
    headers.insert(header::CONTENT_LENGTH, length.into());
    headers.insert("x-ms-version", HeaderValue::from_static(VERSION));
    let now = time::http_date(model::Clock::system().now_ms());
    let text_headers = |headers: &mut HeaderMap, name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    text_headers(&mut headers, "x-ms-date", &now);
    let text = shared_key::string_to_sign(&request.method, &request.account, path, query, &headers);
    let signature = shared_key::sign(process.key(), &text);
    text_headers(
        &mut headers,
        "authorization",
        &format!("SharedKey {}:{signature}", request.account),
    );
    headers
}
