//! Predictions: models' results.

use model::{Actor, Permission, Prediction, PredictionId, ProjectId, TaskId};
use serde_json::{json, value::RawValue};
use store::{NewPrediction, PredictionPatch, PredictionQuery};

use uuid::Uuid;

use crate::{AuditAction, Engine, Error, Result, labeling::annotations::check_result, require};

/// A prediction to create, or the fields of one to change.
#[derive(Clone, Debug, Default)]
pub struct PredictionInput {
    /// JSON array of regions.
    pub result: Option<Box<RawValue>>,
    pub score: Option<f64>,
    pub model_version: Option<String>,
}

impl Engine {
    /// Keeps a model's result on a task.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the task does not exist, or `result` is missing or no array.
    pub async fn create_prediction(
        &self,
        actor: &Actor,
        task: TaskId,
        input: &PredictionInput,
    ) -> Result<Prediction> {
        require(actor, Permission::ManageProjects)?;
        check(input)?;
        let new = NewPrediction {
            result: input
                .result
                .clone()
                .ok_or_else(|| Error::field("result", "This field is required."))?,
            score: input.score,
            model_version: input.model_version.clone(),
        };
        let created = self
            .store()
            .create_prediction(actor.org_id, task, &new, self.now_ms())
            .await?
            .ok_or_else(|| {
                Error::field(
                    "task",
                    format!("Invalid pk \"{task}\" - object does not exist."),
                )
            })?;
        let who = (actor.org_id, self.by(actor));
        let (subject, detail) = (
            format!("prediction/{}", created.id),
            json!({"task": task.0}),
        );
        // Models make thousands: written soon.
        self.note(
            Uuid::now_v7(),
            who,
            AuditAction::PredictionCreate,
            subject,
            detail,
        )?;
        Ok(created)
    }

    /// One prediction.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for another organization's.
    pub async fn get_prediction(&self, actor: &Actor, id: PredictionId) -> Result<Prediction> {
        require(actor, Permission::Read)?;
        let prediction = self.store().find_prediction(actor.org_id, id).await?;
        prediction.ok_or_else(|| Error::not_found("Prediction", id))
    }

    /// Predictions by id; of one project, of one task, or of the whole organization.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the project or task is not the organization's.
    pub async fn list_predictions(
        &self,
        actor: &Actor,
        project: Option<ProjectId>,
        task: Option<TaskId>,
    ) -> Result<Vec<Prediction>> {
        require(actor, Permission::Read)?;
        if let Some(project) = project {
            self.get_project(actor, project).await?;
        }
        if let Some(task) = task {
            self.get_task(actor, task).await?;
        }
        let query = PredictionQuery { project, task };
        Ok(self.store().list_predictions(actor.org_id, &query).await?)
    }

    /// The predictions of these tasks, by task and id, in one query.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::Store`].
    pub async fn predictions_of_tasks(
        &self,
        actor: &Actor,
        tasks: &[TaskId],
    ) -> Result<Vec<Prediction>> {
        require(actor, Permission::Read)?;
        Ok(self
            .store()
            .find_predictions_of_tasks(actor.org_id, tasks)
            .await?)
    }

    /// Changes the given fields.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] when `result` is no array.
    pub async fn update_prediction(
        &self,
        actor: &Actor,
        id: PredictionId,
        input: &PredictionInput,
    ) -> Result<Prediction> {
        require(actor, Permission::ManageProjects)?;
        check(input)?;
        let patch = PredictionPatch {
            result: input.result.clone(),
            score: input.score,
            model_version: input.model_version.clone(),
        };
        let subject = format!("prediction/{id}");
        self.telling(actor, AuditAction::PredictionChange, subject, json!({}))
            .update_prediction(actor.org_id, id, &patch, self.now_ms())
            .await?
            .ok_or_else(|| Error::not_found("Prediction", id))
    }

    /// Deletes a prediction.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for another organization's.
    pub async fn delete_prediction(&self, actor: &Actor, id: PredictionId) -> Result<()> {
        require(actor, Permission::ManageProjects)?;
        let subject = format!("prediction/{id}");
        let store = self.telling(actor, AuditAction::PredictionDelete, subject, json!({}));
        if store.delete_prediction(actor.org_id, id).await? {
            Ok(())
        } else {
            Err(Error::not_found("Prediction", id))
        }
    }
}

fn check(input: &PredictionInput) -> Result<()> {
    match input.score {
        Some(score) if !score.is_finite() => {
            return Err(Error::field("score", "Give a finite number."));
        }
        _ => {}
    }
    input.result.as_deref().map_or(Ok(()), check_result)
}
