//! A stored storage, ready for requests by the worker.

use azure::ContainerClient;
use model::{Credential, OrgId, Storage, StorageId};

use crate::{Engine, Result, links::gate::Entry};

/// A storage with its credential.
pub(crate) struct Opened {
    pub storage: Storage,
    pub credential: Credential,
}

impl Engine {
    /// Reads a storage; `None` when it was deleted.
    ///
    /// # Errors
    /// [`crate::Error::Store`].
    pub(crate) async fn find_opened(&self, org: OrgId, id: StorageId) -> Result<Option<Opened>> {
        let found = self.store().find_storage_with_credential(org, id).await?;
        Ok(found.map(|(storage, credential)| Opened {
            storage,
            credential,
        }))
    }

    /// The container of a storage for the worker's next requests. It is asked for again and again
    /// in a run: from the moment in which a link is removed, or no longer gives the container, no
    /// token of it is used.
    ///
    /// # Errors
    /// As [`Engine::open_container`].
    pub(crate) async fn container_of(
        &self,
        storage: &Storage,
        credential: &Credential,
    ) -> Result<ContainerClient> {
        let at = (&storage.account, &storage.container);
        let opened = self
            .open_container((storage.org_id, None), credential, at, Entry::Use)
            .await?;
        if let Credential::AzureLink { tenant_id } = credential {
            self.watch_link(storage.org_id, tenant_id);
        }
        Ok(opened)
    }
}
