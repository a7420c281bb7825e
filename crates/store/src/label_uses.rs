//! Which controls and labels of its labeling config a project's annotations use.

use model::{OrgId, ProjectId};

use crate::{Result, Store, db::sql_of_each};

/// Some results of annotations that name the same control and the same labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelUse {
    /// `from_name`.
    pub control: String,
    /// None for results without labels: a text, a rating.
    pub labels: Vec<String>,
    /// How many results.
    pub count: i64,
}

/// The two databases name the kind of a JSON value differently.
macro_rules! uses {
    ($is_object:literal) => {
        concat!(
            "SELECT control, labels, COUNT(*) AS count FROM (
                 SELECT r.value->>'from_name' AS control,
                 CAST(COALESCE(r.value->'value'->>(r.value->>'type'), r.value->'value'->>'labels') AS TEXT) AS labels
                 FROM (SELECT result FROM annotations WHERE org_id = $1 AND project_id = $2
                       AND was_cancelled = 0 ORDER BY id DESC LIMIT $3) AS a, json_each(a.result) AS r
                 WHERE ",
            $is_object,
            ") AS used WHERE control IS NOT NULL GROUP BY control, labels"
        )
    };
}

impl Store {
    /// What the newest annotations of a project use, at most `annotations` of them; skipped ones
    /// use nothing.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn label_uses(
        &self,
        org: OrgId,
        project: ProjectId,
        annotations: i64,
    ) -> Result<Vec<LabelUse>> {
        let query = sql_of_each(
            uses!("r.type = 'object'"),
            uses!("jsonb_typeof(r.value) = 'object'"),
        );
        let query = query.bind(org).bind(project).bind(annotations);
        let rows = self.db.read(query).await?;
        rows.iter()
            .map(|row| {
                let labels: Option<String> = row.get("labels")?;
                Ok(LabelUse {
                    control: row.get("control")?,
                    labels: labels.as_deref().map(texts).unwrap_or_default(),
                    count: row.get("count")?,
                })
            })
            .collect()
    }
}

/// The texts of a JSON array, also of arrays in it: a taxonomy's paths. What is no array (a date, a
/// number) holds no labels.
fn texts(json: &str) -> Vec<String> {
    let value: serde_json::Value = serde_json::from_str(json).unwrap_or_default();
    let mut found = Vec::new();
    collect(&value, &mut found);
    found
}

fn collect(value: &serde_json::Value, found: &mut Vec<String>) {
    for item in value.as_array().into_iter().flatten() {
        match item {
            serde_json::Value::String(text) => found.push(text.clone()),
            other => collect(other, found),
        }
    }
}
