//! Container claims: what an organization must show before its Azure link gives it a container.
//!
//! Who has linked a tenant has shown only that somebody of the tenant signed in. A link is proven
//! when an administrator of the tenant signed in for this organization, the operator made it, or
//! the owners of an organization that holds the tenant agreed; it then gives the containers on which
//! no other organization is. Everything else is proven container by container, by a blob of a name
//! that only this organization is told. [docs/azure-links.md](../../../docs/azure-links.md).

use azure::ErrorKind;
use model::{AccountName, Actor, BlobName, Code, ContainerName, Credential, OrgId};
use serde_json::json;
use store::Standing;
use uuid::Uuid;

use crate::{
    AuditAction, Engine, Error, Fix, Problem, Result, Who,
    access::explain::Doing,
    links::gate::{At, claimed},
    storages::connection::no_link,
};

/// The beginning of the markers' names; a sync leaves such blobs out.
pub(crate) const CLAIM_BLOB: &str = ".longshore-claim-";

/// Where an organization stands on a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Its link may be used there.
    Held,
    /// Its link is proven and nobody else is there: the first use that succeeds holds it.
    Free,
    /// Control must be proven: write the marker, then ask again.
    Asked {
        /// Name of the blob to write.
        marker: String,
        /// The command that writes it.
        command: String,
    },
}

impl Engine {
    /// Claims a container: looks at it when it is free, looks for the marker when it must be proven.
    /// What is not there or may not be read stays as it was; whoever must prove control is told the
    /// same whether the container exists, can be read, or lacks the marker.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the account is of another tenant; [`Error::Azure`] when the tenant is
    /// not linked, or Azure cannot be asked.
    pub async fn claim_container(
        &self,
        actor: &Actor,
        tenant_id: &str,
        account: &AccountName,
        container: &ContainerName,
    ) -> Result<Claim> {
        // Of a tenant that is not linked here there is nothing to ask.
        let tenant_id = &self.get_azure_link(actor, tenant_id).await?.tenant_id;
        let at = (account, container);
        let credential = self.link_for(actor.org_id, tenant_id, at).await?;
        let mut claim = self.standing(actor.org_id, tenant_id, at).await?;
        if claim == Claim::Free {
            let asker = (actor.org_id, Some(actor.user_id));
            if let (_, Some(error)) = self.look_and_hold(asker, tenant_id, at).await? {
                let problem = self.explain_azure(&error, at, &credential, None, Doing::List);
                self.refused(actor, at, problem.code).await?;
                return match is_not_there_to_read(&error) {
                    true => Ok(claim),
                    false => Err(problem.into()),
                };
            }
            claim = self.standing(actor.org_id, tenant_id, at).await?;
        }
        let Claim::Asked { marker, .. } = &claim else {
            return Ok(claim);
        };
        let blob = BlobName::parse(marker.as_str())
            .map_err(|error| Error::Internal(format!("the name of a marker: {error}")))?;
        match self.see_marker(tenant_id, at, &blob).await {
            Ok(()) => {
                let proven =
                    self.store()
                        .prove_container(actor.org_id, claimed(tenant_id, at), marker);
                if !proven.await? {
                    return self.standing(actor.org_id, tenant_id, at).await;
                }
                let detail = json!({"tenant": tenant_id, "by": "marker", "marker": marker});
                self.record(actor, AuditAction::LinkClaim, subject(at), detail)
                    .await?;
                Ok(Claim::Held)
            }
            Err(error) if is_not_there_to_read(&error) => {
                self.refused(actor, at, Code::ClaimRequired).await?;
                Ok(claim)
            }
            Err(error) => {
                let problem = self.explain_azure(&error, at, &credential, Some(&blob), Doing::Read);
                Err(problem.into())
            }
        }
    }

    /// The credential of the organization's link to this tenant, for an account of this tenant.
    pub(crate) async fn link_for(
        &self,
        org: OrgId,
        tenant_id: &str,
        at: At<'_>,
    ) -> Result<Credential> {
        let account = at.0;
        let link = self.store().find_azure_link(org, tenant_id).await?;
        let link = link.ok_or_else(|| no_link(tenant_id))?;
        let credential = Credential::AzureLink {
            tenant_id: link.tenant_id,
        };
        let owner = self
            .tenant_of_account(account)
            .await
            .map_err(|error| self.explain_azure(&error, at, &credential, None, Doing::SignIn))?;
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

    /// Where the organization stands on a container, without asking Azure.
    ///
    /// # Errors
    /// [`Error::Azure`] when the tenant is not linked.
    pub(crate) async fn standing(&self, org: OrgId, tenant_id: &str, at: At<'_>) -> Result<Claim> {
        let standing = self
            .store()
            .container_standing(org, claimed(tenant_id, at))
            .await?;
        match standing {
            Standing::Held => Ok(Claim::Held),
            Standing::Free => Ok(Claim::Free),
            Standing::Asked => self.asked(org, tenant_id, at).await,
            Standing::NotLinked => Err(no_link(tenant_id)),
        }
    }

    async fn asked(&self, org: OrgId, tenant_id: &str, at: At<'_>) -> Result<Claim> {
        let marker = format!("{CLAIM_BLOB}{}", Uuid::new_v4().simple());
        let marker = self
            .store()
            .ask_for_marker(org, claimed(tenant_id, at), &marker, self.now_ms())
            .await?;
        // Single quotes: a container may be called $root or $web.
        let command = format!(
            "az storage blob upload --account-name {} --container-name '{}' --name {marker} --data claimed --auth-mode login",
            at.0, at.1
        );
        Ok(Claim::Asked { marker, command })
    }

    /// The refusal of a container that must be proven. It says the same whether another organization
    /// is there, nobody is, or there is no such container.
    pub(crate) async fn claim_required(&self, org: OrgId, tenant_id: &str, at: At<'_>) -> Error {
        let (account, container) = at;
        let command = match self.asked(org, tenant_id, at).await {
            Ok(Claim::Asked { command, .. }) => command,
            Ok(_) => String::new(),
            Err(error) => return error,
        };
        Problem {
            code: Code::ClaimRequired,
            cause: format!(
                "Your organization has not shown that the container {account}/{container} is its own: the tenant's consent alone does not say so, because it is the same for every organization, and another one may use the container already."
            ),
            fix: Fix::by(
                Who::AzureAdministrator,
                "Someone who may write to the container proves control once by an empty blob; then an owner presses Claim in Settings, Integrations. For a container that no other organization uses, it is enough that an administrator of the tenant signs in with Connect to Azure",
            )
            .command(command),
            azure: None,
        }
        .into()
    }

    /// Tells the audit log that somebody who asked for a container was refused it.
    pub(crate) async fn refused(&self, actor: &Actor, at: At<'_>, why: Code) -> Result<()> {
        let detail = json!({"why": why});
        self.record(actor, AuditAction::LinkRefuse, subject(at), detail)
            .await
    }

    /// As [`Engine::refused`], for what ended in a refusal of the gate.
    pub(crate) async fn note_claim_refusal<T>(
        &self,
        actor: &Actor,
        at: At<'_>,
        opened: Result<T>,
    ) -> Result<T> {
        if let Err(Error::Azure(problem)) = &opened
            && problem.code == Code::ClaimRequired
        {
            self.refused(actor, at, problem.code).await?;
        }
        opened
    }
}

/// There is no such thing, or it may not be read: the same for whoever must not tell them apart.
fn is_not_there_to_read(error: &azure::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotFound | ErrorKind::ContainerNotFound | ErrorKind::RoleMissing
    )
}

/// What the audit log calls a container.
pub(crate) fn subject((account, container): At<'_>) -> String {
    format!("container/{account}/{container}")
}
