//! Exports: how every target storage stands, live, and a project's annotations as a file.

use askama::Template;
use axum::{extract::State, response::Response};
use model::{Actor, Direction, ProjectId};

use super::{
    Person,
    events::watch,
    frame::{Frame, ProjectHead, Section, Tab, grouped},
    html::{failed, render, title},
    project_storages::{Card, cards},
};
use crate::{App, error::ApiError, extract::Id};

#[derive(Template)]
#[template(path = "exports.html")]
struct Exports {
    frame: Frame,
    list: List,
}

#[derive(Template)]
#[template(path = "project_exports.html")]
struct ProjectExports {
    frame: Frame,
    head: ProjectHead,
    list: List,
    annotated: String,
    tasks: String,
    annotations: String,
}

/// The target storages, which are live.
#[derive(Template)]
#[template(path = "parts/export_list.html")]
struct List {
    /// With the project's id and title, where targets of several are shown.
    targets: Vec<(Card, Option<(ProjectId, String)>)>,
}

impl List {
    async fn of_everything(app: &App, actor: &Actor) -> Result<Self, ApiError> {
        let mut targets = Vec::new();
        for target in app.engine.list_all_storages(actor).await? {
            if target.direction != Direction::Target {
                continue;
            }
            let project = app.engine.get_project(actor, target.project_id).await?;
            let of = (project.id, title(&project.title).to_owned());
            targets.push((Card::load(app, actor, &target).await?, Some(of)));
        }
        Ok(Self { targets })
    }

    async fn of_project(app: &App, actor: &Actor, project: ProjectId) -> Result<Self, ApiError> {
        let targets = cards(app, actor, project, Direction::Target).await?;
        Ok(Self {
            targets: targets.into_iter().map(|card| (card, None)).collect(),
        })
    }
}

pub(crate) async fn show(State(app): State<App>, Person(actor): Person) -> Response {
    render(
        async {
            Ok(Exports {
                list: List::of_everything(&app, &actor).await?,
                frame: Frame::load(&app, &actor, Section::Exports).await?,
            })
        }
        .await,
    )
}

pub(crate) async fn events(State(app): State<App>, Person(actor): Person) -> Response {
    if let Err(error) = List::of_everything(&app, &actor).await {
        return failed(&error);
    }
    let of = app.clone();
    watch(&app, move || {
        let (app, actor) = (of.clone(), actor);
        async move { List::of_everything(&app, &actor).await }
    })
}

pub(crate) async fn show_project(
    State(app): State<App>,
    Person(actor): Person,
    Id(id): Id<ProjectId>,
) -> Response {
    render(
        async {
            let list = List::of_project(&app, &actor, id).await?;
            let project = app.engine.get_project(&actor, id).await?;
            Ok(ProjectExports {
                frame: Frame::load(&app, &actor, Section::Projects).await?,
                annotated: grouped(project.labeled_task_count),
                tasks: grouped(project.task_count),
                annotations: grouped(project.annotation_count),
                head: ProjectHead::new(&project, &actor, Tab::Exports),
                list,
            })
        }
        .await,
    )
}

pub(crate) async fn project_events(
    State(app): State<App>,
    Person(actor): Person,
    Id(id): Id<ProjectId>,
) -> Response {
    if let Err(error) = List::of_project(&app, &actor, id).await {
        return failed(&error);
    }
    let of = app.clone();
    watch(&app, move || {
        let (app, actor) = (of.clone(), actor);
        async move { List::of_project(&app, &actor, id).await }
    })
}
