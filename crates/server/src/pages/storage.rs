//! A storage's pages: its live state, history, failed blobs, settings, access check.

pub(crate) mod errors;
pub(super) mod fields;
pub(crate) mod history;
pub(super) mod kinds;
pub(super) mod live;
pub(super) mod problem;
pub(crate) mod settings;

use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use model::{Actor, Direction, ImportMode, ServeMode, Storage, StorageId};

use super::{
    Person,
    events::Watcher,
    form::Form,
    frame::{Frame, Section, grouped},
    home::place,
    html::{failed, render, title},
};
use crate::{App, error::ApiError, extract::Id};
pub(super) use fields::Values;
use live::Live;

/// A storage's tabs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tab {
    Overview,
    History,
    Errors,
    Settings,
    Check,
}

/// The head of every page of a storage (`parts/storage_head.html`).
pub(super) struct StorageHead {
    pub(super) id: StorageId,
    pub(super) project_id: model::ProjectId,
    pub(super) project_title: String,
    pub(super) name: String,
    pub(super) place: String,
    pub(super) method: &'static str,
    pub(super) is_source: bool,
    failed_blobs: i64,
    pub(super) tab: Tab,
}

impl StorageHead {
    pub(super) async fn load(
        app: &App,
        actor: &Actor,
        storage: &Storage,
        tab: Tab,
    ) -> Result<Self, ApiError> {
        let project = app.engine.get_project(actor, storage.project_id).await?;
        let errors = app.engine.list_blob_errors(actor, storage.id, 1, 0).await?;
        Ok(Self {
            id: storage.id,
            project_id: storage.project_id,
            project_title: title(&project.title).to_owned(),
            name: name(storage),
            place: place(storage).trim_end_matches('/').to_owned(),
            method: storage.kind.method(),
            is_source: storage.direction == Direction::Source,
            failed_blobs: errors.1,
            tab,
        })
    }

    pub(super) fn tabs(&self) -> Vec<(Tab, String, String)> {
        let at = |rest: &str| format!("/storages/{}{rest}", self.id);
        let mut tabs = vec![
            (Tab::Overview, at(""), "Overview".to_owned()),
            (Tab::History, at("/history"), "History".to_owned()),
        ];
        if self.is_source {
            tabs.push((Tab::Errors, at("/errors"), errors_tab(self.failed_blobs)));
        }
        tabs.push((Tab::Settings, at("/settings"), "Settings".to_owned()));
        tabs.push((Tab::Check, at("/check"), "Check access".to_owned()));
        tabs
    }
}

/// The name of the tab with the failed blobs.
pub(super) fn errors_tab(failed: i64) -> String {
    format!("Errors ({})", grouped(failed))
}

/// What people call the storage: its title, or where it is.
pub(super) fn name(storage: &Storage) -> String {
    match storage.title.trim() {
        "" => place(storage).trim_end_matches('/').to_owned(),
        title => title.to_owned(),
    }
}

#[derive(Template)]
#[template(path = "storage.html")]
struct Overview {
    frame: Frame,
    head: StorageHead,
    live: Live,
    facts: Vec<(&'static str, String)>,
}

pub(crate) async fn show(
    State(app): State<App>,
    Person(actor): Person,
    Id(id): Id<StorageId>,
) -> Response {
    render(
        async {
            let storage = app.engine.find_storage(&actor, id).await?;
            Ok(Overview {
                frame: Frame::load(&app, &actor, Section::Projects).await?,
                head: StorageHead::load(&app, &actor, &storage, Tab::Overview).await?,
                live: Live::load(&app, &actor, id).await?,
                facts: facts(&storage),
            })
        }
        .await,
    )
}

fn facts(storage: &Storage) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("Storage account", storage.account.to_string()),
        ("Container", storage.container.to_string()),
        (
            "Prefix",
            match storage.prefix.as_str() {
                "" => "none: the whole container".to_owned(),
                prefix => prefix.to_owned(),
            },
        ),
        ("Signs in by", storage.kind.method().to_owned()),
    ];
    match storage.direction {
        Direction::Source => {
            let what = match storage.import_mode {
                ImportMode::Files => "one task per blob",
                ImportMode::Tasks => "the tasks in JSON and JSONL files",
            };
            facts.push(("Imports", what.to_owned()));
            let filter = storage
                .regex_filter
                .as_deref()
                .unwrap_or("none: every blob");
            facts.push(("Filter", filter.to_owned()));
            let depth = match storage.recursive {
                true => "all levels",
                false => "the first level only",
            };
            facts.push(("Folders", depth.to_owned()));
            let media = match storage.serve_mode {
                ServeMode::Proxy => "through this server".to_owned(),
                ServeMode::Presigned => format!(
                    "pre-signed URLs that live {} minutes",
                    storage.presign_ttl_minutes
                ),
            };
            facts.push(("Media", media));
        }
        Direction::Target => {
            let layout = match storage.export_layout {
                model::ExportLayout::PerAnnotation => "one blob per annotation: ANNOTATION_ID.json",
                model::ExportLayout::PerTask => "one blob per task: TASK_ID.json",
            };
            facts.push(("Writes", layout.to_owned()));
            let deletes = match storage.can_delete_objects {
                true => "the blob is deleted too",
                false => "the blob stays",
            };
            facts.push(("When an annotation is deleted", deletes.to_owned()));
        }
    }
    facts
}

/// The live panel of one storage.
pub(crate) async fn events(
    State(app): State<App>,
    watcher: Watcher,
    Id(id): Id<StorageId>,
) -> Response {
    let actor = watcher.actor;
    let look = move || {
        let app = app.clone();
        async move { Live::load(&app, &actor, id).await }
    };
    watcher.watch(look).await
}

/// Sync now, or write everything now.
pub(crate) async fn sync(
    State(app): State<App>,
    Person(actor): Person,
    Id(id): Id<StorageId>,
    form: Form,
) -> Response {
    back(id, &form, start(&app, &actor, id).await)
}

pub(super) async fn start(app: &App, actor: &Actor, id: StorageId) -> Result<Storage, ApiError> {
    let storage = app.engine.find_storage(actor, id).await?;
    Ok(match storage.direction {
        Direction::Source => app.engine.start_sync(actor, storage.kind, id).await?,
        Direction::Target => app.engine.start_export(actor, storage.kind, id).await?,
    })
}

pub(crate) async fn cancel(
    State(app): State<App>,
    Person(actor): Person,
    Id(id): Id<StorageId>,
    form: Form,
) -> Response {
    let cancelled = async {
        let storage = app.engine.find_storage(&actor, id).await?;
        let cancelled = app.engine.cancel_run(&actor, storage.storage_type(), id);
        Ok(cancelled.await?)
    };
    back(id, &form, cancelled.await)
}

/// Lets a target storage overwrite the blobs in its way.
pub(crate) async fn adopt(
    State(app): State<App>,
    Person(actor): Person,
    Id(id): Id<StorageId>,
    form: Form,
) -> Response {
    let adopted = async {
        let storage = app.engine.find_storage(&actor, id).await?;
        Ok(app.engine.adopt_blobs(&actor, storage.kind, id).await?)
    };
    back(id, &form, adopted.await)
}

/// To the page that the button is on; each has the live state.
fn back(id: StorageId, form: &Form, done: Result<Storage, ApiError>) -> Response {
    let of_storage = format!("/storages/{id}");
    match (done, form.value("back")) {
        (Err(error), _) => failed(&error),
        (Ok(storage), "project") => {
            Redirect::to(&format!("/projects/{}/storages", storage.project_id)).into_response()
        }
        (Ok(storage), "project_exports") => {
            Redirect::to(&format!("/projects/{}/exports", storage.project_id)).into_response()
        }
        (Ok(_), "exports") => Redirect::to("/exports").into_response(),
        (Ok(_), _) => Redirect::to(&of_storage).into_response(),
    }
}
