//! (being written)

/// The storages of projects, kept by (project, storages_version).
#[derive(Default)]
pub(crate) struct StorageCache;
