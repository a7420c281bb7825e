//! Members who sign in with Entra ID: connecting an identity, and signing in with it.
//!
//! The same sign-in as Connect to Azure's, to the same address; the kept state tells them apart.
//! A member is known by tenant and object id, never by e-mail: whoever administers a tenant can
//! write any address there.

use model::{Actor, Secret, UserId};
use serde_json::json;
use store::{ConnectState, EntraIdentity, EntraPurpose};

use super::{ConnectAddresses, Returned, STATE_MS};
use crate::{
    AuditAction, Engine, Error, Fix, Result, Who,
    links::connect::refusal::of_sign_in_failure,
    people::accounts::{actor_of, random_text, sha256},
};

/// What a sign-in at Entra ID led to.
#[derive(Debug)]
pub enum EntraOutcome {
    /// A member's new session; the token is for its cookie.
    SignedIn(Secret, UserId),
    /// The identity signs its member in from now on.
    Connected,
}

impl Engine {
    /// Whether people can sign in at Entra ID: this server has an app registration.
    pub fn offers_entra_sign_in(&self) -> bool {
        self.settings().app_client_id.is_some()
    }

    /// Begins for somebody without a session: where they sign in, and what their browser keeps to
    /// prove that it was the one.
    ///
    /// # Errors
    /// [`Error::Azure`] when this server has no app registration.
    pub async fn begin_entra_sign_in(&self, to: &ConnectAddresses<'_>) -> Result<(String, Secret)> {
        let browser = random_text();
        let url = self
            .begin_entra(browser.expose(), EntraPurpose::SignIn, to)
            .await?;
        Ok((url, browser))
    }

    /// Begins for a member who wants to sign in with Entra ID from now on; where they sign in.
    ///
    /// # Errors
    /// [`Error::Azure`] when this server has no app registration.
    pub async fn begin_entra_identity(
        &self,
        actor: &Actor,
        session: &str,
        to: &ConnectAddresses<'_>,
    ) -> Result<String> {
        let purpose = EntraPurpose::Connect(actor.org_id, actor.user_id);
        self.begin_entra(session, purpose, to).await
    }

    /// Somebody is back from Entra ID; `None` when this browser did not begin that, or it was
    /// used already or is too old. `browser` is what it kept, or its session.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when no member signs in with this identity;
    /// [`Error::Conflict`] when it is another member's; [`Error::Azure`] when Entra ID or its
    /// id_token is not what it must be.
    pub async fn finish_entra(
        &self,
        browser: &str,
        to: &ConnectAddresses<'_>,
        returned: &Returned,
    ) -> Result<Option<EntraOutcome>> {
        let state = returned.state.as_deref().unwrap_or_default();
        let kept = ConnectState {
            session_hash: &sha256(browser),
            state_hash: &sha256(state),
            expires_at_ms: self.now_ms(),
        };
        let Some(purpose) = self.store().take_entra_sign_in(&kept).await? else {
            return Ok(None);
        };
        let user = self.proven_user(to, returned).await.map_err(in_words)?;
        let identity = EntraIdentity {
            tenant_id: user.tenant_id,
            object_id: user.object_id,
            username: user.username,
        };
        match purpose {
            EntraPurpose::SignIn => self.sign_in_by_entra(&identity).await.map(Some),
            EntraPurpose::Connect(org, user) => {
                let actor = self.authenticate_session(browser).await?;
                if (actor.org_id, actor.user_id) != (org, user) {
                    return Ok(None);
                }
                self.connect_identity(&actor, &identity).await.map(Some)
            }
        }
    }

    /// What signs the actor in at Entra ID.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn entra_identity(&self, actor: &Actor) -> Result<Option<EntraIdentity>> {
        let found = self
            .store()
            .find_entra_identity(actor.org_id, actor.user_id);
        Ok(found.await?)
    }

    /// The actor's identity at Entra ID signs nobody in any more.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn remove_entra_identity(&self, actor: &Actor) -> Result<()> {
        let remove = self
            .store()
            .remove_entra_identity(actor.org_id, actor.user_id);
        if remove.await? {
            let subject = format!("user/{}", actor.user_id);
            self.record(actor, AuditAction::EntraRemove, subject, json!({}))
                .await?;
        }
        Ok(())
    }

    async fn begin_entra(
        &self,
        browser: &str,
        purpose: EntraPurpose,
        to: &ConnectAddresses<'_>,
    ) -> Result<String> {
        let state = random_text();
        let sign_in = self.sign_in_secrets(state.expose())?;
        let url = self
            .azure()
            .authorize_url(&sign_in.request(state.expose(), to))
            .map_err(|error| of_sign_in_failure(&error))?;
        let now_ms = self.now_ms();
        let kept = ConnectState {
            session_hash: &sha256(browser),
            state_hash: &sha256(state.expose()),
            expires_at_ms: now_ms + STATE_MS,
        };
        self.store()
            .begin_entra_sign_in(&kept, purpose, now_ms)
            .await?;
        Ok(url.into())
    }

    async fn sign_in_by_entra(&self, identity: &EntraIdentity) -> Result<EntraOutcome> {
        let found = self
            .store()
            .find_entra_member(&identity.tenant_id, &identity.object_id)
            .await?;
        let member = found.ok_or_else(|| Error::Unauthenticated {
            reason: format!(
                "No member signs in here as {}. If you have an account, sign in with your password and press Sign in with Entra ID from now on in Settings, Account; if not, ask an owner of your organization for an invitation.",
                identity.username.as_deref().unwrap_or("this person")
            ),
        })?;
        let actor = actor_of(&member);
        let subject = format!("user/{}", actor.user_id);
        let mut detail = detail(identity);
        detail["with"] = json!("entra");
        self.record(&actor, AuditAction::SignIn, subject, detail)
            .await?;
        let session = self.start_session(&actor).await?;
        Ok(EntraOutcome::SignedIn(session, actor.user_id))
    }

    async fn connect_identity(
        &self,
        actor: &Actor,
        identity: &EntraIdentity,
    ) -> Result<EntraOutcome> {
        let set =
            self.store()
                .set_entra_identity(actor.org_id, actor.user_id, identity, self.now_ms());
        match set.await {
            Err(error) if error.is_conflict() => {
                return Err(Error::Conflict {
                    message: "Another account here signs in with this Entra ID account. Remove it there first (Settings, Account), or choose another one.".to_owned(),
                });
            }
            set => set?,
        }
        let subject = format!("user/{}", actor.user_id);
        self.record(actor, AuditAction::EntraConnect, subject, detail(identity))
            .await?;
        Ok(EntraOutcome::Connected)
    }
}

fn detail(identity: &EntraIdentity) -> serde_json::Value {
    json!({
        "tenant_id": identity.tenant_id,
        "object_id": identity.object_id,
        "entra_username": identity.username,
    })
}

/// What the person can do themselves is worded for signing in, not for connecting storage.
fn in_words(error: Error) -> Error {
    match error {
        Error::Azure(mut problem) if problem.fix.who == Who::You => {
            let again = "Begin the sign-in with Entra ID again, with your work or school account.";
            problem.fix = Fix::by(Who::You, again);
            Error::Azure(problem)
        }
        other => other,
    }
}
