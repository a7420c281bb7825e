//! Which roles to grant to a link's service principal, as ready texts, and whether they act yet.
//!
//! Source: "Assign an Azure role for access to blob data", "Azure built-in roles for Storage". A
//! new role takes up to ten minutes to act, so the page asks again until it does.

mod texts;

use std::time::Duration;

use azure::{ErrorKind, ListRequest, PutCondition, SignRequest};
use bytes::Bytes;
use model::{AccountName, Actor, BlobName, ContainerName, Credential, Permission};

use crate::{
    Claim, Engine, Error, LinkProblem, Result, access::explain::Doing, links::gate::Entry, require,
    storages::connection::CHECK_BLOB,
};

/// What the container is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GrantPurpose {
    /// Blobs come in as tasks.
    #[default]
    Read,
    /// Annotations go out as blobs.
    Export,
}

/// A role of Azure, and where it is granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrantedRole {
    pub name: &'static str,
    /// Of Azure's built-in role.
    pub(crate) id: &'static str,
    pub scope: GrantScope,
    pub why: &'static str,
    /// Without it the container cannot be used at all.
    pub need: RoleNeed,
    pub state: GrantState,
}

/// What a role is granted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantScope {
    Container,
    Account,
}

/// Can it be left out?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoleNeed {
    Required,
    /// Only for pre-signed URLs; without it blobs are streamed through this server.
    Optional,
}

/// Does the role act?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantState {
    Granted,
    Missing,
    /// It was not tried, or Azure refused for another reason.
    Unknown,
}

/// What to grant, how, and what acts already.
#[derive(Clone, Debug)]
pub struct Grants {
    pub tenant_id: String,
    /// What the roles are granted to; `None` when the token did not show it.
    pub principal_object_id: Option<String>,
    pub account: AccountName,
    pub container: ContainerName,
    pub purpose: GrantPurpose,
    pub roles: Vec<GrantedRole>,
    pub az: String,
    pub bicep: String,
    pub terraform: String,
    /// JSON of a minimal custom role instead of the built-in one on the container, and its use.
    pub custom_role: String,
    /// Whether control of the container must be proven first.
    pub claim: Claim,
    /// What else stands in the way.
    pub problem: Option<LinkProblem>,
}

impl Grants {
    /// Nothing needs to be proven before the container is used.
    pub fn may_use(&self) -> bool {
        !matches!(self.claim, Claim::Asked { .. })
    }

    /// Does every role act that the container needs?
    pub fn is_granted(&self) -> bool {
        self.may_use()
            && self
                .roles
                .iter()
                .all(|role| role.need == RoleNeed::Optional || role.state == GrantState::Granted)
    }
}

const DELEGATOR: GrantedRole = GrantedRole {
    name: "Storage Blob Delegator",
    id: "db58b8e5-c6ad-4a2a-8342-4190687cbf4a",
    scope: GrantScope::Account,
    why: "signs short-lived URLs without any key; it exists on the storage account only",
    need: RoleNeed::Optional,
    state: GrantState::Unknown,
};
const READER: GrantedRole = GrantedRole {
    name: "Storage Blob Data Reader",
    id: "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
    scope: GrantScope::Container,
    why: "lists and reads the blobs of this container",
    need: RoleNeed::Required,
    state: GrantState::Unknown,
};
const CONTRIBUTOR: GrantedRole = GrantedRole {
    name: "Storage Blob Data Contributor",
    id: "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    scope: GrantScope::Container,
    why: "writes the annotation files; the custom role below is enough when files are only added",
    need: RoleNeed::Required,
    state: GrantState::Unknown,
};

impl Engine {
    /// What to grant to a link's service principal on a container, and what acts already.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the tenant is not linked; [`Error::Invalid`] when the account is of
    /// another one, both named; [`Error::Azure`] when the account cannot be reached.
    pub async fn grants(
        &self,
        actor: &Actor,
        tenant_id: &str,
        account: &AccountName,
        container: &ContainerName,
        purpose: GrantPurpose,
    ) -> Result<Grants> {
        require(actor, Permission::ManageOrganization)?;
        let link = self.get_azure_link(actor, tenant_id).await?;
        let credential = self
            .link_for(actor.org_id, &link.tenant_id, (account, container))
            .await?;
        let claim = self
            .standing(actor.org_id, &link.tenant_id, (account, container))
            .await?;
        let roles = match purpose {
            GrantPurpose::Read => vec![READER, DELEGATOR],
            GrantPurpose::Export => vec![CONTRIBUTOR],
        };
        let to = texts::Principal {
            object_id: link.principal_object_id.as_deref(),
            client_id: self.settings().app_client_id.as_deref(),
        };
        let mut grants = Grants {
            az: texts::az(&roles, &to, account, container),
            bicep: texts::bicep(&roles, &to, account, container),
            terraform: texts::terraform(&roles, &to, account, container),
            custom_role: texts::custom_role(purpose, &to, account, container),
            tenant_id: link.tenant_id,
            principal_object_id: link.principal_object_id,
            account: account.clone(),
            container: container.clone(),
            purpose,
            roles,
            claim,
            problem: None,
        };
        // Whoever has not proven control is told nothing about what is inside.
        if grants.may_use() {
            let (asker, at) = ((actor.org_id, Some(actor.user_id)), (account, container));
            let client = self
                .open_container(asker, &credential, at, Entry::Try)
                .await?;
            self.try_roles(&credential, &client, &mut grants).await;
        }
        Ok(grants)
    }

    async fn try_roles(
        &self,
        credential: &Credential,
        client: &azure::ContainerClient,
        grants: &mut Grants,
    ) {
        let (account, container) = (grants.account.clone(), grants.container.clone());
        for role in &mut grants.roles {
            let (doing, tried) = match role.name {
                name if name == READER.name => (Doing::List, list(client).await),
                name if name == DELEGATOR.name => (Doing::Sign, sign(client).await),
                _ => (Doing::Write, write(client).await),
            };
            role.state = match tried {
                Ok(()) => GrantState::Granted,
                Err(error) if error.kind() == ErrorKind::RoleMissing => GrantState::Missing,
                Err(error) => {
                    let place = (&account, &container);
                    let problem = self.explain_azure(&error, place, credential, None, doing);
                    grants
                        .problem
                        .get_or_insert_with(|| LinkProblem::from(&problem));
                    GrantState::Unknown
                }
            };
        }
    }
}

async fn list(client: &azure::ContainerClient) -> Result<(), azure::Error> {
    let first = ListRequest {
        max_results: Some(1),
        ..ListRequest::default()
    };
    client.list(&first).await.map(drop)
}

/// A key that is at hand would hide a role that was taken back; it is good for a day either way.
async fn sign(client: &azure::ContainerClient) -> Result<(), azure::Error> {
    let Ok(blob) = BlobName::parse(CHECK_BLOB) else {
        return Ok(());
    };
    let request = SignRequest {
        ttl: Duration::from_secs(60),
        response_content_type: None,
        response_content_disposition: None,
        correlation_id: None,
    };
    client.sign(&blob, &request).await.map(drop)
}

/// Always the same small blob: where the role only lets us add blobs, one stays.
async fn write(client: &azure::ContainerClient) -> Result<(), azure::Error> {
    let Ok(blob) = BlobName::parse(format!("{CHECK_BLOB}grant")) else {
        return Ok(());
    };
    let text =
        Bytes::from_static(b"Longshore wrote this to see whether it may; it can be deleted.\n");
    match client
        .put(&blob, text, "text/plain", &PutCondition::IfAbsent)
        .await
    {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
        Ok(_) => {
            if let Err(error) = client.delete(&blob, None).await {
                tracing::debug!(%error, "the check's blob stays: the role only adds blobs");
            }
            Ok(())
        }
    }
}

/// The names of a form, checked.
///
/// # Errors
/// [`Error::Invalid`] that names the wrong fields.
pub fn container_of(account: &str, container: &str) -> Result<(AccountName, ContainerName)> {
    let account = AccountName::parse(account.trim());
    let container = ContainerName::parse(container.trim());
    match (account, container) {
        (Ok(account), Ok(container)) => Ok((account, container)),
        (account, container) => Err(Error::Invalid(
            [
                account.err().map(|error| ("account", error)),
                container.err().map(|error| ("container", error)),
            ]
            .into_iter()
            .flatten()
            .map(|(field, error)| crate::FieldError {
                field: field.to_owned(),
                message: error.to_string(),
            })
            .collect(),
        )),
    }
}
