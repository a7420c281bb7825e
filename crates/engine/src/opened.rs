//! A stored storage, ready for requests by the worker.

use azure::ContainerClient;
use model::{Credential, OrgId, Storage, StorageId};

use crate::{Engine, Result, connection::no_link};

/// A storage with its credential and a client for its container.
pub(crate) struct Opened {
    pub storage: Storage,
    pub credential: Credential,
    pub container: ContainerClient,
}

impl Engine {
    /// Opens a storage; `None` when it was deleted.
    ///
    /// # Errors
    /// [`crate::Error::Store`].
    pub(crate) async fn open_storage(&self, org: OrgId, id: StorageId) -> Result<Option<Opened>> {
        let found = self.store().find_storage_with_credential(org, id).await?;
        Ok(found.map(|(storage, credential)| Opened {
            container: self
                .azure()
                .container(&credential, &storage.account, &storage.container),
            storage,
            credential,
        }))
    }

    /// Refuses to go on with the credential of an Azure link that was removed, even in the middle
    /// of a run: no token is used from that moment on.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] when the link is gone, [`crate::Error::Store`].
    pub(crate) async fn require_link(&self, org: OrgId, credential: &Credential) -> Result<()> {
        let Credential::AzureLink { tenant_id } = credential else {
            return Ok(());
        };
        match self.store().find_azure_link(org, tenant_id).await? {
            Some(_) => {
                self.watch_link(org, tenant_id);
                Ok(())
            }
            None => Err(no_link(tenant_id)),
        }
    }
}
