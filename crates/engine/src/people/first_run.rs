//! The first run: whoever has the link that the server prints makes the first owner, once.
//!
//! The link's secret is a key of the installation, so every replica and every start prints the same
//! one. It opens something only while there is nobody.

use model::{Actor, Role, Secret};
use serde_json::json;

use crate::{AuditAction, Engine, Error, FirstOwner, Result, people::accounts::sha256};

/// Name of the link's secret among the keys in the database.
const KEY: &str = "first-run";

impl Engine {
    /// The secret of the link, while there is nobody who could sign in.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn first_run(&self) -> Result<Option<Secret>> {
        if !self.store().is_without_users().await? {
            return Ok(None);
        }
        let key = self.store().signing_key(KEY, self.now_ms()).await?;
        let secret = key
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>();
        Ok(Some(Secret::new(secret)))
    }

    /// Opens the link.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is another, or there is an owner already.
    pub async fn open_first_run(&self, secret: &str) -> Result<()> {
        let is_it = self
            .first_run()
            .await?
            // Hashes are compared, so the time it takes says nothing of the secret.
            .is_some_and(|ours| sha256(ours.expose()) == sha256(secret));
        if is_it { Ok(()) } else { Err(gone()) }
    }

    /// Makes the first organization and its owner, and starts their session; the token is for its
    /// cookie.
    ///
    /// # Errors
    /// As [`Engine::open_first_run`]; [`Error::Invalid`] on an e-mail, a password or a name that
    /// cannot be one.
    pub async fn finish_first_run(&self, secret: &str, owner: &FirstOwner) -> Result<Secret> {
        self.open_first_run(secret).await?;
        if owner.organization.trim().is_empty() {
            let message = "Give your organization a name, for instance your team's.";
            return Err(Error::field("organization", message));
        }
        // Of two people at once one comes first.
        let (org_id, user_id) = self.create_first_owner(owner).await?.ok_or_else(gone)?;
        let actor = Actor {
            org_id,
            user_id,
            role: Role::Owner,
        };
        self.tell_organization(&actor, self.by(&actor), owner)
            .await?;
        let subject = format!("user/{user_id}");
        let detail = json!({"with": "first_run"});
        self.record(&actor, AuditAction::SignIn, subject, detail)
            .await?;
        self.start_session(&actor).await
    }

    /// The owner of the first organization, in whose name the operator's commands act.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is nobody yet.
    pub async fn first_owner(&self) -> Result<Actor> {
        let owner = self.store().find_first_owner().await?;
        let owner = owner.as_ref().map(crate::people::accounts::actor_of);
        owner.ok_or_else(|| Error::not_found("owner", "of this installation"))
    }
}

fn gone() -> Error {
    Error::not_found("first-run page", "behind this link")
}
