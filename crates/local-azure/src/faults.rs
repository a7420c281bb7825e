//! What an ordered fault does to a request and to the body of its answer.

use std::{collections::BTreeMap, io, sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{Request, State as Shared},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{StatusCode, header};

use crate::state::{FaultKind, FaultTarget, RequestRecord, State};

/// What a handler tells the request log: how the client authenticated.
#[derive(Clone, Copy)]
pub struct Credential(pub &'static str);

/// Middleware of the Entra and identity fronts: meets ordered faults and logs the request.
/// (The blob front does both itself: its errors are XML with a code.)
pub async fn inject(
    Shared((state, target)): Shared<(Arc<State>, FaultTarget)>,
    request: Request,
    next: Next,
) -> Response {
    let method = request.method().to_string();
    let path = request
        .uri()
        .path_and_query()
        .map_or_else(String::new, ToString::to_string);
    let fault = state.take_fault(target, || format!("{method} {path}"));
    let response = match fault {
        Some(FaultKind::Status {
            status,
            code,
            retry_after_s,
        }) => refusal(status, code.as_deref(), retry_after_s),
        Some(FaultKind::Answer {
            status,
            headers,
            body,
        }) => whole_answer(status, &headers, body),
        Some(FaultKind::Delay { ms }) => {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            next.run(request).await
        }
        Some(shape) => next.run(request).await.map(|body| shape_body(body, &shape)),
        None => next.run(request).await,
    };
    state.record_request(RequestRecord {
        front: target,
        at_ms: state.now_ms(),
        method,
        path,
        status: response.status().as_u16(),
        credential: response
            .extensions()
            .get::<Credential>()
            .map_or("", |known| known.0),
    });
    response
}

fn refusal(status: u16, code: Option<&str>, retry_after_s: Option<u64>) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = axum::Json(serde_json::json!({
        "error": code.unwrap_or("temporarily_unavailable"),
        "error_description": status.canonical_reason().unwrap_or("fault"),
    }));
    match retry_after_s {
        Some(seconds) => {
            (status, [(header::RETRY_AFTER, seconds.to_string())], body).into_response()
        }
        None => (status, body).into_response(),
    }
}

/// The answer of a [`FaultKind::Answer`].
pub fn whole_answer(status: u16, headers: &BTreeMap<String, String>, body: String) -> Response {
    let mut answer = Response::builder().status(status);
    for (name, value) in headers {
        answer = answer.header(name, value);
    }
    answer
        .body(Body::from(body))
        .unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

/// The body as a `SlowBody` or `CutBody` fault lets it out; others leave it alone.
pub fn shape_body(body: Body, fault: &FaultKind) -> Body {
    match *fault {
        FaultKind::SlowBody { bytes_per_second } => slow(body, bytes_per_second.max(1)),
        FaultKind::CutBody { after_bytes } => cut(body, after_bytes),
        FaultKind::Status { .. }
        | FaultKind::Answer { .. }
        | FaultKind::Delay { .. }
        | FaultKind::LostAnswer {} => body,
    }
}

/// Ten pieces a second.
fn slow(body: Body, bytes_per_second: u64) -> Body {
    let piece = usize::try_from(bytes_per_second.div_ceil(10)).unwrap_or(usize::MAX);
    let pieces = body.into_data_stream().flat_map(move |chunk| match chunk {
        Ok(chunk) => stream::iter(split(&chunk, piece).into_iter().map(Ok).collect::<Vec<_>>()),
        Err(error) => stream::iter(vec![Err(error)]),
    });
    Body::from_stream(pieces.then(|piece| async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        piece
    }))
}

fn split(chunk: &Bytes, piece: usize) -> Vec<Bytes> {
    (0..chunk.len())
        .step_by(piece)
        .map(|start| chunk.slice(start..chunk.len().min(start.saturating_add(piece))))
        .collect()
}

/// An error after `left` bytes: the server then breaks the connection.
fn cut(body: Body, left: u64) -> Body {
    let pieces = body
        .into_data_stream()
        .map(|chunk| chunk.map_err(io::Error::other))
        .scan(Some(left), |left, chunk| {
            let item = left.map(|still| match chunk {
                Ok(chunk) if (chunk.len() as u64) <= still => {
                    *left = Some(still - chunk.len() as u64);
                    vec![Ok(chunk)]
                }
                Ok(chunk) => {
                    *left = None;
                    let kept = chunk.slice(..usize::try_from(still).unwrap_or(0));
                    vec![
                        Ok(kept),
                        Err(io::Error::other("the body was cut by a fault")),
                    ]
                }
                Err(error) => vec![Err(error)],
            });
            std::future::ready(item)
        })
        .flat_map(stream::iter)
        .then(|piece| async {
            if piece.is_err() {
                // Let what came before reach the client.
                tokio::task::yield_now().await;
            }
            piece
        });
    Body::from_stream(pieces)
}
