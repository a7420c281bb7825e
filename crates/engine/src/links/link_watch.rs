//! Is a link still good? While it is used, Entra ID is asked for a new token once a minute, because
//! the one at hand works on for an hour after consent was withdrawn. And until when do the
//! pre-signed URLs live that were handed out with it?

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
};

use azure::ErrorKind;
use model::{Credential, OrgId};
use quick_cache::sync::Cache;
use serde::{Deserialize, Serialize};

use crate::{Engine, Problem, Result, error::report, storages::connection::no_link};

/// Between two looks at a link that is in use.
const LOOK_EVERY_MS: i64 = 50_000;
/// The end of pre-signed URLs is kept this much later than it is, so that not every URL is a write.
const SAS_SLACK_MS: i64 = 60_000;
/// Links that are kept in mind; one that is forgotten is looked at anew.
const KEPT_LINKS: usize = 10_000;

/// What happened to links, for the process.
pub(crate) struct Watched(Cache<(OrgId, String), Arc<Watch>>);

impl Default for Watched {
    fn default() -> Self {
        Self(Cache::new(KEPT_LINKS))
    }
}

impl Watched {
    fn of(&self, org: OrgId, tenant_id: &str) -> Arc<Watch> {
        let key = (org, tenant_id.to_owned());
        let found = self
            .0
            .get_or_insert_with(&key, || Ok::<_, Infallible>(Arc::default()));
        match found {
            Ok(watch) => watch,
        }
    }
}

#[derive(Default)]
struct Watch {
    looked_at_ms: AtomicI64,
    /// What the database has as the end of the last URL.
    sas_noted_ms: AtomicI64,
}

/// An Azure problem as it is kept with a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkProblem {
    /// Text of a [`model::Code`], which this release need not know: it may be an older one's.
    pub code: String,
    pub cause: String,
    /// What to do and who, with the command.
    pub fix: String,
}

impl From<&Problem> for LinkProblem {
    fn from(problem: &Problem) -> Self {
        Self {
            code: problem.code.as_str().to_owned(),
            cause: problem.cause.clone(),
            fix: problem.fix.to_string(),
        }
    }
}

impl LinkProblem {
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    pub(crate) fn from_json(text: Option<&str>) -> Option<Self> {
        serde_json::from_str(text?).ok()
    }
}

impl Engine {
    /// Looks at a link in the background, when the last look is long enough ago.
    pub(crate) fn watch_link(&self, org: OrgId, tenant_id: &str) {
        let now_ms = self.now_ms();
        let watch = self.0.watched.of(org, tenant_id);
        let is_due = |looked_at: i64| (now_ms - looked_at >= LOOK_EVERY_MS).then_some(now_ms);
        if watch
            .looked_at_ms
            .fetch_update(Relaxed, Relaxed, is_due)
            .is_err()
        {
            return;
        }
        let (engine, tenant_id) = (self.clone(), tenant_id.to_owned());
        tokio::spawn(async move {
            if let Err(error) = engine.look_at_link(org, &tenant_id).await {
                tracing::warn!(error = %report(&error), "a link could not be looked at");
            }
        });
    }

    /// Asks Entra ID for a new token, and keeps the answer with the link.
    pub(crate) async fn look_at_link(
        &self,
        org: OrgId,
        tenant_id: &str,
    ) -> Result<Option<LinkProblem>> {
        let credential = Credential::AzureLink {
            tenant_id: tenant_id.to_owned(),
        };
        let problem = match self.azure().prove(&credential).await {
            Ok(_) => None,
            Err(error) => {
                if error.kind() == ErrorKind::TokenRefused {
                    // Refused now, so what was got before is not used either.
                    self.azure().forget(&credential);
                }
                Some(LinkProblem::from(
                    &self.explain_sign_in(&error, &credential),
                ))
            }
        };
        let kept = problem.as_ref().map(LinkProblem::to_json);
        self.store()
            .note_link_problem(org, tenant_id, kept.as_deref())
            .await?;
        Ok(problem)
    }

    /// Before a pre-signed URL of a link is handed out: unlinking will say when the last one ends.
    ///
    /// # Errors
    /// When the tenant was unlinked in this instant.
    pub(crate) async fn note_sas(
        &self,
        org: OrgId,
        credential: &Credential,
        expires_at_ms: i64,
    ) -> Result<()> {
        let Credential::AzureLink { tenant_id } = credential else {
            return Ok(());
        };
        let watch = self.0.watched.of(org, tenant_id);
        if expires_at_ms <= watch.sas_noted_ms.load(Relaxed) {
            return Ok(());
        }
        let until_ms = expires_at_ms + SAS_SLACK_MS;
        if !self.store().note_last_sas(org, tenant_id, until_ms).await? {
            return Err(no_link(tenant_id));
        }
        watch.sas_noted_ms.store(until_ms, Relaxed);
        Ok(())
    }

    /// A new link under an old name begins without a past.
    pub(crate) fn unwatch_link(&self, org: OrgId, tenant_id: &str) {
        self.0.watched.0.remove(&(org, tenant_id.to_owned()));
    }
}
