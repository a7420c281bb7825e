//! Tasks.

use model::{OrgId, ProjectId, Task, TaskId, UserId};
use serde_json::value::RawValue;

use crate::{NewAnnotation, NewPrediction, Result, Store};

/// A task to create, with what was labeled already.
#[derive(Clone, Debug)]
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
}

impl Store {
    /// Creates tasks with their annotations and predictions, all or none; the ids are in the order
    /// given. `None` when the project is not the organization's.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn create_tasks(
        &self,
        _org: OrgId,
        _project: ProjectId,
        _tasks: &[NewTask],
        _now_ms: i64,
        _by: UserId,
    ) -> Result<Option<Vec<TaskId>>> {
        todo!()
    }

    /// A task of the organization.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_task(&self, _org: OrgId, _id: TaskId) -> Result<Option<Task>> {
        todo!()
    }

    /// Tasks by id, and how many there are in all (before paging).
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_tasks(&self, _org: OrgId, _query: &TaskQuery) -> Result<(Vec<Task>, i64)> {
        todo!()
    }

    /// What `resolve` needs, in one query: its hot path.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_task_for_resolve(
        &self,
        _org: OrgId,
        _id: TaskId,
    ) -> Result<Option<ResolveRow>> {
        todo!()
    }

    /// Changes a task; `None` when there is none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn update_task(
        &self,
        _org: OrgId,
        _id: TaskId,
        _patch: &TaskPatch,
        _by: UserId,
        _now_ms: i64,
    ) -> Result<Option<Task>> {
        todo!()
    }

    /// Deletes a task with its annotations and predictions, and enqueues the deletion of its
    /// exported blobs where a target storage deletes.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_task(&self, _org: OrgId, _id: TaskId, _now_ms: i64) -> Result<bool> {
        todo!()
    }

    /// Deletes all tasks of a project as [`Store::delete_task`] does; how many, or `None` when the
    /// project is not the organization's.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_tasks_of_project(
        &self,
        _org: OrgId,
        _project: ProjectId,
        _now_ms: i64,
    ) -> Result<Option<i64>> {
        todo!()
    }
}
