//! Azure links: which tenants an organization may read through Longshore's own app.

use model::OrgId;

use crate::{Result, Store};

/// An organization's consented connection to one tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AzureLink {
    pub org_id: OrgId,
    pub tenant_id: String,
    pub created_at_ms: i64,
}

impl Store {
    /// Links a tenant (its GUID, kept in lower case).
    ///
    /// # Errors
    /// `Conflict` when the organization holds this link already.
    pub async fn create_azure_link(
        &self,
        _org: OrgId,
        _tenant_id: &str,
        _now_ms: i64,
    ) -> Result<AzureLink> {
        todo!()
    }

    /// The organization's link to this tenant.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_azure_link(
        &self,
        _org: OrgId,
        _tenant_id: &str,
    ) -> Result<Option<AzureLink>> {
        todo!()
    }

    /// The organization's links, by tenant.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_azure_links(&self, _org: OrgId) -> Result<Vec<AzureLink>> {
        todo!()
    }

    /// Unlinks a tenant; `false` when it was not linked.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_azure_link(&self, _org: OrgId, _tenant_id: &str) -> Result<bool> {
        todo!()
    }
}
