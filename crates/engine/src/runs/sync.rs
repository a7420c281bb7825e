//! Syncs: starting, watching and cancelling them; their bodies run in a worker.
//!
//! A sync lists the container page by page ([`listing`]), decides per blob ([`scope`]) and stores
//! each page with its checkpoint: as files ([`files`], one task per blob) or as task files
//! ([`tasks`], the rows of each blob).

mod failure;
mod files;
mod listing;
mod pass;
mod publish;
mod reading;
mod retry;
mod scope;
mod tasks;
mod verdict;

use std::time::Duration;

use model::{
    Actor, CredentialKind, Direction, Permission, ProjectId, Storage, StorageId, StorageType,
    SyncCounts, SyncRun, SyncRunId, SyncStatus,
};
use serde_json::json;
use store::{BlobErrorRecord, RunRecord, RunScope, RunningImports, StartedRun};
use tokio::time::Instant;

use crate::{
    AuditAction, Engine, Error, Result,
    audit::{By, short},
    require,
    storages::{storage_place, storage_subject},
};

pub(crate) use pass::run;
pub(crate) use publish::watch as watch_staged;
pub(crate) use scope::{Scope, Verdict};

/// How often a waiting request looks, when the run is another process's.
const POLL: Duration = Duration::from_millis(100);

impl Engine {
    /// Starts a sync of a source storage, or finds the one that is running; `last_run` is it. A
    /// retry of failed blobs that is running gives way to it.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::NotFound`], [`Error::Store`].
    pub async fn start_sync(
        &self,
        actor: &Actor,
        kind: CredentialKind,
        storage: StorageId,
    ) -> Result<Storage> {
        self.start_run(
            actor,
            Direction::Source.by(kind),
            storage,
            &RunScope::Everything,
        )
        .await
    }

    /// Tries the blobs again that could not be imported, or the one of this name; `last_run` is the
    /// run that does it. When a run is under way, that one: a sync tries them again too.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::NotFound`], [`Error::Store`].
    pub async fn retry_errors(
        &self,
        actor: &Actor,
        kind: CredentialKind,
        storage: StorageId,
        blob: Option<&str>,
    ) -> Result<Storage> {
        let scope = match blob.filter(|name| !name.is_empty()) {
            Some(name) => RunScope::Blob(name.to_owned()),
            None => RunScope::FailedBlobs,
        };
        self.start_run(actor, Direction::Source.by(kind), storage, &scope)
            .await
    }

    pub(crate) async fn start_run(
        &self,
        actor: &Actor,
        of: StorageType,
        id: StorageId,
        scope: &RunScope,
    ) -> Result<Storage> {
        let mut storage = self.get_storage(actor, of, id).await?;
        let (org, by) = (actor.org_id, Some(actor.user_id));
        let started = self
            .store()
            .start_run_of(org, id, by, scope, self.now_ms())
            .await?
            .ok_or_else(|| Error::not_found("storage", id))?;
        let action = match of.direction {
            Direction::Source => AuditAction::SyncStart,
            Direction::Target => AuditAction::ExportStart,
        };
        let mut run = storage_place(&storage);
        run["run"] = started.run.id.0.into();
        match scope {
            RunScope::Everything => {}
            RunScope::FailedBlobs => run["of"] = "failed blobs".into(),
            RunScope::Blob(name) => run["of"] = short(name).into(),
        }
        self.record(actor, action, storage_subject(id), run).await?;
        storage.last_run = Some(started.run);
        Ok(storage)
    }

    /// Stops the storage's sync or export, if one is running. What was committed stays; a large task
    /// file whose rows have begun to become tasks comes in whole, and the run ends behind it.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::NotFound`], [`Error::Store`].
    pub async fn cancel_run(
        &self,
        actor: &Actor,
        of: StorageType,
        id: StorageId,
    ) -> Result<Storage> {
        let storage = self.get_storage(actor, of, id).await?;
        let action = match of.direction {
            Direction::Source => AuditAction::SyncCancel,
            Direction::Target => AuditAction::ExportCancel,
        };
        self.telling(actor, action, storage_subject(id), storage_place(&storage))
            .cancel_run(actor.org_id, id, self.now_ms())
            .await?;
        self.run_changed();
        self.staging_changed();
        self.get_storage(actor, of, id).await
    }

    /// The run as soon as it has ended, or as it is after `at_most`.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::NotFound`], [`Error::Store`].
    pub async fn wait_run(
        &self,
        actor: &Actor,
        run: SyncRunId,
        at_most: Duration,
    ) -> Result<SyncRun> {
        require(actor, Permission::Read)?;
        let deadline = Instant::now() + at_most;
        loop {
            // Registered before looking, so that a change in between is not missed.
            let changed = self.0.worker_signals.run_changed.notified();
            let found = self
                .store()
                .find_run(actor.org_id, run)
                .await?
                .ok_or_else(|| Error::not_found("sync run", run))?;
            let left = deadline.saturating_duration_since(Instant::now());
            if !found.status.is_running() || left.is_zero() {
                return Ok(found);
            }
            // Time passing and a change mean the same here: look again.
            let _ = tokio::time::timeout(left.min(POLL), changed).await;
        }
    }

    /// A storage's runs, newest first.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::NotFound`], [`Error::Store`].
    pub async fn list_runs(
        &self,
        actor: &Actor,
        storage: StorageId,
        limit: i64,
        offset: i64,
    ) -> Result<Vec<SyncRun>> {
        self.find_storage(actor, storage).await?;
        let runs = self.store().list_runs(actor.org_id, storage, limit, offset);
        Ok(runs.await?)
    }

    /// A storage's runs as people look back on them, newest first; and how many there are in all.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::NotFound`], [`Error::Store`].
    pub async fn run_history(
        &self,
        actor: &Actor,
        storage: StorageId,
        limit: i64,
        offset: i64,
    ) -> Result<(Vec<RunRecord>, i64)> {
        self.find_storage(actor, storage).await?;
        let runs = self
            .store()
            .run_history(actor.org_id, storage, limit, offset);
        Ok(runs.await?)
    }

    /// How many blobs the run will meet, as far as the one before it tells.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::Store`].
    pub async fn expected_blobs(&self, actor: &Actor, run: &SyncRun) -> Result<Option<i64>> {
        require(actor, Permission::ManageProjects)?;
        let listed = self
            .store()
            .listed_before(actor.org_id, run.storage_id, run.id);
        Ok(listed.await?)
    }

    /// The large task file that a run reads now, by name, and how many of its rows are right so far.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::Store`].
    pub async fn file_being_read(
        &self,
        actor: &Actor,
        run: SyncRunId,
    ) -> Result<Option<(String, i64)>> {
        require(actor, Permission::ManageProjects)?;
        Ok(self.store().staged_of_run(actor.org_id, run).await?)
    }

    /// What is being imported into a project now.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the project is not the organization's.
    pub async fn running_imports(
        &self,
        actor: &Actor,
        project: ProjectId,
    ) -> Result<RunningImports> {
        self.get_project(actor, project).await?;
        Ok(self.store().running_imports(actor.org_id, project).await?)
    }

    /// A source storage's blobs that could not be imported, each with its cause, by name; and how
    /// many there are in all.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::NotFound`], [`Error::Store`].
    pub async fn list_blob_errors(
        &self,
        actor: &Actor,
        storage: StorageId,
        limit: i64,
        offset: i64,
    ) -> Result<(Vec<BlobErrorRecord>, i64)> {
        self.find_storage(actor, storage).await?;
        let errors = self
            .store()
            .list_blob_errors(actor.org_id, storage, limit, offset);
        Ok(errors.await?)
    }

    /// A storage by its id alone, for callers that do not know its kind.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::NotFound`], [`Error::Store`].
    pub async fn find_storage(&self, actor: &Actor, id: StorageId) -> Result<Storage> {
        require(actor, Permission::ManageProjects)?;
        self.store()
            .find_storage(actor.org_id, id)
            .await?
            .ok_or_else(|| Error::not_found("storage", id))
    }

    /// Wakes who makes decided files tasks.
    fn staging_changed(&self) {
        self.0.worker_signals.staging_changed.notify_waiters();
    }

    /// Ends a worker's run, and tells how and with how much; `false` when it was ended before.
    pub(crate) async fn end_run(
        &self,
        run: &StartedRun,
        action: AuditAction,
        counts: &SyncCounts,
        (status, note): (SyncStatus, Option<&str>),
    ) -> Result<bool> {
        let detail = json!({
            "run": run.run.id.0,
            "project": run.project_id.0,
            "status": status.as_str(),
            "listed": counts.listed,
            "created": counts.created,
            "changed": counts.changed,
            "failed": counts.failed,
            "note": note.map(short),
        });
        let who = (run.org_id, By::Longshore);
        let subject = storage_subject(run.storage_id);
        Ok(self
            .telling_by(who, action, subject, detail)
            .finish_run(run.run.id, status, counts, note, self.now_ms())
            .await?)
    }

    /// Wakes those who wait for a run to end.
    pub(crate) fn run_changed(&self) {
        self.0.worker_signals.run_changed.notify_waiters();
    }
}
