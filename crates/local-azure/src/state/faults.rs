//! Faults that tests order: which requests fail, how, and how often.

use std::{
    collections::BTreeMap,
    sync::{PoisonError, atomic::Ordering},
};

use serde::{Deserialize, Serialize};

use super::State;

/// Which front a fault hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultTarget {
    Entra,
    /// IMDS and App Service.
    Imds,
    Blob,
}

/// One ordered fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    pub target: FaultTarget,
    /// Part of `METHOD /path?query`; empty hits every request.
    #[serde(default)]
    pub matches: String,
    pub kind: FaultKind,
    /// How many requests it hits; `None` is all of them until the faults are cleared.
    #[serde(default)]
    pub times: Option<u32>,
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FaultKind {
    /// Answered with this status and nothing done: 503 (`ServerBusy`), 429, 410, 500, …
    Status {
        status: u16,
        /// Azure's error code; the status' usual one when absent.
        #[serde(default)]
        code: Option<String>,
        #[serde(default)]
        retry_after_s: Option<u64>,
    },
    /// Answered with exactly this and nothing done: what a proxy in the way was seen to say, or a
    /// service in a state that is not built here.
    Answer {
        status: u16,
        #[serde(default)]
        headers: BTreeMap<String, String>,
        #[serde(default)]
        body: String,
    },
    /// The answer's body trickles.
    SlowBody { bytes_per_second: u64 },
    /// The connection breaks after this many bytes of the body.
    CutBody { after_bytes: u64 },
    /// The request is handled, and what says so is lost: a 500 is answered.
    LostAnswer {},
    /// The request waits before it is handled.
    Delay { ms: u64 },
}

impl State {
    /// Orders a fault; the first that matches a request is the one it meets.
    pub fn add_fault(&self, fault: Fault) {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        faults.push(fault);
        self.fault_count.store(faults.len(), Ordering::Release);
    }

    /// Drops every ordered fault.
    pub fn clear_faults(&self) {
        self.faults
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        self.fault_count.store(0, Ordering::Release);
    }

    /// The faults still ordered.
    pub fn faults(&self) -> Vec<Fault> {
        self.faults
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The fault that this request meets, counted off; `request` gives `METHOD /path?query`
    /// and is not called when no fault is ordered.
    pub fn take_fault(
        &self,
        target: FaultTarget,
        request: impl FnOnce() -> String,
    ) -> Option<FaultKind> {
        if self.fault_count.load(Ordering::Acquire) == 0 {
            return None;
        }
        let request = request();
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        let at = faults.iter().position(|fault| {
            fault.target == target && fault.times != Some(0) && request.contains(&fault.matches)
        })?;
        let kind = faults[at].kind.clone();
        if let Some(times) = &mut faults[at].times {
            *times -= 1;
            if *times == 0 {
                faults.remove(at);
                self.fault_count.store(faults.len(), Ordering::Release);
            }
        }
        Some(kind)
    }
}
