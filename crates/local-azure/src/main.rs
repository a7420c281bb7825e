//! `local-azure`: the local Azure as a program. Prints one JSON line with every endpoint when ready.

use std::{io::Write as _, path::PathBuf};

use anyhow::Context as _;
use clap::{Parser, ValueEnum};
use local_azure::{BlobEngine, LocalAzure, Options};
use model::Clock;
use tokio::signal::unix::{SignalKind, signal};

/// A local Azure (Entra ID, managed identity, Blob Storage) for tests and demos. Not Azure.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Where ca.pem and cloud.toml are written (a temporary directory when absent).
    #[arg(long)]
    dir: Option<PathBuf>,
    /// The first of five consecutive ports (free ones when absent).
    #[arg(long)]
    port: Option<u16>,
    /// The address to listen on; only loopback is accepted.
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// Where blob bytes live.
    #[arg(long, value_enum, default_value = "memory")]
    engine: Engine,
}

#[derive(Clone, Copy, ValueEnum)]
enum Engine {
    Memory,
    Azurite,
}

const BANNER: &str = "
**********************************************************************
*  LOCAL AZURE: this is NOT Azure. Its keys are public, its data is  *
*  thrown away, it protects nothing. Loopback only, for tests.       *
**********************************************************************
";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .init();
    anyhow::ensure!(
        matches!(arguments.host.as_str(), "127.0.0.1" | "localhost"),
        "refusing to listen on {}: a local Azure protects nothing and serves 127.0.0.1 only",
        arguments.host
    );
    std::io::stderr().write_all(BANNER.as_bytes())?;

    let azure = LocalAzure::start(Options {
        dir: arguments.dir,
        port: arguments.port,
        engine: match arguments.engine {
            Engine::Memory => BlobEngine::Memory,
            Engine::Azurite => BlobEngine::Azurite,
        },
        clock: Clock::system(),
    })
    .await?;
    let mut ready = serde_json::to_string(azure.endpoints())?;
    ready.push('\n');
    let mut out = std::io::stdout();
    out.write_all(ready.as_bytes())?;
    out.flush()?;
    // Ends by dropping `azure`, which also stops what its blob engine started.
    let mut terminate = signal(SignalKind::terminate()).context("watching for SIGTERM")?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted.context("watching for SIGINT")?,
        _ = terminate.recv() => {}
    }
    Ok(())
}
