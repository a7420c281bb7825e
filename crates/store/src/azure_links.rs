//! Azure links: which tenants an organization may read through Longshore's own app.

use model::OrgId;

use crate::{
    Result, Store,
    db::{Row, sql},
};

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
        org: OrgId,
        tenant_id: &str,
        now_ms: i64,
    ) -> Result<AzureLink> {
        let tenant_id = tenant_id.to_lowercase();
        self.db
            .execute(
                sql("INSERT INTO azure_links (org_id, tenant_id, created_at_ms) VALUES ($1, $2, $3)")
                    .bind(org)
                    .bind(tenant_id.as_str())
                    .bind(now_ms),
            )
            .await?;
        Ok(AzureLink {
            org_id: org,
            tenant_id,
            created_at_ms: now_ms,
        })
    }

    /// The organization's link to this tenant.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_azure_link(&self, org: OrgId, tenant_id: &str) -> Result<Option<AzureLink>> {
        let query = sql("SELECT * FROM azure_links WHERE org_id = $1 AND tenant_id = $2")
            .bind(org)
            .bind(tenant_id.to_lowercase());
        let row = self.db.read_one(query).await?;
        row.as_ref().map(link_of).transpose()
    }

    /// The organization's links, by tenant.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_azure_links(&self, org: OrgId) -> Result<Vec<AzureLink>> {
        let query = sql("SELECT * FROM azure_links WHERE org_id = $1 ORDER BY tenant_id").bind(org);
        self.db.read(query).await?.iter().map(link_of).collect()
    }

    /// Unlinks a tenant; `false` when it was not linked.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_azure_link(&self, org: OrgId, tenant_id: &str) -> Result<bool> {
        let query = sql("DELETE FROM azure_links WHERE org_id = $1 AND tenant_id = $2")
            .bind(org)
            .bind(tenant_id.to_lowercase());
        Ok(self.db.execute(query).await? > 0)
    }
}

fn link_of(row: &Row) -> Result<AzureLink> {
    Ok(AzureLink {
        org_id: OrgId(row.get("org_id")?),
        tenant_id: row.get("tenant_id")?,
        created_at_ms: row.get("created_at_ms")?,
    })
}
