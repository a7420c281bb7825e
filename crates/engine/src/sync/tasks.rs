//! Tasks mode: each blob is a file of tasks. Known blobs with the same ETag are not read; the
//! others are read several at once while those before them are being stored.
//!
//! All rows of a blob are committed or none. A blob that changed adds its new rows; rows that are
//! there already take the new data as long as nobody has annotated them, and never become duplicates.

use std::{collections::VecDeque, sync::Arc};

use azure::{BlobItem, ContainerClient, ErrorKind, GetRequest};
use formats::{FormatError, TaskReader, TaskRow};
use futures_util::{StreamExt as _, stream};
use model::{BlobName, SyncCounts};
use store::{ApplyBlobTasks, BlobStanding, ImportedBlob, NewAnnotation, NewPrediction, NewTask};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::{
    failure::Failure,
    listing::Page,
    pass::{End, PING, Pass, concerns_one_blob, plus},
};
use crate::{Doing, Error, Result};

/// Most blobs of one transaction.
const BATCH: usize = 500;

/// How often a blob is read whose connection breaks on the way.
const READS: usize = 3;

/// A blob that was read, or why it was not.
struct Outcome {
    item: BlobItem,
    read: Result<ImportedBlob, ReadError>,
    /// This blob's share of the memory that one sync may take; given back once it is stored.
    _memory: OwnedSemaphorePermit,
}

enum ReadError {
    Azure(azure::Error),
    File(Failure),
}

/// Reads and stores the new and changed blobs of one page; the checkpoint moves at its end.
pub(super) async fn store_page(
    pass: &mut Pass<'_>,
    page: Page,
    stop: &CancellationToken,
) -> Result<End> {
    let (blobs, mut counts) = pass.sort_out(page.blobs);
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
    let mut memory = Vec::with_capacity(batch.len());
    for outcome in batch {
        match outcome.read {
            Ok(blob) => {
                imported.push(blob);
                memory.push(outcome._memory);
            }
            Err(error) => {
                let cause = failure(pass, &outcome.item, error)?;
                counts.failed += 1;
                pass.record_failure(&outcome.item, &cause).await?;
            }
        }
    }
    let counts = pass.counts;
    apply(pass, &imported, None, &counts).await
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
        ReadError::Azure(error) => {
            let name = BlobName::parse(&item.name).ok();
            let problem = pass.explain(&error, Doing::Read, name.as_ref());
            if concerns_one_blob(error.kind()) {
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
        let (at_once, files) = (limits.sync_downloads, limits.task_files);
        let container = pass.container.clone();
        // Counted in KiB, because a semaphore counts in 32 bits.
        let budget = (limits.sync_bytes >> 10).max(1);
        let memory = Arc::new(Semaphore::new(budget));
        let task = tokio::spawn(async move {
            let mut reads = stream::iter(VecDeque::from(wanted))
                .map(|item| {
                    let (container, memory) = (container.clone(), memory.clone());
                    async move {
                        let share = ((item.size >> 10) as usize + 1).min(budget) as u32;
                        let memory = memory.acquire_many_owned(share).await.ok()?;
                        // A task of its own, so that parsing uses every core.
                        let read = tokio::spawn(async move {
                            let read = read(&container, &item, files).await;
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

/// Reads a blob to its rows, from the beginning again when the connection breaks.
async fn read(
    container: &ContainerClient,
    item: &BlobItem,
    limits: formats::Limits,
) -> Result<ImportedBlob, ReadError> {
    if item.size > limits.max_blob_bytes {
        return Err(ReadError::File(Failure::too_large(
            item.size,
            limits.max_blob_bytes,
        )));
    }
    let mut reads = 1;
    loop {
        match read_once(container, item, limits).await {
            Err(ReadError::Azure(error))
                if error.kind() == ErrorKind::Interrupted && reads < READS =>
            {
                reads += 1;
            }
            done => return done,
        }
    }
}

async fn read_once(
    container: &ContainerClient,
    item: &BlobItem,
    limits: formats::Limits,
) -> Result<ImportedBlob, ReadError> {
    let name = BlobName::parse(&item.name).map_err(|_| ReadError::File(Failure::bad_name()))?;
    let mut response = container.get(&name, &GetRequest::default()).await?;
    let mut reader = TaskReader::new(&item.name, limits);
    let mut tasks = Vec::new();
    while let Some(piece) = response.body.next().await {
        tasks.extend(reader.push(&piece?)?.into_iter().map(new_task));
    }
    tasks.extend(reader.finish()?.into_iter().map(new_task));
    // What was read, which is newer than what was listed when the blob changed in between.
    let etag = response.etag.map_or_else(
        || item.etag.clone(),
        |etag| etag.trim_matches('"').to_owned(),
    );
    Ok(ImportedBlob {
        name: item.name.clone(),
        etag,
        size: item.size as i64,
        modified_ms: item.last_modified_ms,
        tasks,
    })
}

fn new_task(row: TaskRow) -> NewTask {
    NewTask {
        data: row.data,
        meta: row.meta,
        annotations: row
            .annotations
            .into_iter()
            .map(|annotation| NewAnnotation {
                result: annotation.result,
                was_cancelled: annotation.was_cancelled,
                ground_truth: annotation.ground_truth,
                lead_time: annotation.lead_time,
                completed_by: None,
                parent_prediction: None,
                parent_annotation: None,
            })
            .collect(),
        predictions: row
            .predictions
            .into_iter()
            .map(|prediction| NewPrediction {
                result: prediction.result,
                score: prediction.score,
                model_version: prediction.model_version,
            })
            .collect(),
    }
}

impl From<azure::Error> for ReadError {
    fn from(error: azure::Error) -> Self {
        Self::Azure(error)
    }
}

impl From<FormatError> for ReadError {
    fn from(error: FormatError) -> Self {
        Self::File(error.into())
    }
}
