//! Container claims: one service principal serves every organization that links a tenant, so what
//! it may read says nothing about who may see it. Whoever comes second to a container proves
//! control of it once, by a blob of a name that only this organization is told.

use azure::ErrorKind;
use model::{AccountName, Actor, BlobName, ContainerName, Credential, OrgId, Permission};
use store::ClaimedContainer;
use uuid::Uuid;

use crate::{
    AuditAction, Engine, Error, Fix, Problem, Result, Who, connection::no_link, explain::Doing,
    require,
};

/// The beginning of the markers' names; a sync leaves such blobs out.
pub(crate) const CLAIM_BLOB: &str = ".longshore-claim-";

/// Where an organization stands on a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Its link may be used there.
    Held,
    /// Another organization was there first: write the marker, then ask again.
    Asked {
        /// Name of the blob to write.
        marker: String,
        /// The command that writes it.
        command: String,
    },
}

impl Engine {
    /// Where the organization stands on a container; looks for the marker when it needs one.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the tenant is not linked, or the account is of another one;
    /// [`Error::Azure`] when the container cannot be looked at.
    pub async fn claim_container(
        &self,
        actor: &Actor,
        tenant_id: &str,
        account: &AccountName,
        container: &ContainerName,
    ) -> Result<Claim> {
        require(actor, Permission::ManageOrganization)?;
        let credential = self
            .link_for(actor.org_id, tenant_id, account, container)
            .await?;
        let claim = self
            .standing(actor.org_id, tenant_id, account, container)
            .await?;
        let Claim::Asked { marker, .. } = &claim else {
            return Ok(claim);
        };
        let blob = BlobName::parse(marker.as_str())
            .map_err(|error| Error::Internal(format!("the name of a marker: {error}")))?;
        let client = self.azure().container(&credential, account, container);
        match client.head(&blob).await {
            Ok(_) => {
                let at = claimed(tenant_id, account, container);
                self.store().prove_container(actor.org_id, at).await?;
                let subject = format!("container/{account}/{container}");
                self.record(
                    actor,
                    AuditAction::LinkClaim,
                    subject,
                    serde_json::json!({"marker": marker}),
                )
                .await?;
                Ok(Claim::Held)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(claim),
            Err(error) => {
                let place = (account, container);
                let problem =
                    self.explain_azure(&error, place, &credential, Some(&blob), Doing::Read);
                Err(problem.into())
            }
        }
    }

    /// The credential of the organization's link to this tenant, for an account of this tenant.
    pub(crate) async fn link_for(
        &self,
        org: OrgId,
        tenant_id: &str,
        account: &AccountName,
        container: &ContainerName,
    ) -> Result<Credential> {
        let link = self.store().find_azure_link(org, tenant_id).await?;
        let link = link.ok_or_else(|| no_link(tenant_id))?;
        let credential = Credential::AzureLink {
            tenant_id: link.tenant_id,
        };
        let place = (account, container);
        let owner = self
            .tenant_of_account(account)
            .await
            .map_err(|error| self.explain_azure(&error, place, &credential, None, Doing::SignIn))?;
        if !owner.eq_ignore_ascii_case(tenant_id) {
            return Err(Error::field(
                "account_name",
                format!(
                    "The storage account {account} belongs to the tenant {owner}, and this Azure link is to the tenant {tenant_id}. Link the account's tenant too, or choose an account of the linked one."
                ),
            ));
        }
        Ok(credential)
    }

    /// Refuses a container that another organization was on first, until control is proven.
    pub(crate) async fn require_claim(
        &self,
        org: OrgId,
        tenant_id: &str,
        account: &AccountName,
        container: &ContainerName,
    ) -> Result<()> {
        match self.standing(org, tenant_id, account, container).await? {
            Claim::Held => Ok(()),
            Claim::Asked { command, .. } => Err(Problem {
                code: "claim_required",
                cause: format!(
                    "Another organization uses the container {account}/{container} already, and the tenant's consent alone does not say that it is yours too."
                ),
                fix: Fix::by(
                    Who::AzureAdministrator,
                    "Someone who may write to the container proves control once by an empty blob; then an owner presses Claim in Settings, Integrations",
                )
                .command(command),
                azure: None,
            }
            .into()),
        }
    }

    pub(crate) async fn standing(
        &self,
        org: OrgId,
        tenant_id: &str,
        account: &AccountName,
        container: &ContainerName,
    ) -> Result<Claim> {
        let marker = format!("{CLAIM_BLOB}{}", Uuid::new_v4().simple());
        let at = claimed(tenant_id, account, container);
        let claim = self
            .store()
            .claim_container(org, at, &marker, self.now_ms())
            .await?;
        if claim.is_held {
            return Ok(Claim::Held);
        }
        // Single quotes: a container may be called $root or $web.
        let command = format!(
            "az storage blob upload --account-name {account} --container-name '{container}' --name {} --data claimed --auth-mode login",
            claim.marker
        );
        Ok(Claim::Asked {
            marker: claim.marker,
            command,
        })
    }
}

fn claimed<'a>(
    tenant_id: &'a str,
    account: &'a AccountName,
    container: &'a ContainerName,
) -> ClaimedContainer<'a> {
    ClaimedContainer {
        account,
        container,
        tenant_id,
    }
}
