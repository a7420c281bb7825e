//! Work in the background: syncs, exports, and the worker that runs them.

pub(crate) mod deletion;
pub(crate) mod export;
pub(crate) mod own_blobs;
pub(crate) mod sync;
pub(crate) mod worker;
