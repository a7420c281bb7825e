//! Annotations, with Label Studio's fields.

use axum::{
    Json,
    extract::State,
    http::{HeaderName, HeaderValue, header},
    response::Response,
};
use engine::{AnnotationInput, label_studio};
use model::{Actor, Annotation, AnnotationId, DraftId, PredictionId, ProjectId, TaskId};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::{
    App,
    api::{Answer, Created, NoContent, if_match::IfMatch, large},
    error::ApiError,
    extract::{Body, Change, Id, Query, ago, instant, not_in},
    fields::{Fields, Input},
};

/// A person's result on a task.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct AnnotationView {
    #[serde(flatten)]
    annotation: label_studio::Annotation,
    created_ago: String,
}

impl AnnotationView {
    /// As of this instant.
    pub(crate) fn at(annotation: Annotation, now_ms: i64) -> Self {
        Self {
            created_ago: ago(annotation.created_at_ms, now_ms),
            annotation: annotation.into(),
        }
    }
}

/// An annotation to create or the fields of one to change.
#[derive(ToSchema)]
pub(crate) struct AnnotationFields {
    /// Array of regions.
    #[schema(value_type = Option<Vec<Object>>)]
    result: Option<Box<RawValue>>,
    was_cancelled: Option<bool>,
    ground_truth: Option<bool>,
    /// Seconds.
    lead_time: Option<f64>,
    parent_prediction: Option<i64>,
    parent_annotation: Option<i64>,
    /// At creation, a UUID of the sender's: repeated with it, a request creates nothing.
    unique_id: Option<String>,
    /// The task's, when it is given.
    project: Option<i64>,
    /// The caller's draft that this comes from; it is deleted.
    draft_id: Option<i64>,
}

impl Input for AnnotationFields {
    const NOT_KEPT: &'static [&'static str] = &[
        "bulk_created",
        "completed_by",
        "created_ago",
        "created_at",
        "created_username",
        "draft_created_at",
        "id",
        "import_id",
        "last_action",
        "last_created_by",
        "task",
        "unique_id",
        "updated_at",
        "updated_by",
    ];
    const OF_THE_EDITOR: &'static [&'static str] = &["started_at"];
    const NULLABLE: &'static [&'static str] = &["draft_id"];

    fn read(fields: &mut Fields) -> Self {
        let mut read = Self {
            result: fields.json("result").value(),
            was_cancelled: fields.flag("was_cancelled").value(),
            ground_truth: fields.flag("ground_truth").value(),
            lead_time: fields.number("lead_time").value(),
            parent_prediction: None,
            parent_annotation: None,
            unique_id: None,
            project: None,
            draft_id: fields.int("draft_id").value(),
        };
        if fields.is_new() {
            read.parent_prediction = fields.int("parent_prediction").value();
            read.parent_annotation = fields.int("parent_annotation").value();
            read.unique_id = fields.text("unique_id").value();
            read.project = fields.int("project").value();
        }
        read
    }
}

impl From<AnnotationFields> for AnnotationInput {
    fn from(fields: AnnotationFields) -> Self {
        Self {
            result: fields.result,
            was_cancelled: fields.was_cancelled,
            ground_truth: fields.ground_truth,
            lead_time: fields.lead_time,
            parent_prediction: fields.parent_prediction.map(PredictionId),
            parent_annotation: fields.parent_annotation.map(AnnotationId),
            unique_id: fields.unique_id,
            draft: fields.draft_id.map(DraftId),
        }
    }
}

/// An annotation with its ETag, for `If-Match`.
type Tagged = ([(HeaderName, HeaderValue); 1], Json<AnnotationView>);

fn tagged(app: &App, annotation: Annotation) -> Tagged {
    let etag = format!("\"{}\"", instant(annotation.updated_at_ms));
    let etag = HeaderValue::from_str(&etag).unwrap_or(HeaderValue::from_static("\"\""));
    let view = AnnotationView::at(annotation, app.engine.now_ms());
    ([(header::ETAG, etag)], Json(view))
}

pub(crate) async fn list(
    State(app): State<App>,
    actor: Actor,
    Id(task): Id<TaskId>,
) -> Answer<Response> {
    let annotations = app.engine.list_annotations(&actor, task).await?;
    let results = annotations.iter().map(|annotation| annotation.result.get());
    let bytes = results.map(str::len).sum();
    let now_ms = app.engine.now_ms();
    let views = annotations
        .into_iter()
        .map(|annotation| AnnotationView::at(annotation, now_ms));
    large(bytes, views.collect::<Vec<_>>()).await
}

/// Refuses a `project`, of the body or of the query, that is not the task's.
pub(super) async fn check_project(
    app: &App,
    actor: &Actor,
    task: TaskId,
    in_body: Option<i64>,
    query: &Query,
) -> Answer<()> {
    if in_body.is_none() && query.id::<ProjectId>("project")?.is_none() {
        return Ok(());
    }
    let project = app.engine.get_task(actor, task).await?.project_id;
    query.check_project(project)?;
    match in_body {
        Some(other) if other != project.0 => Err(not_in(project)),
        _ => Ok(()),
    }
}

pub(crate) async fn create(
    State(app): State<App>,
    actor: Actor,
    Id(task): Id<TaskId>,
    query: Query,
    Body(mut fields): Body<AnnotationFields>,
) -> Answer<Created<AnnotationView>> {
    check_project(&app, &actor, task, fields.project, &query).await?;
    // Label Studio's editor skips a task by the query.
    if query.flag("was_cancelled", false) {
        fields.was_cancelled = Some(true);
    }
    let annotation = app
        .engine
        .create_annotation(&actor, task, &fields.into())
        .await?;
    Ok(Created(AnnotationView::at(annotation, app.engine.now_ms())))
}

pub(crate) async fn get(
    State(app): State<App>,
    actor: Actor,
    Id(id): Id<AnnotationId>,
) -> Answer<Tagged> {
    let annotation = app.engine.get_annotation(&actor, id).await?;
    Ok(tagged(&app, annotation))
}

pub(crate) async fn update(
    State(app): State<App>,
    actor: Actor,
    Id(id): Id<AnnotationId>,
    IfMatch(expected): IfMatch,
    change: Change<AnnotationFields>,
) -> Answer<Tagged> {
    let current = async || {
        let annotation = app.engine.get_annotation(&actor, id).await?;
        Ok(AnnotationView::at(annotation, app.engine.now_ms()))
    };
    let fields = change.of(current).await?;
    let annotation = app
        .engine
        .update_annotation(&actor, id, &fields.into(), expected)
        .await
        .map_err(|error| ApiError::of_annotation(error, app.engine.now_ms()))?;
    Ok(tagged(&app, annotation))
}

pub(crate) async fn delete(
    State(app): State<App>,
    actor: Actor,
    Id(id): Id<AnnotationId>,
    IfMatch(expected): IfMatch,
) -> Answer<NoContent> {
    app.engine
        .delete_annotation(&actor, id, expected)
        .await
        .map_err(|error| ApiError::of_annotation(error, app.engine.now_ms()))?;
    Ok(NoContent)
}
