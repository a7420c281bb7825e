//! What Longshore has written to containers, by place and ETag. Only what is here is overwritten,
//! deleted or left out of imports; a blob's name says nothing about whose it is.

use std::collections::HashMap;

use model::{AccountName, ContainerName, OrgId, StorageId};
use serde::Serialize;

use crate::{
    Result, Store,
    db::{Tx, sql},
    task_batch::json,
};

/// Whose the blob of a name is, as far as Longshore knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectState {
    /// A first write has begun, and nobody knows yet how it went.
    Writing,
    /// Longshore's, with the ETag of the record.
    Written,
    /// May have been written by a version that kept no ETags.
    Before,
    /// Somebody else's, with the ETag of the record; `*` when it may not be read.
    Foreign,
}

/// The record of one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectRecord {
    pub state: ObjectState,
    pub etag: Option<String>,
}

/// One blob of one container, as an organization's target storage names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct ObjectKey {
    pub org_id: OrgId,
    pub storage_id: StorageId,
    pub account: AccountName,
    pub container: ContainerName,
    pub name: String,
}

impl ObjectState {
    fn as_str(self) -> &'static str {
        match self {
            Self::Writing => "writing",
            Self::Written => "written",
            Self::Before => "before",
            Self::Foreign => "foreign",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Writing, Self::Written, Self::Before, Self::Foreign]
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}

impl Store {
    /// Worker: these are about to be written. Told before the first byte leaves, so that a sync
    /// which meets the blob finds the record too.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn begin_objects(&self, objects: &[ObjectKey]) -> Result<()> {
        if objects.is_empty() {
            return Ok(());
        }
        let begin = sql(
            "INSERT INTO exported_objects (org_id, account, container, name, storage_id, state)
             SELECT CAST(j.value->>'org_id' AS BIGINT), j.value->>'account', j.value->>'container',
             j.value->>'name', CAST(j.value->>'storage_id' AS BIGINT), 'writing'
             FROM json_each($1) AS j WHERE 1 = 1
             ON CONFLICT (org_id, account, container, name) DO NOTHING",
        );
        self.db
            .execute(begin.bind(json(objects.iter())?))
            .await
            .map(drop)
    }

    /// The records of blobs of a container, by name; a name without one was never written.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn exported_objects(
        &self,
        org: OrgId,
        account: &AccountName,
        container: &ContainerName,
        names: &[&str],
    ) -> Result<HashMap<String, ObjectRecord>> {
        #[derive(Serialize)]
        struct Name<'a> {
            name: &'a str,
        }
        if names.is_empty() {
            return Ok(HashMap::new());
        }
        let names = json(names.iter().map(|name| Name { name }))?;
        // Looked up one by one: without statistics a join would read all that the container has.
        let query = sql(
            "SELECT f.name, f.state, f.etag FROM (SELECT j.value->>'name' AS name,
             (SELECT o.state FROM exported_objects o WHERE o.org_id = $1 AND o.account = $2
              AND o.container = $3 AND o.name = j.value->>'name') AS state,
             (SELECT o.etag FROM exported_objects o WHERE o.org_id = $1 AND o.account = $2
              AND o.container = $3 AND o.name = j.value->>'name') AS etag
             FROM json_each($4) AS j) f WHERE f.state IS NOT NULL",
        )
        .bind(org)
        .bind(account.as_str())
        .bind(container.as_str())
        .bind(names);
        let rows = self.db.read(query).await?;
        rows.iter()
            .map(|row| {
                let record = ObjectRecord {
                    state: row.word("state", ObjectState::parse)?,
                    etag: row.get("etag")?,
                };
                Ok((row.get("name")?, record))
            })
            .collect()
    }

    /// Worker: somebody else's blob is where this object belongs.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn mark_object_foreign(&self, object: &ObjectKey, etag: &str) -> Result<()> {
        let mark = sql(
            "UPDATE exported_objects SET state = 'foreign', etag = $5, storage_id = $6
             WHERE org_id = $1 AND account = $2 AND container = $3 AND name = $4",
        );
        let mark = mark
            .bind(object.org_id)
            .bind(object.account.as_str())
            .bind(object.container.as_str())
            .bind(object.name.as_str())
            .bind(etag)
            .bind(object.storage_id);
        self.db.execute(mark).await.map(drop)
    }

    /// Names of the foreign blobs in the storage's way, in order; limited to what is given.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn foreign_objects(
        &self,
        org: OrgId,
        storage: StorageId,
        limit: i64,
        offset: i64,
    ) -> Result<Vec<String>> {
        let query = sql(
            "SELECT name FROM exported_objects WHERE storage_id = $1 AND org_id = $2
             AND state = 'foreign' ORDER BY name LIMIT $3 OFFSET $4",
        );
        let query = query.bind(storage).bind(org).bind(limit).bind(offset);
        let rows = self.db.read(query).await?;
        rows.iter().map(|row| row.get("name")).collect()
    }

    /// Somebody answers for it: the storage may overwrite the foreign blobs in its way, each as it was
    /// when it was met; what waits for that is due at once. How many.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn adopt_objects(&self, org: OrgId, storage: StorageId, now_ms: i64) -> Result<u64> {
        let mut tx = self.db.begin().await?;
        let adopt = sql("UPDATE exported_objects SET state = 'written'
             WHERE storage_id = $1 AND org_id = $2 AND state = 'foreign'");
        let adopted = tx.execute(adopt.bind(storage).bind(org)).await?;
        let due = sql("UPDATE outbox SET next_at_ms = $3, attempts = 0
             WHERE storage_id = $1 AND org_id = $2 AND error IS NOT NULL");
        tx.execute(due.bind(storage).bind(org).bind(now_ms)).await?;
        tx.commit().await?;
        self.job_notify().notify_waiters();
        Ok(adopted)
    }
}

/// Takes over how deliveries went: the ETag of what was written, `None` of what is gone.
pub(crate) async fn settle_objects(
    tx: &mut Tx,
    settled: &[(ObjectKey, Option<String>)],
) -> Result<()> {
    #[derive(Serialize)]
    struct Settled<'a> {
        #[serde(flatten)]
        key: &'a ObjectKey,
        etag: Option<&'a str>,
    }
    if settled.is_empty() {
        return Ok(());
    }
    let rows = |written: bool| {
        let of = settled
            .iter()
            .filter(move |(_, etag)| etag.is_some() == written);
        json(of.map(|(key, etag)| Settled {
            key,
            etag: etag.as_deref(),
        }))
    };
    let written = sql(
        "INSERT INTO exported_objects (org_id, account, container, name, storage_id, state, etag)
         SELECT CAST(j.value->>'org_id' AS BIGINT), j.value->>'account', j.value->>'container',
         j.value->>'name', CAST(j.value->>'storage_id' AS BIGINT), 'written', j.value->>'etag'
         FROM json_each($1) AS j WHERE 1 = 1
         ON CONFLICT (org_id, account, container, name)
         DO UPDATE SET storage_id = excluded.storage_id, state = 'written', etag = excluded.etag",
    );
    tx.execute(written.bind(rows(true)?)).await?;
    let gone = sql(
        "DELETE FROM exported_objects WHERE (org_id, account, container, name) IN
         (SELECT CAST(j.value->>'org_id' AS BIGINT), j.value->>'account', j.value->>'container',
         j.value->>'name' FROM json_each($1) AS j)",
    );
    if settled.iter().any(|(_, etag)| etag.is_none()) {
        tx.execute(gone.bind(rows(false)?)).await?;
    }
    Ok(())
}
