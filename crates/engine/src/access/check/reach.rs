//! The way to the account and to a token: name, TLS, firewall, clocks, sign-in, tenants.

use std::{net::IpAddr, time::Duration};

use azure::{Challenge, ErrorKind, Greeting, credential_expiry};
use model::{Credential, IdentityId};
use tokio::time::Instant;

use super::{
    Step,
    run::{Check, Outcome, Steps, Stop},
};
use crate::{Doing, access::explain::Finding};

/// Limits of the steps, in seconds.
const RESOLVE: u64 = 5;
const GREET: u64 = 8;
/// The managed identity endpoint has ten seconds of its own, after which it says what was wrong.
const SIGN_IN: u64 = 11;

/// Azure refuses signatures and tokens that are this much off.
const SKEW_REFUSED_MS: i64 = 15 * 60_000;
const SKEW_TOLD_MS: i64 = 5 * 60_000;

impl Check<'_> {
    /// Name, connection and sign-in at once: none waits for another.
    pub(super) async fn reach(&self, steps: &mut Steps) {
        let account = &self.subject.draft.account;
        let (resolved, greeted, signed_in) = tokio::join!(
            timed(self.limited(RESOLVE, self.azure.resolve(account))),
            timed(self.limited(GREET, async { Ok(self.azure.greet(account).await) })),
            timed(self.limited(SIGN_IN, self.azure.sign_in(&self.subject.draft.credential))),
        );
        let Some(greeting) = self.note_way(steps, resolved, greeted) else {
            self.skip_rest(steps, &[Step::Clock, Step::SignIn, Step::Tenant]);
            return;
        };
        self.note_clock(steps, &greeting);
        let challenge = greeting.challenge.as_ref().ok();
        self.note_sign_in(steps, signed_in, challenge);
        self.note_tenant(steps, challenge);
    }

    fn skip_rest(&self, steps: &mut Steps, rest: &[Step]) {
        let why = steps.stopped_by().map_or_else(String::new, Steps::because);
        self.skip_all(steps, rest, &why);
    }

    /// The three steps that end at the account's door; the greeting when it is open.
    fn note_way(
        &self,
        steps: &mut Steps,
        (resolved, resolving): (Result<Vec<IpAddr>, Stop>, Duration),
        (greeted, greeting_took): (Result<Greeting, Stop>, Duration),
    ) -> Option<Greeting> {
        let url = self.engine.cloud().account_url(&self.subject.draft.account);
        let refusal = match &greeted {
            Ok(greeting) => greeting.challenge.as_ref().err(),
            Err(_) => None,
        };
        // A proxy may find what this machine's resolver does not; only an answer counts.
        let answered = match &greeted {
            Ok(greeting) => {
                greeting.clock_skew_ms.is_some()
                    || greeting.challenge.is_ok()
                    || refusal.is_some_and(|error| error.status().is_some())
            }
            Err(_) => false,
        };
        let no_account = refusal.filter(|error| error.kind() == ErrorKind::AccountNotFound);
        let dns = match (&resolved, no_account) {
            (_, Some(error)) => {
                Outcome::Failed(self.word(&Stop::Azure(error.clone()), None, Doing::SignIn))
            }
            (Err(stop), None) if !answered => Outcome::Failed(self.word(stop, None, Doing::List)),
            (Err(_), None) => Outcome::Passed("A proxy finds it.".to_owned()),
            (Ok(addresses), None) => {
                let shown: Vec<String> = addresses.iter().map(ToString::to_string).collect();
                Outcome::Passed(format!("{}.", shown.join(", ")))
            }
        };
        let failed = matches!(dns, Outcome::Failed(_));
        self.note(
            steps,
            Step::Dns,
            format!("Looked up the host of {url}."),
            resolving,
            dns,
        );
        if failed {
            self.skip_rest(steps, &[Step::Tls, Step::Network]);
            return None;
        }
        let tried = format!("Connected to {url} without a credential.");
        let greeting = match greeted {
            Ok(greeting) if answered => greeting,
            Ok(greeting) => {
                let error = greeting.challenge.err()?;
                let outcome = Outcome::Failed(self.word(&Stop::Azure(error), None, Doing::List));
                self.note(steps, Step::Tls, tried, greeting_took, outcome);
                self.skip_rest(steps, &[Step::Network]);
                return None;
            }
            Err(stop) => {
                let outcome = Outcome::Failed(self.word(&stop, None, Doing::List));
                self.note(steps, Step::Tls, tried, greeting_took, outcome);
                self.skip_rest(steps, &[Step::Network]);
                return None;
            }
        };
        self.note(
            steps,
            Step::Tls,
            tried,
            greeting_took,
            Outcome::Passed(String::new()),
        );
        let refused = greeting.challenge.as_ref().err();
        let firewall = refused.filter(|error| error.kind() == ErrorKind::Firewall);
        let outcome = match firewall {
            Some(error) => Outcome::Failed(self.word_without_credential(error)),
            None => Outcome::Passed(String::new()),
        };
        let stays = firewall.is_none();
        self.note(
            steps,
            Step::Network,
            "Asked the account who it trusts.",
            Duration::ZERO,
            outcome,
        );
        stays.then_some(greeting)
    }

    /// The anonymous request was refused, so a SAS of ours has nothing to do with it.
    fn word_without_credential(&self, error: &azure::Error) -> crate::Problem {
        let at = crate::Situation {
            credential: &Credential::Anonymous,
            ..self.situation(None, Doing::List)
        };
        crate::explain(error, &at)
    }

    fn note_clock(&self, steps: &mut Steps, greeting: &Greeting) {
        let outcome = match greeting.clock_skew_ms {
            None => Outcome::Skipped("Azure did not say its time.".to_owned()),
            Some(skew) if skew.abs() >= SKEW_REFUSED_MS => {
                Outcome::Failed(self.find(&Finding::ClockWrong(skew)))
            }
            Some(skew) if skew.abs() >= SKEW_TOLD_MS => {
                Outcome::Advice(self.find(&Finding::ClockDrifts(skew)))
            }
            Some(skew) => Outcome::Passed(match skew.abs() / 1000 {
                0..=2 => "They agree.".to_owned(),
                seconds => format!("They differ by {seconds} seconds."),
            }),
        };
        self.note(
            steps,
            Step::Clock,
            "Compared this machine's clock with Azure's.",
            Duration::ZERO,
            outcome,
        );
    }

    fn note_sign_in(
        &self,
        steps: &mut Steps,
        (answer, took): (Result<(), Stop>, Duration),
        challenge: Option<&Challenge>,
    ) {
        let credential = &self.subject.draft.credential;
        let Some(who) = who(credential) else {
            self.skip(
                steps,
                Step::SignIn,
                "This credential needs no access token.",
            );
            return;
        };
        if let Some(failed) = steps.stopped_by() {
            self.skip(steps, Step::SignIn, Steps::because(failed));
            return;
        }
        let outcome = match answer {
            Ok(()) => Outcome::Passed(String::new()),
            Err(stop) => {
                let has_ended =
                    credential_expiry(credential).is_some_and(|end| end <= self.engine.now_ms());
                let mut problem = match &stop {
                    Stop::Azure(error) if has_ended && error.kind() == ErrorKind::TokenRefused => {
                        let mut problem = self.find(&Finding::CertificateExpired);
                        problem.azure = self.word(&stop, None, Doing::SignIn).azure;
                        problem
                    }
                    _ => self.word(&stop, None, Doing::SignIn),
                };
                if let (Some(ours), Some(challenge)) = (credential.tenant(), challenge)
                    && !ours.eq_ignore_ascii_case(&challenge.tenant_id)
                {
                    problem.cause += &format!(
                        " The storage account belongs to the tenant {}.",
                        challenge.tenant_id
                    );
                }
                Outcome::Failed(problem)
            }
        };
        self.note(
            steps,
            Step::SignIn,
            format!("Asked for a token as {who}."),
            took,
            outcome,
        );
    }

    fn note_tenant(&self, steps: &mut Steps, challenge: Option<&Challenge>) {
        let Some(challenge) = challenge else {
            self.skip(
                steps,
                Step::Tenant,
                "The account did not say which tenant it trusts.",
            );
            return;
        };
        let owner = challenge.tenant_id.as_str();
        let credential = &self.subject.draft.credential;
        let ours = credential
            .tenant()
            .filter(|ours| uuid::Uuid::try_parse(ours).is_ok());
        let outcome = match ours {
            Some(ours) if !ours.eq_ignore_ascii_case(owner) => match steps.stopped_by() {
                Some(failed) => Outcome::Skipped(Steps::because(failed)),
                None => Outcome::Failed(self.find(&Finding::WrongTenant(owner))),
            },
            _ => Outcome::Passed(format!("The account belongs to the tenant {owner}.")),
        };
        self.note(
            steps,
            Step::Tenant,
            "Asked the account which tenant it trusts.",
            Duration::ZERO,
            outcome,
        );
    }
}

pub(super) async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let started = Instant::now();
    let done = work.await;
    (done, started.elapsed())
}

fn who(credential: &Credential) -> Option<String> {
    match credential {
        Credential::ServicePrincipal {
            tenant_id,
            client_id,
            ..
        } => Some(format!("the app {client_id} in the tenant {tenant_id}")),
        Credential::AzureLink { tenant_id } => {
            Some(format!("Longshore's app in the tenant {tenant_id}"))
        }
        Credential::ManagedIdentity { identity, .. } => Some(match identity {
            IdentityId::SystemAssigned => "this machine's system-assigned identity".to_owned(),
            IdentityId::ClientId(id) | IdentityId::ObjectId(id) | IdentityId::ResourceId(id) => {
                format!("the managed identity {id}")
            }
        }),
        Credential::AccountKey { .. } | Credential::Sas { .. } | Credential::Anonymous => None,
    }
}
