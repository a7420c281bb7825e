//! Which controls and labels of its labeling config a project's annotations use.

use std::collections::BTreeMap;

use model::{OrgId, ProjectId};
use serde_json::{Value, value::RawValue};

use crate::{Result, Store, db::sql, task_batch::json};

/// Annotations that are in memory at once.
const AT_ONCE: usize = 500;

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

impl Store {
    /// What the newest annotations of a project use, at most `annotations` of them; skipped ones
    /// use nothing. Read here and not by the databases' JSON functions, which refuse a whole query
    /// for one odd text, each for another.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn label_uses(
        &self,
        org: OrgId,
        project: ProjectId,
        annotations: i64,
    ) -> Result<Vec<LabelUse>> {
        let newest = sql(
            "SELECT id FROM annotations WHERE org_id = $1 AND project_id = $2 AND was_cancelled = 0
             ORDER BY id DESC LIMIT $3",
        );
        let newest = newest.bind(org).bind(project).bind(annotations);
        let newest = self.db.read(newest).await?;
        let ids: Vec<i64> = newest
            .iter()
            .map(|row| row.get("id"))
            .collect::<Result<_>>()?;
        let mut uses = BTreeMap::new();
        for some in ids.chunks(AT_ONCE) {
            let query = sql("SELECT result FROM annotations WHERE org_id = $1
                 AND id IN (SELECT CAST(j.value AS BIGINT) FROM json_each($2) AS j)");
            let rows = self
                .db
                .read(query.bind(org).bind(json(some.iter())?))
                .await?;
            for row in &rows {
                count(&row.get::<String>("result")?, &mut uses);
            }
        }
        let uses = uses.into_iter();
        Ok(uses
            .map(|((control, labels), count)| LabelUse {
                control,
                labels,
                count,
            })
            .collect())
    }
}

/// Adds the results of one annotation. One that names no control, or that is not readable as JSON
/// text (half a surrogate pair), uses nothing.
fn count(result: &str, uses: &mut BTreeMap<(String, Vec<String>), i64>) {
    let items: Vec<&RawValue> = serde_json::from_str(result).unwrap_or_default();
    for item in items {
        let item: Value = serde_json::from_str(item.get()).unwrap_or_default();
        let Some(control) = item["from_name"].as_str() else {
            continue;
        };
        let of_kind = item["type"]
            .as_str()
            .map_or(&Value::Null, |kind| &item["value"][kind]);
        let labels = match of_kind {
            Value::Null => &item["value"]["labels"],
            labels => labels,
        };
        let mut found = Vec::new();
        collect(labels, &mut found);
        *uses.entry((control.to_owned(), found)).or_default() += 1;
    }
}

/// The texts of a JSON array, also of arrays in it: a taxonomy's paths. What is no array (a date, a
/// number) holds no labels.
fn collect(value: &Value, found: &mut Vec<String>) {
    for item in value.as_array().into_iter().flatten() {
        match item {
            Value::String(text) => found.push(text.clone()),
            other => collect(other, found),
        }
    }
}
