//! The audit log: only ever added to.

use model::{OrgId, UserId};

use crate::{Result, Store, db::sql};

/// Something that was decided or done.
#[derive(Clone, Copy, Debug)]
pub struct AuditEntry<'a> {
    pub org_id: OrgId,
    /// `None` for the operator's commands and the workers.
    pub actor: Option<UserId>,
    /// `storage.create`, for instance.
    pub action: &'a str,
    /// `storage/3`, for instance.
    pub subject: &'a str,
    /// JSON object; no secrets.
    pub detail: &'a str,
}

/// An entry as listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    pub id: i64,
    pub at_ms: i64,
    pub actor: Option<UserId>,
    pub action: String,
    pub subject: String,
    pub detail: String,
}

impl Store {
    /// Adds an entry.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn record_audit(&self, entry: &AuditEntry<'_>, now_ms: i64) -> Result<()> {
        let insert = sql(
            "INSERT INTO audit_log (at_ms, org_id, actor, action, subject, detail)
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(now_ms)
        .bind(entry.org_id)
        .bind(entry.actor)
        .bind(entry.action)
        .bind(entry.subject)
        .bind(entry.detail);
        self.db.execute(insert).await.map(drop)
    }

    /// The organization's entries, newest first; `before_id` pages.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_audit(
        &self,
        org: OrgId,
        before_id: Option<i64>,
        limit: i64,
    ) -> Result<Vec<AuditRecord>> {
        let query =
            sql("SELECT * FROM audit_log WHERE org_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3")
                .bind(org)
                .bind(before_id.unwrap_or(i64::MAX))
                .bind(limit);
        let rows = self.db.read(query).await?;
        rows.iter()
            .map(|row| {
                Ok(AuditRecord {
                    id: row.get("id")?,
                    at_ms: row.get("at_ms")?,
                    actor: row.get::<Option<i64>>("actor")?.map(UserId),
                    action: row.get("action")?,
                    subject: row.get("subject")?,
                    detail: row.get("detail")?,
                })
            })
            .collect()
    }
}
