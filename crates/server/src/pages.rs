//! The pages: server-rendered (askama, `templates/`), one file a page. What is live on them comes
//! as server-sent events of the same HTML; nothing needs a refresh.

pub(crate) mod account;
pub(crate) mod audit_page;
mod check;
pub(crate) mod connect;
pub(crate) mod editor_licences;
pub(crate) mod entra;
mod events;
mod form;
mod frame;
pub(crate) mod home;
mod html;
pub(crate) mod integrations;
pub(crate) mod invitation;
pub(crate) mod members_page;
mod sign_in;
pub(crate) mod tokens_page;
pub(crate) mod words;

use axum::{
    extract::{FromRequestParts, State},
    http::request::Parts,
    response::{IntoResponse, Redirect, Response},
};
use engine::TaskPaging;
use model::{Actor, Direction, Permission, ProjectId, Storage, SyncStatus};
use serde_json::Value;

use crate::{
    App,
    error::ApiError,
    extract::{Id, Query},
};
pub(crate) use check::{check, check_form};
use html::{Plain, Text, failed, page, render, title};
pub(crate) use sign_in::{sign_in, sign_in_form, sign_out};

const TASKS_OF_A_PAGE: i64 = 50;

/// A signed-in person; others are sent to the sign-in page.
pub(crate) struct Person(Actor);

impl FromRequestParts<App> for Person {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        match Actor::from_request_parts(parts, app).await {
            Ok(actor) => Ok(Self(actor)),
            Err(error) if error.is_unauthenticated() => {
                let next: String =
                    url::form_urlencoded::byte_serialize(parts.uri.path().as_bytes()).collect();
                Err(Redirect::to(&format!("/user/login?next={next}")).into_response())
            }
            Err(error) => Err(failed(&error)),
        }
    }
}

pub(crate) async fn project(
    State(app): State<App>,
    Person(actor): Person,
    Id(id): Id<ProjectId>,
    query: Query,
) -> Response {
    render(project_body(&app, &actor, id, &query).await)
}

async fn project_body(
    app: &App,
    actor: &Actor,
    id: ProjectId,
    query: &Query,
) -> Result<Plain, ApiError> {
    let who = app.engine.whoami(actor).await?;
    let project = app.engine.get_project(actor, id).await?;
    let storages = storages(app, actor, id).await?;
    let at = query.page(TASKS_OF_A_PAGE)?;
    let paging = TaskPaging {
        project: Some(id),
        limit: at.size,
        offset: at.offset(),
    };
    let found = app.engine.list_tasks(actor, &paging).await?;
    at.check(found.total)?;
    let data = app.engine.data_for_browser(actor, &found.tasks).await?;
    let mut rows = String::new();
    for (task, data) in found.tasks.iter().zip(data) {
        let value: Value = serde_json::from_str(data.get()).unwrap_or_default();
        rows += &format!(
            "<tr><td class=\"number\">{}</td><td>{}</td><td>{}</td><td class=\"number\">{}</td></tr>",
            task.id,
            Text(task.source_blob_name.as_deref().unwrap_or_default()),
            media_links(&value),
            task.annotation_count,
        );
    }
    let turn = |number: i64, text: &str| {
        format!(
            "<a href=\"/projects/{id}?{}\">{text}</a> ",
            Text(&query.with_page(number))
        )
    };
    let mut turns = String::new();
    if at.number > 1 {
        turns += &turn(at.number - 1, "Previous");
    }
    if at.offset() + at.size < found.total {
        turns += &turn(at.number + 1, "Next");
    }
    let body = format!(
        "<p><a href=\"/\">All projects</a></p><ul class=\"storages\">{}</ul>\
         <table><caption>{} tasks, {} annotations</caption><thead><tr><th class=\"number\">Task</th><th>Blob</th><th>Media</th><th class=\"number\">Annotations</th></tr></thead>\
         <tbody>{rows}</tbody></table><p>{turns}</p>",
        storages
            .iter()
            .map(|storage| format!("<li>{}</li>", storage_line(app, storage)))
            .collect::<String>(),
        found.total,
        found.total_annotations,
    );
    Ok(page(title(&project.title), Some(&who.user.email), &body))
}

/// The project's storages, for those who may see them.
async fn storages(app: &App, actor: &Actor, project: ProjectId) -> Result<Vec<Storage>, ApiError> {
    let mut found = Vec::new();
    if actor.may(Permission::ManageProjects) {
        for direction in [Direction::Source, Direction::Target] {
            found.extend(
                app.engine
                    .list_storages(actor, project, direction, None)
                    .await?,
            );
        }
    }
    Ok(found)
}

fn storage_line(app: &App, storage: &Storage) -> String {
    let run = storage.last_run.as_ref();
    let status = run.map_or(SyncStatus::Initialized, |run| run.status);
    let arrow = match storage.direction {
        Direction::Source => "from",
        Direction::Target => "to",
    };
    let counts = run.map_or_else(String::new, |run| {
        format!(", {} new, {} failed", run.counts.created, run.counts.failed)
    });
    let problem = run
        .and_then(|run| run.error.as_deref())
        .map_or_else(String::new, |error| {
            format!("<div class=\"problem\">{}</div>", Text(error))
        });
    format!(
        "<div>{arrow} <code>{}/{}/{}</code> <span class=\"status {1}\">{status}</span>{counts} <small>{kind}</small> <a href=\"/storages/{id}/check\">Check access</a>{problem}{alerts}</div>",
        Text(storage.account.as_str()),
        Text(storage.container.as_str()),
        Text(storage.prefix.as_str()),
        status = status.as_str().replace('_', " "),
        kind = storage.kind.title(),
        id = storage.id,
        alerts = check::alerts(app, storage),
    )
}

fn media_links(data: &Value) -> String {
    let mut links = String::new();
    collect_links(data, "", &mut links);
    links
}

fn collect_links(value: &Value, name: &str, links: &mut String) {
    match value {
        Value::String(text) if text.starts_with("/tasks/") => {
            *links += &format!("<a href=\"{}\">{}</a> ", Text(text), Text(name));
        }
        Value::Array(items) => items
            .iter()
            .for_each(|item| collect_links(item, name, links)),
        Value::Object(members) => members
            .iter()
            .for_each(|(name, member)| collect_links(member, name, links)),
        _ => {}
    }
}
