//! Projects, with counters that the same transactions keep exact.

use model::{OrgId, Project, ProjectId, UserId};
use serde_json::value::RawValue;

use crate::{Result, Store};

/// A project to create.
#[derive(Clone, Debug)]
pub struct NewProject {
    pub title: String,
    pub description: String,
    pub label_config: String,
    /// JSON object: the rest of Label Studio's settings.
    pub settings: Box<RawValue>,
    pub created_by: UserId,
}

/// What to change of a project; `None` leaves it.
#[derive(Clone, Debug, Default)]
pub struct ProjectPatch {
    pub title: Option<String>,
    pub description: Option<String>,
    pub label_config: Option<String>,
    pub settings: Option<Box<RawValue>>,
}

impl Store {
    /// Creates a project.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn create_project(
        &self,
        _org: OrgId,
        _project: &NewProject,
        _now_ms: i64,
    ) -> Result<Project> {
        todo!()
    }

    /// A project of the organization.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_project(&self, _org: OrgId, _id: ProjectId) -> Result<Option<Project>> {
        todo!()
    }

    /// The organization's projects, newest first, and how many there are in all.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_projects(
        &self,
        _org: OrgId,
        _limit: i64,
        _offset: i64,
    ) -> Result<(Vec<Project>, i64)> {
        todo!()
    }

    /// Changes a project; `None` when there is none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn update_project(
        &self,
        _org: OrgId,
        _id: ProjectId,
        _patch: &ProjectPatch,
        _now_ms: i64,
    ) -> Result<Option<Project>> {
        todo!()
    }

    /// Deletes a project with its storages, tasks, annotations and predictions; exported blobs stay,
    /// because the target storages and their credentials go with it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_project(&self, _org: OrgId, _id: ProjectId) -> Result<bool> {
        todo!()
    }
}
