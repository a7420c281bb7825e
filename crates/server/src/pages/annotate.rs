//! The Annotate page: the annotation editor on one task, under a thin bar. A document of its own, because the
//! editor's stylesheet and its content security policy are its own too.

use std::collections::BTreeMap;

use askama::Template;
use axum::{
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Redirect, Response},
};
use engine::{LabelConfig, RedirectAccount};
use model::{Actor, Permission, Project, ProjectId, Task};
use serde::Serialize;

use super::{
    Person,
    frame::{Frame, ProjectHead, Section, Tab},
    html::{failed, render, title},
};
use crate::{
    App,
    editor::{Editor, Loading},
    error::ApiError,
    extract::Id,
    static_files,
};

#[derive(Template)]
#[template(path = "annotate.html")]
struct Annotate {
    project: ProjectId,
    project_title: String,
    name: String,
    position: String,
    has_controls: bool,
    may_annotate: bool,
    may_manage: bool,
    editor: Option<&'static Editor>,
    /// [`Data`] as JSON that cannot end its `<script>`.
    data: String,
}

/// What `static/annotate.js` reads from the page.
#[derive(Serialize)]
struct Data<'a> {
    task: i64,
    project: ProjectData<'a>,
    user: UserData,
    may_annotate: bool,
    editor: Option<Loading<'a>>,
    redirects: Vec<RedirectData>,
    /// `.blob.core.windows.net`: hosts whose blobs are read through this server.
    blob_hosts: String,
}

#[derive(Serialize)]
struct ProjectData<'a> {
    id: i64,
    title: &'a str,
    config: &'a str,
    task_count: i64,
}

/// Also the editor's `user`.
#[derive(Serialize)]
struct UserData {
    id: i64,
    email: String,
}

/// An account that the browser reads from itself, and what to say when it cannot.
#[derive(Serialize)]
struct RedirectData {
    account: String,
    cause: String,
    fix: engine::Fix,
    /// The access check's page, for those who may open it.
    check: Option<String>,
}

/// What else the page may load, beside what the editor always needs.
struct Loads {
    /// Origins of storage accounts.
    accounts: Vec<String>,
    /// The editor decodes audio in a WebAssembly module.
    audio: bool,
    /// The browser's own viewer, which a PDF needs.
    pdf: bool,
}

/// `GET /projects/{id}/tasks/{task}`.
pub(crate) async fn show(
    State(app): State<App>,
    Person(actor): Person,
    Path((project, task)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let load = async {
        let (Ok(project), Ok(task)) = (project.parse(), task.parse()) else {
            return Err(ApiError::not_found());
        };
        let task = app.engine.get_task(&actor, task).await?;
        let project = app.engine.get_project(&actor, project).await?;
        if task.project_id != project.id {
            return Err(ApiError::not_found());
        }
        load(&app, &actor, &project, &task, &headers).await
    };
    match load.await {
        Ok((page, loads)) => with_policy(render(Ok(page)), &loads.policy("'none'")),
        Err(error) => failed(&error),
    }
}

async fn load(
    app: &App,
    actor: &Actor,
    project: &Project,
    task: &Task,
    headers: &HeaderMap,
) -> Result<(Annotate, Loads), ApiError> {
    let who = app.engine.whoami(actor).await?;
    let accounts = app
        .engine
        .redirect_accounts(actor, project.id, &origin(app, headers))
        .await?;
    let may_manage = actor.may(Permission::ManageProjects);
    let editor = Editor::embedded();
    let data = Data {
        task: task.id.0,
        project: ProjectData {
            id: project.id.0,
            title: title(&project.title),
            config: &project.label_config,
            task_count: project.task_count,
        },
        user: UserData {
            id: who.user.id.0,
            email: who.user.email,
        },
        may_annotate: actor.may(Permission::Annotate),
        editor: editor.map(Editor::loading),
        redirects: accounts
            .iter()
            .map(|account| RedirectData::new(account, may_manage))
            .collect(),
        blob_hosts: blob_hosts(app),
    };
    let page = Annotate {
        project: project.id,
        project_title: title(&project.title).to_owned(),
        name: task
            .source_blob_name
            .clone()
            .unwrap_or_else(|| format!("Task {}", task.id)),
        position: position(task.inner_id, project.task_count),
        has_controls: LabelConfig::parse(&project.label_config)
            .is_ok_and(|config| config.has_controls()),
        may_annotate: data.may_annotate,
        may_manage,
        editor,
        data: script_json(&data)?,
    };
    let accounts = accounts.into_iter().map(|account| account.address);
    Ok((page, Loads::of(&project.label_config, accounts.collect())))
}

/// `GET /projects/{id}/label`: to the next task, or that there is none.
pub(crate) async fn label(
    State(app): State<App>,
    Person(actor): Person,
    Id(id): Id<ProjectId>,
) -> Response {
    match app.engine.next_task(&actor, id, None).await {
        Ok(task) => Redirect::to(&format!("/projects/{id}/tasks/{}", task.id)).into_response(),
        Err(engine::Error::NothingLeft) => render(nothing_left(&app, &actor, id).await),
        Err(error) => failed(&error.into()),
    }
}

#[derive(Template)]
#[template(path = "nothing_left.html")]
struct NothingLeft {
    frame: Frame,
    head: ProjectHead,
}

async fn nothing_left(app: &App, actor: &Actor, id: ProjectId) -> Result<NothingLeft, ApiError> {
    let project = app.engine.get_project(actor, id).await?;
    Ok(NothingLeft {
        frame: Frame::load(app, actor, Section::Projects).await?,
        head: ProjectHead::new(&project, actor, Tab::Tasks),
    })
}

impl RedirectData {
    fn new(account: &RedirectAccount, may_manage: bool) -> Self {
        Self {
            account: account.account.to_string(),
            cause: account.unreadable.cause.clone(),
            fix: account.unreadable.fix.clone(),
            check: may_manage.then(|| format!("/storages/{}/check", account.storage)),
        }
    }
}

impl Loads {
    fn of(label_config: &str, accounts: Vec<String>) -> Self {
        Self {
            accounts,
            audio: label_config.contains("<Audio"),
            pdf: label_config.contains("<Pdf") || label_config.contains("<PDF"),
        }
    }

    /// Without `unsafe-eval`, so that no script in a labeling config runs either. The editor styles its elements
    /// one by one, and makes workers and media of blobs in memory.
    fn policy(&self, framed_by: &str) -> String {
        let accounts: String = self
            .accounts
            .iter()
            .map(|origin| format!(" {origin}"))
            .collect();
        let wasm = if self.audio {
            " 'wasm-unsafe-eval'"
        } else {
            ""
        };
        let object = if self.pdf {
            format!("'self'{accounts}")
        } else {
            "'none'".to_owned()
        };
        format!(
            "default-src 'none'; script-src 'self'{wasm}; style-src 'self' 'unsafe-inline'; \
             img-src 'self' data: blob:{accounts}; media-src 'self' blob:{accounts}; \
             connect-src 'self' data: blob:{accounts}; worker-src 'self' blob:; font-src 'self' data:; \
             object-src {object}; form-action 'self'; base-uri 'none'; frame-ancestors {framed_by}"
        )
    }
}

/// The page under another policy than the other pages.
fn with_policy(mut response: Response, policy: &str) -> Response {
    if let Ok(policy) = HeaderValue::try_from(policy) {
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// As the browser sees the page: a CORS rule names this.
fn origin(app: &App, headers: &HeaderMap) -> String {
    let public = &app.settings.public_url;
    match headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
    {
        Some(host) => format!("{}://{host}", public.scheme()),
        None => public.origin().ascii_serialization(),
    }
}

fn blob_hosts(app: &App) -> String {
    format!(".{}", app.engine.cloud().uri_suffix)
}

/// `3 of 120`; a task's number can be above the count when others were deleted.
fn position(number: i64, count: i64) -> String {
    if number <= count {
        format!("{number} of {count}")
    } else {
        format!("no. {number}")
    }
}

/// JSON for a `<script type="application/json">`.
fn script_json(data: &impl Serialize) -> Result<String, ApiError> {
    let json = serde_json::to_string(data).map_err(|_| ApiError::internal())?;
    Ok(json.replace('<', "\\u003c"))
}

/// What the preview shows by kind, before the project has tasks.
const SAMPLES: [(&str, &str); 5] = [
    ("audio", "sample.wav"),
    ("image", "sample.png"),
    ("pdf", "sample.pdf"),
    ("text", "sample.txt"),
    ("video", "sample.webm"),
];

#[derive(Template)]
#[template(path = "label_preview.html")]
struct Preview {
    editor: Option<&'static Editor>,
    data: String,
}

/// What `static/label_preview.js` reads from the page.
#[derive(Serialize)]
struct PreviewData<'a> {
    project: i64,
    config: &'a str,
    user: UserData,
    editor: Option<Loading<'a>>,
    blob_hosts: String,
    samples: BTreeMap<&'static str, &'static str>,
}

/// `GET /projects/{id}/label-preview`: the editor on samples, in a frame of our own pages.
pub(crate) async fn preview(
    State(app): State<App>,
    Person(actor): Person,
    Id(id): Id<ProjectId>,
    headers: HeaderMap,
) -> Response {
    let load = async {
        let who = app.engine.whoami(&actor).await?;
        let project = app.engine.get_project(&actor, id).await?;
        let accounts = app
            .engine
            .redirect_accounts(&actor, id, &origin(&app, &headers))
            .await?;
        let editor = Editor::embedded();
        let data = PreviewData {
            project: id.0,
            config: &project.label_config,
            user: UserData {
                id: who.user.id.0,
                email: who.user.email,
            },
            editor: editor.map(Editor::loading),
            blob_hosts: blob_hosts(&app),
            samples: SAMPLES
                .iter()
                .map(|(kind, file)| (*kind, static_files::address(file)))
                .collect(),
        };
        let page = Preview {
            editor,
            data: script_json(&data)?,
        };
        // The config is typed while the page is open: any tag may come.
        let loads = Loads {
            accounts: accounts
                .into_iter()
                .map(|account| account.address)
                .collect(),
            audio: true,
            pdf: true,
        };
        Ok((page, loads))
    };
    match load.await {
        Ok((page, loads)) => with_policy(render(Ok(page)), &loads.policy("'self'")),
        Err(error) => failed(&error),
    }
}

#[cfg(test)]
mod tests {
    use super::{Loads, position, script_json};

    #[test]
    fn the_policy_allows_what_the_config_needs_and_no_more() {
        let of = |config: &str, accounts: &[&str]| {
            let accounts = accounts.iter().map(|&account| account.to_owned()).collect();
            Loads::of(config, accounts).policy("'none'")
        };
        let image = of("<View><Image name=\"i\" value=\"$i\"/></View>", &[]);
        assert!(image.contains("script-src 'self';"), "{image}");
        assert!(image.contains("object-src 'none'"), "{image}");
        assert!(!image.contains("https:"), "{image}");
        let pdf = of(
            "<View><Pdf name=\"p\" value=\"$p\"/></View>",
            &["https://a.blob.example"],
        );
        assert!(
            pdf.contains("object-src 'self' https://a.blob.example;"),
            "{pdf}"
        );
        assert!(
            pdf.contains("img-src 'self' data: blob: https://a.blob.example;"),
            "{pdf}"
        );
        let audio = of("<View><Audio name=\"a\" value=\"$a\"/></View>", &[]);
        assert!(
            audio.contains("script-src 'self' 'wasm-unsafe-eval';"),
            "{audio}"
        );
    }

    #[test]
    fn texts_in_the_page_cannot_end_their_script() {
        let json = script_json(&"</script><script>").unwrap();
        assert_eq!(json, r#""\u003c/script>\u003cscript>""#);
        assert_eq!(position(3, 120), "3 of 120");
        assert_eq!(position(130, 120), "no. 130");
    }
}
