//! A project's tasks as a grid of tiles or as a list: filtered by the address, paged by key, with
//! what can be done to many at once.

mod bulk;
mod filter;
mod tile;

use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use engine::{TaskCursor, TaskFilter};
use model::{Actor, Direction, Permission, Project, ProjectId, StorageId, UserId};

use super::{
    Person,
    frame::{Frame, ProjectHead, Section, Tab, grouped},
    home::place,
    html::{failed, render},
};
use crate::{
    App,
    error::ApiError,
    extract::{Id, Query},
    media_origin,
    policy::allowing,
};
pub(crate) use bulk::{confirm, delete};
use filter::{ListQuery, View};
use tile::Tile;
pub(crate) use tile::{picture, thumbnail};

/// Tasks of a page.
const TASKS_OF_A_PAGE: i64 = 60;

#[derive(Template)]
#[template(path = "grid.html")]
struct Grid {
    frame: Frame,
    head: ProjectHead,
    query: ListQuery,
    annotators: Vec<(UserId, String)>,
    storages: Vec<(StorageId, String)>,
    /// What was just done, in words.
    done: Option<String>,
    page: Tiles,
}

/// A page of tasks; also the part that a search adds when it goes on.
#[derive(Template)]
#[template(path = "parts/tiles.html")]
struct Tiles {
    project: ProjectId,
    view: View,
    tasks: Vec<Tile>,
    may_manage: bool,
    /// Where a search goes on that stopped before the page was full, and how far it is, in words.
    goes_on: Option<(String, String)>,
    first: Option<String>,
    back: Option<String>,
    next: Option<String>,
    /// Only the tiles and the way on, for a search that goes on.
    is_part: bool,
    /// Tasks on the page, with those that it had before.
    found: i64,
}

/// `GET /projects/{id}`.
pub(crate) async fn show(
    State(app): State<App>,
    Person(actor): Person,
    Id(id): Id<ProjectId>,
    query: Query,
) -> Response {
    let load = async {
        let project = app.engine.get_project(&actor, id).await?;
        let query = ListQuery::read(&query, &actor);
        if query.goes_on {
            let page = tiles(&app, &actor, &project, &query).await?;
            return Ok(render(Ok(page)));
        }
        let page = render(Ok(load(&app, &actor, &project, query).await?));
        // Also when no video is on this page: a filter puts others into it under the same policy.
        let accounts = media_origin::all(&app, &actor, id).await?;
        let pictures = accounts.iter().map(|account| ("img-src", account.as_str()));
        let films = accounts
            .iter()
            .map(|account| ("media-src", account.as_str()));
        let more: Vec<_> = pictures
            .chain(films)
            .chain([("media-src", "'self'")])
            .collect();
        Ok(allowing(page, &more))
    };
    let page: Result<Response, ApiError> = load.await;
    page.unwrap_or_else(|error| failed(&error).into_response())
}

async fn load(
    app: &App,
    actor: &Actor,
    project: &Project,
    query: ListQuery,
) -> Result<Grid, ApiError> {
    let mut storages = Vec::new();
    if actor.may(Permission::ManageProjects) {
        let found = app
            .engine
            .list_storages(actor, project.id, Direction::Source, None)
            .await?;
        storages.extend(found.iter().map(|storage| (storage.id, place(storage))));
    }
    Ok(Grid {
        frame: Frame::load(app, actor, Section::Projects).await?,
        head: ProjectHead::new(project, actor, Tab::Tasks),
        annotators: app.engine.list_annotators(actor, project.id).await?,
        storages,
        done: query.done.map(|done| done.words()),
        page: tiles(app, actor, project, &query).await?,
        query,
    })
}

/// The tasks of the page that the query asks for.
async fn tiles(
    app: &App,
    actor: &Actor,
    project: &Project,
    query: &ListQuery,
) -> Result<Tiles, ApiError> {
    let filter: TaskFilter = query.filter(project.id);
    // A search that goes on fills the page that it began.
    let wanted = (TASKS_OF_A_PAGE - query.found).clamp(1, TASKS_OF_A_PAGE);
    let list = app
        .engine
        .find_tasks(actor, &filter, query.cursor, wanted)
        .await?;
    let at_hand = app
        .engine
        .thumbnails_at_hand(actor, project, &list.tasks)
        .await?;
    let found = query.found + list.tasks.len() as i64;
    let looked_at = query.looked_at + list.looked_at;
    let address = |cursor, looked_at, found| query.address(project.id, cursor, looked_at, found);
    let goes_on = list.next.filter(|_| list.is_unfinished).map(|cursor| {
        let words = format!(
            "Searched {} of {} tasks so far.",
            grouped(looked_at),
            grouped(project.task_count.max(looked_at))
        );
        (address(cursor, looked_at, found), words)
    });
    Ok(Tiles {
        project: project.id,
        view: query.view,
        may_manage: actor.may(Permission::ManageProjects),
        first: (query.cursor != TaskCursor::First).then(|| address(TaskCursor::First, 0, 0)),
        back: match list.back {
            // The page that a search fills in steps began elsewhere: the browser's own Back leads there.
            Some(cursor) if query.found == 0 && !query.goes_on => Some(address(cursor, 0, 0)),
            _ => None,
        },
        next: list
            .next
            .filter(|_| !list.is_unfinished)
            .map(|cursor| address(cursor, looked_at, 0)),
        goes_on,
        tasks: list
            .tasks
            .into_iter()
            .zip(at_hand)
            .map(|(task, at_hand)| Tile::new(task, at_hand))
            .collect(),
        is_part: query.goes_on,
        found,
    })
}

impl Tiles {
    /// Nothing was found, and nothing more will be.
    fn is_empty(&self) -> bool {
        self.tasks.is_empty() && self.goes_on.is_none()
    }

    /// Are there others beside these?
    fn is_one_of_many(&self) -> bool {
        self.first.is_some() || self.next.is_some() || self.goes_on.is_some()
    }

    /// What a search says at its end.
    fn end_words(&self) -> &'static str {
        if self.found == 0 {
            "No task matches: every task was searched."
        } else {
            "That is all: every task was searched."
        }
    }
}
