//! Who has shown that a tenant wants a link, and what the organizations of one tenant learn of each
//! other: the owners of every organization that has linked a tenant are told when another one does.

use model::{Actor, OrgId, Permission};
use serde_json::{Value, json};
use store::{AzureLink, LinkOfTenant, LinkProof, NewAzureLink};

use crate::{AuditAction, Engine, Error, Result, audit::By, require};

/// Another organization's link to a tenant that the caller's organization has linked too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherLink {
    pub tenant_id: String,
    /// Which one and who signed in; only told to an organization whose own link is proven.
    pub who: Option<OtherOrganization>,
    pub created_at_ms: i64,
    pub proof: Option<LinkProof>,
    /// The caller's organization may agree on it, or take its agreement back.
    pub may_agree: bool,
}

/// What must be known of an organization to decide about its link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherOrganization {
    pub id: OrgId,
    pub name: String,
    /// Who signed in at Entra ID; `None` when the operator linked it.
    pub entra_username: Option<String>,
}

impl OtherLink {
    fn of(own: Option<LinkProof>, tenant_id: &str, link: LinkOfTenant) -> Self {
        let is_open = matches!(link.proof, None | Some(LinkProof::Agreed));
        Self {
            tenant_id: tenant_id.to_owned(),
            created_at_ms: link.created_at_ms,
            proof: link.proof,
            may_agree: own.is_some_and(LinkProof::may_agree) && is_open,
            who: own.is_some().then_some(OtherOrganization {
                id: link.org_id,
                name: link.org_name,
                entra_username: link.entra_username,
            }),
        }
    }
}

impl Engine {
    /// Creates a link, and tells the owners of every organization that has linked the tenant.
    ///
    /// # Errors
    /// A conflict of [`Error::Store`] when the organization has linked it already.
    pub(crate) async fn make_link(
        &self,
        actor: &Actor,
        link: &NewAzureLink<'_>,
    ) -> Result<AzureLink> {
        let made = self
            .store()
            .create_azure_link(actor.org_id, link, self.now_ms())
            .await?;
        self.unwatch_link(actor.org_id, &made.tenant_id);
        let detail = json!({
            "tenant_domain": made.tenant_domain,
            "entra_username": made.entra_username,
            "principal_object_id": made.principal_object_id,
            "proof": made.proof.map(LinkProof::as_str),
        });
        self.record(
            actor,
            AuditAction::LinkConnect,
            subject(&made.tenant_id),
            detail,
        )
        .await?;
        self.tell_others(actor.org_id, &made.tenant_id).await?;
        Ok(made)
    }

    /// An administrator has signed in for a link that is there already.
    pub(crate) async fn prove_link(&self, actor: &Actor, link: &NewAzureLink<'_>) -> Result<()> {
        let prove =
            self.store()
                .prove_azure_link(actor.org_id, link.tenant_id, link.entra_username);
        if prove.await? {
            let detail = json!({"by": "administrator", "entra_username": link.entra_username});
            self.record(
                actor,
                AuditAction::LinkProve,
                subject(link.tenant_id),
                detail,
            )
            .await?;
            self.tell_others(actor.org_id, link.tenant_id).await?;
        }
        Ok(())
    }

    /// The other organizations' links to the tenants of these links that are in use.
    pub(crate) async fn other_links(&self, own: &[AzureLink]) -> Result<Vec<OtherLink>> {
        let mut others = Vec::new();
        for link in own.iter().filter(|link| link.unlinked_at_ms.is_none()) {
            let linked = self.store().links_to_tenant(&link.tenant_id).await?;
            let foreign = linked.into_iter().filter(|of| of.org_id != link.org_id);
            others.extend(foreign.map(|of| OtherLink::of(link.proof, &link.tenant_id, of)));
        }
        Ok(others)
    }

    /// Agrees, for an organization that holds the tenant, that another one which has linked it may
    /// claim containers on which nobody is; or takes that back. What is so already changes nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`] when either has not linked the tenant; [`Error::Conflict`] when the
    /// caller's organization does not hold it, or the other's link is proven without it.
    pub async fn agree_on_link(
        &self,
        actor: &Actor,
        tenant_id: &str,
        other: OrgId,
        agreed: bool,
    ) -> Result<()> {
        require(actor, Permission::ManageOrganization)?;
        let own = self.get_azure_link(actor, tenant_id).await?;
        if !own.proof.is_some_and(LinkProof::may_agree) {
            return Err(Error::Conflict {
                message: format!(
                    "Your organization does not hold the tenant {tenant_id}, so it cannot agree for it. Its administrator signs in first: Settings, Integrations, Connect to Azure."
                ),
            });
        }
        let linked = self.store().links_to_tenant(&own.tenant_id).await?;
        let name_of = |org: OrgId| linked.iter().find(|link| link.org_id == org);
        let theirs = name_of(other).filter(|link| link.org_id != actor.org_id);
        let change = self
            .store()
            .agree_on_link(actor.org_id, &own.tenant_id, other, agreed);
        let is_changed = change.await?;
        let theirs = match (theirs, agreed) {
            (Some(theirs), _) if is_changed => theirs,
            (_, false) => return Ok(()),
            (None, true) => return Err(Error::not_found("organization", other)),
            (Some(theirs), true) if theirs.proof == Some(LinkProof::Agreed) => return Ok(()),
            (Some(theirs), true) => {
                return Err(Error::Conflict {
                    message: format!(
                        "The link of {} needs no agreement of yours: it is proven otherwise.",
                        theirs.org_name
                    ),
                });
            }
        };
        let action = match agreed {
            true => AuditAction::LinkAgree,
            false => AuditAction::LinkDisagree,
        };
        let ours = name_of(actor.org_id).map(|link| link.org_name.as_str());
        self.tell(other, action, &own.tenant_id, json!({"by": ours}))
            .await?;
        let detail = json!({"organization": theirs.org_name});
        self.record(actor, action, subject(&own.tenant_id), detail)
            .await
    }

    /// Tells every other organization of the tenant of this one's link, as much as it may know.
    async fn tell_others(&self, org: OrgId, tenant_id: &str) -> Result<()> {
        let linked = self.store().links_to_tenant(tenant_id).await?;
        let Some(made) = linked.iter().find(|link| link.org_id == org) else {
            return Ok(());
        };
        for told in linked.iter().filter(|link| link.org_id != org) {
            let other = OtherLink::of(told.proof, tenant_id, made.clone());
            let who = other.who.as_ref();
            let detail = json!({
                "organization": who.map(|who| &who.name),
                "entra_username": who.and_then(|who| who.entra_username.as_ref()),
                "proof": made.proof.map(LinkProof::as_str),
            });
            self.tell(told.org_id, AuditAction::LinkOther, tenant_id, detail)
                .await?;
        }
        Ok(())
    }

    async fn tell(
        &self,
        org: OrgId,
        action: AuditAction,
        tenant_id: &str,
        detail: Value,
    ) -> Result<()> {
        self.record_by((org, By::Longshore), action, subject(tenant_id), detail)
            .await
    }
}

fn subject(tenant_id: &str) -> String {
    format!("tenant/{tenant_id}")
}
