//! Members of an organization: who they are, their roles, and the end of a membership.

use model::{Actor, Permission, Role, User, UserId};
use serde_json::json;
use store::MemberChange;

use crate::{AuditAction, Engine, Error, Result, require};

impl Engine {
    /// The organization's members, by id.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::Store`].
    pub async fn list_members(&self, actor: &Actor) -> Result<Vec<User>> {
        require(actor, Permission::ManageOrganization)?;
        Ok(self.store().list_users(actor.org_id).await?)
    }

    /// Gives a member another role; it holds from their next request.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for another organization's; [`Error::Conflict`] when the
    /// organization would have no owner.
    pub async fn change_role(&self, actor: &Actor, id: UserId, role: Role) -> Result<User> {
        require(actor, Permission::ManageOrganization)?;
        let before = self.get_user(actor, id).await?;
        let changed = self.store().set_role(actor.org_id, id, role).await?;
        settle(changed, id)?;
        let detail =
            json!({"email": before.email, "from": before.role.as_str(), "to": role.as_str()});
        self.record(actor, AuditAction::MemberRole, format!("user/{id}"), detail)
            .await?;
        self.get_user(actor, id).await
    }

    /// Ends a membership: the person's sessions and API tokens end with it. What they labeled stays.
    ///
    /// # Errors
    /// As [`Engine::change_role`].
    pub async fn remove_member(&self, actor: &Actor, id: UserId) -> Result<()> {
        require(actor, Permission::ManageOrganization)?;
        let member = self.get_user(actor, id).await?;
        let removed = self.store().remove_member(actor.org_id, id).await?;
        settle(removed, id)?;
        let detail = json!({"email": member.email, "role": member.role.as_str()});
        self.record(
            actor,
            AuditAction::MemberRemove,
            format!("user/{id}"),
            detail,
        )
        .await
    }
}

fn settle(change: MemberChange, id: UserId) -> Result<()> {
    match change {
        MemberChange::Done => Ok(()),
        MemberChange::NoMember => Err(Error::not_found("user", id)),
        MemberChange::LastOwner => Err(Error::Conflict {
            message: "This is the organization's only owner. Make another member an owner first."
                .to_owned(),
        }),
    }
}
