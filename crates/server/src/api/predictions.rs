//! Predictions, with Label Studio's fields.

use axum::{Json, extract::State};
use engine::{PredictionInput, label_studio};
use model::{Actor, Prediction, PredictionId, ProjectId, TaskId};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::{
    App,
    api::{Answer, Created, NoContent},
    error::ApiError,
    extract::{Body, Change, Id, Query, ago},
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

impl PredictionView {
    /// As of this instant.
    pub(crate) fn at(prediction: Prediction, now_ms: i64) -> Self {
        Self {
            created_ago: ago(prediction.created_at_ms, now_ms),
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
    const NOT_KEPT: &'static [&'static str] = &[
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
    const NULLABLE: &'static [&'static str] = &["model_version"];

    fn read(fields: &mut Fields) -> Self {
        let task = if fields.is_new() {
            fields.int("task").value()
        } else {
            None
        };
        Self {
            task,
            result: fields.json("result").value(),
            score: fields.number("score").value(),
            model_version: fields.emptied("model_version"),
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
    let project: Option<ProjectId> = query.id("project")?;
    // The SDK's other name for it.
    let same = query.id("task__project")?;
    if project.is_some() && same.is_some() && project != same {
        let message = "It says something else than project.";
        return Err(engine::Error::field("task__project", message).into());
    }
    let predictions = app
        .engine
        .list_predictions(&actor, project.or(same), query.id("task")?)
        .await?;
    let now_ms = app.engine.now_ms();
    let views = predictions
        .into_iter()
        .map(|prediction| PredictionView::at(prediction, now_ms));
    Ok(Json(views.collect()))
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
    Ok(Created(PredictionView::at(prediction, app.engine.now_ms())))
}

pub(crate) async fn get(
    State(app): State<App>,
    actor: Actor,
    Id(id): Id<PredictionId>,
) -> Answer<Json<PredictionView>> {
    let prediction = app.engine.get_prediction(&actor, id).await?;
    Ok(Json(PredictionView::at(prediction, app.engine.now_ms())))
}

pub(crate) async fn update(
    State(app): State<App>,
    actor: Actor,
    Id(id): Id<PredictionId>,
    change: Change<PredictionFields>,
) -> Answer<Json<PredictionView>> {
    let current = async || {
        let prediction = app.engine.get_prediction(&actor, id).await?;
        Ok(PredictionView::at(prediction, app.engine.now_ms()))
    };
    let fields = change.of(current).await?;
    let prediction = app
        .engine
        .update_prediction(&actor, id, &fields.into())
        .await?;
    Ok(Json(PredictionView::at(prediction, app.engine.now_ms())))
}

pub(crate) async fn delete(
    State(app): State<App>,
    actor: Actor,
    Id(id): Id<PredictionId>,
) -> Answer<NoContent> {
    app.engine.delete_prediction(&actor, id).await?;
    Ok(NoContent)
}
