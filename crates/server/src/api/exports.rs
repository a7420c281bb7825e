//! A project's annotated tasks as one file, streamed piece by piece.

use axum::{
    Json,
    body::{Body, Bytes},
    extract::State,
    http::header,
    response::IntoResponse,
};
use engine::{Engine, ExportFormat, ExportWriter, Format, LabeledTask, TaskFilter, aside};
use futures_util::stream;
use model::{Actor, ProjectId, Task, TaskId};

use crate::{
    App,
    api::{Answer, task_walk::TaskWalk, tasks::by_task},
    error::ApiError,
    extract::{Id, Query},
    parameters::{Parameter, flag, ids, only, text},
    stranger::{Shown, put_on},
};

/// Of the download.
pub(crate) const PARAMETERS: [Parameter; 7] = [
    text("exportType"),
    text("export_type"),
    flag("download_all_tasks"),
    ids("ids"),
    flag("download_resources"),
    only(
        "interpolate_key_frames",
        &["false"],
        "Key frames of videos are not interpolated here.",
    ),
    only(
        "converted_format",
        &[],
        "There is one format, which exportType names.",
    ),
];

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
    /// With an annotation, also one that says "skipped".
    Annotated,
    All,
}

pub(crate) async fn export(
    State(app): State<App>,
    actor: Actor,
    Id(project): Id<ProjectId>,
    query: Query,
) -> Answer<impl IntoResponse> {
    let format = format(&query)?;
    let which = if query.flag("download_all_tasks", false) {
        Which::All
    } else {
        Which::Annotated
    };
    let ids = query.ids("ids")?;
    app.engine.begin_download(&actor, project).await?;
    let tasks = match ids {
        None => TaskWalk::of_list(&app.engine, &actor, TaskFilter::all(project)),
        Some(ids) => {
            let ids = ids.into_iter().map(TaskId).collect();
            TaskWalk::of_ids(&app.engine, &actor, project, ids)
        }
    };
    let reader = Reader {
        engine: app.engine,
        actor,
        which,
        tasks,
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

/// The format, by either of its two names. Media are not bundled: the SDK's own export asks for it
/// where it says `export_type=JSON`, which in Label Studio has none either.
fn format(query: &Query) -> Answer<Format> {
    let (name, same) = (query.text("exportType"), query.text("export_type"));
    if name.is_some() && same.is_some() && name != same {
        let message = "It says something else than exportType.";
        return Err(engine::Error::field("export_type", message).into());
    }
    let format = match name.or(same).filter(|name| !name.is_empty()) {
        None => Format::Json,
        Some(name) => Format::named(name).ok_or_else(no_such_format)?,
    };
    if query.flag("download_resources", false) && same.is_none() {
        let message =
            "Media are not bundled with an export: its tasks say where they are. Leave it out.";
        return Err(engine::Error::field("download_resources", message).into());
    }
    Ok(format)
}

fn no_such_format() -> ApiError {
    let names = Format::ALL.map(|format| format.about().name).join(", ");
    let message = format!("The export formats here: {names}.");
    engine::Error::field("exportType", message).into()
}

struct Reader {
    engine: Engine,
    actor: Actor,
    which: Which,
    tasks: TaskWalk,
    writer: ExportWriter,
}

impl Reader {
    /// The file's next bytes, until the last with which there is no reader any more. An error ends
    /// the connection, so that nobody takes a part for the whole.
    async fn next(mut self) -> engine::Result<Option<(Bytes, Option<Self>)>> {
        loop {
            let mut tasks = self.tasks.next().await?;
            if tasks.is_empty() {
                let mut rest = Vec::new();
                self.writer.finish(&mut rest);
                return Ok(Some((rest.into(), None)));
            }
            tasks.retain(|task| {
                self.which == Which::All
                    || task.annotation_count + task.cancelled_annotation_count > 0
            });
            if !tasks.is_empty() {
                let count = tasks.len();
                let items = self.items(tasks).await?;
                self.tasks.wrote(count, items.len());
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
