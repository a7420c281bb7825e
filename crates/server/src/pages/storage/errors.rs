//! A source storage's blobs that could not be imported, each with its cause, and trying them again.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use engine::BlobErrorRecord;
use model::{Actor, Direction, StorageId, SyncStatus};

use super::{StorageHead, Tab, live::Live};
use crate::{
    App,
    error::ApiError,
    extract::{Id, Query},
    pages::{
        Person,
        events::Watcher,
        form::Form,
        frame::{Frame, Section},
        html::{failed, render},
    },
};

const ERRORS_OF_A_PAGE: i64 = 50;

#[derive(Template)]
#[template(path = "storage_errors.html")]
struct Errors {
    frame: Frame,
    head: StorageHead,
    live: Live,
    list: ErrorList,
    events: String,
}

/// The list, which is live.
#[derive(Template)]
#[template(path = "parts/blob_errors.html")]
struct ErrorList {
    id: StorageId,
    is_running: bool,
    /// The last run took everything that matches.
    is_complete: bool,
    total: i64,
    errors: Vec<BlobErrorRecord>,
    previous: Option<String>,
    next: Option<String>,
}

impl ErrorList {
    async fn load(
        app: &App,
        actor: &Actor,
        id: StorageId,
        query: &Query,
    ) -> Result<Self, ApiError> {
        let storage = app.engine.find_storage(actor, id).await?;
        let at = query.page(ERRORS_OF_A_PAGE)?;
        let found = app.engine.list_blob_errors(actor, id, at.size, at.offset());
        let (errors, total) = found.await?;
        let status = storage.last_run.map(|run| run.status);
        let turn = |number| format!("/storages/{id}/errors?{}", query.with_page(number));
        Ok(Self {
            id,
            is_running: status.is_some_and(SyncStatus::is_running),
            is_complete: status == Some(SyncStatus::Completed),
            total,
            errors,
            // Also when the page is behind the end by now, because errors were mended.
            previous: (at.number > 1).then(|| turn(at.number - 1)),
            next: (at.offset() + at.size < total).then(|| turn(at.number + 1)),
        })
    }
}

pub(crate) async fn show(
    State(app): State<App>,
    Person(actor): Person,
    Id(id): Id<StorageId>,
    query: Query,
) -> Response {
    render(
        async {
            let storage = app.engine.find_storage(&actor, id).await?;
            if storage.direction == Direction::Target {
                return Err(ApiError::not_found());
            }
            let page = query.text("page").unwrap_or("1");
            Ok(Errors {
                frame: Frame::load(&app, &actor, Section::Projects).await?,
                head: StorageHead::load(&app, &actor, &storage, Tab::Errors).await?,
                live: Live::of(&app, &actor, &storage).await?,
                list: ErrorList::load(&app, &actor, id, &query).await?,
                events: format!("/storages/{id}/errors/events?page={page}"),
            })
        }
        .await,
    )
}

pub(crate) async fn events(
    State(app): State<App>,
    watcher: Watcher,
    Id(id): Id<StorageId>,
    query: Query,
) -> Response {
    let (actor, query) = (watcher.actor, Arc::new(query));
    let look = move || {
        let (app, query) = (app.clone(), query.clone());
        async move { ErrorList::load(&app, &actor, id, &query).await }
    };
    watcher.watch(look).await
}

/// Tries one blob again, or all of them.
pub(crate) async fn retry(
    State(app): State<App>,
    Person(actor): Person,
    Id(id): Id<StorageId>,
    form: Form,
) -> Response {
    let started = async {
        let storage = app.engine.find_storage(&actor, id).await?;
        let blob = Some(form.value("blob"));
        app.engine
            .retry_errors(&actor, storage.kind, id, blob)
            .await
    };
    match started.await {
        Ok(_) => Redirect::to(&format!("/storages/{id}/errors")).into_response(),
        Err(error) => failed(&error.into()),
    }
}
