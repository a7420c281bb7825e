//! A new project: its title, and a labeling config to begin with.

use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use engine::{FieldError, ProjectInput};
use model::Actor;

use super::{
    Person,
    form::Form,
    frame::{Frame, Section},
    html::{failed, render, with_status},
    labeling_templates::{self, GALLERY, Group},
};
use crate::{App, error::ApiError};

#[derive(Template)]
#[template(path = "new_project.html")]
struct NewProject {
    frame: Frame,
    form: Form,
    gallery: &'static [Group],
}

pub(crate) async fn show(State(app): State<App>, Person(actor): Person) -> Response {
    let form = Form::filled([("template", String::new())]);
    render(page(&app, &actor, form).await)
}

async fn page(app: &App, actor: &Actor, form: Form) -> Result<NewProject, ApiError> {
    Ok(NewProject {
        frame: Frame::load(app, actor, Section::Projects).await?,
        form,
        gallery: &GALLERY,
    })
}

pub(crate) async fn create(State(app): State<App>, Person(actor): Person, form: Form) -> Response {
    match make(&app, &actor, &form).await {
        Ok(address) => Redirect::to(&address).into_response(),
        Err(error) if error.field_errors().is_empty() => failed(&error),
        Err(error) => match page(&app, &actor, form.refused(&error)).await {
            Ok(page) => with_status(error.status(), page),
            Err(error) => failed(&error),
        },
    }
}

async fn make(app: &App, actor: &Actor, form: &Form) -> Result<String, ApiError> {
    let title = checked_title(form)?;
    let template = labeling_templates::find(form.value("template"));
    let input = ProjectInput {
        title: Some(title),
        description: Some(form.value("description").trim().to_owned()),
        label_config: template.map(|template| template.config.to_owned()),
        ..ProjectInput::default()
    };
    let project = app.engine.create_project(actor, &input).await?;
    Ok(format!("/projects/{}", project.id))
}

/// The API takes projects without a title; people would not find them again.
pub(super) fn checked_title(form: &Form) -> Result<String, ApiError> {
    let title = form.value("title").trim();
    if title.is_empty() {
        return Err(ApiError::invalid(vec![FieldError {
            field: "title".to_owned(),
            message: "Give the project a title.".to_owned(),
        }]));
    }
    Ok(title.to_owned())
}
