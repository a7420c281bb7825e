//! Changing and ending memberships. An organization always keeps an owner.
//!
//! What somebody began with rights that they lose ends in the same transaction: the invitations they
//! made, and their way to an Azure link. Sessions, tokens, drafts and identities are rows of the
//! membership, and go with it.

use model::{OrgId, Permission, Role, UserId};

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
    /// Gives a member another role, from this instant. Without the right to invite, the
    /// invitations that they made are over.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_role(
        &self,
        org: OrgId,
        user: UserId,
        role: Role,
        now_ms: i64,
    ) -> Result<MemberChange> {
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
        if !role.may(Permission::ManageOrganization) {
            end_what_they_began(&mut tx, org, user, now_ms).await?;
        }
        tx.commit().await?;
        Ok(done(changed))
    }

    /// Ends a membership, and with it the person's sessions and API tokens in the organization,
    /// and the invitations that they made.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remove_member(
        &self,
        org: OrgId,
        user: UserId,
        now_ms: i64,
    ) -> Result<MemberChange> {
        let mut tx = self.db.begin().await?;
        if let Some(refused) = refusal(&mut tx, org, user).await? {
            return Ok(refused);
        }
        let delete = sql("DELETE FROM memberships WHERE org_id = $1 AND user_id = $2");
        let removed = tx.execute(delete.bind(org).bind(user)).await?;
        end_what_they_began(&mut tx, org, user, now_ms).await?;
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

/// Somebody may not manage the organization any more.
async fn end_what_they_began(tx: &mut Tx, org: OrgId, user: UserId, now_ms: i64) -> Result<()> {
    let connect = sql("DELETE FROM azure_connects WHERE org_id = $1 AND user_id = $2");
    tx.execute(connect.bind(org).bind(user)).await?;
    let invites = sql(
        "UPDATE invites SET revoked_at_ms = $3 WHERE org_id = $1 AND created_by = $2
         AND accepted_at_ms IS NULL AND revoked_at_ms IS NULL",
    );
    tx.execute(invites.bind(org).bind(user).bind(now_ms))
        .await
        .map(drop)
}

fn done(rows: u64) -> MemberChange {
    if rows > 0 {
        MemberChange::Done
    } else {
        MemberChange::NoMember
    }
}
