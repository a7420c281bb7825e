//! Projects and storages on their way out. What is asked to go is gone for everybody at once, by
//! one short transaction; its rows follow in steps, each short too, so that nobody else waits. A
//! step that was made stays made: whoever goes on, after a kill too, finds less to do.

use model::{DeletionId, OrgId, ProjectId, StorageId};

use crate::{
    JobTask, NewJob, Result, Store,
    db::{Tx, sql},
    jobs::insert_job,
    staged_files::drop_of_project,
    storages::raise_storages_version,
    task_batch::json,
};

/// Rows of one step.
const ROWS: i64 = 1_000;
/// Of rows that may be large, each: what a task file has staged.
const LARGE_ROWS: i64 = 16;
/// Blobs that a reader looks for at a time.
const LOOKED_FOR: i64 = 50 * ROWS;
/// A worker takes over what the one who asked for it has not ended by then.
const TAKEN_OVER_AFTER_MS: i64 = 10_000;

/// Something that is being deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deletion {
    pub id: DeletionId,
    pub project_id: ProjectId,
    /// `None` when it is the whole project.
    pub storage_id: Option<StorageId>,
}

/// Is there more to do?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeletionStep {
    /// So many rows went, and there may be more.
    Rows(u64),
    /// It is gone.
    Done,
}

// What goes before its project does. What exports still have goes first, so that no exported blob
// is taken for one of a deleted annotation; then what hangs on tasks, then the tasks.
const OF_PROJECT: [(&str, i64); 7] = [
    (
        "DELETE FROM outbox WHERE id IN (SELECT o.id FROM storages s JOIN outbox o ON o.storage_id = s.id
         WHERE s.project_id = $1 LIMIT $2)",
        ROWS,
    ),
    (
        "DELETE FROM annotations WHERE id IN (SELECT id FROM annotations WHERE project_id = $1 LIMIT $2)",
        ROWS,
    ),
    (
        "DELETE FROM predictions WHERE id IN (SELECT id FROM predictions WHERE project_id = $1 LIMIT $2)",
        ROWS,
    ),
    (
        "DELETE FROM staged_rows WHERE (file_id, first_row) IN (SELECT r.file_id, r.first_row
         FROM staged_files f JOIN staged_rows r ON r.file_id = f.id WHERE f.project_id = $1 LIMIT $2)",
        LARGE_ROWS,
    ),
    (
        "DELETE FROM tasks WHERE id IN (SELECT id FROM tasks WHERE project_id = $1 ORDER BY id LIMIT $2)",
        ROWS,
    ),
    (
        "DELETE FROM source_blobs WHERE id IN (SELECT id FROM source_blobs WHERE project_id = $1 LIMIT $2)",
        ROWS,
    ),
    (
        "DELETE FROM sync_runs WHERE id IN (SELECT r.id FROM storages s JOIN sync_runs r ON r.storage_id = s.id
         WHERE s.project_id = $1 LIMIT $2)",
        ROWS,
    ),
];

const OF_STORAGE: [(&str, i64); 2] = [
    (
        "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE storage_id = $1 LIMIT $2)",
        ROWS,
    ),
    (
        "DELETE FROM sync_runs WHERE id IN (SELECT id FROM sync_runs WHERE storage_id = $1 LIMIT $2)",
        ROWS,
    ),
];

impl Store {
    /// The project is being deleted, with its storages, tasks, annotations and predictions: from now
    /// on it cannot be used. Exported blobs stay. `None` when there is no such project, or it is
    /// being deleted already.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn begin_project_deletion(
        &self,
        org: OrgId,
        project: ProjectId,
        now_ms: i64,
    ) -> Result<Option<Deletion>> {
        let mut tx = self.db.begin().await?;
        if !raise_storages_version(&mut tx, org, project).await? {
            return Ok(None);
        }
        let storages = sql("SELECT id FROM storages WHERE project_id = $1");
        for row in tx.rows(storages.bind(project)).await? {
            close_storage(&mut tx, StorageId(row.get("id")?), now_ms).await?;
        }
        drop_of_project(&mut tx, project).await?;
        let begun = begin(&mut tx, org, (project, None), now_ms).await?;
        tx.commit().await?;
        Ok(Some(begun))
    }

    /// The storage is being deleted, its runs and what waits to be exported to it. Its tasks stay,
    /// and a new storage over the same container finds them instead of importing them again.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn begin_storage_deletion(
        &self,
        org: OrgId,
        storage: StorageId,
        now_ms: i64,
    ) -> Result<Option<Deletion>> {
        let mut tx = self.db.begin().await?;
        let of = sql(
            "SELECT project_id FROM storages s WHERE org_id = $1 AND id = $2
             AND NOT EXISTS (SELECT 1 FROM deletions d WHERE d.storage_id = s.id)",
        );
        let Some(row) = tx.row(of.bind(org).bind(storage)).await? else {
            return Ok(None);
        };
        let project = ProjectId(row.get("project_id")?);
        if !raise_storages_version(&mut tx, org, project).await? {
            return Ok(None);
        }
        close_storage(&mut tx, storage, now_ms).await?;
        let begun = begin(&mut tx, org, (project, Some(storage)), now_ms).await?;
        tx.commit().await?;
        Ok(Some(begun))
    }

    /// What a job is to delete; `None` when that is done.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_deletion(&self, id: DeletionId) -> Result<Option<Deletion>> {
        let query = sql("SELECT project_id, storage_id FROM deletions WHERE id = $1");
        let row = self.db.read_one(query.bind(id)).await?;
        row.map(|row| {
            Ok(Deletion {
                id,
                project_id: ProjectId(row.get("project_id")?),
                storage_id: row.get::<Option<i64>>("storage_id")?.map(StorageId),
            })
        })
        .transpose()
    }

    /// Deletes the next rows, in a transaction of their own.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_step(&self, deletion: Deletion) -> Result<DeletionStep> {
        let (steps, owner): (&[(&'static str, i64)], i64) = match deletion.storage_id {
            None => (&OF_PROJECT, deletion.project_id.0),
            Some(storage) => (&OF_STORAGE, storage.0),
        };
        for (statement, rows) in steps {
            let deleted = self.db.execute(sql(statement).bind(owner).bind(*rows));
            match deleted.await? {
                0 => {}
                rows => return Ok(DeletionStep::Rows(rows)),
            }
        }
        if let Some(storage) = deletion.storage_id {
            let released = self.release_blobs(deletion.project_id, storage).await?;
            if released > 0 {
                return Ok(DeletionStep::Rows(released));
            }
        }
        let mut tx = self.db.begin().await?;
        let last = match deletion.storage_id {
            None => "DELETE FROM projects WHERE id = $1",
            Some(_) => "DELETE FROM storages WHERE id = $1",
        };
        tx.execute(sql(last).bind(owner)).await?;
        // With it the deletions of its storages.
        let done = "DELETE FROM deletions WHERE id = $1 OR (project_id = $2 AND $3 IS NULL)";
        let done = sql(done).bind(deletion.id).bind(deletion.project_id);
        tx.execute(done.bind(deletion.storage_id)).await?;
        let job = "DELETE FROM jobs WHERE unique_key = $1 AND state = 'waiting'";
        tx.execute(sql(job).bind(key(deletion.id))).await?;
        tx.commit().await?;
        Ok(DeletionStep::Done)
    }

    /// Blobs that syncs have seen stay without their storage. No index has them by storage, so a
    /// reader looks for many at a time, and the writer gets their ids, few at a time.
    async fn release_blobs(&self, project: ProjectId, storage: StorageId) -> Result<u64> {
        let find =
            sql("SELECT id FROM source_blobs WHERE project_id = $1 AND storage_id = $2 LIMIT $3");
        let find = find.bind(project).bind(storage).bind(LOOKED_FOR);
        let rows = self.db.read(find).await?;
        let ids = rows.iter().map(|row| row.get("id"));
        let ids = ids.collect::<Result<Vec<i64>>>()?;
        for ids in ids.chunks(ROWS as usize) {
            let release = sql("UPDATE source_blobs SET storage_id = NULL
                 WHERE id IN (SELECT CAST(j.value AS BIGINT) FROM json_each($1) AS j)");
            self.db.execute(release.bind(json(ids.iter())?)).await?;
        }
        Ok(ids.len() as u64)
    }
}

/// Ends what it does, and takes its credential: without one it is no storage for anybody.
async fn close_storage(tx: &mut Tx, storage: StorageId, now_ms: i64) -> Result<()> {
    let cancel = sql(
        "UPDATE sync_runs SET status = 'cancelled', finished_at_ms = $2
         WHERE storage_id = $1 AND status IN ('queued', 'in_progress')",
    );
    tx.execute(cancel.bind(storage).bind(now_ms)).await?;
    let credential = sql("DELETE FROM storage_credentials WHERE storage_id = $1");
    tx.execute(credential.bind(storage)).await.map(drop)
}

async fn begin(
    tx: &mut Tx,
    org: OrgId,
    (project_id, storage_id): (ProjectId, Option<StorageId>),
    now_ms: i64,
) -> Result<Deletion> {
    let insert = sql(
        "INSERT INTO deletions (org_id, project_id, storage_id, created_at_ms)
         VALUES ($1, $2, $3, $4) RETURNING id",
    );
    let insert = insert.bind(org).bind(project_id).bind(storage_id);
    let id = DeletionId(tx.one(insert.bind(now_ms)).await?.get("id")?);
    let job = NewJob {
        task: JobTask::Delete { deletion_id: id },
        unique_key: Some(&key(id)),
        run_at_ms: now_ms + TAKEN_OVER_AFTER_MS,
    };
    insert_job(tx, &job, now_ms).await?;
    Ok(Deletion {
        id,
        project_id,
        storage_id,
    })
}

fn key(id: DeletionId) -> String {
    format!("deletion/{id}")
}
