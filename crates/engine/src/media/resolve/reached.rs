//! What reaches a blob: a source storage of the task's project, or what is outside of them.

use std::sync::Arc;

use azure::ContainerClient;
use model::{AccountName, ContainerName, Credential, ProjectId, Storage};
use quick_cache::sync::Cache;

use super::outside::OutsideStorages;

/// Projects whose storages are kept.
const CACHED_PROJECTS: usize = 4096;

/// The source storages of projects, by project and version. The version comes with the task, in
/// the same query: a change of a storage is seen by the next request, on every replica.
pub(crate) struct StorageCache(Cache<ProjectId, (i64, Arc<[Source]>)>);

impl Default for StorageCache {
    fn default() -> Self {
        Self(Cache::new(CACHED_PROJECTS))
    }
}

impl StorageCache {
    pub(super) fn get(&self, project: ProjectId, version: i64) -> Option<Arc<[Source]>> {
        let (cached, sources) = self.0.get(&project)?;
        (cached == version).then_some(sources)
    }

    pub(super) fn put(&self, project: ProjectId, version: i64, sources: Arc<[Source]>) {
        self.0.insert(project, (version, sources));
    }
}

/// A source storage of a project.
pub(crate) struct Source {
    pub(super) storage: Storage,
    pub(super) credential: Credential,
}

/// A container, and how it is reached.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub account: &'a AccountName,
    pub container: &'a ContainerName,
    pub credential: &'a Credential,
    pub client: &'a ContainerClient,
}

/// What reaches a blob that a task may show.
pub(crate) enum Reached {
    /// A source storage of the task's project.
    Storage {
        sources: Arc<[Source]>,
        index: usize,
        client: ContainerClient,
    },
    /// An Azure link of the organization, or nobody's credential.
    Outside(OutsideStorages),
}

impl Reached {
    pub(crate) fn place(&self) -> Place<'_> {
        match self {
            Self::Storage {
                sources,
                index,
                client,
            } => {
                let Source {
                    storage,
                    credential,
                } = &sources[*index];
                Place {
                    account: &storage.account,
                    container: &storage.container,
                    credential,
                    client,
                }
            }
            Self::Outside(outside) => outside.place(),
        }
    }

    /// The storage of the project, when one reaches it.
    pub(crate) fn storage(&self) -> Option<&Storage> {
        match self {
            Self::Storage { sources, index, .. } => Some(&sources[*index].storage),
            Self::Outside(_) => None,
        }
    }
}
