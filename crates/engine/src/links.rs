//! Azure links: connecting a tenant, what a link may reach, and unlinking. [`gate`] is the only way to a container.

pub(crate) mod account_tenants;
pub(crate) mod azure_links;
pub(crate) mod connect;
pub(crate) mod container_claims;
pub(crate) mod gate;
pub(crate) mod grants;
pub(crate) mod link_cache;
pub(crate) mod link_proof;
pub(crate) mod link_watch;
