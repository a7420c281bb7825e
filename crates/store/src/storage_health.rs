//! How each storage fared last, and when its credential ends.

use model::{Code, HealthFailure, OrgId, StorageHealth, StorageId};

use crate::{
    Result, Store,
    db::{Row, sql},
};

/// A credential whose end is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialEnd {
    pub org_id: OrgId,
    pub storage_id: StorageId,
    pub expires_at_ms: i64,
}

impl Store {
    /// Notes that the storage worked. What failed before stays readable.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn record_storage_success(&self, storage: StorageId, now_ms: i64) -> Result<()> {
        // A storage that is deleted meanwhile has no health.
        let upsert = sql("INSERT INTO storage_health (storage_id, last_success_at_ms)
             SELECT id, $2 FROM storages WHERE id = $1
             ON CONFLICT (storage_id) DO UPDATE SET last_success_at_ms = excluded.last_success_at_ms");
        self.db
            .execute(upsert.bind(storage).bind(now_ms))
            .await
            .map(drop)
    }

    /// Notes that the storage failed, and why; `text` is redacted.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn record_storage_failure(
        &self,
        storage: StorageId,
        code: Code,
        text: &str,
        now_ms: i64,
    ) -> Result<()> {
        let upsert = sql("INSERT INTO storage_health (storage_id, last_failure_at_ms, failure_code, failure_text)
             SELECT id, $2, $3, $4 FROM storages WHERE id = $1
             ON CONFLICT (storage_id) DO UPDATE SET last_failure_at_ms = excluded.last_failure_at_ms,
             failure_code = excluded.failure_code, failure_text = excluded.failure_text");
        let upsert = upsert
            .bind(storage)
            .bind(now_ms)
            .bind(code.as_str())
            .bind(text);
        self.db.execute(upsert).await.map(drop)
    }

    /// Notes when the storage's credential ends; `None` when that is not known.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_credential_end(
        &self,
        storage: StorageId,
        expires_at_ms: Option<i64>,
    ) -> Result<()> {
        let upsert = sql("INSERT INTO storage_health (storage_id, expires_at_ms)
             SELECT id, $2 FROM storages WHERE id = $1
             ON CONFLICT (storage_id) DO UPDATE SET expires_at_ms = excluded.expires_at_ms");
        self.db
            .execute(upsert.bind(storage).bind(expires_at_ms))
            .await
            .map(drop)
    }

    /// Every organization's credentials whose end is known, the nearest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_credential_ends(&self) -> Result<Vec<CredentialEnd>> {
        let query = sql("SELECT s.org_id, s.id, h.expires_at_ms
             FROM storage_health h JOIN storages s ON s.id = h.storage_id
             WHERE h.expires_at_ms IS NOT NULL ORDER BY h.expires_at_ms");
        let rows = self.db.read(query).await?;
        rows.iter()
            .map(|row| {
                Ok(CredentialEnd {
                    org_id: OrgId(row.get("org_id")?),
                    storage_id: StorageId(row.get("id")?),
                    expires_at_ms: row.get("expires_at_ms")?,
                })
            })
            .collect()
    }
}

/// From the columns that a storage is joined with.
pub(crate) fn health_of(row: &Row) -> Result<StorageHealth> {
    let at_ms: Option<i64> = row.get("last_failure_at_ms")?;
    let last_failure = match at_ms {
        None => None,
        Some(at_ms) => Some(HealthFailure {
            at_ms,
            code: row
                .get::<Option<String>>("failure_code")?
                .unwrap_or_default(),
            text: row
                .get::<Option<String>>("failure_text")?
                .unwrap_or_default(),
        }),
    };
    Ok(StorageHealth {
        last_success_at_ms: row.get("last_success_at_ms")?,
        last_failure,
        expires_at_ms: row.get("expires_at_ms")?,
    })
}
