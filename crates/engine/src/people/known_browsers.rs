//! Browsers in which somebody has signed in before. Guessing elsewhere does not keep them out.
//!
//! A JWT in a cookie, signed by us, names the account. It proves nothing but this: who holds it
//! still needs the password, and has few tries.

use model::{Secret, UserId};

use crate::{Engine, Result, people::tokens::BROWSER};

/// How long a browser is known: half a year.
pub const KNOWN_BROWSER_MS: i64 = 180 * 24 * 3600 * 1000;

impl Engine {
    /// What a browser keeps after this person has proved in it who they are.
    ///
    /// # Errors
    /// [`crate::Error::Internal`] when it cannot be signed.
    pub fn known_browser(&self, user: UserId) -> Result<Secret> {
        self.signed_for(user, BROWSER, KNOWN_BROWSER_MS / 1000)
    }

    /// Has anybody signed in before in the browser that keeps this?
    pub fn is_somebodys_browser(&self, kept: &str) -> bool {
        self.signed_user(kept, BROWSER).is_some()
    }

    /// Has the person with this e-mail signed in before in the browser that keeps this?
    ///
    /// # Errors
    /// [`crate::Error::Store`].
    pub async fn is_known_browser(&self, kept: &str, email: &str) -> Result<bool> {
        let Some(user) = self.signed_user(kept, BROWSER) else {
            return Ok(false);
        };
        let login = self.store().find_login(email).await?;
        Ok(login.is_some_and(|login| login.user.id.to_string() == user))
    }
}
