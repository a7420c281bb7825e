//! One worker's pass over a source storage: pages, counts, checkpoint, and how it ends.

use std::{sync::Arc, time::Duration};

use azure::{BlobItem, ContainerClient};
use model::{
    BlobFilter, BlobName, BlobUri, Credential, ImportMode, Storage, SyncCounts, SyncRunId,
    SyncStatus,
};
use store::{BlobError, ObjectKey, PageOutcome, StartedRun};
use tokio_util::sync::CancellationToken;

use super::{
    Scope, Verdict,
    failure::Failure,
    files,
    listing::{Listing, Page},
    retry::Retrying,
    tasks, verdict,
};
use crate::{
    AuditAction, Doing, Engine, Error, Problem, Result,
    access::explain::listing_repeats,
    labeling::{imported::Authors, label_config::LabelConfig},
    runs::{
        own_blobs::{Owner, Unknown, owner},
        worker::JobEnd,
    },
    storages::opened::Opened,
};

/// The checkpoint of a run whose last page is stored.
const LISTED_ALL: &str = "longshore:end";

/// How often a run shows that it lives while it waits for Azure.
pub(super) const PING: Duration = Duration::from_secs(1);

/// How a pass ended without an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Everything is listed and stored.
    Complete,
    /// The worker is stopping; another goes on from the checkpoint.
    Stopped,
    /// Cancelled by a person, or taken over by another worker: the run is not ours to write any more.
    Lost,
}

/// Runs the sync that a job names, from its checkpoint.
///
/// # Errors
/// What another attempt may cure. Everything else ends the run as failed.
pub(crate) async fn run(
    engine: &Engine,
    run: SyncRunId,
    stop: &CancellationToken,
) -> Result<JobEnd> {
    let store = engine.store();
    let Some(started) = store.mark_run_started(run, engine.now_ms()).await? else {
        return Ok(JobEnd::Done);
    };
    let found = engine.find_opened(started.org_id, started.storage_id);
    let Some(opened) = found.await? else {
        return Ok(JobEnd::Done);
    };
    let storage = started.storage_id;
    let mut pass = match Pass::new(engine, started.clone(), opened).await {
        Ok(pass) => pass,
        Err(error) => {
            engine.note_error(storage, &error);
            return fail(engine, &started, &SyncCounts::default(), error).await;
        }
    };
    match pass.go(stop).await {
        Ok(End::Complete) => {
            let (status, note) = verdict::of(&pass);
            let how = (status, note.as_deref());
            engine
                .end_run(&started, AuditAction::SyncEnd, &pass.counts, how)
                .await?;
            count_run(status);
            engine.note_success(storage);
            engine.run_changed();
            Ok(JobEnd::Done)
        }
        Ok(End::Stopped) => Ok(JobEnd::Released),
        Ok(End::Lost) => Ok(JobEnd::Done),
        Err(error) => {
            engine.note_error(storage, &error);
            fail(engine, &started, &pass.counts, error).await
        }
    }
}

/// Ends the run where trying again would not help.
async fn fail(
    engine: &Engine,
    run: &StartedRun,
    counts: &SyncCounts,
    error: Error,
) -> Result<JobEnd> {
    if matches!(error, Error::Store(_) | Error::Internal(_)) {
        return Err(error);
    }
    let text = error.to_string();
    let how = (SyncStatus::Failed, Some(text.as_str()));
    engine
        .end_run(run, AuditAction::SyncEnd, counts, how)
        .await?;
    count_run(SyncStatus::Failed);
    engine.run_changed();
    Ok(JobEnd::Done)
}

fn count_run(status: SyncStatus) {
    metrics::counter!("longshore_sync_runs_total", "status" => status.as_str()).increment(1);
}

/// Where a pass gets its blobs from.
enum Pages {
    Listed(Listing),
    Failed(Retrying),
}

/// A pass in progress.
pub(super) struct Pass<'a> {
    pub engine: &'a Engine,
    pub run: StartedRun,
    pub storage: Storage,
    pub credential: Credential,
    pub container: ContainerClient,
    /// As saved with the last page.
    pub counts: SyncCounts,
    scope: Scope,
    /// Whose the annotations are that task files bring.
    pub authors: Arc<Authors>,
    /// The member of a task's data that holds the blob's URI, in files mode.
    data_key: String,
    pub folders_not_entered: usize,
    pub first_failure: Option<String>,
}

impl<'a> Pass<'a> {
    async fn new(engine: &'a Engine, run: StartedRun, opened: Opened) -> Result<Self> {
        let Opened {
            storage,
            credential,
        } = opened;
        let container = engine.container_of(&storage, &credential).await?;
        let filter = BlobFilter::parse(storage.regex_filter.as_deref().unwrap_or_default())
            .map_err(|error| Error::field("regex_filter", error.to_string()))?;
        let scope = Scope::new(
            run.org_id,
            (&storage.account, &storage.container),
            &storage.prefix,
            filter,
            storage.recursive,
        );
        let project = engine
            .store()
            .find_project(run.org_id, run.project_id)
            .await?
            .ok_or_else(|| Error::not_found("project", run.project_id))?;
        let authors = Arc::new(engine.authors(run.org_id, None).await?);
        Ok(Self {
            container,
            counts: run.run.counts,
            engine,
            run,
            storage,
            credential,
            scope,
            authors,
            data_key: data_key(&project.label_config).await,
            folders_not_entered: 0,
            first_failure: None,
        })
    }

    async fn go(&mut self, stop: &CancellationToken) -> Result<End> {
        let marker = self.run.marker.take();
        if marker.as_deref() == Some(LISTED_ALL) {
            return Ok(End::Complete);
        }
        let page_size = self.engine.limits().list_page;
        let mut pages = match Retrying::of(&self.run.scope) {
            Some(retrying) => Pages::Failed(retrying),
            None => Pages::Listed(Listing::start(
                self.container.clone(),
                &self.scope,
                marker,
                page_size,
            )),
        };
        loop {
            if stop.is_cancelled() {
                return Ok(End::Stopped);
            }
            let page = match &mut pages {
                Pages::Listed(listing) => self.next_page(listing).await?,
                Pages::Failed(retrying) => {
                    self.require_container().await?;
                    retrying.next(self).await?
                }
            };
            let Some(page) = page else {
                return Ok(End::Lost);
            };
            let is_last = page.next_marker.is_none();
            let end = match self.storage.import_mode {
                ImportMode::Files => files::store_page(self, page).await?,
                ImportMode::Tasks => tasks::store_page(self, page, stop).await?,
            };
            match end {
                End::Complete if !is_last => {}
                end => return Ok(end),
            }
        }
    }

    /// Goes on only while the organization may use the container.
    async fn require_container(&self) -> Result<()> {
        let opened = self.engine.container_of(&self.storage, &self.credential);
        opened.await.map(drop)
    }

    /// Waits for the next page, showing life; `None` when the run is not ours any more.
    async fn next_page(&mut self, listing: &mut Listing) -> Result<Option<Page>> {
        self.require_container().await?;
        loop {
            match tokio::time::timeout(PING, listing.next()).await {
                Ok(Some(Ok(page))) => {
                    let mut next = page.next_marker.iter();
                    if next.any(|marker| !listing.is_new(marker)) {
                        let Storage { settings: of, .. } = &self.storage;
                        return Err(listing_repeats(&of.account, &of.container).into());
                    }
                    self.folders_not_entered += page.folders;
                    return Ok(Some(page));
                }
                Ok(Some(Err(error))) => return Err(self.explain(&error, Doing::List, None).into()),
                Ok(None) => return Err(Error::Internal("the listing ended early".to_owned())),
                Err(_elapsed) => {
                    if !self.save_progress().await? {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Shows life; `false` when the run is not ours any more.
    pub async fn save_progress(&self) -> Result<bool> {
        let (store, run) = (self.engine.store(), &self.run.run);
        let alive = store.ping_run(run.id, run.attempts, self.engine.now_ms());
        Ok(alive.await?)
    }

    /// Waits until the run's decided files are in, also those of an attempt before this one; `false`
    /// when the run is not ours any more, or the worker stops.
    pub async fn published(&mut self, stop: &CancellationToken) -> Result<bool> {
        let run = self.run.run.id;
        let mut waited = false;
        loop {
            // Registered before looking, so that a change in between is not missed.
            let changed = self.engine.0.worker_signals.staging_changed.notified();
            if !self.engine.store().is_publishing(run).await? {
                break;
            }
            waited = true;
            if stop.is_cancelled() || !self.save_progress().await? {
                return Ok(false);
            }
            tokio::select! {
                () = stop.cancelled() => {}
                // Time passing and a change mean the same here: look again.
                _ = tokio::time::timeout(PING, changed) => {}
            }
        }
        if waited && let Some(now) = self.engine.store().find_run(self.run.org_id, run).await? {
            self.counts.created = now.counts.created;
        }
        Ok(true)
    }

    /// Splits a page into data and the rest; the second is this page's share of the counts.
    pub async fn sort_out(&self, blobs: Vec<BlobItem>) -> Result<(Vec<BlobItem>, SyncCounts)> {
        let mut counts = SyncCounts {
            listed: blobs.len() as i64,
            ..SyncCounts::default()
        };
        let verdicts = self.scope.judge(self.engine, &blobs).await?;
        let mut taken = Vec::with_capacity(blobs.len());
        for (blob, verdict) in blobs.into_iter().zip(verdicts) {
            let verdict = match verdict {
                Verdict::PerhapsOurs if self.is_ours(&blob).await? => Verdict::Ours,
                Verdict::PerhapsOurs => self.scope.as_data(&blob),
                known => known,
            };
            match verdict {
                Verdict::Take => taken.push(blob),
                Verdict::Filtered => counts.filtered += 1,
                Verdict::FolderMarker | Verdict::Ours | Verdict::PerhapsOurs => {
                    counts.skipped += 1;
                }
            }
        }
        Ok((taken, counts))
    }

    /// Did this installation write the blob? What is gone by now is not data either.
    async fn is_ours(&self, blob: &BlobItem) -> Result<bool> {
        let object = ObjectKey {
            org_id: self.run.org_id,
            storage_id: self.run.storage_id,
            account: self.storage.account.clone(),
            container: self.storage.container.clone(),
            name: blob.name.clone(),
        };
        match owner(self.engine, &self.container, &object, None).await {
            Ok(Owner::Us { .. } | Owner::Nobody) => Ok(true),
            Ok(Owner::Somebody { .. }) => Ok(false),
            // Reading it as data says what it is.
            Err(Unknown::Azure(error)) if error.kind().may_concern_one_blob() => Ok(false),
            Err(Unknown::Azure(error)) => {
                let name = BlobName::parse(blob.name.as_str()).ok();
                Err(self.explain(&error, Doing::Read, name.as_ref()).into())
            }
            Err(Unknown::Engine(error)) => Err(error),
        }
    }

    /// The canonical URI of a listed blob; `None` for a name that Azure's own rule forbids.
    pub fn uri_of(&self, name: &str) -> Option<String> {
        let uri = BlobUri {
            account: self.storage.account.clone(),
            container: self.storage.container.clone(),
            blob: BlobName::parse(name).ok()?,
            revision: None,
        };
        Some(self.engine.cloud().blob_uri(&uri))
    }

    /// The data of a blob's task, in files mode.
    pub fn data_json(&self, name: &str) -> Option<String> {
        let uri = serde_json::Value::String(self.uri_of(name)?);
        Some(format!("{{{}: {uri}}}", self.data_key))
    }

    /// Where the next page begins, or that there is none.
    pub fn checkpoint(next_marker: Option<&str>) -> &str {
        next_marker.unwrap_or(LISTED_ALL)
    }

    /// Takes over what the store saved; the end when it refused to.
    pub fn saved(&mut self, outcome: Option<PageOutcome>) -> End {
        let Some(outcome) = outcome else {
            return End::Lost;
        };
        metrics::counter!("longshore_sync_tasks_created_total").increment(outcome.created as u64);
        self.counts = outcome.counts;
        End::Complete
    }

    /// Lists a blob with the cause of its failure.
    pub async fn record_failure(&mut self, blob: &BlobItem, cause: &Failure) -> Result<()> {
        if self.first_failure.is_none() {
            self.first_failure = Some(format!("{}: {}", blob.name, cause.sentence()));
        }
        metrics::counter!("longshore_sync_blob_failures_total").increment(1);
        let error = BlobError {
            org_id: self.run.org_id,
            project_id: self.run.project_id,
            storage_id: self.run.storage_id,
            run_id: self.run.run.id,
            account: &self.storage.account,
            container: &self.storage.container,
            name: &blob.name,
            etag: &blob.etag,
            code: cause.code,
            message: &cause.message,
            line: cause.position.map(|(line, _)| line),
            column: cause.position.map(|(_, column)| column),
        };
        let now_ms = self.engine.now_ms();
        Ok(self
            .engine
            .store()
            .record_blob_error(&error, now_ms)
            .await?)
    }

    /// Words an Azure failure of this storage.
    pub fn explain(&self, error: &azure::Error, doing: Doing, blob: Option<&BlobName>) -> Problem {
        let place = (&self.storage.account, &self.storage.container);
        self.engine
            .explain_azure(error, place, &self.credential, blob, doing)
    }
}

/// A run's counts with a page's share.
pub(super) fn plus(run: SyncCounts, page: SyncCounts) -> SyncCounts {
    SyncCounts {
        listed: run.listed + page.listed,
        filtered: run.filtered + page.filtered,
        skipped: run.skipped + page.skipped,
        created: run.created + page.created,
        existed: run.existed + page.existed,
        changed: run.changed + page.changed,
        failed: run.failed + page.failed,
        total: run.total + page.total,
    }
}

/// The first variable of the labeling config as a JSON text; without a config Label Studio's
/// `$undefined$`, which it reads as whatever variable the config has later.
async fn data_key(label_config: &str) -> String {
    let config = LabelConfig::read(label_config).await.unwrap_or_default();
    let key = config.first_data_key().unwrap_or("$undefined$");
    serde_json::Value::from(key).to_string()
}

#[cfg(test)]
mod tests {
    use super::data_key;

    #[tokio::test]
    async fn the_uri_goes_where_the_first_object_tag_looks() {
        let config =
            r#"<View><Image name="i" value="$picture"/><Text name="t" value="$caption"/></View>"#;
        assert_eq!(data_key(config).await, r#""picture""#);
        assert_eq!(data_key("<View></View>").await, r#""$undefined$""#);
        assert_eq!(data_key("").await, r#""$undefined$""#);
    }
}
