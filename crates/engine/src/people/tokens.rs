//! API tokens, as Label Studio has them.
//!
//! - *legacy token*: 40 hex digits, sent as `Authorization: Token …`; kept as SHA-256.
//! - *personal access token*: a refresh JWT (HS256) with the claims `token_type`, `exp`, `iat`,
//!   `jti` and `user_id`; its `jti` is kept as SHA-256, so that it can be revoked.
//! - *access token*: a JWT of five minutes made from it, sent as `Authorization: Bearer …`. It
//!   also names its refresh token's `jti`: revoking that one ends this one at once.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use model::{Actor, ApiTokenId, Permission, Secret, UserId};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::json;
use store::{ApiToken, NewApiToken, TokenKind, TokenOwner};

use crate::{
    AuditAction, Engine, Error, Result,
    audit::{By, Different, short},
    people::accounts::sha256,
    require,
};

/// An access token's life, in seconds.
const ACCESS_SECONDS: i64 = 5 * 60;
/// A personal access token's life, in seconds: a year.
const REFRESH_SECONDS: i64 = 365 * 24 * 3600;

/// The longest life of a named token that is given one.
const LONGEST_DAYS: i64 = 3650;

/// Values of the claim `token_type`.
const REFRESH: &str = "refresh";
const ACCESS: &str = "access";
pub(crate) const BROWSER: &str = "browser";

#[derive(Serialize, Deserialize)]
struct Claims {
    token_type: String,
    /// Unix seconds.
    exp: i64,
    iat: i64,
    jti: String,
    user_id: String,
    /// Access tokens only: the `jti` of the refresh token behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_jti: Option<String>,
}

/// A named API token to make.
#[derive(Clone, Debug)]
pub struct NamedToken {
    /// What it is for.
    pub name: String,
    /// `None` never expires.
    pub expires_in_days: Option<i64>,
}

impl Engine {
    /// Makes a named token for the actor, sent as `Authorization: Token …`; shown this once.
    ///
    /// # Errors
    /// [`Error::Invalid`] without a name, or on a life that cannot be one.
    pub async fn create_named_token(&self, actor: &Actor, new: &NamedToken) -> Result<Secret> {
        require(actor, Permission::Read)?;
        let name = new.name.trim();
        if name.is_empty() || name.chars().count() > 100 {
            let message = "Say what the token is for, in at most 100 characters.";
            return Err(Error::field("name", message));
        }
        if new
            .expires_in_days
            .is_some_and(|days| !(1..=LONGEST_DAYS).contains(&days))
        {
            let message = format!("Give 1 to {LONGEST_DAYS} days, or none to keep it forever.");
            return Err(Error::field("expires_in_days", message));
        }
        let token = Secret::new(hex::encode(rand::random::<[u8; 20]>()));
        let now_ms = self.now_ms();
        let kept = NewApiToken {
            org_id: actor.org_id,
            user_id: actor.user_id,
            name,
            kind: TokenKind::Legacy,
            hash: sha256(token.expose()),
            expires_at_ms: new
                .expires_in_days
                .map(|days| now_ms + days * 24 * 3600 * 1000),
        };
        let id = self.store().create_api_token(&kept, now_ms).await?;
        let detail =
            json!({"kind": "named", "name": short(name), "expires_in_days": new.expires_in_days});
        self.record(actor, AuditAction::TokenCreate, subject(id), detail)
            .await?;
        Ok(token)
    }

    /// The actor's tokens of both kinds that are not revoked, with their last use. A personal
    /// access token's name is its `jti`.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn list_api_tokens(&self, actor: &Actor) -> Result<Vec<ApiToken>> {
        require(actor, Permission::Read)?;
        self.flush_audit().await?;
        let of_kind = |kind| {
            self.store()
                .list_api_tokens(actor.org_id, actor.user_id, kind)
        };
        let mut tokens = of_kind(TokenKind::Legacy).await?;
        tokens.extend(of_kind(TokenKind::Refresh).await?);
        tokens.sort_by_key(|token| token.id);
        Ok(tokens)
    }

    /// Revokes one of the actor's tokens from this instant.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the actor has no such token.
    pub async fn revoke_token(&self, actor: &Actor, id: ApiTokenId) -> Result<()> {
        require(actor, Permission::Read)?;
        let now_ms = self.now_ms();
        let revoked = self
            .telling(actor, AuditAction::TokenRevoke, subject(id), json!({}))
            .revoke_api_token(actor.org_id, actor.user_id, id, now_ms)
            .await?;
        if revoked {
            Ok(())
        } else {
            Err(Error::not_found("token", id))
        }
    }

    /// Who sends this legacy token.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when nobody has it, or not any more.
    pub async fn authenticate_token(&self, token: &str) -> Result<Actor> {
        // What cannot be one costs no query.
        if check_fixed_token(&Secret::new(token)).is_err() {
            return Err(refused("Invalid token."));
        }
        self.token_owner(token, TokenKind::Legacy)
            .await?
            .ok_or_else(|| refused("Invalid token."))
    }

    /// Who sends this access token.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when it is not ours, is over, or its refresh token was revoked.
    pub async fn authenticate_access_token(&self, token: &str) -> Result<Actor> {
        let invalid = || refused("Given token not valid for any token type");
        let refresh_jti = self.refresh_jti(token).ok_or_else(invalid)?;
        self.token_owner(&refresh_jti, TokenKind::Refresh)
            .await?
            .ok_or_else(invalid)
    }

    /// Makes a legacy token for the actor; shown this once.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn create_legacy_token(&self, actor: &Actor) -> Result<Secret> {
        let token = Secret::new(hex::encode(rand::random::<[u8; 20]>()));
        self.keep_legacy_token(actor, self.by(actor), &token)
            .await?;
        Ok(token)
    }

    /// Makes a personal access token for the actor; shown whole this once.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn create_refresh_token(&self, actor: &Actor) -> Result<Secret> {
        let (id, token) = self.keep_refresh_token(actor).await?;
        let days = REFRESH_SECONDS / (24 * 3600);
        let detail = json!({"kind": "personal_access", "expires_in_days": days});
        self.record(actor, AuditAction::TokenCreate, subject(id), detail)
            .await?;
        Ok(token)
    }

    async fn keep_refresh_token(&self, actor: &Actor) -> Result<(ApiTokenId, Secret)> {
        let claims = self.claims(actor.user_id, REFRESH, REFRESH_SECONDS);
        let new = NewApiToken {
            org_id: actor.org_id,
            user_id: actor.user_id,
            name: &claims.jti,
            kind: TokenKind::Refresh,
            hash: sha256(&claims.jti),
            expires_at_ms: Some(claims.exp * 1000),
        };
        let id = self
            .store()
            .create_api_token(&new, claims.iat * 1000)
            .await?;
        Ok((id, self.signed(&claims)?))
    }

    /// The actor's personal access tokens, each without its signature: enough to tell them apart
    /// and to revoke them, not to use them.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn list_refresh_tokens(&self, actor: &Actor) -> Result<Vec<String>> {
        let tokens = self
            .store()
            .list_api_tokens(actor.org_id, actor.user_id, TokenKind::Refresh)
            .await?;
        tokens
            .into_iter()
            .map(|token| {
                let claims = Claims {
                    token_type: REFRESH.to_owned(),
                    exp: token.expires_at_ms.unwrap_or(i64::MAX) / 1000,
                    iat: token.created_at_ms / 1000,
                    jti: token.name,
                    user_id: actor.user_id.to_string(),
                    refresh_jti: None,
                };
                let signed = self.signed(&claims)?;
                let unsigned = signed
                    .expose()
                    .rsplit_once('.')
                    .map(|(head, _)| head.to_owned());
                Ok(unsigned.unwrap_or_default())
            })
            .collect()
    }

    /// A new access token for a personal access token.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when the token is not ours, is over or was revoked.
    pub async fn refresh_access(&self, refresh: &str) -> Result<Secret> {
        let (claims, actor) = self.refresh_owner(refresh).await?;
        let now = self.now_ms() / 1000;
        let who = (actor.org_id, self.by(&actor));
        let (action, of) = (AuditAction::TokenRefresh, format!("user/{}", actor.user_id));
        self.count(who, action, of, json!({}), Different::Counted)?;
        self.signed(&Claims {
            token_type: ACCESS.to_owned(),
            exp: now + ACCESS_SECONDS,
            iat: now,
            jti: new_jti(),
            user_id: actor.user_id.to_string(),
            refresh_jti: Some(claims.jti),
        })
    }

    /// Replaces a personal access token by a new one; the old one is revoked. Of two calls at
    /// once, one wins.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when the token is not ours, is over or was revoked.
    pub async fn rotate_refresh(&self, refresh: &str) -> Result<Secret> {
        let (claims, actor) = self.refresh_owner(refresh).await?;
        let Some(old) = self.revoke(&actor, &claims.jti).await? else {
            return Err(refused("Token is blacklisted"));
        };
        let (id, token) = self.keep_refresh_token(&actor).await?;
        let detail = json!({"replaces": subject(old)});
        self.record(&actor, AuditAction::TokenRotate, subject(id), detail)
            .await?;
        Ok(token)
    }

    /// Revokes one of the actor's personal access tokens, given whole or without its signature.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the actor has no such token.
    pub async fn blacklist_refresh(&self, actor: &Actor, refresh: &str) -> Result<()> {
        let unknown = || Error::not_found("token", "");
        let jti = unverified_jti(refresh).ok_or_else(unknown)?;
        let tokens = self
            .store()
            .list_api_tokens(actor.org_id, actor.user_id, TokenKind::Refresh)
            .await?;
        let token = tokens.into_iter().find(|token| token.name == jti);
        self.revoke_token(actor, token.ok_or_else(unknown)?.id)
            .await
            .map_err(|error| match error {
                Error::NotFound { .. } => unknown(),
                error => error,
            })
    }

    pub(crate) async fn keep_legacy_token(
        &self,
        owner: &Actor,
        by: By,
        token: &Secret,
    ) -> Result<()> {
        let new = NewApiToken {
            org_id: owner.org_id,
            user_id: owner.user_id,
            name: "",
            kind: TokenKind::Legacy,
            hash: sha256(token.expose()),
            expires_at_ms: None,
        };
        let id = self.store().create_api_token(&new, self.now_ms()).await?;
        let detail = json!({"kind": "legacy", "of": format!("user/{}", owner.user_id)});
        let who = (owner.org_id, by);
        self.record_by(who, AuditAction::TokenCreate, subject(id), detail)
            .await
    }

    async fn refresh_owner(&self, refresh: &str) -> Result<(Claims, Actor)> {
        let claims = self
            .verify(refresh, REFRESH)
            .ok_or_else(|| refused("Token is invalid"))?;
        let owner = self.token_owner(&claims.jti, TokenKind::Refresh).await?;
        match owner {
            Some(actor) => Ok((claims, actor)),
            None => Err(refused("Token is blacklisted")),
        }
    }

    /// The `jti` of the personal access token behind an access token.
    pub(crate) fn refresh_jti(&self, access: &str) -> Option<String> {
        self.verify(access, ACCESS)?.refresh_jti
    }

    async fn token_owner(&self, token: &str, kind: TokenKind) -> Result<Option<Actor>> {
        let owner = self.token_by_hash(&sha256(token), kind).await?;
        if let Some(owner) = &owner {
            self.note_token_use(owner.token_id);
        }
        Ok(owner.map(|owner| owner.actor))
    }

    /// Whose token of this kind has this SHA-256, while it works.
    pub(crate) async fn token_by_hash(
        &self,
        hash: &[u8; 32],
        kind: TokenKind,
    ) -> Result<Option<TokenOwner>> {
        let owner = self
            .store()
            .find_actor_by_token_hash(hash, self.now_ms())
            .await?;
        Ok(owner.filter(|owner| owner.kind == kind))
    }

    /// The token that was revoked, if it was one of the actor's and was not before.
    async fn revoke(&self, actor: &Actor, jti: &str) -> Result<Option<ApiTokenId>> {
        let tokens = self
            .store()
            .list_api_tokens(actor.org_id, actor.user_id, TokenKind::Refresh)
            .await?;
        let Some(token) = tokens.into_iter().find(|token| token.name == jti) else {
            return Ok(None);
        };
        let detail = json!({"for": "rotate"});
        let revoked = self
            .telling(actor, AuditAction::TokenRevoke, subject(token.id), detail)
            .revoke_api_token(actor.org_id, actor.user_id, token.id, self.now_ms())
            .await?;
        Ok(revoked.then_some(token.id))
    }

    /// A token of this type that names a person.
    pub(crate) fn signed_for(
        &self,
        user: UserId,
        token_type: &str,
        seconds: i64,
    ) -> Result<Secret> {
        self.signed(&self.claims(user, token_type, seconds))
    }

    /// The id of the person whom a valid token of this type names.
    pub(crate) fn signed_user(&self, token: &str, token_type: &str) -> Option<String> {
        self.verify(token, token_type).map(|claims| claims.user_id)
    }

    fn claims(&self, user: UserId, token_type: &str, seconds: i64) -> Claims {
        let now = self.now_ms() / 1000;
        Claims {
            token_type: token_type.to_owned(),
            exp: now + seconds,
            iat: now,
            jti: new_jti(),
            user_id: user.to_string(),
            refresh_jti: None,
        }
    }

    fn signed(&self, claims: &Claims) -> Result<Secret> {
        encode(claims, &self.settings().token_key)
    }

    fn verify(&self, token: &str, token_type: &str) -> Option<Claims> {
        verify(token, token_type, &self.settings().token_key, self.now_ms())
    }
}

pub(crate) fn encode(claims: &impl Serialize, key: &Secret) -> Result<Secret> {
    let key = EncodingKey::from_secret(key.expose().as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &key)
        .map(Secret::new)
        .map_err(|error| Error::Internal(format!("signing a token: {error}")))
}

/// The claims of a token that we signed, of this type, and not over by our clock.
fn verify(token: &str, token_type: &str, key: &Secret, now_ms: i64) -> Option<Claims> {
    decode(token, key).filter(|it: &Claims| it.token_type == token_type && it.exp > now_ms / 1000)
}

/// The claims of a token that we signed; of which type, and until when, is for the caller to look at.
pub(crate) fn decode<T: DeserializeOwned>(token: &str, key: &Secret) -> Option<T> {
    let key = DecodingKey::from_secret(key.expose().as_bytes());
    let mut rules = Validation::new(Algorithm::HS256);
    rules.validate_exp = false;
    rules.required_spec_claims.clear();
    Some(jsonwebtoken::decode::<T>(token, &key, &rules).ok()?.claims)
}

/// The `jti` that a token says it has; only for looking among the actor's own.
fn unverified_jti(token: &str) -> Option<String> {
    let whole = match token.matches('.').count() {
        1 => format!("{token}."),
        _ => token.to_owned(),
    };
    let claims = jsonwebtoken::dangerous::insecure_decode_claims::<Claims>(whole).ok()?;
    Some(claims.jti)
}

/// A fixed token must be as hard to guess as a made one.
pub(crate) fn check_fixed_token(token: &Secret) -> Result<()> {
    let text = token.expose();
    if text.len() >= 20 && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(())
    } else {
        Err(Error::field(
            "token",
            "Use at least 20 printable characters without spaces; `openssl rand -hex 20` makes a good one.",
        ))
    }
}

fn subject(id: ApiTokenId) -> String {
    format!("token/{id}")
}

fn new_jti() -> String {
    hex::encode(rand::random::<[u8; 16]>())
}

fn refused(reason: &str) -> Error {
    Error::Unauthenticated {
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod fuzz;
