//! Links to one blob of one task on the server's other host name, where no cookie goes: a JWT (HS256) in the path.
//!
//! A link proves nothing by itself. It names what its maker came with, a session or a token, by hash: whoever brings
//! it reads as that person may at that moment, and no more once the session has ended, the token was revoked or the
//! storage is gone.

use model::{Actor, TaskId};
use serde::{Deserialize, Serialize};
use store::TokenKind;

use crate::{
    Delivery, Engine, Error, ResolveRequest, Resolved, Result,
    people::accounts::sha256,
    people::tokens::{decode, encode},
};

/// Links made within this many seconds are the same, so that a browser finds in its cache what it has.
const WINDOW_SECONDS: i64 = 300;
const MEDIA: &str = "media";

/// What somebody is known by, as sent.
#[derive(Clone, Copy)]
pub enum Presented<'a> {
    /// The session cookie's value.
    Session(&'a str),
    /// A named token (`Authorization: Token …`).
    Token(&'a str),
    /// An access token (`Authorization: Bearer …`).
    AccessToken(&'a str),
}

/// Whoever makes a link, by the SHA-256 (hex) of what ends their rights when it ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holder {
    Session(String),
    Token(String),
    /// The personal access token behind an access token.
    Refresh(String),
}

#[derive(Serialize, Deserialize)]
struct Claims {
    token_type: String,
    /// Unix seconds.
    exp: i64,
    holder: Holder,
    task: TaskId,
    fileuri: String,
}

impl Engine {
    /// Who sends this.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when it is nobody's, or not any more.
    pub async fn authenticate(&self, credential: Presented<'_>) -> Result<Actor> {
        match credential {
            Presented::Session(text) => self.authenticate_session(text).await,
            Presented::Token(text) => self.authenticate_token(text).await,
            Presented::AccessToken(text) => self.authenticate_access_token(text).await,
        }
    }

    /// In whose name links are made for the sender of this; it was authenticated before.
    pub fn holder(&self, credential: Presented<'_>) -> Option<Holder> {
        let hash = |text: &str| hex::encode(sha256(text));
        Some(match credential {
            Presented::Session(text) => Holder::Session(hash(text)),
            Presented::Token(text) => Holder::Token(hash(text)),
            Presented::AccessToken(text) => Holder::Refresh(hash(&self.refresh_jti(text)?)),
        })
    }

    /// A link to what `fileuri` names in the task, for five to ten minutes; and for how many seconds.
    pub(crate) fn link_media(
        &self,
        holder: &Holder,
        task: TaskId,
        fileuri: &str,
    ) -> Result<Resolved> {
        let now = self.now_ms() / 1000;
        let exp = (now / WINDOW_SECONDS + 2) * WINDOW_SECONDS;
        let claims = Claims {
            token_type: MEDIA.to_owned(),
            exp,
            holder: holder.clone(),
            task,
            fileuri: fileuri.to_owned(),
        };
        Ok(Resolved::Link {
            link: encode(&claims, &self.settings().token_key)?,
            max_age_s: exp - now,
        })
    }

    /// Reads what a link names, as whoever made it may now.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when it is none of ours, is over, or its maker's session or token has ended;
    /// otherwise as [`Engine::resolve`].
    pub async fn read_linked(&self, link: &str, request: &ResolveRequest) -> Result<Resolved> {
        let over = || Error::Unauthenticated {
            reason: "This link to a file is over. Load the page that shows it again.".to_owned(),
        };
        let claims: Claims = decode(link, &self.settings().token_key)
            .filter(|it: &Claims| it.token_type == MEDIA && it.exp > self.now_ms() / 1000)
            .ok_or_else(over)?;
        let actor = self.find_holder(&claims.holder).await?.ok_or_else(over)?;
        let request = ResolveRequest {
            delivery: Delivery::Streamed,
            ..request.clone()
        };
        self.resolve(&actor, claims.task, &claims.fileuri, &request)
            .await
    }

    async fn find_holder(&self, holder: &Holder) -> Result<Option<Actor>> {
        let (Holder::Session(hash) | Holder::Token(hash) | Holder::Refresh(hash)) = holder;
        let mut bytes = [0; 32];
        if hex::decode_to_slice(hash, &mut bytes).is_err() {
            return Ok(None);
        }
        let kind = match holder {
            Holder::Session(_) => {
                let found = self
                    .store()
                    .find_actor_by_session_hash(&bytes, self.now_ms());
                return Ok(found.await?);
            }
            Holder::Token(_) => TokenKind::Legacy,
            Holder::Refresh(_) => TokenKind::Refresh,
        };
        let owner = self.token_by_hash(&bytes, kind).await?;
        Ok(owner.map(|owner| owner.actor))
    }
}
