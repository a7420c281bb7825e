//! Why an object was not written, and when it is tried again.

use std::time::Duration;

use azure::ErrorKind;
use model::Code;
use rand::Rng as _;

use crate::{Error, Problem, Result, storages::opened::Opened};

/// The wait before the second attempt; doubled for each further one.
const FIRST_RETRY_MS: u64 = 1_000;

/// The longest wait between two attempts.
const LONGEST_RETRY_MS: u64 = 10 * 60 * 1_000;

/// The longest wait that Azure is granted.
const LONGEST_ASKED_MS: u64 = 3_600_000;

/// Attempts of an object while a person waits for the full export that it belongs to.
const ATTEMPTS_IN_RUN: i64 = 5;

/// Does a person wait for this object?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Watched {
    No,
    /// By a full export that is still running.
    ByRun,
}

/// Why an object was not written.
pub(super) enum Refused {
    Azure(Refusal),
    /// Azure's answer, to be put in words.
    Unexplained(azure::Error),
    /// A blob of somebody else's is in the way.
    Foreign(Problem),
    /// The blob changed each time it was looked at.
    Unsettled,
    Store(Error),
}

impl Refused {
    /// With Azure's answer in words.
    pub(super) fn explained(self, explain: impl FnOnce(&azure::Error) -> Problem) -> Self {
        let Self::Unexplained(error) = self else {
            return self;
        };
        let problem = explain(&error);
        Self::Azure(Refusal {
            code: problem.code,
            text: problem.to_string(),
            passes: may_pass(&error),
            retry_after: error.retry_after(),
        })
    }

    /// What is told and tried again.
    ///
    /// # Errors
    /// When it was not Azure that refused.
    pub(super) fn refusal(self) -> Result<Refusal> {
        match self {
            Self::Azure(refusal) => Ok(refusal),
            Self::Foreign(problem) => Ok(Refusal {
                code: problem.code,
                text: problem.to_string(),
                passes: false,
                retry_after: None,
            }),
            Self::Unsettled => Ok(Refusal {
                code: Code::ChangedMeanwhile,
                text: "The blob was changed by somebody else each time it was looked at."
                    .to_owned(),
                passes: true,
                retry_after: None,
            }),
            Self::Unexplained(error) => Err(Error::Internal(error.to_string())),
            Self::Store(error) => Err(error),
        }
    }
}

/// What is not known may pass too, and so may what a gateway says for a while.
fn may_pass(error: &azure::Error) -> bool {
    let is_gateways = matches!(error.status(), Some(408 | 429 | 500..=599));
    match error.kind() {
        ErrorKind::Unexpected => true,
        ErrorKind::NotAzure => is_gateways,
        kind => kind.is_transient(),
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        match error {
            // The gate's: the link is gone, or does not give the container.
            Error::Azure(problem) => Self::Azure(Refusal {
                code: problem.code,
                text: problem.to_string(),
                passes: problem.code.is_transient(),
                retry_after: None,
            }),
            error => Self::Store(error),
        }
    }
}

pub(super) struct Refusal {
    pub(super) code: Code,
    /// Cause and fix.
    pub(super) text: String,
    /// Trying again later may help without anyone doing anything.
    pub(super) passes: bool,
    pub(super) retry_after: Option<Duration>,
}

impl Refusal {
    pub(super) fn too_slow(target: &Opened) -> Self {
        Self {
            code: Code::TimedOut,
            text: format!(
                "The storage account {} did not take the file in time. If it stays, check the network of the machine that runs Longshore.",
                target.storage.account
            ),
            passes: true,
            retry_after: None,
        }
    }

    /// How long to wait before the next attempt; `None` gives up.
    ///
    /// A change is retried whatever the cause, because roles and containers appear later. In a full
    /// export a person is waiting to hear the cause, and starts another one when it is removed.
    pub(super) fn next_attempt_ms(
        &self,
        attempts: i64,
        most: i64,
        watched: Watched,
    ) -> Option<i64> {
        let most = match watched {
            Watched::No => most,
            Watched::ByRun if self.passes => most.min(ATTEMPTS_IN_RUN),
            Watched::ByRun => return None,
        };
        if attempts >= most {
            return None;
        }
        let doubled = FIRST_RETRY_MS << (attempts - 1).clamp(0, 20);
        let wait = doubled.min(LONGEST_RETRY_MS);
        // Between half and all of it, so that what failed together does not come back together.
        let jittered = rand::rng().random_range(wait / 2..=wait);
        let asked = self.retry_after.map_or(0, |wait| wait.as_millis() as u64);
        Some(jittered.max(asked.min(LONGEST_ASKED_MS)) as i64)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use model::Code;

    use super::{Refusal, Watched};

    fn refusal(passes: bool, retry_after: Option<Duration>) -> Refusal {
        Refusal {
            code: Code::Throttled,
            text: String::new(),
            passes,
            retry_after,
        }
    }

    #[test]
    fn waits_grow_to_ten_minutes_and_end() {
        let refused = refusal(true, None);
        for (attempt, least, most) in [(1, 500, 1_000), (2, 1_000, 2_000), (11, 300_000, 600_000)] {
            let wait = refused.next_attempt_ms(attempt, 12, Watched::No).unwrap();
            assert!((least..=most).contains(&wait), "{attempt}: {wait}");
        }
        assert_eq!(refused.next_attempt_ms(12, 12, Watched::No), None);
        assert_eq!(refused.next_attempt_ms(5, 12, Watched::ByRun), None);
    }

    #[test]
    fn a_lasting_cause_is_retried_unless_a_person_waits_for_it() {
        let refused = refusal(false, None);
        assert!(refused.next_attempt_ms(1, 12, Watched::No).is_some());
        assert_eq!(refused.next_attempt_ms(1, 12, Watched::ByRun), None);
    }

    #[test]
    fn azures_own_wait_is_kept() {
        let refused = refusal(true, Some(Duration::from_secs(90)));
        assert_eq!(refused.next_attempt_ms(1, 12, Watched::No), Some(90_000));
    }
}
