//! Predictions.

use model::{OrgId, Prediction, PredictionId, ProjectId, TaskId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    Result, Store,
    db::{Row, Tx, sql},
    projects::{Counted, count},
    task_batch::json,
};

/// A prediction to create.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewPrediction {
    /// JSON array of regions.
    pub result: Box<RawValue>,
    pub score: Option<f64>,
    pub model_version: Option<String>,
}

/// What to change of a prediction; `None` leaves it.
#[derive(Clone, Debug, Default)]
pub struct PredictionPatch {
    pub result: Option<Box<RawValue>>,
    pub score: Option<f64>,
    pub model_version: Option<String>,
}

/// Which predictions to list; without a filter, all of the organization.
#[derive(Clone, Copy, Debug, Default)]
pub struct PredictionQuery {
    pub project: Option<ProjectId>,
    pub task: Option<TaskId>,
}

impl Store {
    /// Creates a prediction; `None` when there is no such task.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn create_prediction(
        &self,
        org: OrgId,
        task: TaskId,
        prediction: &NewPrediction,
        now_ms: i64,
    ) -> Result<Option<Prediction>> {
        let mut tx = self.db.begin().await?;
        let Some(project) = add_prediction(&mut tx, org, task, 1).await? else {
            return Ok(None);
        };
        let row = tx
            .one(
                sql("INSERT INTO predictions (org_id, project_id, task_id, result, score, model_version,
                     created_at_ms, updated_at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $7) RETURNING *")
                .bind(org)
                .bind(project)
                .bind(task)
                .bind(&*prediction.result)
                .bind(prediction.score)
                .bind(prediction.model_version.as_deref())
                .bind(now_ms),
            )
            .await?;
        tx.commit().await?;
        prediction_of(&row).map(Some)
    }

    /// A prediction of the organization.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_prediction(
        &self,
        org: OrgId,
        id: PredictionId,
    ) -> Result<Option<Prediction>> {
        let query = sql("SELECT * FROM predictions WHERE org_id = $1 AND id = $2");
        let row = self.db.read_one(query.bind(org).bind(id)).await?;
        row.as_ref().map(prediction_of).transpose()
    }

    /// Predictions, by id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_predictions(
        &self,
        org: OrgId,
        query: &PredictionQuery,
    ) -> Result<Vec<Prediction>> {
        // Fixed texts, so that each filter uses its index.
        let query = match (query.task, query.project) {
            (Some(task), project) => sql(
                "SELECT * FROM predictions WHERE org_id = $1 AND task_id = $2
                 AND project_id = COALESCE($3, project_id) ORDER BY id",
            )
            .bind(org)
            .bind(task)
            .bind(project),
            (None, Some(project)) => {
                sql("SELECT * FROM predictions WHERE org_id = $1 AND project_id = $2 ORDER BY id")
                    .bind(org)
                    .bind(project)
            }
            (None, None) => {
                sql("SELECT * FROM predictions WHERE org_id = $1 ORDER BY id").bind(org)
            }
        };
        self.db
            .read(query)
            .await?
            .iter()
            .map(prediction_of)
            .collect()
    }

    /// The predictions of these tasks, by task and id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_predictions_of_tasks(
        &self,
        org: OrgId,
        tasks: &[TaskId],
    ) -> Result<Vec<Prediction>> {
        let query = sql("SELECT * FROM predictions WHERE org_id = $1
             AND task_id IN (SELECT CAST(j.value AS BIGINT) FROM json_each($2) AS j) ORDER BY task_id, id");
        let rows = self
            .db
            .read(query.bind(org).bind(json(tasks.iter())?))
            .await?;
        rows.iter().map(prediction_of).collect()
    }

    /// Changes a prediction; `None` when there is none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn update_prediction(
        &self,
        org: OrgId,
        id: PredictionId,
        patch: &PredictionPatch,
        now_ms: i64,
    ) -> Result<Option<Prediction>> {
        let rows = self
            .db
            .write(
                sql("UPDATE predictions SET result = COALESCE($3, result), score = COALESCE($4, score),
                     model_version = COALESCE($5, model_version), updated_at_ms = $6
                     WHERE org_id = $1 AND id = $2 RETURNING *")
                .bind(org)
                .bind(id)
                .bind(patch.result.as_deref().map(RawValue::get))
                .bind(patch.score)
                .bind(patch.model_version.as_deref())
                .bind(now_ms),
            )
            .await?;
        rows.first().map(prediction_of).transpose()
    }

    /// Deletes a prediction; `false` when there is none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_prediction(&self, org: OrgId, id: PredictionId) -> Result<bool> {
        let mut tx = self.db.begin().await?;
        let task = sql("SELECT task_id FROM predictions WHERE org_id = $1 AND id = $2");
        let Some(task) = tx.row(task.bind(org).bind(id)).await? else {
            return Ok(false);
        };
        // The task before its prediction: the order in which every transaction locks.
        add_prediction(&mut tx, org, TaskId(task.get("task_id")?), -1).await?;
        let delete = sql("DELETE FROM predictions WHERE org_id = $1 AND id = $2");
        if tx.execute(delete.bind(org).bind(id)).await? == 0 {
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }
}

/// Adds to the prediction counters of a task and its project; the project, or `None` when there is
/// no such task.
async fn add_prediction(
    tx: &mut Tx,
    org: OrgId,
    task: TaskId,
    predictions: i64,
) -> Result<Option<ProjectId>> {
    let update = sql("UPDATE tasks SET prediction_count = prediction_count + $3
         WHERE org_id = $1 AND id = $2 RETURNING project_id");
    let Some(row) = tx
        .row(update.bind(org).bind(task).bind(predictions))
        .await?
    else {
        return Ok(None);
    };
    let project = ProjectId(row.get("project_id")?);
    let counted = Counted {
        predictions,
        ..Counted::default()
    };
    count(tx, project, counted).await?;
    Ok(Some(project))
}

fn prediction_of(row: &Row) -> Result<Prediction> {
    Ok(Prediction {
        id: PredictionId(row.get("id")?),
        org_id: OrgId(row.get("org_id")?),
        project_id: ProjectId(row.get("project_id")?),
        task_id: TaskId(row.get("task_id")?),
        result: row.json("result")?,
        score: row.get("score")?,
        model_version: row.get("model_version")?,
        created_at_ms: row.get("created_at_ms")?,
        updated_at_ms: row.get("updated_at_ms")?,
    })
}
