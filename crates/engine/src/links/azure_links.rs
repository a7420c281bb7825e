//! Azure links: which tenants the organization may read through Longshore's own app.
//!
//! A link exists only after Entra ID has given an app-only token of that tenant: the administrator
//! has consented, and our app proves itself. What it gives is decided in [`crate::links::gate`].

use azure::ErrorKind;
use model::{Actor, Code, Credential, CredentialKind, Permission, StorageId};
use serde_json::json;
use store::{AzureLink, LinkProof, NewAzureLink};

use crate::{
    AuditAction, AzureAnswer, Engine, Error, Fix, LinkProblem, OtherLink, PendingConnect, Problem,
    Result, Who,
    access::explain::{Doing, Situation, explain},
    require,
};

/// Everything about an organization's way to Azure.
#[derive(Clone, Debug)]
pub struct Integrations {
    /// By tenant, unlinked ones too; each with what is wrong with it, if something is.
    pub links: Vec<(AzureLink, Option<LinkProblem>)>,
    /// The links of other organizations to the same tenants.
    pub others: Vec<OtherLink>,
    /// What the caller has begun.
    pub pending: Option<PendingConnect>,
    /// While nothing is linked, blobs outside storages are read without a credential.
    pub reads_anonymously: bool,
    /// Client id of our app registration; without one nobody can connect.
    pub app_client_id: Option<String>,
}

impl Integrations {
    /// The other organizations that have linked this tenant.
    pub fn others_of(&self, tenant_id: &str) -> impl Iterator<Item = &OtherLink> {
        let others = self.others.iter();
        others.filter(move |other| other.tenant_id == tenant_id)
    }
}

/// What unlinking left behind.
#[derive(Clone, Debug)]
pub struct Unlinked {
    pub tenant_id: String,
    /// No pre-signed URL that was handed out lives longer.
    pub last_sas_expires_at_ms: Option<i64>,
    /// Storages that cannot be used any more.
    pub storages: Vec<StorageId>,
    /// What Azure still holds, and what removes it.
    pub leftovers: Vec<Leftover>,
}

/// Something that stays in Azure.
#[derive(Clone, Debug)]
pub struct Leftover {
    pub what: &'static str,
    /// Removes it; what is not known is in CAPITALS.
    pub command: String,
}

impl Engine {
    /// Links a tenant, given by its id: the operator's command, without anybody signing in.
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
        let object_id = self
            .azure()
            .prove(&credential)
            .await
            .map_err(|error| self.explain_sign_in(&error, &credential))?;
        let link = NewAzureLink {
            tenant_id: &tenant_id,
            principal_object_id: object_id.as_deref(),
            // Whoever runs commands here has the app's proof and the database: their word is enough.
            proof: Some(LinkProof::Operator),
            ..NewAzureLink::default()
        };
        match self.make_link(actor, &link).await {
            Err(Error::Store(error)) if error.is_conflict() => Err(Error::Conflict {
                message: format!("the tenant {tenant_id} is linked already"),
            }),
            made => made,
        }
    }

    /// The organization's links that are in use, by tenant.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::Store`].
    pub async fn list_azure_links(&self, actor: &Actor) -> Result<Vec<AzureLink>> {
        require(actor, Permission::ManageOrganization)?;
        Ok(self.store().list_azure_links(actor.org_id).await?)
    }

    /// One link that is in use.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the tenant is not linked.
    pub async fn get_azure_link(&self, actor: &Actor, tenant_id: &str) -> Result<AzureLink> {
        require(actor, Permission::ManageOrganization)?;
        let found = self.store().find_azure_link(actor.org_id, tenant_id);
        found
            .await?
            .ok_or_else(|| Error::not_found("Azure link", tenant_id))
    }

    /// The page Integrations.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::Store`].
    pub async fn integrations(&self, actor: &Actor) -> Result<Integrations> {
        require(actor, Permission::ManageOrganization)?;
        let links = self.store().links_of_org(actor.org_id).await?;
        let links = links.ok_or_else(|| Error::not_found("organization", actor.org_id))?;
        Ok(Integrations {
            others: self.other_links(&links.links).await?,
            links: links
                .links
                .into_iter()
                .map(|link| {
                    let problem = LinkProblem::from_json(link.problem.as_deref());
                    (link, problem)
                })
                .collect(),
            pending: self.pending_connect(actor).await?,
            reads_anonymously: links.reads_anonymously,
            app_client_id: self.settings().app_client_id.clone(),
        })
    }

    /// Asks Entra ID whether the link still works; `None` when it does.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the tenant is not linked.
    pub async fn check_azure_link(
        &self,
        actor: &Actor,
        tenant_id: &str,
    ) -> Result<Option<LinkProblem>> {
        let link = self.get_azure_link(actor, tenant_id).await?;
        let problem = self.look_at_link(actor.org_id, &link.tenant_id).await?;
        let code = problem.as_ref().map(|problem| problem.code.as_str());
        let (subject, detail) = (
            format!("tenant/{}", link.tenant_id),
            json!({"problem": code}),
        );
        self.record(actor, AuditAction::LinkCheck, subject, detail)
            .await?;
        Ok(problem)
    }

    /// Unlinks a tenant: from now on none of its tokens is used and nothing is signed. Nothing is
    /// revoked in Azure, and what was signed stays valid until it is over.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is not linked.
    pub async fn delete_azure_link(&self, actor: &Actor, tenant_id: &str) -> Result<Unlinked> {
        require(actor, Permission::ManageOrganization)?;
        let tenant_id = tenant_id.trim().to_lowercase();
        let preview = self.preview_unlink(actor, &tenant_id).await?;
        let held = self.store().held_containers(actor.org_id, &tenant_id);
        let held = held.await?;
        let unlinked = self
            .store()
            .unlink_azure_tenant(actor.org_id, &tenant_id, self.now_ms());
        if !unlinked.await? {
            return Err(Error::not_found("Azure link", tenant_id));
        }
        // Also drops the tokens and keys at hand; other replicas do when they see the new version.
        let links = self.links_now(actor.org_id).await?;
        debug_assert!(!links.tenants.contains(&tenant_id));
        self.azure().forget(&Credential::AzureLink {
            tenant_id: tenant_id.clone(),
        });
        self.unwatch_link(actor.org_id, &tenant_id);
        // Read again: a URL may have been signed until the very moment of unlinking.
        let links = self.store().links_of_org(actor.org_id).await?;
        let last_sas_expires_at_ms = links
            .into_iter()
            .flat_map(|links| links.links)
            .find(|link| link.tenant_id == tenant_id)
            .and_then(|link| link.last_sas_expires_at_ms);
        let subject = format!("tenant/{tenant_id}");
        self.record(actor, AuditAction::LinkUnlink, subject, json!({}))
            .await?;
        let detail = json!({"tenant": tenant_id, "why": "unlinked"});
        for place in held {
            let subject = format!("container/{place}");
            self.record(actor, AuditAction::LinkGiveUp, subject, detail.clone())
                .await?;
        }
        Ok(Unlinked {
            last_sas_expires_at_ms,
            ..preview
        })
    }

    /// What unlinking would stop and leave behind; changes nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the tenant is not linked.
    pub async fn preview_unlink(&self, actor: &Actor, tenant_id: &str) -> Result<Unlinked> {
        let link = self.get_azure_link(actor, tenant_id).await?;
        let kind = Some(CredentialKind::AzureLink);
        let mut storages = Vec::new();
        for storage in self
            .store()
            .list_storages(actor.org_id, None, None, kind)
            .await?
        {
            let found = self
                .store()
                .find_storage_with_credential(actor.org_id, storage.id)
                .await?;
            let is_of_tenant = found.is_some_and(|(_, credential)| {
                matches!(credential, Credential::AzureLink { tenant_id } if tenant_id == link.tenant_id)
            });
            if is_of_tenant {
                storages.push(storage.id);
            }
        }
        Ok(Unlinked {
            leftovers: leftovers(&link, self.settings().app_client_id.as_deref()),
            tenant_id: link.tenant_id,
            last_sas_expires_at_ms: link.last_sas_expires_at_ms,
            storages,
        })
    }

    /// Reads blobs outside storages without a credential, or not at all; acts while nothing is linked.
    ///
    /// # Errors
    /// [`Error::Conflict`] when it is to be allowed while a tenant is linked.
    pub async fn set_anonymous_reading(&self, actor: &Actor, allowed: bool) -> Result<()> {
        require(actor, Permission::ManageOrganization)?;
        if allowed
            && !self
                .store()
                .list_azure_links(actor.org_id)
                .await?
                .is_empty()
        {
            return Err(Error::Conflict {
                message: "While a tenant is linked, nothing is read anonymously.".to_owned(),
            });
        }
        self.store()
            .set_reads_anonymously(actor.org_id, allowed)
            .await?;
        let detail = json!({"reads_anonymously": allowed});
        self.record(actor, AuditAction::LinkAnonymous, "organization", detail)
            .await
    }

    /// A sign-in touches no storage account, so only refusals to give a token are worded by the
    /// table.
    pub(crate) fn explain_sign_in(&self, error: &azure::Error, credential: &Credential) -> Problem {
        match error.kind() {
            ErrorKind::TokenRefused | ErrorKind::IdentityUnavailable => explain(
                error,
                &Situation {
                    cloud: self.cloud(),
                    place: None,
                    blob: None,
                    credential,
                    app_client_id: self.settings().app_client_id.as_deref(),
                    doing: Doing::SignIn,
                },
            ),
            _ => Problem {
                code: Code::SignInFailed,
                cause: format!(
                    "Entra ID gave no token: {}.",
                    error.message().trim_end_matches('.')
                ),
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
        }
    }
}

/// What Azure holds on after unlinking, in the order in which it is removed.
fn leftovers(link: &AzureLink, app_client_id: Option<&str>) -> Vec<Leftover> {
    let app = app_client_id.unwrap_or("CLIENT_ID");
    let principal = link.principal_object_id.as_deref().unwrap_or(app);
    vec![
        Leftover {
            what: "pre-signed URLs that were handed out, until they end; at once when the account's delegation keys are revoked",
            command:
                "az storage account revoke-delegation-keys --name ACCOUNT --resource-group GROUP"
                    .to_owned(),
        },
        Leftover {
            what: "the role assignments of Longshore's service principal",
            command: format!(
                "az role assignment delete --ids $(az role assignment list --assignee {principal} --all --query \"[].id\" --output tsv)"
            ),
        },
        Leftover {
            what: "the enterprise application Longshore, with the administrator's consent",
            command: format!("az ad sp delete --id {app}"),
        },
    ]
}
