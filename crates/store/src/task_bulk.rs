//! Many tasks at once: deleted, or their annotations deleted, one transaction a batch.

use model::{OrgId, ProjectId, TaskId, UserId};

use crate::{
    Result, Store,
    db::{Tx, sql, sql_of_each},
    outbox::{Deleted, enqueue_deletes},
    projects::{Counted, count},
    task_batch::json,
};

macro_rules! locked {
    ($lock:literal) => {
        concat!(
            "SELECT id, is_labeled, annotation_count, cancelled_annotation_count, prediction_count
             FROM tasks WHERE org_id = $1 AND project_id = $2
             AND id IN (SELECT CAST(j.value AS BIGINT) FROM json_each($3) AS j) ORDER BY id ",
            $lock
        )
    };
}

/// What a batch deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BulkDeleted {
    /// Tasks that were deleted, or that lost annotations.
    pub tasks: i64,
    /// Annotations, the cancelled ones too.
    pub annotations: i64,
}

/// Tasks under lock, with what they count for.
struct Locked {
    /// JSON array of ids.
    ids: String,
    counted: Counted,
    with_annotations: i64,
}

impl Store {
    /// Deletes these tasks of the project as [`Store::delete_task`] does, all or none. Ids of other
    /// projects and of tasks that are gone are left out.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_tasks(
        &self,
        org: OrgId,
        project: ProjectId,
        tasks: &[TaskId],
        now_ms: i64,
    ) -> Result<BulkDeleted> {
        let mut tx = self.db.begin().await?;
        let locked = lock(&mut tx, org, project, tasks).await?;
        enqueue_deletes(&mut tx, Deleted::Tasks(org, &locked.ids), now_ms).await?;
        let delete = "DELETE FROM tasks
             WHERE org_id = $1 AND id IN (SELECT CAST(j.value AS BIGINT) FROM json_each($2) AS j)
             RETURNING source_blob_id";
        let rows = tx.rows(sql(delete).bind(org).bind(locked.ids)).await?;
        let counted = Counted {
            tasks: -locked.counted.tasks,
            labeled_tasks: -locked.counted.labeled_tasks,
            annotations: -locked.counted.annotations,
            cancelled_annotations: -locked.counted.cancelled_annotations,
            predictions: -locked.counted.predictions,
        };
        count(&mut tx, project, counted).await?;
        let blobs = rows.iter().map(|row| row.get("source_blob_id"));
        let blobs = blobs.collect::<Result<Vec<Option<i64>>>>()?;
        let forget = "DELETE FROM source_blobs
             WHERE id IN (SELECT CAST(j.value AS BIGINT) FROM json_each($1) AS j)
             AND NOT EXISTS (SELECT 1 FROM tasks t WHERE t.source_blob_id = source_blobs.id)";
        tx.execute(sql(forget).bind(json(blobs.iter().flatten())?))
            .await?;
        tx.commit().await?;
        self.job_notify().notify_waiters();
        Ok(BulkDeleted {
            tasks: locked.counted.tasks,
            annotations: locked.counted.annotations + locked.counted.cancelled_annotations,
        })
    }

    /// Deletes every annotation of these tasks of the project, all or none, as
    /// [`Store::delete_annotation`] does.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_annotations_of_tasks(
        &self,
        org: OrgId,
        project: ProjectId,
        tasks: &[TaskId],
        by: UserId,
        now_ms: i64,
    ) -> Result<BulkDeleted> {
        let mut tx = self.db.begin().await?;
        let locked = lock(&mut tx, org, project, tasks).await?;
        enqueue_deletes(&mut tx, Deleted::Tasks(org, &locked.ids), now_ms).await?;
        let delete = "DELETE FROM annotations
             WHERE org_id = $1 AND task_id IN (SELECT CAST(j.value AS BIGINT) FROM json_each($2) AS j)";
        let annotations = tx
            .execute(sql(delete).bind(org).bind(locked.ids.as_str()))
            .await?;
        tx.execute(
            sql(
                "UPDATE tasks SET annotation_count = 0, cancelled_annotation_count = 0,
                 is_labeled = 0,
                 updated_by = $3, updated_at_ms = $4
                 WHERE org_id = $1 AND annotation_count + cancelled_annotation_count > 0
                 AND id IN (SELECT CAST(j.value AS BIGINT) FROM json_each($2) AS j)",
            )
            .bind(org)
            .bind(locked.ids)
            .bind(by)
            .bind(now_ms),
        )
        .await?;
        let counted = Counted {
            labeled_tasks: -locked.counted.labeled_tasks,
            annotations: -locked.counted.annotations,
            cancelled_annotations: -locked.counted.cancelled_annotations,
            ..Counted::default()
        };
        count(&mut tx, project, counted).await?;
        tx.commit().await?;
        self.job_notify().notify_waiters();
        Ok(BulkDeleted {
            tasks: locked.with_annotations,
            annotations: annotations as i64,
        })
    }

    /// How many annotations these tasks of the project have, the cancelled ones too.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count_annotations_of_tasks(
        &self,
        org: OrgId,
        project: ProjectId,
        tasks: &[TaskId],
    ) -> Result<i64> {
        let query = sql(
            "SELECT CAST(COALESCE(SUM(annotation_count + cancelled_annotation_count), 0) AS BIGINT) AS total
             FROM tasks WHERE org_id = $1 AND project_id = $2
             AND id IN (SELECT CAST(j.value AS BIGINT) FROM json_each($3) AS j)",
        );
        let query = query.bind(org).bind(project).bind(json(tasks.iter())?);
        let row = self.db.read_one(query).await?;
        row.map_or(Ok(0), |row| row.get("total"))
    }

    /// Ids of the project's tasks beyond `after`, ascending: the batches of a whole project.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_task_ids(
        &self,
        org: OrgId,
        project: ProjectId,
        after: TaskId,
        limit: i64,
    ) -> Result<Vec<TaskId>> {
        let query = sql(
            "SELECT id FROM tasks WHERE org_id = $1 AND project_id = $2 AND id > $3
             ORDER BY id LIMIT $4",
        );
        let query = query.bind(org).bind(project).bind(after).bind(limit);
        let rows = self.db.read(query).await?;
        rows.iter().map(|row| Ok(TaskId(row.get("id")?))).collect()
    }
}

/// Locks those of the tasks that are the project's, in the order in which everybody locks: an
/// annotation that is being made is counted here, or waits and finds its task gone.
async fn lock(tx: &mut Tx, org: OrgId, project: ProjectId, tasks: &[TaskId]) -> Result<Locked> {
    let rows = tx
        .rows(
            sql_of_each(locked!(""), locked!("FOR UPDATE"))
                .bind(org)
                .bind(project)
                .bind(json(tasks.iter())?),
        )
        .await?;
    let mut ids: Vec<i64> = Vec::with_capacity(rows.len());
    let mut counted = Counted::default();
    let mut with_annotations = 0;
    for row in &rows {
        ids.push(row.get("id")?);
        let (valid, cancelled): (i64, i64) = (
            row.get("annotation_count")?,
            row.get("cancelled_annotation_count")?,
        );
        counted.tasks += 1;
        counted.labeled_tasks += row.get::<i64>("is_labeled")?;
        counted.annotations += valid;
        counted.cancelled_annotations += cancelled;
        counted.predictions += row.get::<i64>("prediction_count")?;
        with_annotations += i64::from(valid + cancelled > 0);
    }
    Ok(Locked {
        ids: json(ids.iter())?,
        counted,
        with_annotations,
    })
}
