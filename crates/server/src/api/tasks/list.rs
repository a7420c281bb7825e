//! Lists of tasks: which, in which order, how much of each. A page number says where a list begins;
//! from there on it is read by key and sent piece by piece.

use axum::{
    body::{Body, Bytes},
    extract::State,
    response::Response,
};
use engine::{TaskCursor, TaskFilter, TaskOrder, TaskPaging, aside};
use futures_util::{StreamExt as _, stream};
use model::{Actor, ProjectId, Task, TaskId, budgets};
use serde::Serialize;

use super::{Detail, TaskPage, Uris, asked::Asked, views};
use crate::{
    App,
    api::{Answer, json_text, large, task_walk::TaskWalk},
    extract::{Id, PageRequest, Query},
};

/// Tasks of a page when the query does not say.
const PAGE_SIZE: i64 = 100;

pub(crate) async fn list(State(app): State<App>, actor: Actor, query: Query) -> Answer<Response> {
    let asked = Asked::read(&query)?;
    let page = query.page_of_any_size(PAGE_SIZE)?;
    let Some(project) = query.id("project")? else {
        return of_organization(&app, &actor, &asked, page, Uris::of(&query)).await;
    };
    let (totals, walk) = match asked.ids {
        Some(ids) => of_ids(&app, &actor, project, ids, page).await?,
        None => of_project(&app, &actor, project, asked.order, page).await?,
    };
    let envelope = serde_json::to_string(&totals).unwrap_or_default();
    let head = envelope.strip_suffix("]}").unwrap_or_default();
    let list = List::new(&app, &actor, walk, asked.detail, Uris::of(&query));
    list.answer(head, "]}").await
}

pub(crate) async fn list_of_project(
    State(app): State<App>,
    actor: Actor,
    Id(project): Id<ProjectId>,
    query: Query,
) -> Answer<Response> {
    let asked = Asked::read(&query)?;
    let page = query.page_of_any_size(PAGE_SIZE)?;
    let (_, walk) = match asked.ids {
        Some(ids) => of_ids(&app, &actor, project, ids, page).await?,
        None => of_project(&app, &actor, project, asked.order, page).await?,
    };
    let detail = match asked.detail {
        Detail::Ids => Detail::Ids,
        Detail::Listed | Detail::Whole => Detail::Whole,
    };
    let list = List::new(&app, &actor, walk, detail, Uris::of(&query));
    list.answer("[", "]").await
}

/// The totals of a project's list, and its tasks from the page on.
async fn of_project(
    app: &App,
    actor: &Actor,
    project: ProjectId,
    order: TaskOrder,
    page: PageRequest,
) -> Answer<(TaskPage, TaskWalk)> {
    // Of a page that is not the first, the task before it says where it begins.
    let task_at = async |offset: i64| {
        let paging = TaskPaging {
            project: Some(project),
            limit: 1,
            offset,
        };
        app.engine.list_tasks(actor, &paging).await
    };
    let offset = page.offset();
    let mut found = task_at((offset - 1).max(0)).await?;
    page.check(found.total)?;
    if order == TaskOrder::NewestFirst && offset > 0 {
        found = task_at(found.total - offset).await?;
    }
    let cursor = match found.tasks.first() {
        Some(before) if offset > 0 => TaskCursor::After(before.id),
        _ => TaskCursor::First,
    };
    let filter = TaskFilter {
        order,
        ..TaskFilter::all(project)
    };
    let walk = TaskWalk::of_list(&app.engine, actor, filter).part(cursor, page.size);
    let totals = TaskPage {
        total_annotations: found.total_annotations,
        total_predictions: found.total_predictions,
        total: found.total,
        tasks: Vec::new(),
    };
    Ok((totals, walk))
}

/// The same of tasks that were chosen one by one.
async fn of_ids(
    app: &App,
    actor: &Actor,
    project: ProjectId,
    mut ids: Vec<TaskId>,
    page: PageRequest,
) -> Answer<(TaskPage, TaskWalk)> {
    app.engine.get_project(actor, project).await?;
    ids.sort_unstable();
    ids.dedup();
    let chosen = app.engine.find_tasks_by_id(actor, project, &ids).await?;
    let sum = |of: fn(&Task) -> i64| chosen.iter().map(of).sum();
    let totals = TaskPage {
        total_annotations: sum(|task| task.annotation_count),
        total_predictions: sum(|task| task.prediction_count),
        total: chosen.len() as i64,
        tasks: Vec::new(),
    };
    page.check(totals.total)?;
    let of_page = chosen.iter().map(|task| task.id);
    let of_page = of_page
        .skip(page.offset() as usize)
        .take(page.size as usize)
        .collect();
    let walk = TaskWalk::of_ids(&app.engine, actor, project, of_page);
    Ok((totals, walk))
}

/// A page of the whole organization's tasks, by id.
async fn of_organization(
    app: &App,
    actor: &Actor,
    asked: &Asked,
    page: PageRequest,
    uris: Uris,
) -> Answer<Response> {
    let refused = |name: &str, message: String| Err(engine::Error::field(name, message).into());
    if page.size > budgets::LIST_PAGE {
        let most = budgets::LIST_PAGE;
        let message = format!("Give a project, or a page_size from 1 to {most}.");
        return refused("page_size", message);
    }
    if asked.ids.is_some() || asked.order != TaskOrder::OldestFirst {
        let message = "Give the project whose tasks are chosen or ordered.".to_owned();
        return refused("project", message);
    }
    let paging = TaskPaging {
        project: None,
        limit: page.size,
        offset: page.offset(),
    };
    let found = app.engine.list_tasks(actor, &paging).await?;
    page.check(found.total)?;
    let bytes = size(&found.tasks);
    let tasks = views(app, actor, found.tasks, asked.detail, uris).await?;
    #[derive(Serialize)]
    struct Page {
        total_annotations: i64,
        total_predictions: i64,
        total: i64,
        tasks: Vec<super::view::Item>,
    }
    let page = Page {
        total_annotations: found.total_annotations,
        total_predictions: found.total_predictions,
        total: found.total,
        tasks,
    };
    large(bytes, page).await
}

/// About how much of an answer tasks take: their data, and what is always said.
fn size(tasks: &[Task]) -> usize {
    tasks.iter().map(|task| task.data.get().len() + 512).sum()
}

/// A list on its way to the client.
struct List {
    app: App,
    actor: Actor,
    walk: TaskWalk,
    detail: Detail,
    uris: Uris,
    has_begun: bool,
}

impl List {
    fn new(app: &App, actor: &Actor, walk: TaskWalk, detail: Detail, uris: Uris) -> Self {
        Self {
            app: app.clone(),
            actor: *actor,
            walk,
            detail,
            uris,
            has_begun: false,
        }
    }

    /// The answer, of which the first piece is there: what is wrong is told by its status. A later
    /// error ends the connection, so that nobody takes a part for the whole.
    async fn answer(mut self, head: &str, tail: &'static str) -> Answer<Response> {
        let mut text = head.as_bytes().to_vec();
        text.extend(self.next().await?.unwrap_or_default());
        let second = self.next().await?;
        let Some(second) = second else {
            text.extend_from_slice(tail.as_bytes());
            return Ok(json_text(text));
        };
        let rest = stream::try_unfold(Some(self), async move |list| {
            let Some(mut list) = list else {
                return Ok(None);
            };
            Ok::<_, engine::Error>(Some(match list.next().await? {
                Some(piece) => (Bytes::from(piece), Some(list)),
                None => (Bytes::from_static(tail.as_bytes()), None),
            }))
        });
        let begun = [Bytes::from(text), Bytes::from(second)].map(Ok);
        Ok(json_text(Body::from_stream(
            stream::iter(begun).chain(rest),
        )))
    }

    /// The next tasks in JSON, with the comma before them.
    async fn next(&mut self) -> engine::Result<Option<Vec<u8>>> {
        let tasks = self.walk.next().await?;
        if tasks.is_empty() {
            return Ok(None);
        }
        let (count, bytes) = (tasks.len(), size(&tasks));
        let items = views(&self.app, &self.actor, tasks, self.detail, self.uris).await?;
        let written = aside(bytes, || serde_json::to_vec(&items)).await;
        let mut text =
            written.map_err(|error| engine::Error::Internal(format!("tasks as JSON: {error}")))?;
        self.walk.wrote(count, text.len());
        // Its brackets are those of the whole list.
        text.pop();
        text[0] = b',';
        if !self.has_begun {
            text.remove(0);
            self.has_begun = true;
        }
        Ok(Some(text))
    }
}
