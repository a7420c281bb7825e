//! Source and target storages with their sealed credentials. Every write raises the project's
//! `storages_version`, which caches of a project's storages are keyed by.

use model::{
    AccountName, ContainerName, Credential, CredentialKind, Direction, ExportLayout, ImportMode,
    OrgId, Prefix, ProjectId, ServeMode, Storage, StorageId,
};

use crate::{Result, Store};

/// A storage to create; its kind is its credential's.
#[derive(Clone, Debug)]
pub struct NewStorage {
    pub org_id: OrgId,
    pub project_id: ProjectId,
    pub direction: Direction,
    pub title: String,
    pub description: Option<String>,
    pub account: AccountName,
    pub container: ContainerName,
    pub prefix: Prefix,
    pub regex_filter: Option<String>,
    pub recursive: bool,
    pub import_mode: ImportMode,
    pub serve_mode: ServeMode,
    /// Minutes.
    pub presign_ttl_minutes: i64,
    pub export_layout: ExportLayout,
    pub can_delete_objects: bool,
}

/// What to change of a storage; `None` leaves it, `Some(None)` clears it.
#[derive(Clone, Debug, Default)]
pub struct StoragePatch {
    pub title: Option<String>,
    pub description: Option<Option<String>>,
    pub account: Option<AccountName>,
    pub container: Option<ContainerName>,
    pub prefix: Option<Prefix>,
    pub regex_filter: Option<Option<String>>,
    pub recursive: Option<bool>,
    pub import_mode: Option<ImportMode>,
    pub serve_mode: Option<ServeMode>,
    pub presign_ttl_minutes: Option<i64>,
    pub export_layout: Option<ExportLayout>,
    pub can_delete_objects: Option<bool>,
}

impl Store {
    /// Creates a storage; `None` when the project is not the organization's.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn create_storage(
        &self,
        _storage: &NewStorage,
        _credential: &Credential,
        _now_ms: i64,
    ) -> Result<Option<Storage>> {
        todo!()
    }

    /// A storage of the organization, without its credential.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_storage(&self, _org: OrgId, _id: StorageId) -> Result<Option<Storage>> {
        todo!()
    }

    /// A storage of the organization and its credential.
    ///
    /// # Errors
    /// When the credential cannot be opened with the keys, or the database fails.
    pub async fn find_storage_with_credential(
        &self,
        _org: OrgId,
        _id: StorageId,
    ) -> Result<Option<(Storage, Credential)>> {
        todo!()
    }

    /// Storages of the organization by id, limited to what is given.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_storages(
        &self,
        _org: OrgId,
        _project: Option<ProjectId>,
        _direction: Option<Direction>,
        _kind: Option<CredentialKind>,
    ) -> Result<Vec<Storage>> {
        todo!()
    }

    /// The storages of a project in one direction, with their credentials.
    ///
    /// # Errors
    /// When a credential cannot be opened with the keys, or the database fails.
    pub async fn storages_of_project_with_credentials(
        &self,
        _org: OrgId,
        _project: ProjectId,
        _direction: Direction,
    ) -> Result<Vec<(Storage, Credential)>> {
        todo!()
    }

    /// Changes a storage, and its credential when one is given; `None` when there is no such storage.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn update_storage(
        &self,
        _org: OrgId,
        _id: StorageId,
        _patch: &StoragePatch,
        _credential: Option<&Credential>,
        _now_ms: i64,
    ) -> Result<Option<Storage>> {
        todo!()
    }

    /// Deletes a storage, its runs and what waits to be exported to it. Its tasks stay, and a new
    /// storage over the same container finds them instead of importing them again.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_storage(&self, _org: OrgId, _id: StorageId) -> Result<bool> {
        todo!()
    }
}
