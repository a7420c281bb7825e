//! Changing and ending memberships. An organization always keeps an owner.

use model::{OrgId, Role, UserId};

use crate::{
    Result, Store,
    db::{Tx, sql, sql_of_each},
};

/// What became of a change of a membership.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberChange {
    Done,
    /// The organization has no such member.
    NoMember,
    /// It would leave the organization without an owner.
    LastOwner,
}

impl Store {
    /// Gives a member another role, from this instant.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_role(&self, org: OrgId, user: UserId, role: Role) -> Result<MemberChange> {
        let mut tx = self.db.begin().await?;
        if role != Role::Owner
            && let Some(refused) = refusal(&mut tx, org, user).await?
        {
            return Ok(refused);
        }
        let changed = tx
            .execute(
                sql("UPDATE memberships SET role = $3 WHERE org_id = $1 AND user_id = $2")
                    .bind(org)
                    .bind(user)
                    .bind(role.as_str()),
            )
            .await?;
        tx.commit().await?;
        Ok(done(changed))
    }

    /// Ends a membership, and with it the person's sessions and API tokens in the organization.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remove_member(&self, org: OrgId, user: UserId) -> Result<MemberChange> {
        let mut tx = self.db.begin().await?;
        if let Some(refused) = refusal(&mut tx, org, user).await? {
            return Ok(refused);
        }
        let delete = sql("DELETE FROM memberships WHERE org_id = $1 AND user_id = $2");
        let removed = tx.execute(delete.bind(org).bind(user)).await?;
        tx.commit().await?;
        Ok(done(removed))
    }

    /// Ends every session of a member and revokes every personal access token.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end_sessions(&self, org: OrgId, user: UserId, now_ms: i64) -> Result<()> {
        let mut tx = self.db.begin().await?;
        let sessions = sql("DELETE FROM sessions WHERE org_id = $1 AND user_id = $2");
        tx.execute(sessions.bind(org).bind(user)).await?;
        tx.execute(
            sql(
                "UPDATE api_tokens SET revoked_at_ms = $3 WHERE org_id = $1 AND user_id = $2
                 AND kind = 'refresh' AND revoked_at_ms IS NULL",
            )
            .bind(org)
            .bind(user)
            .bind(now_ms),
        )
        .await?;
        tx.commit().await
    }
}

/// Why this member may not stop being an owner. The owners' rows stay locked, so that two owners
/// who demote each other at once do not both succeed.
async fn refusal(tx: &mut Tx, org: OrgId, user: UserId) -> Result<Option<MemberChange>> {
    let owners = tx
        .rows(
            sql_of_each(
                "SELECT user_id FROM memberships WHERE org_id = $1 AND role = 'owner'",
                "SELECT user_id FROM memberships WHERE org_id = $1 AND role = 'owner' ORDER BY user_id FOR UPDATE",
            )
            .bind(org),
        )
        .await?;
    match owners.as_slice() {
        [only] if only.get::<i64>("user_id")? == user.0 => Ok(Some(MemberChange::LastOwner)),
        _ => Ok(None),
    }
}

fn done(rows: u64) -> MemberChange {
    if rows > 0 {
        MemberChange::Done
    } else {
        MemberChange::NoMember
    }
}
