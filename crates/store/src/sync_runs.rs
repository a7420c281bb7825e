//! Runs: one pass over a source storage, or one full export to a target storage.
//!
//! A run is fenced by its `attempts`: a worker that lost its lease, and a run that was cancelled,
//! can write neither tasks nor progress. `created` of a sync only grows, by what each transaction
//! creates: the files of [`crate::staged_files`] count into it beside the run's worker.

use model::{
    Direction, OrgId, ProjectId, StorageId, SyncCounts, SyncRun, SyncRunId, SyncStatus, UserId,
};

use crate::{
    JobTask, NewJob, Result, Store,
    db::{Row, Sql, sql},
    jobs::insert_job,
};

/// Why a retry was cancelled by a run over everything; for people.
const REPLACED: &str =
    "A sync of the whole storage took its place; it tries the failed blobs again too.";

/// The answer to "start a run".
#[derive(Clone, Debug)]
pub struct RunStart {
    pub run: SyncRun,
    /// It was running before; nothing new was enqueued.
    pub already_running: bool,
}

/// What a run is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RunScope {
    /// All of the storage.
    #[default]
    Everything,
    /// The blobs that could not be imported before.
    FailedBlobs,
    /// One of them, by name.
    Blob(String),
}

impl RunScope {
    fn as_column(&self) -> Option<&str> {
        match self {
            Self::Everything => None,
            Self::FailedBlobs => Some(""),
            Self::Blob(name) => Some(name),
        }
    }
}

/// A run that a worker has taken.
#[derive(Clone, Debug)]
pub struct StartedRun {
    pub org_id: OrgId,
    pub project_id: ProjectId,
    pub storage_id: StorageId,
    /// `run.attempts` is the fence to give to every write of this run.
    pub run: SyncRun,
    /// Where to go on listing; `None` begins at the beginning.
    pub marker: Option<String>,
    pub scope: RunScope,
}

macro_rules! publishing {
    () => {
        "EXISTS (SELECT 1 FROM staged_files f WHERE f.run_id = sync_runs.id AND f.state = 'decided')"
    };
}

impl Store {
    /// Queues a run over everything, that no person asked for; see [`Store::start_run_of`].
    ///
    /// # Errors
    /// When the database fails.
    pub async fn start_run(
        &self,
        org: OrgId,
        storage: StorageId,
        now_ms: i64,
    ) -> Result<Option<RunStart>> {
        self.start_run_of(org, storage, None, &RunScope::Everything, now_ms)
            .await
    }

    /// Queues a run and its job in one transaction, or answers the one that is running. A run over
    /// everything takes the place of a retry of failed blobs, which it tries again too: the retry
    /// is cancelled. `None` when the storage is not the organization's.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn start_run_of(
        &self,
        org: OrgId,
        storage: StorageId,
        started_by: Option<UserId>,
        scope: &RunScope,
        now_ms: i64,
    ) -> Result<Option<RunStart>> {
        let mut tx = self.db.begin().await?;
        if *scope == RunScope::Everything {
            let replace = sql(
                "UPDATE sync_runs SET status = 'cancelled', error = $3, finished_at_ms = $4
                 WHERE org_id = $1 AND storage_id = $2 AND status IN ('queued', 'in_progress')
                 AND retried_blob IS NOT NULL",
            );
            let replace = replace.bind(org).bind(storage).bind(REPLACED).bind(now_ms);
            tx.execute(replace).await?;
        }
        // The partial unique index lets one run of a storage be queued or in progress.
        let inserted = tx
            .row(
                sql("INSERT INTO sync_runs (org_id, project_id, storage_id, status, queued_at_ms, started_by,
                     retried_blob)
                     SELECT org_id, project_id, id, 'queued', $3, $4, $5 FROM storages
                     WHERE org_id = $1 AND id = $2
                     ON CONFLICT DO NOTHING RETURNING *, (SELECT direction FROM storages WHERE id = $2) AS direction")
                .bind(org)
                .bind(storage)
                .bind(now_ms)
                .bind(started_by)
                .bind(scope.as_column()),
            )
            .await?;
        let Some(row) = inserted else {
            let newest = "SELECT * FROM sync_runs WHERE org_id = $1 AND storage_id = $2 ORDER BY id DESC LIMIT 1";
            let row = tx.row(sql(newest).bind(org).bind(storage)).await?;
            return row
                .map(|row| {
                    Ok(RunStart {
                        run: run_of(&row)?,
                        already_running: true,
                    })
                })
                .transpose();
        };
        let run = run_of(&row)?;
        let last = "UPDATE storages SET last_run_id = $2 WHERE id = $1";
        tx.execute(sql(last).bind(storage).bind(run.id)).await?;
        let job = NewJob {
            task: match row.word("direction", Direction::parse)? {
                Direction::Source => JobTask::Sync { run_id: run.id },
                Direction::Target => JobTask::Export { run_id: run.id },
            },
            unique_key: Some(&format!("run/{}", run.id)),
            run_at_ms: now_ms,
        };
        insert_job(&mut tx, &job, now_ms).await?;
        tx.commit().await?;
        self.job_notify().notify_waiters();
        Ok(Some(RunStart {
            run,
            already_running: false,
        }))
    }

    /// A run of the organization.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_run(&self, org: OrgId, run: SyncRunId) -> Result<Option<SyncRun>> {
        let query = sql("SELECT * FROM sync_runs WHERE org_id = $1 AND id = $2");
        let row = self.db.read_one(query.bind(org).bind(run)).await?;
        row.as_ref().map(run_of).transpose()
    }

    /// A storage's runs, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_runs(
        &self,
        org: OrgId,
        storage: StorageId,
        limit: i64,
        offset: i64,
    ) -> Result<Vec<SyncRun>> {
        let query = sql(
            "SELECT * FROM sync_runs WHERE org_id = $1 AND storage_id = $2
             ORDER BY id DESC LIMIT $3 OFFSET $4",
        )
        .bind(org)
        .bind(storage)
        .bind(limit)
        .bind(offset);
        self.db.read(query).await?.iter().map(run_of).collect()
    }

    /// Cancels the storage's running run; `None` when none is running. While a file of it becomes
    /// tasks, the run goes on until that file is in ([`Store::clean_staged`] ends it then).
    ///
    /// # Errors
    /// When the database fails.
    pub async fn cancel_run(
        &self,
        org: OrgId,
        storage: StorageId,
        now_ms: i64,
    ) -> Result<Option<SyncRun>> {
        let mut tx = self.db.begin().await?;
        let cancel = sql(concat!(
            "UPDATE sync_runs SET stopping = 1,
             status = CASE WHEN ",
            publishing!(),
            " THEN status ELSE 'cancelled' END,
             finished_at_ms = CASE WHEN ",
            publishing!(),
            " THEN NULL ELSE $3 END
             WHERE org_id = $1 AND storage_id = $2 AND status IN ('queued', 'in_progress') RETURNING *"
        ));
        let Some(row) = tx.row(cancel.bind(org).bind(storage).bind(now_ms)).await? else {
            return Ok(None);
        };
        let run = run_of(&row)?;
        // Of a full export: what nothing else asks for; what changed as well is still delivered.
        let drop =
            "DELETE FROM outbox WHERE run_id = $1 AND version = 0 AND lease_until_ms IS NULL";
        tx.execute(sql(drop).bind(run.id)).await?;
        tx.commit().await?;
        Ok(Some(run))
    }

    /// Worker: takes a queued run, or one whose worker was lost, raising `attempts`.
    /// `None` when it was cancelled, has finished or is gone.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn mark_run_started(
        &self,
        run: SyncRunId,
        now_ms: i64,
    ) -> Result<Option<StartedRun>> {
        let rows = self
            .db
            .write(
                sql(
                    "UPDATE sync_runs SET status = 'in_progress', attempts = attempts + 1,
                     started_at_ms = COALESCE(started_at_ms, $2), last_ping_at_ms = $2
                     WHERE id = $1 AND status IN ('queued', 'in_progress') RETURNING *",
                )
                .bind(run)
                .bind(now_ms),
            )
            .await?;
        rows.first()
            .map(|row| {
                Ok(StartedRun {
                    org_id: OrgId(row.get("org_id")?),
                    project_id: ProjectId(row.get("project_id")?),
                    storage_id: StorageId(row.get("storage_id")?),
                    run: run_of(row)?,
                    marker: row.get("marker")?,
                    scope: scope_of(row)?,
                })
            })
            .transpose()
    }

    /// Worker: has someone cancelled it (or deleted its storage)?
    ///
    /// # Errors
    /// When the database fails.
    pub async fn run_is_cancelled(&self, run: SyncRunId) -> Result<bool> {
        let query = sql("SELECT status FROM sync_runs WHERE id = $1").bind(run);
        let row = self.db.read_one(query).await?;
        let status = row
            .map(|row| row.word("status", SyncStatus::parse))
            .transpose()?;
        Ok(matches!(status, None | Some(SyncStatus::Cancelled)))
    }

    /// Worker: saves counts and the time; `false` when the run is no longer this attempt's.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn save_run_progress(
        &self,
        run: SyncRunId,
        attempt: i64,
        counts: &SyncCounts,
        now_ms: i64,
    ) -> Result<bool> {
        let mut tx = self.db.begin().await?;
        let saved = tx
            .execute(progress(run, attempt, counts, 0, None, now_ms))
            .await?
            > 0;
        let created = "UPDATE sync_runs SET created = $2 WHERE id = $1";
        if saved {
            tx.execute(sql(created).bind(run).bind(counts.created))
                .await?;
        }
        tx.commit().await?;
        Ok(saved)
    }

    /// Worker: shows that a run lives; `false` when it is no longer this attempt's.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn ping_run(&self, run: SyncRunId, attempt: i64, now_ms: i64) -> Result<bool> {
        let ping = sql("UPDATE sync_runs SET last_ping_at_ms = $3
             WHERE id = $1 AND attempts = $2 AND status = 'in_progress' AND stopping = 0");
        let ping = ping.bind(run).bind(attempt).bind(now_ms);
        Ok(self.db.execute(ping).await? > 0)
    }

    /// Worker: ends a run; `error` is for people and redacted. `false` when it was ended before
    /// (cancelled, for instance): then nothing changes.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn finish_run(
        &self,
        run: SyncRunId,
        status: SyncStatus,
        counts: &SyncCounts,
        error: Option<&str>,
        now_ms: i64,
    ) -> Result<bool> {
        let finish = sql("UPDATE sync_runs SET status = $2, error = $3, finished_at_ms = $4, last_ping_at_ms = $4,
             listed = $5, filtered = $6, skipped = $7,
             created = CASE WHEN created > $8 THEN created ELSE $8 END, existed = $9, changed = $10,
             failed = $11, total = $12 WHERE id = $1 AND status IN ('queued', 'in_progress')")
        .bind(run)
        .bind(status.as_str())
        .bind(error)
        .bind(now_ms)
        .bind(counts.listed)
        .bind(counts.filtered)
        .bind(counts.skipped)
        .bind(counts.created)
        .bind(counts.existed)
        .bind(counts.changed)
        .bind(counts.failed)
        .bind(counts.total);
        Ok(self.db.execute(finish).await? > 0)
    }
}

/// The fenced write of a run's counts and checkpoint: touches no row when the run is no longer this
/// attempt's. `created` more tasks are there than before.
pub(crate) fn progress(
    run: SyncRunId,
    attempt: i64,
    counts: &SyncCounts,
    created: i64,
    marker: Option<&str>,
    now_ms: i64,
) -> Sql {
    sql("UPDATE sync_runs SET marker = COALESCE($3, marker), last_ping_at_ms = $4, listed = $5,
         filtered = $6, skipped = $7, created = created + $8, existed = $9, changed = $10, failed = $11,
         total = $12 WHERE id = $1 AND attempts = $2 AND status = 'in_progress' AND stopping = 0")
    .bind(run)
    .bind(attempt)
    .bind(marker)
    .bind(now_ms)
    .bind(counts.listed)
    .bind(counts.filtered)
    .bind(counts.skipped)
    .bind(created)
    .bind(counts.existed)
    .bind(counts.changed)
    .bind(counts.failed)
    .bind(counts.total)
}

pub(crate) fn scope_of(run: &Row) -> Result<RunScope> {
    Ok(match run.get::<Option<String>>("retried_blob")? {
        None => RunScope::Everything,
        Some(name) if name.is_empty() => RunScope::FailedBlobs,
        Some(name) => RunScope::Blob(name),
    })
}

pub(crate) fn run_of(row: &Row) -> Result<SyncRun> {
    run_with_id(
        row,
        SyncRunId(row.get("id")?),
        StorageId(row.get("storage_id")?),
    )
}

/// The run joined to a storage's row, when there is one.
pub(crate) fn last_run_of(storage: &Row) -> Result<Option<SyncRun>> {
    let Some(run) = storage.get::<Option<i64>>("run_id")? else {
        return Ok(None);
    };
    run_with_id(storage, SyncRunId(run), StorageId(storage.get("id")?)).map(Some)
}

fn run_with_id(row: &Row, id: SyncRunId, storage_id: StorageId) -> Result<SyncRun> {
    Ok(SyncRun {
        id,
        storage_id,
        status: row.word("status", SyncStatus::parse)?,
        counts: SyncCounts {
            listed: row.get("listed")?,
            filtered: row.get("filtered")?,
            skipped: row.get("skipped")?,
            created: row.get("created")?,
            existed: row.get("existed")?,
            changed: row.get("changed")?,
            failed: row.get("failed")?,
            total: row.get("total")?,
        },
        error: row.get("error")?,
        attempts: row.get("attempts")?,
        queued_at_ms: row.get("queued_at_ms")?,
        started_at_ms: row.get("started_at_ms")?,
        last_ping_at_ms: row.get("last_ping_at_ms")?,
        finished_at_ms: row.get("finished_at_ms")?,
    })
}
