//! Predictions.

use model::{OrgId, Prediction, PredictionId, ProjectId, TaskId};
use serde_json::value::RawValue;

use crate::{Result, Store};

/// A prediction to create.
#[derive(Clone, Debug)]
pub struct NewPrediction {
    /// JSON array of regions.
    pub result: Box<RawValue>,
    pub score: Option<f64>,
    pub model_version: Option<String>,
}

/// What to change of a prediction; `None` leaves it.
#[derive(Clone, Debug, Default)]
pub struct PredictionPatch {
    pub result: Option<Box<RawValue>>,
    pub score: Option<f64>,
    pub model_version: Option<String>,
}

/// Which predictions to list; without a filter, all of the organization.
#[derive(Clone, Copy, Debug, Default)]
pub struct PredictionQuery {
    pub project: Option<ProjectId>,
    pub task: Option<TaskId>,
}

impl Store {
    /// Creates a prediction; `None` when there is no such task.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn create_prediction(
        &self,
        _org: OrgId,
        _task: TaskId,
        _prediction: &NewPrediction,
        _now_ms: i64,
    ) -> Result<Option<Prediction>> {
        todo!()
    }

    /// A prediction of the organization.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_prediction(
        &self,
        _org: OrgId,
        _id: PredictionId,
    ) -> Result<Option<Prediction>> {
        todo!()
    }

    /// Predictions, by id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_predictions(
        &self,
        _org: OrgId,
        _query: &PredictionQuery,
    ) -> Result<Vec<Prediction>> {
        todo!()
    }

    /// The predictions of these tasks, by task and id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_predictions_of_tasks(
        &self,
        _org: OrgId,
        _tasks: &[TaskId],
    ) -> Result<Vec<Prediction>> {
        todo!()
    }

    /// Changes a prediction; `None` when there is none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn update_prediction(
        &self,
        _org: OrgId,
        _id: PredictionId,
        _patch: &PredictionPatch,
        _now_ms: i64,
    ) -> Result<Option<Prediction>> {
        todo!()
    }

    /// Deletes a prediction; `false` when there is none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_prediction(&self, _org: OrgId, _id: PredictionId) -> Result<bool> {
        todo!()
    }
}
