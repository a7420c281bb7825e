//! A few plain pages: sign in, the projects with their storages, a project's tasks with its media.
//! Server-rendered, without any script; every text goes through [`Text`], which escapes it.

use std::fmt::{self, Display, Formatter};

use axum::{
    extract::{FromRequestParts, State},
    http::{HeaderMap, HeaderName, Method, StatusCode, header, request::Parts},
    response::{Html, IntoResponse, Redirect, Response},
};
use engine::{SESSION_MS, TaskPaging};
use model::{Actor, Direction, Permission, ProjectId, Secret, Storage, SyncStatus};
use serde_json::Value;

use crate::{
    App,
    auth::{SESSION_COOKIE, check_same_site, session_of},
    error::ApiError,
    extract::{Body, Id, Query},
    fields::{Fields, Input},
};

const STYLES: &str = include_str!("pages/longshore.css");
const POLICY: (HeaderName, &str) = (
    header::CONTENT_SECURITY_POLICY,
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
);
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

/// The sign-in form.
pub(crate) struct SignIn {
    email: String,
    password: Secret,
    next: String,
}

impl Input for SignIn {
    fn read(fields: &mut Fields) -> Self {
        Self {
            email: fields.text("email").value().unwrap_or_default(),
            password: Secret::new(fields.text("password").value().unwrap_or_default()),
            next: fields.text("next").value().unwrap_or_default(),
        }
    }
}

pub(crate) async fn stylesheet() -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=3600"),
    ];
    (headers, STYLES)
}

pub(crate) async fn sign_in_form(query: Query) -> Response {
    sign_in_page(StatusCode::OK, query.text("next").unwrap_or_default(), "")
}

fn sign_in_page(status: StatusCode, next: &str, problem: &str) -> Response {
    let problem = match problem {
        "" => String::new(),
        text => format!("<p class=\"problem\" role=\"alert\">{}</p>", Text(text)),
    };
    let form = format!(
        "{problem}<form method=\"post\" action=\"/user/login\" class=\"narrow\">\
         <input type=\"hidden\" name=\"next\" value=\"{}\">\
         <label>E-mail <input type=\"email\" name=\"email\" autocomplete=\"username\" required autofocus></label>\
         <label>Password <input type=\"password\" name=\"password\" autocomplete=\"current-password\" required></label>\
         <button>Sign in</button></form>",
        Text(next)
    );
    (status, page("Sign in", None, &form)).into_response()
}

pub(crate) async fn sign_in(
    State(app): State<App>,
    headers: HeaderMap,
    Body(form): Body<SignIn>,
) -> Response {
    if let Err(error) = check_same_site(&Method::POST, &headers, &app) {
        return failed(&error);
    }
    match app.engine.sign_in(&form.email, &form.password).await {
        Ok((session, _)) => {
            let cookie = cookie(&app, session.expose(), SESSION_MS / 1000);
            (
                [(header::SET_COOKIE, cookie)],
                Redirect::to(own_path(&form.next)),
            )
                .into_response()
        }
        Err(error) => {
            let error = ApiError::from(error);
            sign_in_page(error.status(), &form.next, error.detail())
        }
    }
}

pub(crate) async fn sign_out(State(app): State<App>, headers: HeaderMap) -> Response {
    if let Err(error) = check_same_site(&Method::POST, &headers, &app) {
        return failed(&error);
    }
    if let Some(session) = session_of(&headers)
        && let Err(error) = app.engine.sign_out(session).await
    {
        return failed(&error.into());
    }
    (
        [(header::SET_COOKIE, cookie(&app, "", 0))],
        Redirect::to("/user/login"),
    )
        .into_response()
}

fn cookie(app: &App, value: &str, max_age_s: i64) -> String {
    let secure = if app.settings.public_url.scheme() == "https" {
        "; Secure"
    } else {
        ""
    };
    format!("{SESSION_COOKIE}={value}; Path=/; Max-Age={max_age_s}; HttpOnly; SameSite=Lax{secure}")
}

/// Where to go after signing in: a path of ours, never another site.
fn own_path(next: &str) -> &str {
    let is_ours = next.starts_with('/')
        && !next.starts_with("//")
        && next
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_ours { next } else { "/" }
}

pub(crate) async fn home(State(app): State<App>, Person(actor): Person) -> Response {
    render(home_body(&app, &actor).await)
}

async fn home_body(app: &App, actor: &Actor) -> Result<Html<String>, ApiError> {
    let who = app.engine.whoami(actor).await?;
    let projects = app.engine.list_projects(actor, 200, 0).await?;
    let mut rows = String::new();
    for project in &projects.items {
        let storages = storages(app, actor, project.id).await?;
        rows += &format!(
            "<tr><td><a href=\"/projects/{}\">{}</a></td><td class=\"number\">{}</td><td class=\"number\">{}</td><td>{}</td></tr>",
            project.id,
            Text(title(&project.title)),
            project.task_count,
            project.annotation_count,
            storages.iter().map(storage_line).collect::<String>(),
        );
    }
    let body = if projects.items.is_empty() {
        "<p>There are no projects. Create one with the API: <code>POST /api/projects/</code>.</p>"
            .to_owned()
    } else {
        format!(
            "<table><thead><tr><th>Project</th><th>Tasks</th><th>Annotations</th><th>Storages</th></tr></thead><tbody>{rows}</tbody></table>"
        )
    };
    Ok(page(&who.organization, Some(&who.user.email), &body))
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
) -> Result<Html<String>, ApiError> {
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
         <table><caption>{} tasks, {} annotations</caption><thead><tr><th>Task</th><th>Blob</th><th>Media</th><th>Annotations</th></tr></thead>\
         <tbody>{rows}</tbody></table><p>{turns}</p>",
        storages
            .iter()
            .map(|storage| format!("<li>{}</li>", storage_line(storage)))
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

fn storage_line(storage: &Storage) -> String {
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
        "<div>{arrow} <code>{}/{}/{}</code> <span class=\"status {1}\">{status}</span>{counts} <small>{kind}</small>{problem}</div>",
        Text(storage.account.as_str()),
        Text(storage.container.as_str()),
        Text(storage.prefix.as_str()),
        status = status.as_str().replace('_', " "),
        kind = storage.kind.title(),
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

fn title(text: &str) -> &str {
    if text.trim().is_empty() {
        "Untitled"
    } else {
        text
    }
}

fn render(body: Result<Html<String>, ApiError>) -> Response {
    match body {
        Ok(html) => ([POLICY], html).into_response(),
        Err(error) => failed(&error),
    }
}

fn failed(error: &ApiError) -> Response {
    let body = format!(
        "<p class=\"problem\">{}</p><p><a href=\"/\">All projects</a></p>",
        Text(error.detail())
    );
    (
        error.status(),
        [POLICY],
        page("That did not work", None, &body),
    )
        .into_response()
}

fn page(heading: &str, email: Option<&str>, body: &str) -> Html<String> {
    let person = email.map_or_else(String::new, |email| {
        format!(
            "<form method=\"post\" action=\"/user/logout\">{} <button>Sign out</button></form>",
            Text(email)
        )
    });
    Html(format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{0} · Longshore</title><link rel=\"stylesheet\" href=\"/static/longshore.css\"></head>\
         <body><header><strong>Longshore</strong>{person}</header><main><h1>{0}</h1>{body}</main></body></html>",
        Text(heading)
    ))
}

/// A text in HTML, also inside quoted attributes.
struct Text<'a>(&'a str);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            c => write!(f, "{c}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Text, own_path};

    #[test]
    fn texts_cannot_become_markup() {
        assert_eq!(
            Text("<a href='x' title=\"y\">&").to_string(),
            "&lt;a href=&#39;x&#39; title=&quot;y&quot;&gt;&amp;"
        );
    }

    #[test]
    fn signing_in_never_leads_to_another_site() {
        assert_eq!(own_path("/projects/5?page=2"), "/projects/5?page=2");
        for other in [
            "",
            "https://evil.com",
            "//evil.com",
            "/\\evil.com",
            "/a\r\nb",
            "javascript:alert(1)",
        ] {
            assert_eq!(own_path(other), "/", "{other}");
        }
    }
}
