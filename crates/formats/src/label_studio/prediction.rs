//! A prediction in Label Studio's form.

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::instant;

/// A prediction of the API, and of a task's file.
#[derive(Debug, Serialize, ToSchema)]
pub struct Prediction {
    id: i64,
    /// Array of regions.
    #[schema(value_type = Vec<Object>)]
    result: Box<RawValue>,
    score: Option<f64>,
    model_version: Option<String>,
    created_at: String,
    updated_at: String,
    task: i64,
    project: i64,
}

impl From<model::Prediction> for Prediction {
    fn from(prediction: model::Prediction) -> Self {
        Self {
            id: prediction.id.0,
            result: prediction.result,
            score: prediction.score,
            model_version: prediction.model_version,
            created_at: instant(prediction.created_at_ms),
            updated_at: instant(prediction.updated_at_ms),
            task: prediction.task_id.0,
            project: prediction.project_id.0,
        }
    }
}
