//! What somebody has entered so far to connect a container, sealed: one draft a person, project and
//! direction, for a while.

use model::{Direction, OrgId, ProjectId, Secret, UserId};

use crate::{Result, Store, db::sql, seal::SealedRow};

/// Whose draft, and of what.
#[derive(Clone, Copy, Debug)]
pub struct ConnectDraftKey {
    pub org_id: OrgId,
    pub user_id: UserId,
    pub project_id: ProjectId,
    pub direction: Direction,
}

impl Store {
    /// Keeps what was entered until `expires_at_ms`; `false` when the project is not the
    /// organization's. Drafts that are over are removed with it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn keep_connect_draft(
        &self,
        key: ConnectDraftKey,
        content: &Secret,
        expires_at_ms: i64,
        now_ms: i64,
    ) -> Result<bool> {
        let mut tx = self.db.begin().await?;
        tx.execute(sql("DELETE FROM connect_drafts WHERE expires_at_ms <= $1").bind(now_ms))
            .await?;
        // The seal names the row, so the row is there first.
        let kept = tx
            .row(
                sql("INSERT INTO connect_drafts (org_id, user_id, project_id, direction, sealed, expires_at_ms)
                     SELECT org_id, $2, id, $4, $5, $6 FROM projects WHERE org_id = $1 AND id = $3
                     ON CONFLICT (org_id, user_id, project_id, direction)
                     DO UPDATE SET expires_at_ms = excluded.expires_at_ms RETURNING id")
                .bind(key.org_id)
                .bind(key.user_id)
                .bind(key.project_id)
                .bind(key.direction.as_str())
                .bind(Vec::new())
                .bind(expires_at_ms),
            )
            .await?;
        let Some(row) = kept else {
            return Ok(false);
        };
        let id: i64 = row.get("id")?;
        let sealed = self
            .seal_keys
            .seal(draft_row(key.org_id, id), content.expose().as_bytes())?;
        let update = "UPDATE connect_drafts SET sealed = $2 WHERE id = $1";
        tx.execute(sql(update).bind(id).bind(sealed)).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// What was entered, while it is kept. One that the sealing keys do not open any more is as
    /// good as over.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn connect_draft(&self, key: ConnectDraftKey, now_ms: i64) -> Result<Option<Secret>> {
        let query = sql(
            "SELECT id, sealed FROM connect_drafts WHERE org_id = $1 AND user_id = $2
             AND project_id = $3 AND direction = $4 AND expires_at_ms > $5",
        )
        .bind(key.org_id)
        .bind(key.user_id)
        .bind(key.project_id)
        .bind(key.direction.as_str())
        .bind(now_ms);
        let Some(row) = self.db.read_one(query).await? else {
            return Ok(None);
        };
        let at = draft_row(key.org_id, row.get("id")?);
        let opened = self.seal_keys.open(at, &row.get::<Vec<u8>>("sealed")?);
        Ok(opened
            .ok()
            .and_then(|plain| String::from_utf8(plain).ok())
            .map(Secret::new))
    }

    /// Forgets it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn drop_connect_draft(&self, key: ConnectDraftKey) -> Result<()> {
        let query = sql(
            "DELETE FROM connect_drafts WHERE org_id = $1 AND user_id = $2
             AND project_id = $3 AND direction = $4",
        )
        .bind(key.org_id)
        .bind(key.user_id)
        .bind(key.project_id)
        .bind(key.direction.as_str());
        self.db.execute(query).await.map(drop)
    }
}

fn draft_row(org: OrgId, id: i64) -> SealedRow {
    SealedRow {
        table: "connect_drafts",
        org_id: org.0,
        id,
    }
}
