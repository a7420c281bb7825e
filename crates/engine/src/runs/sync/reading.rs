//! Reads task files. Of a file at most one batch of rows is in memory: when there are more, they
//! are staged in the database as they are read, where nobody sees them, see
//! [`store::StagedFile`]. Nothing of it depends on the size of the file.

use std::sync::Arc;

use azure::{BlobItem, ContainerClient, ErrorKind, GetRequest};
use bytes::Bytes;
use formats::{FormatError, TaskReader, TaskRow};
use futures_util::StreamExt as _;
use model::BlobName;
use store::{BlobRows, ImportedBlob, NewTask, StagedFile, StagedFileId, StagingRun};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::failure::Failure;
use crate::{Engine, Error, labeling::imported::Authors};

/// Rows of one transaction at most, each with its annotations and predictions counted as well:
/// some ten milliseconds, in which nobody else writes to SQLite.
pub(super) const BATCH_ROWS: usize = 2_000;

/// Bytes of rows after which a batch is complete.
const BATCH_BYTES: usize = 1 << 20;

/// What a file may hold at once, with what is parsed and not in a batch yet.
pub(super) const HELD_BYTES: u64 = 3 << 20;

/// Bytes of memory for a byte of a small file, when its rows are as short as they can be.
pub(super) const COST_OF_BYTE: u64 = 64;

/// Bytes that are parsed in one go.
const PIECE: usize = 16 << 10;

/// A larger row is read alone in the whole process.
const LARGE_ROW: usize = 1 << 20;

/// A larger file is surely staged: one at a time of a run, so that no connection waits for another.
const SURELY_STAGED: u64 = 256 << 10;

/// How often a blob is read whose connection breaks on the way.
const READS: usize = 3;

/// Why a blob was not read.
pub(super) enum ReadError {
    Azure(azure::Error),
    File(Failure),
    Engine(Error),
    /// The run is not ours any more.
    Lost,
}

/// Reads the blobs of one page.
#[derive(Clone)]
pub(super) struct BlobReader {
    pub engine: Engine,
    pub container: ContainerClient,
    pub run: StagingRun,
    pub authors: Arc<Authors>,
    /// One permit: one file of the run is staged at a time.
    pub staging: Arc<Semaphore>,
}

/// Rows of a blob that are not stored yet, and the file that those before them are staged in.
struct Held<'a> {
    reader: &'a BlobReader,
    name: &'a str,
    etag: &'a str,
    tasks: Vec<NewTask>,
    /// Of the tasks, with what came labeled.
    rows: usize,
    bytes: usize,
    first_row: i64,
    staged: &'a mut Option<StagedFile>,
    staging: Option<OwnedSemaphorePermit>,
    large: Option<OwnedSemaphorePermit>,
}

impl BlobReader {
    /// Reads a blob to its end, from the beginning again when the connection breaks.
    pub async fn read(&self, item: &BlobItem) -> Result<ImportedBlob, ReadError> {
        let limit = self.engine.limits().task_files.max_blob_bytes;
        if item.size > limit {
            return Err(ReadError::File(Failure::too_large(item.size, limit)));
        }
        let mut staged = None;
        let mut reads = 1;
        let read = loop {
            match self.read_once(item, &mut staged).await {
                Err(ReadError::Azure(error))
                    if error.kind() == ErrorKind::Interrupted && reads < READS =>
                {
                    reads += 1;
                }
                done => break done,
            }
        };
        if let (Some(file), Err(ReadError::File(_) | ReadError::Azure(_))) = (&staged, &read) {
            self.engine.store().drop_staged(file.id).await?;
        }
        read
    }

    async fn read_once(
        &self,
        item: &BlobItem,
        staged: &mut Option<StagedFile>,
    ) -> Result<ImportedBlob, ReadError> {
        let name = BlobName::parse(&item.name).map_err(|_| ReadError::File(Failure::bad_name()))?;
        let staging = match item.size {
            0..=SURELY_STAGED => None,
            _ => Some(permit(&self.staging).await?),
        };
        let mut response = self.container.get(&name, &GetRequest::default()).await?;
        // What was read, which is newer than what was listed when the blob changed in between.
        let etag = response.etag.map_or_else(
            || item.etag.clone(),
            |etag| etag.trim_matches('"').to_owned(),
        );
        if staged.is_some() {
            // Where the read before this one stopped, unless the blob is another one by now.
            let file = self.engine.store().stage_file(self.run, &item.name, &etag);
            *staged = Some(file.await?.ok_or(ReadError::Lost)?);
        }
        let mut held = Held {
            reader: self,
            name: &item.name,
            etag: &etag,
            tasks: Vec::new(),
            rows: 0,
            bytes: 0,
            first_row: staged.map_or(0, |file| file.rows),
            staged,
            staging,
            large: None,
        };
        let mut parser = TaskReader::new(&item.name, self.engine.limits().task_files);
        while let Some(piece) = response.body.next().await {
            let piece = piece?;
            for from in (0..piece.len()).step_by(PIECE) {
                let part = piece.slice(from..piece.len().min(from + PIECE));
                let rows;
                (parser, rows) = parse(parser, part).await?;
                held.take(rows).await?;
                if parser.held_bytes() > LARGE_ROW {
                    held.make_room().await?;
                }
            }
        }
        let rows = parser.finish()?;
        held.take(rows).await?;
        let rows = held.finish().await?;
        Ok(ImportedBlob {
            name: item.name.clone(),
            etag,
            size: item.size as i64,
            modified_ms: item.last_modified_ms,
            rows,
        })
    }
}

impl Held<'_> {
    /// Takes rows, and stages what makes a batch.
    async fn take(&mut self, rows: Vec<TaskRow>) -> Result<(), ReadError> {
        for row in rows {
            // Staged before the connection broke, or by an attempt before this one.
            if self.staged.is_some_and(|file| row.row < file.rows) {
                continue;
            }
            self.rows += 1 + row.annotations.len() + row.predictions.len();
            self.bytes += row.text_bytes();
            self.tasks.push(self.reader.authors.new_task(row));
            if self.rows >= BATCH_ROWS || self.bytes >= BATCH_BYTES {
                self.stage().await?;
            }
        }
        Ok(())
    }

    async fn stage(&mut self) -> Result<(), ReadError> {
        let store = self.reader.engine.store();
        let run = self.reader.run;
        let file = self.staged_file().await?;
        // The first batch of a file that an earlier attempt began may be there already.
        let known = usize::try_from(file.rows - self.first_row).unwrap_or(0);
        let tasks = self.tasks.get(known..).unwrap_or_default();
        if !tasks.is_empty() {
            let first = self.first_row + known as i64;
            if !store.stage_rows(run, file.id, first, tasks).await? {
                return Err(ReadError::Lost);
            }
            let rows = first + tasks.len() as i64;
            *self.staged = Some(StagedFile { rows, ..file });
        }
        self.first_row = self.staged.map_or(0, |file| file.rows);
        self.tasks.clear();
        (self.rows, self.bytes, self.large) = (0, 0, None);
        Ok(())
    }

    /// The file that the rows are staged in, begun or found.
    async fn staged_file(&mut self) -> Result<StagedFile, ReadError> {
        if self.staging.is_none() {
            self.staging = Some(permit(&self.reader.staging).await?);
        }
        if let Some(file) = *self.staged {
            return Ok(file);
        }
        let store = self.reader.engine.store();
        let begun = store.stage_file(self.reader.run, self.name, self.etag);
        let file = begun.await?.ok_or(ReadError::Lost)?;
        *self.staged = Some(file);
        Ok(file)
    }

    /// Waits until no other large row is in memory. A file that is staged goes first, or two files
    /// could wait for each other.
    async fn make_room(&mut self) -> Result<(), ReadError> {
        self.staged_file().await?;
        if self.large.is_none() {
            self.large = Some(permit(&self.reader.engine.0.large_rows).await?);
        }
        Ok(())
    }

    /// All rows are right: where they are.
    async fn finish(mut self) -> Result<BlobRows, ReadError> {
        if self.staged.is_none() {
            return Ok(BlobRows::Here(self.tasks));
        }
        self.stage().await?;
        let file: Option<StagedFileId> = self.staged.map(|file| file.id);
        Ok(file.map_or(BlobRows::Here(Vec::new()), BlobRows::Staged))
    }
}

/// Parses in a thread that may take its time.
async fn parse(
    mut parser: TaskReader,
    part: Bytes,
) -> Result<(TaskReader, Vec<TaskRow>), ReadError> {
    let parsed = tokio::task::spawn_blocking(move || {
        let rows = parser.push(&part)?;
        Ok((parser, rows))
    });
    match parsed.await {
        Ok(parsed) => parsed.map_err(|error: FormatError| ReadError::File(error.into())),
        Err(error) => Err(ReadError::Engine(Error::Internal(error.to_string()))),
    }
}

async fn permit(semaphore: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, ReadError> {
    let permit = semaphore.clone().acquire_owned().await;
    permit.map_err(|error| ReadError::Engine(Error::Internal(error.to_string())))
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

impl From<store::Error> for ReadError {
    fn from(error: store::Error) -> Self {
        Self::Engine(error.into())
    }
}
