//! Tasks, configs and blobs as the pages with the annotation editor get them: as the API has them, with their HTML
//! clean ([`crate::clean`]). The API and the exports give the data as it came.

use axum::{
    Json,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use engine::{Delivery, ReadMethod, ResolveRequest, Resolved};
use futures_util::StreamExt;
use model::{Actor, ProjectId, Task, TaskId};
use serde::Serialize;
use serde_json::Value;

use crate::{
    App,
    api::{Answer, tasks},
    clean::{clean_config, clean_task, decoded, is_shown_as_html},
    error::ApiError,
    extract::{Body, Id, Query},
    fields::{Fields, Input},
    stranger::{Shown, put_on},
};

/// The largest HTML that is cleaned: the editor could not show more.
const LARGEST_BYTES: usize = 4 << 20;

/// `GET /tasks/{id}/shown`: the task.
pub(crate) async fn task(
    State(app): State<App>,
    actor: Actor,
    Id(id): Id<TaskId>,
) -> Answer<Json<Value>> {
    let task = app.engine.get_task(&actor, id).await?;
    shown(&app, &actor, task).await
}

/// `GET /projects/{id}/shown-next?after=…`: the next task to label.
pub(crate) async fn next(
    State(app): State<App>,
    actor: Actor,
    Id(project): Id<ProjectId>,
    query: Query,
) -> Answer<Json<Value>> {
    let after = query.id("after")?;
    let task = app.engine.next_task(&actor, project, after).await?;
    shown(&app, &actor, task).await
}

async fn shown(app: &App, actor: &Actor, task: Task) -> Answer<Json<Value>> {
    let project = app.engine.get_project(actor, task.project_id).await?;
    let task = tasks::for_editor(app, actor, task).await?;
    let task = serde_json::to_value(task).map_err(|_| ApiError::internal())?;
    aside(move || cleaned(task, &project.label_config))
        .await
        .map(Json)
}

fn cleaned(mut task: Value, config: &str) -> Value {
    clean_task(&mut task, &is_shown_as_html(config));
    task
}

/// A labeling config that may not be saved yet.
pub(crate) struct Draft {
    label_config: Option<String>,
}

impl Input for Draft {
    fn read(fields: &mut Fields) -> Self {
        Self {
            label_config: fields.text("label_config").value(),
        }
    }
}

/// A config, and the project's first task, as the preview shows them.
#[derive(Serialize)]
pub(crate) struct Preview {
    /// None when it is not well-formed.
    config: Option<String>,
    task: Option<Value>,
}

/// `POST /projects/{id}/label-preview/shown`: changes nothing.
pub(crate) async fn preview(
    State(app): State<App>,
    actor: Actor,
    Id(project): Id<ProjectId>,
    Body(draft): Body<Draft>,
) -> Answer<Json<Preview>> {
    let config = draft
        .label_config
        .ok_or_else(|| ApiError::required("label_config"))?;
    app.engine.get_project(&actor, project).await?;
    let first = tasks::first(&app, &actor, project).await?;
    let first = first.map(serde_json::to_value).transpose();
    let first = first.map_err(|_| ApiError::internal())?;
    let preview = aside(move || Preview {
        task: first.map(|task| cleaned(task, &config)),
        config: clean_config(&config),
    });
    preview.await.map(Json)
}

/// `GET /tasks/{id}/shown-html?fileuri=…`: a blob's HTML, through this server also where media are pre-signed.
pub(crate) async fn html(
    State(app): State<App>,
    actor: Actor,
    Id(task): Id<TaskId>,
    query: Query,
) -> Answer<Response> {
    let fileuri = query.text("fileuri").unwrap_or_default();
    let request = ResolveRequest {
        method: ReadMethod::Get,
        delivery: Delivery::Streamed,
        ..ResolveRequest::default()
    };
    let Resolved::Blob(blob) = app.engine.resolve(&actor, task, fileuri, &request).await? else {
        return Err(ApiError::internal());
    };
    let mut bytes = Vec::new();
    if let Some(mut body) = blob.body {
        while let Some(part) = body.next().await {
            let part = part.map_err(|_| ApiError::internal())?;
            if bytes.len() + part.len() > LARGEST_BYTES {
                return Err(ApiError::too_large("The HTML", LARGEST_BYTES as u64));
            }
            bytes.extend_from_slice(&part);
        }
    }
    let read = crate::clean::Read::of_body(query.flag("base64", false));
    let text = aside(move || decoded(&String::from_utf8_lossy(&bytes), read)).await?;
    let mut response = ([(header::CACHE_CONTROL, "no-store")], text).into_response();
    put_on(
        &Shown::of(Some("text/plain"), "", None),
        response.headers_mut(),
    );
    Ok(response)
}

/// Work that takes a processor for a while, away from the threads that answer.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Answer<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| ApiError::internal())
}
