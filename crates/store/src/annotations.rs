//! Annotations: each write also moves the counters and enqueues the export, in one transaction.

use model::{Annotation, AnnotationId, OrgId, PredictionId, ProjectId, TaskId, UserId};
use serde_json::value::RawValue;

use crate::{
    Result, Store,
    annotation_commits::Creation,
    db::{Row, Tx, sql},
    outbox::{Deleted, enqueue_deletes, enqueue_upserts},
    projects::{Counted, count},
    task_batch::json,
};

// The e-mail only of members of the annotation's own organization.
macro_rules! annotations {
    ($rest:literal) => {
        concat!(
            "SELECT a.*, u.email AS completed_by_email FROM annotations a
             LEFT JOIN memberships m ON m.org_id = a.org_id AND m.user_id = a.completed_by
             LEFT JOIN users u ON u.id = m.user_id ",
            $rest
        )
    };
}

/// An annotation to create.
#[derive(Clone, Debug)]
pub struct NewAnnotation {
    /// JSON array of regions.
    pub result: Box<RawValue>,
    pub was_cancelled: bool,
    pub ground_truth: bool,
    /// Seconds.
    pub lead_time: Option<f64>,
    pub completed_by: Option<UserId>,
    pub parent_prediction: Option<PredictionId>,
    pub parent_annotation: Option<AnnotationId>,
}

/// What to change of an annotation; `None` leaves it.
#[derive(Clone, Debug, Default)]
pub struct AnnotationPatch {
    pub result: Option<Box<RawValue>>,
    pub was_cancelled: Option<bool>,
    pub ground_truth: Option<bool>,
    /// Seconds.
    pub lead_time: Option<f64>,
}

impl Store {
    /// Creates an annotation, on disk when this returns; `None` when there is no such task.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn create_annotation(
        &self,
        org: OrgId,
        task: TaskId,
        annotation: &NewAnnotation,
        now_ms: i64,
    ) -> Result<Option<Annotation>> {
        let creation = Creation {
            org,
            task,
            annotation: annotation.clone(),
            now_ms,
        };
        let created = self.annotation_commits.create(&self.db, creation).await?;
        if created.is_some() {
            self.job_notify().notify_waiters();
        }
        Ok(created)
    }

    /// An annotation of the organization.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_annotation(
        &self,
        org: OrgId,
        id: AnnotationId,
    ) -> Result<Option<Annotation>> {
        let query = sql(annotations!("WHERE a.org_id = $1 AND a.id = $2"))
            .bind(org)
            .bind(id);
        let row = self.db.read_one(query).await?;
        row.as_ref().map(annotation_of).transpose()
    }

    /// The annotations of these tasks, by task and id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_annotations_of_tasks(
        &self,
        org: OrgId,
        tasks: &[TaskId],
    ) -> Result<Vec<Annotation>> {
        let query = sql(annotations!(
            "WHERE a.org_id = $1 AND a.task_id IN (SELECT CAST(j.value AS BIGINT) FROM json_each($2) AS j)
             ORDER BY a.task_id, a.id"
        ));
        let rows = self
            .db
            .read(query.bind(org).bind(json(tasks.iter())?))
            .await?;
        rows.iter().map(annotation_of).collect()
    }

    /// The annotations of one task, by id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_annotations_of_task(
        &self,
        org: OrgId,
        task: TaskId,
    ) -> Result<Vec<Annotation>> {
        self.find_annotations_of_tasks(org, &[task]).await
    }

    /// Changes an annotation; `None` when there is none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn update_annotation(
        &self,
        org: OrgId,
        id: AnnotationId,
        patch: &AnnotationPatch,
        by: UserId,
        now_ms: i64,
    ) -> Result<Option<Annotation>> {
        let mut tx = self.db.begin().await?;
        // The task first: the order in which every transaction locks.
        let before = sql(
            "UPDATE tasks SET updated_by = $3, updated_at_ms = $4
             WHERE org_id = $1 AND id = (SELECT task_id FROM annotations WHERE org_id = $1 AND id = $2)
             RETURNING (SELECT was_cancelled FROM annotations WHERE id = $2) AS was_cancelled",
        );
        let before = tx
            .row(before.bind(org).bind(id).bind(by).bind(now_ms))
            .await?;
        // `None` when a concurrent deletion was faster.
        let Some(before) = before
            .map(|row| row.get::<Option<i64>>("was_cancelled"))
            .transpose()?
            .flatten()
        else {
            return Ok(None);
        };
        let updated = tx
            .row(
                sql("UPDATE annotations SET result = COALESCE($3, result),
                     was_cancelled = COALESCE($4, was_cancelled), ground_truth = COALESCE($5, ground_truth),
                     lead_time = COALESCE($6, lead_time), updated_by = $7, updated_at_ms = $8
                     WHERE org_id = $1 AND id = $2 RETURNING task_id, was_cancelled")
                .bind(org)
                .bind(id)
                .bind(patch.result.as_deref().map(RawValue::get))
                .bind(patch.was_cancelled)
                .bind(patch.ground_truth)
                .bind(patch.lead_time)
                .bind(by)
                .bind(now_ms),
            )
            .await?;
        let Some(updated) = updated else {
            return Ok(None);
        };
        let moved = i64::from(before != 0) - updated.get::<i64>("was_cancelled")?;
        if moved != 0 {
            move_counters(&mut tx, TaskId(updated.get("task_id")?), moved, -moved).await?;
        }
        enqueue_upserts(&mut tx, &[id.0], now_ms).await?;
        tx.commit().await?;
        self.job_notify().notify_waiters();
        self.find_annotation(org, id).await
    }

    /// Deletes an annotation; `false` when there is none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_annotation(
        &self,
        org: OrgId,
        id: AnnotationId,
        now_ms: i64,
    ) -> Result<bool> {
        let mut tx = self.db.begin().await?;
        let lock = sql(
            "UPDATE tasks SET updated_at_ms = $3
             WHERE org_id = $1 AND id = (SELECT task_id FROM annotations WHERE org_id = $1 AND id = $2)",
        );
        tx.execute(lock.bind(org).bind(id).bind(now_ms)).await?;
        enqueue_deletes(&mut tx, Deleted::Annotation(org, id), now_ms).await?;
        let deleted = tx
            .row(
                sql("DELETE FROM annotations WHERE org_id = $1 AND id = $2 RETURNING task_id, was_cancelled")
                    .bind(org)
                    .bind(id),
            )
            .await?;
        let Some(deleted) = deleted else {
            return Ok(false);
        };
        let (valid, cancelled) = weights(deleted.flag("was_cancelled")?);
        move_counters(&mut tx, TaskId(deleted.get("task_id")?), -valid, -cancelled).await?;
        tx.commit().await?;
        self.job_notify().notify_waiters();
        Ok(true)
    }
}

/// How an annotation counts: (valid, cancelled).
pub(crate) fn weights(was_cancelled: bool) -> (i64, i64) {
    if was_cancelled { (0, 1) } else { (1, 0) }
}

/// Did adding `valid` annotations to the task make it labeled (1) or unlabeled (-1)? A task is
/// labeled when it has as many valid annotations as its overlap asks for.
pub(crate) fn newly_labeled(task: &Row, valid: i64) -> Result<i64> {
    let (after, overlap): (i64, i64) = (task.get("annotation_count")?, task.get("overlap")?);
    Ok(i64::from(after >= overlap) - i64::from(after - valid >= overlap))
}

/// Adds to the counters of a task and its project.
async fn move_counters(tx: &mut Tx, task: TaskId, valid: i64, cancelled: i64) -> Result<()> {
    let row = tx
        .one(
            sql("UPDATE tasks SET annotation_count = annotation_count + $2,
                 cancelled_annotation_count = cancelled_annotation_count + $3,
                 is_labeled = CASE WHEN annotation_count + $2 >= overlap THEN 1 ELSE 0 END
                 WHERE id = $1 RETURNING project_id, annotation_count, overlap")
            .bind(task)
            .bind(valid)
            .bind(cancelled),
        )
        .await?;
    let counted = Counted {
        annotations: valid,
        cancelled_annotations: cancelled,
        labeled_tasks: newly_labeled(&row, valid)?,
        ..Counted::default()
    };
    count(tx, ProjectId(row.get("project_id")?), counted).await
}

fn annotation_of(row: &Row) -> Result<Annotation> {
    Ok(Annotation {
        id: AnnotationId(row.get("id")?),
        org_id: OrgId(row.get("org_id")?),
        project_id: ProjectId(row.get("project_id")?),
        task_id: TaskId(row.get("task_id")?),
        result: row.json("result")?,
        was_cancelled: row.flag("was_cancelled")?,
        ground_truth: row.flag("ground_truth")?,
        lead_time: row.get("lead_time")?,
        completed_by: row.get::<Option<i64>>("completed_by")?.map(UserId),
        completed_by_email: row.get("completed_by_email")?,
        updated_by: row.get::<Option<i64>>("updated_by")?.map(UserId),
        parent_prediction: row
            .get::<Option<i64>>("parent_prediction_id")?
            .map(PredictionId),
        parent_annotation: row
            .get::<Option<i64>>("parent_annotation_id")?
            .map(AnnotationId),
        created_at_ms: row.get("created_at_ms")?,
        updated_at_ms: row.get("updated_at_ms")?,
    })
}
