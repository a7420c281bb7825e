//! Annotations: each write also moves the counters and enqueues the export, in one transaction.

use model::{Annotation, AnnotationId, DraftId, OrgId, PredictionId, ProjectId, TaskId, UserId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    Result, Store,
    annotation_commits::{Creation, Submission},
    db::{Row, Sql, Tx, sql},
    drafts::delete_draft_in,
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
#[derive(Clone, Debug, Serialize, Deserialize)]
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
    /// Of one that comes with its task.
    #[serde(default)]
    pub origin: Origin,
}

/// What an annotation brings from where it was made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The name of an author who is no member here.
    pub author: Option<String>,
    /// Its id there.
    pub import_id: Option<i64>,
    pub unique_id: Option<String>,
    /// Unix milliseconds; `None` for now.
    pub created_at_ms: Option<i64>,
    /// The prediction that it began with, by its position among those that come with the task.
    pub prediction: Option<usize>,
}

/// What to change of an annotation; `None` leaves it.
#[derive(Clone, Debug, Default)]
pub struct AnnotationPatch {
    pub result: Option<Box<RawValue>>,
    pub was_cancelled: Option<bool>,
    pub ground_truth: Option<bool>,
    /// Seconds.
    pub lead_time: Option<f64>,
    pub expected: Expected,
    /// The draft that this change comes from; deleted with it, if it is the person's.
    pub draft: Option<DraftId>,
}

/// Which states of an annotation may be changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Expected {
    #[default]
    Any,
    /// Last changed at one of these times, in Unix milliseconds.
    UpdatedAt(Vec<i64>),
}

/// What became of a change that expected a state.
#[derive(Debug)]
pub enum Edited<T> {
    Done(T),
    NotFound,
    /// Nothing was written: somebody else was faster. The annotation as it is.
    ChangedMeanwhile(Box<Annotation>),
}

impl<T> Edited<T> {
    /// What was done; `None` when nothing was.
    pub fn done(self) -> Option<T> {
        match self {
            Self::Done(done) => Some(done),
            Self::NotFound | Self::ChangedMeanwhile(_) => None,
        }
    }
}

impl Expected {
    fn as_json(&self) -> Result<Option<String>> {
        match self {
            Self::Any => Ok(None),
            Self::UpdatedAt(times) => json(times.iter()).map(Some),
        }
    }
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
        let submission = Submission::default();
        self.submit_annotation(org, task, annotation, &submission, now_ms)
            .await
    }

    /// Creates an annotation that a person submits, on disk when this returns. One that the same
    /// unique id made before, by whomever, is answered as it is now, and nothing is created.
    /// `None` when there is no such task.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn submit_annotation(
        &self,
        org: OrgId,
        task: TaskId,
        annotation: &NewAnnotation,
        submission: &Submission,
        now_ms: i64,
    ) -> Result<Option<Annotation>> {
        let creation = Creation {
            org,
            task,
            annotation: annotation.clone(),
            submission: submission.clone(),
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
        let row = self.db.read_one(by_id(org, id)).await?;
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

    /// Changes an annotation. Its `updated_at_ms` grows with every change, also within one
    /// millisecond.
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
    ) -> Result<Edited<Annotation>> {
        let mut tx = self.db.begin().await?;
        // The task first: the order in which every transaction locks.
        let lock = sql(
            "UPDATE tasks SET updated_by = $3, updated_at_ms = $4
             WHERE org_id = $1 AND id = (SELECT task_id FROM annotations WHERE org_id = $1 AND id = $2)",
        );
        tx.execute(lock.bind(org).bind(id).bind(by).bind(now_ms))
            .await?;
        let Some(before) = find_in(&mut tx, org, id).await? else {
            return Ok(Edited::NotFound);
        };
        let updated = tx
            .row(
                sql("UPDATE annotations SET result = COALESCE($3, result),
                     was_cancelled = COALESCE($4, was_cancelled), ground_truth = COALESCE($5, ground_truth),
                     lead_time = COALESCE($6, lead_time), updated_by = $7,
                     updated_at_ms = CASE WHEN updated_at_ms < $8 THEN $8 ELSE updated_at_ms + 1 END
                     WHERE org_id = $1 AND id = $2 AND ($9 IS NULL OR updated_at_ms IN
                     (SELECT CAST(j.value AS BIGINT) FROM json_each($9) AS j)) RETURNING was_cancelled")
                .bind(org)
                .bind(id)
                .bind(patch.result.as_deref().map(RawValue::get))
                .bind(patch.was_cancelled)
                .bind(patch.ground_truth)
                .bind(patch.lead_time)
                .bind(by)
                .bind(now_ms)
                .bind(patch.expected.as_json()?),
            )
            .await?;
        let Some(updated) = updated else {
            return Ok(Edited::ChangedMeanwhile(Box::new(before)));
        };
        let moved = i64::from(before.was_cancelled) - updated.get::<i64>("was_cancelled")?;
        if moved != 0 {
            move_counters(&mut tx, before.task_id, moved, -moved).await?;
        }
        if let Some(draft) = patch.draft {
            delete_draft_in(&mut tx, org, by, draft, before.task_id).await?;
        }
        enqueue_upserts(&mut tx, &[id.0], now_ms).await?;
        let after = find_in(&mut tx, org, id).await?;
        tx.commit().await?;
        self.job_notify().notify_waiters();
        Ok(after.map_or(Edited::NotFound, Edited::Done))
    }

    /// Deletes an annotation, with the drafts of changes to it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_annotation(
        &self,
        org: OrgId,
        id: AnnotationId,
        expected: &Expected,
        now_ms: i64,
    ) -> Result<Edited<()>> {
        let mut tx = self.db.begin().await?;
        let lock = sql(
            "UPDATE tasks SET updated_at_ms = $3
             WHERE org_id = $1 AND id = (SELECT task_id FROM annotations WHERE org_id = $1 AND id = $2)",
        );
        tx.execute(lock.bind(org).bind(id).bind(now_ms)).await?;
        let Some(before) = find_in(&mut tx, org, id).await? else {
            return Ok(Edited::NotFound);
        };
        enqueue_deletes(&mut tx, Deleted::Annotation(org, id), now_ms).await?;
        let deleted = tx
            .execute(
                sql("DELETE FROM annotations WHERE org_id = $1 AND id = $2 AND ($3 IS NULL OR updated_at_ms IN
                     (SELECT CAST(j.value AS BIGINT) FROM json_each($3) AS j))")
                .bind(org)
                .bind(id)
                .bind(expected.as_json()?),
            )
            .await?;
        if deleted == 0 {
            return Ok(Edited::ChangedMeanwhile(Box::new(before)));
        }
        let (valid, cancelled) = weights(before.was_cancelled);
        move_counters(&mut tx, before.task_id, -valid, -cancelled).await?;
        tx.commit().await?;
        self.job_notify().notify_waiters();
        Ok(Edited::Done(()))
    }
}

/// An annotation, as the transaction sees it.
pub(crate) async fn find_in(
    tx: &mut Tx,
    org: OrgId,
    id: AnnotationId,
) -> Result<Option<Annotation>> {
    let row = tx.row(by_id(org, id)).await?;
    row.as_ref().map(annotation_of).transpose()
}

fn by_id(org: OrgId, id: AnnotationId) -> Sql {
    sql(annotations!(
        "WHERE a.org_id = $1 AND a.id = $2 AND NOT EXISTS (SELECT 1 FROM deletions d
         WHERE d.project_id = a.project_id AND d.storage_id IS NULL)"
    ))
    .bind(org)
    .bind(id)
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
    let completed_by = row.get::<Option<i64>>("completed_by")?.map(UserId);
    let updated_by = row.get::<Option<i64>>("updated_by")?.map(UserId);
    Ok(Annotation {
        id: AnnotationId(row.get("id")?),
        org_id: OrgId(row.get("org_id")?),
        project_id: ProjectId(row.get("project_id")?),
        task_id: TaskId(row.get("task_id")?),
        result: row.json("result")?,
        was_cancelled: row.flag("was_cancelled")?,
        ground_truth: row.flag("ground_truth")?,
        lead_time: row.get("lead_time")?,
        completed_by,
        completed_by_email: row.get("completed_by_email")?,
        author: row.get("author")?,
        import_id: row.get("import_id")?,
        updated_by: updated_by.or(completed_by),
        parent_prediction: row
            .get::<Option<i64>>("parent_prediction_id")?
            .map(PredictionId),
        parent_annotation: row
            .get::<Option<i64>>("parent_annotation_id")?
            .map(AnnotationId),
        unique_id: row.get("unique_id")?,
        created_at_ms: row.get("created_at_ms")?,
        updated_at_ms: row.get("updated_at_ms")?,
    })
}
