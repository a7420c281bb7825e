//! `longshore serve`: requests, background work, or both, until a signal.

use std::time::Duration;

use anyhow::Context as _;
use engine::{Engine, FirstOwner, Worker};
use model::budgets;
use server::{ConnectionLimits, ServerSettings};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::{args::ServeRole, config::Config, logging, parts};

/// Serves until SIGTERM or SIGINT, then lets requests finish and gives jobs back.
///
/// # Errors
/// When a setting is wrong, or the database or the address cannot be used.
pub async fn serve(config: Config, role: ServeRole) -> anyhow::Result<()> {
    let engine = parts::engine(&config).await?;
    make_first_owner(&config, &engine).await?;
    let stop = CancellationToken::new();
    stop_on_signal(stop.clone())?;
    let jobs = usize::try_from(config.worker_jobs).unwrap_or(usize::MAX);
    let served = serve_role(&config, role, engine.clone(), stop, jobs).await;
    let flushed = engine.flush_audit().await;
    served.and(flushed.context("writing the audit log"))
}

async fn serve_role(
    config: &Config,
    role: ServeRole,
    engine: Engine,
    stop: CancellationToken,
    jobs: usize,
) -> anyhow::Result<()> {
    match role {
        ServeRole::Worker => {
            logging::announce("Longshore's worker is ready");
            Worker::run(engine, stop, jobs).await;
            Ok(())
        }
        ServeRole::Api => answer(config, engine, stop).await,
        ServeRole::All => {
            let worker = tokio::spawn(Worker::run(engine.clone(), stop.clone(), jobs));
            let answered = answer(config, engine, stop.clone()).await;
            stop.cancel();
            worker.await.context("the worker")?;
            answered
        }
    }
}

async fn answer(config: &Config, engine: Engine, stop: CancellationToken) -> anyhow::Result<()> {
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("cannot listen on {}", config.listen))?;
    let url = config.public_url(listener.local_addr()?)?;
    let seconds = Duration::from_secs;
    let settings = ServerSettings {
        media_url: config.media_url.clone(),
        import_limit_bytes: config.import_limit_mib << 20,
        body_limit_bytes: config.body_limit_mib << 20,
        body_pause: seconds(config.request_timeout_seconds),
        body_timeout: seconds(config.body_timeout_seconds),
        client_address_header: match &config.client_address_header {
            Some(name) => Some(name.parse().context("the setting client_address_header")?),
            None => None,
        },
        metrics_token: config.metrics_token.clone(),
        organization: config.suggested_organization().to_owned(),
        stop: stop.clone(),
        ..ServerSettings::new(url.clone())
    };
    let limits = ConnectionLimits {
        connections: usize::try_from(config.max_connections).unwrap_or(usize::MAX),
        // Behind a proxy all clients come from its address.
        connections_of_an_address: match &config.client_address_header {
            Some(_) => usize::MAX,
            None => budgets::CONNECTIONS_OF_AN_ADDRESS,
        },
        first_head_timeout: seconds(config.request_timeout_seconds.min(budgets::FIRST_HEAD)),
        head_timeout: seconds(config.request_timeout_seconds),
        ..ConnectionLimits::default()
    };
    let first_run = engine.clone();
    let app = server::app(engine, settings);
    logging::announce(&format!("Longshore is ready at {url}"));
    print_first_run(&first_run, &url).await?;
    server::serve(listener, app, limits, stop)
        .await
        .context("serving")
}

/// The person of the settings, at the first start. Without one, [`answer`] prints a link.
async fn make_first_owner(config: &Config, engine: &Engine) -> anyhow::Result<()> {
    let (Some(email), Some(password)) = (&config.admin_email, &config.admin_password) else {
        return Ok(());
    };
    let owner = FirstOwner {
        email: email.clone(),
        password: password.clone(),
        organization: config.organization.clone(),
        token: config.admin_token.clone(),
    };
    engine
        .bootstrap_owner(&owner)
        .await
        .context("the first owner (LONGSHORE_ADMIN_…)")?;
    Ok(())
}

/// While nobody can sign in: where the first owner is made.
async fn print_first_run(engine: &Engine, url: &Url) -> anyhow::Result<()> {
    let Some(secret) = engine.first_run().await.context("the first run")? else {
        return Ok(());
    };
    let base = url.as_str().trim_end_matches('/');
    logging::announce(&format!(
        "Nobody can sign in yet. Open this link, which works once, to set Longshore up:\n  {base}/first-run/{}",
        secret.expose()
    ));
    Ok(())
}

/// The first signal stops; a second one ends the process as it always does.
fn stop_on_signal(stop: CancellationToken) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("signals")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("signals")?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping: no new requests, running ones may finish");
        stop.cancel();
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        std::process::exit(1);
    });
    Ok(())
}
