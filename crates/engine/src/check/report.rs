//! What an access check found: the same shape in the API, in `longshore check --json` and on the page.

use model::Code;
use serde::Serialize;

use crate::{AzureAnswer, Fix};

/// Everything that was tried, in order, and what it comes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    pub verdict: Verdict,
    /// The storage or URL that was checked, for people; never with a query.
    pub subject: String,
    pub steps: Vec<CheckStep>,
    /// How long it took.
    pub took_ms: u64,
}

/// What the check comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Everything that the storage needs works.
    Ready,
    /// It works; something could be better.
    Advice,
    /// Something was granted or changed that Azure does not act on yet.
    NotYetEffective,
    /// At least one step failed.
    Failed,
    /// The time ended, or Azure gave an answer that is not known, before it could be told.
    Unknown,
}

/// One step. A step that depends on a failed one is skipped, so that one cause fails one step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckStep {
    /// Stable: one of [`STEPS`].
    pub id: &'static str,
    /// For people: "List the container".
    pub title: &'static str,
    pub state: StepState,
    /// What was done, with names: "Listed photos/ of acme/images".
    pub tried: String,
    /// What Azure said, when it refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub azure: Option<AzureAnswer>,
    /// The cause's stable code, which is also its anchor in `docs/causes.md`; with `failed`,
    /// `advice`, `not_yet_effective` and `unknown`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
    /// What was found, in words; why it was skipped, for a skipped step.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cause: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<Fix>,
    /// How long the step took.
    pub took_ms: u64,
}

/// How one step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    Passed,
    Failed,
    /// Not tried: a step that it depends on failed, or this storage does not need it.
    Skipped,
    /// It works; something could be better.
    Advice,
    /// Refused until now, although it may have been granted: new roles take up to ten minutes.
    NotYetEffective,
    /// The time ended, or the answer is not in the table; the raw code is in `azure`.
    Unknown,
}

/// Every step's id and title, in the order of a report.
pub const STEPS: [(&str, &str); 19] = [
    ("dns", "Find the account by name"),
    ("tls", "Connect with TLS"),
    ("network", "Pass the account's firewall"),
    ("clock", "Compare the clocks"),
    ("sign_in", "Get an access token"),
    ("tenant", "Compare the tenants"),
    ("list", "List the container"),
    ("read", "Read a blob"),
    ("ranged_read", "Read a part of a blob"),
    ("delegation_key", "Get a user delegation key"),
    ("sas_round_trip", "Read a blob by a pre-signed URL"),
    ("write", "Write a new blob"),
    ("overwrite", "Replace a blob"),
    ("delete", "Delete a blob"),
    ("cors", "Read from the browser's page (CORS)"),
    ("public_access", "Public access"),
    ("account_kind", "Kind of account and blobs"),
    ("least_privilege", "Least privilege"),
    ("expiry", "Expiry of the credential"),
];

impl StepState {
    /// As in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Advice => "advice",
            Self::NotYetEffective => "not_yet_effective",
            Self::Unknown => "unknown",
        }
    }

    /// For people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Passed => "Passed",
            Self::Failed => "Failed",
            Self::Skipped => "Skipped",
            Self::Advice => "Advice",
            Self::NotYetEffective => "Granted, not yet effective",
            Self::Unknown => "Unknown",
        }
    }
}

impl Verdict {
    /// One sentence for people.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Ready => "Everything that is needed works.",
            Self::Advice => "Everything that is needed works; there is advice.",
            Self::NotYetEffective => {
                "What was granted has no effect yet; new roles take up to 10 minutes."
            }
            Self::Failed => "It does not work yet.",
            Self::Unknown => "It could not be found out.",
        }
    }

    fn of(steps: &[CheckStep]) -> Self {
        let any = |state| steps.iter().any(|step| step.state == state);
        if any(StepState::Failed) {
            Self::Failed
        } else if any(StepState::NotYetEffective) {
            Self::NotYetEffective
        } else if any(StepState::Unknown) {
            Self::Unknown
        } else if any(StepState::Advice) {
            Self::Advice
        } else {
            Self::Ready
        }
    }
}

impl CheckReport {
    /// Puts the steps in their order and draws the conclusion.
    pub(super) fn new(subject: String, mut steps: Vec<CheckStep>, took_ms: u64) -> Self {
        steps.sort_by_key(|step| STEPS.iter().position(|(id, _)| *id == step.id));
        Self {
            verdict: Verdict::of(&steps),
            subject,
            steps,
            took_ms,
        }
    }

    /// The step of that id, when it is part of the report.
    pub fn step(&self, id: &str) -> Option<&CheckStep> {
        self.steps.iter().find(|step| step.id == id)
    }

    /// The steps that failed, in order.
    pub fn failed(&self) -> impl Iterator<Item = &CheckStep> {
        self.steps
            .iter()
            .filter(|step| step.state == StepState::Failed)
    }
}
