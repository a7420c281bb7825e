//! Syncs of a storage: starting, watching, stopping, their history and the blobs that failed.

use axum::{Json, extract::State};
use model::{Actor, Direction, StorageId, StorageType, SyncCounts, SyncRun};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    App,
    api::{Answer, storages::StorageView},
    extract::{Body, Id, Query, instant},
    fields::{Fields, Input},
};

/// Runs or errors of a page when the query does not say.
const PAGE_SIZE: i64 = 100;

/// One sync.
#[derive(Serialize, ToSchema)]
pub(crate) struct RunView {
    id: i64,
    status: &'static str,
    counts: CountsView,
    /// What ended it, and what to do.
    error: Option<String>,
    attempts: i64,
    queued_at: String,
    started_at: Option<String>,
    finished_at: Option<String>,
}

/// What a sync has done so far.
#[derive(Serialize, ToSchema)]
pub(crate) struct CountsView {
    listed: i64,
    filtered: i64,
    skipped: i64,
    created: i64,
    existed: i64,
    changed: i64,
    failed: i64,
    total: i64,
}

impl From<SyncCounts> for CountsView {
    fn from(counts: SyncCounts) -> Self {
        Self {
            listed: counts.listed,
            filtered: counts.filtered,
            skipped: counts.skipped,
            created: counts.created,
            existed: counts.existed,
            changed: counts.changed,
            failed: counts.failed,
            total: counts.total,
        }
    }
}

impl From<SyncRun> for RunView {
    fn from(run: SyncRun) -> Self {
        Self {
            id: run.id.0,
            status: run.status.as_str(),
            counts: run.counts.into(),
            error: run.error,
            attempts: run.attempts,
            queued_at: instant(run.queued_at_ms),
            started_at: run.started_at_ms.map(instant),
            finished_at: run.finished_at_ms.map(instant),
        }
    }
}

/// A blob that a sync could not import.
#[derive(Serialize, ToSchema)]
pub(crate) struct BlobErrorView {
    blob: String,
    /// Stable, for scripts.
    code: String,
    message: String,
    /// From 1, where the blob's content is at fault.
    line: Option<i64>,
    column: Option<i64>,
}

pub(crate) async fn sync(
    State(app): State<App>,
    actor: Actor,
    of: StorageType,
    Id(id): Id<StorageId>,
) -> Answer<Json<StorageView>> {
    let mut storage = match of.direction {
        Direction::Source => app.engine.start_sync(&actor, of.kind, id).await?,
        Direction::Target => app.engine.start_export(&actor, of.kind, id).await?,
    };
    if let Some(run) = &storage.last_run {
        let wait = app.settings.sync_wait;
        storage.last_run = Some(app.engine.wait_run(&actor, run.id, wait).await?);
    }
    Ok(Json(StorageView::new(&app, storage)))
}

/// Which failed blob to try again.
#[derive(Default, ToSchema)]
pub(crate) struct RetryFields {
    /// One blob, by name; all that failed when left out.
    blob: Option<String>,
}

impl Input for RetryFields {
    fn read(fields: &mut Fields) -> Self {
        Self {
            blob: fields.text("blob").value(),
        }
    }
}

pub(crate) async fn retry_errors(
    State(app): State<App>,
    actor: Actor,
    of: StorageType,
    Id(id): Id<StorageId>,
    Body(fields): Body<RetryFields>,
) -> Answer<Json<StorageView>> {
    let mut storage = app
        .engine
        .retry_errors(&actor, of.kind, id, fields.blob.as_deref())
        .await?;
    if let Some(run) = &storage.last_run {
        let wait = app.settings.sync_wait;
        storage.last_run = Some(app.engine.wait_run(&actor, run.id, wait).await?);
    }
    Ok(Json(StorageView::new(&app, storage)))
}

pub(crate) async fn cancel(
    State(app): State<App>,
    actor: Actor,
    of: StorageType,
    Id(id): Id<StorageId>,
) -> Answer<Json<StorageView>> {
    let storage = app.engine.cancel_run(&actor, of, id).await?;
    Ok(Json(StorageView::new(&app, storage)))
}

pub(crate) async fn adopt(
    State(app): State<App>,
    actor: Actor,
    of: StorageType,
    Id(id): Id<StorageId>,
) -> Answer<Json<StorageView>> {
    let storage = app.engine.adopt_blobs(&actor, of.kind, id).await?;
    Ok(Json(StorageView::new(&app, storage)))
}

/// A blob of somebody else's that is in the way of an export.
#[derive(Serialize, ToSchema)]
pub(crate) struct ForeignBlobView {
    blob: String,
}

pub(crate) async fn foreign(
    State(app): State<App>,
    actor: Actor,
    of: StorageType,
    Id(id): Id<StorageId>,
    query: Query,
) -> Answer<Json<Vec<ForeignBlobView>>> {
    let storage = app.engine.get_storage(&actor, of, id).await?;
    let page = query.page(PAGE_SIZE)?;
    page.check(storage.foreign_objects)?;
    let names = app
        .engine
        .foreign_blobs(&actor, id, page.size, page.offset());
    let blobs = names.await?.into_iter();
    Ok(Json(blobs.map(|blob| ForeignBlobView { blob }).collect()))
}

pub(crate) async fn list(
    State(app): State<App>,
    actor: Actor,
    of: StorageType,
    Id(id): Id<StorageId>,
    query: Query,
) -> Answer<Json<Vec<RunView>>> {
    app.engine.get_storage(&actor, of, id).await?;
    let page = query.page(PAGE_SIZE)?;
    let runs = app
        .engine
        .list_runs(&actor, id, page.size, page.offset())
        .await?;
    Ok(Json(runs.into_iter().map(RunView::from).collect()))
}

pub(crate) async fn errors(
    State(app): State<App>,
    actor: Actor,
    of: StorageType,
    Id(id): Id<StorageId>,
    query: Query,
) -> Answer<Json<Vec<BlobErrorView>>> {
    app.engine.get_storage(&actor, of, id).await?;
    let page = query.page(PAGE_SIZE)?;
    let (errors, total) = app
        .engine
        .list_blob_errors(&actor, id, page.size, page.offset())
        .await?;
    page.check(total)?;
    let errors = errors.into_iter().map(|record| BlobErrorView {
        blob: record.name,
        code: record.code,
        message: record.message,
        line: record.line,
        column: record.column,
    });
    Ok(Json(errors.collect()))
}
