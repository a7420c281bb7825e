//! The label stream: which task a person labels next, and what they labeled last.

use model::{AnnotationId, OrgId, ProjectId, TaskId, UserId};

use crate::{
    Result, Store,
    db::{Sql, Tx, sql, sql_of_each},
};

/// What the next task is asked for.
#[derive(Clone, Copy, Debug)]
pub struct NextTaskQuery {
    pub project: ProjectId,
    /// The task that the person leaves. `None` begins with their unfinished work.
    pub after: Option<TaskId>,
    /// Somebody who has not been seen since is gone from a task, in Unix milliseconds.
    pub present_since_ms: i64,
    /// The person's own rows from before are deleted, in Unix milliseconds.
    pub forget_before_ms: i64,
    pub now_ms: i64,
}

/// What there is to label next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextTask {
    /// The person is present on it from now on.
    Task(TaskId),
    NothingLeft,
    NoProject,
}

/// One of a person's annotations, as a line of their history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryEntry {
    pub task_id: TaskId,
    pub annotation_id: AnnotationId,
    /// The task's position in its project, from 1.
    pub inner_id: i64,
    /// The blob that the task came from.
    pub blob_name: Option<String>,
    pub was_cancelled: bool,
    pub created_at_ms: i64,
    pub updated_at_ms: i64,
}

/// Makes the person present on the first task that is theirs to label: not labeled, not annotated
/// or skipped by them, and nobody else there. `COUNT(*) = 0` instead of `NOT EXISTS`
/// keeps PostgreSQL from joining all annotations before it takes the first task of the index.
macro_rules! claim {
    ($from:literal, $which:literal) => {
        concat!(
            "INSERT INTO task_presence (task_id, org_id, user_id, seen_at_ms)
             SELECT t.id, $1, $2, $5 FROM ",
            $from,
            " WHERE t.project_id = $3 AND t.is_labeled = 0
             AND (SELECT COUNT(*) FROM annotations a WHERE a.task_id = t.id AND a.completed_by = $2) = 0
             AND (SELECT COUNT(*) FROM task_presence p WHERE p.task_id = t.id AND p.user_id <> $2
                  AND p.seen_at_ms > $4) = 0 AND ",
            $which,
            " LIMIT 1
             ON CONFLICT (task_id, user_id) DO UPDATE SET seen_at_ms = excluded.seen_at_ms
             RETURNING task_id"
        )
    };
}

impl Store {
    /// The person's next task, by id behind `after` and then from the beginning; two who ask at
    /// once get different ones. Their presence on the task that they leave ends.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn claim_next_task(
        &self,
        org: OrgId,
        user: UserId,
        query: &NextTaskQuery,
    ) -> Result<NextTask> {
        let mut tx = self.db.begin().await?;
        // SQLite has its only writer. PostgreSQL lets the claims of one project wait for each other,
        // and not for the annotations, which lock the project's row.
        let project = tx
            .row(
                sql_of_each(
                    "SELECT id FROM projects WHERE org_id = $1 AND id = $2",
                    "SELECT id, pg_advisory_xact_lock(id) FROM projects WHERE org_id = $1 AND id = $2",
                )
                .bind(org)
                .bind(query.project),
            )
            .await?;
        if project.is_none() {
            return Ok(NextTask::NoProject);
        }
        let leave = sql(
            "DELETE FROM task_presence WHERE org_id = $1 AND user_id = $2
             AND (task_id = $3 OR seen_at_ms < $4)",
        );
        let leave = leave.bind(org).bind(user).bind(query.after);
        tx.execute(leave.bind(query.forget_before_ms)).await?;
        let found = match query.after {
            Some(after) => next_in_order(&mut tx, org, user, query, after).await?,
            None => match unfinished(&mut tx, org, user, query).await? {
                Some(task) => Some(task),
                None => next_in_order(&mut tx, org, user, query, TaskId(0)).await?,
            },
        };
        tx.commit().await?;
        Ok(found.map_or(NextTask::NothingLeft, NextTask::Task))
    }

    /// A person's newest annotations in a project, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn label_history(
        &self,
        org: OrgId,
        user: UserId,
        project: ProjectId,
        limit: i64,
    ) -> Result<Vec<HistoryEntry>> {
        let rows = self
            .db
            .read(
                sql("SELECT a.id, a.task_id, a.was_cancelled, a.created_at_ms, a.updated_at_ms, t.inner_id,
                     b.name AS blob_name FROM annotations a JOIN tasks t ON t.id = a.task_id
                     LEFT JOIN source_blobs b ON b.id = t.source_blob_id
                     WHERE a.org_id = $1 AND a.completed_by = $2 AND a.project_id = $3
                     ORDER BY a.id DESC LIMIT $4")
                .bind(org)
                .bind(user)
                .bind(project)
                .bind(limit),
            )
            .await?;
        rows.iter()
            .map(|row| {
                Ok(HistoryEntry {
                    task_id: TaskId(row.get("task_id")?),
                    annotation_id: AnnotationId(row.get("id")?),
                    inner_id: row.get("inner_id")?,
                    blob_name: row.get("blob_name")?,
                    was_cancelled: row.flag("was_cancelled")?,
                    created_at_ms: row.get("created_at_ms")?,
                    updated_at_ms: row.get("updated_at_ms")?,
                })
            })
            .collect()
    }
}

/// The task of the person's newest draft.
async fn unfinished(
    tx: &mut Tx,
    org: OrgId,
    user: UserId,
    query: &NextTaskQuery,
) -> Result<Option<TaskId>> {
    let claim = sql(claim!(
        "drafts d JOIN tasks t ON t.id = d.task_id",
        "d.org_id = $1 AND d.user_id = $2 AND d.project_id = $3 AND d.annotation_id IS NULL
         ORDER BY d.updated_at_ms DESC, d.id DESC"
    ));
    claimed(tx, bound(claim, org, user, query)).await
}

async fn next_in_order(
    tx: &mut Tx,
    org: OrgId,
    user: UserId,
    query: &NextTaskQuery,
    after: TaskId,
) -> Result<Option<TaskId>> {
    let behind = sql(claim!("tasks t", "t.id > $6 ORDER BY t.id"));
    let before = sql(claim!("tasks t", "t.id <= $6 ORDER BY t.id"));
    for part in [behind, before] {
        let part = bound(part, org, user, query).bind(after);
        if let Some(task) = claimed(tx, part).await? {
            return Ok(Some(task));
        }
    }
    Ok(None)
}

fn bound(claim: Sql, org: OrgId, user: UserId, query: &NextTaskQuery) -> Sql {
    claim
        .bind(org)
        .bind(user)
        .bind(query.project)
        .bind(query.present_since_ms)
        .bind(query.now_ms)
}

async fn claimed(tx: &mut Tx, claim: Sql) -> Result<Option<TaskId>> {
    let row = tx.row(claim).await?;
    row.map(|row| Ok(TaskId(row.get("task_id")?))).transpose()
}
