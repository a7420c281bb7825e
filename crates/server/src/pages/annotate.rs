//! The Annotate page: the annotation editor on one task, under a thin bar. A document of its own, because the
//! editor's stylesheet and its content security policy are its own too.

use askama::Template;
use axum::{
    Json,
    extract::{Path, State},
    http::HeaderMap,
    response::{IntoResponse, Redirect, Response},
};
use engine::{Fix, LabelConfig, Unreadable, project_settings};
use model::{Actor, Permission, Project, ProjectId, Task, TaskId};
use serde::Serialize;

use super::{
    Person,
    editor_page::{self, UserData, script_json},
    frame::{Frame, ProjectHead, Section, Tab},
    html::{failed, render, title},
};
use crate::{
    App,
    clean::clean_config,
    editor::{Editor, Loading},
    error::ApiError,
    extract::{Id, Query},
    media_origin,
    policy::{EditorLoads, Framed, own_origin, with_editor},
};

#[derive(Template)]
#[template(path = "annotate.html")]
struct Annotate {
    project: ProjectId,
    project_title: String,
    name: String,
    position: String,
    has_controls: bool,
    may_annotate: bool,
    may_manage: bool,
    editor: Option<&'static Editor>,
    /// What the project's managers tell annotators; empty when nothing.
    instruction: String,
    /// Is it shown before somebody begins?
    shows_instruction: bool,
    /// [`Data`] as JSON that cannot end its `<script>`.
    data: String,
}

/// What `static/annotate.js` reads from the page.
#[derive(Serialize)]
struct Data<'a> {
    task: i64,
    project: ProjectData<'a>,
    user: UserData,
    organization: i64,
    may_annotate: bool,
    editor: Option<Loading<'a>>,
    /// `.blob.core.windows.net`: hosts whose blobs are read through this server.
    /// Where media come from, when the operator gave them a host name of their own.
    media_url: Option<&'a str>,
}

#[derive(Serialize)]
struct ProjectData<'a> {
    id: i64,
    title: &'a str,
    config: &'a str,
    task_count: i64,
}

/// `GET /projects/{id}/tasks/{task}`.
pub(crate) async fn show(
    State(app): State<App>,
    Person(actor): Person,
    Path((project, task)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let load = async {
        let (Ok(project), Ok(task)) = (project.parse(), task.parse()) else {
            return Err(ApiError::not_found());
        };
        let task = app.engine.get_task(&actor, task).await?;
        let project = app.engine.get_project(&actor, project).await?;
        if task.project_id != project.id {
            return Err(ApiError::not_found());
        }
        load(&app, &actor, &project, &task, &headers).await
    };
    match load.await {
        Ok((page, loads)) => with_editor(render(Ok(page)), &loads, Framed::Never),
        Err(error) => failed(&error),
    }
}

async fn load(
    app: &App,
    actor: &Actor,
    project: &Project,
    task: &Task,
    headers: &HeaderMap,
) -> Result<(Annotate, EditorLoads), ApiError> {
    let who = app.engine.whoami(actor).await?;
    let accounts = media_origin::all(app, actor, project.id).await?;
    let may_manage = actor.may(Permission::ManageProjects);
    let editor = Editor::embedded();
    let config = clean_config(&project.label_config).unwrap_or_default();
    let data = Data {
        task: task.id.0,
        project: ProjectData {
            id: project.id.0,
            title: title(&project.title),
            config: &config,
            task_count: project.task_count,
        },
        user: UserData {
            id: who.user.id.0,
            email: who.user.email,
        },
        organization: actor.org_id.0,
        may_annotate: actor.may(Permission::Annotate),
        editor: editor.map(Editor::loading),
        media_url: app.settings.media_url.as_ref().map(url::Url::as_str),
    };
    let settings = project_settings(project);
    let page = Annotate {
        project: project.id,
        project_title: title(&project.title).to_owned(),
        name: task
            .source_blob_name
            .clone()
            .unwrap_or_else(|| format!("Task {}", task.id)),
        position: position(task.inner_id, project.task_count),
        has_controls: LabelConfig::read(&project.label_config)
            .await
            .is_ok_and(|config| config.has_controls()),
        may_annotate: data.may_annotate,
        may_manage,
        editor,
        instruction: settings["expert_instruction"]
            .as_str()
            .unwrap_or_default()
            .trim()
            .to_owned(),
        shows_instruction: settings["show_instruction"] == true,
        data: script_json(&data)?,
    };
    let loads = editor_page::loads(app, headers, &project.label_config, accounts);
    Ok((page, loads))
}

/// Why the browser could not read a blob, for `static/annotate_media.js`.
#[derive(Serialize)]
pub(crate) struct UnreadableView {
    cause: String,
    fix: Fix,
    /// The access check's page, for those who may open it.
    check: Option<String>,
}

/// `GET /tasks/{id}/unreadable?fileuri=…`: null when nothing is wrong as far as this server sees.
pub(crate) async fn unreadable(
    State(app): State<App>,
    actor: Actor,
    Id(task): Id<TaskId>,
    query: Query,
    headers: HeaderMap,
) -> Result<Json<Option<UnreadableView>>, ApiError> {
    let fileuri = query.text("fileuri").unwrap_or_default();
    let found = app
        .engine
        .why_unreadable(&actor, task, fileuri, &own_origin(&app, &headers))
        .await?;
    Ok(Json(found.map(|Unreadable { problem, storage }| {
        UnreadableView {
            cause: problem.cause,
            fix: problem.fix,
            check: storage
                .filter(|_| actor.may(Permission::ManageProjects))
                .map(|id| format!("/storages/{id}/check")),
        }
    })))
}

/// `GET /projects/{id}/label`: to the next task, or that there is none.
pub(crate) async fn label(
    State(app): State<App>,
    Person(actor): Person,
    Id(id): Id<ProjectId>,
) -> Response {
    match app.engine.next_task(&actor, id, None).await {
        Ok(task) => Redirect::to(&format!("/projects/{id}/tasks/{}", task.id)).into_response(),
        Err(engine::Error::NothingLeft) => render(nothing_left(&app, &actor, id).await),
        Err(error) => failed(&error.into()),
    }
}

#[derive(Template)]
#[template(path = "nothing_left.html")]
struct NothingLeft {
    frame: Frame,
    head: ProjectHead,
}

async fn nothing_left(app: &App, actor: &Actor, id: ProjectId) -> Result<NothingLeft, ApiError> {
    let project = app.engine.get_project(actor, id).await?;
    Ok(NothingLeft {
        frame: Frame::load(app, actor, Section::Projects).await?,
        head: ProjectHead::new(&project, actor, Tab::Tasks),
    })
}

/// `3 of 120`; a task's number can be above the count when others were deleted.
fn position(number: i64, count: i64) -> String {
    if number <= count {
        format!("{number} of {count}")
    } else {
        format!("no. {number}")
    }
}

#[cfg(test)]
mod tests {
    use super::position;

    #[test]
    fn a_task_knows_its_place() {
        assert_eq!(position(3, 120), "3 of 120");
        assert_eq!(position(130, 120), "no. 130");
    }
}
