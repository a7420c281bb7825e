//! A project's annotated tasks as one file, streamed page by page.

use axum::{
    Json,
    body::{Body, Bytes},
    extract::State,
    http::header,
    response::IntoResponse,
};
use engine::{Engine, ExportFormat, ExportWriter, Format, LabeledTask, TaskPaging, aside};
use futures_util::stream;
use model::{Actor, ProjectId, Task, TaskId};

use crate::{
    App,
    api::{Answer, tasks::by_task},
    error::ApiError,
    extract::{Id, Query},
    stranger::{Shown, put_on},
};

/// Tasks read at once, at most; fewer when they are large.
const PAGE: i64 = 500;

/// What the text of a page is about.
const PAGE_BYTES: usize = 4 << 20;

pub(crate) async fn formats(
    State(app): State<App>,
    actor: Actor,
    Id(project): Id<ProjectId>,
) -> Answer<Json<Vec<&'static ExportFormat>>> {
    app.engine.get_project(&actor, project).await?;
    Ok(Json(Format::ALL.map(Format::about).into()))
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
    let format = match format {
        None => Format::Json,
        Some(name) => Format::named(name).ok_or_else(no_such_format)?,
    };
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
        writer: format.writer(),
    };
    let file = stream::try_unfold(Some(reader), async |reader| match reader {
        Some(reader) => reader.next().await,
        None => Ok(None),
    });
    let name = format.file_name(format_args!("project-{project}"));
    let disposition = format!("attachment; filename=\"{name}\"");
    let body = Body::from_stream(file);
    let mut response = ([(header::CONTENT_DISPOSITION, disposition)], body).into_response();
    put_on(
        &Shown::file(format.about().content_type),
        response.headers_mut(),
    );
    Ok(response)
}

fn no_such_format() -> ApiError {
    let names = Format::ALL.map(|format| format.about().name).join(", ");
    ApiError::invalid_request(format!("The export formats here: {names}."))
}

struct Reader {
    engine: Engine,
    actor: Actor,
    project: ProjectId,
    which: Which,
    offset: i64,
    /// Tasks of the next page.
    page: i64,
    writer: ExportWriter,
}

impl Reader {
    /// The file's next bytes, until the last with which there is no reader any more. An error ends
    /// the connection, so that nobody takes a part for the whole.
    async fn next(mut self) -> engine::Result<Option<(Bytes, Option<Self>)>> {
        loop {
            let paging = TaskPaging {
                project: Some(self.project),
                limit: self.page,
                offset: self.offset,
            };
            let mut tasks = self.engine.list_tasks(&self.actor, &paging).await?.tasks;
            if tasks.is_empty() {
                let mut rest = Vec::new();
                self.writer.finish(&mut rest);
                return Ok(Some((rest.into(), None)));
            }
            self.offset += tasks.len() as i64;
            tasks.retain(|task| self.which == Which::All || task.annotation_count > 0);
            self.page = (self.page * 4).min(PAGE);
            if !tasks.is_empty() {
                let count = tasks.len();
                let items = self.items(tasks).await?;
                let of_one = items.len() / count + 1;
                self.page = self.page.min((PAGE_BYTES / of_one) as i64).max(1);
                return Ok(Some((items.into(), Some(self))));
            }
        }
    }

    async fn items(&mut self, tasks: Vec<Task>) -> engine::Result<Vec<u8>> {
        let ids: Vec<TaskId> = tasks.iter().map(|task| task.id).collect();
        let annotations = self.engine.annotations_of_tasks(&self.actor, &ids).await?;
        let predictions = self.engine.predictions_of_tasks(&self.actor, &ids).await?;
        let sizes = tasks.iter().map(|task| task.data.get().len());
        let sizes = sizes.chain(annotations.iter().map(|a| a.result.get().len()));
        let size = sizes.sum();
        let mut annotations = by_task(annotations, |annotation| annotation.task_id);
        let mut predictions = by_task(predictions, |prediction| prediction.task_id);
        let writer = &mut self.writer;
        let written = aside(size, || {
            let mut text = Vec::new();
            for task in tasks {
                let item = LabeledTask {
                    annotations: annotations.remove(&task.id).unwrap_or_default(),
                    predictions: predictions.remove(&task.id).unwrap_or_default(),
                    task,
                };
                writer.push(item, &mut text);
            }
            text
        });
        Ok(written.await)
    }
}
