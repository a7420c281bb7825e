//! Longshore over HTTP: Label Studio's paths and JSON, media for browsers, the pages.
//!
//! Only this crate knows status codes. A handler is: take the [`model::Actor`] and the input,
//! make one call of the engine, encode.

mod api;
mod attempts;
mod auth;
mod budget;
mod clean;
mod client_address;
mod connection;
mod cookies;
mod editor;
mod error;
mod extract;
mod fields;
mod head;
mod media_origin;
mod observe;
mod openapi;
mod pages;
mod parameters;
mod places;
mod policy;
mod router;
mod routes;
mod serve;
mod static_files;
mod stranger;

use std::{sync::Arc, time::Duration};

use axum::{Router, http::HeaderName};
use engine::Engine;
use model::{Secret, budgets};
use tokio_util::sync::CancellationToken;
use url::Url;

pub use error::API_VERSION;
pub use observe::metrics;
pub use openapi::document as openapi_document;
pub use routes::{Route, every_route};
pub use serve::{ConnectionLimits, serve};

/// The operator's settings of the HTTP side.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// Where people and scripts reach the server: absolute links, the one origin whose pages may
    /// change something, and with https cookies and transport that are for https alone.
    pub public_url: Url,
    /// Another host name of this server, from which blobs are streamed, without cookies; without it
    /// they come from the pages' own.
    pub media_url: Option<Url>,
    /// Largest body of an import.
    pub import_limit_bytes: u64,
    /// Largest body of a task or an annotation; bodies that hold less are bounded by
    /// [`model::budgets`] too.
    pub body_limit_bytes: u64,
    /// How long a client may pause within a body.
    pub body_pause: Duration,
    /// How long a whole body may take to arrive.
    pub body_timeout: Duration,
    /// How long a request to sync waits for the end before it answers with progress.
    pub sync_wait: Duration,
    /// Header in which a reverse proxy puts the client's address (its last element counts), for the
    /// limits on guessing; without it, the connection's address.
    pub client_address_header: Option<HeaderName>,
    /// Whoever sends it as a bearer token may read the metrics; without it only the machine itself.
    pub metrics_token: Option<Secret>,
    /// What the first-run page suggests as the organization's name.
    pub organization: String,
    /// Cancelled when the server stops: pages that watch something are let go.
    pub stop: CancellationToken,
}

impl ServerSettings {
    /// The defaults, for a server reached at `public_url`.
    pub fn new(public_url: Url) -> Self {
        Self {
            public_url,
            media_url: None,
            import_limit_bytes: budgets::IMPORT_BODY,
            body_limit_bytes: budgets::WORK_BODY,
            body_pause: Duration::from_secs(30),
            body_timeout: Duration::from_secs(300),
            sync_wait: Duration::from_secs(2),
            client_address_header: None,
            metrics_token: None,
            organization: String::new(),
            stop: CancellationToken::new(),
        }
    }

    fn is_https(&self) -> bool {
        self.public_url.scheme() == "https"
    }
}

/// What every handler can reach.
#[derive(Clone)]
pub(crate) struct App {
    engine: Engine,
    settings: Arc<ServerSettings>,
    attempts: Arc<attempts::Attempts>,
    proxy_notices: Arc<client_address::ProxyNotices>,
    watchers: Arc<pages::Watchers>,
}

/// The whole HTTP side.
pub fn app(engine: Engine, settings: ServerSettings) -> Router {
    metrics();
    router::router(App {
        engine,
        settings: Arc::new(settings),
        attempts: Arc::default(),
        proxy_notices: Arc::default(),
        watchers: Arc::default(),
    })
}
