//! A storage's runs: when, by whom, how long, what came of them.

use std::sync::Arc;

use askama::Template;
use axum::{extract::State, response::Response};
use engine::{RunRecord, RunScope};
use model::{Actor, Storage, StorageId};

use super::{
    StorageHead, Tab,
    live::{Live, duration},
};
use crate::{
    App,
    error::ApiError,
    extract::{Id, Query},
    pages::{
        Person,
        events::Watcher,
        frame::{Frame, Section, grouped},
        home::status_words,
        html::{failed, render},
    },
};

const RUNS_OF_A_PAGE: i64 = 25;

#[derive(Template)]
#[template(path = "storage_history.html")]
struct History {
    frame: Frame,
    head: StorageHead,
    live: Live,
    runs: Runs,
    events: String,
}

/// The table, which is live.
#[derive(Template)]
#[template(path = "parts/runs.html")]
struct Runs {
    is_source: bool,
    total: i64,
    rows: Vec<RunRow>,
    previous: Option<String>,
    next: Option<String>,
}

struct RunRow {
    queued_at_ms: i64,
    started_by: String,
    what: &'static str,
    took: String,
    status: &'static str,
    status_words: &'static str,
    /// Listed, new, unchanged, changed, errors; or of a target: to write, written, errors.
    counts: Vec<String>,
    error: Option<String>,
}

impl Runs {
    async fn load(
        app: &App,
        actor: &Actor,
        storage: &Storage,
        query: &Query,
    ) -> Result<Self, ApiError> {
        let at = query.page(RUNS_OF_A_PAGE)?;
        let found = app
            .engine
            .run_history(actor, storage.id, at.size, at.offset());
        let (runs, total) = found.await?;
        at.check(total)?;
        let turn = |number| {
            format!(
                "/storages/{}/history?{}",
                storage.id,
                query.with_page(number)
            )
        };
        let is_source = storage.direction == model::Direction::Source;
        Ok(Self {
            is_source,
            total,
            rows: runs.iter().map(|run| RunRow::of(run, is_source)).collect(),
            previous: (at.number > 1).then(|| turn(at.number - 1)),
            next: (at.offset() + at.size < total).then(|| turn(at.number + 1)),
        })
    }
}

impl RunRow {
    fn of(record: &RunRecord, is_source: bool) -> Self {
        let (run, counts) = (&record.run, &record.run.counts);
        let ended = run.finished_at_ms.or(run.last_ping_at_ms);
        let numbers = if is_source {
            vec![
                counts.listed,
                counts.created,
                counts.existed,
                counts.changed,
                counts.failed,
            ]
        } else {
            vec![counts.total, counts.created, counts.failed]
        };
        Self {
            queued_at_ms: run.queued_at_ms,
            started_by: record
                .started_by
                .clone()
                .unwrap_or_else(|| "not known".to_owned()),
            what: match (&record.scope, is_source) {
                (_, false) => "everything",
                (RunScope::Everything, true) => "sync",
                (RunScope::FailedBlobs, true) => "retry of failed blobs",
                (RunScope::Blob(_), true) => "retry of one blob",
            },
            took: match (run.started_at_ms, ended) {
                (Some(start), Some(end)) => duration(end - start),
                _ => "not started".to_owned(),
            },
            status: run.status.as_str(),
            status_words: status_words(run.status),
            counts: numbers.into_iter().map(grouped).collect(),
            error: run.error.clone(),
        }
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
            let page = query.text("page").unwrap_or("1");
            Ok(History {
                frame: Frame::load(&app, &actor, Section::Projects).await?,
                head: StorageHead::load(&app, &actor, &storage, Tab::History).await?,
                live: Live::of(&app, &actor, &storage).await?,
                runs: Runs::load(&app, &actor, &storage, &query).await?,
                events: format!("/storages/{id}/history/events?page={page}"),
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
    let storage = match app.engine.find_storage(&actor, id).await {
        Ok(storage) => storage,
        Err(error) => return failed(&error.into()),
    };
    let look = move || {
        let (app, storage, query) = (app.clone(), storage.clone(), query.clone());
        async move { Runs::load(&app, &actor, &storage, &query).await }
    };
    watcher.watch(look).await
}
