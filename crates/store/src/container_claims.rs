//! Container claims: which organization may use its Azure link on a container.
//!
//! One service principal serves every organization that links a tenant, so what it may read says
//! nothing about who may see it. An organization whose link is proven holds a container by naming
//! it while no other organization is there; everybody else proves control of the container by a
//! marker blob. A claim is used only while the link is in use, and every decision is made with the
//! link's row locked, so that unlinking is before or after it and never in between.

use model::{AccountName, ContainerName, OrgId};

use crate::{
    Result, Store,
    db::{Tx, sql, sql_of_each},
};

/// Where an organization stands on a container, through its link to a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The tenant is not linked.
    NotLinked,
    /// The link may be used there.
    Held,
    /// The link is proven and no other organization is there: who looks at the container holds it.
    Free,
    /// Control of the container must be proven.
    Asked,
}

/// What became of holding a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    pub standing: Standing,
    /// It was not held before.
    pub is_new: bool,
}

/// Which container, for whose link.
#[derive(Clone, Copy, Debug)]
pub struct ClaimedContainer<'a> {
    pub account: &'a AccountName,
    pub container: &'a ContainerName,
    /// The link's, in lower case.
    pub tenant_id: &'a str,
}

/// Another organization ($1 is ours) is on the container $3/$4 of the tenant $2: it holds it or held
/// it until it unlinked, or has a storage there that does not only rest on an unproven link.
macro_rules! taken {
    () => {
        "(EXISTS (SELECT 1 FROM container_claims o WHERE o.account = $3 AND o.container = $4
              AND o.tenant_id = $2 AND o.org_id <> $1 AND o.basis <> 'asked')
          OR EXISTS (SELECT 1 FROM storages s WHERE s.account = $3 AND s.container = $4 AND s.org_id <> $1
              AND (s.kind <> 'azure_link' OR EXISTS (SELECT 1 FROM azure_links p
                  WHERE p.org_id = s.org_id AND p.tenant_id = $2 AND p.proof IS NOT NULL))))"
    };
}

const STANDING: &str = concat!(
    "SELECT CASE
         WHEN c.basis = 'proven' OR (c.basis = 'first' AND l.proof IS NOT NULL) THEN 'held'
         WHEN l.proof IS NULL OR ",
    taken!(),
    " THEN 'asked' ELSE 'free' END AS standing
     FROM azure_links l LEFT JOIN container_claims c
     ON c.org_id = l.org_id AND c.tenant_id = l.tenant_id AND c.account = $3 AND c.container = $4
     WHERE l.org_id = $1 AND l.tenant_id = $2 AND l.unlinked_at_ms IS NULL"
);

impl Standing {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "held" => Self::Held,
            "free" => Self::Free,
            "asked" => Self::Asked,
            _ => return None,
        })
    }
}

impl Store {
    /// Where the organization stands on a container now; changes nothing.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn container_standing(
        &self,
        org: OrgId,
        at: ClaimedContainer<'_>,
    ) -> Result<Standing> {
        let row = self.db.read_one(of(STANDING, org, at)).await?;
        row.map_or(Ok(Standing::NotLinked), |row| {
            row.word("standing", Standing::parse)
        })
    }

    /// Holds a container that was looked at just now, when its standing is [`Standing::Free`].
    ///
    /// # Errors
    /// When the database fails.
    pub async fn hold_container(
        &self,
        org: OrgId,
        at: ClaimedContainer<'_>,
        now_ms: i64,
    ) -> Result<Hold> {
        match self.try_hold(org, at, now_ms).await {
            // Another organization was first in this instant; now it is seen.
            Err(error) if error.is_conflict() => self.try_hold(org, at, now_ms).await,
            held => held,
        }
    }

    async fn try_hold(&self, org: OrgId, at: ClaimedContainer<'_>, now_ms: i64) -> Result<Hold> {
        let mut tx = self.db.begin().await?;
        let Some(proof) = lock_link(&mut tx, org, at.tenant_id).await? else {
            return Ok(Hold {
                standing: Standing::NotLinked,
                is_new: false,
            });
        };
        let mut is_new = false;
        if proof.is_some() {
            add(&mut tx, org, at, "", now_ms).await?;
            let hold = concat!(
                "UPDATE container_claims SET basis = 'first' WHERE org_id = $1 AND tenant_id = $2
                 AND account = $3 AND container = $4 AND basis IN ('asked', 'ended') AND NOT ",
                taken!()
            );
            // Of two at the same time, the unique index lets one in.
            is_new = tx.execute(of(hold, org, at)).await? > 0;
        }
        let standing = tx.one(of(STANDING, org, at)).await?;
        let standing = standing.word("standing", Standing::parse)?;
        tx.commit().await?;
        Ok(Hold { standing, is_new })
    }

    /// Asks for proof; answers the name of the blob that gives it: the first one given stays, until
    /// the tenant is unlinked.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn ask_for_marker(
        &self,
        org: OrgId,
        at: ClaimedContainer<'_>,
        marker: &str,
        now_ms: i64,
    ) -> Result<String> {
        let mut tx = self.db.begin().await?;
        add(&mut tx, org, at, marker, now_ms).await?;
        let read = "SELECT marker FROM container_claims
             WHERE org_id = $1 AND tenant_id = $2 AND account = $3 AND container = $4";
        let marker = tx.one(of(read, org, at)).await?.get("marker")?;
        tx.commit().await?;
        Ok(marker)
    }

    /// This marker was found: the organization holds the container, beside whoever else does.
    /// `false` when the tenant was unlinked meanwhile, so that another marker is asked for.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn prove_container(
        &self,
        org: OrgId,
        at: ClaimedContainer<'_>,
        marker: &str,
    ) -> Result<bool> {
        let mut tx = self.db.begin().await?;
        if lock_link(&mut tx, org, at.tenant_id).await?.is_none() {
            return Ok(false);
        }
        let prove =
            "UPDATE container_claims SET basis = 'proven' WHERE org_id = $1 AND tenant_id = $2
             AND account = $3 AND container = $4 AND marker = $5 AND marker <> ''";
        let proven = tx.execute(of(prove, org, at).bind(marker)).await?;
        tx.commit().await?;
        Ok(proven > 0)
    }

    /// What the organization holds through its link to a tenant, as `ACCOUNT/CONTAINER`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn held_containers(&self, org: OrgId, tenant_id: &str) -> Result<Vec<String>> {
        let query = "SELECT account || '/' || container AS place FROM container_claims
             WHERE org_id = $1 AND tenant_id = $2 AND basis IN ('first', 'proven') ORDER BY 1";
        let rows = self.db.read(sql(query).bind(org).bind(tenant_id)).await?;
        rows.iter().map(|row| row.get("place")).collect()
    }
}

/// Ends every claim of an organization on a tenant's containers: a link that is made anew begins at
/// nothing, and a marker that was written for the old one proves nothing. What was held stays
/// reserved: whoever only names it is asked for proof.
pub(crate) async fn end_claims(tx: &mut Tx, org: OrgId, tenant_id: &str) -> Result<()> {
    let end = "UPDATE container_claims SET marker = '',
         basis = CASE WHEN basis = 'asked' THEN 'asked' ELSE 'ended' END
         WHERE org_id = $1 AND tenant_id = $2";
    tx.execute(sql(end).bind(org).bind(tenant_id))
        .await
        .map(drop)
}

/// Ends the claims that rest on the link's proof, when that is taken back. Nothing is reserved by
/// them: they were another organization's gift.
pub(crate) async fn end_named_claims(tx: &mut Tx, org: OrgId, tenant_id: &str) -> Result<()> {
    let end = "UPDATE container_claims SET basis = 'asked'
         WHERE org_id = $1 AND tenant_id = $2 AND basis = 'first'";
    tx.execute(sql(end).bind(org).bind(tenant_id))
        .await
        .map(drop)
}

fn of(text: &'static str, org: OrgId, at: ClaimedContainer<'_>) -> crate::db::Sql {
    sql(text)
        .bind(org)
        .bind(at.tenant_id)
        .bind(at.account.as_str())
        .bind(at.container.as_str())
}

/// A row to decide on. A claim that was made through another tenant's link says nothing any more:
/// the account has moved.
async fn add(
    tx: &mut Tx,
    org: OrgId,
    at: ClaimedContainer<'_>,
    marker: &str,
    now_ms: i64,
) -> Result<()> {
    let add = "INSERT INTO container_claims (org_id, tenant_id, account, container, basis, marker, created_at_ms)
         VALUES ($1, $2, $3, $4, 'asked', $5, $6)
         ON CONFLICT (org_id, account, container) DO UPDATE SET
         basis = CASE WHEN container_claims.tenant_id = excluded.tenant_id
             THEN container_claims.basis ELSE 'asked' END,
         tenant_id = excluded.tenant_id, marker = excluded.marker
         WHERE container_claims.tenant_id <> excluded.tenant_id OR container_claims.marker = ''";
    tx.execute(of(add, org, at).bind(marker).bind(now_ms))
        .await
        .map(drop)
}

/// The proof of a link that is in use, locked until the transaction ends; `None` without one.
async fn lock_link(tx: &mut Tx, org: OrgId, tenant_id: &str) -> Result<Option<Option<String>>> {
    macro_rules! link {
        ($lock:literal) => {
            concat!(
                "SELECT proof FROM azure_links
                 WHERE org_id = $1 AND tenant_id = $2 AND unlinked_at_ms IS NULL ",
                $lock
            )
        };
    }
    // SQLite has locked the whole database already.
    let lock = sql_of_each(link!(""), link!("FOR UPDATE"));
    let row = tx.row(lock.bind(org).bind(tenant_id)).await?;
    row.map(|row| row.get("proof")).transpose()
}
