//! One check on its way: which step follows which, within which time.

use std::time::Duration;

use azure::{ContainerClient, ErrorKind};
use model::{BlobName, Code, Credential, Direction, OrgId};
use tokio::time::{Instant, sleep, timeout};

use super::{
    CheckOptions, CheckReport, CheckStep, Granted, LONGEST_CHECK, Step, StepState, Subject,
};
use crate::{
    Doing, Engine, Problem, Result, Situation,
    access::explain::{Finding, explain, word_finding},
    links::gate::Gate,
};

/// One check.
pub(super) struct Check<'a> {
    pub(super) engine: &'a Engine,
    pub(super) azure: Gate,
    pub(super) org: OrgId,
    pub(super) subject: Subject,
    pub(super) options: &'a CheckOptions,
    pub(super) client: ContainerClient,
    started: Instant,
    deadline: Instant,
}

/// How a step went, before it is worded.
pub(super) enum Outcome {
    Passed(String),
    /// Why it was not tried.
    Skipped(String),
    Failed(Problem),
    /// Refused, and the role may not act yet.
    RoleMissing(Problem),
    Advice(Problem),
    /// Neither works nor fails, as far as could be seen.
    Unknown(Problem),
}

/// Why a request of a step gave nothing.
pub(super) enum Stop {
    Azure(azure::Error),
    /// The step's limit, in seconds.
    Time(u64),
}

/// The steps so far.
#[derive(Default)]
pub(super) struct Steps(Vec<CheckStep>);

impl<'a> Check<'a> {
    pub(super) fn new(
        engine: &'a Engine,
        org: OrgId,
        subject: Subject,
        (azure, client): (Gate, ContainerClient),
        options: &'a CheckOptions,
    ) -> Self {
        let started = Instant::now();
        Self {
            engine,
            azure,
            org,
            client,
            options,
            subject,
            started,
            deadline: started + options.time.min(LONGEST_CHECK),
        }
    }

    pub(super) async fn run(self) -> Result<CheckReport> {
        let mut steps = Steps::default();
        self.reach(&mut steps).await;
        match self.subject.draft.direction {
            Direction::Source => self.look_and_read(&mut steps).await?,
            Direction::Target => self.write_and_delete(&mut steps).await,
        }
        self.credential_advice(&mut steps).await;
        let took = self.started.elapsed();
        Ok(CheckReport::new(
            self.subject.title(),
            steps.0,
            millis(took),
        ))
    }

    /// Waits at most `seconds`, and never beyond the check's end.
    pub(super) async fn limited<T>(
        &self,
        seconds: u64,
        answer: impl Future<Output = azure::Result<T>>,
    ) -> Result<T, Stop> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        match timeout(left.min(Duration::from_secs(seconds)), answer).await {
            Ok(answer) => answer.map_err(Stop::Azure),
            Err(_) => Err(Stop::Time(seconds.min(left.as_secs()))),
        }
    }

    /// Tries again while the role is missing: a new one takes minutes to act. The second value
    /// says whether it was refused at first.
    pub(super) async fn while_role_missing<T, F: Future<Output = Result<T, Stop>>>(
        &self,
        attempt: impl Fn() -> F,
    ) -> (Result<T, Stop>, bool) {
        let until = self.deadline.min(Instant::now() + self.options.role_wait);
        let mut was_refused = false;
        loop {
            match attempt().await {
                Err(Stop::Azure(error))
                    if error.kind() == ErrorKind::RoleMissing
                        && self.subject.uses_token()
                        && Instant::now() + ROLE_PAUSE < until =>
                {
                    was_refused = true;
                    sleep(ROLE_PAUSE).await;
                }
                answer => return (answer, was_refused),
            }
        }
    }

    pub(super) fn situation<'s>(
        &'s self,
        blob: Option<&'s BlobName>,
        doing: Doing,
    ) -> Situation<'s> {
        let draft = &self.subject.draft;
        Situation {
            cloud: self.engine.cloud(),
            place: Some((&draft.account, &draft.container)),
            blob,
            credential: &draft.credential,
            app_client_id: self.engine.settings().app_client_id.as_deref(),
            doing,
        }
    }

    pub(super) fn word(&self, stop: &Stop, blob: Option<&BlobName>, doing: Doing) -> Problem {
        let at = self.situation(blob, doing);
        match stop {
            Stop::Azure(error) => explain(error, &at),
            Stop::Time(seconds) => word_finding(&Finding::StepTimedOut(*seconds), &at),
        }
    }

    pub(super) fn find(&self, finding: &Finding<'_>) -> Problem {
        word_finding(finding, &self.situation(None, Doing::List))
    }

    /// What a refusal means for the step.
    pub(super) fn refused(&self, stop: &Stop, blob: Option<&BlobName>, doing: Doing) -> Outcome {
        let problem = self.word(stop, blob, doing);
        match stop {
            Stop::Azure(error)
                if error.kind() == ErrorKind::RoleMissing && self.subject.uses_token() =>
            {
                Outcome::RoleMissing(problem)
            }
            _ => Outcome::Failed(problem),
        }
    }

    /// Notes a step.
    pub(super) fn note(
        &self,
        steps: &mut Steps,
        id: Step,
        tried: impl Into<String>,
        took: Duration,
        outcome: Outcome,
    ) {
        let step = CheckStep {
            id,
            title: id.title(),
            state: StepState::Passed,
            tried: tried.into(),
            azure: None,
            code: None,
            cause: String::new(),
            fix: None,
            took_ms: millis(took),
        };
        steps.0.push(match outcome {
            Outcome::Passed(cause) => CheckStep { cause, ..step },
            Outcome::Skipped(cause) => CheckStep {
                state: StepState::Skipped,
                cause,
                ..step
            },
            Outcome::Failed(problem) if problem.code == Code::AzureError => {
                told(step, StepState::Unknown, problem)
            }
            Outcome::Unknown(problem) => told(step, StepState::Unknown, problem),
            Outcome::RoleMissing(problem) if self.options.granted == Granted::JustNow => {
                told(step, StepState::NotYetEffective, problem)
            }
            Outcome::Failed(problem) | Outcome::RoleMissing(problem) => {
                told(step, StepState::Failed, problem)
            }
            Outcome::Advice(problem) => told(step, StepState::Advice, problem),
        });
    }

    /// Notes that a step was not tried.
    pub(super) fn skip(&self, steps: &mut Steps, id: Step, why: impl Into<String>) {
        self.note(steps, id, "", Duration::ZERO, Outcome::Skipped(why.into()));
    }

    /// The same of several.
    pub(super) fn skip_all(&self, steps: &mut Steps, ids: &[Step], why: &str) {
        for id in ids {
            self.skip(steps, *id, why);
        }
    }

    pub(super) fn is_anonymous(&self) -> bool {
        matches!(self.subject.draft.credential, Credential::Anonymous)
    }
}

/// Between two tries of a missing role.
const ROLE_PAUSE: Duration = Duration::from_secs(1);

impl Steps {
    /// The first step that did not let the rest go on, if there is one.
    pub(super) fn stopped_by(&self) -> Option<Step> {
        self.0
            .iter()
            .find(|step| {
                matches!(
                    step.state,
                    StepState::Failed | StepState::NotYetEffective | StepState::Unknown
                )
            })
            .map(|step| step.id)
    }

    pub(super) fn because(failed: Step) -> String {
        format!(
            "Not tried, because this must work first: {}.",
            failed.title()
        )
    }
}

fn told(step: CheckStep, state: StepState, problem: Problem) -> CheckStep {
    CheckStep {
        state,
        azure: problem.azure,
        code: Some(problem.code),
        cause: problem.cause,
        fix: Some(problem.fix),
        ..step
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
