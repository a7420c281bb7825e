//! Annotations: people's results. What the store acknowledges is on disk, and on its way to every
//! target storage of the project.

use model::{
    Actor, Annotation, AnnotationId, DraftId, Permission, PredictionId, TaskId, json as stored_json,
};
use serde_json::{Value, json, value::RawValue};
use store::{AnnotationPatch, Edited, Expected, NewAnnotation, Origin, Submission};

use crate::{AuditAction, Engine, Error, Result, audit::Different, require};

/// Characters of a `unique_id`; a UUID has 36.
const LONGEST_UNIQUE_ID: usize = 100;

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
    /// Only at creation: the same one again on the same task creates nothing.
    pub unique_id: Option<String>,
    /// The actor's draft that this comes from; it is deleted with it.
    pub draft: Option<DraftId>,
}

impl Engine {
    /// Keeps the actor's result on a task. A request that is repeated with its `unique_id` gets
    /// the annotation that the first one made.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the task; [`Error::Invalid`] when `result` is missing or no array;
    /// [`Error::Conflict`] when another member has used the `unique_id` on the task.
    pub async fn create_annotation(
        &self,
        actor: &Actor,
        task: TaskId,
        input: &AnnotationInput,
    ) -> Result<Annotation> {
        require(actor, Permission::Annotate)?;
        check(input.result.as_deref(), input.lead_time)?;
        check_unique_id(input.unique_id.as_deref())?;
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
            origin: Origin::default(),
        };
        let submission = Submission {
            unique_id: input.unique_id.clone(),
            draft: input.draft,
        };
        let annotation = self
            .store()
            .submit_annotation(actor.org_id, task, &new, &submission, self.now_ms())
            .await?
            .ok_or_else(|| Error::not_found("Task", task))?;
        if annotation.completed_by == Some(actor.user_id) {
            let subject = format!("annotation/{}", annotation.id);
            let detail = json!({"task": task.0, "project": annotation.project_id.0});
            let who = (actor.org_id, self.by(actor));
            // Once, however often it is sent; written soon, because nobody waits for more than they must.
            self.count(
                who,
                AuditAction::AnnotationCreate,
                subject,
                detail,
                Different::Told,
            )?;
            Ok(annotation)
        } else {
            Err(Error::Conflict {
                message: "Another member has used this unique_id on this task.".to_owned(),
            })
        }
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

    /// Changes the given fields, when the annotation is in an expected state.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] when `result` is no array;
    /// [`Error::ChangedMeanwhile`] when it is in another state.
    pub async fn update_annotation(
        &self,
        actor: &Actor,
        id: AnnotationId,
        input: &AnnotationInput,
        expected: Expected,
    ) -> Result<Annotation> {
        require(actor, Permission::Annotate)?;
        check(input.result.as_deref(), input.lead_time)?;
        let patch = AnnotationPatch {
            result: input.result.clone(),
            was_cancelled: input.was_cancelled,
            ground_truth: input.ground_truth,
            lead_time: input.lead_time,
            expected,
            draft: input.draft,
        };
        let before = self.store().find_annotation(actor.org_id, id).await?;
        let before = before.ok_or_else(|| Error::not_found("Annotation", id))?;
        let mut detail = whose(&before);
        detail["changed"] = changed(input);
        let subject = format!("annotation/{id}");
        let edited = self
            .telling(actor, AuditAction::AnnotationChange, subject, detail)
            .update_annotation(actor.org_id, id, &patch, actor.user_id, self.now_ms())
            .await?;
        self.done(id, edited).await
    }

    /// Deletes an annotation that is in an expected state.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for another organization's; [`Error::ChangedMeanwhile`].
    pub async fn delete_annotation(
        &self,
        actor: &Actor,
        id: AnnotationId,
        expected: Expected,
    ) -> Result<()> {
        require(actor, Permission::Annotate)?;
        let before = self.store().find_annotation(actor.org_id, id).await?;
        let before = before.ok_or_else(|| Error::not_found("Annotation", id))?;
        let (subject, detail) = (format!("annotation/{id}"), whose(&before));
        let edited = self
            .telling(actor, AuditAction::AnnotationDelete, subject, detail)
            .delete_annotation(actor.org_id, id, &expected, self.now_ms())
            .await?;
        self.done(id, edited).await
    }

    async fn done<T>(&self, id: AnnotationId, edited: Edited<T>) -> Result<T> {
        let current = match edited {
            Edited::Done(done) => return Ok(done),
            Edited::NotFound => return Err(Error::not_found("Annotation", id)),
            Edited::ChangedMeanwhile(current) => current,
        };
        let by = match current.updated_by {
            Some(user) => self.store().find_user(current.org_id, user).await?,
            None => None,
        };
        Err(Error::ChangedMeanwhile {
            by: by.map(|user| user.email),
            current,
        })
    }
}

/// Where an annotation is, and who made it.
fn whose(annotation: &Annotation) -> Value {
    json!({
        "task": annotation.task_id.0,
        "project": annotation.project_id.0,
        "of": annotation.completed_by.map(|user| format!("user/{user}")),
        "of_email": annotation.completed_by_email,
    })
}

/// The fields that a change gives.
fn changed(input: &AnnotationInput) -> Value {
    let given = [
        ("result", input.result.is_some()),
        ("was_cancelled", input.was_cancelled.is_some()),
        ("ground_truth", input.ground_truth.is_some()),
        ("lead_time", input.lead_time.is_some()),
    ];
    given
        .iter()
        .filter(|(_, is_given)| *is_given)
        .map(|(name, _)| *name)
        .collect()
}

/// Checks what annotations and drafts have in common.
pub(crate) fn check(result: Option<&RawValue>, lead_time: Option<f64>) -> Result<()> {
    if let Some(result) = result {
        check_result(result)?;
    }
    match lead_time {
        Some(seconds) if !(seconds.is_finite() && seconds >= 0.0) => Err(Error::field(
            "lead_time",
            "Give the seconds that it took, 0 or more.",
        )),
        _ => Ok(()),
    }
}

fn check_unique_id(unique_id: Option<&str>) -> Result<()> {
    match unique_id {
        Some(id) if id.is_empty() || id.chars().count() > LONGEST_UNIQUE_ID => Err(Error::field(
            "unique_id",
            format!("Give a UUID, or another text of 1 to {LONGEST_UNIQUE_ID} characters."),
        )),
        _ => Ok(()),
    }
}

/// A result is a JSON array of regions, which can be read again.
pub(crate) fn check_result(result: &RawValue) -> Result<()> {
    stored_json::check_result(result).map_err(|fault| Error::field("result", fault.to_string()))
}
