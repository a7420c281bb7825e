//! Exports: how every target storage stands, live, and a project's annotations as a file.

use askama::Template;
use axum::{extract::State, response::Response};
use model::{Actor, Direction, Project, ProjectId};

use super::{
    Person,
    events::Watcher,
    frame::{Frame, ProjectHead, Section, Tab, grouped},
    html::{render, title},
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
    counts: Counts,
}

/// The target storages, which are live.
#[derive(Template)]
#[template(path = "parts/export_list.html")]
struct List {
    /// With the project's id and title, where targets of several are shown.
    targets: Vec<(Card, Option<(ProjectId, String)>)>,
    /// Of the one project.
    counts: Option<Counts>,
}

/// What a download has in it.
struct Counts {
    annotated: String,
    tasks: String,
    annotations: String,
}

impl Counts {
    fn of(project: &Project) -> Self {
        Self {
            annotated: grouped(project.labeled_task_count),
            tasks: grouped(project.task_count),
            annotations: grouped(project.annotation_count),
        }
    }
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
        Ok(Self {
            targets,
            counts: None,
        })
    }

    async fn of_project(app: &App, actor: &Actor, project: ProjectId) -> Result<Self, ApiError> {
        let targets = cards(app, actor, project, Direction::Target).await?;
        let project = app.engine.get_project(actor, project).await?;
        Ok(Self {
            targets: targets.into_iter().map(|card| (card, None)).collect(),
            counts: Some(Counts::of(&project)),
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

pub(crate) async fn events(State(app): State<App>, watcher: Watcher) -> Response {
    let actor = watcher.actor;
    let look = move || {
        let app = app.clone();
        async move { List::of_everything(&app, &actor).await }
    };
    watcher.watch(look).await
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
                counts: Counts::of(&project),
                head: ProjectHead::new(&project, &actor, Tab::Exports),
                list,
            })
        }
        .await,
    )
}

pub(crate) async fn project_events(
    State(app): State<App>,
    watcher: Watcher,
    Id(id): Id<ProjectId>,
) -> Response {
    let actor = watcher.actor;
    let look = move || {
        let app = app.clone();
        async move { List::of_project(&app, &actor, id).await }
    };
    watcher.watch(look).await
}
