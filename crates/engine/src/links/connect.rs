//! Connect to Azure: from a signed-in owner to a proven, consented link.
//!
//! The person signs in at Entra ID, which proves a tenant; an administrator of that tenant
//! consents; Entra ID gives our app a token of that tenant; only then does the link exist. It is
//! proven only when who signed in administers the tenant. Nothing
//! that a redirect says is believed: `state` is random, works once, in the browser and the ten
//! minutes in which it was made, and the consent's `tenant` is only compared with the proven one.

mod member;
mod refusal;

use azure::{EntraUser, ErrorKind, SignInRequest};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL};
use hmac::{Hmac, KeyInit as _, Mac as _};
use model::{Actor, Credential, Permission, Secret};
use sha2::Sha256;
use store::{AzureConnect, AzureLink, ConnectState, ConnectStep, LinkProof, NewAzureLink};

use crate::{
    Engine, Error, LinkProblem, Result,
    people::accounts::{random_text, sha256},
    require,
};
pub use member::EntraOutcome;
use refusal::{not_there_yet, of_sign_in_failure, refused_consent, refused_sign_in};

/// How long somebody may stay on Entra ID's pages.
const STATE_MS: i64 = 600_000;
/// How long an administrator's sign-in counts while the consent is not there yet.
const ADMINISTRATOR_MS: i64 = 86_400_000;
/// Entra ID is not asked more often than this while a person waits.
const TRY_EVERY_MS: i64 = 2_000;

/// Where Entra ID sends people back to; both are registered with the app.
#[derive(Clone, Copy, Debug)]
pub struct ConnectAddresses<'a> {
    pub signed_in: &'a str,
    pub consented: &'a str,
}

/// What Entra ID's redirects carry. None of it is trusted.
#[derive(Clone, Debug, Default)]
pub struct Returned {
    pub state: Option<String>,
    pub code: Option<Secret>,
    pub error: Option<String>,
    pub error_subcode: Option<String>,
    pub error_description: Option<String>,
    pub admin_consent: Option<String>,
    pub tenant: Option<String>,
}

/// Somebody on the way to a link.
#[derive(Clone, Debug)]
pub struct PendingConnect {
    pub step: ConnectStep,
    pub tenant_id: Option<String>,
    pub tenant_domain: Option<String>,
    pub entra_username: Option<String>,
    pub problem: Option<LinkProblem>,
    pub began_at_ms: i64,
}

impl Engine {
    /// Begins; answers where the person signs in. `session` is the browser's session token.
    ///
    /// # Errors
    /// [`Error::Denied`]; [`Error::Azure`] when this server has no app registration.
    pub async fn begin_connect(
        &self,
        actor: &Actor,
        session: &str,
        to: &ConnectAddresses<'_>,
    ) -> Result<String> {
        require(actor, Permission::ManageOrganization)?;
        let state = random_text();
        let sign_in = self.sign_in_secrets(state.expose())?;
        let url = self
            .azure()
            .authorize_url(&sign_in.request(state.expose(), to))
            .map_err(|error| of_sign_in_failure(&error))?;
        let now_ms = self.now_ms();
        let kept = ConnectState {
            session_hash: &sha256(session),
            state_hash: &sha256(state.expose()),
            expires_at_ms: now_ms + STATE_MS,
        };
        self.store()
            .begin_azure_connect(actor.org_id, actor.user_id, &kept, now_ms)
            .await?;
        Ok(url.into())
    }

    /// The person is back from signing in; answers where the administrator consents.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the state is not this browser's, or old; [`Error::Azure`] when
    /// Entra ID or its id_token is not what it must be.
    pub async fn finish_sign_in(
        &self,
        actor: &Actor,
        session: &str,
        to: &ConnectAddresses<'_>,
        returned: &Returned,
    ) -> Result<String> {
        require(actor, Permission::ManageOrganization)?;
        self.take_state(actor, session, ConnectStep::SignIn, returned)
            .await?;
        let proven = self.proven_user(to, returned).await;
        let user = match proven {
            Ok(user) => user,
            Err(error) => {
                self.store()
                    .end_azure_connect(actor.org_id, actor.user_id)
                    .await?;
                return Err(error);
            }
        };
        let proven = (user.tenant_id.as_str(), user.is_administrator);
        let known = (user.tenant_domain.as_deref(), user.username.as_deref());
        self.store()
            .set_connect_tenant(actor.org_id, actor.user_id, proven, known)
            .await?;
        self.ask_consent(actor, session, to).await
    }

    /// Where the administrator of the proven tenant consents; also to ask again.
    ///
    /// # Errors
    /// [`Error::Conflict`] when no tenant is proven yet.
    pub async fn ask_consent(
        &self,
        actor: &Actor,
        session: &str,
        to: &ConnectAddresses<'_>,
    ) -> Result<String> {
        require(actor, Permission::ManageOrganization)?;
        let state = random_text();
        let kept = ConnectState {
            session_hash: &sha256(session),
            state_hash: &sha256(state.expose()),
            expires_at_ms: self.now_ms() + STATE_MS,
        };
        let connect = self
            .store()
            .ask_connect_consent(actor.org_id, actor.user_id, &kept)
            .await?;
        let tenant_id = connect
            .and_then(|connect| connect.tenant_id)
            .ok_or_else(|| Error::Conflict {
                message: "Begin with Connect to Azure: nobody has signed in at Entra ID yet."
                    .to_owned(),
            })?;
        let url = self
            .azure()
            .admin_consent_url(&tenant_id, to.consented, state.expose())
            .map_err(|error| of_sign_in_failure(&error))?;
        Ok(url.into())
    }

    /// The person is back from the consent page: linked, or waiting until Entra ID gives a token.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the state is not this browser's or old, or another tenant
    /// consented; [`Error::Azure`] when nobody consented.
    pub async fn finish_consent(
        &self,
        actor: &Actor,
        session: &str,
        returned: &Returned,
    ) -> Result<Option<AzureLink>> {
        require(actor, Permission::ManageOrganization)?;
        let connect = self
            .take_state(actor, session, ConnectStep::Consent, returned)
            .await?;
        let proven = connect.tenant_id.as_deref().unwrap_or_default();
        // An error comes together with `admin_consent=True`, so it is looked at first.
        let is_consent = returned.error.is_none()
            && returned
                .admin_consent
                .as_deref()
                .is_some_and(|given| given.eq_ignore_ascii_case("true"));
        if !is_consent {
            let problem = refused_consent(returned, proven);
            self.set_step(
                &connect,
                ConnectStep::Refused,
                Some(&LinkProblem::from(&problem)),
            )
            .await?;
            return Err(problem.into());
        }
        let consented = returned.tenant.as_deref().unwrap_or_default();
        if !consented.eq_ignore_ascii_case(proven) {
            self.store()
                .end_azure_connect(actor.org_id, actor.user_id)
                .await?;
            return Err(Error::field(
                "tenant",
                format!(
                    "You signed in to the tenant {proven}, and the consent came back for another one. Nothing is connected. Begin again, and consent as an administrator of {proven}."
                ),
            ));
        }
        self.set_step(&connect, ConnectStep::Waiting, None).await?;
        self.try_link(actor, &connect, ConnectStep::Waiting).await
    }

    /// Asks Entra ID now whether it gives a token of the proven tenant: the administrator may
    /// have consented elsewhere, or the consent has arrived by now.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::Store`].
    pub async fn check_connect(&self, actor: &Actor) -> Result<Option<AzureLink>> {
        require(actor, Permission::ManageOrganization)?;
        let (org, user) = (actor.org_id, actor.user_id);
        let connect = match self.store().find_azure_connect(org, user).await? {
            Some(connect) if connect.tenant_id.is_some() => connect,
            _ => return Ok(None),
        };
        let may_try = self
            .store()
            .may_try_connect(org, user, TRY_EVERY_MS, self.now_ms());
        if !may_try.await? {
            return Ok(None);
        }
        self.try_link(actor, &connect, connect.step).await
    }

    /// What this person has begun and not ended.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::Store`].
    pub async fn pending_connect(&self, actor: &Actor) -> Result<Option<PendingConnect>> {
        require(actor, Permission::ManageOrganization)?;
        let found = self
            .store()
            .find_azure_connect(actor.org_id, actor.user_id)
            .await?;
        let is_old = |connect: &AzureConnect| {
            connect.step == ConnectStep::SignIn && self.now_ms() - connect.created_at_ms > STATE_MS
        };
        Ok(found
            .filter(|connect| !is_old(connect))
            .map(|connect| PendingConnect {
                step: connect.step,
                problem: LinkProblem::from_json(connect.problem.as_deref()),
                tenant_id: connect.tenant_id,
                tenant_domain: connect.tenant_domain,
                entra_username: connect.entra_username,
                began_at_ms: connect.created_at_ms,
            }))
    }

    /// Forgets what this person has begun.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::Store`].
    pub async fn cancel_connect(&self, actor: &Actor) -> Result<()> {
        require(actor, Permission::ManageOrganization)?;
        let end = self.store().end_azure_connect(actor.org_id, actor.user_id);
        Ok(end.await?)
    }

    async fn take_state(
        &self,
        actor: &Actor,
        session: &str,
        step: ConnectStep,
        returned: &Returned,
    ) -> Result<AzureConnect> {
        let state = returned.state.as_deref().unwrap_or_default();
        let kept = ConnectState {
            session_hash: &sha256(session),
            state_hash: &sha256(state),
            expires_at_ms: self.now_ms(),
        };
        let taken = self
            .store()
            .take_connect_state(actor.org_id, actor.user_id, step, &kept);
        taken.await?.ok_or_else(|| {
            Error::field(
                "state",
                "This answer does not belong to a connection that was begun here: it was used already, was begun in another browser or by another person, or is more than ten minutes old. Nothing is connected by it. Go on in Settings, Integrations.",
            )
        })
    }

    async fn proven_user(
        &self,
        to: &ConnectAddresses<'_>,
        returned: &Returned,
    ) -> Result<EntraUser> {
        if returned.error.is_some() {
            return Err(refused_sign_in(returned).into());
        }
        let state = returned.state.as_deref().unwrap_or_default();
        let code = returned.code.as_ref().ok_or_else(|| {
            Error::field(
                "code",
                "Entra ID sent no code. Begin again with Connect to Azure.",
            )
        })?;
        let sign_in = self.sign_in_secrets(state)?;
        let user = self
            .azure()
            .redeem_code(code, &sign_in.request(state, to))
            .await
            .map_err(|error| of_sign_in_failure(&error))?;
        Ok(user)
    }

    /// The token that proves consent, and the link.
    async fn try_link(
        &self,
        actor: &Actor,
        connect: &AzureConnect,
        step: ConnectStep,
    ) -> Result<Option<AzureLink>> {
        let tenant_id = connect.tenant_id.clone().unwrap_or_default();
        let credential = Credential::AzureLink {
            tenant_id: tenant_id.clone(),
        };
        let object_id = match self.azure().prove(&credential).await {
            Ok(object_id) => object_id,
            Err(error) => {
                let problem = match (error.kind(), error.code()) {
                    (ErrorKind::TokenRefused, Some(code)) => not_there_yet(code, &tenant_id, step),
                    _ => None,
                }
                .unwrap_or_else(|| self.explain_sign_in(&error, &credential));
                self.set_step(connect, step, Some(&LinkProblem::from(&problem)))
                    .await?;
                return Ok(None);
            }
        };
        let link = NewAzureLink {
            tenant_id: &tenant_id,
            tenant_domain: connect.tenant_domain.as_deref(),
            principal_object_id: object_id.as_deref(),
            entra_username: connect.entra_username.as_deref(),
            linked_by: Some(actor.user_id),
            // Not the consent: it may have been given for another organization, and what the
            // redirect says of it can be forged.
            proof: (connect.is_administrator
                && self.now_ms() - connect.created_at_ms < ADMINISTRATOR_MS)
                .then_some(LinkProof::Administrator),
        };
        let linked = self.link_tenant(actor, &link).await?;
        self.store()
            .end_azure_connect(actor.org_id, actor.user_id)
            .await?;
        Ok(Some(linked))
    }

    /// Creates the link; one that somebody else has made meanwhile is as good, and an administrator
    /// who signs in proves one that was not.
    async fn link_tenant(&self, actor: &Actor, link: &NewAzureLink<'_>) -> Result<AzureLink> {
        let error = match self.make_link(actor, link).await {
            Err(Error::Store(error)) if error.is_conflict() => error,
            made => return made,
        };
        if link.proof.is_some() {
            self.prove_link(actor, link).await?;
        }
        let found = self.store().find_azure_link(actor.org_id, link.tenant_id);
        found.await?.ok_or_else(|| error.into())
    }

    async fn set_step(
        &self,
        connect: &AzureConnect,
        step: ConnectStep,
        problem: Option<&LinkProblem>,
    ) -> Result<()> {
        let problem = problem.map(LinkProblem::to_json);
        let set = self.store().set_connect_step(
            connect.org_id,
            connect.user_id,
            step,
            problem.as_deref(),
        );
        Ok(set.await?)
    }

    /// Nonce and PKCE verifier of a sign-in, made from its state with this installation's key: the
    /// browser, which sees the state, cannot make them, and nothing needs to be kept.
    fn sign_in_secrets(&self, state: &str) -> Result<SignInSecrets> {
        let derive = |purpose: &str| {
            let key = self.settings().token_key.expose().as_bytes();
            let mut mac = Hmac::<Sha256>::new_from_slice(key)
                .map_err(|_| Error::Internal("the token key is empty".to_owned()))?;
            mac.update(purpose.as_bytes());
            mac.update(state.as_bytes());
            Ok::<_, Error>(BASE64URL.encode(mac.finalize().into_bytes()))
        };
        Ok(SignInSecrets {
            nonce: derive("azure-connect-nonce:")?,
            pkce_verifier: Secret::new(derive("azure-connect-pkce:")?),
        })
    }
}

struct SignInSecrets {
    nonce: String,
    pkce_verifier: Secret,
}

impl SignInSecrets {
    fn request<'a>(&'a self, state: &'a str, to: &ConnectAddresses<'a>) -> SignInRequest<'a> {
        SignInRequest {
            redirect_uri: to.signed_in,
            state,
            nonce: &self.nonce,
            pkce_verifier: &self.pkce_verifier,
        }
    }
}
