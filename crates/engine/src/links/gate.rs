//! The gate: the only way from a credential to a container.
//!
//! One service principal serves every organization that links a tenant, so what Azure lets it read
//! says nothing about who may see it: that is decided here, for every use. [`Gate`] holds the
//! [`Azure`] that makes clients and shows it to nobody, so no other module of this crate can make
//! one. [docs/azure-links.md](../../../docs/azure-links.md) has the rules as a table.

use std::net::IpAddr;

use azure::{
    Azure, Challenge, Cloud, ContainerClient, EntraUser, Greeting, ListRequest, Preflight,
    SignInRequest,
};
use model::{AccountName, BlobName, ContainerName, Credential, OrgId, Secret, UserId};
use serde_json::json;
use store::{ClaimedContainer, Standing};
use url::Url;

use crate::{
    AuditAction, Engine, Result, audit::By, links::container_claims::subject,
    links::link_cache::KnownLinks, storages::connection::no_link,
};

/// Which container.
pub(crate) type At<'a> = (&'a AccountName, &'a ContainerName);
/// In which organization, and who; nobody when a worker goes on by itself.
pub(crate) type Asker = (OrgId, Option<UserId>);

/// What for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// To use it: a container that is free is looked at, and then held.
    Use,
    /// To see what works: what is free stays so.
    Try,
}

/// Everything of Microsoft that needs no standing on a container.
pub(crate) struct Gate(Azure);

impl Gate {
    pub(crate) fn new(azure: Azure) -> Self {
        Self(azure)
    }

    pub(crate) fn cloud(&self) -> &Cloud {
        self.0.cloud()
    }

    pub(crate) fn authorize_url(&self, request: &SignInRequest<'_>) -> azure::Result<Url> {
        self.0.authorize_url(request)
    }

    pub(crate) async fn redeem_code(
        &self,
        code: &Secret,
        request: &SignInRequest<'_>,
    ) -> azure::Result<EntraUser> {
        self.0.redeem_code(code, request).await
    }

    pub(crate) fn admin_consent_url(
        &self,
        tenant_id: &str,
        redirect_uri: &str,
        state: &str,
    ) -> azure::Result<Url> {
        self.0.admin_consent_url(tenant_id, redirect_uri, state)
    }

    pub(crate) async fn prove(&self, credential: &Credential) -> azure::Result<Option<String>> {
        self.0.prove(credential).await
    }

    pub(crate) fn forget(&self, credential: &Credential) {
        self.0.forget(credential);
    }

    pub(crate) async fn sign_in(&self, credential: &Credential) -> azure::Result<()> {
        self.0.sign_in(credential).await
    }

    pub(crate) async fn tenant_of_account(
        &self,
        account: &AccountName,
    ) -> azure::Result<Challenge> {
        self.0.tenant_of_account(account).await
    }

    pub(crate) async fn resolve(&self, account: &AccountName) -> azure::Result<Vec<IpAddr>> {
        self.0.resolve(account).await
    }

    pub(crate) async fn greet(&self, account: &AccountName) -> Greeting {
        self.0.greet(account).await
    }

    pub(crate) async fn preflight(
        &self,
        account: &AccountName,
        container: &ContainerName,
        blob: Option<&BlobName>,
        origin: &str,
    ) -> azure::Result<Preflight> {
        self.0.preflight(account, container, blob, origin).await
    }

    /// As anybody on the internet.
    pub(crate) fn anyone(&self, at: At<'_>) -> ContainerClient {
        self.container(&Credential::Anonymous, at)
    }

    fn container(&self, credential: &Credential, (account, container): At<'_>) -> ContainerClient {
        self.0.container(credential, account, container)
    }
}

impl Engine {
    /// A container, when the organization may use this credential on it now.
    ///
    /// # Errors
    /// [`crate::Error::Azure`] with `claim_required` when control of the container must be proven,
    /// with `link_missing` when the tenant is not linked (any more).
    pub(crate) async fn open_container(
        &self,
        asker: Asker,
        credential: &Credential,
        at: At<'_>,
        entry: Entry,
    ) -> Result<ContainerClient> {
        self.admit(asker, credential, at, entry).await?;
        Ok(self.azure().container(credential, at))
    }

    /// As [`Engine::open_container`], without a query for what is known of these links to be held.
    ///
    /// # Errors
    /// As [`Engine::open_container`].
    pub(crate) async fn open_known(
        &self,
        asker: Asker,
        links: &KnownLinks,
        credential: &Credential,
        at: At<'_>,
        entry: Entry,
    ) -> Result<ContainerClient> {
        links.require(credential)?;
        if let Credential::AzureLink { tenant_id } = credential {
            let is_held = links.holds(tenant_id, at);
            if !is_held && self.admit(asker, credential, at, entry).await? {
                links.set_held(tenant_id, at);
            }
            self.watch_link(asker.0, tenant_id);
        }
        Ok(self.azure().container(credential, at))
    }

    /// As [`Engine::open_container`], with a check's patience.
    ///
    /// # Errors
    /// As [`Engine::open_container`].
    pub(crate) async fn open_for_a_check(
        &self,
        asker: Asker,
        credential: &Credential,
        at: At<'_>,
    ) -> Result<(Gate, ContainerClient)> {
        self.admit(asker, credential, at, Entry::Try).await?;
        let gate = Gate(self.azure().0.for_a_check());
        let client = gate.container(credential, at);
        Ok((gate, client))
    }

    /// Refuses a credential that the organization may not use on the container now; in the middle
    /// of a run too. Answers whether it holds the container.
    ///
    /// # Errors
    /// As [`Engine::open_container`].
    pub(crate) async fn admit(
        &self,
        asker: Asker,
        credential: &Credential,
        at: At<'_>,
        entry: Entry,
    ) -> Result<bool> {
        let Credential::AzureLink { tenant_id } = credential else {
            return Ok(true);
        };
        let claimed = claimed(tenant_id, at);
        let mut standing = self.store().container_standing(asker.0, claimed).await?;
        if standing == Standing::Free && entry == Entry::Use {
            (standing, _) = self.look_and_hold(asker, tenant_id, at).await?;
        }
        match standing {
            Standing::Held => Ok(true),
            // What could not be looked at is not held, and gives nothing that Azure refuses.
            Standing::Free => Ok(false),
            Standing::Asked => Err(self.claim_required(asker.0, tenant_id, at).await),
            Standing::NotLinked => Err(no_link(tenant_id)),
        }
    }

    /// Looks at a free container, and holds it when it is there and can be read; why not, if not.
    ///
    /// # Errors
    /// [`crate::Error::Store`].
    pub(crate) async fn look_and_hold(
        &self,
        asker: Asker,
        tenant_id: &str,
        at: At<'_>,
    ) -> Result<(Standing, Option<azure::Error>)> {
        let first = ListRequest {
            max_results: Some(1),
            ..ListRequest::default()
        };
        let looked = self.azure().container(&link(tenant_id), at);
        if let Err(error) = looked.list(&first).await {
            return Ok((Standing::Free, Some(error)));
        }
        let hold = self
            .store()
            .hold_container(asker.0, claimed(tenant_id, at), self.now_ms())
            .await?;
        if hold.is_new {
            let detail = json!({"tenant": tenant_id, "by": "the proven link"});
            let by = asker.1.map_or(By::Longshore, By::Person);
            let who = (asker.0, by);
            self.record_by(who, AuditAction::LinkClaim, subject(at), detail)
                .await?;
        }
        Ok((hold.standing, None))
    }

    /// Is the marker there? The one request that is made through a link without any standing.
    pub(crate) async fn see_marker(
        &self,
        tenant_id: &str,
        at: At<'_>,
        marker: &BlobName,
    ) -> azure::Result<()> {
        let client = self.azure().container(&link(tenant_id), at);
        client.head(marker).await.map(drop)
    }
}

pub(crate) fn claimed<'a>(
    tenant_id: &'a str,
    (account, container): At<'a>,
) -> ClaimedContainer<'a> {
    ClaimedContainer {
        account,
        container,
        tenant_id,
    }
}

fn link(tenant_id: &str) -> Credential {
    Credential::AzureLink {
        tenant_id: tenant_id.to_owned(),
    }
}
