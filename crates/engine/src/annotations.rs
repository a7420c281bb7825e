//! Annotations: people's results. What the store acknowledges is on disk, and on its way to every
//! target storage of the project.

use model::{Actor, Annotation, AnnotationId, Permission, PredictionId, TaskId};
use serde_json::value::RawValue;
use store::{AnnotationPatch, NewAnnotation};

use crate::{Engine, Error, Result, require};

/// An annotation to create, or the fields of one to change.
#[derive(Clone, Debug, Default)]
pub struct AnnotationInput {
    /// JSON array of regions.
    pub result: Option<Box<RawValue>>,
    /// The annotator skipped the task.
    pub was_cancelled: Option<bool>,
    pub ground_truth: Option<bool>,
    /// Seconds.
    pub lead_time: Option<f64>,
    /// Only at creation.
    pub parent_prediction: Option<PredictionId>,
    /// Only at creation.
    pub parent_annotation: Option<AnnotationId>,
}

impl Engine {
    /// Keeps the actor's result on a task.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the task; [`Error::Invalid`] when `result` is missing or no array.
    pub async fn create_annotation(
        &self,
        actor: &Actor,
        task: TaskId,
        input: &AnnotationInput,
    ) -> Result<Annotation> {
        require(actor, Permission::Annotate)?;
        check(input)?;
        let new = NewAnnotation {
            result: input
                .result
                .clone()
                .ok_or_else(|| Error::field("result", "This field is required."))?,
            was_cancelled: input.was_cancelled.unwrap_or_default(),
            ground_truth: input.ground_truth.unwrap_or_default(),
            lead_time: input.lead_time,
            completed_by: Some(actor.user_id),
            parent_prediction: input.parent_prediction,
            parent_annotation: input.parent_annotation,
        };
        self.store()
            .create_annotation(actor.org_id, task, &new, self.now_ms())
            .await?
            .ok_or_else(|| Error::not_found("Task", task))
    }

    /// One annotation.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for another organization's.
    pub async fn get_annotation(&self, actor: &Actor, id: AnnotationId) -> Result<Annotation> {
        require(actor, Permission::Read)?;
        let annotation = self.store().find_annotation(actor.org_id, id).await?;
        annotation.ok_or_else(|| Error::not_found("Annotation", id))
    }

    /// The annotations of a task, by id.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the task.
    pub async fn list_annotations(&self, actor: &Actor, task: TaskId) -> Result<Vec<Annotation>> {
        self.get_task(actor, task).await?;
        self.annotations_of_tasks(actor, &[task]).await
    }

    /// The annotations of these tasks, by task and id, in one query.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::Store`].
    pub async fn annotations_of_tasks(
        &self,
        actor: &Actor,
        tasks: &[TaskId],
    ) -> Result<Vec<Annotation>> {
        require(actor, Permission::Read)?;
        Ok(self
            .store()
            .find_annotations_of_tasks(actor.org_id, tasks)
            .await?)
    }

    /// Changes the given fields.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] when `result` is no array.
    pub async fn update_annotation(
        &self,
        actor: &Actor,
        id: AnnotationId,
        input: &AnnotationInput,
    ) -> Result<Annotation> {
        require(actor, Permission::Annotate)?;
        check(input)?;
        let patch = AnnotationPatch {
            result: input.result.clone(),
            was_cancelled: input.was_cancelled,
            ground_truth: input.ground_truth,
            lead_time: input.lead_time,
        };
        self.store()
            .update_annotation(actor.org_id, id, &patch, actor.user_id, self.now_ms())
            .await?
            .ok_or_else(|| Error::not_found("Annotation", id))
    }

    /// Deletes an annotation.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for another organization's.
    pub async fn delete_annotation(&self, actor: &Actor, id: AnnotationId) -> Result<()> {
        require(actor, Permission::Annotate)?;
        let deleted = self
            .store()
            .delete_annotation(actor.org_id, id, self.now_ms())
            .await?;
        if deleted {
            Ok(())
        } else {
            Err(Error::not_found("Annotation", id))
        }
    }
}

fn check(input: &AnnotationInput) -> Result<()> {
    if let Some(result) = &input.result {
        check_result(result)?;
    }
    match input.lead_time {
        Some(seconds) if !(seconds.is_finite() && seconds >= 0.0) => Err(Error::field(
            "lead_time",
            "Give the seconds that it took, 0 or more.",
        )),
        _ => Ok(()),
    }
}

/// A result is a JSON array of regions.
pub(crate) fn check_result(result: &RawValue) -> Result<()> {
    if result.get().starts_with('[') {
        Ok(())
    } else {
        Err(Error::field(
            "result",
            "Give a JSON array of regions, each like {\"from_name\": …, \"to_name\": …, \"type\": …, \"value\": {…}}.",
        ))
    }
}
