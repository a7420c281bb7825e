//! Lists of tasks by what people ask for, and what is done to many tasks at once.

use std::collections::BTreeSet;

use model::{Actor, Permission, ProjectId, Task, TaskId, UserId};
use serde_json::json;
use store::{BulkDeleted, TaskCursor, TaskFilter, TaskOrder};

use crate::{AuditAction, Engine, Error, Result, require};

/// Tasks of one transaction.
const BATCH: usize = 500;
/// Tasks that are counted by one statement.
const COUNTED: i64 = 5_000;

/// A page of a filtered list.
#[derive(Clone, Debug)]
pub struct TaskList {
    /// In the list's order.
    pub tasks: Vec<Task>,
    /// Where the next page begins; `None` on the last one.
    pub next: Option<TaskCursor>,
    /// Where the page before begins; `None` on the first one.
    pub back: Option<TaskCursor>,
    /// Tasks of the project that a search looked at for this page.
    pub looked_at: i64,
    /// The search stopped before the page was full: `next` goes on with it.
    pub is_unfinished: bool,
}

/// Tasks of one project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    Only(Vec<TaskId>),
    /// All of the project without these.
    AllBut(Vec<TaskId>),
    /// What the filter matches, up to the last task that was there when it was counted.
    Matching {
        filter: TaskFilter,
        last: TaskId,
    },
}

/// What a filter matches, in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MatchCount {
    pub tasks: i64,
    /// Of these tasks, the cancelled ones too.
    pub annotations: i64,
    /// The newest of the tasks; `None` when none matches.
    pub last: Option<TaskId>,
}

/// What can be done to many tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BulkAction {
    DeleteTasks,
    DeleteAnnotations,
}

impl Engine {
    /// A page of at most `limit` tasks of a project.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the project is not the organization's.
    pub async fn find_tasks(
        &self,
        actor: &Actor,
        filter: &TaskFilter,
        cursor: TaskCursor,
        limit: i64,
    ) -> Result<TaskList> {
        require(actor, Permission::Read)?;
        self.get_project(actor, filter.project).await?;
        let found = self
            .store()
            .find_tasks(actor.org_id, filter, cursor, limit)
            .await?;
        // On the way back a short page is shown as it is; its own way back goes on.
        let is_unfinished = !matches!(cursor, TaskCursor::Before(_))
            && found.more.is_some()
            && (found.tasks.len() as i64) < limit;
        let (next, back) = match cursor {
            // The page before the second may be short; the first one is not.
            TaskCursor::Before(_) if found.more.is_none() => {
                let first = self
                    .store()
                    .find_tasks(actor.org_id, filter, TaskCursor::First, limit);
                let first = first.await?;
                return Ok(TaskList {
                    is_unfinished: first.more.is_some() && (first.tasks.len() as i64) < limit,
                    tasks: first.tasks,
                    next: first.more.map(TaskCursor::After),
                    back: None,
                    looked_at: first.looked_at,
                });
            }
            TaskCursor::Before(id) => (
                Some(found.tasks.last().map_or_else(
                    || TaskCursor::After(beside(id, filter.order, Side::Before)),
                    |task| TaskCursor::After(task.id),
                )),
                found.more.map(TaskCursor::Before),
            ),
            TaskCursor::First => (found.more.map(TaskCursor::After), None),
            TaskCursor::After(id) => (
                found.more.map(TaskCursor::After),
                Some(found.tasks.first().map_or_else(
                    || TaskCursor::Before(beside(id, filter.order, Side::After)),
                    |task| TaskCursor::Before(task.id),
                )),
            ),
        };
        Ok(TaskList {
            tasks: found.tasks,
            next,
            back,
            looked_at: found.looked_at,
            is_unfinished,
        })
    }

    /// The people to filter by: members who have annotated or skipped a task of the project, each
    /// with their e-mail.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::Store`].
    pub async fn list_annotators(
        &self,
        actor: &Actor,
        project: ProjectId,
    ) -> Result<Vec<(UserId, String)>> {
        require(actor, Permission::Read)?;
        Ok(self.store().list_annotators(actor.org_id, project).await?)
    }

    /// Those of the tasks that are the project's.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::Store`].
    pub async fn find_tasks_by_id(
        &self,
        actor: &Actor,
        project: ProjectId,
        ids: &[TaskId],
    ) -> Result<Vec<Task>> {
        require(actor, Permission::Read)?;
        let mut tasks = self.store().find_tasks_by_id(actor.org_id, ids).await?;
        tasks.retain(|task| task.project_id == project);
        Ok(tasks)
    }

    /// Counts what [`Selection::Matching`] would act on.
    ///
    /// # Errors
    /// [`Error::Denied`], and [`Error::NotFound`] when the project is not the organization's.
    pub async fn count_matching(&self, actor: &Actor, filter: &TaskFilter) -> Result<MatchCount> {
        require(actor, Permission::ManageProjects)?;
        let project = filter.project;
        self.get_project(actor, project).await?;
        let mut count = MatchCount {
            tasks: 0,
            annotations: 0,
            last: None,
        };
        let mut from = Some(TaskId(0));
        while let Some(after) = from {
            let found = self
                .store()
                .matching_task_ids(actor.org_id, filter, after, COUNTED);
            let (tasks, more) = found.await?;
            let annotations =
                self.store()
                    .count_annotations_of_tasks(actor.org_id, project, &tasks);
            count.annotations += annotations.await?;
            count.tasks += tasks.len() as i64;
            count.last = tasks.last().copied().or(count.last);
            from = more;
        }
        Ok(count)
    }

    /// Does this to the tasks, in batches of one transaction each; those that are gone, or another
    /// project's, are left out. It goes on when the caller stops waiting.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the project is not the organization's. After [`Error::Store`] some
    /// batches may be done; the audit log says how many.
    pub async fn act_on_tasks(
        &self,
        actor: &Actor,
        project: ProjectId,
        action: BulkAction,
        selection: Selection,
    ) -> Result<BulkDeleted> {
        require(actor, Permission::ManageProjects)?;
        self.get_project(actor, project).await?;
        let (engine, actor) = (self.clone(), *actor);
        let work = async move {
            engine
                .act_in_batches(&actor, project, action, selection)
                .await
        };
        tokio::spawn(work)
            .await
            .map_err(|error| Error::Internal(format!("the deletion ended: {error}")))?
    }

    async fn act_in_batches(
        &self,
        actor: &Actor,
        project: ProjectId,
        action: BulkAction,
        selection: Selection,
    ) -> Result<BulkDeleted> {
        let mut done = BulkDeleted::default();
        let ended = self
            .act_on_each_batch(actor, project, action, selection, &mut done)
            .await;
        if done != BulkDeleted::default() {
            let word = match action {
                BulkAction::DeleteTasks => AuditAction::TaskDelete,
                BulkAction::DeleteAnnotations => AuditAction::AnnotationDelete,
            };
            let detail = json!({"tasks": done.tasks, "annotations": done.annotations});
            self.record(actor, word, format!("project/{project}"), detail)
                .await?;
        }
        ended.map(|()| done)
    }

    async fn act_on_each_batch(
        &self,
        actor: &Actor,
        project: ProjectId,
        action: BulkAction,
        selection: Selection,
        done: &mut BulkDeleted,
    ) -> Result<()> {
        match selection {
            Selection::Only(tasks) => {
                for batch in tasks.chunks(BATCH) {
                    self.act_on_batch(actor, project, action, batch, done)
                        .await?;
                }
            }
            Selection::AllBut(tasks) => {
                let spared: BTreeSet<TaskId> = tasks.into_iter().collect();
                let mut after = TaskId(0);
                loop {
                    let mut batch = self
                        .store()
                        .list_task_ids(actor.org_id, project, after, BATCH as i64)
                        .await?;
                    let Some(last) = batch.last() else { break };
                    after = *last;
                    batch.retain(|task| !spared.contains(task));
                    self.act_on_batch(actor, project, action, &batch, done)
                        .await?;
                }
            }
            Selection::Matching { filter, last } => {
                let mut from = Some(TaskId(0));
                while let Some(after) = from.filter(|after| *after < last) {
                    let found =
                        self.store()
                            .matching_task_ids(actor.org_id, &filter, after, BATCH as i64);
                    let (mut batch, more) = found.await?;
                    batch.retain(|task| *task <= last);
                    self.act_on_batch(actor, project, action, &batch, done)
                        .await?;
                    from = more;
                }
            }
        }
        Ok(())
    }

    async fn act_on_batch(
        &self,
        actor: &Actor,
        project: ProjectId,
        action: BulkAction,
        batch: &[TaskId],
        done: &mut BulkDeleted,
    ) -> Result<()> {
        let (org, now_ms) = (actor.org_id, self.now_ms());
        let deleted = match action {
            BulkAction::DeleteTasks => {
                self.store()
                    .delete_tasks(org, project, batch, now_ms)
                    .await?
            }
            BulkAction::DeleteAnnotations => {
                self.store()
                    .delete_annotations_of_tasks(org, project, batch, actor.user_id, now_ms)
                    .await?
            }
        };
        done.tasks += deleted.tasks;
        done.annotations += deleted.annotations;
        Ok(())
    }
}

/// On which side of a task, in the list's order.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Before,
    After,
}

/// A cursor that is just beyond the task, so that the task itself is on the page.
fn beside(id: TaskId, order: TaskOrder, side: Side) -> TaskId {
    if (order == TaskOrder::OldestFirst) == (side == Side::After) {
        TaskId(id.0.saturating_add(1))
    } else {
        TaskId(id.0.saturating_sub(1))
    }
}
