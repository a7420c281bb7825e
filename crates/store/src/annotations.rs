//! Annotations: each write also moves the counters and enqueues the export, in one transaction.

use model::{Annotation, AnnotationId, OrgId, PredictionId, TaskId, UserId};
use serde_json::value::RawValue;

use crate::{Result, Store};

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
        _org: OrgId,
        _task: TaskId,
        _annotation: &NewAnnotation,
        _now_ms: i64,
    ) -> Result<Option<Annotation>> {
        todo!()
    }

    /// An annotation of the organization.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_annotation(
        &self,
        _org: OrgId,
        _id: AnnotationId,
    ) -> Result<Option<Annotation>> {
        todo!()
    }

    /// The annotations of these tasks, by task and id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_annotations_of_tasks(
        &self,
        _org: OrgId,
        _tasks: &[TaskId],
    ) -> Result<Vec<Annotation>> {
        todo!()
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
        _org: OrgId,
        _id: AnnotationId,
        _patch: &AnnotationPatch,
        _by: UserId,
        _now_ms: i64,
    ) -> Result<Option<Annotation>> {
        todo!()
    }

    /// Deletes an annotation; `false` when there is none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_annotation(
        &self,
        _org: OrgId,
        _id: AnnotationId,
        _now_ms: i64,
    ) -> Result<bool> {
        todo!()
    }
}
