//! A project's annotated tasks as one JSON file, streamed page by page.

use axum::{
    Json,
    body::{Body, Bytes},
    extract::State,
    http::header,
    response::IntoResponse,
};
use engine::{Engine, TaskPaging, aside, label_studio::ExportTask};
use futures_util::{StreamExt, stream};
use model::{Actor, Annotation, Prediction, ProjectId, Task, TaskId};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    App,
    api::Answer,
    error::ApiError,
    extract::{Id, Query},
    stranger,
};

/// Tasks read at once, at most; fewer when they are large.
const PAGE: i64 = 500;

/// What the text of a page is about.
const PAGE_BYTES: usize = 4 << 20;

/// A format of the export.
#[derive(Serialize, ToSchema)]
pub(crate) struct FormatView {
    title: &'static str,
    description: &'static str,
    link: &'static str,
    name: &'static str,
}

pub(crate) async fn formats(
    State(app): State<App>,
    actor: Actor,
    Id(project): Id<ProjectId>,
) -> Answer<Json<Vec<FormatView>>> {
    app.engine.get_project(&actor, project).await?;
    Ok(Json(vec![FormatView {
        title: "JSON",
        description: "List of items in raw JSON format stored in one JSON file.",
        link: "https://labelstud.io/guide/export.html#JSON",
        name: "JSON",
    }]))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    Annotated,
    All,
}

pub(crate) async fn export(
    State(app): State<App>,
    actor: Actor,
    Id(project): Id<ProjectId>,
    query: Query,
) -> Answer<impl IntoResponse> {
    let format = query
        .text("exportType")
        .or_else(|| query.text("export_type"));
    if format.is_some_and(|format| format != "JSON") {
        return Err(ApiError::invalid_request(
            "The only export format here is JSON.",
        ));
    }
    let which = if query.flag("download_all_tasks", false) {
        Which::All
    } else {
        Which::Annotated
    };
    app.engine.begin_download(&actor, project).await?;
    let reader = Reader {
        engine: app.engine,
        actor,
        project,
        which,
        offset: 0,
        page: 10,
        is_first: true,
    };
    let bracket = |text: &'static [u8]| stream::once(async move { Ok(Bytes::from_static(text)) });
    let array = bracket(b"[")
        .chain(stream::try_unfold(reader, Reader::next))
        .chain(bracket(b"]"));
    let disposition = format!("attachment; filename=\"project-{project}.json\"");
    let body = Body::from_stream(array);
    let mut response = ([(header::CONTENT_DISPOSITION, disposition)], body).into_response();
    stranger::JSON_FILE.put_on(response.headers_mut());
    Ok(response)
}

struct Reader {
    engine: Engine,
    actor: Actor,
    project: ProjectId,
    which: Which,
    offset: i64,
    /// Tasks of the next page.
    page: i64,
    is_first: bool,
}

impl Reader {
    /// The next items of the array, separated by commas. An error ends the connection, so that
    /// nobody takes a part for the whole.
    async fn next(mut self) -> engine::Result<Option<(Bytes, Self)>> {
        loop {
            let paging = TaskPaging {
                project: Some(self.project),
                limit: self.page,
                offset: self.offset,
            };
            let mut tasks = self.engine.list_tasks(&self.actor, &paging).await?.tasks;
            if tasks.is_empty() {
                return Ok(None);
            }
            self.offset += tasks.len() as i64;
            tasks.retain(|task| self.which == Which::All || task.annotation_count > 0);
            self.page = (self.page * 4).min(PAGE);
            if !tasks.is_empty() {
                let items = self.items(&tasks).await?;
                let of_one = items.len() / tasks.len() + 1;
                self.page = self.page.min((PAGE_BYTES / of_one) as i64).max(1);
                return Ok(Some((items.into(), self)));
            }
        }
    }

    async fn items(&mut self, tasks: &[Task]) -> engine::Result<Vec<u8>> {
        let ids: Vec<TaskId> = tasks.iter().map(|task| task.id).collect();
        let annotations = self.engine.annotations_of_tasks(&self.actor, &ids).await?;
        let predictions = self.engine.predictions_of_tasks(&self.actor, &ids).await?;
        let sizes = tasks.iter().map(|task| task.data.get().len());
        let sizes = sizes.chain(annotations.iter().map(|a| a.result.get().len()));
        let is_first = std::mem::take(&mut self.is_first);
        let written = aside(sizes.sum(), || {
            written(tasks, &annotations, &predictions, is_first)
        });
        written.await
    }
}

/// These tasks as items of the array, each behind a comma unless it is the first of all.
fn written(
    tasks: &[Task],
    annotations: &[Annotation],
    predictions: &[Prediction],
    is_first: bool,
) -> engine::Result<Vec<u8>> {
    let mut text = Vec::new();
    for (index, task) in tasks.iter().enumerate() {
        if index > 0 || !is_first {
            text.push(b',');
        }
        let annotations = annotations.iter().filter(|a| a.task_id == task.id);
        let predictions = predictions.iter().filter(|p| p.task_id == task.id);
        let item = ExportTask::new(
            task.clone(),
            annotations.cloned().collect(),
            &predictions.cloned().collect::<Vec<_>>(),
        );
        serde_json::to_writer(&mut text, &item)
            .map_err(|error| engine::Error::Internal(format!("export: {error}")))?;
    }
    Ok(text)
}
