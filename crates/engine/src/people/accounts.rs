//! People: the first owner, members, signing in with a password.
//!
//! Passwords are kept as hashes ([`crate::people::hashing`]). Session tokens are 256 random bits, kept
//! as SHA-256: whoever reads the database cannot sign in with what they find.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use model::{Actor, OrgId, Permission, Role, Secret, User, UserId};
use serde_json::json;
use sha2::{Digest, Sha256};
use store::NewUser;

use crate::{
    AuditAction, Engine, Error, FieldError, Result,
    audit::{By, Different, short},
    people::hashing::{hash_password, verify_password},
    people::tokens::check_fixed_token,
    require,
};

/// How long a session lives: 14 days.
pub const SESSION_MS: i64 = 14 * 24 * 3600 * 1000;

/// A new organization and the person who owns it.
#[derive(Clone, Debug)]
pub struct FirstOwner {
    pub email: String,
    pub password: Secret,
    pub organization: String,
    /// A fixed API token (`Authorization: Token …`), for scripted set-ups.
    pub token: Option<Secret>,
}

/// A new member of the actor's organization.
#[derive(Clone, Debug)]
pub struct NewMember {
    pub email: String,
    pub password: Secret,
    pub first_name: String,
    pub last_name: String,
    pub role: Role,
}

/// Who the actor is, for people.
#[derive(Clone, Debug)]
pub struct Whoami {
    pub user: User,
    pub organization: String,
}

impl Engine {
    /// Creates the first organization and its owner; `None` when there is a user already.
    ///
    /// # Errors
    /// [`Error::Invalid`] on an e-mail, password or token that cannot be one.
    pub async fn bootstrap_owner(&self, owner: &FirstOwner) -> Result<Option<(OrgId, UserId)>> {
        let created = self.create_first_owner(owner).await?;
        if let Some((org_id, user_id)) = created {
            let first = Actor {
                org_id,
                user_id,
                role: Role::Owner,
            };
            self.tell_organization(&first, By::Operator, owner).await?;
        }
        Ok(created)
    }

    /// Without a word in the audit log.
    pub(crate) async fn create_first_owner(
        &self,
        owner: &FirstOwner,
    ) -> Result<Option<(OrgId, UserId)>> {
        let email = owner.check()?;
        let hash = hash_password(&email, owner.password.clone()).await?;
        let created = self
            .store()
            .create_first_owner(&email, &hash, &owner.organization, self.now_ms())
            .await?;
        Ok(created)
    }

    /// Tells who made an organization with its owner, and keeps the owner's fixed token.
    pub(crate) async fn tell_organization(
        &self,
        actor: &Actor,
        by: By,
        owner: &FirstOwner,
    ) -> Result<()> {
        let detail = json!({
            "title": short(&owner.organization),
            "owner": format!("user/{}", actor.user_id),
            "email": short(owner.email.trim()),
        });
        let (who, action) = ((actor.org_id, by), AuditAction::OrganizationCreate);
        self.record_by(who, action, "organization", detail).await?;
        if let Some(token) = &owner.token {
            self.keep_legacy_token(actor, by, token).await?;
        }
        Ok(())
    }

    /// Creates a further organization and its owner: the operator's command, so without an actor.
    ///
    /// # Errors
    /// [`Error::Invalid`] on an e-mail, password or token that cannot be one, or a taken e-mail.
    pub async fn create_organization(&self, owner: &FirstOwner) -> Result<Actor> {
        let email = owner.check()?;
        let hash = hash_password(&email, owner.password.clone()).await?;
        let new = NewUser {
            email: &email,
            password_hash: &hash,
            first_name: "",
            last_name: "",
            role: Role::Owner,
        };
        let created = self
            .store()
            .create_org(&owner.organization, &new, self.now_ms());
        let actor = actor_of(&created.await.map_err(email_taken)?);
        self.tell_organization(&actor, By::Operator, owner).await?;
        Ok(actor)
    }

    /// Adds a person to the actor's organization.
    ///
    /// # Errors
    /// [`Error::Invalid`] on a bad or taken e-mail, or a short password.
    pub async fn create_user(&self, actor: &Actor, member: &NewMember) -> Result<User> {
        require(actor, Permission::ManageOrganization)?;
        let email = checked_email(&member.email)?;
        check_password(&member.password)?;
        let hash = hash_password(&email, member.password.clone()).await?;
        let new = NewUser {
            email: &email,
            password_hash: &hash,
            first_name: &member.first_name,
            last_name: &member.last_name,
            role: member.role,
        };
        let created = self.store().create_user(actor.org_id, &new, self.now_ms());
        let user = created.await.map_err(email_taken)?;
        let detail = json!({"email": user.email, "role": user.role.as_str()});
        let subject = format!("user/{}", user.id);
        self.record(actor, AuditAction::MemberCreate, subject, detail)
            .await?;
        Ok(user)
    }

    /// Checks e-mail and password, and starts a session; the token is for the session cookie.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], with the same text and after the same work whether the e-mail
    /// or the password is wrong; [`Error::Busy`].
    pub async fn sign_in(&self, email: &str, password: &Secret) -> Result<(Secret, Actor)> {
        let email = email.trim().to_lowercase();
        let login = self.store().find_login(&email).await?;
        let hash = login.as_ref().map(|login| login.password_hash.clone());
        let matches = verify_password(&email, password.clone(), hash).await?;
        if let Some(login) = login.as_ref().filter(|_| !matches) {
            let who = (login.user.org_id, By::Person(login.user.id));
            let subject = format!("user/{}", login.user.id);
            let action = AuditAction::SignInRefuse;
            self.count(who, action, subject, json!({}), Different::Counted)?;
        }
        let Some(login) = login.filter(|_| matches) else {
            return Err(Error::Unauthenticated {
                reason: "The email and password you entered don't match.".to_owned(),
            });
        };
        let actor = actor_of(&login.user);
        let subject = format!("user/{}", actor.user_id);
        self.record(
            &actor,
            AuditAction::SignIn,
            subject,
            json!({"with": "password"}),
        )
        .await?;
        Ok((self.start_session(&actor).await?, actor))
    }

    /// The actor's own account.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when it has been deleted meanwhile.
    pub async fn whoami(&self, actor: &Actor) -> Result<Whoami> {
        let gone = || Error::Unauthenticated {
            reason: "This account no longer exists.".to_owned(),
        };
        let user = self.store().find_user(actor.org_id, actor.user_id).await?;
        let organization = self.store().find_org_title(actor.org_id).await?;
        Ok(Whoami {
            user: user.ok_or_else(gone)?,
            organization: organization.ok_or_else(gone)?,
        })
    }

    /// A member of the actor's organization.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for another organization's.
    pub async fn get_user(&self, actor: &Actor, id: UserId) -> Result<User> {
        require(actor, Permission::Read)?;
        let user = self.store().find_user(actor.org_id, id).await?;
        user.ok_or_else(|| Error::not_found("user", id))
    }

    /// The person with this e-mail, for the operator's own commands, which act in their name.
    ///
    /// # Errors
    /// [`Error::NotFound`] when nobody has it.
    pub async fn actor_by_email(&self, email: &str) -> Result<Actor> {
        let login = self
            .store()
            .find_login(&email.trim().to_lowercase())
            .await?;
        match login {
            Some(login) => Ok(actor_of(&login.user)),
            None => Err(Error::not_found("user", email)),
        }
    }
}

impl FirstOwner {
    /// The e-mail as it is kept.
    fn check(&self) -> Result<String> {
        check_password(&self.password)?;
        if let Some(token) = &self.token {
            check_fixed_token(token)?;
        }
        checked_email(&self.email)
    }
}

fn email_taken(error: store::Error) -> Error {
    if error.is_conflict() {
        Error::field("email", "A user with this e-mail address exists already.")
    } else {
        error.into()
    }
}

pub(crate) fn actor_of(user: &User) -> Actor {
    Actor {
        org_id: user.org_id,
        user_id: user.id,
        role: user.role,
    }
}

pub(crate) fn checked_email(text: &str) -> Result<String> {
    let email = text.trim().to_lowercase();
    let is_address = email.len() <= 254
        && !email.contains(char::is_whitespace)
        && email.split_once('@').is_some_and(|(name, host)| {
            !name.is_empty() && !host.is_empty() && !host.contains('@')
        });
    if is_address {
        Ok(email)
    } else {
        Err(Error::field("email", "Enter a valid email address."))
    }
}

pub(crate) fn check_password(password: &Secret) -> Result<()> {
    match password.expose().len() {
        0..8 => Err(FieldError {
            field: "password".to_owned(),
            message: "Please enter a password of at least 8 characters.".to_owned(),
        }),
        8..=256 => Ok(()),
        _ => Err(FieldError {
            field: "password".to_owned(),
            message: "Please enter a password of at most 256 bytes.".to_owned(),
        }),
    }
    .map_err(|error| Error::Invalid(vec![error]))
}

/// 256 random bits as text.
pub(crate) fn random_text() -> Secret {
    Secret::new(BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()))
}

/// Is it as long as [`random_text`] is?
pub(crate) fn could_be_random_text(text: &str) -> bool {
    text.len() == 43
}

/// What is kept of a token.
pub(crate) fn sha256(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}
