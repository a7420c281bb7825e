//! Annotations, with Label Studio's fields.

use axum::{
    Json,
    extract::State,
    http::{HeaderName, HeaderValue, header},
    response::Response,
};
use engine::AnnotationInput;
use model::{Actor, Annotation, AnnotationId, Clock, DraftId, PredictionId, TaskId};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::{
    App,
    api::{Answer, Created, NoContent, if_match::IfMatch, large},
    extract::{Body, Id, ago, instant},
    fields::{Fields, Input},
};

/// A person's result on a task.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct AnnotationView {
    id: i64,
    /// Array of regions.
    #[schema(value_type = Vec<Object>)]
    pub(super) result: Box<RawValue>,
    created_username: String,
    created_ago: String,
    completed_by: Option<i64>,
    was_cancelled: bool,
    ground_truth: bool,
    created_at: String,
    updated_at: String,
    draft_created_at: Option<String>,
    /// Seconds.
    lead_time: Option<f64>,
    import_id: Option<i64>,
    last_action: Option<String>,
    bulk_created: bool,
    task: i64,
    project: i64,
    updated_by: Option<i64>,
    parent_prediction: Option<i64>,
    parent_annotation: Option<i64>,
    last_created_by: Option<i64>,
}

impl From<Annotation> for AnnotationView {
    fn from(annotation: Annotation) -> Self {
        let by = annotation.completed_by.map(|user| user.0);
        Self {
            id: annotation.id.0,
            result: annotation.result,
            created_username: match (&annotation.completed_by_email, by) {
                (Some(email), Some(id)) => format!(" {email}, {id}"),
                _ => String::new(),
            },
            created_ago: ago(annotation.created_at_ms, Clock::system().now_ms()),
            completed_by: by,
            was_cancelled: annotation.was_cancelled,
            ground_truth: annotation.ground_truth,
            created_at: instant(annotation.created_at_ms),
            updated_at: instant(annotation.updated_at_ms),
            draft_created_at: None,
            lead_time: annotation.lead_time,
            import_id: None,
            last_action: None,
            bulk_created: false,
            task: annotation.task_id.0,
            project: annotation.project_id.0,
            updated_by: annotation.updated_by.map(|user| user.0),
            parent_prediction: annotation.parent_prediction.map(|id| id.0),
            parent_annotation: annotation.parent_annotation.map(|id| id.0),
            last_created_by: None,
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
    /// The caller's draft that this comes from; it is deleted.
    draft_id: Option<i64>,
}

impl Input for AnnotationFields {
    const UNUSED: &'static [&'static str] = &[
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
        "project",
        "started_at",
        "task",
        "updated_at",
        "updated_by",
    ];

    fn read(fields: &mut Fields) -> Self {
        Self {
            result: fields.json("result").value(),
            was_cancelled: fields.flag("was_cancelled").value(),
            ground_truth: fields.flag("ground_truth").value(),
            lead_time: fields.number("lead_time").value(),
            parent_prediction: fields.int("parent_prediction").value(),
            parent_annotation: fields.int("parent_annotation").value(),
            unique_id: fields.text("unique_id").value(),
            draft_id: fields.int("draft_id").value(),
        }
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

fn tagged(annotation: Annotation) -> Tagged {
    let view = AnnotationView::from(annotation);
    let etag = HeaderValue::from_str(&format!("\"{}\"", view.updated_at));
    let etag = etag.unwrap_or(HeaderValue::from_static("\"\""));
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
    let views: Vec<_> = annotations.into_iter().map(AnnotationView::from).collect();
    large(bytes, views).await
}

pub(crate) async fn create(
    State(app): State<App>,
    actor: Actor,
    Id(task): Id<TaskId>,
    Body(fields): Body<AnnotationFields>,
) -> Answer<Created<AnnotationView>> {
    let annotation = app
        .engine
        .create_annotation(&actor, task, &fields.into())
        .await?;
    Ok(Created(annotation.into()))
}

pub(crate) async fn get(
    State(app): State<App>,
    actor: Actor,
    Id(id): Id<AnnotationId>,
) -> Answer<Tagged> {
    let annotation = app.engine.get_annotation(&actor, id).await?;
    Ok(tagged(annotation))
}

pub(crate) async fn update(
    State(app): State<App>,
    actor: Actor,
    Id(id): Id<AnnotationId>,
    IfMatch(expected): IfMatch,
    Body(fields): Body<AnnotationFields>,
) -> Answer<Tagged> {
    let annotation = app
        .engine
        .update_annotation(&actor, id, &fields.into(), expected)
        .await?;
    Ok(tagged(annotation))
}

pub(crate) async fn delete(
    State(app): State<App>,
    actor: Actor,
    Id(id): Id<AnnotationId>,
    IfMatch(expected): IfMatch,
) -> Answer<NoContent> {
    app.engine.delete_annotation(&actor, id, expected).await?;
    Ok(NoContent)
}
