//! A storage in Label Studio's JSON.

use model::{Direction, ImportMode, ServeMode, Storage, SyncRun, SyncStatus};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    App,
    api::sync_runs::CountsView,
    extract::{instant, meta_instant},
};

/// A storage. Its secrets are never returned.
#[derive(Serialize, ToSchema)]
pub(crate) struct StorageView {
    id: i64,
    /// `azure`, `azure_spi`, `azure_mi`, `azure_sas` or `azure_link`.
    r#type: &'static str,
    synchronizable: bool,
    account_name: String,
    container: String,
    prefix: Option<String>,
    regex_filter: Option<String>,
    use_blob_urls: bool,
    last_sync: Option<String>,
    /// Tasks created, or annotation files written, by the newest sync.
    last_sync_count: Option<i64>,
    last_sync_job: Option<String>,
    status: &'static str,
    /// Why the newest sync failed, or waits, and what to do.
    traceback: Option<String>,
    meta: MetaView,
    title: Option<String>,
    description: Option<String>,
    created_at: String,
    project: i64,
    health: HealthView,
    /// When the credential ends, where that is known.
    expires_at: Option<String>,
    /// It ends within 14 days, or has ended.
    expires_soon: bool,
    #[serde(flatten)]
    flow: FlowView,
}

/// How the storage fared last; both may be null.
#[derive(Serialize, ToSchema)]
struct HealthView {
    last_success: Option<String>,
    last_failure: Option<FailureView>,
}

/// Why a storage failed last.
#[derive(Serialize, ToSchema)]
struct FailureView {
    at: String,
    /// As in the access check.
    code: String,
    /// Cause and fix.
    cause: String,
}

/// What only one direction has.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum FlowView {
    Source {
        presign: bool,
        /// Minutes.
        presign_ttl: i64,
        recursive_scan: bool,
    },
    Target {
        can_delete_objects: bool,
        export_layout: &'static str,
        /// Blobs of somebody else's in the way, which are not overwritten.
        foreign_blobs: i64,
    },
}

/// How the newest sync went; empty before the first.
#[derive(Default, Serialize, ToSchema)]
struct MetaView {
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_queued: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_in_progress: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_last_ping: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_completed: Option<String>,
    /// Seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tasks_existed: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_annotations: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    counts: Option<CountsView>,
}

impl StorageView {
    pub(crate) fn new(app: &App, storage: Storage) -> Self {
        let expires_soon = app.engine.expires_soon(&storage);
        let run = storage.last_run.as_ref();
        let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Self {
            id: storage.id.0,
            r#type: storage.kind.as_str(),
            synchronizable: true,
            account_name: storage.account.to_string(),
            container: storage.container.to_string(),
            prefix: text(storage.prefix.as_str()),
            regex_filter: storage.regex_filter.clone(),
            use_blob_urls: storage.direction == Direction::Source
                && storage.import_mode == ImportMode::Files,
            last_sync: run.and_then(|run| run.finished_at_ms).map(instant),
            last_sync_count: run
                .filter(|run| run.started_at_ms.is_some())
                .map(|run| run.counts.created),
            last_sync_job: run.map(|run| run.id.to_string()),
            status: run
                .map_or(SyncStatus::Initialized, |run| run.status)
                .as_str(),
            traceback: run.and_then(|run| {
                let waits = app.engine.outage().filter(|_| run.status.is_running());
                waits.map_or_else(|| run.error.clone(), |outage| Some(outage.to_string()))
            }),
            meta: run.map_or_else(MetaView::default, |run| {
                MetaView::new(run, storage.direction)
            }),
            flow: match storage.direction {
                Direction::Source => FlowView::Source {
                    presign: storage.serve_mode == ServeMode::Presigned,
                    presign_ttl: storage.presign_ttl_minutes,
                    recursive_scan: storage.recursive,
                },
                Direction::Target => FlowView::Target {
                    can_delete_objects: storage.can_delete_objects,
                    export_layout: storage.export_layout.as_str(),
                    foreign_blobs: storage.foreign_objects,
                },
            },
            title: text(&storage.title),
            description: storage.settings.description,
            created_at: instant(storage.created_at_ms),
            project: storage.project_id.0,
            expires_at: storage.health.expires_at_ms.map(instant),
            expires_soon,
            health: HealthView {
                last_success: storage.health.last_success_at_ms.map(instant),
                last_failure: storage.health.last_failure.map(|failure| FailureView {
                    at: instant(failure.at_ms),
                    code: failure.code,
                    cause: failure.text,
                }),
            },
        }
    }
}

impl MetaView {
    fn new(run: &SyncRun, direction: Direction) -> Self {
        let ended = run.finished_at_ms.zip(run.started_at_ms);
        let is_of = |wanted| direction == wanted && run.started_at_ms.is_some();
        Self {
            attempts: Some(run.attempts),
            time_queued: Some(meta_instant(run.queued_at_ms)),
            time_in_progress: run.started_at_ms.map(meta_instant),
            time_last_ping: run.last_ping_at_ms.map(meta_instant),
            time_completed: run.finished_at_ms.map(meta_instant),
            duration: ended.map(|(end, start)| (end - start) as f64 / 1000.0),
            tasks_existed: is_of(Direction::Source).then_some(run.counts.existed),
            total_annotations: is_of(Direction::Target).then_some(run.counts.total),
            counts: Some(CountsView::from(run.counts)),
        }
    }
}
