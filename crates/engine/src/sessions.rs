//! Sessions of browsers: started by signing in, ended one by one or all at once.

use model::{Actor, Permission, Secret, User};
use serde_json::json;
use store::UserPatch;

use crate::{
    AuditAction, Engine, Error, Result,
    accounts::{SESSION_MS, check_password, random_text, sha256},
    hashing::{hash_password, verify_password},
    require,
};

impl Engine {
    /// Who holds this session.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when there is no such session, or not any more.
    pub async fn authenticate_session(&self, token: &str) -> Result<Actor> {
        self.store()
            .find_actor_by_session_hash(&sha256(token), self.now_ms())
            .await?
            .ok_or_else(|| Error::Unauthenticated {
                reason: "Your session has ended; sign in again.".to_owned(),
            })
    }

    /// Ends a session; one that does not exist has ended already.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn sign_out(&self, token: &str) -> Result<()> {
        self.store().delete_session(&sha256(token)).await?;
        Ok(())
    }

    /// Ends all the actor's sessions and revokes their personal access tokens; the access tokens
    /// made from those end with them. Named API tokens stay: scripts run on them.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn sign_out_everywhere(&self, actor: &Actor) -> Result<()> {
        self.end_sessions(actor).await?;
        let subject = format!("user/{}", actor.user_id);
        self.record(actor, AuditAction::SignOutEverywhere, subject, json!({}))
            .await
    }

    /// Changes the actor's password, which ends every session, and starts a new one.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the current password is wrong or the new one cannot be one;
    /// [`Error::Busy`].
    pub async fn change_password(
        &self,
        actor: &Actor,
        current: &Secret,
        new: &Secret,
    ) -> Result<Secret> {
        let user = self.get_user(actor, actor.user_id).await?;
        let login = self.store().find_login(&user.email).await?;
        let hash = login.map(|login| login.password_hash);
        if !verify_password(&user.email, current.clone(), hash).await? {
            let wrong = "This is not your current password.";
            return Err(Error::field("current_password", wrong));
        }
        self.replace_password(actor, new).await?;
        let subject = format!("user/{}", actor.user_id);
        self.record(actor, AuditAction::PasswordChange, subject, json!({}))
            .await?;
        self.start_session(actor).await
    }

    /// Gives the member with this e-mail a new password, which ends all their sessions: the
    /// operator's command, for who cannot sign in any more.
    ///
    /// # Errors
    /// [`Error::NotFound`] when no member of the actor's organization has the e-mail;
    /// [`Error::Invalid`] when the password cannot be one.
    pub async fn set_password(&self, actor: &Actor, email: &str, new: &Secret) -> Result<User> {
        require(actor, Permission::ManageOrganization)?;
        let member = self.actor_by_email(email).await?;
        if member.org_id != actor.org_id {
            return Err(Error::not_found("user", email));
        }
        self.replace_password(&member, new).await?;
        let subject = format!("user/{}", member.user_id);
        let detail = json!({"with": "command"});
        self.record(actor, AuditAction::PasswordChange, subject, detail)
            .await?;
        self.get_user(actor, member.user_id).await
    }

    async fn replace_password(&self, member: &Actor, new: &Secret) -> Result<()> {
        check_password(new)?;
        let patch = UserPatch {
            password_hash: Some(
                hash_password(&format!("user/{}", member.user_id), new.clone()).await?,
            ),
            ..UserPatch::default()
        };
        self.store()
            .update_user(member.org_id, member.user_id, &patch)
            .await?;
        self.end_sessions(member).await
    }

    /// Starts a session; the token is for its cookie.
    pub(crate) async fn start_session(&self, actor: &Actor) -> Result<Secret> {
        let token = random_text();
        let now_ms = self.now_ms();
        self.store()
            .create_session(
                &sha256(token.expose()),
                actor.user_id,
                actor.org_id,
                now_ms + SESSION_MS,
                now_ms,
            )
            .await?;
        Ok(token)
    }

    async fn end_sessions(&self, actor: &Actor) -> Result<()> {
        let ended = self
            .store()
            .end_sessions(actor.org_id, actor.user_id, self.now_ms());
        Ok(ended.await?)
    }
}
