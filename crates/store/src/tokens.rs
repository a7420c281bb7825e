//! API tokens, kept as hashes.

use model::{Actor, ApiTokenId, OrgId, UserId};

use crate::{Result, Store};

/// What an API token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// `Authorization: Token …`: long-lived.
    Legacy,
    /// A JWT that is exchanged for access tokens.
    Refresh,
}

/// An API token to keep; its text is shown once and never stored.
#[derive(Clone, Debug)]
pub struct NewApiToken<'a> {
    pub org_id: OrgId,
    pub user_id: UserId,
    pub name: &'a str,
    pub kind: TokenKind,
    /// SHA-256 of the token's text.
    pub hash: [u8; 32],
    /// `None` never expires.
    pub expires_at_ms: Option<i64>,
}

/// An API token as listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiToken {
    pub id: ApiTokenId,
    pub name: String,
    pub kind: TokenKind,
    pub created_at_ms: i64,
    pub expires_at_ms: Option<i64>,
}

/// Whose token it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenOwner {
    pub actor: Actor,
    pub token_id: ApiTokenId,
    pub kind: TokenKind,
}

impl Store {
    /// Keeps a token's hash.
    ///
    /// # Errors
    /// `Conflict` when the hash is there already.
    pub async fn create_api_token(
        &self,
        _token: &NewApiToken<'_>,
        _now_ms: i64,
    ) -> Result<ApiTokenId> {
        todo!()
    }

    /// Whose token this is, unless it is revoked or expired. One query: every request asks it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_actor_by_token_hash(
        &self,
        _hash: &[u8; 32],
        _now_ms: i64,
    ) -> Result<Option<TokenOwner>> {
        todo!()
    }

    /// A person's tokens that are not revoked, by id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_api_tokens(
        &self,
        _org: OrgId,
        _user: UserId,
        _kind: TokenKind,
    ) -> Result<Vec<ApiToken>> {
        todo!()
    }

    /// Revokes a token from this instant; `false` when there is no such token.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn revoke_api_token(
        &self,
        _org: OrgId,
        _user: UserId,
        _token: ApiTokenId,
        _now_ms: i64,
    ) -> Result<bool> {
        todo!()
    }
}
