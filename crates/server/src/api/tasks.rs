//! Tasks, with Label Studio's fields: short in lists, whole with `fields=all`.

mod view;

use std::time::Instant;

use axum::{Json, extract::State, response::Response};
use engine::{TaskInput, TaskPaging};
use model::{Actor, ProjectId, Task, TaskId};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::{
    App,
    api::{Answer, Created, NoContent, large},
    error::ApiError,
    extract::{Body, Id, ImportBody, Query},
    fields::{Fields, Input},
};

pub(crate) use view::TaskView;
pub(super) use view::by_task;
use view::{Detail, Said};

/// Tasks of a page when the query does not say.
const PAGE_SIZE: i64 = 100;

/// One page of tasks; the totals are of all pages.
#[derive(Serialize, ToSchema)]
pub(crate) struct TaskPage {
    total_annotations: i64,
    total_predictions: i64,
    total: i64,
    tasks: Vec<TaskView>,
}

/// A task to create or the fields of one to change.
#[derive(ToSchema)]
pub(crate) struct TaskFields {
    /// Needed at creation.
    project: Option<i64>,
    #[schema(value_type = Option<Object>)]
    data: Option<Box<RawValue>>,
    #[schema(value_type = Option<Object>)]
    meta: Option<Box<RawValue>>,
}

impl Input for TaskFields {
    const UNUSED: &'static [&'static str] = &[
        "allow_skip",
        "annotations",
        "annotators",
        "avg_lead_time",
        "cancelled_annotations",
        "comment_authors",
        "comment_count",
        "completed_at",
        "created_at",
        "draft_exists",
        "drafts",
        "file_upload",
        "ground_truth",
        "id",
        "inner_id",
        "is_labeled",
        "last_comment_updated_at",
        "overlap",
        "precomputed_agreement",
        "predictions",
        "predictions_score",
        "reviewed",
        "reviewed_at",
        "reviews_accepted",
        "reviews_rejected",
        "storage_filename",
        "total_annotations",
        "total_predictions",
        "unresolved_comment_count",
        "updated_at",
        "updated_by",
    ];

    fn read(fields: &mut Fields) -> Self {
        Self {
            project: fields.int("project").value(),
            data: fields.json("data").value(),
            meta: fields.json("meta").value(),
        }
    }
}

impl From<TaskFields> for TaskInput {
    fn from(fields: TaskFields) -> Self {
        Self {
            data: fields.data,
            meta: fields.meta,
        }
    }
}

/// What an import made.
#[derive(Serialize, ToSchema)]
pub(crate) struct ImportedView {
    task_count: usize,
    annotation_count: i64,
    prediction_count: i64,
    /// Seconds.
    duration: f64,
    file_upload_ids: Vec<i64>,
    could_be_tasks_list: bool,
    found_formats: Vec<String>,
    data_columns: Vec<String>,
    /// With `return_task_ids=true`, in the order of the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    task_ids: Option<Vec<i64>>,
}

/// Does the caller want URIs that a browser can load, or as they are stored?
#[derive(Clone, Copy, PartialEq, Eq)]
enum Uris {
    Resolvable,
    Stored,
}

impl Uris {
    fn of(query: &Query) -> Self {
        if query.flag("resolve_uri", true) {
            Self::Resolvable
        } else {
            Self::Stored
        }
    }
}

pub(crate) async fn list(State(app): State<App>, actor: Actor, query: Query) -> Answer<Response> {
    let project = query.id("project")?;
    let detail = match query.text("fields") {
        Some("all") => Detail::Whole,
        _ => Detail::Listed,
    };
    let page = query.page(PAGE_SIZE)?;
    let paging = TaskPaging {
        project,
        limit: page.size,
        offset: page.offset(),
    };
    let found = app.engine.list_tasks(&actor, &paging).await?;
    page.check(found.total)?;
    let bytes = size(&found.tasks);
    let page = TaskPage {
        total_annotations: found.total_annotations,
        total_predictions: found.total_predictions,
        total: found.total,
        tasks: views(&app, &actor, found.tasks, detail, Uris::of(&query)).await?,
    };
    large(bytes, page).await
}

pub(crate) async fn list_of_project(
    State(app): State<App>,
    actor: Actor,
    Id(project): Id<ProjectId>,
    query: Query,
) -> Answer<Response> {
    let page = query.page(PAGE_SIZE)?;
    let paging = TaskPaging {
        project: Some(project),
        limit: page.size,
        offset: page.offset(),
    };
    let found = app.engine.list_tasks(&actor, &paging).await?;
    page.check(found.total)?;
    let bytes = size(&found.tasks);
    let tasks = views(&app, &actor, found.tasks, Detail::Whole, Uris::of(&query)).await?;
    large(bytes, tasks).await
}

/// About how much of an answer tasks take: their data, and what is always said.
fn size(tasks: &[Task]) -> usize {
    tasks.iter().map(|task| task.data.get().len() + 512).sum()
}

pub(crate) async fn create(
    State(app): State<App>,
    actor: Actor,
    Body(fields): Body<TaskFields>,
) -> Answer<Created<TaskView>> {
    let project = fields
        .project
        .ok_or_else(|| ApiError::required("project"))?;
    let task = app
        .engine
        .create_task(&actor, ProjectId(project), &fields.into())
        .await?;
    let mut data = app
        .engine
        .data_for_browser(&actor, std::slice::from_ref(&task))
        .await?;
    Ok(Created(TaskView::short(task, data.pop())))
}

pub(crate) async fn get(
    State(app): State<App>,
    actor: Actor,
    Id(id): Id<TaskId>,
    query: Query,
) -> Answer<Json<TaskView>> {
    let task = app.engine.get_task(&actor, id).await?;
    one(&app, &actor, task, Uris::of(&query)).await.map(Json)
}

pub(crate) async fn next(
    State(app): State<App>,
    actor: Actor,
    Id(project): Id<ProjectId>,
    query: Query,
) -> Answer<Json<TaskView>> {
    let task = app
        .engine
        .next_task(&actor, project, query.id("after")?)
        .await?;
    one(&app, &actor, task, Uris::Resolvable).await.map(Json)
}

/// The project's first task, when it has one.
pub(crate) async fn first(
    app: &App,
    actor: &Actor,
    project: ProjectId,
) -> Answer<Option<TaskView>> {
    let paging = TaskPaging {
        project: Some(project),
        limit: 1,
        offset: 0,
    };
    let found = app.engine.list_tasks(actor, &paging).await?.tasks;
    let mut views = views(app, actor, found, Detail::Whole, Uris::Resolvable).await?;
    Ok(views.pop())
}

pub(crate) async fn update(
    State(app): State<App>,
    actor: Actor,
    Id(id): Id<TaskId>,
    Body(fields): Body<TaskFields>,
) -> Answer<Json<TaskView>> {
    let task = app.engine.update_task(&actor, id, &fields.into()).await?;
    one(&app, &actor, task, Uris::Resolvable).await.map(Json)
}

pub(crate) async fn delete(
    State(app): State<App>,
    actor: Actor,
    Id(id): Id<TaskId>,
) -> Answer<NoContent> {
    app.engine.delete_task(&actor, id).await?;
    Ok(NoContent)
}

pub(crate) async fn import(
    State(app): State<App>,
    actor: Actor,
    Id(project): Id<ProjectId>,
    query: Query,
    ImportBody(body): ImportBody,
) -> Answer<Created<ImportedView>> {
    let started = Instant::now();
    let imported = app.engine.import_tasks(&actor, project, &body).await?;
    let ids = || imported.task_ids.iter().map(|id| id.0).collect();
    Ok(Created(ImportedView {
        task_count: imported.task_ids.len(),
        annotation_count: imported.annotation_count,
        prediction_count: imported.prediction_count,
        duration: started.elapsed().as_secs_f64(),
        file_upload_ids: Vec::new(),
        could_be_tasks_list: false,
        found_formats: Vec::new(),
        data_columns: Vec::new(),
        task_ids: query.flag("return_task_ids", false).then(ids),
    }))
}

async fn one(app: &App, actor: &Actor, task: Task, uris: Uris) -> Answer<TaskView> {
    let id = task.id;
    let mut views = views(app, actor, vec![task], Detail::Whole, uris).await?;
    views
        .pop()
        .ok_or_else(|| engine::Error::not_found("Task", id).into())
}

/// One query each for the annotations, the predictions and the caller's drafts of all tasks.
async fn views(
    app: &App,
    actor: &Actor,
    tasks: Vec<Task>,
    detail: Detail,
    uris: Uris,
) -> Answer<Vec<TaskView>> {
    let data = match uris {
        Uris::Resolvable => app.engine.data_for_browser(actor, &tasks).await?,
        Uris::Stored => tasks.iter().map(|task| task.data.clone()).collect(),
    };
    if detail == Detail::Listed {
        let listed = |(task, data)| TaskView::listed(task, data);
        return Ok(tasks.into_iter().zip(data).map(listed).collect());
    }
    let ids: Vec<TaskId> = tasks.iter().map(|task| task.id).collect();
    let said = Said {
        annotations: app.engine.annotations_of_tasks(actor, &ids).await?,
        predictions: app.engine.predictions_of_tasks(actor, &ids).await?,
        drafts: app.engine.drafts_of_tasks(actor, &ids).await?,
    };
    Ok(view::whole(tasks, data, said))
}
