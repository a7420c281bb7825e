//! Entries older than the operator keeps go, in small steps, each with an entry that says how many.

use std::time::Duration;

use serde_json::json;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{AuditAction, By};
use crate::{Engine, Result, error::report};

/// How often it is looked whether a day more is over.
const EVERY: Duration = Duration::from_secs(3600);
const DAY_MS: i64 = 24 * 3_600_000;
/// Entries of one transaction.
const STEP: i64 = 2_000;

impl Engine {
    /// Lets go of what is older than the operator keeps, by whole days of UTC; how many entries.
    ///
    /// # Errors
    /// [`crate::Error::Store`]; what went before stays gone.
    pub async fn expire_audit(&self) -> Result<i64> {
        let Some(days) = self.limits().audit_days else {
            return Ok(0);
        };
        let now_ms = self.now_ms();
        let until_ms = now_ms - now_ms.rem_euclid(DAY_MS) - i64::from(days.max(1)) * DAY_MS;
        let mut gone = 0;
        for org in self.store().list_org_ids().await? {
            loop {
                let entry = |count: i64| {
                    let detail = json!({"entries": count, "until_ms": until_ms, "kept_days": days});
                    let action = AuditAction::AuditExpire;
                    self.entry(Uuid::now_v7(), org, By::Longshore, action, "audit", detail)
                };
                let count = self
                    .store()
                    .expire_audit(org, until_ms, STEP, entry)
                    .await?;
                gone += count;
                // A short step is not the last one: a young entry may stand between old ones.
                if count == 0 {
                    break;
                }
                // Others write too.
                tokio::task::yield_now().await;
            }
        }
        Ok(gone)
    }
}

/// Looks every hour, until `stop`.
pub(crate) async fn watch(engine: &Engine, stop: &CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            expired = engine.expire_audit() => match expired {
                Ok(0) => {}
                Ok(entries) => tracing::info!(entries, "old entries of the audit log went"),
                Err(error) => {
                    tracing::error!(error = %report(&error), "old entries of the audit log cannot go");
                }
            },
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}
