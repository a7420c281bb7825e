//! A storage's runs as people look back on them, and what runs in a project now.

use model::{OrgId, ProjectId, StorageId, SyncRun, SyncRunId};

use crate::{
    Result, Store,
    db::{Row, sql},
    sync_runs::{RunScope, run_of, scope_of},
};

/// A run, who asked for it and what it was about.
#[derive(Clone, Debug)]
pub struct RunRecord {
    pub run: SyncRun,
    /// The e-mail of who asked for it, where that is known.
    pub started_by: Option<String>,
    pub scope: RunScope,
}

/// The imports that run in a project now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunningImports {
    pub runs: i64,
    /// Tasks that they have made so far.
    pub created: i64,
    /// Tasks of the project, those included.
    pub tasks: i64,
}

impl Store {
    /// A storage's runs, newest first, and how many there are in all.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn run_history(
        &self,
        org: OrgId,
        storage: StorageId,
        limit: i64,
        offset: i64,
    ) -> Result<(Vec<RunRecord>, i64)> {
        let query = sql(
            "SELECT r.*, (SELECT u.email FROM users u WHERE u.id = r.started_by) AS starter
             FROM sync_runs r WHERE r.org_id = $1 AND r.storage_id = $2
             ORDER BY r.id DESC LIMIT $3 OFFSET $4",
        )
        .bind(org)
        .bind(storage)
        .bind(limit)
        .bind(offset);
        let rows = self.db.read(query).await?;
        let count = "SELECT COUNT(*) AS total FROM sync_runs WHERE org_id = $1 AND storage_id = $2";
        let total = self.db.read_one(sql(count).bind(org).bind(storage)).await?;
        let total = total.map_or(Ok(0), |row| row.get("total"))?;
        Ok((rows.iter().map(record_of).collect::<Result<_>>()?, total))
    }

    /// How many blobs the newest complete run before this one listed: what this one will meet, about.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn listed_before(
        &self,
        org: OrgId,
        storage: StorageId,
        run: SyncRunId,
    ) -> Result<Option<i64>> {
        let query = sql(
            "SELECT listed FROM sync_runs WHERE org_id = $1 AND storage_id = $2 AND id < $3
             AND retried_blob IS NULL AND status IN ('completed', 'completed_with_errors')
             ORDER BY id DESC LIMIT 1",
        )
        .bind(org)
        .bind(storage)
        .bind(run);
        let row = self.db.read_one(query).await?;
        row.map(|row| row.get("listed")).transpose()
    }

    /// How many tasks the storage's runs have made.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn tasks_made_by(&self, org: OrgId, storage: StorageId) -> Result<i64> {
        let query = sql(
            "SELECT CAST(COALESCE(SUM(created), 0) AS BIGINT) AS created FROM sync_runs
             WHERE org_id = $1 AND storage_id = $2",
        )
        .bind(org)
        .bind(storage);
        let row = self.db.read_one(query).await?;
        row.map_or(Ok(0), |row| row.get("created"))
    }

    /// The imports that wait or run in a project.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn running_imports(&self, org: OrgId, project: ProjectId) -> Result<RunningImports> {
        let query = sql(
            "SELECT COUNT(*) AS runs, CAST(COALESCE(SUM(r.created), 0) AS BIGINT) AS created,
             (SELECT p.task_count FROM projects p WHERE p.id = $2 AND p.org_id = $1) AS tasks
             FROM sync_runs r JOIN storages s ON s.id = r.storage_id
             WHERE r.status IN ('queued', 'in_progress') AND r.org_id = $1 AND r.project_id = $2
             AND s.direction = 'source'",
        )
        .bind(org)
        .bind(project);
        let Some(row) = self.db.read_one(query).await? else {
            return Ok(RunningImports::default());
        };
        Ok(RunningImports {
            runs: row.get("runs")?,
            created: row.get("created")?,
            tasks: row.get::<Option<i64>>("tasks")?.unwrap_or_default(),
        })
    }
}

fn record_of(row: &Row) -> Result<RunRecord> {
    Ok(RunRecord {
        run: run_of(row)?,
        started_by: row.get("starter")?,
        scope: scope_of(row)?,
    })
}
