//! Settings, Integrations: the links to Azure tenants, and the one that is being made.

mod link;

use std::collections::{HashMap, hash_map::Entry};

use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use engine::{ConnectStep, Integrations, LinkProof};
use model::{Actor, Direction, ProjectId, Storage, StorageId, SyncStatus};

use super::{
    Person,
    events::Watcher,
    failed,
    frame::{Frame, Section},
    home::{place, status_words},
    html::{render_live, title},
};
use crate::{
    App,
    api::azure_links::{AnonymousInput, state_of},
    error::ApiError,
    extract::{Body, moment},
};
pub(crate) use link::{agree, check, claim, confirm_unlink, show_link, unlink};

const PAGE: &str = "/settings/integrations";

#[derive(Template)]
#[template(path = "integrations.html")]
struct Page {
    frame: Frame,
    found: Integrations,
    /// Changes whenever something on the page does.
    state: String,
    containers: Containers,
}

/// Every storage of the organization, live.
#[derive(Template)]
#[template(path = "parts/containers.html")]
struct Containers {
    containers: Vec<Container>,
}

/// A storage, of whatever project.
struct Container {
    id: StorageId,
    place: String,
    use_words: &'static str,
    method: &'static str,
    project: ProjectId,
    project_title: String,
    status: &'static str,
    status_words: &'static str,
    /// The last failure that no success followed.
    failure: Option<String>,
}

pub(crate) async fn show(State(app): State<App>, Person(actor): Person) -> Response {
    render_live(page(&app, &actor).await, &app.engine.cloud().authority)
}

async fn page(app: &App, actor: &Actor) -> Result<Page, ApiError> {
    let found = app.engine.integrations(actor).await?;
    Ok(Page {
        frame: Frame::load(app, actor, Section::Integrations).await?,
        state: state_of(&found),
        containers: containers(app, actor).await?,
        found,
    })
}

pub(crate) async fn events(State(app): State<App>, watcher: Watcher) -> Response {
    let actor = watcher.actor;
    let look = move || {
        let app = app.clone();
        async move { containers(&app, &actor).await }
    };
    watcher.watch(look).await
}

async fn containers(app: &App, actor: &Actor) -> Result<Containers, ApiError> {
    let storages = app.engine.list_all_storages(actor).await?;
    let mut titles: HashMap<ProjectId, String> = HashMap::new();
    let mut containers = Vec::with_capacity(storages.len());
    for storage in &storages {
        let id = storage.project_id;
        if let Entry::Vacant(entry) = titles.entry(id) {
            let project = app.engine.get_project(actor, id).await?;
            entry.insert(title(&project.title).to_owned());
        }
        containers.push(Container::of(storage, &titles[&id]));
    }
    Ok(Containers { containers })
}

impl Page {
    /// While something is waited for, the page asks for it; else it looks now and then.
    fn is_waiting(&self) -> bool {
        let pending = self.found.pending.as_ref();
        pending.is_some_and(|pending| pending.step == ConnectStep::Waiting)
    }

    fn is_linked(&self) -> bool {
        let mut links = self.found.links.iter();
        links.any(|(link, _)| link.unlinked_at_ms.is_none())
    }
}

impl Container {
    fn of(storage: &Storage, project_title: &str) -> Self {
        let run = storage.last_run.as_ref();
        let status = run.map_or(SyncStatus::Initialized, |run| run.status);
        let health = &storage.health;
        let failure = health.last_failure.as_ref().filter(|failure| {
            health
                .last_success_at_ms
                .is_none_or(|at_ms| at_ms < failure.at_ms)
        });
        Self {
            id: storage.id,
            place: place(storage),
            use_words: match storage.direction {
                Direction::Source => "tasks come from it",
                Direction::Target => "annotations go to it",
            },
            method: storage.kind.method(),
            project: storage.project_id,
            project_title: project_title.to_owned(),
            status: status.as_str(),
            status_words: status_words(status),
            failure: failure.map(|failure| failure.text.clone()),
        }
    }
}

pub(crate) async fn set_anonymous(
    State(app): State<App>,
    Person(actor): Person,
    Body(form): Body<AnonymousInput>,
) -> Response {
    let allowed = form.anonymous_reads.unwrap_or_default();
    match app.engine.set_anonymous_reading(&actor, allowed).await {
        Ok(()) => Redirect::to(PAGE).into_response(),
        Err(error) => failed(&error.into()),
    }
}

/// Why a link gives containers, for people; `None` for one that gives none by their name.
fn proof_words(proof: Option<LinkProof>) -> Option<&'static str> {
    Some(match proof? {
        LinkProof::Administrator => "an administrator of the tenant signed in for it",
        LinkProof::Operator => "the operator of this server made it",
        LinkProof::Agreed => "an organization that holds the tenant agreed",
        LinkProof::Kept => {
            "it is from before proof was asked for, and nobody else had linked the tenant"
        }
    })
}

/// Until when somebody may still read by what was handed out.
fn last_sas(expires_at_ms: Option<i64>) -> String {
    expires_at_ms.map_or_else(
        || "No pre-signed URL was handed out with it.".to_owned(),
        |at| {
            format!(
                "The last pre-signed URL that was handed out ends by {}.",
                moment(at)
            )
        },
    )
}
