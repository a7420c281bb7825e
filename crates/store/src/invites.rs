//! Invitations: a link that makes one person a member, once, while its maker may invite.

use model::{InviteId, OrgId, Permission, Role, User, UserId};

use crate::{
    NewUser, Result, Store,
    accounts::{add_membership, insert_user},
    db::{Row, Tx, sql},
};

/// Invitations with their makers, of those who are still members.
macro_rules! invites {
    ($rest:literal) => {
        concat!(
            "SELECT i.*, u.email AS maker_email, m.role AS maker_role FROM invites i
             JOIN memberships m ON m.org_id = i.org_id AND m.user_id = i.created_by
             JOIN users u ON u.id = i.created_by ",
            $rest
        )
    };
}

/// An invitation to keep; its link's secret is shown once and never stored.
#[derive(Clone, Debug)]
pub struct NewInvite<'a> {
    pub org_id: OrgId,
    pub email: &'a str,
    pub role: Role,
    /// SHA-256 of the link's secret.
    pub hash: [u8; 32],
    pub created_by: UserId,
    pub expires_at_ms: i64,
}

/// An invitation that can still be accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invite {
    pub id: InviteId,
    pub org_id: OrgId,
    pub email: String,
    pub role: Role,
    pub created_by: UserId,
    /// Its maker's.
    pub created_by_email: String,
    pub created_at_ms: i64,
    pub expires_at_ms: i64,
}

/// What the invited person says of themselves.
#[derive(Clone, Debug)]
pub struct Acceptance<'a> {
    /// PHC string.
    pub password_hash: &'a str,
    pub first_name: &'a str,
    pub last_name: &'a str,
}

impl Store {
    /// Keeps an invitation; `None` when its maker may not invite (any more).
    ///
    /// # Errors
    /// When the database fails.
    pub async fn create_invite(
        &self,
        invite: &NewInvite<'_>,
        now_ms: i64,
    ) -> Result<Option<Invite>> {
        let mut tx = self.db.begin().await?;
        let insert = sql("INSERT INTO invites (org_id, email, role, hash, created_by, created_at_ms, expires_at_ms)
             VALUES ($1, $2, $3, $4, $5, $6, $7)")
        .bind(invite.org_id)
        .bind(invite.email.to_lowercase())
        .bind(invite.role.as_str())
        .bind(&invite.hash)
        .bind(invite.created_by)
        .bind(now_ms)
        .bind(invite.expires_at_ms);
        tx.execute(insert).await?;
        let made = open_invite(&mut tx, &invite.hash, now_ms).await?;
        if made.is_some() {
            tx.commit().await?;
        }
        Ok(made)
    }

    /// The organization's invitations that can still be accepted, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_invites(&self, org: OrgId, now_ms: i64) -> Result<Vec<Invite>> {
        let query = sql(invites!(
            "WHERE i.org_id = $1 AND i.expires_at_ms > $2
             AND i.accepted_at_ms IS NULL AND i.revoked_at_ms IS NULL ORDER BY i.id DESC"
        ));
        let rows = self.db.read(query.bind(org).bind(now_ms)).await?;
        let invites = rows.iter().map(invite_of);
        invites.filter_map(Result::transpose).collect()
    }

    /// The invitation behind a link, while it can be accepted.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_invite(&self, hash: &[u8; 32], now_ms: i64) -> Result<Option<Invite>> {
        let query = sql(OPEN).bind(hash).bind(now_ms);
        let row = self.db.read_one(query).await?;
        Ok(row.as_ref().map(invite_of).transpose()?.flatten())
    }

    /// Takes an invitation back; `false` when there is none that can still be accepted.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn revoke_invite(&self, org: OrgId, invite: InviteId, now_ms: i64) -> Result<bool> {
        let update = sql("UPDATE invites SET revoked_at_ms = $3 WHERE org_id = $1 AND id = $2
                          AND accepted_at_ms IS NULL AND revoked_at_ms IS NULL AND expires_at_ms > $3");
        let revoked = self
            .db
            .execute(update.bind(org).bind(invite).bind(now_ms))
            .await?;
        Ok(revoked > 0)
    }

    /// Makes the invited person a member and ends the invitation, in one transaction: of two
    /// calls at once, one wins. A person who was removed from every organization comes back under
    /// their old id. `None` when the invitation is used, revoked or over, or its maker may not
    /// invite any more.
    ///
    /// # Errors
    /// `Conflict` when the e-mail belongs to a member of any organization.
    pub async fn accept_invite(
        &self,
        hash: &[u8; 32],
        person: &Acceptance<'_>,
        now_ms: i64,
    ) -> Result<Option<User>> {
        let mut tx = self.db.begin().await?;
        let Some(invite) = open_invite(&mut tx, hash, now_ms).await? else {
            return Ok(None);
        };
        // Of two at once, the second waits here and finds it used. When its maker's rights ended
        // meanwhile, it is revoked.
        let taken = tx
            .execute(
                sql("UPDATE invites SET accepted_at_ms = $2 WHERE id = $1
                     AND accepted_at_ms IS NULL AND revoked_at_ms IS NULL")
                .bind(invite.id)
                .bind(now_ms),
            )
            .await?;
        if taken == 0 {
            return Ok(None);
        }
        let new = NewUser {
            email: &invite.email,
            password_hash: person.password_hash,
            first_name: person.first_name,
            last_name: person.last_name,
            role: invite.role,
        };
        let known = tx
            .row(
                sql("UPDATE users SET password_hash = $2, first_name = $3, last_name = $4 WHERE email = $1
                     AND NOT EXISTS (SELECT 1 FROM memberships WHERE user_id = users.id)
                     RETURNING id, created_at_ms")
                .bind(invite.email.as_str())
                .bind(new.password_hash)
                .bind(new.first_name)
                .bind(new.last_name),
            )
            .await?;
        let user = match known {
            None => insert_user(&mut tx, invite.org_id, &new, now_ms).await?,
            Some(row) => {
                let id = UserId(row.get("id")?);
                add_membership(&mut tx, invite.org_id, id, invite.role, now_ms).await?;
                User {
                    id,
                    org_id: invite.org_id,
                    email: invite.email.clone(),
                    first_name: new.first_name.to_owned(),
                    last_name: new.last_name.to_owned(),
                    role: invite.role,
                    created_at_ms: row.get("created_at_ms")?,
                }
            }
        };
        tx.commit().await?;
        Ok(Some(user))
    }
}

const OPEN: &str = invites!(
    "WHERE i.hash = $1 AND i.expires_at_ms > $2
     AND i.accepted_at_ms IS NULL AND i.revoked_at_ms IS NULL"
);

async fn open_invite(tx: &mut Tx, hash: &[u8; 32], now_ms: i64) -> Result<Option<Invite>> {
    let row = tx.row(sql(OPEN).bind(hash).bind(now_ms)).await?;
    Ok(row.as_ref().map(invite_of).transpose()?.flatten())
}

/// `None` when its maker may not invite any more.
fn invite_of(row: &Row) -> Result<Option<Invite>> {
    let maker = row.word("maker_role", Role::parse)?;
    if !maker.may(Permission::ManageOrganization) {
        return Ok(None);
    }
    Ok(Some(Invite {
        id: InviteId(row.get("id")?),
        org_id: OrgId(row.get("org_id")?),
        email: row.get("email")?,
        role: row.word("role", Role::parse)?,
        created_by: UserId(row.get("created_by")?),
        created_by_email: row.get("maker_email")?,
        created_at_ms: row.get("created_at_ms")?,
        expires_at_ms: row.get("expires_at_ms")?,
    }))
}
