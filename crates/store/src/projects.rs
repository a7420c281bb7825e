//! Projects, with counters that the same transactions keep exact.

use model::{OrgId, Project, ProjectId, UserId};
use serde_json::value::RawValue;

use crate::{
    Error, Result, Store,
    db::{Row, Tx, sql},
};

// A project's columns: of a statement that reads, and of one that writes.
macro_rules! read {
    () => {
        "SELECT projects.*, CAST(CASE WHEN EXISTS (SELECT 1 FROM deletions d
         WHERE d.project_id = projects.id AND d.storage_id IS NULL) THEN 1 ELSE 0 END AS BIGINT) AS is_being_deleted "
    };
}

macro_rules! matching {
    ($select:expr, $rest:literal) => {
        concat!(
            $select,
            "FROM projects WHERE org_id = $1 AND ($2 = '%%' OR LOWER(title) LIKE $2 ESCAPE '!'
             OR LOWER(description) LIKE $2 ESCAPE '!')",
            $rest
        )
    };
}

/// A project to create.
#[derive(Clone, Debug)]
pub struct NewProject {
    pub title: String,
    pub description: String,
    pub label_config: String,
    /// JSON object: the rest of Label Studio's settings.
    pub settings: Box<RawValue>,
    pub created_by: UserId,
}

/// What to change of a project; `None` leaves it.
#[derive(Clone, Debug, Default)]
pub struct ProjectPatch {
    pub title: Option<String>,
    pub description: Option<String>,
    pub label_config: Option<String>,
    pub settings: Option<Box<RawValue>>,
}

impl Store {
    /// Creates a project.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn create_project(
        &self,
        org: OrgId,
        project: &NewProject,
        now_ms: i64,
    ) -> Result<Project> {
        let rows = self
            .db
            .write(
                sql("INSERT INTO projects (org_id, title, description, label_config, settings, created_by,
                     created_at_ms, updated_at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
                     RETURNING *, CAST(0 AS BIGINT) AS is_being_deleted")
                .bind(org)
                .bind(project.title.as_str())
                .bind(project.description.as_str())
                .bind(project.label_config.as_str())
                .bind(&*project.settings)
                .bind(project.created_by)
                .bind(now_ms),
            )
            .await?;
        let row = rows
            .first()
            .ok_or_else(|| Error::new("a project was not inserted"))?;
        project_of(row)
    }

    /// A project of the organization.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_project(&self, org: OrgId, id: ProjectId) -> Result<Option<Project>> {
        let query = sql(concat!(
            read!(),
            "FROM projects WHERE org_id = $1 AND id = $2"
        ))
        .bind(org)
        .bind(id);
        let row = self.db.read_one(query).await?;
        row.as_ref().map(project_of).transpose()
    }

    /// The organization's projects with `search` in their title or description, newest first, and
    /// how many there are in all. An empty search finds every project.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_projects(
        &self,
        org: OrgId,
        search: &str,
        limit: i64,
        offset: i64,
    ) -> Result<(Vec<Project>, i64)> {
        let pattern = like_pattern(search);
        let query = sql(matching!(read!(), " ORDER BY id DESC LIMIT $3 OFFSET $4"))
            .bind(org)
            .bind(pattern.as_str())
            .bind(limit)
            .bind(offset);
        let rows = self.db.read(query).await?;
        let query = sql(matching!("SELECT COUNT(*) AS total ", ""))
            .bind(org)
            .bind(pattern.as_str());
        let total = self.db.read_one(query).await?;
        let total = total.map_or(Ok(0), |row| row.get("total"))?;
        Ok((rows.iter().map(project_of).collect::<Result<_>>()?, total))
    }

    /// How many annotations and predictions all projects have.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count_in_projects(&self, org: OrgId) -> Result<(i64, i64)> {
        let query = sql(
            "SELECT CAST(COALESCE(SUM(annotation_count), 0) AS BIGINT) AS annotations,
             CAST(COALESCE(SUM(prediction_count), 0) AS BIGINT) AS predictions
             FROM projects WHERE org_id = $1",
        );
        let counts = self.db.read_one(query.bind(org)).await?;
        counts.map_or(Ok((0, 0)), |row| {
            Ok((row.get("annotations")?, row.get("predictions")?))
        })
    }

    /// Changes a project; `None` when there is none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn update_project(
        &self,
        org: OrgId,
        id: ProjectId,
        patch: &ProjectPatch,
        now_ms: i64,
    ) -> Result<Option<Project>> {
        let rows = self
            .db
            .write(
                sql("UPDATE projects SET title = COALESCE($3, title), description = COALESCE($4, description),
                     label_config = COALESCE($5, label_config), settings = COALESCE($6, settings),
                     updated_at_ms = $7 WHERE org_id = $1 AND id = $2 AND NOT EXISTS (SELECT 1 FROM deletions d
                     WHERE d.project_id = projects.id AND d.storage_id IS NULL)
                     RETURNING *, CAST(0 AS BIGINT) AS is_being_deleted")
                .bind(org)
                .bind(id)
                .bind(patch.title.as_deref())
                .bind(patch.description.as_deref())
                .bind(patch.label_config.as_deref())
                .bind(patch.settings.as_deref().map(RawValue::get))
                .bind(now_ms),
            )
            .await?;
        rows.first().map(project_of).transpose()
    }

    /// Counts a project's tasks, annotations and predictions anew. The counters are kept exact by
    /// every write, so this changes nothing; tests hold that.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn recount_project(&self, org: OrgId, id: ProjectId) -> Result<Option<Project>> {
        let mut tx = self.db.begin().await?;
        recount(&mut tx, id).await?;
        tx.commit().await?;
        self.find_project(org, id).await
    }
}

/// What a transaction adds to a project's counters.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counted {
    pub tasks: i64,
    pub labeled_tasks: i64,
    pub annotations: i64,
    pub cancelled_annotations: i64,
    pub predictions: i64,
}

/// Moves the counters. Tasks are locked before their project everywhere, so no deadlock.
pub(crate) async fn count(tx: &mut Tx, project: ProjectId, by: Counted) -> Result<()> {
    tx.execute(
        sql("UPDATE projects SET task_count = task_count + $2, labeled_task_count = labeled_task_count + $3,
             annotation_count = annotation_count + $4,
             cancelled_annotation_count = cancelled_annotation_count + $5,
             prediction_count = prediction_count + $6 WHERE id = $1")
        .bind(project)
        .bind(by.tasks)
        .bind(by.labeled_tasks)
        .bind(by.annotations)
        .bind(by.cancelled_annotations)
        .bind(by.predictions),
    )
    .await?;
    Ok(())
}

/// Counts the project's tasks, annotations and predictions anew: after a mass deletion, and what
/// tests compare the counters with.
pub(crate) async fn recount(tx: &mut Tx, project: ProjectId) -> Result<()> {
    tx.execute(
        sql("UPDATE projects SET
             task_count = (SELECT COUNT(*) FROM tasks WHERE project_id = $1),
             labeled_task_count = (SELECT COUNT(*) FROM tasks WHERE project_id = $1 AND is_labeled = 1),
             annotation_count = (SELECT COUNT(*) FROM annotations WHERE project_id = $1 AND was_cancelled = 0),
             cancelled_annotation_count =
                 (SELECT COUNT(*) FROM annotations WHERE project_id = $1 AND was_cancelled = 1),
             prediction_count = (SELECT COUNT(*) FROM predictions WHERE project_id = $1)
             WHERE id = $1")
        .bind(project),
    )
    .await?;
    Ok(())
}

/// The `LIKE` pattern (with `ESCAPE '!'`) of lower-cased texts that hold this one anywhere.
pub(crate) fn like_pattern(text: &str) -> String {
    let mut pattern = String::from("%");
    for letter in text.trim().to_lowercase().chars() {
        if matches!(letter, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}

fn project_of(row: &Row) -> Result<Project> {
    Ok(Project {
        id: ProjectId(row.get("id")?),
        org_id: OrgId(row.get("org_id")?),
        title: row.get("title")?,
        description: row.get("description")?,
        label_config: row.get("label_config")?,
        settings: row.json("settings")?,
        created_by: UserId(row.get("created_by")?),
        created_at_ms: row.get("created_at_ms")?,
        updated_at_ms: row.get("updated_at_ms")?,
        task_count: row.get("task_count")?,
        labeled_task_count: row.get("labeled_task_count")?,
        annotation_count: row.get("annotation_count")?,
        prediction_count: row.get("prediction_count")?,
        cancelled_annotation_count: row.get("cancelled_annotation_count")?,
        is_being_deleted: row.flag("is_being_deleted")?,
    })
}
