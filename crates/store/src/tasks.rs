//! Tasks.

use model::{OrgId, ProjectId, SourceBlobId, StorageId, Task, TaskId, UserId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    NewAnnotation, NewPrediction, Result, Store,
    db::{Row, sql},
    outbox::{Deleted, enqueue_deletes},
    projects::{Counted, count, recount},
    staged_files::drop_of_project,
    task_batch::{TaskBatch, insert_tasks},
};

macro_rules! tasks {
    ($rest:literal) => {
        concat!(
            "SELECT t.*, b.storage_id AS source_storage_id, b.name AS source_blob_name
             FROM tasks t LEFT JOIN source_blobs b ON b.id = t.source_blob_id ",
            $rest
        )
    };
}
pub(crate) use tasks;

/// Tasks that one statement inserts.
const TASKS_OF_A_STATEMENT: usize = 2_000;

/// A task to create, with what was labeled already.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewTask {
    /// JSON object.
    pub data: Box<RawValue>,
    /// JSON object; `None` is `{}`.
    pub meta: Option<Box<RawValue>>,
    pub annotations: Vec<NewAnnotation>,
    pub predictions: Vec<NewPrediction>,
}

/// Which tasks to list.
#[derive(Clone, Copy, Debug, Default)]
pub struct TaskQuery {
    /// `None` lists all projects of the organization.
    pub project: Option<ProjectId>,
    /// Keyset paging: only tasks with a greater id. Stays fast at any depth.
    pub after_id: Option<TaskId>,
    pub offset: i64,
    pub limit: i64,
}

/// What to change of a task; `None` leaves it.
#[derive(Clone, Debug, Default)]
pub struct TaskPatch {
    pub data: Option<Box<RawValue>>,
    pub meta: Option<Box<RawValue>>,
}

/// What resolving a blob URI needs to know of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolveRow {
    pub project_id: ProjectId,
    /// JSON object.
    pub data: String,
    /// Grows with every change of the project's storages.
    pub storages_version: i64,
    /// Grows with every change of the organization's Azure links.
    pub links_version: i64,
}

impl Store {
    /// Creates tasks with their annotations and predictions, all or none; the ids are in the order
    /// given. `None` when the project is not the organization's.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn create_tasks(
        &self,
        org: OrgId,
        project: ProjectId,
        tasks: &[NewTask],
        now_ms: i64,
        by: UserId,
    ) -> Result<Option<Vec<TaskId>>> {
        let mut tx = self.db.begin().await?;
        let batch = TaskBatch {
            org_id: org,
            project_id: project,
            by: Some(by),
            now_ms,
        };
        let mut ids = Vec::with_capacity(tasks.len());
        // A statement's JSON is a copy of its tasks: of some of them at a time.
        for part in tasks.chunks(TASKS_OF_A_STATEMENT) {
            let rows: Vec<_> = part.iter().map(|task| (task, None)).collect();
            let Some(inserted) = insert_tasks(&mut tx, &batch, &rows).await? else {
                return Ok(None);
            };
            ids.extend(inserted.into_iter().flatten());
        }
        tx.commit().await?;
        self.job_notify().notify_waiters();
        Ok(Some(ids))
    }

    /// A task of the organization.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_task(&self, org: OrgId, id: TaskId) -> Result<Option<Task>> {
        let query = sql(tasks!("WHERE t.org_id = $1 AND t.id = $2 AND NOT EXISTS
             (SELECT 1 FROM deletions d WHERE d.project_id = t.project_id AND d.storage_id IS NULL)"))
            .bind(org)
            .bind(id);
        let row = self.db.read_one(query).await?;
        row.as_ref().map(task_of).transpose()
    }

    /// Tasks by id, and how many there are in all (before paging).
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_tasks(&self, org: OrgId, query: &TaskQuery) -> Result<(Vec<Task>, i64)> {
        let after = query.after_id.map_or(0, |id| id.0);
        // The page's ids come from an index alone, so a deep offset does not read the tasks it skips.
        let (page, total) = match query.project {
            Some(project) => (
                sql(tasks!("WHERE t.id IN (SELECT id FROM tasks WHERE project_id = $2 AND org_id = $1
                     AND id > $3 ORDER BY id LIMIT $4 OFFSET $5) ORDER BY t.id"))
                .bind(org)
                .bind(project),
                sql("SELECT task_count AS total FROM projects WHERE org_id = $1 AND id = $2")
                    .bind(org)
                    .bind(project),
            ),
            None => (
                sql(tasks!("WHERE t.id IN (SELECT id FROM tasks WHERE org_id = $1 AND org_id = $2
                     AND id > $3 ORDER BY id LIMIT $4 OFFSET $5) ORDER BY t.id"))
                .bind(org)
                .bind(org),
                sql("SELECT CAST(SUM(task_count) AS BIGINT) AS total FROM projects WHERE org_id = $1")
                    .bind(org),
            ),
        };
        let page = page.bind(after).bind(query.limit).bind(query.offset);
        let rows = self.db.read(page).await?;
        let total = self.db.read_one(total).await?;
        let total = total.map_or(Ok(None), |row| row.get::<Option<i64>>("total"))?;
        Ok((
            rows.iter().map(task_of).collect::<Result<_>>()?,
            total.unwrap_or(0),
        ))
    }

    /// What `resolve` needs, in one query: its hot path.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_task_for_resolve(
        &self,
        org: OrgId,
        id: TaskId,
    ) -> Result<Option<ResolveRow>> {
        let row = self
            .db
            .read_one(
                sql(
                    "SELECT t.project_id, t.data, p.storages_version, o.links_version FROM tasks t
                     JOIN projects p ON p.id = t.project_id JOIN orgs o ON o.id = t.org_id
                     WHERE t.id = $2 AND t.org_id = $1 AND NOT EXISTS (SELECT 1 FROM deletions d
                     WHERE d.project_id = t.project_id AND d.storage_id IS NULL)",
                )
                .bind(org)
                .bind(id),
            )
            .await?;
        row.map(|row| {
            Ok(ResolveRow {
                project_id: ProjectId(row.get("project_id")?),
                data: row.get("data")?,
                storages_version: row.get("storages_version")?,
                links_version: row.get("links_version")?,
            })
        })
        .transpose()
    }

    /// Changes a task; `None` when there is none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn update_task(
        &self,
        org: OrgId,
        id: TaskId,
        patch: &TaskPatch,
        by: UserId,
        now_ms: i64,
    ) -> Result<Option<Task>> {
        self.db
            .execute(
                sql(
                    "UPDATE tasks SET data = COALESCE($3, data), meta = COALESCE($4, meta),
                     updated_by = $5, updated_at_ms = $6 WHERE org_id = $1 AND id = $2",
                )
                .bind(org)
                .bind(id)
                .bind(patch.data.as_deref().map(RawValue::get))
                .bind(patch.meta.as_deref().map(RawValue::get))
                .bind(by)
                .bind(now_ms),
            )
            .await?;
        self.find_task(org, id).await
    }

    /// Deletes a task with its annotations and predictions, and enqueues the deletion of its
    /// exported blobs where a target storage deletes. A blob without any task left is forgotten, so
    /// that the next sync imports it again, as Label Studio does.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_task(&self, org: OrgId, id: TaskId, now_ms: i64) -> Result<bool> {
        let mut tx = self.db.begin().await?;
        enqueue_deletes(&mut tx, Deleted::Task(org, id), now_ms).await?;
        let deleted = tx
            .row(
                sql("DELETE FROM tasks WHERE org_id = $1 AND id = $2 RETURNING project_id, is_labeled,
                     annotation_count, cancelled_annotation_count, prediction_count, source_blob_id")
                .bind(org)
                .bind(id),
            )
            .await?;
        let Some(row) = deleted else { return Ok(false) };
        let counted = Counted {
            tasks: -1,
            labeled_tasks: -row.get::<i64>("is_labeled")?,
            annotations: -row.get::<i64>("annotation_count")?,
            cancelled_annotations: -row.get::<i64>("cancelled_annotation_count")?,
            predictions: -row.get::<i64>("prediction_count")?,
        };
        count(&mut tx, ProjectId(row.get("project_id")?), counted).await?;
        if let Some(blob) = row.get::<Option<i64>>("source_blob_id")? {
            let forget = "DELETE FROM source_blobs WHERE id = $1
                 AND NOT EXISTS (SELECT 1 FROM tasks WHERE source_blob_id = $1)";
            tx.execute(sql(forget).bind(blob)).await?;
        }
        tx.commit().await?;
        self.job_notify().notify_waiters();
        Ok(true)
    }

    /// Deletes all tasks of a project as [`Store::delete_task`] does; how many, or `None` when the
    /// project is not the organization's.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_tasks_of_project(
        &self,
        org: OrgId,
        project: ProjectId,
        now_ms: i64,
    ) -> Result<Option<i64>> {
        let mut tx = self.db.begin().await?;
        let owned = sql("SELECT id FROM projects WHERE org_id = $1 AND id = $2")
            .bind(org)
            .bind(project);
        if tx.row(owned).await?.is_none() {
            return Ok(None);
        }
        enqueue_deletes(&mut tx, Deleted::TasksOfProject(org, project), now_ms).await?;
        drop_of_project(&mut tx, project).await?;
        let blobs = sql("DELETE FROM source_blobs WHERE project_id = $1").bind(project);
        tx.execute(blobs).await?;
        let tasks = sql("DELETE FROM tasks WHERE project_id = $1").bind(project);
        let deleted = tx.execute(tasks).await?;
        recount(&mut tx, project).await?;
        tx.commit().await?;
        self.job_notify().notify_waiters();
        Ok(Some(deleted as i64))
    }
}

pub(crate) fn task_of(row: &Row) -> Result<Task> {
    Ok(Task {
        id: TaskId(row.get("id")?),
        org_id: OrgId(row.get("org_id")?),
        project_id: ProjectId(row.get("project_id")?),
        inner_id: row.get("inner_id")?,
        data: row.json("data")?,
        meta: row.json("meta")?,
        overlap: row.get("overlap")?,
        is_labeled: row.flag("is_labeled")?,
        annotation_count: row.get("annotation_count")?,
        cancelled_annotation_count: row.get("cancelled_annotation_count")?,
        prediction_count: row.get("prediction_count")?,
        source_storage_id: row.get::<Option<i64>>("source_storage_id")?.map(StorageId),
        source_blob_id: row.get::<Option<i64>>("source_blob_id")?.map(SourceBlobId),
        source_blob_name: row.get("source_blob_name")?,
        updated_by: row.get::<Option<i64>>("updated_by")?.map(UserId),
        created_at_ms: row.get("created_at_ms")?,
        updated_at_ms: row.get("updated_at_ms")?,
    })
}
