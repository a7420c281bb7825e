//! The audit log: only ever added to.

use model::{OrgId, UserId};

use crate::{Result, Store};

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
    pub async fn record_audit(&self, _entry: &AuditEntry<'_>, _now_ms: i64) -> Result<()> {
        todo!()
    }

    /// The organization's entries, newest first; `before_id` pages.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_audit(
        &self,
        _org: OrgId,
        _before_id: Option<i64>,
        _limit: i64,
    ) -> Result<Vec<AuditRecord>> {
        todo!()
    }
}
