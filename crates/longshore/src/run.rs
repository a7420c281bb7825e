//! `longshore sync` and `longshore export`: start one, or do it here and watch.

use std::time::Duration;

use anyhow::bail;
use engine::{Engine, Worker};
use model::{Actor, Storage, StorageId, SyncRun, SyncStatus};
use tokio_util::sync::CancellationToken;

use crate::{config::Config, logging, parts};

/// How often the progress is shown.
const PROGRESS: Duration = Duration::from_secs(1);

/// # Errors
/// When there is no such source storage; with `follow`, when the sync does not end well.
pub async fn sync(config: &Config, storage: StorageId, follow: bool) -> anyhow::Result<()> {
    let engine = parts::operators_engine(config).await?;
    let operator = parts::operator(config, &engine).await?;
    let kind = engine.find_storage(&operator, storage).await?.kind;
    let storage = engine.start_sync(&operator, kind, storage).await?;
    watch(config, engine, operator, storage, follow).await
}

/// # Errors
/// When there is no such target storage; with `follow`, when the export does not end well.
pub async fn export(config: &Config, storage: StorageId, follow: bool) -> anyhow::Result<()> {
    let engine = parts::operators_engine(config).await?;
    let operator = parts::operator(config, &engine).await?;
    let kind = engine.find_storage(&operator, storage).await?.kind;
    let storage = engine.start_export(&operator, kind, storage).await?;
    watch(config, engine, operator, storage, follow).await
}

async fn watch(
    config: &Config,
    engine: Engine,
    operator: Actor,
    storage: Storage,
    follow: bool,
) -> anyhow::Result<()> {
    let Some(run) = storage.last_run else {
        bail!("the storage has no run");
    };
    if !follow {
        return logging::to_stdout(&format!("Run {} is queued.", run.id));
    }
    let stop = CancellationToken::new();
    let jobs = usize::try_from(config.worker_jobs).unwrap_or(usize::MAX);
    let worker = tokio::spawn(Worker::run(engine.clone(), stop.clone(), jobs));
    let ended = loop {
        let run = engine.wait_run(&operator, run.id, PROGRESS).await?;
        logging::to_stdout(&line(&run))?;
        if !run.status.is_running() {
            break run;
        }
    };
    stop.cancel();
    worker.await?;
    match (ended.status, ended.error) {
        (SyncStatus::Completed, _) => Ok(()),
        (status, Some(error)) => bail!("{}: {error}", status.as_str()),
        (status, None) => bail!("{}", status.as_str()),
    }
}

fn line(run: &SyncRun) -> String {
    let counts = &run.counts;
    format!(
        "{}: listed {}, created {}, existed {}, changed {}, filtered {}, skipped {}, failed {}",
        run.status.as_str(),
        counts.listed,
        counts.created,
        counts.existed,
        counts.changed,
        counts.filtered,
        counts.skipped,
        counts.failed
    )
}
