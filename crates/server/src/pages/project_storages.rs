//! A project's storages: where its tasks come from and its annotations go, live; and the line that
//! says what is being imported now.

use askama::Template;
use axum::{extract::State, response::Response};
use engine::RunningImports;
use model::{Actor, Direction, ProjectId, Storage};

use super::{
    Person,
    events::Watcher,
    frame::{Frame, ProjectHead, Section, Tab},
    home::place,
    html::{failed, render},
    storage::{
        live::{Live, several},
        name,
    },
};
use crate::{App, error::ApiError, extract::Id};

#[derive(Template)]
#[template(path = "project_storages.html")]
struct Storages {
    frame: Frame,
    head: ProjectHead,
    list: List,
}

/// The cards, which are live.
#[derive(Template)]
#[template(path = "parts/storage_list.html")]
struct List {
    project_id: ProjectId,
    sources: Vec<Card>,
    targets: Vec<Card>,
}

/// One storage in a list.
pub(super) struct Card {
    pub(super) name: String,
    pub(super) place: String,
    pub(super) method: &'static str,
    pub(super) live: Live,
}

impl Card {
    pub(super) async fn load(
        app: &App,
        actor: &Actor,
        storage: &Storage,
    ) -> Result<Self, ApiError> {
        Ok(Self {
            name: name(storage),
            place: place(storage).trim_end_matches('/').to_owned(),
            method: storage.kind.method(),
            live: Live::of(app, actor, storage).await?,
        })
    }
}

impl List {
    async fn load(app: &App, actor: &Actor, project: ProjectId) -> Result<Self, ApiError> {
        Ok(Self {
            project_id: project,
            sources: cards(app, actor, project, Direction::Source).await?,
            targets: cards(app, actor, project, Direction::Target).await?,
        })
    }
}

pub(super) async fn cards(
    app: &App,
    actor: &Actor,
    project: ProjectId,
    direction: Direction,
) -> Result<Vec<Card>, ApiError> {
    let storages = app.engine.list_storages(actor, project, direction, None);
    let mut cards = Vec::new();
    for storage in storages.await? {
        cards.push(Card::load(app, actor, &storage).await?);
    }
    Ok(cards)
}

pub(crate) async fn show(
    State(app): State<App>,
    Person(actor): Person,
    Id(id): Id<ProjectId>,
) -> Response {
    render(
        async {
            let list = List::load(&app, &actor, id).await?;
            let project = app.engine.get_project(&actor, id).await?;
            Ok(Storages {
                frame: Frame::load(&app, &actor, Section::Projects).await?,
                head: ProjectHead::new(&project, &actor, Tab::Storages),
                list,
            })
        }
        .await,
    )
}

pub(crate) async fn events(
    State(app): State<App>,
    watcher: Watcher,
    Id(id): Id<ProjectId>,
) -> Response {
    let actor = watcher.actor;
    let look = move || {
        let app = app.clone();
        async move { List::load(&app, &actor, id).await }
    };
    watcher.watch(look).await
}

/// A project's progress, and what is being imported now.
#[derive(Template)]
#[template(path = "parts/importing.html")]
struct Importing {
    head: ProjectHead,
    running: RunningImports,
    /// Tasks that came in while somebody watched, however they came.
    came_in: Option<i64>,
}

impl Importing {
    fn new_tasks(&self) -> String {
        several(self.running.created, "new task", "new tasks")
    }

    fn came_in_words(&self) -> Option<String> {
        self.came_in
            .map(|count| several(count, "new task", "new tasks"))
    }
}

/// For everybody who sees the project: `Importing: 540 new tasks so far`.
pub(crate) async fn importing(
    State(app): State<App>,
    watcher: Watcher,
    Id(id): Id<ProjectId>,
) -> Response {
    let actor = watcher.actor;
    // What was there before the imports that run already.
    let before = match app.engine.running_imports(&actor, id).await {
        Ok(running) => running.tasks - running.created,
        Err(error) => return failed(&error.into()),
    };
    let look = move || {
        let app = app.clone();
        async move {
            let project = app.engine.get_project(&actor, id).await?;
            let running = app.engine.running_imports(&actor, id).await?;
            // Also what a run brought that began and ended between two looks.
            let came_in = Some(running.tasks - before);
            let came_in = came_in.filter(|count| running.runs == 0 && *count > 0);
            Ok(Importing {
                head: ProjectHead::new(&project, &actor, Tab::Tasks),
                running,
                came_in,
            })
        }
    };
    watcher.watch(look).await
}
