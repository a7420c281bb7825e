//! What is to be written to target storages: one row per object, so newer supersedes older and one
//! object is never written by two workers at once.

use std::collections::BTreeMap;

use model::{AnnotationId, OrgId, ProjectId, StorageId, SyncRunId, TaskId};

use crate::{
    ObjectKey, Result, Store,
    db::{Row, Tx, sql, sql_of_each},
    exported_objects::settle_objects,
    jobs::LONGEST_WAIT_MS,
    task_batch::json,
};

macro_rules! claim {
    ($lock:literal) => {
        concat!(
            "UPDATE outbox SET worker_id = $1, lease_until_ms = $3, attempts = attempts + 1
             WHERE id IN (SELECT id FROM outbox WHERE next_at_ms IS NOT NULL AND next_at_ms <= $4
             AND (lease_until_ms IS NULL OR lease_until_ms <= $4 OR lease_until_ms > $5) ORDER BY next_at_ms, id LIMIT $2 ",
            $lock,
            ") RETURNING *"
        )
    };
}

macro_rules! counts {
    ($of:literal, $owner:literal) => {
        concat!(
            "SELECT (SELECT COUNT(*) FROM outbox WHERE ",
            $of,
            " AND next_at_ms IS NOT NULL) AS pending,
             (SELECT COUNT(*) FROM outbox WHERE ",
            $of,
            " AND next_at_ms IS NULL) AS failed,
             (SELECT error FROM outbox WHERE ",
            $of,
            " AND error IS NOT NULL ORDER BY id DESC LIMIT 1)
             AS last_error, delivered_count AS done FROM ",
            $owner
        )
    };
}

// The object of annotation `a` in storage `s`: its own, or its task's.
macro_rules! object {
    () => {
        "s.org_id, s.project_id, s.id, a.task_id,
         CASE WHEN s.export_layout = 'per_task' THEN NULL ELSE a.id END"
    };
}

// A newer change of an object that waits, or is being written.
macro_rules! superseding {
    () => {
        "ON CONFLICT (storage_id, COALESCE(annotation_id, task_id)) DO UPDATE
         SET version = outbox.version + 1, task_id = excluded.task_id,
         annotation_id = excluded.annotation_id, op = excluded.op, attempts = 0,
         next_at_ms = excluded.next_at_ms, error = NULL"
    };
}

/// What to do with the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutboxOp {
    /// Write it as it is now.
    Upsert,
    /// Delete it.
    Delete,
}

/// An object under lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxItem {
    pub id: i64,
    /// Raised by every newer change: finishing an older one leaves the object pending.
    pub version: i64,
    pub org_id: OrgId,
    pub project_id: ProjectId,
    pub storage_id: StorageId,
    pub task_id: TaskId,
    /// `None` when the object holds the whole task.
    pub annotation_id: Option<AnnotationId>,
    pub op: OutboxOp,
    /// The full export that it belongs to, when there is one.
    pub run_id: Option<SyncRunId>,
    /// This one included: 1 at the first.
    pub attempts: i64,
    pub(crate) worker_id: String,
}

/// Where the objects of a storage, or of a run, stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutboxCounts {
    /// Waiting, or being written.
    pub pending: i64,
    /// Given up.
    pub failed: i64,
    /// Written or deleted.
    pub done: i64,
    /// The newest cause among those that wait or are given up.
    pub last_error: Option<String>,
}

impl Store {
    /// Leases objects that are due, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn claim_outbox(
        &self,
        worker_id: &str,
        limit: i64,
        lease_ms: i64,
        now_ms: i64,
    ) -> Result<Vec<OutboxItem>> {
        // One row is one object: while it is leased, nobody else writes the object.
        let rows = self
            .db
            .write(
                sql_of_each(claim!(""), claim!("FOR UPDATE SKIP LOCKED"))
                    .bind(worker_id)
                    .bind(limit)
                    .bind(now_ms + lease_ms)
                    .bind(now_ms)
                    // Of a clock that was ahead.
                    .bind(now_ms + LONGEST_WAIT_MS),
            )
            .await?;
        let mut items = rows.iter().map(item_of).collect::<Result<Vec<_>>>()?;
        items.sort_by_key(|item| item.id);
        Ok(items)
    }

    /// Worker: extends the leases of everything it holds.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn renew_outbox(&self, worker_id: &str, lease_ms: i64, now_ms: i64) -> Result<()> {
        let renew = sql("UPDATE outbox SET lease_until_ms = $2 WHERE worker_id = $1");
        let renew = renew.bind(worker_id).bind(now_ms + lease_ms);
        self.db.execute(renew).await.map(drop)
    }

    /// Worker: these are written, and these objects have the ETag or are gone. One that changed
    /// meanwhile becomes due again.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn finish_outbox(
        &self,
        items: &[OutboxItem],
        objects: &[(ObjectKey, Option<String>)],
        now_ms: i64,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        settle_objects(&mut tx, objects).await?;
        let mut delivered: BTreeMap<(StorageId, Option<SyncRunId>), i64> = BTreeMap::new();
        for item in items {
            let deleted = tx
                .execute(
                    sql("DELETE FROM outbox WHERE id = $1 AND version = $2")
                        .bind(item.id)
                        .bind(item.version),
                )
                .await?;
            let run = if deleted > 0 {
                item.run_id
            } else {
                // It changed meanwhile: due again. (Or it is gone with its storage.)
                let again =
                    "UPDATE outbox SET lease_until_ms = NULL, worker_id = NULL, next_at_ms = $3
                     WHERE id = $1 AND worker_id = $2";
                let again = sql(again).bind(item.id).bind(item.worker_id.as_str());
                tx.execute(again.bind(now_ms)).await?;
                None
            };
            *delivered.entry((item.storage_id, run)).or_default() += 1;
        }
        for ((storage, run), count) in delivered {
            let storages =
                "UPDATE storages SET delivered_count = delivered_count + $2 WHERE id = $1";
            tx.execute(sql(storages).bind(storage).bind(count)).await?;
            if let Some(run) = run {
                let runs =
                    "UPDATE sync_runs SET delivered_count = delivered_count + $2 WHERE id = $1";
                tx.execute(sql(runs).bind(run).bind(count)).await?;
            }
        }
        tx.commit().await
    }

    /// Worker: again at this time. `error` is redacted.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn retry_outbox(
        &self,
        item: &OutboxItem,
        error: &str,
        next_at_ms: i64,
    ) -> Result<()> {
        self.release(item, error, Some(next_at_ms)).await
    }

    /// Worker: given up until the object changes again or a full export asks for it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn fail_outbox(&self, item: &OutboxItem, error: &str) -> Result<()> {
        self.release(item, error, None).await
    }

    /// Gives a lease back with the cause; an object that changed meanwhile is due as it was.
    async fn release(&self, item: &OutboxItem, error: &str, next_at_ms: Option<i64>) -> Result<()> {
        self.db
            .execute(
                sql("UPDATE outbox SET lease_until_ms = NULL, worker_id = NULL,
                     next_at_ms = CASE WHEN version = $3 THEN $4 ELSE next_at_ms END,
                     error = CASE WHEN version = $3 THEN $5 ELSE error END
                     WHERE id = $1 AND worker_id = $2")
                .bind(item.id)
                .bind(item.worker_id.as_str())
                .bind(item.version)
                .bind(next_at_ms)
                .bind(error),
            )
            .await
            .map(drop)
    }

    /// Where the storage's objects stand.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn outbox_counts(&self, org: OrgId, storage: StorageId) -> Result<OutboxCounts> {
        let query = sql(counts!(
            "storage_id = $1 AND org_id = $2",
            "storages WHERE id = $1 AND org_id = $2"
        ));
        counts_of(self.db.read_one(query.bind(storage).bind(org)).await?)
    }

    /// Worker: where the objects of a full export stand.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn outbox_counts_of_run(&self, run: SyncRunId) -> Result<OutboxCounts> {
        let query = sql(counts!("run_id = $1", "sync_runs WHERE id = $1"));
        counts_of(self.db.read_one(query.bind(run)).await?)
    }

    /// Enqueues every annotation (or annotated task) of the storage's project for the run; how many
    /// objects. Also revives those given up before.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn enqueue_full_export(
        &self,
        org: OrgId,
        storage: StorageId,
        run: SyncRunId,
        now_ms: i64,
    ) -> Result<i64> {
        let mut tx = self.db.begin().await?;
        // Version 0 marks what only this export asks for: cancelling it removes those again.
        let total = tx
            .execute(
                sql(concat!(
                    "INSERT INTO outbox (version, org_id, project_id, storage_id, task_id,
                     annotation_id, op, run_id, next_at_ms) SELECT DISTINCT 0, ",
                    object!(),
                    ", 'upsert', $3, $4
                     FROM storages s JOIN annotations a ON a.project_id = s.project_id
                     WHERE s.org_id = $1 AND s.id = $2 AND s.direction = 'target' ",
                    superseding!(),
                    ", run_id = excluded.run_id"
                ))
                .bind(org)
                .bind(storage)
                .bind(run)
                .bind(now_ms),
            )
            .await? as i64;
        let update = sql("UPDATE sync_runs SET total = $2 WHERE id = $1 AND org_id = $3");
        tx.execute(update.bind(run).bind(total).bind(org)).await?;
        tx.commit().await?;
        self.job_notify().notify_waiters();
        Ok(total)
    }
}

/// What is about to be deleted.
#[derive(Clone, Copy)]
pub(crate) enum Deleted<'a> {
    Annotation(OrgId, AnnotationId),
    Task(OrgId, TaskId),
    /// A JSON array of ids; also when only their annotations are deleted, all of them.
    Tasks(OrgId, &'a str),
    TasksOfProject(OrgId, ProjectId),
}

/// Enqueues the objects of these annotations for every target storage of their project. One that
/// waits already is superseded; one under lease becomes due again when its worker is done.
pub(crate) async fn enqueue_upserts(tx: &mut Tx, annotations: &[i64], now_ms: i64) -> Result<()> {
    tx.execute(
        sql(concat!(
            "INSERT INTO outbox (org_id, project_id, storage_id, task_id, annotation_id, op, next_at_ms)
             SELECT DISTINCT ",
            object!(),
            ", 'upsert', $2
             FROM annotations a JOIN storages s ON s.project_id = a.project_id AND s.direction = 'target'
             WHERE a.id IN (SELECT CAST(j.value AS BIGINT) FROM json_each($1) AS j) ",
            superseding!()
        ))
        .bind(json(annotations.iter())?)
        .bind(now_ms),
    )
    .await?;
    Ok(())
}

macro_rules! enqueue_deletes {
    ($which:literal, $remaining:literal) => {
        concat!(
            "INSERT INTO outbox (org_id, project_id, storage_id, task_id, annotation_id, op, next_at_ms)
             SELECT DISTINCT ",
            object!(),
            ", CASE WHEN s.export_layout = 'per_task' AND ",
            $remaining,
            " THEN 'upsert' ELSE 'delete' END, $3
             FROM annotations a JOIN storages s ON s.project_id = a.project_id AND s.direction = 'target'
             WHERE a.org_id = $1 AND ",
            $which,
            " AND (s.can_delete_objects = 1 OR (s.export_layout = 'per_task' AND ",
            $remaining,
            ")) ",
            superseding!()
        )
    };
}

/// Enqueues what a deletion means for target storages; call it before deleting. A storage that may
/// not delete keeps its blobs, except that a task's blob is written again without the annotation.
pub(crate) async fn enqueue_deletes(tx: &mut Tx, deleted: Deleted<'_>, now_ms: i64) -> Result<()> {
    let statement = match deleted {
        Deleted::Annotation(org, id) => sql(enqueue_deletes!(
            "a.id = $2",
            "EXISTS (SELECT 1 FROM annotations o WHERE o.task_id = a.task_id AND o.id <> a.id)"
        ))
        .bind(org)
        .bind(id),
        Deleted::Task(org, id) => sql(enqueue_deletes!("a.task_id = $2", "1 = 0"))
            .bind(org)
            .bind(id),
        Deleted::Tasks(org, ids) => sql(enqueue_deletes!(
            "a.task_id IN (SELECT CAST(j.value AS BIGINT) FROM json_each($2) AS j)",
            "1 = 0"
        ))
        .bind(org)
        .bind(ids),
        Deleted::TasksOfProject(org, id) => sql(enqueue_deletes!("a.project_id = $2", "1 = 0"))
            .bind(org)
            .bind(id),
    };
    tx.execute(statement.bind(now_ms)).await?;
    Ok(())
}

fn item_of(row: &Row) -> Result<OutboxItem> {
    Ok(OutboxItem {
        id: row.get("id")?,
        version: row.get("version")?,
        org_id: OrgId(row.get("org_id")?),
        project_id: ProjectId(row.get("project_id")?),
        storage_id: StorageId(row.get("storage_id")?),
        task_id: TaskId(row.get("task_id")?),
        annotation_id: row.get::<Option<i64>>("annotation_id")?.map(AnnotationId),
        op: row.word("op", |text| match text {
            "upsert" => Some(OutboxOp::Upsert),
            "delete" => Some(OutboxOp::Delete),
            _ => None,
        })?,
        run_id: row.get::<Option<i64>>("run_id")?.map(SyncRunId),
        attempts: row.get("attempts")?,
        worker_id: row.get("worker_id")?,
    })
}

fn counts_of(row: Option<Row>) -> Result<OutboxCounts> {
    let Some(row) = row else {
        return Ok(OutboxCounts::default());
    };
    Ok(OutboxCounts {
        pending: row.get("pending")?,
        failed: row.get("failed")?,
        done: row.get("done")?,
        last_error: row.get("last_error")?,
    })
}
