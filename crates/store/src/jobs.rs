//! The job queue: leases on rows, no broker, any number of workers.

use model::{DeletionId, JobId, SyncRunId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    Error, Result, Store,
    db::{Row, Sql, Tx, sql, sql_of_each},
};

/// Longer than any lease and any wait between attempts.
pub(crate) const LONGEST_WAIT_MS: i64 = 2 * 3_600_000;

// Under lease, `due_at_ms` is when the lease runs out: waiting and abandoned jobs are one condition.
macro_rules! claim {
    ($lock:literal) => {
        concat!(
            "UPDATE jobs SET state = 'leased', worker_id = $1, due_at_ms = $2, attempts = attempts + 1
             WHERE id = (SELECT id FROM jobs WHERE state <> 'failed' AND due_at_ms <= $3
             AND attempts < max_attempts ORDER BY due_at_ms, id LIMIT 1 ",
            $lock,
            ") RETURNING *"
        )
    };
}

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum JobTask {
    /// A run over a source storage.
    Sync { run_id: SyncRunId },
    /// A full export to a target storage.
    Export { run_id: SyncRunId },
    /// Deleting a project or a storage.
    Delete { deletion_id: DeletionId },
}

/// A job to enqueue.
#[derive(Clone, Debug)]
pub struct NewJob<'a> {
    pub task: JobTask,
    /// While a job with this key waits or runs, another is not enqueued.
    pub unique_key: Option<&'a str>,
    pub run_at_ms: i64,
}

/// A job under lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    pub id: JobId,
    pub task: JobTask,
    /// This one included: 1 at the first.
    pub attempts: i64,
    /// No further attempt follows this many.
    pub max_attempts: i64,
    pub(crate) worker_id: String,
}

/// What follows a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Again at this time, unless it was the last attempt.
    AtMs(i64),
    /// Never.
    GiveUp,
}

impl JobTask {
    /// As stored: the kind, and the rest as a JSON object.
    fn to_columns(self) -> Result<(String, String)> {
        let broken = |source| Error::caused_by("a job cannot be written as JSON", source);
        let mut object = serde_json::to_value(self).map_err(broken)?;
        let kind = object.as_object_mut().and_then(|of| of.remove("kind"));
        let kind = kind.as_ref().and_then(Value::as_str).unwrap_or_default();
        Ok((kind.to_owned(), object.to_string()))
    }

    /// The inverse.
    fn of_columns(kind: String, payload: &str) -> Result<Self> {
        let broken = |source| Error::caused_by("a stored job is broken", source);
        let mut object: Map<String, Value> = serde_json::from_str(payload).map_err(broken)?;
        object.insert("kind".to_owned(), kind.into());
        serde_json::from_value(object.into()).map_err(broken)
    }

    /// The run that it carries out.
    fn run(self) -> Option<SyncRunId> {
        match self {
            Self::Sync { run_id } | Self::Export { run_id } => Some(run_id),
            Self::Delete { .. } => None,
        }
    }

    /// How often it is tried, lost workers included. What is being deleted is of use to nobody any
    /// more, so that is tried until it is done.
    fn max_attempts(self) -> i64 {
        match self {
            Self::Sync { .. } | Self::Export { .. } => 5,
            Self::Delete { .. } => i64::from(i32::MAX),
        }
    }
}

impl Store {
    /// Enqueues a job; `None` when one with the same key waits or runs.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn enqueue_job(&self, job: &NewJob<'_>, now_ms: i64) -> Result<Option<JobId>> {
        let mut tx = self.db.begin().await?;
        let id = insert_job(&mut tx, job, now_ms).await?;
        tx.commit().await?;
        self.job_notify().notify_waiters();
        Ok(id)
    }

    /// Leases the job that is due first, or one whose lease has run out; `None` when there is none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn claim_job(
        &self,
        worker_id: &str,
        lease_ms: i64,
        now_ms: i64,
    ) -> Result<Option<Job>> {
        let rows = self
            .db
            .write(
                sql_of_each(claim!(""), claim!("FOR UPDATE SKIP LOCKED"))
                    .bind(worker_id)
                    .bind(now_ms + lease_ms)
                    .bind(now_ms),
            )
            .await?;
        rows.first().map(job_of).transpose()
    }

    /// Extends the lease; `false` when it was lost: stop working on it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn renew_job(&self, job: &Job, lease_ms: i64, now_ms: i64) -> Result<bool> {
        let renew = sql("UPDATE jobs SET due_at_ms = $4
             WHERE id = $1 AND worker_id = $2 AND attempts = $3 AND state = 'leased'");
        Ok(self
            .db
            .execute(leased(renew, job).bind(now_ms + lease_ms))
            .await?
            > 0)
    }

    /// Gives a job back untried, due at once (a worker that is being stopped); `false` when the lease
    /// was lost.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn release_job(&self, job: &Job, now_ms: i64) -> Result<bool> {
        let release = sql(
            "UPDATE jobs SET state = 'waiting', due_at_ms = $4, attempts = attempts - 1
             WHERE id = $1 AND worker_id = $2 AND attempts = $3 AND state = 'leased'",
        );
        Ok(self.db.execute(leased(release, job).bind(now_ms)).await? > 0)
    }

    /// Removes a job that succeeded; `false` when the lease was lost.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn finish_job(&self, job: &Job) -> Result<bool> {
        let finish = "DELETE FROM jobs WHERE id = $1 AND worker_id = $2 AND attempts = $3 AND state = 'leased'";
        Ok(self.db.execute(leased(sql(finish), job)).await? > 0)
    }

    /// Ends a failed attempt; `true` when another one will follow. When none will, the job's run (if
    /// it is still running) ends as failed with the same error. `error` is redacted.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn fail_job(
        &self,
        job: &Job,
        error: &str,
        retry: Retry,
        now_ms: i64,
    ) -> Result<bool> {
        let again_at = match retry {
            Retry::AtMs(at) if job.attempts < job.max_attempts => Some(at),
            _ => None,
        };
        let mut tx = self.db.begin().await?;
        let fail = sql(
            "UPDATE jobs SET state = CASE WHEN $4 IS NULL THEN 'failed' ELSE 'waiting' END,
             due_at_ms = COALESCE($4, due_at_ms), error = $5
             WHERE id = $1 AND worker_id = $2 AND attempts = $3 AND state = 'leased'",
        );
        let failed = tx
            .execute(leased(fail, job).bind(again_at).bind(error))
            .await?
            > 0;
        if failed && again_at.is_none() {
            fail_run(&mut tx, job, error, now_ms).await?;
        }
        tx.commit().await?;
        Ok(failed && again_at.is_some())
    }

    /// What is due later than anything may be was enqueued by a clock that was ahead: it is due now.
    /// How much.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn pull_back_due(&self, now_ms: i64) -> Result<u64> {
        let jobs = sql("UPDATE jobs SET due_at_ms = $1 WHERE state <> 'failed' AND due_at_ms > $2");
        let jobs = jobs.bind(now_ms).bind(now_ms + LONGEST_WAIT_MS);
        let objects = sql("UPDATE outbox SET next_at_ms = $1 WHERE next_at_ms > $2");
        let objects = objects.bind(now_ms).bind(now_ms + LONGEST_WAIT_MS);
        Ok(self.db.execute(jobs).await? + self.db.execute(objects).await?)
    }

    /// Gives up jobs whose last attempt's lease ran out (its worker died), ends their runs as failed,
    /// and answers them. Call it now and then beside [`Store::claim_job`].
    ///
    /// # Errors
    /// When the database fails.
    pub async fn fail_exhausted_jobs(&self, now_ms: i64) -> Result<Vec<Job>> {
        const LOST: &str = "the worker stopped every time it ran this";
        let mut tx = self.db.begin().await?;
        let rows = tx
            .rows(
                sql("UPDATE jobs SET state = 'failed', error = $2
                     WHERE state = 'leased' AND due_at_ms <= $1 AND attempts >= max_attempts RETURNING *")
                .bind(now_ms)
                .bind(LOST),
            )
            .await?;
        let jobs = rows.iter().map(job_of).collect::<Result<Vec<_>>>()?;
        for job in &jobs {
            fail_run(&mut tx, job, LOST, now_ms).await?;
        }
        tx.commit().await?;
        Ok(jobs)
    }
}

/// Enqueues within a transaction; `None` when a job with the same key waits or runs.
pub(crate) async fn insert_job(
    tx: &mut Tx,
    job: &NewJob<'_>,
    now_ms: i64,
) -> Result<Option<JobId>> {
    let (kind, payload) = job.task.to_columns()?;
    let row = tx
        .row(
            sql("INSERT INTO jobs (kind, payload, unique_key, state, due_at_ms, max_attempts, created_at_ms)
                 VALUES ($1, $2, $3, 'waiting', $4, $5, $6) ON CONFLICT DO NOTHING RETURNING id")
            .bind(kind)
            .bind(payload)
            .bind(job.unique_key)
            .bind(job.run_at_ms)
            .bind(job.task.max_attempts())
            .bind(now_ms),
        )
        .await?;
    row.map(|row| row.get("id").map(JobId)).transpose()
}

/// `attempts` tells a worker's own older lease from its newer one.
fn leased(sql: Sql, job: &Job) -> Sql {
    sql.bind(job.id)
        .bind(job.worker_id.as_str())
        .bind(job.attempts)
}

/// A run whose job is given up would stay running for ever.
async fn fail_run(tx: &mut Tx, job: &Job, error: &str, now_ms: i64) -> Result<()> {
    let Some(run) = job.task.run() else {
        return Ok(());
    };
    tx.execute(
        sql(
            "UPDATE sync_runs SET status = 'failed', error = $2, finished_at_ms = $3
             WHERE id = $1 AND status IN ('queued', 'in_progress')",
        )
        .bind(run)
        .bind(error)
        .bind(now_ms),
    )
    .await?;
    Ok(())
}

fn job_of(row: &Row) -> Result<Job> {
    Ok(Job {
        id: JobId(row.get("id")?),
        task: JobTask::of_columns(row.get("kind")?, &row.get::<String>("payload")?)?,
        attempts: row.get("attempts")?,
        max_attempts: row.get("max_attempts")?,
        worker_id: row.get("worker_id")?,
    })
}

#[cfg(test)]
mod tests {
    use model::{DeletionId, SyncRunId};

    use super::JobTask;

    #[test]
    fn a_job_is_read_as_it_was_stored_also_by_older_versions() {
        let (run_id, deletion_id) = (SyncRunId(7), DeletionId(3));
        for (task, kind, payload) in [
            (JobTask::Sync { run_id }, "sync", r#"{"run_id":7}"#),
            (JobTask::Export { run_id }, "export", r#"{"run_id":7}"#),
            (
                JobTask::Delete { deletion_id },
                "delete",
                r#"{"deletion_id":3}"#,
            ),
        ] {
            let columns = task.to_columns().unwrap();
            assert_eq!(columns, (kind.to_owned(), payload.to_owned()));
            assert_eq!(JobTask::of_columns(columns.0, &columns.1).unwrap(), task);
        }
        for (kind, payload) in [("sync", "{}"), ("dance", r#"{"run_id":7}"#), ("sync", "")] {
            assert!(JobTask::of_columns(kind.to_owned(), payload).is_err());
        }
    }
}
