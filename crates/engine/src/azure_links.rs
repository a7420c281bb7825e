//! Azure links: which tenants the organization may read through Longshore's own app.
//!
//! A link exists only after Entra ID has given an app-only token of that tenant: the administrator
//! has consented, and our app proves itself.

use azure::ErrorKind;
use model::{AccountName, Actor, ContainerName, Credential, Permission};
use store::AzureLink;

use crate::{
    AzureAnswer, Engine, Error, Fix, Problem, Result, Who,
    explain::{Doing, Situation, explain},
    require,
};

impl Engine {
    /// Links a tenant, given by its id.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the id is no GUID; [`Error::Azure`] when Entra ID gives no token for
    /// it; [`Error::Conflict`] when it is linked already.
    pub async fn create_azure_link(&self, actor: &Actor, tenant_id: &str) -> Result<AzureLink> {
        require(actor, Permission::ManageOrganization)?;
        let tenant_id = match uuid::Uuid::parse_str(tenant_id.trim()) {
            Ok(id) => id.hyphenated().to_string(),
            Err(_) => {
                return Err(Error::field(
                    "tenant_id",
                    "Give the tenant's id, a GUID: az account show --query tenantId --output tsv",
                ));
            }
        };
        let credential = Credential::AzureLink {
            tenant_id: tenant_id.clone(),
        };
        self.azure()
            .sign_in(&credential)
            .await
            .map_err(|error| self.explain_sign_in(&error, &credential))?;
        let linked = self
            .store()
            .create_azure_link(actor.org_id, &tenant_id, self.now_ms())
            .await;
        match linked {
            Err(error) if error.kind() == store::ErrorKind::Conflict => Err(Error::Conflict {
                message: format!("the tenant {tenant_id} is linked already"),
            }),
            linked => Ok(linked?),
        }
    }

    /// The organization's links, by tenant.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::Store`].
    pub async fn list_azure_links(&self, actor: &Actor) -> Result<Vec<AzureLink>> {
        require(actor, Permission::ManageOrganization)?;
        Ok(self.store().list_azure_links(actor.org_id).await?)
    }

    /// Unlinks a tenant: from now on none of its tokens is used and nothing is signed. Nothing is
    /// revoked in Azure, and what was signed stays valid until it is over.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is not linked.
    pub async fn delete_azure_link(&self, actor: &Actor, tenant_id: &str) -> Result<()> {
        require(actor, Permission::ManageOrganization)?;
        let tenant_id = tenant_id.trim().to_lowercase();
        let deleted = self.store().delete_azure_link(actor.org_id, &tenant_id);
        if !deleted.await? {
            return Err(Error::not_found("Azure link", tenant_id));
        }
        self.azure().forget(&Credential::AzureLink { tenant_id });
        Ok(())
    }

    /// A sign-in touches no storage account, so only Entra ID's own refusals are worded by the
    /// table, which asks for one.
    fn explain_sign_in(&self, error: &azure::Error, credential: &Credential) -> Error {
        let place = (
            AccountName::parse("account"),
            ContainerName::parse("container"),
        );
        let problem = match (error.kind(), &place) {
            (
                ErrorKind::TokenRefused | ErrorKind::IdentityUnavailable,
                (Ok(account), Ok(container)),
            ) => explain(
                error,
                &Situation {
                    cloud: self.cloud(),
                    account,
                    container,
                    blob: None,
                    credential,
                    app_client_id: self.settings().app_client_id.as_deref(),
                    doing: Doing::SignIn,
                },
            ),
            _ => Problem {
                code: "sign_in_failed",
                cause: format!("Entra ID gave no token: {}.", error.message().trim_end_matches('.')),
                fix: Fix::by(
                    Who::Operator,
                    "The operator checks the settings of the app registration (LONGSHORE_APP_…), and that this machine can reach Entra ID.",
                ),
                azure: error.status().map(|status| AzureAnswer {
                    status: Some(status),
                    code: error.code().map(str::to_owned),
                    message: error.message().to_owned(),
                    request_id: error.request_id().map(str::to_owned),
                }),
            },
        };
        problem.into()
    }
}
