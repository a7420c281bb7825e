//! A project's settings: what it is called, what annotators are told, its labeling config, and its
//! end.

use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use engine::{ProjectInput, project_settings};
use model::{Actor, Direction, Project, ProjectId};
use serde_json::{Map, Value};

use super::{
    Person, failed,
    form::Form,
    frame::{Frame, ProjectHead, Section, Tab, grouped},
    html::{render, title, with_status},
    label_config::ConfigCheck,
    labeling_templates::{self, GALLERY, Group},
    new_project::checked_title,
};
use crate::{
    App,
    error::ApiError,
    extract::{Id, Query},
    policy::allowing,
};

#[derive(Template)]
#[template(path = "project_settings.html")]
struct ProjectSettings {
    frame: Frame,
    head: ProjectHead,
    /// Of both forms.
    form: Form,
    check: ConfigCheck,
    gallery: &'static [Group],
    notice: Option<String>,
}

pub(crate) async fn show(
    State(app): State<App>,
    Person(actor): Person,
    Id(id): Id<ProjectId>,
    query: Query,
) -> Response {
    with_preview(render(shown(&app, &actor, id, &query).await))
}

/// The page may have the preview's frame in it.
fn with_preview(page: Response) -> Response {
    allowing(page, &[("frame-src", "'self'")])
}

async fn shown(
    app: &App,
    actor: &Actor,
    id: ProjectId,
    query: &Query,
) -> Result<ProjectSettings, ApiError> {
    let project = app.engine.get_project(actor, id).await?;
    let mut values = saved(&project);
    let mut notice = None;
    if let Some(template) = query.text("template").and_then(labeling_templates::find) {
        values.push(("label_config", template.config.to_owned()));
        notice = Some(format!(
            "The template “{}” is in the editor and not saved yet: Save replaces the project's labeling config.",
            template.title
        ));
    } else if query.text("saved").is_some() {
        notice = Some("Saved.".to_owned());
    }
    page(app, actor, &project, Form::filled(values), notice).await
}

/// What is saved, as the forms name it.
fn saved(project: &Project) -> Vec<(&'static str, String)> {
    let settings = project_settings(project);
    let text = |name: &str| settings[name].as_str().unwrap_or_default().to_owned();
    let mut values = vec![
        ("title", project.title.clone()),
        ("description", project.description.clone()),
        ("expert_instruction", text("expert_instruction")),
        ("label_config", project.label_config.clone()),
    ];
    if settings["show_instruction"] == Value::Bool(true) {
        values.push(("show_instruction", "true".to_owned()));
    }
    values
}

async fn page(
    app: &App,
    actor: &Actor,
    project: &Project,
    form: Form,
    notice: Option<String>,
) -> Result<ProjectSettings, ApiError> {
    Ok(ProjectSettings {
        frame: Frame::load(app, actor, Section::Projects).await?,
        head: ProjectHead::new(project, actor, Tab::Settings),
        check: ConfigCheck::of(app, actor, project.id, form.value("label_config")).await?,
        form,
        gallery: &GALLERY,
        notice,
    })
}

/// Saves the title, the description and the instructions.
pub(crate) async fn save(
    State(app): State<App>,
    Person(actor): Person,
    Id(id): Id<ProjectId>,
    form: Form,
) -> Response {
    let input = checked_title(&form).map(|title| {
        let mut settings = Map::new();
        let instruction = form.value("expert_instruction").trim();
        settings.insert("expert_instruction".to_owned(), instruction.into());
        let shows = form.is("show_instruction", "true");
        settings.insert("show_instruction".to_owned(), shows.into());
        ProjectInput {
            title: Some(title),
            description: Some(form.value("description").trim().to_owned()),
            settings,
            ..ProjectInput::default()
        }
    });
    settle(&app, &actor, id, form, input).await
}

/// Saves the labeling config.
pub(crate) async fn save_label_config(
    State(app): State<App>,
    Person(actor): Person,
    Id(id): Id<ProjectId>,
    form: Form,
) -> Response {
    let input = ProjectInput {
        // A form's lines end with CR LF.
        label_config: Some(form.value("label_config").replace("\r\n", "\n")),
        ..ProjectInput::default()
    };
    settle(&app, &actor, id, form, Ok(input)).await
}

async fn settle(
    app: &App,
    actor: &Actor,
    id: ProjectId,
    form: Form,
    input: Result<ProjectInput, ApiError>,
) -> Response {
    let saved = async { Ok(app.engine.update_project(actor, id, &input?).await?) }.await;
    match saved {
        Ok(_) => Redirect::to(&format!("/projects/{id}/settings?saved")).into_response(),
        Err(error) => refused(app, actor, id, form, error)
            .await
            .unwrap_or_else(|error| failed(&error)),
    }
}

/// The page again: what was typed in one form, what is saved in the other.
async fn refused(
    app: &App,
    actor: &Actor,
    id: ProjectId,
    form: Form,
    error: ApiError,
) -> Result<Response, ApiError> {
    if error.field_errors().is_empty() {
        return Err(error);
    }
    let project = app.engine.get_project(actor, id).await?;
    let form = form.over(saved(&project)).refused(&error);
    let page = page(app, actor, &project, form, None).await?;
    Ok(with_preview(with_status(error.status(), page)))
}

#[derive(Template)]
#[template(path = "delete_project.html")]
struct DeleteProject {
    frame: Frame,
    form: Form,
    id: ProjectId,
    title: String,
    /// What goes, in words.
    goes: Vec<String>,
    /// Where annotations were written: these blobs stay.
    targets: Vec<String>,
}

pub(crate) async fn confirm_delete(
    State(app): State<App>,
    Person(actor): Person,
    Id(id): Id<ProjectId>,
) -> Response {
    render(confirmation(&app, &actor, id, Form::default()).await)
}

async fn confirmation(
    app: &App,
    actor: &Actor,
    id: ProjectId,
    form: Form,
) -> Result<DeleteProject, ApiError> {
    let project = app.engine.get_project(actor, id).await?;
    let engine = &app.engine;
    let sources = engine
        .list_storages(actor, id, Direction::Source, None)
        .await?;
    let targets = engine
        .list_storages(actor, id, Direction::Target, None)
        .await?;
    let counted = |count: i64, one: &str, many: &str| match count {
        1 => format!("1 {one}"),
        count => format!("{} {many}", grouped(count)),
    };
    let storages = (sources.len() + targets.len()) as i64;
    Ok(DeleteProject {
        frame: Frame::load(app, actor, Section::Projects).await?,
        form,
        id,
        title: title(&project.title).to_owned(),
        goes: vec![
            counted(project.task_count, "task", "tasks"),
            counted(project.annotation_count, "annotation", "annotations"),
            counted(project.prediction_count, "prediction", "predictions"),
            counted(
                storages,
                "storage, with its credential",
                "storages, with their credentials",
            ),
        ],
        targets: targets.iter().map(super::home::place).collect(),
    })
}

pub(crate) async fn delete(
    State(app): State<App>,
    Person(actor): Person,
    Id(id): Id<ProjectId>,
    form: Form,
) -> Response {
    let deleted = delete_named(&app, &actor, id, form).await;
    deleted.unwrap_or_else(|error| failed(&error))
}

/// Deletes the project if its title was typed.
async fn delete_named(
    app: &App,
    actor: &Actor,
    id: ProjectId,
    mut form: Form,
) -> Result<Response, ApiError> {
    let project = app.engine.get_project(actor, id).await?;
    if form.value("title").trim() != title(&project.title).trim() {
        form.wrong(
            "title",
            "This is not the project's title. Nothing was deleted.",
        );
        let page = confirmation(app, actor, id, form).await?;
        return Ok(with_status(axum::http::StatusCode::BAD_REQUEST, page));
    }
    app.engine.delete_project(actor, id).await?;
    Ok(Redirect::to("/").into_response())
}
