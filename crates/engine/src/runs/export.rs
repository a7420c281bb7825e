//! Annotations to target storages: every change through the outbox ([`mod@deliver`]), and all of a
//! project's on demand (a full export).

mod deliver;
mod object;
mod put;
mod refusal;

use std::time::Duration;

use model::{
    Actor, CredentialKind, Direction, Permission, Storage, StorageId, SyncCounts, SyncRunId,
    SyncStatus,
};
use store::{ExportBacklog, OutboxCounts, RunScope, TroubledExport};
use tokio_util::sync::CancellationToken;

use crate::{
    AuditAction, Engine, Result, require,
    runs::worker::JobEnd,
    storages::{storage_place, storage_subject},
};

pub(crate) use deliver::deliver;

/// How often a full export looks at how far the delivery is.
const POLL: Duration = Duration::from_millis(250);

impl Engine {
    /// Starts a full export to a target storage, or finds the one that is running; `last_run` is
    /// it. Objects that were given up before are tried again.
    ///
    /// # Errors
    /// [`crate::Error::Denied`], [`crate::Error::NotFound`], [`crate::Error::Store`].
    pub async fn start_export(
        &self,
        actor: &Actor,
        kind: CredentialKind,
        storage: StorageId,
    ) -> Result<Storage> {
        self.start_run(
            actor,
            Direction::Target.by(kind),
            storage,
            &RunScope::Everything,
        )
        .await
    }

    /// What a target storage still has to get, and the newest `limit` objects with trouble.
    ///
    /// # Errors
    /// [`crate::Error::Denied`], [`crate::Error::Store`].
    pub async fn export_backlog(
        &self,
        actor: &Actor,
        storage: StorageId,
        limit: i64,
    ) -> Result<(ExportBacklog, Vec<TroubledExport>)> {
        require(actor, Permission::ManageProjects)?;
        let backlog = self.store().export_backlog(actor.org_id, storage).await?;
        let troubled = self.store().troubled_exports(actor.org_id, storage, limit);
        Ok((backlog, troubled.await?))
    }

    /// Lets a target storage overwrite the blobs of somebody else's that are in its way, each as it
    /// was when it was met: one that changes after that is in the way again.
    ///
    /// # Errors
    /// [`crate::Error::Denied`], [`crate::Error::NotFound`], [`crate::Error::Store`].
    pub async fn adopt_blobs(
        &self,
        actor: &Actor,
        kind: CredentialKind,
        storage: StorageId,
    ) -> Result<Storage> {
        let of = Direction::Target.by(kind);
        let found = self.get_storage(actor, of, storage).await?;
        let mut detail = storage_place(&found);
        detail["blobs"] = found.foreign_objects.into();
        self.telling(
            actor,
            AuditAction::ExportAdopt,
            storage_subject(storage),
            detail,
        )
        .adopt_objects(actor.org_id, storage, self.now_ms())
        .await?;
        self.get_storage(actor, of, storage).await
    }

    /// Names of the blobs of somebody else's that are in a target storage's way.
    ///
    /// # Errors
    /// [`crate::Error::Denied`], [`crate::Error::NotFound`], [`crate::Error::Store`].
    pub async fn foreign_blobs(
        &self,
        actor: &Actor,
        storage: StorageId,
        limit: i64,
        offset: i64,
    ) -> Result<Vec<String>> {
        self.find_storage(actor, storage).await?;
        let names = self
            .store()
            .foreign_objects(actor.org_id, storage, limit, offset);
        Ok(names.await?)
    }
}

/// Runs the full export that a job names: enqueues every object and watches the delivery. It is
/// `completed` only when Azure has confirmed every single one.
///
/// # Errors
/// When the database fails.
pub(crate) async fn run(
    engine: &Engine,
    run: SyncRunId,
    stop: &CancellationToken,
) -> Result<JobEnd> {
    let store = engine.store();
    let Some(started) = store.mark_run_started(run, engine.now_ms()).await? else {
        return Ok(JobEnd::Done);
    };
    let mut counts = started.run.counts;
    // An attempt before this one may have enqueued them.
    if counts.total == 0 {
        let (org, storage) = (started.org_id, started.storage_id);
        counts.total = store
            .enqueue_full_export(org, storage, run, engine.now_ms())
            .await?;
    }
    loop {
        let changed = engine.0.worker_signals.outbox_changed.notified();
        let objects = store.outbox_counts_of_run(run).await?;
        counts.created = objects.done;
        counts.failed = objects.failed;
        if objects.pending == 0 {
            let (status, note) = verdict(&counts, &objects);
            let how = (status, note.as_deref());
            engine
                .end_run(&started, AuditAction::ExportEnd, &counts, how)
                .await?;
            metrics::counter!("longshore_export_runs_total", "status" => status.as_str())
                .increment(1);
            engine.run_changed();
            return Ok(JobEnd::Done);
        }
        let ours = store
            .save_run_progress(run, started.run.attempts, &counts, engine.now_ms())
            .await?;
        if !ours {
            return Ok(JobEnd::Done);
        }
        if stop.is_cancelled() {
            return Ok(JobEnd::Released);
        }
        tokio::select! {
            () = wait_for_change(changed) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// A change, or time for a look; not more often than the counts are worth writing.
async fn wait_for_change(changed: tokio::sync::futures::Notified<'_>) {
    // Time passing and a change mean the same here: look again.
    let _ = tokio::time::timeout(POLL, changed).await;
}

fn verdict(counts: &SyncCounts, objects: &OutboxCounts) -> (SyncStatus, Option<String>) {
    let (written, total) = (counts.created, counts.total);
    if total == 0 {
        let note = "The project has no annotations yet; each will be exported as it is made.";
        return (SyncStatus::Completed, Some(note.to_owned()));
    }
    if counts.failed == 0 {
        return (SyncStatus::Completed, None);
    }
    let cause = objects
        .last_error
        .as_ref()
        .map_or_else(String::new, |cause| format!(" {cause}"));
    let note = format!("{written} of {total} files were written.{cause}");
    let status = if written == 0 {
        SyncStatus::Failed
    } else {
        SyncStatus::CompletedWithErrors
    };
    (status, Some(note))
}

#[cfg(test)]
mod tests {
    use model::{SyncCounts, SyncStatus};
    use store::OutboxCounts;

    use super::verdict;

    #[test]
    fn an_export_is_completed_only_when_every_object_is_there() {
        for (total, done, failed, expected) in [
            (0, 0, 0, SyncStatus::Completed),
            (20, 20, 0, SyncStatus::Completed),
            (20, 19, 1, SyncStatus::CompletedWithErrors),
            (20, 0, 20, SyncStatus::Failed),
        ] {
            let counts = SyncCounts {
                total,
                created: done,
                failed,
                ..SyncCounts::default()
            };
            let objects = OutboxCounts {
                done,
                failed,
                last_error: (failed > 0).then(|| "The container is gone.".to_owned()),
                ..OutboxCounts::default()
            };
            let (status, note) = verdict(&counts, &objects);
            assert_eq!(status, expected);
            if failed > 0 {
                assert_eq!(
                    note.unwrap(),
                    format!("{done} of {total} files were written. The container is gone.")
                );
            }
        }
    }
}
