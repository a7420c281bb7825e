//! Members who sign in with Entra ID, and the browsers on their way there.

use model::{OrgId, User, UserId};

use crate::{ConnectState, Result, Store, db::sql};

/// A person at Entra ID: only tenant and object id identify them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntraIdentity {
    pub tenant_id: String,
    pub object_id: String,
    /// For showing only.
    pub username: Option<String>,
}

/// Why a browser was sent to Entra ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntraPurpose {
    /// Nobody yet: to sign in.
    SignIn,
    /// This member, to sign in with Entra ID from now on.
    Connect(OrgId, UserId),
}

impl Store {
    /// Keeps a state that may come back once. Drops expired ones on the way.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn begin_entra_sign_in(
        &self,
        state: &ConnectState<'_>,
        purpose: EntraPurpose,
        now_ms: i64,
    ) -> Result<()> {
        let (org, user) = match purpose {
            EntraPurpose::SignIn => (None, None),
            EntraPurpose::Connect(org, user) => (Some(org), Some(user)),
        };
        let mut tx = self.db.begin().await?;
        tx.execute(sql("DELETE FROM entra_sign_ins WHERE expires_at_ms <= $1").bind(now_ms))
            .await?;
        tx.execute(
            sql(
                "INSERT INTO entra_sign_ins (state_hash, browser_hash, org_id, user_id, expires_at_ms)
                 VALUES ($1, $2, $3, $4, $5)",
            )
            .bind(state.state_hash)
            .bind(state.session_hash)
            .bind(org)
            .bind(user)
            .bind(state.expires_at_ms),
        )
        .await?;
        tx.commit().await
    }

    /// Takes a state that came back, once: of this browser, in time.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn take_entra_sign_in(
        &self,
        state: &ConnectState<'_>,
    ) -> Result<Option<EntraPurpose>> {
        let take = sql(
            "DELETE FROM entra_sign_ins WHERE state_hash = $1 AND browser_hash = $2
             AND expires_at_ms > $3 RETURNING org_id, user_id",
        )
        .bind(state.state_hash)
        .bind(state.session_hash)
        .bind(state.expires_at_ms);
        let rows = self.db.write(take).await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        let (org, user) = (row.get("org_id")?, row.get("user_id")?);
        Ok(Some(match (org, user) {
            (Some(org), Some(user)) => EntraPurpose::Connect(OrgId(org), UserId(user)),
            _ => EntraPurpose::SignIn,
        }))
    }

    /// From now on this identity signs this member in, instead of what did before.
    ///
    /// # Errors
    /// `Conflict` when it signs another member in.
    pub async fn set_entra_identity(
        &self,
        org: OrgId,
        user: UserId,
        identity: &EntraIdentity,
        now_ms: i64,
    ) -> Result<()> {
        let set = sql(
            "INSERT INTO entra_identities (org_id, user_id, tenant_id, object_id, username, created_at_ms)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (org_id, user_id) DO UPDATE SET tenant_id = excluded.tenant_id,
             object_id = excluded.object_id, username = excluded.username,
             created_at_ms = excluded.created_at_ms",
        )
        .bind(org)
        .bind(user)
        .bind(identity.tenant_id.as_str())
        .bind(identity.object_id.as_str())
        .bind(identity.username.as_deref())
        .bind(now_ms);
        self.db.execute(set).await.map(drop)
    }

    /// What signs this member in.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_entra_identity(
        &self,
        org: OrgId,
        user: UserId,
    ) -> Result<Option<EntraIdentity>> {
        let query = sql("SELECT tenant_id, object_id, username FROM entra_identities
             WHERE org_id = $1 AND user_id = $2")
        .bind(org)
        .bind(user);
        let row = self.db.read_one(query).await?;
        row.map(|row| {
            Ok(EntraIdentity {
                tenant_id: row.get("tenant_id")?,
                object_id: row.get("object_id")?,
                username: row.get("username")?,
            })
        })
        .transpose()
    }

    /// The member whom this identity signs in.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_entra_member(
        &self,
        tenant_id: &str,
        object_id: &str,
    ) -> Result<Option<User>> {
        let query = sql("SELECT org_id, user_id FROM entra_identities
             WHERE tenant_id = $1 AND object_id = $2")
        .bind(tenant_id)
        .bind(object_id);
        match self.db.read_one(query).await? {
            Some(row) => {
                let (org, user) = (OrgId(row.get("org_id")?), UserId(row.get("user_id")?));
                self.find_user(org, user).await
            }
            None => Ok(None),
        }
    }

    /// Nothing at Entra ID signs this member in any more; `false` when nothing did.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remove_entra_identity(&self, org: OrgId, user: UserId) -> Result<bool> {
        let delete = sql("DELETE FROM entra_identities WHERE org_id = $1 AND user_id = $2");
        Ok(self.db.execute(delete.bind(org).bind(user)).await? > 0)
    }
}
