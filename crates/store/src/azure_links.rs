//! Azure links: which tenants an organization may read through Longshore's own app.
//!
//! An unlinked tenant stays listed with the time it was unlinked. Every change raises the
//! organization's `links_version`, which every resolve reads anyway: it is seen at once, everywhere.

use model::{OrgId, UserId};

use crate::{
    Error, Result, Store,
    container_claims::{end_claims, end_named_claims},
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

/// Who has shown that the tenant wants this organization to use the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkProof {
    /// An administrator of the tenant has signed in for it.
    Administrator,
    /// The operator made the link by command.
    Operator,
    /// The owners of an organization that holds the tenant have agreed.
    Agreed,
    /// It is from before proof was asked for, and nobody else has linked the tenant.
    Kept,
}

impl LinkProof {
    /// As stored and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Operator => "operator",
            Self::Agreed => "agreed",
            Self::Kept => "kept",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [
            Self::Administrator,
            Self::Operator,
            Self::Agreed,
            Self::Kept,
        ]
        .into_iter()
        .find(|proof| proof.as_str() == text)
    }

    /// Who holds the tenant by it may agree that others do too.
    pub fn may_agree(self) -> bool {
        self != Self::Agreed
    }
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
    /// Without one the link gives only containers whose marker was found.
    pub proof: Option<LinkProof>,
}

/// A link as other organizations of the same tenant may come to know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkOfTenant {
    pub org_id: OrgId,
    pub org_name: String,
    pub entra_username: Option<String>,
    pub created_at_ms: i64,
    pub proof: Option<LinkProof>,
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
    pub proof: Option<LinkProof>,
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
                     entra_username, linked_by, created_at_ms, proof) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
                     ON CONFLICT (org_id, tenant_id) DO UPDATE SET tenant_domain = excluded.tenant_domain,
                     principal_object_id = excluded.principal_object_id, entra_username = excluded.entra_username,
                     linked_by = excluded.linked_by, created_at_ms = excluded.created_at_ms,
                     unlinked_at_ms = NULL, problem = NULL, proof = excluded.proof
                     WHERE azure_links.unlinked_at_ms IS NOT NULL")
                .bind(org)
                .bind(tenant_id.as_str())
                .bind(link.tenant_domain)
                .bind(link.principal_object_id)
                .bind(link.entra_username)
                .bind(link.linked_by)
                .bind(now_ms)
                .bind(link.proof.map(LinkProof::as_str)),
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

    /// The links to a tenant that are in use, of every organization, the oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn links_to_tenant(&self, tenant_id: &str) -> Result<Vec<LinkOfTenant>> {
        let query = "SELECT l.*, o.title AS org_name FROM azure_links l JOIN orgs o ON o.id = l.org_id
             WHERE l.tenant_id = $1 AND l.unlinked_at_ms IS NULL ORDER BY l.created_at_ms, l.org_id";
        let rows = self
            .db
            .read(sql(query).bind(tenant_id.to_lowercase()))
            .await?;
        let link = |row: &Row| {
            Ok(LinkOfTenant {
                org_id: OrgId(row.get("org_id")?),
                org_name: row.get("org_name")?,
                entra_username: row.get("entra_username")?,
                created_at_ms: row.get("created_at_ms")?,
                proof: proof_of(row)?,
            })
        };
        rows.iter().map(link).collect()
    }

    /// An administrator of the tenant has signed in for this organization, whose link is in use;
    /// `false` when that was proven so already, or there is no such link.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn prove_azure_link(
        &self,
        org: OrgId,
        tenant_id: &str,
        entra_username: Option<&str>,
    ) -> Result<bool> {
        let mut tx = self.db.begin().await?;
        let prove = "UPDATE azure_links SET proof = 'administrator', entra_username = $3
             WHERE org_id = $1 AND tenant_id = $2 AND unlinked_at_ms IS NULL
             AND COALESCE(proof, '') <> 'administrator'";
        let prove = sql(prove).bind(org).bind(tenant_id).bind(entra_username);
        let proven = tx.execute(prove).await?;
        raise_links_version(&mut tx, org).await?;
        tx.commit().await?;
        Ok(proven > 0)
    }

    /// The owners of an organization that holds the tenant agree that another one, which has linked
    /// it too, does so as well, or take that back. `false` when there is nothing to change: the
    /// other's link is not in use, is proven otherwise, or who agrees does not hold the tenant.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn agree_on_link(
        &self,
        holder: OrgId,
        tenant_id: &str,
        other: OrgId,
        agreed: bool,
    ) -> Result<bool> {
        macro_rules! agree {
            ($set:literal) => {
                concat!(
                    "UPDATE azure_links SET ",
                    $set,
                    " AND org_id = $3 AND org_id <> $1 AND tenant_id = $2 AND unlinked_at_ms IS NULL
                     AND EXISTS (SELECT 1 FROM azure_links h WHERE h.org_id = $1 AND h.tenant_id = $2
                         AND h.unlinked_at_ms IS NULL AND h.proof IN ('administrator', 'operator', 'kept'))"
                )
            };
        }
        let mut tx = self.db.begin().await?;
        let set = match agreed {
            true => agree!("proof = 'agreed' WHERE proof IS NULL"),
            false => agree!("proof = NULL WHERE proof = 'agreed'"),
        };
        let set = sql(set).bind(holder).bind(tenant_id).bind(other);
        if tx.execute(set).await? == 0 {
            return Ok(false);
        }
        if !agreed {
            end_named_claims(&mut tx, other, tenant_id).await?;
        }
        raise_links_version(&mut tx, other).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Unlinks a tenant; `false` when it was not linked. Every claim on its containers ends, and
    /// what was held stays reserved.
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
        end_claims(&mut tx, org, &tenant_id).await?;
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
        proof: proof_of(row)?,
    })
}

fn proof_of(row: &Row) -> Result<Option<LinkProof>> {
    match row.get::<Option<String>>("proof")? {
        Some(_) => row.word("proof", LinkProof::parse).map(Some),
        None => Ok(None),
    }
}
