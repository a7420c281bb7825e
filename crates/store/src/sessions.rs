//! Browser sessions, kept as hashes.

use model::{Actor, OrgId, UserId};

use crate::{Result, Store};

impl Store {
    /// Keeps a session; `hash` is the SHA-256 of its cookie. Drops expired ones on the way.
    ///
    /// # Errors
    /// `Conflict` when the hash is there already.
    pub async fn create_session(
        &self,
        _hash: &[u8; 32],
        _user: UserId,
        _org: OrgId,
        _expires_at_ms: i64,
        _now_ms: i64,
    ) -> Result<()> {
        todo!()
    }

    /// Whose session this is, unless it has expired.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_actor_by_session_hash(
        &self,
        _hash: &[u8; 32],
        _now_ms: i64,
    ) -> Result<Option<Actor>> {
        todo!()
    }

    /// Ends a session; `false` when there is none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_session(&self, _hash: &[u8; 32]) -> Result<bool> {
        todo!()
    }
}
