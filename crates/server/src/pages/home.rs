//! Projects: what there is to label, how far it is, and where it comes from.

use std::{collections::HashMap, sync::Arc};

use askama::Template;
use axum::{extract::State, response::Response};
use model::{
    Actor, Direction, Permission, Project, ProjectId, Storage, StorageId, SyncStatus,
    budgets::SEARCH,
};

use super::{
    Person,
    events::Watcher,
    frame::{Frame, Section, progress},
    html::{render, title},
};
use crate::{App, error::ApiError, extract::Query};

const PROJECTS_OF_A_PAGE: i64 = 24;

#[derive(Template)]
#[template(path = "home.html")]
struct Home {
    frame: Frame,
    cards: Cards,
    /// Where they come from, live.
    events: String,
}

/// A page of projects, which is live.
#[derive(Template)]
#[template(path = "parts/project_cards.html")]
struct Cards {
    may_manage_projects: bool,
    may_manage_organization: bool,
    search: String,
    total: i64,
    projects: Vec<ProjectCard>,
    previous: Option<String>,
    next: Option<String>,
}

struct ProjectCard {
    id: ProjectId,
    title: String,
    description: String,
    task_count: i64,
    labeled_task_count: i64,
    progress: String,
    is_being_deleted: bool,
    storages: Vec<StorageLine>,
}

struct StorageLine {
    id: StorageId,
    arrow: &'static str,
    place: String,
    status: &'static str,
    status_words: String,
}

pub(crate) async fn show(State(app): State<App>, Person(actor): Person, query: Query) -> Response {
    render(
        async {
            let page = query.page(PROJECTS_OF_A_PAGE)?.number;
            Ok(Home {
                frame: Frame::load(&app, &actor, Section::Projects).await?,
                cards: load(&app, &actor, &query).await?,
                events: format!("/events?{}", query.with_page(page)),
            })
        }
        .await,
    )
}

pub(crate) async fn events(State(app): State<App>, watcher: Watcher, query: Query) -> Response {
    let (actor, query) = (watcher.actor, Arc::new(query));
    let look = move || {
        let (app, query) = (app.clone(), query.clone());
        async move { load(&app, &actor, &query).await }
    };
    watcher.watch(look).await
}

async fn load(app: &App, actor: &Actor, query: &Query) -> Result<Cards, ApiError> {
    let search = query.text("search").unwrap_or_default().trim();
    let search: String = search.chars().take(SEARCH).collect();
    let at = query.page(PROJECTS_OF_A_PAGE)?;
    let found = app
        .engine
        .search_projects(actor, &search, at.size, at.offset())
        .await?;
    at.check(found.total)?;
    let mut storages: HashMap<ProjectId, Vec<StorageLine>> = HashMap::new();
    if actor.may(Permission::ManageProjects) {
        for storage in app.engine.list_all_storages(actor).await? {
            let lines = storages.entry(storage.project_id).or_default();
            lines.push(StorageLine::of(&storage));
        }
    }
    let turn = |number: i64| format!("/?{}", query.with_page(number));
    Ok(Cards {
        may_manage_projects: actor.may(Permission::ManageProjects),
        may_manage_organization: actor.may(Permission::ManageOrganization),
        search,
        total: found.total,
        previous: (at.number > 1).then(|| turn(at.number - 1)),
        next: (at.offset() + at.size < found.total).then(|| turn(at.number + 1)),
        projects: found
            .items
            .into_iter()
            .map(|project| ProjectCard::of(&project, storages.remove(&project.id)))
            .collect(),
    })
}

impl ProjectCard {
    fn of(project: &Project, storages: Option<Vec<StorageLine>>) -> Self {
        Self {
            id: project.id,
            title: title(&project.title).to_owned(),
            description: project.description.clone(),
            task_count: project.task_count,
            labeled_task_count: project.labeled_task_count,
            is_being_deleted: project.is_being_deleted,
            progress: progress(project.labeled_task_count, project.task_count),
            storages: storages.unwrap_or_default(),
        }
    }
}

impl StorageLine {
    fn of(storage: &Storage) -> Self {
        let run = storage.last_run.as_ref();
        let status = run.map_or(SyncStatus::Initialized, |run| run.status);
        Self {
            id: storage.id,
            arrow: match storage.direction {
                Direction::Source => "from",
                Direction::Target => "to",
            },
            place: place(storage),
            status: status.as_str(),
            status_words: status_words(status).to_owned(),
        }
    }
}

/// `account/container/prefix`.
pub(super) fn place(storage: &Storage) -> String {
    format!(
        "{}/{}/{}",
        storage.account, storage.container, storage.prefix
    )
}

/// A run's state, as people say it.
pub(super) fn status_words(status: SyncStatus) -> &'static str {
    match status {
        SyncStatus::Initialized => "not run yet",
        SyncStatus::Queued => "waiting",
        SyncStatus::InProgress => "running",
        SyncStatus::Completed => "completed",
        SyncStatus::CompletedWithErrors => "completed with errors",
        SyncStatus::Failed => "failed",
        SyncStatus::Cancelled => "cancelled",
    }
}
