//! Browser sessions, kept as hashes.

use model::{Actor, OrgId, UserId};

use crate::{Result, Store, db::sql, tokens::actor_of};

impl Store {
    /// Keeps a session; `hash` is the SHA-256 of its cookie. Drops expired ones on the way.
    ///
    /// # Errors
    /// `Conflict` when the hash is there already.
    pub async fn create_session(
        &self,
        hash: &[u8; 32],
        user: UserId,
        org: OrgId,
        expires_at_ms: i64,
        now_ms: i64,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        tx.execute(sql("DELETE FROM sessions WHERE expires_at_ms <= $1").bind(now_ms))
            .await?;
        tx.execute(
            sql(
                "INSERT INTO sessions (hash, org_id, user_id, created_at_ms, expires_at_ms)
                 VALUES ($1, $2, $3, $4, $5)",
            )
            .bind(hash)
            .bind(org)
            .bind(user)
            .bind(now_ms)
            .bind(expires_at_ms),
        )
        .await?;
        tx.commit().await
    }

    /// Whose session this is, unless it has expired.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_actor_by_session_hash(
        &self,
        hash: &[u8; 32],
        now_ms: i64,
    ) -> Result<Option<Actor>> {
        let row = self
            .db
            .read_one(
                sql("SELECT s.org_id, s.user_id, m.role FROM sessions s
                     JOIN memberships m ON m.org_id = s.org_id AND m.user_id = s.user_id
                     WHERE s.hash = $1 AND s.expires_at_ms > $2")
                .bind(hash)
                .bind(now_ms),
            )
            .await?;
        row.as_ref().map(actor_of).transpose()
    }

    /// Ends a session; `false` when there is none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_session(&self, hash: &[u8; 32]) -> Result<bool> {
        let query = sql("DELETE FROM sessions WHERE hash = $1").bind(hash);
        Ok(self.db.execute(query).await? > 0)
    }
}
