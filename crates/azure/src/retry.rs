//! Which failures are tried again, and when. Pure: the caller sleeps.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::{Error, ErrorKind, Result};

/// How often and how long one kind of request is tried.
#[derive(Clone, Copy)]
pub(crate) struct Policy {
    /// Tries in all.
    tries: u32,
    /// Wait after the first failure; doubles each time, up to `longest`.
    first: Duration,
    longest: Duration,
    /// No new try begins when this much time has passed since the first.
    budget: Duration,
    retries: fn(&Error) -> bool,
}

/// Reads, and writes that may happen twice without harm.
pub(crate) const STORAGE: Policy = Policy {
    tries: 6,
    first: Duration::from_millis(300),
    longest: Duration::from_secs(20),
    budget: Duration::from_secs(90),
    retries: |error| error.kind().is_transient() || failed_inside(error),
};

/// Writes on a condition: one that may have happened is not repeated, for its second try would
/// fail on the condition that the first one changed.
pub(crate) const CONDITIONAL_WRITE: Policy = Policy {
    retries: refused_before_it_happened,
    ..STORAGE
};

/// Entra ID's token endpoint; a person may be waiting.
pub(crate) const ENTRA: Policy = Policy {
    tries: 5,
    first: Duration::from_millis(300),
    longest: Duration::from_secs(5),
    budget: Duration::from_secs(20),
    retries: |error| error.kind().is_transient() || failed_inside(error) || may_not_act_yet(error),
};

/// As long as somebody with a wrong secret waits in vain: the same answers are mostly final.
const NOT_YET_BUDGET: Duration = Duration::from_secs(5);

/// Entra ID, with something that works once: not sent again when it may have arrived.
pub(crate) const ONE_USE: Policy = Policy {
    retries: refused_before_it_happened,
    ..ENTRA
};

/// IMDS and App Service. Microsoft's table for IMDS: 404, 410, 429 and 5xx are worth another try.
/// A refused connection is not: then this machine has no such endpoint.
pub(crate) const IDENTITY: Policy = Policy {
    tries: 6,
    first: Duration::from_millis(400),
    longest: Duration::from_secs(4),
    budget: Duration::from_secs(10),
    retries: |error| matches!(error.status(), Some(404 | 410 | 429 | 500..=599)),
};

/// An app, a secret, a certificate, a consent or a trust that was made moments ago is refused just
/// as one that is not there. Sources: "Workload identity federation: considerations" and AADSTS70021.
fn may_not_act_yet(error: &Error) -> bool {
    const NUMBERS: [&str; 9] = [
        "AADSTS70021",
        "AADSTS700211",
        "AADSTS700212",
        "AADSTS700213",
        "AADSTS70025",
        "AADSTS700016",
        "AADSTS7000229",
        "AADSTS7000215",
        "invalid_client",
    ];
    error.kind() == ErrorKind::TokenRefused
        && error.code().is_some_and(|code| NUMBERS.contains(&code))
}

fn refused_before_it_happened(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Throttled | ErrorKind::Unreachable)
}

/// A server, or a gateway before it, says that it is its own fault.
fn failed_inside(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Unexpected => matches!(error.status(), Some(500..=599)),
        ErrorKind::NotAzure => matches!(error.status(), Some(408 | 429 | 500..=599)),
        _ => false,
    }
}

impl Policy {
    /// The same with at most this much patience.
    pub(crate) fn within(mut self, patience: Option<Duration>) -> Self {
        self.budget = self.budget.min(patience.unwrap_or(self.budget));
        self
    }

    /// The wait before the next try, or `None` when this failure is final. `jitter` is in 0..1.
    fn wait(
        &self,
        failures: u32,
        elapsed: Duration,
        error: &Error,
        jitter: f64,
    ) -> Option<Duration> {
        if failures >= self.tries || !(self.retries)(error) {
            return None;
        }
        let doubled = self.first.saturating_mul(1 << (failures - 1).min(16));
        let spread = doubled.min(self.longest).mul_f64(0.5 + jitter / 2.0);
        let wait = spread.max(error.retry_after().unwrap_or_default());
        let budget = match may_not_act_yet(error) {
            true => self.budget.min(NOT_YET_BUDGET),
            false => self.budget,
        };
        (elapsed + wait <= budget).then_some(wait)
    }

    /// Runs `attempt` until it succeeds or its failure is final.
    pub(crate) async fn run<T, F: Future<Output = Result<T>>>(
        &self,
        mut attempt: impl FnMut() -> F,
    ) -> Result<T> {
        let started = Instant::now();
        let mut failures = 0;
        loop {
            let error = match attempt().await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            failures += 1;
            match self.wait(failures, started.elapsed(), &error, rand::random()) {
                Some(wait) => {
                    tracing::debug!(%error, failures, ?wait, "trying again");
                    sleep(wait).await;
                }
                None => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{CONDITIONAL_WRITE, ENTRA, IDENTITY, Policy, STORAGE};
    use crate::{Error, ErrorKind, error::Parts};

    fn failure(kind: ErrorKind, status: u16, retry_after_ms: Option<u64>) -> Error {
        Error::from(Parts {
            status: (status > 0).then_some(status),
            retry_after: retry_after_ms.map(Duration::from_millis),
            ..Parts::new(kind, "x")
        })
    }

    #[test]
    fn which_failures_are_tried_again() {
        use ErrorKind::*;
        for (kind, status, storage, conditional, identity) in [
            (Throttled, 503, true, true, true),
            (Throttled, 429, true, true, true),
            (Unreachable, 0, true, true, false),
            (TimedOut, 0, true, false, false),
            (Interrupted, 0, true, false, false),
            (Unexpected, 500, true, false, true),
            (Unexpected, 400, false, false, false),
            (NotAzure, 503, true, false, true),
            (NotAzure, 403, false, false, false),
            (Unexpected, 0, false, false, false),
            (CredentialRejected, 403, false, false, false),
            (AccountNotFound, 0, false, false, false),
            (CertificateUntrusted, 0, false, false, false),
            (IdentityUnavailable, 410, false, false, true),
            (IdentityUnavailable, 404, false, false, true),
            (IdentityUnavailable, 400, false, false, false),
        ] {
            let retried = |policy: &Policy| {
                policy
                    .wait(1, Duration::ZERO, &failure(kind, status, None), 0.0)
                    .is_some()
            };
            assert_eq!(
                (
                    retried(&STORAGE),
                    retried(&CONDITIONAL_WRITE),
                    retried(&IDENTITY)
                ),
                (storage, conditional, identity),
                "{kind:?} {status}"
            );
        }
    }

    #[test]
    fn waits_double_spread_and_stop() {
        let busy = failure(ErrorKind::Throttled, 503, None);
        let wait = |failures, jitter| STORAGE.wait(failures, Duration::ZERO, &busy, jitter);
        assert_eq!(wait(1, 0.0), Some(Duration::from_millis(150)));
        assert_eq!(wait(1, 1.0), Some(Duration::from_millis(300)));
        assert_eq!(wait(3, 1.0), Some(Duration::from_millis(1200)));
        assert_eq!(wait(6, 1.0), None);
        assert_eq!(ENTRA.wait(5, Duration::ZERO, &busy, 0.0), None);
    }

    #[test]
    fn azures_own_wait_is_kept_within_the_budget() {
        let after = |ms| failure(ErrorKind::Throttled, 503, Some(ms));
        let wait = |elapsed, ms| STORAGE.wait(1, Duration::from_secs(elapsed), &after(ms), 0.0);
        assert_eq!(wait(0, 2_500), Some(Duration::from_millis(2_500)));
        assert_eq!(wait(0, 1), Some(Duration::from_millis(150)));
        assert_eq!(wait(80, 10_000), Some(Duration::from_secs(10)));
        assert_eq!(wait(80, 10_001), None);
        assert_eq!(wait(0, u64::MAX / 2), None);
    }

    #[test]
    fn what_may_not_act_yet_is_tried_again_for_five_seconds() {
        let refused = |code: &str| {
            Error::from(Parts {
                status: Some(401),
                code: Some(code.to_owned()),
                ..Parts::new(ErrorKind::TokenRefused, "x")
            })
        };
        let wait = |policy: &Policy, elapsed, code| {
            let elapsed = Duration::from_secs(elapsed);
            policy.wait(1, elapsed, &refused(code), 1.0).is_some()
        };
        for code in ["AADSTS700213", "AADSTS7000215", "invalid_client"] {
            assert!(wait(&ENTRA, 0, code) && wait(&ENTRA, 4, code), "{code}");
            assert!(!wait(&ENTRA, 5, code), "{code}");
            assert!(!wait(&super::ONE_USE, 0, code), "a code is spent: {code}");
        }
        for code in [
            "AADSTS7000222",
            "AADSTS90002",
            "AADSTS53003",
            "invalid_scope",
        ] {
            assert!(!wait(&ENTRA, 0, code), "{code}");
        }
    }

    #[tokio::test]
    async fn runs_until_the_failure_is_final() {
        let quick = Policy {
            first: Duration::from_millis(1),
            ..STORAGE
        };
        let mut tries = 0;
        let result: Result<(), _> = quick
            .run(|| {
                tries += 1;
                let kind = if tries < 3 {
                    ErrorKind::Throttled
                } else {
                    ErrorKind::NotFound
                };
                async move { Err(failure(kind, 503, None)) }
            })
            .await;
        assert_eq!(
            (tries, result.unwrap_err().kind()),
            (3, ErrorKind::NotFound)
        );
    }
}
