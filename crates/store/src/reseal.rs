//! Everything that is sealed: with which keys, and again with the current one.

use std::collections::BTreeMap;

use crate::{
    Result, Store,
    db::{Row, sql},
    seal::{SealedRow, key_id},
};

/// A table with sealed values.
struct SealedTable {
    name: &'static str,
    /// `id`, `org_id` and `sealed` of every row.
    rows: &'static str,
    /// Sets `sealed` ($2) of a row ($1) that still has the one that was read ($3).
    reseal: &'static str,
    /// One that no key opens is as good as over.
    is_passing: bool,
}

/// All of them.
const TABLES: [SealedTable; 3] = [
    SealedTable {
        name: "storage_credentials",
        rows: "SELECT storage_id AS id, org_id, sealed FROM storage_credentials ORDER BY storage_id",
        reseal: "UPDATE storage_credentials SET sealed = $2 WHERE storage_id = $1 AND sealed = $3",
        is_passing: false,
    },
    SealedTable {
        name: "signing_keys",
        rows: "SELECT id, CAST(0 AS BIGINT) AS org_id, sealed FROM signing_keys ORDER BY id",
        reseal: "UPDATE signing_keys SET sealed = $2 WHERE id = $1 AND sealed = $3",
        is_passing: false,
    },
    SealedTable {
        name: "connect_drafts",
        rows: "SELECT id, org_id, sealed FROM connect_drafts ORDER BY id",
        reseal: "UPDATE connect_drafts SET sealed = $2 WHERE id = $1 AND sealed = $3",
        is_passing: true,
    },
];

impl Store {
    /// Seals every stored secret again with the current key, all or none; answers how many changed.
    /// One that somebody changes meanwhile keeps the change.
    ///
    /// # Errors
    /// When a row cannot be opened with any of the keys.
    pub async fn reseal_all(&self) -> Result<u64> {
        let mut tx = self.db.begin().await?;
        let mut changed = 0;
        for table in TABLES {
            for row in tx.rows(sql(table.rows)).await? {
                let (at, sealed) = table.sealed(&row)?;
                if self.seal_keys.is_current(&sealed) {
                    continue;
                }
                let plain = match self.seal_keys.open(at, &sealed) {
                    Ok(plain) => plain,
                    Err(_) if table.is_passing => continue,
                    Err(error) => return Err(error),
                };
                let again = self.seal_keys.seal(at, &plain)?;
                let update = sql(table.reseal).bind(at.id).bind(again).bind(sealed);
                changed += tx.execute(update).await?;
            }
        }
        tx.commit().await?;
        Ok(changed)
    }

    /// How many stored secrets each key has sealed, by the key's id (16 hex digits).
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count_sealed(&self) -> Result<BTreeMap<String, u64>> {
        let mut counts = BTreeMap::new();
        for table in TABLES {
            for row in self.db.read(sql(table.rows)).await? {
                let (at, sealed) = table.sealed(&row)?;
                if table.is_passing && self.seal_keys.open(at, &sealed).is_err() {
                    continue;
                }
                let key = key_id(&sealed).map(hex::encode).unwrap_or_default();
                *counts.entry(key).or_default() += 1;
            }
        }
        Ok(counts)
    }
}

impl SealedTable {
    fn sealed(&self, row: &Row) -> Result<(SealedRow, Vec<u8>)> {
        let at = SealedRow {
            table: self.name,
            org_id: row.get("org_id")?,
            id: row.get("id")?,
        };
        Ok((at, row.get("sealed")?))
    }
}
