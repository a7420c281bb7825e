//! Drafts: what a person has not submitted yet. Each is seen and changed by its person only.

use model::{AnnotationId, Draft, DraftId, OrgId, ProjectId, TaskId, UserId};
use serde_json::value::RawValue;

use crate::{
    Result, Store,
    annotation_commits::Creation,
    db::{Row, Tx, sql},
    task_batch::json,
};

macro_rules! drafts {
    ($rest:literal) => {
        concat!(
            "SELECT d.*, u.email AS user_email FROM drafts d JOIN users u ON u.id = d.user_id
             WHERE d.org_id = $1 AND d.user_id = $2 AND ",
            $rest
        )
    };
}

/// A draft to save.
#[derive(Clone, Debug)]
pub struct NewDraft {
    pub task: TaskId,
    /// The annotation that it changes; `None` for one that is still to be made.
    pub annotation: Option<AnnotationId>,
    /// JSON array of regions.
    pub result: Box<RawValue>,
    /// Seconds.
    pub lead_time: Option<f64>,
}

/// What to change of a draft; `None` leaves it.
#[derive(Clone, Debug, Default)]
pub struct DraftPatch {
    pub result: Option<Box<RawValue>>,
    /// Seconds.
    pub lead_time: Option<f64>,
}

impl Store {
    /// Saves a person's only draft of this task, or of this annotation, over the one before.
    /// `None` when there is no such task, or it has no such annotation.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn save_draft(
        &self,
        org: OrgId,
        user: UserId,
        draft: &NewDraft,
        now_ms: i64,
    ) -> Result<Option<Draft>> {
        let saved = self
            .db
            .write(
                sql("INSERT INTO drafts (org_id, user_id, project_id, task_id, annotation_id, result, lead_time,
                     created_at_ms, updated_at_ms)
                     SELECT $1, $2, t.project_id, t.id, $4, $5, $6, $7, $7 FROM tasks t
                     WHERE t.org_id = $1 AND t.id = $3 AND
                     ($4 IS NULL OR EXISTS (SELECT 1 FROM annotations a WHERE a.id = $4 AND a.task_id = t.id))
                     ON CONFLICT (task_id, user_id, (COALESCE(annotation_id, 0))) DO UPDATE SET
                     result = excluded.result, lead_time = COALESCE(excluded.lead_time, drafts.lead_time),
                     updated_at_ms = excluded.updated_at_ms RETURNING id")
                .bind(org)
                .bind(user)
                .bind(draft.task)
                .bind(draft.annotation)
                .bind(&*draft.result)
                .bind(draft.lead_time)
                .bind(now_ms),
            )
            .await?;
        match saved.first() {
            Some(row) => self.find_draft(org, user, DraftId(row.get("id")?)).await,
            None => Ok(None),
        }
    }

    /// A draft of this person.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_draft(&self, org: OrgId, user: UserId, id: DraftId) -> Result<Option<Draft>> {
        let query = sql(drafts!("d.id = $3")).bind(org).bind(user).bind(id);
        let row = self.db.read_one(query).await?;
        row.as_ref().map(draft_of).transpose()
    }

    /// This person's drafts of these tasks, by task and id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_drafts_of_tasks(
        &self,
        org: OrgId,
        user: UserId,
        tasks: &[TaskId],
    ) -> Result<Vec<Draft>> {
        let query = sql(drafts!(
            "d.task_id IN (SELECT CAST(j.value AS BIGINT) FROM json_each($3) AS j) ORDER BY d.task_id, d.id"
        ));
        let query = query.bind(org).bind(user).bind(json(tasks.iter())?);
        self.db.read(query).await?.iter().map(draft_of).collect()
    }

    /// Changes a draft of this person; `None` when there is none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn update_draft(
        &self,
        org: OrgId,
        user: UserId,
        id: DraftId,
        patch: &DraftPatch,
        now_ms: i64,
    ) -> Result<Option<Draft>> {
        self.db
            .execute(
                sql("UPDATE drafts SET result = COALESCE($4, result), lead_time = COALESCE($5, lead_time),
                     updated_at_ms = $6 WHERE org_id = $1 AND user_id = $2 AND id = $3")
                .bind(org)
                .bind(user)
                .bind(id)
                .bind(patch.result.as_deref().map(RawValue::get))
                .bind(patch.lead_time)
                .bind(now_ms),
            )
            .await?;
        self.find_draft(org, user, id).await
    }

    /// Deletes a draft of this person; `false` when there is none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_draft(&self, org: OrgId, user: UserId, id: DraftId) -> Result<bool> {
        let delete = sql("DELETE FROM drafts WHERE org_id = $1 AND user_id = $2 AND id = $3");
        let deleted = self
            .db
            .execute(delete.bind(org).bind(user).bind(id))
            .await?;
        Ok(deleted > 0)
    }
}

/// Deletes the draft that a new annotation comes from.
pub(crate) async fn delete_submitted(tx: &mut Tx, creation: &Creation) -> Result<()> {
    let (Some(draft), Some(user)) = (creation.submission.draft, creation.annotation.completed_by)
    else {
        return Ok(());
    };
    delete_draft_in(tx, creation.org, user, draft, creation.task).await
}

/// Deletes a person's draft of a task, if there is one.
pub(crate) async fn delete_draft_in(
    tx: &mut Tx,
    org: OrgId,
    user: UserId,
    draft: DraftId,
    task: TaskId,
) -> Result<()> {
    let delete =
        sql("DELETE FROM drafts WHERE org_id = $1 AND user_id = $2 AND id = $3 AND task_id = $4");
    let delete = delete.bind(org).bind(user).bind(draft).bind(task);
    tx.execute(delete).await.map(drop)
}

fn draft_of(row: &Row) -> Result<Draft> {
    Ok(Draft {
        id: DraftId(row.get("id")?),
        project_id: ProjectId(row.get("project_id")?),
        task_id: TaskId(row.get("task_id")?),
        annotation_id: row.get::<Option<i64>>("annotation_id")?.map(AnnotationId),
        user_id: UserId(row.get("user_id")?),
        user_email: row.get("user_email")?,
        result: row.json("result")?,
        lead_time: row.get("lead_time")?,
        created_at_ms: row.get("created_at_ms")?,
        updated_at_ms: row.get("updated_at_ms")?,
    })
}
