//! Tasks mode: each blob is a file of tasks. Known blobs with the same ETag are not read; the
//! others are read several at once while those before them are being stored (`reading`).
//!
//! All rows of a blob come in or none: together in one transaction, or, when they are too many for
//! one, staged until the last is right and then made tasks batch by batch (`publish`), which
//! nothing stops any more. A blob that changed adds its new rows; rows that are
//! there already take the new data as long as nobody has annotated them, and never become duplicates.

use std::{collections::VecDeque, sync::Arc};

use azure::BlobItem;
use futures_util::{StreamExt as _, stream};
use model::{BlobName, SyncCounts};
use store::{ApplyBlobTasks, BlobRows, BlobStanding, ImportedBlob, StagingRun};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::{
    failure::Failure,
    listing::Page,
    pass::{End, PING, Pass, plus},
    reading::{BATCH_ROWS, BlobReader, COST_OF_BYTE, HELD_BYTES, ReadError},
};
use crate::{Doing, Error, Result};

/// Most blobs of one transaction.
const BATCH: usize = 500;

/// A blob that was read, or why it was not.
struct Outcome {
    item: BlobItem,
    read: Result<ImportedBlob, ReadError>,
    /// This blob's share of the memory that one sync may take; given back once it is stored.
    _memory: OwnedSemaphorePermit,
}

/// Reads and stores the new and changed blobs of one page; the checkpoint moves at its end.
pub(super) async fn store_page(
    pass: &mut Pass<'_>,
    page: Page,
    stop: &CancellationToken,
) -> Result<End> {
    let (blobs, mut counts) = pass.sort_out(page.blobs).await?;
    let wanted = leave_out_known(pass, blobs, &mut counts).await?;
    let mut unread = wanted.len();
    let mut reading = Reading::start(pass, wanted);
    while unread > 0 {
        let mut batch = Vec::new();
        let received = reading.outcomes.recv_many(&mut batch, BATCH);
        match tokio::time::timeout(PING, received).await {
            Ok(0) => return Err(Error::Internal("reading a blob ended early".to_owned())),
            Ok(read) => unread -= read,
            Err(_elapsed) if pass.save_progress().await? => continue,
            Err(_elapsed) => return Ok(End::Lost),
        }
        if stop.is_cancelled() {
            return Ok(End::Stopped);
        }
        if store_batch(pass, batch, &mut counts).await? == End::Lost {
            return Ok(End::Lost);
        }
    }
    if !pass.published(stop).await? {
        return Ok(if stop.is_cancelled() {
            End::Stopped
        } else {
            End::Lost
        });
    }
    let total = plus(pass.counts, counts);
    let marker = Pass::checkpoint(page.next_marker.as_deref());
    apply(pass, &[], Some(marker), &total).await
}

/// Keeps the blobs that were never imported, failed, or have another ETag now.
async fn leave_out_known(
    pass: &Pass<'_>,
    blobs: Vec<BlobItem>,
    counts: &mut SyncCounts,
) -> Result<Vec<BlobItem>> {
    let listed: Vec<(&str, &str)> = blobs
        .iter()
        .map(|blob| (blob.name.as_str(), blob.etag.as_str()))
        .collect();
    let standings = pass
        .engine
        .store()
        .known_blobs(
            pass.run.project_id,
            &pass.storage.account,
            &pass.storage.container,
            &listed,
        )
        .await?;
    let before = blobs.len();
    let wanted: Vec<BlobItem> = blobs
        .into_iter()
        .zip(standings)
        .filter(|(_, standing)| *standing != BlobStanding::Imported)
        .map(|(blob, _)| blob)
        .collect();
    counts.existed += (before - wanted.len()) as i64;
    Ok(wanted)
}

/// Commits what was read, and lists what could not be.
async fn store_batch(
    pass: &mut Pass<'_>,
    batch: Vec<Outcome>,
    counts: &mut SyncCounts,
) -> Result<End> {
    let mut imported = Vec::with_capacity(batch.len());
    let (mut memory, mut rows) = (Vec::new(), 0);
    for outcome in batch {
        match outcome.read {
            Ok(blob) => {
                let more = rows_of(&blob);
                if rows + more > BATCH_ROWS && !imported.is_empty() {
                    if store(pass, &imported).await? == End::Lost {
                        return Ok(End::Lost);
                    }
                    (imported, memory, rows) = (Vec::new(), Vec::new(), 0);
                }
                rows += more;
                imported.push(blob);
                memory.push(outcome._memory);
            }
            Err(ReadError::Lost) => return Ok(End::Lost),
            Err(error) => {
                let cause = failure(pass, &outcome.item, error)?;
                counts.failed += 1;
                pass.record_failure(&outcome.item, &cause).await?;
            }
        }
    }
    store(pass, &imported).await
}

/// What a blob adds to its transaction.
fn rows_of(blob: &ImportedBlob) -> usize {
    match &blob.rows {
        BlobRows::Here(tasks) => tasks
            .iter()
            .map(|task| 1 + task.annotations.len() + task.predictions.len())
            .sum(),
        BlobRows::Staged(_) => 0,
    }
}

async fn store(pass: &mut Pass<'_>, blobs: &[ImportedBlob]) -> Result<End> {
    let counts = pass.counts;
    let end = apply(pass, blobs, None, &counts).await?;
    if blobs
        .iter()
        .any(|blob| matches!(blob.rows, BlobRows::Staged(_)))
    {
        pass.engine.staging_changed();
    }
    Ok(end)
}

async fn apply(
    pass: &mut Pass<'_>,
    blobs: &[ImportedBlob],
    marker_after: Option<&str>,
    counts: &SyncCounts,
) -> Result<End> {
    let outcome = pass
        .engine
        .store()
        .apply_blob_tasks(&ApplyBlobTasks {
            org_id: pass.run.org_id,
            project_id: pass.run.project_id,
            storage_id: pass.run.storage_id,
            run_id: pass.run.run.id,
            attempt: pass.run.run.attempts,
            account: &pass.storage.account,
            container: &pass.storage.container,
            blobs,
            marker_after,
            counts,
            now_ms: pass.engine.now_ms(),
        })
        .await?;
    Ok(pass.saved(outcome))
}

/// The cause of one blob's failure.
///
/// # Errors
/// A failure that all the other blobs would meet too: it ends the run.
fn failure(pass: &Pass<'_>, item: &BlobItem, error: ReadError) -> Result<Failure> {
    match error {
        ReadError::File(failure) => Ok(failure),
        ReadError::Engine(error) => Err(error),
        ReadError::Lost => Err(Error::Internal("a run that is over was read on".to_owned())),
        ReadError::Azure(error) => {
            let name = BlobName::parse(&item.name).ok();
            let problem = pass.explain(&error, Doing::Read, name.as_ref());
            if error.kind().may_concern_one_blob() {
                Ok(problem.into())
            } else {
                Err(problem.into())
            }
        }
    }
}

/// Blobs being read; dropping it stops all of them.
struct Reading {
    outcomes: mpsc::Receiver<Outcome>,
    _task: AbortOnDropHandle<()>,
}

impl Reading {
    fn start(pass: &Pass<'_>, wanted: Vec<BlobItem>) -> Self {
        let limits = pass.engine.limits();
        let (sender, outcomes) = mpsc::channel(BATCH);
        let at_once = limits.sync_downloads;
        let reader = BlobReader {
            engine: pass.engine.clone(),
            container: pass.container.clone(),
            run: StagingRun {
                run_id: pass.run.run.id,
                attempt: pass.run.run.attempts,
            },
            staging: Arc::new(Semaphore::new(1)),
            authors: pass.authors.clone(),
        };
        // Counted in KiB, because a semaphore counts in 32 bits.
        let budget = (limits.sync_bytes >> 10).max(1);
        let memory = Arc::new(Semaphore::new(budget));
        let task = tokio::spawn(async move {
            let mut reads = stream::iter(VecDeque::from(wanted))
                .map(|item| {
                    let (reader, memory) = (reader.clone(), memory.clone());
                    async move {
                        let held = item.size.saturating_mul(COST_OF_BYTE).min(HELD_BYTES);
                        let share = ((held >> 10) as usize + 1).min(budget) as u32;
                        let memory = memory.acquire_many_owned(share).await.ok()?;
                        // A task of its own, so that parsing uses every core.
                        let read = tokio::spawn(async move {
                            let read = reader.read(&item).await;
                            Outcome {
                                item,
                                read,
                                _memory: memory,
                            }
                        });
                        AbortOnDropHandle::new(read).await.ok()
                    }
                })
                .buffer_unordered(at_once);
            while let Some(Some(outcome)) = reads.next().await {
                if sender.send(outcome).await.is_err() {
                    return;
                }
            }
        });
        Self {
            outcomes,
            _task: AbortOnDropHandle::new(task),
        }
    }
}
