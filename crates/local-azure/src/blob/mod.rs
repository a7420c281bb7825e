//! The Blob service: one walk from request to answer, in the order in which Azure refuses.
//!
//! Account, transport, fault, firewall, credential, permission, engine. Identities and roles end
//! at `authorize`; an engine sees only requests that may happen.

mod authenticate;
mod authorize;
mod cors;
mod engine;
mod error;
mod holds;
mod operation;
mod query;
mod request;
mod sas;
mod sas_strings;
mod service;
mod shared_key;
mod time;
mod xml;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{self, Body},
    extract::{Request, State as Shared},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};

pub use engine::{Blobs, PublicAccess};

use crate::{
    State, Transport,
    blob::{
        authenticate::{Caller, authenticate, credential_name},
        authorize::authorize,
        engine::MAX_BODY_BYTES,
        error::{BlobError, Result},
        operation::Operation,
        request::BlobRequest,
    },
    faults::{shape_body, whole_answer},
    state::{Account, FaultKind, FaultTarget, RequestRecord},
};

/// The newest service version that is known here; a client that asks for more is refused, as by Azure.
const LATEST_VERSION: &str = "2026-10-06";

/// The listeners bind to loopback only, so this is where every request comes from.
const CLIENT_ADDRESS: &str = "127.0.0.1";

/// The Blob service on one listener.
pub fn router(state: Arc<State>, transport: Transport) -> Router {
    Router::new()
        .fallback(serve)
        .with_state(Front { state, transport })
}

#[derive(Clone)]
struct Front {
    state: Arc<State>,
    transport: Transport,
}

/// Answers a request as an ordered fault wants it, and remembers the request.
async fn serve(Shared(front): Shared<Front>, request: Request) -> Response<Body> {
    let at_ms = front.state.now_ms();
    let method = request.method().to_string();
    let path = request
        .uri()
        .path_and_query()
        .map_or_else(String::new, ToString::to_string);
    let fault = front
        .state
        .take_fault(FaultTarget::Blob, || format!("{method} {path}"));
    let (answer, credential) = match fault {
        Some(FaultKind::Answer {
            status,
            headers,
            body,
        }) => (whole_answer(status, &headers, body), ""),
        None => service_answer(&front, request, at_ms, None).await,
        Some(fault) => {
            let (answer, credential) = service_answer(&front, request, at_ms, Some(&fault)).await;
            let mut answer = answer.map(|body| shape_body(body, &fault));
            if fault == (FaultKind::LostAnswer {}) {
                *answer.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            }
            (answer, credential)
        }
    };
    front.state.record_request(RequestRecord {
        front: FaultTarget::Blob,
        at_ms,
        method,
        path,
        status: answer.status().as_u16(),
        credential,
    });
    answer
}

/// What the service answers, and how the client authenticated.
async fn service_answer(
    Front { state, transport }: &Front,
    request: Request,
    started_ms: i64,
    fault: Option<&FaultKind>,
) -> (Response<Body>, &'static str) {
    let request_id = uuid::Uuid::new_v4().to_string();
    let (method, sent) = (request.method().clone(), request.headers().clone());
    let (mut credential, mut rules) = ("", Vec::new());
    let answer = match BlobRequest::read(request, transport.scheme(), started_ms) {
        Ok((mut request, body)) => {
            credential = credential_name(&request);
            if let Some(account) = state.find_account(&request.account) {
                request.is_hierarchical = account.settings.hierarchical_namespace;
                request.rehydration_ms = account.settings.rehydration_ms;
                rules = account.settings.cors.clone();
            }
            // Read to its end first, so that a refusal reaches a client that is still sending.
            match collect(body).await {
                Ok(body) => answer(state, &request, *transport, fault, body).await,
                Err(error) => Err(error),
            }
        }
        Err(error) => Err(error),
    };
    let mut answer = answer.unwrap_or_else(|error| error.render(&method, &request_id, started_ms));
    put_common_headers(answer.headers_mut(), &sent, &request_id, started_ms);
    // Refusals too: a page may read why.
    if method != Method::OPTIONS {
        let origin = sent.get("origin").and_then(|origin| origin.to_str().ok());
        cors::decorate(&rules, &method, origin, answer.headers_mut());
    }
    (answer, credential)
}

async fn answer(
    state: &State,
    request: &BlobRequest,
    transport: Transport,
    fault: Option<&FaultKind>,
    body: Bytes,
) -> Result<Response<Body>> {
    let account = state
        .find_account(&request.account)
        .ok_or_else(BlobError::account_not_found)?;
    if account.settings.https_only && transport == Transport::Http {
        return Err(BlobError::https_required());
    }
    meet(fault).await?;
    carry_out(state, &account, request, transport, body).await
}

/// Waits or refuses as the fault says; faults of the body come later.
async fn meet(fault: Option<&FaultKind>) -> Result<()> {
    match fault {
        Some(FaultKind::Delay { ms }) => {
            tokio::time::sleep(Duration::from_millis(*ms)).await;
            Ok(())
        }
        Some(FaultKind::Status {
            status,
            code,
            retry_after_s,
        }) => {
            let mut error = BlobError::of_status(*status, code.clone());
            if let Some(seconds) = retry_after_s {
                error = error.header("retry-after", seconds.to_string());
            }
            Err(error)
        }
        Some(
            FaultKind::Answer { .. }
            | FaultKind::SlowBody { .. }
            | FaultKind::CutBody { .. }
            | FaultKind::LostAnswer {},
        )
        | None => Ok(()),
    }
}

async fn carry_out(
    state: &State,
    account: &Account,
    request: &BlobRequest,
    transport: Transport,
    body: Bytes,
) -> Result<Response<Body>> {
    if !account.settings.lets_in(CLIENT_ADDRESS) {
        return Err(BlobError::firewall());
    }
    check_version(request)?;
    if matches!(request.method, Method::PUT | Method::POST)
        && request.header("content-length").is_none()
    {
        return Err(BlobError::length_required());
    }
    let has = (request.container.is_some(), request.blob.is_some());
    let operation = Operation::of(&request.method, has.0, has.1, &request.query)
        .ok_or_else(|| BlobError::invalid_query("comp", request.query.get("comp").unwrap_or("")))?;
    if operation == Operation::Preflight {
        return cors::preflight(&account.settings.cors, request);
    }
    let caller = authenticate(state, account, request, transport)?;
    authorize(state, account, request, operation, &caller).await?;
    holds::check(state, account, request, operation).await?;
    let operation = match operation {
        Operation::DeleteBlob if account.settings.soft_delete => Operation::SoftDeleteBlob,
        asked => asked,
    };
    match operation {
        Operation::GetUserDelegationKey => {
            service::delegation_key(state, account, request, &caller, &body)
        }
        Operation::GetServiceProperties => Ok(service::properties(account)),
        Operation::SetServiceProperties => service::set_properties(state, account, &body),
        Operation::GetAccountInformation => Ok(service::account_information(account)),
        _ => {
            let mut answer = state.blobs().execute(operation, request, body).await?;
            if matches!(caller, Caller::Sas(_)) && answer.status().is_success() {
                override_headers(request, answer.headers_mut());
            }
            Ok(answer)
        }
    }
}

fn check_version(request: &BlobRequest) -> Result<()> {
    let version = request.version();
    let well_formed = jiff::civil::Date::strptime("%Y-%m-%d", version).is_ok();
    if well_formed && version <= LATEST_VERSION {
        return Ok(());
    }
    Err(BlobError::invalid_header("x-ms-version", version))
}

async fn collect(body: Body) -> Result<Bytes> {
    body::to_bytes(body, MAX_BODY_BYTES)
        .await
        .map_err(|_| BlobError::body_too_large())
}

/// The response headers that a SAS pins.
fn override_headers(request: &BlobRequest, headers: &mut HeaderMap) {
    for (field, name) in [
        ("rscc", "cache-control"),
        ("rscd", "content-disposition"),
        ("rsce", "content-encoding"),
        ("rscl", "content-language"),
        ("rsct", "content-type"),
    ] {
        let value = request
            .query
            .get(field)
            .and_then(|value| HeaderValue::from_str(value).ok());
        if let Some(value) = value {
            headers.insert(name, value);
        }
    }
}

/// What every answer of the service carries.
fn put_common_headers(headers: &mut HeaderMap, sent: &HeaderMap, request_id: &str, now_ms: i64) {
    headers.insert(
        "server",
        HeaderValue::from_static("Windows-Azure-Blob/1.0 Microsoft-HTTPAPI/2.0"),
    );
    let own = [
        ("x-ms-request-id", request_id.to_owned()),
        ("date", time::http_date(now_ms)),
    ];
    for (name, value) in own {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    let version = sent.get("x-ms-version").cloned();
    headers.insert(
        "x-ms-version",
        version.unwrap_or(HeaderValue::from_static(LATEST_VERSION)),
    );
    if let Some(id) = sent.get("x-ms-client-request-id") {
        headers.insert("x-ms-client-request-id", id.clone());
    }
}
