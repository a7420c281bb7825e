//! The list of projects: which of them, and how much of each.

use axum::{extract::State, response::Response};
use engine::Page;
use model::{Actor, Project, ProjectId};
use serde_json::Value;

use super::{ProjectPage, views};
use crate::{
    App,
    api::{Answer, large},
    error::ApiError,
    extract::{PageRequest, Query},
    parameters::{PAGE, PAGE_SIZE, Parameter, ids, only, text},
};

/// Projects of a page when the query does not say.
const ROWS: i64 = 30;

/// What it can be asked by.
pub(crate) const PARAMETERS: [Parameter; 9] = [
    PAGE,
    PAGE_SIZE,
    text("search"),
    only(
        "ordering",
        &["-id", "-created_at"],
        "The newest project comes first.",
    ),
    only("filter", &["all"], NO_FILTER),
    ids("ids"),
    only("title", &[], NO_FILTER),
    only("state", &[], NO_FILTER),
    text("include"),
];
const NO_FILTER: &str = "Projects are found by search, in their title and description.";

pub(crate) async fn list(State(app): State<App>, actor: Actor, query: Query) -> Answer<Response> {
    let page = query.page(ROWS)?;
    let search = query.text("search").unwrap_or_default();
    let found = match query.ids("ids")? {
        None => {
            let found = app
                .engine
                .search_projects(&actor, search, page.size, page.offset());
            found.await?
        }
        Some(_) if !search.is_empty() => {
            let message = "Give search or ids, not both.";
            return Err(engine::Error::field("ids", message).into());
        }
        Some(ids) => of_ids(&app, &actor, ids, page).await?,
    };
    page.check(found.total)?;
    let Page { items, total } = found;
    let link = |number| {
        let mut url = app.settings.public_url.clone();
        url.set_path("/api/projects/");
        url.set_query(Some(&query.with_page(number)));
        String::from(url)
    };
    let last = page.offset() + page.size >= total;
    // A config is in its project's answer about four times.
    let bytes = 4 * items
        .iter()
        .map(|project| project.label_config.len())
        .sum::<usize>();
    let whole = ProjectPage {
        count: total,
        next: (!last).then(|| link(page.number + 1)),
        previous: (page.number > 1).then(|| link(page.number - 1)),
        results: views(&app, &actor, items).await?,
    };
    match query.text("include").filter(|names| !names.is_empty()) {
        None => large(bytes, whole).await,
        Some(names) => large(bytes, only_members(&whole, names)?).await,
    }
}

/// A page of these, newest first; those that are not the organization's are left out.
async fn of_ids(
    app: &App,
    actor: &Actor,
    ids: Vec<i64>,
    page: PageRequest,
) -> Answer<Page<Project>> {
    let mut items = Vec::new();
    for id in ids.into_iter().rev() {
        match app.engine.get_project(actor, ProjectId(id)).await {
            Ok(project) => items.push(project),
            Err(engine::Error::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let total = items.len() as i64;
    let of_page = items.into_iter().skip(page.offset() as usize);
    let items = of_page.take(page.size as usize).collect();
    Ok(Page { items, total })
}

/// The page with these members of its projects alone.
fn only_members(page: &ProjectPage, names: &str) -> Answer<Value> {
    let mut page = serde_json::to_value(page).map_err(|error| {
        tracing::error!(%error, "an answer could not be written");
        ApiError::internal()
    })?;
    let names: Vec<&str> = names.split(',').map(str::trim).collect();
    for project in page["results"].as_array_mut().into_iter().flatten() {
        if let Some(members) = project.as_object_mut() {
            members.retain(|name, _| names.contains(&name.as_str()));
        }
    }
    Ok(page)
}
