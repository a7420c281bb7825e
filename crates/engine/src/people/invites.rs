//! Invitations: an owner makes a link for one person, who becomes a member with it, once.
//!
//! The link holds 256 random bits, kept as SHA-256, and is over after [`INVITE_DAYS`], or when its
//! maker may not invite any more.

use model::{Actor, InviteId, Permission, Role, Secret};
use serde_json::json;
use store::{Acceptance, Invite, NewInvite};

use crate::{
    AuditAction, Engine, Error, Result,
    people::accounts::{check_password, checked_email, could_be_random_text, random_text, sha256},
    people::hashing::hash_password,
    require,
};

/// How long an invitation can be accepted.
pub const INVITE_DAYS: i64 = 7;

/// What the invited person says of themselves.
#[derive(Clone, Debug)]
pub struct InvitedPerson {
    pub first_name: String,
    pub last_name: String,
    pub password: Secret,
}

/// An invitation as the invited person sees it.
#[derive(Clone, Debug)]
pub struct OpenInvite {
    pub organization: String,
    pub email: String,
    pub role: Role,
}

impl Engine {
    /// Invites a person; the secret belongs into the link and is shown this once.
    ///
    /// # Errors
    /// [`Error::Invalid`] on a bad e-mail, or one of a member.
    pub async fn create_invite(
        &self,
        actor: &Actor,
        email: &str,
        role: Role,
    ) -> Result<(Invite, Secret)> {
        require(actor, Permission::ManageOrganization)?;
        let email = checked_email(email)?;
        let members = self.store().list_users(actor.org_id).await?;
        if members.iter().any(|member| member.email == email) {
            return Err(Error::field("email", "This person is a member already."));
        }
        let secret = random_text();
        let now_ms = self.now_ms();
        let new = NewInvite {
            org_id: actor.org_id,
            email: &email,
            role,
            hash: sha256(secret.expose()),
            created_by: actor.user_id,
            expires_at_ms: now_ms + INVITE_DAYS * 24 * 3600 * 1000,
        };
        let made = self.store().create_invite(&new, now_ms).await?;
        // Their rights ended while they asked.
        let invite = made.ok_or(Error::Denied {
            permission: Permission::ManageOrganization,
        })?;
        let detail = json!({"email": email, "role": role.as_str()});
        self.record(actor, AuditAction::InviteCreate, subject(invite.id), detail)
            .await?;
        Ok((invite, secret))
    }

    /// The invitations that can still be accepted, newest first.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::Store`].
    pub async fn list_invites(&self, actor: &Actor) -> Result<Vec<Invite>> {
        require(actor, Permission::ManageOrganization)?;
        let invites = self.store().list_invites(actor.org_id, self.now_ms());
        Ok(invites.await?)
    }

    /// Takes an invitation back.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it cannot be accepted any more, or never could.
    pub async fn revoke_invite(&self, actor: &Actor, id: InviteId) -> Result<()> {
        require(actor, Permission::ManageOrganization)?;
        let revoked = self.store().revoke_invite(actor.org_id, id, self.now_ms());
        if !revoked.await? {
            return Err(Error::not_found("invitation", id));
        }
        self.record(actor, AuditAction::InviteRevoke, subject(id), json!({}))
            .await
    }

    /// What a link invites to.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is used, taken back, over, no link of ours, or of somebody who
    /// may not invite any more.
    pub async fn open_invite(&self, secret: &str) -> Result<OpenInvite> {
        // What cannot be one costs no query.
        if !could_be_random_text(secret) {
            return Err(gone());
        }
        let invite = self
            .store()
            .find_invite(&sha256(secret), self.now_ms())
            .await?
            .ok_or_else(gone)?;
        let organization = self.store().find_org_title(invite.org_id).await?;
        Ok(OpenInvite {
            organization: organization.ok_or_else(gone)?,
            email: invite.email,
            role: invite.role,
        })
    }

    /// Accepts an invitation and starts the new member's session; the token is for its cookie.
    ///
    /// # Errors
    /// As [`Engine::open_invite`]; [`Error::Invalid`] on a password that cannot be one, or when the
    /// address is that of a member of another organization, which is not said: an inviter could ask
    /// for anybody's address.
    pub async fn accept_invite(
        &self,
        secret: &str,
        person: &InvitedPerson,
    ) -> Result<(Secret, Actor)> {
        let invite = self.open_invite(secret).await?;
        check_password(&person.password)?;
        let password_hash = hash_password(&invite.email, person.password.clone()).await?;
        let acceptance = Acceptance {
            password_hash: &password_hash,
            first_name: person.first_name.trim(),
            last_name: person.last_name.trim(),
        };
        let accepted = self
            .store()
            .accept_invite(&sha256(secret), &acceptance, self.now_ms())
            .await;
        let user = match accepted {
            Err(error) if error.is_conflict() => {
                return Err(Error::field(
                    FIELD,
                    "This invitation cannot be accepted with its e-mail address. Ask whoever invited you for one to another address; if it must be this one, ask whoever runs this server to make it free (longshore user release).",
                ));
            }
            accepted => accepted?.ok_or_else(gone)?,
        };
        let actor = Actor {
            org_id: user.org_id,
            user_id: user.id,
            role: user.role,
        };
        let detail = json!({"email": user.email, "role": user.role.as_str()});
        let subject = format!("user/{}", user.id);
        self.record(&actor, AuditAction::InviteAccept, subject, detail)
            .await?;
        Ok((self.start_session(&actor).await?, actor))
    }
}

const FIELD: &str = crate::FieldError::NON_FIELD;

fn subject(id: InviteId) -> String {
    format!("invite/{id}")
}

fn gone() -> Error {
    Error::not_found("invitation", "behind this link")
}
