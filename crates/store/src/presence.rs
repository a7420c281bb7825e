//! Who has a task open.

use model::{AnnotationId, OrgId, TaskId, UserId};

use crate::{Result, Store, db::sql};

/// A person who has a task open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presence {
    pub user_id: UserId,
    pub email: String,
    pub seen_at_ms: i64,
}

/// An annotation and when it changed last: enough to tell that somebody else saved it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnnotationVersion {
    pub id: AnnotationId,
    pub updated_at_ms: i64,
}

impl Store {
    /// Keeps that a person has a task open; the task is the organization's.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn note_presence(
        &self,
        org: OrgId,
        user: UserId,
        task: TaskId,
        now_ms: i64,
    ) -> Result<()> {
        let note = sql(
            "INSERT INTO task_presence (task_id, org_id, user_id, seen_at_ms)
             SELECT id, org_id, $2, $4 FROM tasks WHERE org_id = $1 AND id = $3
             ON CONFLICT (task_id, user_id) DO UPDATE SET seen_at_ms = excluded.seen_at_ms",
        );
        let note = note.bind(org).bind(user).bind(task).bind(now_ms);
        self.db.execute(note).await.map(drop)
    }

    /// Who has been seen on a task after this instant, by user.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn present_on_task(
        &self,
        org: OrgId,
        task: TaskId,
        since_ms: i64,
    ) -> Result<Vec<Presence>> {
        let query = sql(
            "SELECT p.user_id, p.seen_at_ms, u.email FROM task_presence p JOIN users u ON u.id = p.user_id
             WHERE p.org_id = $1 AND p.task_id = $2 AND p.seen_at_ms > $3 ORDER BY p.user_id",
        );
        let rows = self.db.read(query.bind(org).bind(task).bind(since_ms));
        rows.await?
            .iter()
            .map(|row| {
                Ok(Presence {
                    user_id: UserId(row.get("user_id")?),
                    email: row.get("email")?,
                    seen_at_ms: row.get("seen_at_ms")?,
                })
            })
            .collect()
    }

    /// The versions of a task's annotations, by id; `None` when there is no such task.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn annotation_versions(
        &self,
        org: OrgId,
        task: TaskId,
    ) -> Result<Option<Vec<AnnotationVersion>>> {
        let query = sql(
            "SELECT a.id, a.updated_at_ms FROM tasks t LEFT JOIN annotations a ON a.task_id = t.id
             WHERE t.org_id = $1 AND t.id = $2 ORDER BY a.id",
        );
        let rows = self.db.read(query.bind(org).bind(task)).await?;
        if rows.is_empty() {
            return Ok(None);
        }
        let mut versions = Vec::new();
        for row in rows {
            // A task without annotations is one row of nulls.
            if let Some(id) = row.get::<Option<i64>>("id")? {
                versions.push(AnnotationVersion {
                    id: AnnotationId(id),
                    updated_at_ms: row.get("updated_at_ms")?,
                });
            }
        }
        Ok(Some(versions))
    }
}
