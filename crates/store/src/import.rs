//! The hot path of a sync: a page of blobs becomes tasks, exactly once, with the run's checkpoint
//! in the same transaction.

use std::collections::HashMap;

use model::{
    AccountName, ContainerName, OrgId, ProjectId, SourceBlobId, StorageId, SyncCounts, SyncRunId,
};

use crate::{
    BlobStanding, Error, NewTask, Result, StagedFileId, Store,
    db::{Sql, sql},
    projects::{Counted, count},
    source_blobs::Container,
    staged_files::decide,
    sync_runs::progress,
    task_batch::{TaskBatch, insert_or_renew, json},
};

// `json_each` rows come in order; an ORDER BY over them is quadratic in SQLite.

/// Inserts blobs of a page, or renews what is known of them; rows are (name, ETag, size, modified).
macro_rules! upsert_blobs {
    () => {
        "INSERT INTO source_blobs (org_id, project_id, storage_id, account, container, name, etag, size,
         modified_ms, state, last_run_id)
         SELECT $2, $3, $4, $5, $6, j.value->>0, j.value->>1, CAST(j.value->>2 AS BIGINT),
         CAST(j.value->>3 AS BIGINT), 'imported', $7
         FROM json_each($1) AS j WHERE $7 >= 0
         ON CONFLICT (project_id, account, container, name) DO UPDATE SET storage_id = excluded.storage_id,
         etag = excluded.etag, size = excluded.size, modified_ms = excluded.modified_ms,
         state = excluded.state, error_code = NULL, error_message = NULL, error_line = NULL,
         error_column = NULL, failed_at_ms = NULL, last_run_id = excluded.last_run_id"
    };
}

/// A listed blob, and the task that it becomes.
#[derive(Clone, Debug)]
pub struct SeenBlob {
    pub name: String,
    pub etag: String,
    /// Bytes.
    pub size: i64,
    pub modified_ms: i64,
    /// JSON object: the task's data.
    pub data_json: String,
}

/// A page of blobs in files mode: one task per blob.
#[derive(Clone, Debug)]
pub struct ApplyPage<'a> {
    pub org_id: OrgId,
    pub project_id: ProjectId,
    pub storage_id: StorageId,
    pub run_id: SyncRunId,
    /// `attempts` of the started run: the fence.
    pub attempt: i64,
    pub account: &'a AccountName,
    pub container: &'a ContainerName,
    pub blobs: &'a [SeenBlob],
    /// Where the next page begins; `None` leaves the checkpoint alone.
    pub marker_after: Option<&'a str>,
    /// The run's counts with this page's `listed`, `filtered`, `skipped` and `failed`; what the page
    /// creates, finds or sees changed is added by the store.
    pub counts: &'a SyncCounts,
    pub now_ms: i64,
}

/// A blob of task files, parsed.
#[derive(Clone, Debug)]
pub struct ImportedBlob {
    pub name: String,
    pub etag: String,
    /// Bytes.
    pub size: i64,
    pub modified_ms: i64,
    pub rows: BlobRows,
}

/// Where a blob's rows are.
#[derive(Clone, Debug)]
pub enum BlobRows {
    /// By row, from 0: they become tasks at once.
    Here(Vec<NewTask>),
    /// Too many for one transaction: they become tasks from now on, see [`Store::publish_rows`].
    Staged(StagedFileId),
}

/// One or more parsed blobs in tasks mode: all rows of a blob or none.
#[derive(Clone, Debug)]
pub struct ApplyBlobTasks<'a> {
    pub org_id: OrgId,
    pub project_id: ProjectId,
    pub storage_id: StorageId,
    pub run_id: SyncRunId,
    /// `attempts` of the started run: the fence.
    pub attempt: i64,
    pub account: &'a AccountName,
    pub container: &'a ContainerName,
    pub blobs: &'a [ImportedBlob],
    /// Where the next page begins; `None` leaves the checkpoint alone.
    pub marker_after: Option<&'a str>,
    /// As in [`ApplyPage::counts`].
    pub counts: &'a SyncCounts,
    pub now_ms: i64,
}

/// What a page did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PageOutcome {
    /// Tasks.
    pub created: i64,
    /// Blobs known with this ETag.
    pub existed: i64,
    /// Blobs known with another ETag.
    pub changed: i64,
    /// The run's counts with all this added, as saved.
    pub counts: SyncCounts,
}

impl Store {
    /// Files mode: inserts the page's new blobs and their tasks, and saves counts and checkpoint, in
    /// one transaction. `None` when the run is no longer this attempt's (cancelled, or taken over):
    /// nothing was written.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn apply_blob_page(&self, page: &ApplyPage<'_>) -> Result<Option<PageOutcome>> {
        let pairs: Vec<_> = page
            .blobs
            .iter()
            .map(|blob| (blob.name.as_str(), blob.etag.as_str()))
            .collect();
        let container = Container {
            project: page.project_id,
            account: page.account,
            container: page.container,
        };
        let standings = container.standings(self, &pairs).await?;
        let mut outcome = tally(&standings, page.counts);
        if outcome.existed == page.blobs.len() as i64 {
            let progress = page.progress(&outcome);
            return Ok((self.db.execute(progress).await? > 0).then_some(outcome));
        }

        let document = json(
            page.blobs
                .iter()
                .zip(&standings)
                .filter(|(_, standing)| **standing != BlobStanding::Imported)
                .map(|(blob, _)| {
                    (
                        &blob.name,
                        &blob.etag,
                        blob.size,
                        blob.modified_ms,
                        &blob.data_json,
                    )
                }),
        )?;
        let mut tx = self.db.begin().await?;
        tx.execute(
            sql(upsert_blobs!())
                .bind(document.as_str())
                .bind(page.org_id)
                .bind(page.project_id)
                .bind(page.storage_id)
                .bind(page.account.as_str())
                .bind(page.container.as_str())
                .bind(page.run_id),
        )
        .await?;
        let not_imported = page.blobs.len() as i64 - outcome.existed;
        let reserved = tx
            .row(
                sql("UPDATE projects SET last_inner_id = last_inner_id + $3 WHERE org_id = $1 AND id = $2
                     RETURNING last_inner_id")
                .bind(page.org_id)
                .bind(page.project_id)
                .bind(not_imported),
            )
            .await?;
        let Some(reserved) = reserved else {
            return Ok(None);
        };
        // CROSS JOIN makes SQLite keep this order: each row of the page finds its blob by index.
        let created = tx
            .execute(
                sql("INSERT INTO tasks (org_id, project_id, inner_id, data, meta, source_blob_id, source_row,
                     created_at_ms, updated_at_ms)
                     SELECT $2, $3, $6 + j.key, j.value->>4, '{}', b.id, 0, $7, $7
                     FROM json_each($1) AS j CROSS JOIN source_blobs b
                     WHERE b.project_id = $3 AND b.account = $4 AND b.container = $5
                     AND b.name = j.value->>0 ON CONFLICT DO NOTHING")
                .bind(document)
                .bind(page.org_id)
                .bind(page.project_id)
                .bind(page.account.as_str())
                .bind(page.container.as_str())
                .bind(reserved.get::<i64>("last_inner_id")? - not_imported + 1)
                .bind(page.now_ms),
            )
            .await?;
        let counted = Counted {
            tasks: created as i64,
            ..Counted::default()
        };
        count(&mut tx, page.project_id, counted).await?;
        outcome.add_created(created as i64);
        // The fence: a run that is no longer this attempt's rolls everything back.
        if tx.execute(page.progress(&outcome)).await? == 0 {
            return Ok(None);
        }
        tx.commit().await?;
        Ok(Some(outcome))
    }

    /// Tasks mode: the same for parsed blobs. A blob that changed adds its new rows; rows that are
    /// there already take the new data as long as nobody has annotated them, and never double.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn apply_blob_tasks(&self, page: &ApplyBlobTasks<'_>) -> Result<Option<PageOutcome>> {
        let pairs: Vec<_> = page
            .blobs
            .iter()
            .map(|blob| (blob.name.as_str(), blob.etag.as_str()))
            .collect();
        let container = Container {
            project: page.project_id,
            account: page.account,
            container: page.container,
        };
        let mut outcome = tally(&container.standings(self, &pairs).await?, page.counts);
        let document = json(
            page.blobs
                .iter()
                .map(|blob| (&blob.name, &blob.etag, blob.size, blob.modified_ms)),
        )?;
        let mut tx = self.db.begin().await?;
        let upserted = tx
            .rows(
                sql(concat!(upsert_blobs!(), " RETURNING id, name"))
                    .bind(document)
                    .bind(page.org_id)
                    .bind(page.project_id)
                    .bind(page.storage_id)
                    .bind(page.account.as_str())
                    .bind(page.container.as_str())
                    .bind(page.run_id),
            )
            .await?;
        let ids = upserted
            .iter()
            .map(|row| Ok((row.get("name")?, SourceBlobId(row.get("id")?))))
            .collect::<Result<HashMap<String, _>>>()?;
        let mut rows = Vec::new();
        for blob in page.blobs {
            let id = *ids
                .get(&blob.name)
                .ok_or_else(|| Error::new("a blob was not inserted"))?;
            match &blob.rows {
                BlobRows::Here(tasks) => {
                    let tasks = (0..).zip(tasks);
                    rows.extend(tasks.map(|(row, task)| (task, Some((id, row)))));
                }
                BlobRows::Staged(file) => {
                    if !decide(&mut tx, *file, id).await? {
                        return Ok(None);
                    }
                }
            }
        }
        let batch = TaskBatch {
            org_id: page.org_id,
            project_id: page.project_id,
            by: None,
            now_ms: page.now_ms,
        };
        let Some(created) = insert_or_renew(&mut tx, &batch, &rows).await? else {
            return Ok(None);
        };
        outcome.add_created(created);
        let progress = progress(
            page.run_id,
            page.attempt,
            &outcome.counts,
            created,
            page.marker_after,
            page.now_ms,
        );
        if tx.execute(progress).await? == 0 {
            return Ok(None);
        }
        tx.commit().await?;
        self.job_notify().notify_waiters();
        Ok(Some(outcome))
    }
}

impl ApplyPage<'_> {
    fn progress(&self, outcome: &PageOutcome) -> Sql {
        progress(
            self.run_id,
            self.attempt,
            &outcome.counts,
            outcome.created,
            self.marker_after,
            self.now_ms,
        )
    }
}

impl PageOutcome {
    fn add_created(&mut self, tasks: i64) {
        self.created += tasks;
        self.counts.created += tasks;
    }
}

/// The page's outcome before anything is created.
fn tally(standings: &[BlobStanding], counts: &SyncCounts) -> PageOutcome {
    let of = |standing| standings.iter().filter(|each| **each == standing).count() as i64;
    let (existed, changed) = (of(BlobStanding::Imported), of(BlobStanding::Changed));
    PageOutcome {
        created: 0,
        existed,
        changed,
        counts: SyncCounts {
            existed: counts.existed + existed,
            changed: counts.changed + changed,
            ..*counts
        },
    }
}
