//! The log of recent requests, for tests that count what a client asked.

use std::sync::PoisonError;

use serde::Serialize;

use super::{FaultTarget, State};

/// How many requests are remembered.
const REMEMBERED: usize = 2_000;

/// One answered request; signatures and tokens are redacted.
#[derive(Clone, Debug, Serialize)]
pub struct RequestRecord {
    pub front: FaultTarget,
    pub at_ms: i64,
    pub method: String,
    /// Path and query.
    pub path: String,
    pub status: u16,
    /// How it authenticated: `bearer`, `shared_key`, `sas`, `anonymous`, `client_secret`, …
    pub credential: &'static str,
}

impl State {
    /// Remembers a request; the oldest are forgotten.
    pub fn record_request(&self, mut record: RequestRecord) {
        if let std::borrow::Cow::Owned(clean) = model::redact(&record.path) {
            record.path = clean;
        }
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        if requests.len() == REMEMBERED {
            requests.pop_front();
        }
        requests.push_back(record);
    }

    /// The remembered requests, oldest first.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .cloned()
            .collect()
    }

    /// Forgets all requests.
    pub fn clear_requests(&self) {
        self.requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}
