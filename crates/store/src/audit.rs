//! The audit log: only ever added to.

use model::{OrgId, UserId};
use serde::Serialize;

use crate::{
    Error, Result, Store,
    db::{Row, sql},
};

/// Something that was decided or done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditEntry {
    /// A GUID in lower case, unique to the entry.
    pub event_id: String,
    pub at_ms: i64,
    pub org_id: OrgId,
    /// `None` for the operator's commands and the workers.
    pub actor: Option<UserId>,
    /// `storage.create`, for instance.
    pub action: &'static str,
    /// `storage/3`, for instance.
    pub subject: String,
    /// JSON object; no secrets.
    pub detail: String,
}

/// An entry as listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    pub id: i64,
    pub event_id: String,
    pub at_ms: i64,
    pub actor: Option<UserId>,
    /// The actor's, while the account exists.
    pub actor_email: Option<String>,
    pub action: String,
    pub subject: String,
    pub detail: String,
}

/// Which entries are wanted.
#[derive(Clone, Debug, Default)]
pub struct AuditQuery {
    /// Occurs in the action, subject, detail or e-mail, in any case.
    pub search: Option<String>,
    /// This action, or every action of this kind (`blob` for `blob.sign` and `blob.read`).
    pub action: Option<String>,
    pub actor: Option<UserId>,
    /// About this object (`project/3`), or about any of its kind (`project`).
    pub subject: Option<String>,
    /// The one entry with this GUID.
    pub event_id: Option<String>,
    /// Not older than this (Unix milliseconds).
    pub since_ms: Option<i64>,
    /// Older than this (Unix milliseconds).
    pub until_ms: Option<i64>,
    /// Older entries than this one: the next page.
    pub before_id: Option<i64>,
    /// At most so many.
    pub limit: i64,
}

/// One entry goes by the index of its GUID, all others by the organization's.
macro_rules! entries {
    ($which:literal) => {
        concat!(
            "SELECT a.*, u.email FROM audit_log a LEFT JOIN users u ON u.id = a.actor
             WHERE a.org_id = $1 AND a.id < $2 AND a.at_ms >= $3 AND ($4 IS NULL OR a.actor = $4)
             AND a.at_ms < $9 AND ($10 IS NULL OR a.subject = $10 OR a.subject LIKE $10 || '/%')
             AND ($5 IS NULL OR a.action = $5 OR a.action LIKE $5 || '.%')
             AND ($6 IS NULL OR LOWER(a.action || ' ' || a.subject || ' ' || a.detail || ' '
                 || COALESCE(u.email, '')) LIKE $6 ESCAPE '\\')
             AND ",
            $which,
            " ORDER BY a.id DESC LIMIT $7"
        )
    };
}

impl Store {
    /// Adds entries, all or none, in their order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn record_audit(&self, entries: &[AuditEntry]) -> Result<()> {
        let document = serde_json::to_string(entries)
            .map_err(|source| Error::caused_by("audit entries are no JSON", source))?;
        let insert = sql(
            "INSERT INTO audit_log (event_id, at_ms, org_id, actor, action, subject, detail)
             SELECT j.value->>'event_id', CAST(j.value->>'at_ms' AS BIGINT), CAST(j.value->>'org_id' AS BIGINT),
             CAST(j.value->>'actor' AS BIGINT), j.value->>'action', j.value->>'subject', j.value->>'detail'
             FROM json_each($1) AS j",
        );
        self.db.execute(insert.bind(document)).await.map(drop)
    }

    /// The organization's entries, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_audit(&self, org: OrgId, query: &AuditQuery) -> Result<Vec<AuditRecord>> {
        let pattern = query.search.as_deref().map(|text| {
            let text = text.to_lowercase().replace('\\', "\\\\");
            format!("%{}%", text.replace('%', "\\%").replace('_', "\\_"))
        });
        let text = match query.event_id {
            Some(_) => entries!("a.event_id = $8"),
            None => entries!("$8 IS NULL"),
        };
        let rows = self
            .db
            .read(
                sql(text)
                    .bind(org)
                    .bind(query.before_id.unwrap_or(i64::MAX))
                    .bind(query.since_ms.unwrap_or(0))
                    .bind(query.actor)
                    .bind(query.action.as_deref())
                    .bind(pattern)
                    .bind(query.limit)
                    .bind(query.event_id.as_deref())
                    .bind(query.until_ms.unwrap_or(i64::MAX))
                    .bind(query.subject.as_deref()),
            )
            .await?;
        rows.iter().map(record_of).collect()
    }
}

fn record_of(row: &Row) -> Result<AuditRecord> {
    Ok(AuditRecord {
        id: row.get("id")?,
        event_id: row.get("event_id")?,
        at_ms: row.get("at_ms")?,
        actor: row.get::<Option<i64>>("actor")?.map(UserId),
        actor_email: row.get("email")?,
        action: row.get("action")?,
        subject: row.get("subject")?,
        detail: row.get("detail")?,
    })
}
