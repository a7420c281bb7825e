//! API tokens, kept as hashes.

use model::{Actor, ApiTokenId, OrgId, Role, UserId};

use crate::{
    Error, Result, Store,
    db::{Row, sql},
};

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
    /// To the minute.
    pub last_used_at_ms: Option<i64>,
}

/// Whose token it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenOwner {
    pub actor: Actor,
    pub token_id: ApiTokenId,
    pub kind: TokenKind,
}

impl TokenKind {
    /// As stored: `legacy`, `refresh`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Legacy => "legacy",
            Self::Refresh => "refresh",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Legacy, Self::Refresh]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }
}

impl Store {
    /// Keeps a token's hash.
    ///
    /// # Errors
    /// `Conflict` when the hash is there already.
    pub async fn create_api_token(
        &self,
        token: &NewApiToken<'_>,
        now_ms: i64,
    ) -> Result<ApiTokenId> {
        let rows = self
            .db
            .write(
                sql("INSERT INTO api_tokens (org_id, user_id, name, kind, hash, created_at_ms, expires_at_ms)
                     VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id")
                .bind(token.org_id)
                .bind(token.user_id)
                .bind(token.name)
                .bind(token.kind.as_str())
                .bind(&token.hash)
                .bind(now_ms)
                .bind(token.expires_at_ms),
            )
            .await?;
        let row = rows
            .first()
            .ok_or_else(|| Error::new("a token was not inserted"))?;
        Ok(ApiTokenId(row.get("id")?))
    }

    /// Whose token this is, unless it is revoked or expired. One query: every request asks it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_actor_by_token_hash(
        &self,
        hash: &[u8; 32],
        now_ms: i64,
    ) -> Result<Option<TokenOwner>> {
        let row = self
            .db
            .read_one(
                sql(
                    "SELECT t.id, t.kind, t.org_id, t.user_id, m.role FROM api_tokens t
                     JOIN memberships m ON m.org_id = t.org_id AND m.user_id = t.user_id
                     WHERE t.hash = $1 AND t.revoked_at_ms IS NULL
                     AND (t.expires_at_ms IS NULL OR t.expires_at_ms > $2)",
                )
                .bind(hash)
                .bind(now_ms),
            )
            .await?;
        row.map(|row| {
            Ok(TokenOwner {
                actor: actor_of(&row)?,
                token_id: ApiTokenId(row.get("id")?),
                kind: row.word("kind", TokenKind::parse)?,
            })
        })
        .transpose()
    }

    /// A person's tokens that are not revoked, by id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_api_tokens(
        &self,
        org: OrgId,
        user: UserId,
        kind: TokenKind,
    ) -> Result<Vec<ApiToken>> {
        let rows = self
            .db
            .read(
                sql(
                    "SELECT id, name, kind, created_at_ms, expires_at_ms, last_used_at_ms FROM api_tokens
                     WHERE org_id = $1 AND user_id = $2 AND kind = $3 AND revoked_at_ms IS NULL
                     ORDER BY id",
                )
                .bind(org)
                .bind(user)
                .bind(kind.as_str()),
            )
            .await?;
        rows.iter()
            .map(|row| {
                Ok(ApiToken {
                    id: ApiTokenId(row.get("id")?),
                    name: row.get("name")?,
                    kind: row.word("kind", TokenKind::parse)?,
                    created_at_ms: row.get("created_at_ms")?,
                    expires_at_ms: row.get("expires_at_ms")?,
                    last_used_at_ms: row.get("last_used_at_ms")?,
                })
            })
            .collect()
    }

    /// Notes when tokens were last used.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn note_token_uses(&self, uses: &[(ApiTokenId, i64)]) -> Result<()> {
        let mut tx = self.db.begin().await?;
        for (token, at_ms) in uses {
            tx.execute(
                sql("UPDATE api_tokens SET last_used_at_ms = $2
                     WHERE id = $1 AND COALESCE(last_used_at_ms, 0) < $2")
                .bind(*token)
                .bind(*at_ms),
            )
            .await?;
        }
        tx.commit().await
    }

    /// Revokes a token from this instant; `false` when there is no such token.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn revoke_api_token(
        &self,
        org: OrgId,
        user: UserId,
        token: ApiTokenId,
        now_ms: i64,
    ) -> Result<bool> {
        let revoked = self
            .db
            .execute(
                sql("UPDATE api_tokens SET revoked_at_ms = $4
                     WHERE org_id = $1 AND user_id = $2 AND id = $3 AND revoked_at_ms IS NULL")
                .bind(org)
                .bind(user)
                .bind(token)
                .bind(now_ms),
            )
            .await?;
        Ok(revoked > 0)
    }
}

/// The actor of a row with `org_id`, `user_id` and `role`.
pub(crate) fn actor_of(row: &Row) -> Result<Actor> {
    Ok(Actor {
        org_id: OrgId(row.get("org_id")?),
        user_id: UserId(row.get("user_id")?),
        role: row.word("role", Role::parse)?,
    })
}
