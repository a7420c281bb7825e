//! Deleting a project or a storage: step by step, each step short, by whoever asked for it and then
//! by a worker, which also goes on with what somebody else's end has left.

use std::time::Duration;

use model::DeletionId;
use store::{Deletion, DeletionStep};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{Engine, Result, error::report, runs::worker::JobEnd};

/// How long the one who asks waits for the end; almost everything is gone by then.
const AT_ONCE: Duration = Duration::from_secs(2);

/// The worker's part.
///
/// # Errors
/// When the database fails.
pub(crate) async fn run(
    engine: &Engine,
    id: DeletionId,
    stop: &CancellationToken,
) -> Result<JobEnd> {
    let Some(deletion) = engine.store().find_deletion(id).await? else {
        return Ok(JobEnd::Done);
    };
    while !stop.is_cancelled() {
        if engine.store().delete_step(deletion).await? == DeletionStep::Done {
            return Ok(JobEnd::Done);
        }
    }
    Ok(JobEnd::Released)
}

/// The part of the one who asks: what is left goes without them.
pub(crate) async fn begin(engine: &Engine, deletion: Deletion) {
    let until = Instant::now() + AT_ONCE;
    while Instant::now() < until {
        match engine.store().delete_step(deletion).await {
            Ok(DeletionStep::Rows(_)) => {}
            Ok(DeletionStep::Done) => return,
            Err(error) => {
                let error = crate::Error::from(error);
                tracing::warn!(deletion = %deletion.id, error = %report(&error), "a worker goes on deleting");
                return;
            }
        }
    }
}
