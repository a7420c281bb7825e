//! Blobs that syncs have seen: what makes a second sync cheap and a duplicate impossible.

use std::collections::HashMap;

use model::{AccountName, ContainerName, OrgId, ProjectId, SourceBlobId, StorageId, SyncRunId};

use crate::{
    Error, Result, Store,
    db::{Row, sql},
    task_batch::json,
};

/// What is known of a blob that was listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlobStanding {
    /// Never imported.
    New,
    /// Imported, with this ETag.
    Imported,
    /// Imported, with another ETag.
    Changed,
    /// Not imported: its last import failed.
    Failed,
}

/// Why a blob could not be imported.
#[derive(Clone, Debug)]
pub struct BlobError<'a> {
    pub org_id: OrgId,
    pub project_id: ProjectId,
    pub storage_id: StorageId,
    pub run_id: SyncRunId,
    pub account: &'a AccountName,
    pub container: &'a ContainerName,
    pub name: &'a str,
    pub etag: &'a str,
    /// Stable, for programs.
    pub code: &'a str,
    /// For people; redacted.
    pub message: &'a str,
    /// From 1.
    pub line: Option<i64>,
    /// From 1.
    pub column: Option<i64>,
}

/// A blob as the last sync saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobVersion {
    pub account: AccountName,
    pub container: ContainerName,
    pub name: String,
    /// As Azure listed it.
    pub etag: String,
    /// Bytes.
    pub size: i64,
}

/// A blob that could not be imported, as listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobErrorRecord {
    pub name: String,
    pub etag: String,
    pub code: String,
    pub message: String,
    pub line: Option<i64>,
    pub column: Option<i64>,
    pub run_id: SyncRunId,
    pub failed_at_ms: i64,
}

impl Store {
    /// What is known of these (name, ETag) pairs of one container, in the order given.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn known_blobs(
        &self,
        project: ProjectId,
        account: &AccountName,
        container: &ContainerName,
        blobs: &[(&str, &str)],
    ) -> Result<Vec<BlobStanding>> {
        let container = Container {
            project,
            account,
            container,
        };
        container.standings(self, blobs).await
    }

    /// The versions of these imported blobs.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn blob_versions(
        &self,
        org: OrgId,
        blobs: &[SourceBlobId],
    ) -> Result<HashMap<SourceBlobId, BlobVersion>> {
        let query = sql(
            "SELECT id, account, container, name, etag, size FROM source_blobs
             WHERE org_id = $1 AND state = 'imported'
             AND id IN (SELECT CAST(j.value AS BIGINT) FROM json_each($2) AS j)",
        );
        let rows = self
            .db
            .read(query.bind(org).bind(json(blobs.iter())?))
            .await?;
        let version = |row: &Row| {
            let version = BlobVersion {
                account: row.parsed("account", AccountName::parse)?,
                container: row.parsed("container", ContainerName::parse)?,
                name: row.get("name")?,
                etag: row.get("etag")?,
                size: row.get("size")?,
            };
            Ok((SourceBlobId(row.get("id")?), version))
        };
        rows.iter().map(version).collect()
    }

    /// Keeps why a blob could not be imported; a later success clears it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn record_blob_error(&self, error: &BlobError<'_>, now_ms: i64) -> Result<()> {
        self.db
            .execute(
                sql("INSERT INTO source_blobs (org_id, project_id, storage_id, account, container, name, etag,
                     size, modified_ms, state, error_code, error_message, error_line, error_column,
                     failed_at_ms, last_run_id)
                     VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 0, 'failed', $8, $9, $10, $11, $12, $13)
                     ON CONFLICT (project_id, account, container, name) DO UPDATE SET
                     storage_id = excluded.storage_id, etag = excluded.etag, state = excluded.state,
                     error_code = excluded.error_code, error_message = excluded.error_message,
                     error_line = excluded.error_line, error_column = excluded.error_column,
                     failed_at_ms = excluded.failed_at_ms, last_run_id = excluded.last_run_id")
                .bind(error.org_id)
                .bind(error.project_id)
                .bind(error.storage_id)
                .bind(error.account.as_str())
                .bind(error.container.as_str())
                .bind(error.name)
                .bind(error.etag)
                .bind(error.code)
                .bind(error.message)
                .bind(error.line)
                .bind(error.column)
                .bind(now_ms)
                .bind(error.run_id),
            )
            .await
            .map(drop)
    }

    /// A storage's blobs that could not be imported, by name, and how many there are in all.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_blob_errors(
        &self,
        org: OrgId,
        storage: StorageId,
        limit: i64,
        offset: i64,
    ) -> Result<(Vec<BlobErrorRecord>, i64)> {
        let query = sql(
            "SELECT * FROM source_blobs WHERE org_id = $1 AND storage_id = $2 AND state = 'failed'
             ORDER BY name LIMIT $3 OFFSET $4",
        )
        .bind(org)
        .bind(storage)
        .bind(limit)
        .bind(offset);
        let rows = self.db.read(query).await?;
        let query = sql("SELECT COUNT(*) AS total FROM source_blobs
             WHERE org_id = $1 AND storage_id = $2 AND state = 'failed'")
        .bind(org)
        .bind(storage);
        let total = self.db.read_one(query).await?;
        let total = total.map_or(Ok(0), |row| row.get("total"))?;
        Ok((rows.iter().map(error_of).collect::<Result<_>>()?, total))
    }
}

impl Store {
    /// Worker: names of a storage's blobs that could not be imported, in order, after this one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn failed_blob_names(
        &self,
        org: OrgId,
        storage: StorageId,
        after: &str,
        limit: i64,
    ) -> Result<Vec<String>> {
        let query = sql(
            "SELECT name FROM source_blobs WHERE org_id = $1 AND storage_id = $2
             AND state = 'failed' AND name > $3 ORDER BY name LIMIT $4",
        )
        .bind(org)
        .bind(storage)
        .bind(after)
        .bind(limit);
        let rows = self.db.read(query).await?;
        rows.iter().map(|row| row.get("name")).collect()
    }

    /// Worker: this failure is over, because the blob is gone or is not the storage's any more.
    /// What was imported of it before stays known.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forget_blob_error(
        &self,
        org: OrgId,
        storage: StorageId,
        name: &str,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        for statement in [
            "DELETE FROM source_blobs WHERE org_id = $1 AND storage_id = $2 AND name = $3
             AND state = 'failed'
             AND NOT EXISTS (SELECT 1 FROM tasks t WHERE t.source_blob_id = source_blobs.id)",
            "UPDATE source_blobs SET state = 'imported', error_code = NULL, error_message = NULL,
             error_line = NULL, error_column = NULL, failed_at_ms = NULL
             WHERE org_id = $1 AND storage_id = $2 AND name = $3 AND state = 'failed'",
        ] {
            tx.execute(sql(statement).bind(org).bind(storage).bind(name))
                .await?;
        }
        tx.commit().await
    }
}

/// The container of a project that blobs are looked up in.
#[derive(Clone, Copy)]
pub(crate) struct Container<'a> {
    pub project: ProjectId,
    pub account: &'a AccountName,
    pub container: &'a ContainerName,
}

impl Container<'_> {
    /// What is known of these (name, ETag) pairs. Only what is *not* imported as it is crosses from
    /// the database, so a page with nothing new costs its index lookups.
    pub(crate) async fn standings(
        self,
        store: &Store,
        blobs: &[(&str, &str)],
    ) -> Result<Vec<BlobStanding>> {
        let rows = store
            .db
            .read(
                sql("SELECT j.key AS position, b.state FROM json_each($1) AS j
                     LEFT JOIN source_blobs b ON b.project_id = $2 AND b.account = $3 AND b.container = $4
                     AND b.name = j.value->>0
                     WHERE b.id IS NULL OR b.etag <> j.value->>1 OR b.state <> 'imported'")
                .bind(json(blobs.iter())?)
                .bind(self.project)
                .bind(self.account.as_str())
                .bind(self.container.as_str()),
            )
            .await?;
        let mut standings = vec![BlobStanding::Imported; blobs.len()];
        for row in rows {
            let standing = match row.get::<Option<String>>("state")?.as_deref() {
                None => BlobStanding::New,
                Some("failed") => BlobStanding::Failed,
                Some(_) => BlobStanding::Changed,
            };
            *usize::try_from(row.get::<i64>("position")?)
                .ok()
                .and_then(|position| standings.get_mut(position))
                .ok_or_else(|| Error::new("a known blob has a foreign position"))? = standing;
        }
        Ok(standings)
    }
}

fn error_of(row: &Row) -> Result<BlobErrorRecord> {
    Ok(BlobErrorRecord {
        name: row.get("name")?,
        etag: row.get("etag")?,
        code: row.get::<Option<String>>("error_code")?.unwrap_or_default(),
        message: row
            .get::<Option<String>>("error_message")?
            .unwrap_or_default(),
        line: row.get("error_line")?,
        column: row.get("error_column")?,
        run_id: SyncRunId(row.get("last_run_id")?),
        failed_at_ms: row.get::<Option<i64>>("failed_at_ms")?.unwrap_or_default(),
    })
}
