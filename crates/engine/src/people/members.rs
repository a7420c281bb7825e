//! Members of an organization: who they are, their roles, and the end of a membership.

use model::{Actor, Permission, Role, User, UserId};
use serde_json::json;
use store::MemberChange;

use crate::{AuditAction, Engine, Error, Result, audit::By, require};

impl Engine {
    /// The organization's members, by id.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::Store`].
    pub async fn list_members(&self, actor: &Actor) -> Result<Vec<User>> {
        require(actor, Permission::ManageOrganization)?;
        Ok(self.store().list_users(actor.org_id).await?)
    }

    /// Gives a member another role; it holds from their next request. Who is no owner any more has
    /// no open invitations either.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for another organization's; [`Error::Conflict`] when the
    /// organization would have no owner.
    pub async fn change_role(&self, actor: &Actor, id: UserId, role: Role) -> Result<User> {
        require(actor, Permission::ManageOrganization)?;
        let before = self.get_user(actor, id).await?;
        let changed = self.store().set_role(actor.org_id, id, role, self.now_ms());
        settle(changed.await?, id)?;
        let detail =
            json!({"email": before.email, "from": before.role.as_str(), "to": role.as_str()});
        self.record(actor, AuditAction::MemberRole, format!("user/{id}"), detail)
            .await?;
        self.get_user(actor, id).await
    }

    /// Ends a membership: the person's sessions, API tokens and open invitations end with it. What
    /// they labeled stays.
    ///
    /// # Errors
    /// As [`Engine::change_role`].
    pub async fn remove_member(&self, actor: &Actor, id: UserId) -> Result<()> {
        require(actor, Permission::ManageOrganization)?;
        let member = self.get_user(actor, id).await?;
        let removed = self.store().remove_member(actor.org_id, id, self.now_ms());
        settle(removed.await?, id)?;
        let detail = json!({"email": member.email, "role": member.role.as_str()});
        self.record(
            actor,
            AuditAction::MemberRemove,
            format!("user/{id}"),
            detail,
        )
        .await
    }

    /// Makes an e-mail free, whosever it is: its account goes on under another, which is answered.
    /// The operator's command, for an address that one organization took before its person was
    /// invited to another.
    ///
    /// # Errors
    /// [`Error::NotFound`] when nobody has it.
    pub async fn release_email(&self, operator: &Actor, email: &str) -> Result<String> {
        require(operator, Permission::ManageOrganization)?;
        let email = email.trim().to_lowercase();
        let number: u32 = rand::random();
        let other = format!("released-{number:08x}@longshore.invalid");
        let released = self.store().release_email(&email, &other, self.now_ms());
        let Some((user, orgs)) = released.await? else {
            return Err(Error::not_found("user", email));
        };
        let subject = format!("user/{user}");
        let detail = json!({"from": email, "to": other, "with": "command"});
        for org in orgs.into_iter().filter(|org| *org != operator.org_id) {
            let (who, action) = ((org, By::Operator), AuditAction::MemberRelease);
            self.record_by(who, action, subject.clone(), detail.clone())
                .await?;
        }
        self.record(operator, AuditAction::MemberRelease, subject, detail)
            .await?;
        Ok(other)
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
