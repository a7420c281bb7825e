//! Drafts, with Label Studio's fields; only ever the caller's own.

use axum::{Json, extract::State};
use engine::DraftInput;
use model::{Actor, Draft, DraftId, TaskId};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::{
    App,
    api::{Answer, Created, NoContent, annotations::check_project},
    extract::{Body, Change, Id, OfAnnotation, Query, ago, instant},
    fields::{Fields, Input},
};

/// What the caller has not submitted yet.
#[derive(Serialize, ToSchema)]
pub(crate) struct DraftView {
    id: i64,
    /// Array of regions.
    #[schema(value_type = Vec<Object>)]
    result: Box<RawValue>,
    /// E-mail.
    user: String,
    created_username: String,
    created_ago: String,
    /// Seconds.
    lead_time: Option<f64>,
    was_postponed: bool,
    import_id: Option<i64>,
    created_at: String,
    updated_at: String,
    task: i64,
    /// The annotation that it changes.
    annotation: Option<i64>,
}

impl DraftView {
    /// As of this instant.
    pub(crate) fn at(draft: Draft, now_ms: i64) -> Self {
        Self {
            id: draft.id.0,
            result: draft.result,
            created_username: format!("{}, {}", draft.user_email, draft.user_id),
            user: draft.user_email,
            created_ago: ago(draft.created_at_ms, now_ms),
            lead_time: draft.lead_time,
            was_postponed: false,
            import_id: None,
            created_at: instant(draft.created_at_ms),
            updated_at: instant(draft.updated_at_ms),
            task: draft.task_id.0,
            annotation: draft.annotation_id.map(|id| id.0),
        }
    }
}

/// A draft to save or the fields of one to change.
#[derive(ToSchema)]
pub(crate) struct DraftFields {
    /// Array of regions.
    #[schema(value_type = Option<Vec<Object>>)]
    result: Option<Box<RawValue>>,
    /// Seconds.
    lead_time: Option<f64>,
    /// The task's, when it is given.
    project: Option<i64>,
}

impl Input for DraftFields {
    const NOT_KEPT: &'static [&'static str] = &[
        "annotation",
        "annotation_id",
        "created_ago",
        "created_at",
        "created_username",
        "id",
        "import_id",
        "task",
        "updated_at",
        "user",
        "was_postponed",
    ];
    // They are the submission's.
    const OF_THE_EDITOR: &'static [&'static str] = &[
        "draft_id",
        "parent_annotation",
        "parent_prediction",
        "project",
        "started_at",
        "unique_id",
    ];

    fn read(fields: &mut Fields) -> Self {
        let project = if fields.is_new() {
            fields.int("project").value()
        } else {
            None
        };
        Self {
            result: fields.json("result").value(),
            lead_time: fields.number("lead_time").value(),
            project,
        }
    }
}

impl From<DraftFields> for DraftInput {
    fn from(fields: DraftFields) -> Self {
        Self {
            result: fields.result,
            lead_time: fields.lead_time,
        }
    }
}

fn views(app: &App, drafts: Vec<Draft>) -> Vec<DraftView> {
    let now_ms = app.engine.now_ms();
    let view = |draft| DraftView::at(draft, now_ms);
    drafts.into_iter().map(view).collect()
}

pub(crate) async fn list(
    State(app): State<App>,
    actor: Actor,
    Id(task): Id<TaskId>,
) -> Answer<Json<Vec<DraftView>>> {
    let drafts = app.engine.list_drafts(&actor, task, None).await?;
    Ok(Json(views(&app, drafts)))
}

pub(crate) async fn list_of_annotation(
    State(app): State<App>,
    actor: Actor,
    Id(task): Id<TaskId>,
    OfAnnotation(annotation): OfAnnotation,
) -> Answer<Json<Vec<DraftView>>> {
    let drafts = app
        .engine
        .list_drafts(&actor, task, Some(annotation))
        .await?;
    Ok(Json(views(&app, drafts)))
}

pub(crate) async fn save(
    State(app): State<App>,
    actor: Actor,
    Id(task): Id<TaskId>,
    query: Query,
    Body(fields): Body<DraftFields>,
) -> Answer<Created<DraftView>> {
    check_project(&app, &actor, task, fields.project, &query).await?;
    let draft = app
        .engine
        .save_draft(&actor, task, None, &fields.into())
        .await?;
    Ok(Created(DraftView::at(draft, app.engine.now_ms())))
}

pub(crate) async fn save_of_annotation(
    State(app): State<App>,
    actor: Actor,
    Id(task): Id<TaskId>,
    OfAnnotation(annotation): OfAnnotation,
    query: Query,
    Body(fields): Body<DraftFields>,
) -> Answer<Created<DraftView>> {
    check_project(&app, &actor, task, fields.project, &query).await?;
    let draft = app
        .engine
        .save_draft(&actor, task, Some(annotation), &fields.into())
        .await?;
    Ok(Created(DraftView::at(draft, app.engine.now_ms())))
}

pub(crate) async fn get(
    State(app): State<App>,
    actor: Actor,
    Id(id): Id<DraftId>,
) -> Answer<Json<DraftView>> {
    let draft = app.engine.get_draft(&actor, id).await?;
    Ok(Json(DraftView::at(draft, app.engine.now_ms())))
}

pub(crate) async fn update(
    State(app): State<App>,
    actor: Actor,
    Id(id): Id<DraftId>,
    change: Change<DraftFields>,
) -> Answer<Json<DraftView>> {
    let current = async || {
        let draft = app.engine.get_draft(&actor, id).await?;
        Ok(DraftView::at(draft, app.engine.now_ms()))
    };
    let fields = change.of(current).await?;
    let draft = app.engine.update_draft(&actor, id, &fields.into()).await?;
    Ok(Json(DraftView::at(draft, app.engine.now_ms())))
}

pub(crate) async fn delete(
    State(app): State<App>,
    actor: Actor,
    Id(id): Id<DraftId>,
) -> Answer<NoContent> {
    app.engine.delete_draft(&actor, id).await?;
    Ok(NoContent)
}
