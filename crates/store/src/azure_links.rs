//! Azure links: which tenants an organization may read through Longshore's own app.
//!
//! An unlinked tenant stays listed with the time it was unlinked. Every change raises the
//! organization's `links_version`, which every resolve reads anyway: it is seen at once, everywhere.

use model::{OrgId, UserId};

use crate::{
    Error, Result, Store,
    db::{Row, Tx, sql},
};

macro_rules! links {
    ($rest:literal) => {
        concat!(
            "SELECT l.*, u.email AS linked_by_email FROM azure_links l
             LEFT JOIN users u ON u.id = l.linked_by ",
            $rest
        )
    };
}

/// An organization's consented connection to one tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AzureLink {
    pub org_id: OrgId,
    pub tenant_id: String,
    /// By the name of who signed in there; for people only.
    pub tenant_domain: Option<String>,
    /// Our service principal in that tenant; what roles are granted to.
    pub principal_object_id: Option<String>,
    /// Who signed in at Entra ID; for people only.
    pub entra_username: Option<String>,
    /// The member who linked it; `None` for the operator.
    pub linked_by_email: Option<String>,
    pub created_at_ms: i64,
    /// From then on it is not used.
    pub unlinked_at_ms: Option<i64>,
    /// No pre-signed URL that was handed out with it lives longer.
    pub last_sas_expires_at_ms: Option<i64>,
    /// Why Entra ID gave no token when it was asked last, as JSON.
    pub problem: Option<String>,
}

/// A tenant to link.
#[derive(Clone, Copy, Debug, Default)]
pub struct NewAzureLink<'a> {
    /// Its GUID, kept in lower case.
    pub tenant_id: &'a str,
    pub tenant_domain: Option<&'a str>,
    pub principal_object_id: Option<&'a str>,
    pub entra_username: Option<&'a str>,
    pub linked_by: Option<UserId>,
}

/// Everything that decides how an organization's blobs are read outside its storages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinksOfOrg {
    /// Raised by every change.
    pub version: i64,
    /// Without any link, blobs are read without a credential.
    pub reads_anonymously: bool,
    /// By tenant, unlinked ones too.
    pub links: Vec<AzureLink>,
}

impl Store {
    /// Links a tenant, also one that was unlinked before; anonymous reading ends.
    ///
    /// # Errors
    /// `Conflict` when the organization holds this link already.
    pub async fn create_azure_link(
        &self,
        org: OrgId,
        link: &NewAzureLink<'_>,
        now_ms: i64,
    ) -> Result<AzureLink> {
        let tenant_id = link.tenant_id.to_lowercase();
        let mut tx = self.db.begin().await?;
        let linked = tx
            .execute(
                sql("INSERT INTO azure_links (org_id, tenant_id, tenant_domain, principal_object_id,
                     entra_username, linked_by, created_at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7)
                     ON CONFLICT (org_id, tenant_id) DO UPDATE SET tenant_domain = excluded.tenant_domain,
                     principal_object_id = excluded.principal_object_id, entra_username = excluded.entra_username,
                     linked_by = excluded.linked_by, created_at_ms = excluded.created_at_ms,
                     unlinked_at_ms = NULL, problem = NULL
                     WHERE azure_links.unlinked_at_ms IS NOT NULL")
                .bind(org)
                .bind(tenant_id.as_str())
                .bind(link.tenant_domain)
                .bind(link.principal_object_id)
                .bind(link.entra_username)
                .bind(link.linked_by)
                .bind(now_ms),
            )
            .await?;
        if linked == 0 {
            return Err(Error::conflict("an Azure link"));
        }
        let policy = "UPDATE orgs SET reads_anonymously = 0 WHERE id = $1";
        tx.execute(sql(policy).bind(org)).await?;
        raise_links_version(&mut tx, org).await?;
        tx.commit().await?;
        self.find_azure_link(org, &tenant_id)
            .await?
            .ok_or_else(|| Error::new("a link was gone as soon as it was made"))
    }

    /// The organization's link to this tenant, unless it was unlinked.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_azure_link(&self, org: OrgId, tenant_id: &str) -> Result<Option<AzureLink>> {
        let query = sql(links!(
            "WHERE l.org_id = $1 AND l.tenant_id = $2 AND l.unlinked_at_ms IS NULL"
        ))
        .bind(org)
        .bind(tenant_id.to_lowercase());
        let row = self.db.read_one(query).await?;
        row.as_ref().map(link_of).transpose()
    }

    /// The organization's links that are in use, by tenant.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_azure_links(&self, org: OrgId) -> Result<Vec<AzureLink>> {
        let query = sql(links!(
            "WHERE l.org_id = $1 AND l.unlinked_at_ms IS NULL ORDER BY l.tenant_id"
        ))
        .bind(org);
        self.db.read(query).await?.iter().map(link_of).collect()
    }

    /// All links and the policy for blobs outside storages; `None` when there is no such organization.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn links_of_org(&self, org: OrgId) -> Result<Option<LinksOfOrg>> {
        // The version first: links that are newer than it are read again, never the other way round.
        let query =
            sql("SELECT links_version, reads_anonymously FROM orgs WHERE id = $1").bind(org);
        let Some(row) = self.db.read_one(query).await? else {
            return Ok(None);
        };
        let links = sql(links!("WHERE l.org_id = $1 ORDER BY l.tenant_id")).bind(org);
        Ok(Some(LinksOfOrg {
            version: row.get("links_version")?,
            reads_anonymously: row.flag("reads_anonymously")?,
            links: self
                .db
                .read(links)
                .await?
                .iter()
                .map(link_of)
                .collect::<Result<_>>()?,
        }))
    }

    /// Unlinks a tenant; `false` when it was not linked. What the organization held because it was
    /// there first is given up, what it proved stays proven.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn unlink_azure_tenant(
        &self,
        org: OrgId,
        tenant_id: &str,
        now_ms: i64,
    ) -> Result<bool> {
        let tenant_id = tenant_id.to_lowercase();
        let mut tx = self.db.begin().await?;
        let unlink = "UPDATE azure_links SET unlinked_at_ms = $3, problem = NULL
             WHERE org_id = $1 AND tenant_id = $2 AND unlinked_at_ms IS NULL";
        let unlink = sql(unlink).bind(org).bind(tenant_id.as_str()).bind(now_ms);
        if tx.execute(unlink).await? == 0 {
            return Ok(false);
        }
        let give_up = "DELETE FROM container_claims WHERE org_id = $1 AND tenant_id = $2 AND basis <> 'proven'";
        tx.execute(sql(give_up).bind(org).bind(tenant_id)).await?;
        raise_links_version(&mut tx, org).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Reads blobs outside storages without a credential, or not at all; only matters while
    /// nothing is linked.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_reads_anonymously(&self, org: OrgId, allowed: bool) -> Result<()> {
        let mut tx = self.db.begin().await?;
        let set = "UPDATE orgs SET reads_anonymously = $2 WHERE id = $1";
        tx.execute(sql(set).bind(org).bind(allowed)).await?;
        raise_links_version(&mut tx, org).await?;
        tx.commit().await
    }

    /// Remembers that a pre-signed URL lives until then; never goes back. `false` when the tenant
    /// is not linked (any more).
    ///
    /// # Errors
    /// When the database fails.
    pub async fn note_last_sas(
        &self,
        org: OrgId,
        tenant_id: &str,
        expires_at_ms: i64,
    ) -> Result<bool> {
        let query = sql("UPDATE azure_links SET last_sas_expires_at_ms =
             CASE WHEN COALESCE(last_sas_expires_at_ms, 0) < $3 THEN $3 ELSE last_sas_expires_at_ms END
             WHERE org_id = $1 AND tenant_id = $2 AND unlinked_at_ms IS NULL")
        .bind(org)
        .bind(tenant_id.to_lowercase())
        .bind(expires_at_ms);
        Ok(self.db.execute(query).await? > 0)
    }

    /// Keeps why Entra ID gave no token for a link (JSON), or that it did (`None`).
    ///
    /// # Errors
    /// When the database fails.
    pub async fn note_link_problem(
        &self,
        org: OrgId,
        tenant_id: &str,
        problem: Option<&str>,
    ) -> Result<()> {
        let query = sql("UPDATE azure_links SET problem = $3
             WHERE org_id = $1 AND tenant_id = $2 AND unlinked_at_ms IS NULL")
        .bind(org)
        .bind(tenant_id.to_lowercase())
        .bind(problem);
        self.db.execute(query).await.map(drop)
    }
}

async fn raise_links_version(tx: &mut Tx, org: OrgId) -> Result<()> {
    let raise = "UPDATE orgs SET links_version = links_version + 1 WHERE id = $1";
    tx.execute(sql(raise).bind(org)).await.map(drop)
}

fn link_of(row: &Row) -> Result<AzureLink> {
    Ok(AzureLink {
        org_id: OrgId(row.get("org_id")?),
        tenant_id: row.get("tenant_id")?,
        tenant_domain: row.get("tenant_domain")?,
        principal_object_id: row.get("principal_object_id")?,
        entra_username: row.get("entra_username")?,
        linked_by_email: row.get("linked_by_email")?,
        created_at_ms: row.get("created_at_ms")?,
        unlinked_at_ms: row.get("unlinked_at_ms")?,
        last_sas_expires_at_ms: row.get("last_sas_expires_at_ms")?,
        problem: row.get("problem")?,
    })
}
