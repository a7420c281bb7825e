//! Container claims: which organization may use its Azure link on a container.
//!
//! One service principal serves every organization that links a tenant, so what it may read says
//! nothing about who may see it. The first organization on a container holds it; any other proves
//! control of the container by a marker blob.

use model::{AccountName, ContainerName, OrgId};

use crate::{Result, Store, db::sql};

/// An organization's standing on a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerClaim {
    /// Nobody else was there, or control is proven.
    pub is_held: bool,
    /// Name of the blob that proves control.
    pub marker: String,
}

/// Which container, for whose link.
#[derive(Clone, Copy, Debug)]
pub struct ClaimedContainer<'a> {
    pub account: &'a AccountName,
    pub container: &'a ContainerName,
    /// The link's.
    pub tenant_id: &'a str,
}

impl Store {
    /// Claims a container: held at once when no other organization has a storage on it or holds
    /// it, else asked for under this marker (the first one given stays).
    ///
    /// # Errors
    /// When the database fails.
    pub async fn claim_container(
        &self,
        org: OrgId,
        at: ClaimedContainer<'_>,
        marker: &str,
        now_ms: i64,
    ) -> Result<ContainerClaim> {
        match self.try_claim(org, at, marker, now_ms).await {
            // Another organization was first in this instant; now it is seen.
            Err(error) if error.is_conflict() => self.try_claim(org, at, marker, now_ms).await,
            claimed => claimed,
        }
    }

    async fn try_claim(
        &self,
        org: OrgId,
        at: ClaimedContainer<'_>,
        marker: &str,
        now_ms: i64,
    ) -> Result<ContainerClaim> {
        let mut tx = self.db.begin().await?;
        let insert = sql(
            "INSERT INTO container_claims (org_id, account, container, tenant_id, basis, marker, created_at_ms)
             VALUES ($1, $2, $3, $4, 'asked', $5, $6) ON CONFLICT (org_id, account, container) DO NOTHING",
        );
        tx.execute(
            insert
                .bind(org)
                .bind(at.account.as_str())
                .bind(at.container.as_str())
                .bind(at.tenant_id)
                .bind(marker)
                .bind(now_ms),
        )
        .await?;
        // Of two at the same time, the unique index lets one in.
        let hold = sql("UPDATE container_claims SET basis = 'first'
             WHERE org_id = $1 AND account = $2 AND container = $3 AND basis = 'asked'
             AND NOT EXISTS (SELECT 1 FROM storages s WHERE s.account = $2 AND s.container = $3 AND s.org_id <> $1)
             AND NOT EXISTS (SELECT 1 FROM container_claims c WHERE c.account = $2 AND c.container = $3
                 AND c.org_id <> $1 AND c.tenant_id = $4 AND c.basis <> 'asked')");
        tx.execute(
            hold.bind(org)
                .bind(at.account.as_str())
                .bind(at.container.as_str())
                .bind(at.tenant_id),
        )
        .await?;
        let row = tx
            .one(
                sql("SELECT basis, marker FROM container_claims
                     WHERE org_id = $1 AND account = $2 AND container = $3")
                .bind(org)
                .bind(at.account.as_str())
                .bind(at.container.as_str()),
            )
            .await?;
        let claim = ContainerClaim {
            is_held: row.get::<String>("basis")? != "asked",
            marker: row.get("marker")?,
        };
        tx.commit().await?;
        Ok(claim)
    }

    /// The marker was found: the organization holds the container, beside whoever else does.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn prove_container(&self, org: OrgId, at: ClaimedContainer<'_>) -> Result<()> {
        let query = sql("UPDATE container_claims SET basis = 'proven'
             WHERE org_id = $1 AND account = $2 AND container = $3")
        .bind(org)
        .bind(at.account.as_str())
        .bind(at.container.as_str());
        self.db.execute(query).await.map(drop)
    }
}
