//! Sessions of browsers: started by signing in, ended one by one or all at once.

use model::{Actor, Permission, Secret, User};
use serde_json::json;
use store::{Store, UserPatch};

use crate::{
    AuditAction, Engine, Error, Result,
    people::accounts::{SESSION_MS, check_password, could_be_random_text, random_text, sha256},
    people::hashing::{hash_password, verify_password},
    require,
};

impl Engine {
    /// Who holds this session.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when there is no such session, or not any more.
    pub async fn authenticate_session(&self, token: &str) -> Result<Actor> {
        let found = match could_be_random_text(token) {
            true => {
                let hash = sha256(token);
                let found = self
                    .store()
                    .find_actor_by_session_hash(&hash, self.now_ms());
                found.await?
            }
            // What cannot be one costs no query.
            false => None,
        };
        found.ok_or_else(|| Error::Unauthenticated {
            reason: "Your session has ended; sign in again.".to_owned(),
        })
    }

    /// Ends a session; one that does not exist has ended already.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn sign_out(&self, token: &str) -> Result<()> {
        let hash = sha256(token);
        let found = self
            .store()
            .find_actor_by_session_hash(&hash, self.now_ms())
            .await?;
        // One that was over already is only swept away.
        let store = match found {
            Some(actor) => {
                let subject = format!("user/{}", actor.user_id);
                self.telling(&actor, AuditAction::SignOut, subject, json!({}))
            }
            None => self.store().clone(),
        };
        store.delete_session(&hash).await?;
        Ok(())
    }

    /// Ends all the actor's sessions and revokes their personal access tokens; the access tokens
    /// made from those end with them. Named API tokens stay: scripts run on them.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn sign_out_everywhere(&self, actor: &Actor) -> Result<()> {
        let subject = format!("user/{}", actor.user_id);
        let store = self.telling(actor, AuditAction::SignOutEverywhere, subject, json!({}));
        self.end_sessions(&store, actor).await
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
        let subject = format!("user/{}", actor.user_id);
        let store = self.telling(actor, AuditAction::PasswordChange, subject, json!({}));
        self.replace_password(&store, actor, new).await?;
        self.start_session(actor).await
    }

    /// Gives the member with this e-mail a new password, which ends all their sessions: the
    /// operator's command, for whoever cannot sign in any more.
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
        let subject = format!("user/{}", member.user_id);
        let detail = json!({"with": "command", "email": email});
        let store = self.telling(actor, AuditAction::PasswordChange, subject, detail);
        self.replace_password(&store, &member, new).await?;
        self.get_user(actor, member.user_id).await
    }

    /// Through a store that tells of it.
    async fn replace_password(&self, store: &Store, member: &Actor, new: &Secret) -> Result<()> {
        check_password(new)?;
        let patch = UserPatch {
            password_hash: Some(
                hash_password(&format!("user/{}", member.user_id), new.clone()).await?,
            ),
            ..UserPatch::default()
        };
        store
            .update_user(member.org_id, member.user_id, &patch)
            .await?;
        self.end_sessions(self.store(), member).await
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

    async fn end_sessions(&self, store: &Store, actor: &Actor) -> Result<()> {
        let ended = store.end_sessions(actor.org_id, actor.user_id, self.now_ms());
        Ok(ended.await?)
    }
}
