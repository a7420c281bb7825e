//! What an access check found: the same shape in the API, in `longshore check --json` and on the page.

use model::Code;
use serde::{Serialize, Serializer};

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
    pub id: Step,
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

/// What a check tries, in the order of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    Dns,
    Tls,
    Network,
    Clock,
    SignIn,
    Tenant,
    List,
    Read,
    RangedRead,
    DelegationKey,
    SasRoundTrip,
    Write,
    Overwrite,
    Delete,
    Cors,
    PublicAccess,
    AccountKind,
    LeastPrivilege,
    Expiry,
}

impl Step {
    /// Those that only a source has.
    pub(super) const OF_SOURCE: [Self; 5] = [
        Self::List,
        Self::Read,
        Self::RangedRead,
        Self::DelegationKey,
        Self::SasRoundTrip,
    ];
    /// Those that only a target has.
    pub(super) const OF_TARGET: [Self; 3] = [Self::Write, Self::Overwrite, Self::Delete];

    /// Its stable id and its title.
    fn row(self) -> (&'static str, &'static str) {
        match self {
            Self::Dns => ("dns", "Find the account by name"),
            Self::Tls => ("tls", "Connect with TLS"),
            Self::Network => ("network", "Pass the account's firewall"),
            Self::Clock => ("clock", "Compare the clocks"),
            Self::SignIn => ("sign_in", "Get an access token"),
            Self::Tenant => ("tenant", "Compare the tenants"),
            Self::List => ("list", "List the container"),
            Self::Read => ("read", "Read a blob"),
            Self::RangedRead => ("ranged_read", "Read a part of a blob"),
            Self::DelegationKey => ("delegation_key", "Get a user delegation key"),
            Self::SasRoundTrip => ("sas_round_trip", "Read a blob by a pre-signed URL"),
            Self::Write => ("write", "Write a new blob"),
            Self::Overwrite => ("overwrite", "Replace a blob"),
            Self::Delete => ("delete", "Delete a blob"),
            Self::Cors => ("cors", "Read from the browser's page (CORS)"),
            Self::PublicAccess => ("public_access", "Public access"),
            Self::AccountKind => ("account_kind", "Kind of account and blobs"),
            Self::LeastPrivilege => ("least_privilege", "Least privilege"),
            Self::Expiry => ("expiry", "Expiry of the credential"),
        }
    }

    /// As in JSON: `ranged_read`.
    pub fn as_str(self) -> &'static str {
        self.row().0
    }

    /// For people: "List the container".
    pub fn title(self) -> &'static str {
        self.row().1
    }
}

impl Serialize for Step {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

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
        steps.sort_by_key(|step| step.id);
        Self {
            verdict: Verdict::of(&steps),
            subject,
            steps,
            took_ms,
        }
    }
}
