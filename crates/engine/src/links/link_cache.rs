//! What an organization's links are right now, without asking for them each time.
//!
//! The task's query carries the organization's `links_version`: whatever is kept here under another
//! version is read again, so a link is in use or not from the same instant on, on every replica.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use model::{AccountName, ContainerName, Credential, OrgId};
use quick_cache::sync::Cache;
use store::LinksOfOrg;

use crate::{Engine, Error, Result, links::gate::At, storages::connection::no_link};

/// Organizations that are kept.
const CACHED_ORGS: usize = 4_096;

pub(crate) struct LinkCache(Cache<OrgId, Arc<KnownLinks>>);

impl Default for LinkCache {
    fn default() -> Self {
        Self(Cache::new(CACHED_ORGS))
    }
}

type Place = (String, AccountName, ContainerName);

/// One organization's links of one version.
pub(crate) struct KnownLinks {
    version: i64,
    /// Tenants that are linked now, in lower case.
    pub tenants: Vec<String>,
    /// There are, or were, links.
    pub was_ever_linked: bool,
    /// Without any link, blobs are read without a credential.
    pub reads_anonymously: bool,
    /// Containers that are held through these links: tenant, account, container. Whatever ends a
    /// claim raises the version.
    held: Mutex<HashSet<Place>>,
}

impl KnownLinks {
    fn new(links: LinksOfOrg) -> Self {
        let live = links
            .links
            .iter()
            .filter(|link| link.unlinked_at_ms.is_none());
        Self {
            version: links.version,
            tenants: live.map(|link| link.tenant_id.clone()).collect(),
            was_ever_linked: !links.links.is_empty(),
            reads_anonymously: links.reads_anonymously,
            held: Mutex::default(),
        }
    }

    fn is_linked(&self, tenant_id: &str) -> bool {
        self.tenants
            .iter()
            .any(|linked| linked.eq_ignore_ascii_case(tenant_id))
    }

    /// Refuses the credential of a link that is not (any more) the organization's.
    pub fn require(&self, credential: &Credential) -> Result<()> {
        match credential {
            Credential::AzureLink { tenant_id } if !self.is_linked(tenant_id) => {
                Err(no_link(tenant_id))
            }
            _ => Ok(()),
        }
    }

    pub fn holds(&self, tenant_id: &str, at: At<'_>) -> bool {
        self.held().contains(&place(tenant_id, at))
    }

    pub fn set_held(&self, tenant_id: &str, at: At<'_>) {
        self.held().insert(place(tenant_id, at));
    }

    fn held(&self) -> MutexGuard<'_, HashSet<Place>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn place(tenant_id: &str, (account, container): At<'_>) -> Place {
    (tenant_id.to_owned(), account.clone(), container.clone())
}

impl Engine {
    /// The links of an organization as of this version, or newer.
    pub(crate) async fn links_as_of(&self, org: OrgId, version: i64) -> Result<Arc<KnownLinks>> {
        match self.0.links_of_org.0.get(&org) {
            Some(kept) if kept.version >= version => Ok(kept),
            _ => self.links_now(org).await,
        }
    }

    /// The links of an organization, asked for anew.
    pub(crate) async fn links_now(&self, org: OrgId) -> Result<Arc<KnownLinks>> {
        let links = self.store().links_of_org(org).await?;
        let links = links.ok_or_else(|| Error::not_found("organization", org))?;
        let known = Arc::new(KnownLinks::new(links));
        let kept = &self.0.links_of_org.0;
        let before = kept.get(&org);
        kept.insert(org, Arc::clone(&known));
        // Unlinked, perhaps by another replica: nothing that was got through the link stays.
        for tenant_id in before.iter().flat_map(|before| &before.tenants) {
            if !known.is_linked(tenant_id) {
                self.azure().forget(&Credential::AzureLink {
                    tenant_id: tenant_id.clone(),
                });
            }
        }
        Ok(known)
    }
}
