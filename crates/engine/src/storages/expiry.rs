//! When credentials end, and who is told before: the storage's JSON and page, a log line a day, and
//! a metric.

use std::time::Duration;

use azure::credential_expiry;
use model::{Credential, Storage, StorageId};
use tokio_util::sync::CancellationToken;

use crate::{Engine, Result, error::report};

/// An end this near is told (14 days).
pub(crate) const EXPIRES_SOON_MS: i64 = 14 * 24 * 3_600_000;
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Is the end near enough to be told?
fn expires_soon(expires_at_ms: i64, now_ms: i64) -> bool {
    expires_at_ms - now_ms <= EXPIRES_SOON_MS
}

/// When a credential ends: by its own text, else as the person has entered.
pub(crate) fn end_of(credential: &Credential, entered_ms: Option<i64>) -> Option<i64> {
    credential_expiry(credential).or(entered_ms)
}

impl Engine {
    /// Does the storage's credential end within 14 days, or has it ended?
    pub fn expires_soon(&self, storage: &Storage) -> bool {
        let end = storage.health.expires_at_ms;
        end.is_some_and(|end_ms| expires_soon(end_ms, self.now_ms()))
    }

    /// Keeps what is known of the end of a storage's credential.
    pub(crate) async fn keep_end(&self, storage: StorageId, end_ms: Option<i64>) -> Result<()> {
        Ok(self.store().set_credential_end(storage, end_ms).await?)
    }
}

/// Tells once a day which credentials end soon, until `stop`.
pub(crate) async fn watch(engine: &Engine, stop: &CancellationToken) {
    loop {
        if let Err(error) = tell(engine).await {
            tracing::error!(error = %report(&error), "the ends of credentials cannot be read");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(DAY) => {}
        }
    }
}

async fn tell(engine: &Engine) -> Result<()> {
    let now_ms = engine.now_ms();
    for end in engine.store().list_credential_ends().await? {
        let storage = end.storage_id;
        metrics::gauge!("longshore_credential_expires_seconds", "storage" => storage.to_string())
            .set(end.expires_at_ms as f64 / 1000.0);
        if expires_soon(end.expires_at_ms, now_ms) {
            let days = (end.expires_at_ms - now_ms).div_euclid(24 * 3_600_000);
            tracing::warn!(organization = %end.org_id, %storage, days, "a storage's credential ends soon: enter a new one before then");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use model::{Credential, Secret};

    use super::{EXPIRES_SOON_MS, end_of, expires_soon};

    #[test]
    fn what_the_credential_says_counts_more_than_what_was_entered() {
        let sas = Credential::Sas {
            token: Secret::new("se=2026-01-01T01:00:00Z&sig=x"),
        };
        assert_eq!(end_of(&sas, Some(5)), Some(1_767_229_200_000));
        assert_eq!(end_of(&Credential::Anonymous, Some(5)), Some(5));
        assert_eq!(end_of(&Credential::Anonymous, None), None);
    }

    #[test]
    fn two_weeks_are_soon() {
        assert!(expires_soon(EXPIRES_SOON_MS, 0));
        assert!(!expires_soon(EXPIRES_SOON_MS + 1, 0));
        assert!(expires_soon(0, 5), "it has ended");
    }
}
