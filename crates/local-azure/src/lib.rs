//! A local Azure for tests and demos: Entra ID, managed identity and Blob Storage on loopback.
//!
//! It checks what Azure checks (signatures, tenants, audiences, role assignments, SAS, firewall)
//! and answers with Azure's statuses and codes. It is *not* Azure: nothing here protects anything.

pub mod blob;
mod certificate;
mod control;
mod endpoints;
pub mod entra;
mod faults;
mod identity;
mod listen;
pub mod state;
mod tls;
mod workload;

use std::{net::Ipv4Addr, path::PathBuf, sync::Arc};

use anyhow::Context as _;
use model::Clock;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{blob::Blobs, listen::serve};

pub use certificate::self_signed;
pub use endpoints::Endpoints;
pub use faults::shape_body;
pub use state::State;

/// A running local Azure; it stops when this is dropped.
pub struct LocalAzure {
    state: Arc<State>,
    _stop: DropGuard,
    /// Kept until the end when no directory was given.
    _temporary: Option<TempDir>,
}

/// How to start a local Azure; the default is in memory, on free ports, in a temporary directory.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where `ca.pem`, `ca.key` and `cloud.toml` are written; a temporary directory when absent.
    pub dir: Option<PathBuf>,
    /// The first of five consecutive ports; free ones when absent.
    pub port: Option<u16>,
    pub engine: BlobEngine,
    pub clock: Clock,
}

/// How a blob request came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    Http,
    Https,
}

impl Transport {
    fn scheme(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// Where blob bytes live.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BlobEngine {
    /// Built in; everything is gone at exit.
    #[default]
    Memory,
    /// Azurite (npm), started and stopped with this Azure.
    Azurite,
}

impl LocalAzure {
    /// Starts every listener on 127.0.0.1 and writes `ca.pem` and `cloud.toml`.
    ///
    /// # Errors
    /// A port that is taken, a directory that cannot be written, an engine that does not start.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let (dir, temporary) = match options.dir {
            Some(dir) => {
                std::fs::create_dir_all(&dir)
                    .with_context(|| format!("creating {}", dir.display()))?;
                (dir.canonicalize()?, None)
            }
            None => {
                let temporary = TempDir::with_prefix("local-azure-")?;
                (temporary.path().to_owned(), Some(temporary))
            }
        };
        let tls = TlsAcceptor::from(tls::server_config(&dir)?);
        let blobs = Blobs::start(options.engine).await?;
        let state = Arc::new(State::new(options.clock, blobs));

        let mut listeners = Vec::new();
        for index in 0..5 {
            let port = match options.port {
                Some(first) => first.checked_add(index).context("five ports fit no more")?,
                None => 0,
            };
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
                .await
                .with_context(|| format!("listening on 127.0.0.1:{port}"))?;
            listeners.push(listener);
        }
        let [entra, blob, blob_http, imds, control] = <[TcpListener; 5]>::try_from(listeners)
            .map_err(|_| anyhow::anyhow!("five listeners"))?;

        let endpoints = Endpoints::new(
            &dir,
            [&entra, &blob, &blob_http, &imds, &control].map(TcpListener::local_addr),
        )?;
        endpoints.write_profile().context("writing cloud.toml")?;
        state.set_endpoints(endpoints);

        let stop = CancellationToken::new();
        let (https, http) = (Some(&tls), None);
        for (listener, tls, router) in [
            (entra, https, entra::router(Arc::clone(&state))),
            (
                blob,
                https,
                blob::router(Arc::clone(&state), Transport::Https),
            ),
            (
                blob_http,
                http,
                blob::router(Arc::clone(&state), Transport::Http),
            ),
            (imds, http, identity::router(Arc::clone(&state))),
            (control, http, control::router(Arc::clone(&state))),
        ] {
            tokio::spawn(serve(listener, tls.cloned(), router, stop.clone()));
        }
        Ok(Self {
            state,
            _stop: stop.drop_guard(),
            _temporary: temporary,
        })
    }

    /// Its state: tenants, apps, accounts, roles, faults, the clock.
    pub fn state(&self) -> &Arc<State> {
        &self.state
    }

    /// Where it listens.
    pub fn endpoints(&self) -> &Endpoints {
        self.state.endpoints()
    }
}
