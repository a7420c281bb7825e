//! Media on a host name of their own (`media_url`): there is no cookie, no page and no other route there, so bytes of
//! strangers have nothing to reach even if a browser could be made to run them.
//!
//! A page asks for a blob where it always does, with its session; what would be streamed is answered with a link to
//! the other name instead ([`engine::Holder`] says what the link is worth). Both names lead to this process: the
//! `Host` of a request says which was meant, so a reverse proxy must pass it on.

use std::convert::Infallible;

use axum::{
    Router,
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, header},
    middleware,
    response::{IntoResponse as _, Response},
    routing::get,
};
use engine::{Delivery, Resolved};
use model::{Actor, ProjectId, Secret};
use tower::{ServiceExt as _, service_fn};
use url::Url;

use crate::{
    App,
    api::{
        Answer,
        media::{asked, serve},
    },
    error::ApiError,
    observe::observe,
    policy::framed_by,
    stranger::{only_own_files_run, used_as},
};

/// Where this link's blob is.
pub(crate) fn address(app: &App, link: &Secret) -> String {
    let base = app.settings.media_url.as_ref().map(Url::as_str);
    format!(
        "{}/media/{}",
        base.unwrap_or_default().trim_end_matches('/'),
        link.expose()
    )
}

/// Every origin that a project's media come from, beside the pages' own.
pub(crate) async fn all(
    app: &App,
    actor: &Actor,
    project: ProjectId,
) -> engine::Result<Vec<String>> {
    let mut origins = app.engine.redirect_origins(actor, project).await?;
    let own = app.settings.media_url.as_ref();
    origins.extend(own.map(|url| url.origin().ascii_serialization()));
    Ok(origins)
}

/// Each host name with what it has: the pages and the API, or the media.
pub(crate) fn two_hosts(app: App, own: Router) -> Router {
    let Some(host) = app.settings.media_url.as_ref().and_then(Url::host_str) else {
        return own;
    };
    let host = host.to_owned();
    let media = Router::new()
        .route("/media/{link}", get(read).options(allow))
        .fallback(async || ApiError::not_found())
        .method_not_allowed_fallback(async |method: Method| ApiError::method_not_allowed(&method))
        .layer(middleware::from_fn(only_own_files_run))
        .layer(middleware::from_fn_with_state(app.clone(), observe))
        .with_state(app);
    Router::new().fallback_service(service_fn(move |request: Request| {
        let asked = if is_host(&request, &host) {
            media.clone()
        } else {
            own.clone()
        };
        async move { Ok::<_, Infallible>(asked.oneshot(request).await.into_response()) }
    }))
}

/// Was this host asked, on whatever port?
fn is_host(request: &Request, host: &str) -> bool {
    let named = request.headers().get(header::HOST);
    let named = named.and_then(|value| value.to_str().ok());
    let parsed = named.and_then(|named| Url::parse(&format!("http://{named}")).ok());
    let parsed = parsed.as_ref().and_then(Url::host_str);
    // A name may end with the root's dot.
    parsed.is_some_and(|parsed| parsed.trim_end_matches('.') == host.trim_end_matches('.'))
}

/// `GET /media/{link}`.
async fn read(
    State(app): State<App>,
    Path(link): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let request = asked(&method, &headers, Delivery::Streamed);
    let answer: Answer<Response> = async {
        match app.engine.read_linked(&link, &request).await? {
            Resolved::Blob(blob) => serve(blob, used_as(&headers)),
            Resolved::Redirect { .. } | Resolved::Link { .. } => Err(ApiError::internal()),
        }
    }
    .await;
    open_to_pages(&app, answer.into_response())
}

/// What a browser asks before it lets a page read a part.
async fn allow(State(app): State<App>) -> Response {
    let mut response = open_to_pages(&app, ().into_response());
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD"),
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "range, if-range, if-none-match, if-modified-since",
        ),
        (header::ACCESS_CONTROL_MAX_AGE, "600"),
    ] {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Our pages may read and frame it; those of others may not read it.
fn open_to_pages(app: &App, mut response: Response) -> Response {
    let pages = app.settings.public_url.origin().ascii_serialization();
    let headers = response.headers_mut();
    if let Some(policy) = headers
        .get(header::CONTENT_SECURITY_POLICY)
        .and_then(|policy| framed_by(policy, &pages))
    {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("cross-origin"),
    );
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("accept-ranges, content-length, content-range, etag"),
    );
    headers.insert(header::VARY, HeaderValue::from_static("origin"));
    if let Ok(pages) = HeaderValue::from_str(&pages) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, pages);
    }
    response
}
