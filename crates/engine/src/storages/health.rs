//! How each storage fares: its last success, its last failure with the cause, and its metrics.
//!
//! A busy storage would be written thousands of times a second, so an outcome is only written when
//! it differs from what this process wrote last, or a minute has passed.

use model::{Code, StorageId};
use quick_cache::sync::Cache;

use crate::{Engine, Error, error::report};

/// The same outcome is written again after this.
const AGAIN_MS: i64 = 60_000;

/// Storages that are kept in mind; what is forgotten is written again.
const KEPT_STORAGES: usize = 10_000;

/// What this process wrote last of each storage.
pub(crate) struct Written(Cache<StorageId, (Option<Code>, i64)>);

impl Default for Written {
    fn default() -> Self {
        Self(Cache::new(KEPT_STORAGES))
    }
}

impl Written {
    /// Is this outcome (`None`: success) to be written now?
    fn is_due(&self, storage: StorageId, code: Option<Code>, now_ms: i64) -> bool {
        match self.0.get(&storage) {
            Some((last, at_ms)) if last == code && now_ms < at_ms + AGAIN_MS => false,
            _ => {
                self.0.insert(storage, (code, now_ms));
                true
            }
        }
    }
}

impl Engine {
    /// Notes that the storage works. It is written later, so that what worked does not wait for it.
    pub(crate) fn note_success(&self, storage: StorageId) {
        let now_ms = self.now_ms();
        if !self.0.health_written.is_due(storage, None, now_ms) {
            return;
        }
        gauge(storage, 1.0);
        metrics::gauge!("longshore_storage_last_success_seconds", "storage" => storage.to_string())
            .set(now_ms as f64 / 1000.0);
        let engine = self.clone();
        tokio::spawn(async move {
            let noted = engine.store().record_storage_success(storage, now_ms);
            if let Err(error) = noted.await {
                tracing::warn!(%storage, error = %report(&error), "a storage's health cannot be noted");
            }
        });
    }

    /// Notes why the storage failed, unless it is about one blob only.
    pub(crate) fn note_failure(&self, storage: StorageId, code: Code, text: &str) {
        let now_ms = self.now_ms();
        if code.is_of_one_blob() || !self.0.health_written.is_due(storage, Some(code), now_ms) {
            return;
        }
        gauge(storage, 0.0);
        metrics::counter!("longshore_storage_failures_total", "storage" => storage.to_string(), "code" => code.as_str())
            .increment(1);
        let (engine, text) = (self.clone(), text.to_owned());
        tokio::spawn(async move {
            let noted = engine
                .store()
                .record_storage_failure(storage, code, &text, now_ms);
            if let Err(error) = noted.await {
                tracing::warn!(%storage, error = %report(&error), "a storage's health cannot be noted");
            }
        });
    }

    /// Notes an error of a whole run, when it says something of the storage.
    pub(crate) fn note_error(&self, storage: StorageId, error: &Error) {
        if let Error::Azure(problem) = error {
            self.note_failure(storage, problem.code, &problem.to_string());
        }
    }
}

fn gauge(storage: StorageId, healthy: f64) {
    metrics::gauge!("longshore_storage_healthy", "storage" => storage.to_string()).set(healthy);
}

#[cfg(test)]
mod tests {
    use model::{Code, StorageId};

    use super::{AGAIN_MS, Written};

    #[test]
    fn a_busy_storage_is_written_when_it_changes_and_once_a_minute() {
        let written = Written::default();
        let storage = StorageId(1);
        assert!(written.is_due(storage, None, 0));
        assert!(!written.is_due(storage, None, AGAIN_MS - 1));
        assert!(written.is_due(storage, None, AGAIN_MS));
        assert!(written.is_due(storage, Some(Code::Firewall), AGAIN_MS + 1));
        assert!(!written.is_due(storage, Some(Code::Firewall), AGAIN_MS + 2));
        assert!(written.is_due(storage, Some(Code::RoleMissing), AGAIN_MS + 3));
        assert!(written.is_due(storage, None, AGAIN_MS + 4));
        assert!(written.is_due(StorageId(2), None, AGAIN_MS + 4));
    }
}
