//! The audit log: only ever added to; what the operator keeps no longer goes, with an entry that says so.
//!
//! An entry stands in the transaction of what it tells of where a [`Store::telling`] makes the change.

use model::{OrgId, UserId};
use serde::Serialize;

use crate::{
    Error, Result, Store,
    db::{Row, Sql, sql, sql_of_each},
    task_batch::json,
};

/// What tells of the end of old entries. The triggers of the table let go of nothing else than what
/// is older than such an entry says.
pub const AUDIT_EXPIRE: &str = "audit.expire";

/// Something that was decided or done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditEntry {
    /// A GUID in lower case, unique to the entry.
    pub event_id: String,
    pub at_ms: i64,
    pub org_id: OrgId,
    /// `None` for the operator's commands (then `detail.by` is `operator`) and the workers.
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

impl AuditRecord {
    /// Was it done by a command of the operator?
    pub fn is_by_operator(&self) -> bool {
        // Quotes inside a text are escaped, so this stands only where we wrote it.
        self.actor.is_none() && self.detail.contains(r#""by":"operator""#)
    }
}

/// Which entries are wanted.
#[derive(Clone, Debug, Default)]
pub struct AuditQuery {
    /// Occurs in the action, subject, detail or e-mail, in any case.
    pub search: Option<String>,
    /// This action, or every action of this kind (`blob` for `blob.sign` and `blob.read`).
    pub action: Option<String>,
    pub actor: Option<UserId>,
    /// Of the operator's commands only.
    pub by_operator: bool,
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
             AND ($11 = 0 OR (a.actor IS NULL AND a.detail LIKE '%\"by\":\"operator\"%'))
             AND ($5 IS NULL OR a.action = $5 OR a.action LIKE $5 || '.%')
             AND ($6 IS NULL OR LOWER(a.action || ' ' || a.subject || ' ' || a.detail || ' '
                 || COALESCE(u.email, '')) LIKE $6 ESCAPE '\\')
             AND ",
            $which,
            " ORDER BY a.id DESC LIMIT $7"
        )
    };
}

macro_rules! oldest {
    ($lock:literal) => {
        concat!(
            "SELECT id FROM audit_log WHERE at_ms < $2 AND id IN
             (SELECT id FROM audit_log WHERE org_id = $1 ORDER BY id LIMIT $3)",
            $lock
        )
    };
}

impl Store {
    /// Adds entries, all or none, in their order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn record_audit(&self, entries: &[AuditEntry]) -> Result<()> {
        self.db.execute(insert_entries(entries)?).await.map(drop)
    }

    /// The same database. A change that is made through the answer has the entry in its own
    /// transaction: both are on disk or neither. A call that changes nothing tells of nothing.
    #[must_use]
    pub fn telling(&self, entry: AuditEntry) -> Self {
        let mut telling = self.clone();
        telling.db = self.db.telling(entry);
        telling
    }

    /// Lets go of the oldest entries of an organization that are older than `until_ms`, at most
    /// `limit`; `entry` tells of it in the same transaction, made from how many they are. How many
    /// there were.
    ///
    /// # Errors
    /// When the database fails; also when `until_ms` is less than a day before the entry's time.
    pub async fn expire_audit(
        &self,
        org: OrgId,
        until_ms: i64,
        limit: i64,
        entry: impl FnOnce(i64) -> AuditEntry,
    ) -> Result<i64> {
        let mut tx = self.db.begin().await?;
        // The first by id, which is nearly the order of time: nothing beyond them is looked at.
        let oldest = sql_of_each(oldest!(""), oldest!(" FOR UPDATE"));
        let rows = tx.rows(oldest.bind(org).bind(until_ms).bind(limit)).await?;
        let ids = rows.iter().map(|row| row.get::<i64>("id"));
        let ids = ids.collect::<Result<Vec<_>>>()?;
        if ids.is_empty() {
            return Ok(0);
        }
        let count = ids.len() as i64;
        tx.execute(insert_entries(&[entry(count)])?).await?;
        let delete = sql("DELETE FROM audit_log WHERE org_id = $1
             AND id IN (SELECT CAST(j.value AS BIGINT) FROM json_each($2) AS j)");
        tx.execute(delete.bind(org).bind(json(ids.iter())?)).await?;
        tx.commit().await?;
        Ok(count)
    }

    /// Every organization: for what the operator does to all of them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_org_ids(&self) -> Result<Vec<OrgId>> {
        let rows = self.db.read(sql("SELECT id FROM orgs ORDER BY id")).await?;
        rows.iter().map(|row| Ok(OrgId(row.get("id")?))).collect()
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
                    .bind(query.subject.as_deref())
                    .bind(query.by_operator),
            )
            .await?;
        rows.iter().map(record_of).collect()
    }
}

/// Adds entries in their order.
pub(crate) fn insert_entries(entries: &[AuditEntry]) -> Result<Sql> {
    let document = serde_json::to_string(entries)
        .map_err(|source| Error::caused_by("audit entries are no JSON", source))?;
    let insert = sql(
        "INSERT INTO audit_log (event_id, at_ms, org_id, actor, action, subject, detail)
         SELECT j.value->>'event_id', CAST(j.value->>'at_ms' AS BIGINT), CAST(j.value->>'org_id' AS BIGINT),
         CAST(j.value->>'actor' AS BIGINT), j.value->>'action', j.value->>'subject', j.value->>'detail'
         FROM json_each($1) AS j",
    );
    Ok(insert.bind(document))
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
