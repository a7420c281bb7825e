//! Makes decided files tasks: large task files whose every row is right and staged.
//!
//! It belongs to no run: what is decided comes in whole, also when the run is cancelled, its worker
//! killed, its storage deleted or its link gone meanwhile.

use tokio_util::sync::CancellationToken;

use super::pass::PING;
use crate::{Engine, Result, error::report};

/// Publishes and cleans up until `shutdown`; a batch that has begun is finished.
pub(crate) async fn watch(engine: &Engine, shutdown: &CancellationToken) {
    while !shutdown.is_cancelled() {
        // Registered before looking, so that a file decided in between is not missed.
        let decided = engine.0.worker_signals.staging_changed.notified();
        match work(engine, shutdown).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => {
                tracing::error!(error = %report(&error), "staged rows cannot become tasks");
            }
        }
        tokio::select! {
            () = decided => {}
            () = shutdown.cancelled() => {}
            () = tokio::time::sleep(PING) => {}
        }
    }
}

/// One batch of each file, so that none waits for a larger one; `true` when there may be more.
async fn work(engine: &Engine, shutdown: &CancellationToken) -> Result<bool> {
    let store = engine.store();
    let mut worked = false;
    for file in store.decided_files().await? {
        if shutdown.is_cancelled() {
            return Ok(false);
        }
        if let Some(created) = store.publish_rows(file, engine.now_ms()).await? {
            metrics::counter!("longshore_sync_tasks_created_total").increment(created as u64);
            worked = true;
        }
    }
    let left = store.clean_staged(engine.now_ms()).await?;
    // Only then: it wakes this loop too.
    if worked || left {
        engine.0.worker_signals.staging_changed.notify_waiters();
        engine.run_changed();
    }
    Ok(worked || left)
}
