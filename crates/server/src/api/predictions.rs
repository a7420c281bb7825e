//! Predictions, with Label Studio's fields.

use axum::{Json, extract::State};
use engine::{PredictionInput, label_studio};
use model::{Actor, Clock, Prediction, PredictionId, TaskId};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::{
    App,
    api::{Answer, Created, NoContent},
    error::ApiError,
    extract::{Body, Id, Query, ago},
    fields::{Fields, Input},
};

/// A model's result on a task.
#[derive(Serialize, ToSchema)]
pub(crate) struct PredictionView {
    #[serde(flatten)]
    prediction: label_studio::Prediction,
    created_ago: String,
    cluster: Option<i64>,
    #[schema(value_type = Option<Object>)]
    neighbors: Option<()>,
    mislabeling: f64,
    model: Option<i64>,
    model_run: Option<i64>,
}

impl From<Prediction> for PredictionView {
    fn from(prediction: Prediction) -> Self {
        Self {
            created_ago: ago(prediction.created_at_ms, Clock::system().now_ms()),
            prediction: prediction.into(),
            cluster: None,
            neighbors: None,
            mislabeling: 0.0,
            model: None,
            model_run: None,
        }
    }
}

/// A prediction to create or the fields of one to change.
#[derive(ToSchema)]
pub(crate) struct PredictionFields {
    /// Needed at creation.
    task: Option<i64>,
    /// Array of regions.
    #[schema(value_type = Option<Vec<Object>>)]
    result: Option<Box<RawValue>>,
    score: Option<f64>,
    model_version: Option<String>,
}

impl Input for PredictionFields {
    const UNUSED: &'static [&'static str] = &[
        "cluster",
        "created_ago",
        "created_at",
        "id",
        "mislabeling",
        "model",
        "model_run",
        "neighbors",
        "project",
        "updated_at",
    ];

    fn read(fields: &mut Fields) -> Self {
        Self {
            task: fields.int("task").value(),
            result: fields.json("result").value(),
            score: fields.number("score").value(),
            model_version: fields.text("model_version").value(),
        }
    }
}

impl From<PredictionFields> for PredictionInput {
    fn from(fields: PredictionFields) -> Self {
        Self {
            result: fields.result,
            score: fields.score,
            model_version: fields.model_version,
        }
    }
}

pub(crate) async fn list(
    State(app): State<App>,
    actor: Actor,
    query: Query,
) -> Answer<Json<Vec<PredictionView>>> {
    let (project, task) = (query.id("project")?, query.id("task")?);
    let predictions = app.engine.list_predictions(&actor, project, task).await?;
    Ok(Json(
        predictions.into_iter().map(PredictionView::from).collect(),
    ))
}

pub(crate) async fn create(
    State(app): State<App>,
    actor: Actor,
    Body(fields): Body<PredictionFields>,
) -> Answer<Created<PredictionView>> {
    let task = fields.task.ok_or_else(|| ApiError::required("task"))?;
    let prediction = app
        .engine
        .create_prediction(&actor, TaskId(task), &fields.into())
        .await?;
    Ok(Created(prediction.into()))
}

pub(crate) async fn get(
    State(app): State<App>,
    actor: Actor,
    Id(id): Id<PredictionId>,
) -> Answer<Json<PredictionView>> {
    let prediction = app.engine.get_prediction(&actor, id).await?;
    Ok(Json(prediction.into()))
}

pub(crate) async fn update(
    State(app): State<App>,
    actor: Actor,
    Id(id): Id<PredictionId>,
    Body(fields): Body<PredictionFields>,
) -> Answer<Json<PredictionView>> {
    let prediction = app
        .engine
        .update_prediction(&actor, id, &fields.into())
        .await?;
    Ok(Json(prediction.into()))
}

pub(crate) async fn delete(
    State(app): State<App>,
    actor: Actor,
    Id(id): Id<PredictionId>,
) -> Answer<NoContent> {
    app.engine.delete_prediction(&actor, id).await?;
    Ok(NoContent)
}
