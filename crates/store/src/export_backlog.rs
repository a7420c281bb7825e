//! What target storages still have to get, for people who look at them. Cheap however much it is:
//! waiting objects are counted up to a bound, troubled ones have an index of their own.

use model::{AnnotationId, OrgId, StorageId, TaskId};

use crate::{Result, Store, db::sql};

/// Waiting objects are counted up to here.
pub const MOST_COUNTED: i64 = 10_000;

/// What a target storage still has to get.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExportBacklog {
    /// Objects that wait or are being written; over [`MOST_COUNTED`] means "more than that".
    pub waiting: i64,
    /// Given up until they change or everything is written again.
    pub failed: i64,
    /// Written or deleted until now, each time counted.
    pub delivered: i64,
}

/// An object that could not be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TroubledExport {
    pub task_id: TaskId,
    /// `None` when the object holds the whole task.
    pub annotation_id: Option<AnnotationId>,
    /// For people; redacted.
    pub error: String,
    pub attempts: i64,
    /// When it is tried again; `None` when it is given up.
    pub next_at_ms: Option<i64>,
}

impl Store {
    /// How much waits and how much is given up.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn export_backlog(&self, org: OrgId, storage: StorageId) -> Result<ExportBacklog> {
        let query = sql("SELECT (SELECT COUNT(*) FROM (SELECT 1 FROM outbox
             WHERE storage_id = $1 AND org_id = $2 AND next_at_ms IS NOT NULL LIMIT $3) AS w) AS waiting,
             (SELECT COUNT(*) FROM outbox WHERE storage_id = $1 AND org_id = $2 AND error IS NOT NULL
             AND next_at_ms IS NULL) AS failed, delivered_count AS delivered
             FROM storages WHERE id = $1 AND org_id = $2")
        .bind(storage)
        .bind(org)
        .bind(MOST_COUNTED + 1);
        let Some(row) = self.db.read_one(query).await? else {
            return Ok(ExportBacklog::default());
        };
        Ok(ExportBacklog {
            waiting: row.get("waiting")?,
            failed: row.get("failed")?,
            delivered: row.get("delivered")?,
        })
    }

    /// The newest objects with trouble: given up, or tried again later.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn troubled_exports(
        &self,
        org: OrgId,
        storage: StorageId,
        limit: i64,
    ) -> Result<Vec<TroubledExport>> {
        let query = sql(
            "SELECT task_id, annotation_id, error, attempts, next_at_ms FROM outbox
             WHERE storage_id = $1 AND org_id = $2 AND error IS NOT NULL ORDER BY id DESC LIMIT $3",
        )
        .bind(storage)
        .bind(org)
        .bind(limit);
        let rows = self.db.read(query).await?;
        rows.iter()
            .map(|row| {
                Ok(TroubledExport {
                    task_id: TaskId(row.get("task_id")?),
                    annotation_id: row.get::<Option<i64>>("annotation_id")?.map(AnnotationId),
                    error: row.get("error")?,
                    attempts: row.get("attempts")?,
                    next_at_ms: row.get("next_at_ms")?,
                })
            })
            .collect()
    }
}
