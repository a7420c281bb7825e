//! Large task files on their way in: read row by row into a place that nobody sees, decided when
//! the last row is right, and then made tasks, a few thousand in a transaction.
//!
//! So memory and transactions stay small whatever a file's size is, and a file comes in whole or
//! not at all. What is decided needs neither the blob nor its run any more: any worker of any
//! replica goes on with it.

use model::{OrgId, ProjectId, SourceBlobId, SyncRunId};

use crate::{
    Error, NewTask, Result, Store,
    db::{Tx, sql, sql_of_each},
    task_batch::{TaskBatch, insert_or_renew},
};

/// Batches of rows that one transaction deletes.
const DELETED_AT_ONCE: i64 = 16;

/// A file whose rows are staged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StagedFileId(pub(crate) i64);

/// A file that is being staged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StagedFile {
    pub id: StagedFileId,
    /// How many of its rows are staged: where to go on.
    pub rows: i64,
}

/// The attempt of a run that stages: the fence.
#[derive(Clone, Copy, Debug)]
pub struct StagingRun {
    pub run_id: SyncRunId,
    /// `attempts` of the started run.
    pub attempt: i64,
}

macro_rules! of_running_attempt {
    ($run:literal, $attempt:literal) => {
        concat!(
            "sync_runs WHERE id = ",
            $run,
            " AND attempts = ",
            $attempt,
            " AND status = 'in_progress' AND stopping = 0"
        )
    };
}

impl Store {
    /// Worker: begins to stage a blob's rows, or goes on where an earlier attempt of the run stopped
    /// with the same ETag. `None` when the run is no longer this attempt's.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn stage_file(
        &self,
        run: StagingRun,
        name: &str,
        etag: &str,
    ) -> Result<Option<StagedFile>> {
        let mut tx = self.db.begin().await?;
        let of_blob = |text| sql(text).bind(run.run_id).bind(name).bind(etag);
        // The blob has changed since: what was read of it is of no use.
        let drop = "UPDATE staged_files SET state = 'dropped'
             WHERE run_id = $1 AND name = $2 AND etag <> $3 AND state = 'reading'";
        tx.execute(of_blob(drop)).await?;
        let begun = "SELECT id, row_count FROM staged_files
             WHERE run_id = $1 AND name = $2 AND etag = $3 AND state = 'reading'";
        let begin = concat!(
            "INSERT INTO staged_files (org_id, project_id, run_id, name, etag, state)
             SELECT org_id, project_id, id, $2, $3, 'reading' FROM ",
            of_running_attempt!("$1", "$4"),
            " RETURNING id, row_count"
        );
        let row = match tx.row(of_blob(begun)).await? {
            Some(row) => Some(row),
            None => tx.row(of_blob(begin).bind(run.attempt)).await?,
        };
        tx.commit().await?;
        row.map(|row| {
            Ok(StagedFile {
                id: StagedFileId(row.get("id")?),
                rows: row.get("row_count")?,
            })
        })
        .transpose()
    }

    /// Worker: stages the next rows of a file, from `first_row`; `false` when the run is no longer
    /// this attempt's: nothing was written.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn stage_rows(
        &self,
        run: StagingRun,
        file: StagedFileId,
        first_row: i64,
        tasks: &[NewTask],
    ) -> Result<bool> {
        let document = serde_json::to_string(tasks)
            .map_err(|source| Error::caused_by("rows could not be written as JSON", source))?;
        let mut tx = self.db.begin().await?;
        let count = concat!(
            "UPDATE staged_files SET row_count = row_count + $3
             WHERE id = $1 AND row_count = $2 AND state = 'reading' AND EXISTS (SELECT 1 FROM ",
            of_running_attempt!("$4", "$5"),
            ")"
        );
        let count = sql(count)
            .bind(file.0)
            .bind(first_row)
            .bind(tasks.len() as i64)
            .bind(run.run_id)
            .bind(run.attempt);
        if tx.execute(count).await? == 0 {
            return Ok(false);
        }
        let insert = "INSERT INTO staged_rows (file_id, first_row, tasks) VALUES ($1, $2, $3)";
        let insert = sql(insert).bind(file.0).bind(first_row).bind(document);
        tx.execute(insert).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Worker: the file is not to come in; its rows are deleted by [`Store::clean_staged`].
    ///
    /// # Errors
    /// When the database fails.
    pub async fn drop_staged(&self, file: StagedFileId) -> Result<()> {
        let statement =
            "UPDATE staged_files SET state = 'dropped' WHERE id = $1 AND state = 'reading'";
        self.db.execute(sql(statement).bind(file.0)).await.map(drop)
    }

    /// Worker: files whose rows are to become tasks now. Of two versions of one blob the older is
    /// first; the younger waits for it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn decided_files(&self) -> Result<Vec<StagedFileId>> {
        let query = sql("SELECT f.id FROM staged_files f WHERE f.state = 'decided'
             AND NOT EXISTS (SELECT 1 FROM staged_files e
                 WHERE e.state = 'decided' AND e.blob_id = f.blob_id AND e.id < f.id)
             ORDER BY f.id");
        let rows = self.db.read(query).await?;
        rows.iter()
            .map(|row| Ok(StagedFileId(row.get("id")?)))
            .collect()
    }

    /// Worker: makes the next batch of a decided file's rows tasks; how many were created, `None` when
    /// there was none to take. With its last batch the file is done. Two workers at once take turns,
    /// and no row becomes a task twice.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn publish_rows(&self, file: StagedFileId, now_ms: i64) -> Result<Option<i64>> {
        let mut tx = self.db.begin().await?;
        let query = "SELECT org_id, project_id, run_id, blob_id FROM staged_files
             WHERE id = $1 AND state = 'decided'";
        let Some(row) = tx.row(sql(query).bind(file.0)).await? else {
            return Ok(None);
        };
        let (run, blob) = (
            SyncRunId(row.get("run_id")?),
            SourceBlobId(row.get::<Option<i64>>("blob_id")?.unwrap_or_default()),
        );
        let batch = TaskBatch {
            org_id: OrgId(row.get("org_id")?),
            project_id: ProjectId(row.get("project_id")?),
            by: None,
            now_ms,
        };
        let take = "DELETE FROM staged_rows WHERE file_id = $1 AND first_row =
             (SELECT MIN(first_row) FROM staged_rows WHERE file_id = $1) RETURNING first_row, tasks";
        let taken = tx.row(sql(take).bind(file.0)).await?;
        let mut created = None;
        if let Some(taken) = taken {
            // All tasks of the blob were deleted meanwhile and it is forgotten: what is left of the
            // file does not come either.
            if !is_known(&mut tx, blob).await? {
                drop_file(&mut tx, file).await?;
                tx.commit().await?;
                return Ok(None);
            }
            let tasks: Vec<NewTask> = serde_json::from_str(&taken.get::<String>("tasks")?)
                .map_err(|source| Error::caused_by("staged rows are broken", source))?;
            let rows: Vec<_> = (taken.get("first_row")?..)
                .zip(&tasks)
                .map(|(row, task)| (task, Some((blob, row))))
                .collect();
            created = insert_or_renew(&mut tx, &batch, &rows).await?;
            let count =
                "UPDATE sync_runs SET created = created + $2, last_ping_at_ms = $3 WHERE id = $1";
            let count = sql(count).bind(run).bind(created.unwrap_or(0)).bind(now_ms);
            tx.execute(count).await?;
        }
        let done = "DELETE FROM staged_files WHERE id = $1
             AND NOT EXISTS (SELECT 1 FROM staged_rows WHERE file_id = $1)";
        tx.execute(sql(done).bind(file.0)).await?;
        tx.commit().await?;
        self.job_notify().notify_waiters();
        Ok(created)
    }

    /// Worker: does a file of this run still have rows that are to become tasks?
    ///
    /// # Errors
    /// When the database fails.
    pub async fn is_publishing(&self, run: SyncRunId) -> Result<bool> {
        let query = "SELECT id FROM staged_files WHERE run_id = $1 AND state = 'decided' LIMIT 1";
        Ok(self.db.read_one(sql(query).bind(run)).await?.is_some())
    }

    /// The file that a run is staging, by name, and how many of its rows are right so far.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn staged_of_run(&self, org: OrgId, run: SyncRunId) -> Result<Option<(String, i64)>> {
        let query = "SELECT name, row_count FROM staged_files
             WHERE org_id = $1 AND run_id = $2 AND state = 'reading' ORDER BY id DESC LIMIT 1";
        let row = self.db.read_one(sql(query).bind(org).bind(run)).await?;
        row.map(|row| Ok((row.get("name")?, row.get("row_count")?)))
            .transpose()
    }

    /// Worker: deletes some of what is not to come in (dropped, or left by a run that is over), and
    /// ends cancelled runs whose last file is in. `true` when something changed, so that more may be
    /// left. Call it now and then.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn clean_staged(&self, now_ms: i64) -> Result<bool> {
        let left = "SELECT f.id FROM staged_files f WHERE f.state = 'dropped'
             OR (f.state = 'reading' AND NOT EXISTS (SELECT 1 FROM sync_runs r
                 WHERE r.id = f.run_id AND r.status IN ('queued', 'in_progress')))
             ORDER BY f.id LIMIT 1";
        let stopping = "SELECT id FROM sync_runs WHERE stopping = 1
             AND status IN ('queued', 'in_progress') LIMIT 1";
        let mut ended = 0;
        if self.db.read_one(sql(stopping)).await?.is_some() {
            let end = sql("UPDATE sync_runs SET status = 'cancelled', finished_at_ms = $1
                 WHERE stopping = 1 AND status IN ('queued', 'in_progress') AND NOT EXISTS
                 (SELECT 1 FROM staged_files f WHERE f.run_id = sync_runs.id AND f.state = 'decided')");
            ended = self.db.execute(end.bind(now_ms)).await?;
        }
        let Some(row) = self.db.read_one(sql(left)).await? else {
            return Ok(ended > 0);
        };
        let file: i64 = row.get("id")?;
        let mut tx = self.db.begin().await?;
        drop_file(&mut tx, StagedFileId(file)).await?;
        let rows = "DELETE FROM staged_rows WHERE file_id = $1 AND first_row IN
             (SELECT first_row FROM staged_rows WHERE file_id = $1 ORDER BY first_row LIMIT $2)";
        let deleted = tx
            .execute(sql(rows).bind(file).bind(DELETED_AT_ONCE))
            .await?;
        if (deleted as i64) < DELETED_AT_ONCE {
            tx.execute(sql("DELETE FROM staged_files WHERE id = $1").bind(file))
                .await?;
        }
        tx.commit().await?;
        Ok(true)
    }
}

/// A blob that was decided: its staged rows become its tasks. `false` when the file is gone.
pub(crate) async fn decide(tx: &mut Tx, file: StagedFileId, blob: SourceBlobId) -> Result<bool> {
    let decide = "UPDATE staged_files SET state = 'decided', blob_id = $2
         WHERE id = $1 AND state = 'reading'";
    Ok(tx.execute(sql(decide).bind(file.0).bind(blob)).await? > 0)
}

/// What waits for this project does not come in: all its tasks are being deleted.
pub(crate) async fn drop_of_project(tx: &mut Tx, project: ProjectId) -> Result<()> {
    let statement =
        "UPDATE staged_files SET state = 'dropped' WHERE project_id = $1 AND state = 'decided'";
    tx.execute(sql(statement).bind(project)).await.map(drop)
}

async fn drop_file(tx: &mut Tx, file: StagedFileId) -> Result<()> {
    let statement = "UPDATE staged_files SET state = 'dropped' WHERE id = $1";
    tx.execute(sql(statement).bind(file.0)).await.map(drop)
}

/// Is the blob still known? It stays so until the transaction ends.
async fn is_known(tx: &mut Tx, blob: SourceBlobId) -> Result<bool> {
    let query = sql_of_each(
        "SELECT id FROM source_blobs WHERE id = $1",
        "SELECT id FROM source_blobs WHERE id = $1 FOR SHARE",
    );
    Ok(tx.row(query.bind(blob)).await?.is_some())
}
