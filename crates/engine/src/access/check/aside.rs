//! What the storage does not strictly need: CORS, public access, the kind of account, least
//! privilege, expiry.

use azure::{ListRequest, Preflight, Right};
use model::{BlobName, ClientProof, Credential, Direction};
use url::form_urlencoded;

use super::{
    Signing, Step,
    look::Archived,
    reach::timed,
    run::{Check, Outcome, Steps},
};
use crate::{
    Doing, Problem, access::explain::Finding, storages::connection::CHECK_BLOB,
    storages::expiry::EXPIRES_SOON_MS,
};

/// Limit of each step, in seconds.
const ASIDE: u64 = 5;
const DAY_MS: i64 = 24 * 3_600_000;

impl Check<'_> {
    pub(super) fn skip_asides(&self, steps: &mut Steps, failed: Step) {
        self.skip_all(
            steps,
            &[Step::Cors, Step::PublicAccess, Step::AccountKind],
            &Steps::because(failed),
        );
    }

    /// Three questions at once.
    pub(super) async fn asides(
        &self,
        steps: &mut Steps,
        blob: Option<&BlobName>,
        archived: &Archived,
    ) {
        let (cors, public, kind) = tokio::join!(
            timed(self.cors(blob)),
            timed(self.public_access(blob)),
            timed(self.account_kind(archived)),
        );
        self.note(
            steps,
            Step::Cors,
            "Asked, as a browser does, whether the page may read.",
            cors.1,
            cors.0,
        );
        let tried = "Read without a credential.";
        self.note(steps, Step::PublicAccess, tried, public.1, public.0);
        let tried = "Asked for the account's kind.";
        self.note(steps, Step::AccountKind, tried, kind.1, kind.0);
    }

    async fn cors(&self, blob: Option<&BlobName>) -> Outcome {
        let skipped = |why: &str| Outcome::Skipped(why.to_owned());
        if self.subject.signing == Signing::Unused {
            return skipped("Not needed: the browser never meets Azure.");
        }
        let Some(origin) = self.options.origin.as_deref() else {
            return skipped("Not tried: give the origin of the pages that will show the media.");
        };
        let draft = &self.subject.draft;
        let asked = self
            .azure
            .preflight(&draft.account, &draft.container, blob, origin);
        match self.limited(ASIDE, asked).await {
            Ok(Preflight::Allowed) => Outcome::Passed(format!("Pages of {origin} may read.")),
            Ok(Preflight::Refused) => {
                let problem = self.find(&Finding::CorsMissing { origin });
                match self.subject.signing {
                    Signing::Needed => Outcome::Failed(problem),
                    _ => Outcome::Advice(problem),
                }
            }
            Err(stop) => Outcome::Failed(self.word(&stop, None, Doing::List)),
        }
    }

    async fn public_access(&self, blob: Option<&BlobName>) -> Outcome {
        if self.is_anonymous() {
            return Outcome::Skipped(
                "The storage has no credential: it reads as anyone.".to_owned(),
            );
        }
        let draft = &self.subject.draft;
        let anyone = self.azure.anyone((&draft.account, &draft.container));
        let answer = self
            .limited(ASIDE, async {
                match blob {
                    Some(blob) => anyone.head(blob).await.map(drop),
                    None => anyone
                        .list(&ListRequest {
                            max_results: Some(1),
                            ..ListRequest::default()
                        })
                        .await
                        .map(drop),
                }
            })
            .await;
        match answer {
            Ok(()) => Outcome::Advice(self.find(&Finding::ContainerPublic)),
            Err(_) => Outcome::Passed("Nobody reads it without a credential.".to_owned()),
        }
    }

    async fn account_kind(&self, archived: &Archived) -> Outcome {
        if archived.count > 0 {
            let finding = Finding::SomeArchived {
                archived: archived.count,
                seen: archived.of,
            };
            return Outcome::Advice(crate::access::explain::word_finding(
                &finding,
                &self.situation(archived.first.as_ref(), Doing::Read),
            ));
        }
        match self.limited(ASIDE, self.client.account_info()).await {
            Ok(info) => Outcome::Passed(format!(
                "{}{}.",
                info.kind.as_deref().unwrap_or("Kind not told"),
                if info.is_hierarchical {
                    ", with a hierarchical namespace: its directories are not imported"
                } else {
                    ""
                }
            )),
            Err(_) => Outcome::Skipped("Azure does not tell it to this credential.".to_owned()),
        }
    }

    /// What the credential allows beyond need, and when it ends.
    pub(super) async fn credential_advice(&self, steps: &mut Steps) {
        if let Some(failed) = steps.stopped_by() {
            self.skip_all(
                steps,
                &[Step::LeastPrivilege, Step::Expiry],
                &Steps::because(failed),
            );
            return;
        }
        let looked = "Looked at what the credential says about itself.";
        let asks = self.subject.uses_token() && self.subject.draft.direction == Direction::Source;
        let tried = if asks {
            "Asked to write and to delete a blob that is not there, on a condition that no blob meets: nothing can change."
        } else {
            looked
        };
        let (outcome, took) = timed(self.least_privilege()).await;
        self.note(steps, Step::LeastPrivilege, tried, took, outcome);
        self.note(
            steps,
            Step::Expiry,
            looked,
            std::time::Duration::ZERO,
            self.expiry(),
        );
    }

    async fn least_privilege(&self) -> Outcome {
        match &self.subject.draft.credential {
            Credential::AccountKey { .. } => Outcome::Advice(self.find(&Finding::AccountKey)),
            Credential::Sas { token } => match self.sas_advice(token.expose()) {
                Some(problem) => Outcome::Advice(problem),
                None => Outcome::Passed(String::new()),
            },
            Credential::Anonymous => Outcome::Passed(String::new()),
            Credential::ServicePrincipal { .. }
            | Credential::ManagedIdentity { .. }
            | Credential::AzureLink { .. } => match self.subject.draft.direction {
                Direction::Source => self.source_rights().await,
                Direction::Target => Outcome::Skipped(
                    "Not tried: a target needs the rights to write and delete.".to_owned(),
                ),
            },
        }
    }

    /// An identity that reads needs no right to change anything.
    async fn source_rights(&self) -> Outcome {
        let name = format!("{CHECK_BLOB}{}", uuid::Uuid::new_v4().simple());
        let Ok(absent) = BlobName::parse(self.subject.draft.prefix.join(&name)) else {
            return Outcome::Skipped("Not tried: the prefix is too long.".to_owned());
        };
        let answer = self
            .limited(ASIDE, self.client.rights_beyond_reading(&absent))
            .await;
        let may = match answer.as_deref() {
            Ok([]) => return Outcome::Passed("It may read, and change nothing.".to_owned()),
            Ok([Right::Write]) => "write",
            Ok([Right::Delete]) => "delete",
            Ok(_) => "write and delete",
            Err(_) => return Outcome::Skipped("Azure does not tell it.".to_owned()),
        };
        Outcome::Advice(self.find(&Finding::RoleMoreRights { may }))
    }

    fn sas_advice(&self, token: &str) -> Option<Problem> {
        let draft = &self.subject.draft;
        let needed = match (draft.direction, draft.can_delete_objects) {
            (Direction::Source, _) => "rl",
            (Direction::Target, false) => "rcwl",
            (Direction::Target, true) => "rcwdl",
        };
        sas_finding(token, needed, |finding| self.find(finding))
    }

    fn expiry(&self) -> Outcome {
        let credential = &self.subject.draft.credential;
        let what = match credential {
            Credential::Sas { .. } => "SAS token",
            Credential::AccountKey { .. } => "account key",
            Credential::ServicePrincipal { proof, .. } => match proof {
                ClientProof::Certificate { .. } => "client certificate",
                ClientProof::Secret(_) | ClientProof::Federated { .. } => "client secret",
            },
            Credential::Anonymous
            | Credential::ManagedIdentity { .. }
            | Credential::AzureLink { .. } => {
                return Outcome::Skipped("This credential has no end.".to_owned());
            }
        };
        let Some(end_ms) = self.subject.draft.expires_at_ms else {
            return Outcome::Skipped(
                "The credential does not say when it ends; enter it as expires_at to be told before."
                    .to_owned(),
            );
        };
        let left = end_ms - self.engine.now_ms();
        let days = left.div_euclid(DAY_MS);
        if left <= EXPIRES_SOON_MS {
            Outcome::Advice(self.find(&Finding::ExpiresSoon { what, days }))
        } else {
            Outcome::Passed(format!("The {what} ends in {days} days."))
        }
    }
}

/// The most important thing that a SAS token allows beyond need.
fn sas_finding(
    token: &str,
    needed: &str,
    word: impl FnOnce(&Finding<'_>) -> Problem,
) -> Option<Problem> {
    let query = token.trim().trim_start_matches('?');
    let value = |wanted: &str| {
        form_urlencoded::parse(query.as_bytes())
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value.into_owned())
    };
    let permissions = value("sp").unwrap_or_default();
    let extra: String = permissions
        .chars()
        .filter(|letter| !needed.contains(*letter))
        .collect();
    if !extra.is_empty() {
        return Some(word(&Finding::SasMoreRights {
            extra: &extra,
            needed,
        }));
    }
    if value("srt").is_some() {
        return Some(word(&Finding::SasAccountWide));
    }
    // Left out, it is "https,http".
    (value("spr").as_deref() != Some("https")).then(|| word(&Finding::SasHttpAllowed))
}

#[cfg(test)]
mod tests {
    use model::Code;

    use super::sas_finding;
    use crate::{Fix, Problem, Who, access::explain::Finding};

    #[test]
    fn a_sas_is_told_its_largest_excess() {
        for (token, code) in [
            ("?sv=1&sp=rl&sr=c&spr=https&sig=x", None),
            ("sp=rwl&sr=c&spr=https&sig=x", Some("more w")),
            ("sp=rl&ss=b&srt=co&spr=https&sig=x", Some("account")),
            ("sp=rl&sr=c&sig=x", Some("http")),
            ("si=policy&sr=c&spr=https&sig=x", None),
        ] {
            let found = sas_finding(token, "rl", |finding| Problem {
                code: Code::AzureError,
                cause: match finding {
                    Finding::SasMoreRights { extra, .. } => format!("more {extra}"),
                    Finding::SasAccountWide => "account".to_owned(),
                    _ => "http".to_owned(),
                },
                fix: Fix::by(Who::You, ""),
                azure: None,
            });
            let found = found.map(|problem| problem.cause);
            assert_eq!(found.as_deref(), code, "{token}");
        }
    }
}
