//! Media for browsers: from a blob that a task names to something that can be shown.

pub(crate) mod addresses;
pub(crate) mod blob_uris;
pub(crate) mod media_links;
pub(crate) mod redirects;
pub(crate) mod resolve;
pub(crate) mod shown;
pub(crate) mod thumbnails;
