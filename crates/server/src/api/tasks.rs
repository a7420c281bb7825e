//! Tasks, with Label Studio's fields: short in lists, whole with `fields=all`.

pub(crate) mod asked;
pub(crate) mod list;
mod view;

use std::time::Instant;

use axum::{Json, extract::State};
use engine::{TaskInput, TaskPaging};
use model::{Actor, ProjectId, Task, TaskId};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::{
    App,
    api::{Answer, Created, NoContent},
    error::ApiError,
    extract::{Body, Change, Id, ImportBody, Query},
    fields::{Fields, Given, Input},
    parameters::{Parameter, flag, only},
};

pub(crate) use view::TaskView;
pub(super) use view::by_task;
use view::{Detail, Item, Said};

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
    const NOT_KEPT: &'static [&'static str] = &[
        "allow_skip",
        "annotations",
        "annotators",
        "assignees",
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
    const DEFAULTS: &'static [(&'static str, &'static str)] =
        &[("allow_skip", "true"), ("overlap", "1")];
    const NULLABLE: &'static [&'static str] = &["meta"];

    fn read(fields: &mut Fields) -> Self {
        Self {
            project: if fields.is_new() {
                fields.int("project").value()
            } else {
                None
            },
            data: fields.json("data").value(),
            meta: match (fields.json("meta"), fields.is_new()) {
                (Given::Null, false) => RawValue::from_string("{}".to_owned()).ok(),
                (meta, _) => meta.value(),
            },
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

/// Of an import.
pub(crate) const IMPORT: [Parameter; 3] = [
    flag("return_task_ids"),
    only(
        "commit_to_project",
        &["true"],
        "Tasks are always made at once: there is no upload without them.",
    ),
    only(
        "preannotated_from_fields",
        &[],
        "Fields do not become predictions: send {\"data\": {…}, \"predictions\": [{\"result\": […]}]}.",
    ),
];

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
    /// Resolvable, those outside of storages too.
    OfTheEditor,
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

pub(crate) async fn create(
    State(app): State<App>,
    actor: Actor,
    Body(fields): Body<TaskFields>,
) -> Answer<Created<TaskView>> {
    let project = fields
        .project
        .ok_or_else(|| ApiError::required("project"))?;
    create_in(&app, &actor, ProjectId(project), fields).await
}

pub(crate) async fn create_in_project(
    State(app): State<App>,
    actor: Actor,
    Id(project): Id<ProjectId>,
    Body(fields): Body<TaskFields>,
) -> Answer<Created<TaskView>> {
    app.engine.get_project(&actor, project).await?;
    if fields.project.is_some_and(|other| other != project.0) {
        let message = "It is not the project of the path.";
        return Err(engine::Error::field("project", message).into());
    }
    create_in(&app, &actor, project, fields).await
}

async fn create_in(
    app: &App,
    actor: &Actor,
    project: ProjectId,
    fields: TaskFields,
) -> Answer<Created<TaskView>> {
    let task = app
        .engine
        .create_task(actor, project, &fields.into())
        .await?;
    let mut data = app
        .engine
        .data_for_browser(actor, std::slice::from_ref(&task))
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
    query.check_project(task.project_id)?;
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
    match found.into_iter().next() {
        Some(task) => for_editor(app, actor, task).await.map(Some),
        None => Ok(None),
    }
}

/// A task as the pages with the editor get it.
pub(crate) async fn for_editor(app: &App, actor: &Actor, task: Task) -> Answer<TaskView> {
    one(app, actor, task, Uris::OfTheEditor).await
}

pub(crate) async fn update(
    State(app): State<App>,
    actor: Actor,
    Id(id): Id<TaskId>,
    change: Change<TaskFields>,
) -> Answer<Json<TaskView>> {
    let current = async || {
        let task = app.engine.get_task(&actor, id).await?;
        one(&app, &actor, task, Uris::Resolvable).await
    };
    let fields = change.of(current).await?;
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
    let mut whole = whole(app, actor, vec![task], uris).await?;
    let one = whole.pop();
    one.ok_or_else(|| engine::Error::not_found("Task", id).into())
}

/// Tasks as items of a list.
async fn views(
    app: &App,
    actor: &Actor,
    tasks: Vec<Task>,
    detail: Detail,
    uris: Uris,
) -> engine::Result<Vec<Item>> {
    Ok(match detail {
        Detail::Ids => tasks.iter().map(|task| Item::id(task.id)).collect(),
        Detail::Listed => {
            let data = data(app, actor, &tasks, uris).await?;
            let listed = |(task, data)| Item::task(TaskView::listed(task, data));
            tasks.into_iter().zip(data).map(listed).collect()
        }
        Detail::Whole => {
            let whole = whole(app, actor, tasks, uris).await?;
            whole.into_iter().map(Item::task).collect()
        }
    })
}

/// One query each for the annotations, the predictions and the caller's drafts of all tasks.
async fn whole(
    app: &App,
    actor: &Actor,
    tasks: Vec<Task>,
    uris: Uris,
) -> engine::Result<Vec<TaskView>> {
    let data = data(app, actor, &tasks, uris).await?;
    let ids: Vec<TaskId> = tasks.iter().map(|task| task.id).collect();
    let said = Said {
        annotations: app.engine.annotations_of_tasks(actor, &ids).await?,
        predictions: app.engine.predictions_of_tasks(actor, &ids).await?,
        drafts: app.engine.drafts_of_tasks(actor, &ids).await?,
        now_ms: app.engine.now_ms(),
    };
    Ok(view::whole(tasks, data, said))
}

async fn data(
    app: &App,
    actor: &Actor,
    tasks: &[Task],
    uris: Uris,
) -> engine::Result<Vec<Box<RawValue>>> {
    match uris {
        Uris::Resolvable => app.engine.data_for_browser(actor, tasks).await,
        Uris::OfTheEditor => app.engine.data_for_editor(actor, tasks).await,
        Uris::Stored => Ok(tasks.iter().map(|task| task.data.clone()).collect()),
    }
}
