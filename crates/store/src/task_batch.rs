//! Inserting a batch of tasks with what was labeled already: one JSON array a table.

use model::{OrgId, PredictionId, ProjectId, SourceBlobId, TaskId, UserId};
use serde_json::value::RawValue;

use crate::{
    Error, NewAnnotation, NewPrediction, NewTask, Result,
    db::{Tx, sql},
    outbox::enqueue_upserts,
    projects::{Counted, count},
};

/// What the tasks of a batch have in common.
pub(crate) struct TaskBatch {
    pub org_id: OrgId,
    pub project_id: ProjectId,
    pub by: Option<UserId>,
    pub now_ms: i64,
}

/// Where a task comes from: a blob, and the row in it (from 0).
pub(crate) type Source = (SourceBlobId, i64);

/// Inserts tasks, annotations and predictions, moves the counters and enqueues the export.
/// Answers the id of each row in the order given, `None` where the same row of the same blob is a
/// task already; `None` for all when the project is not the organization's.
pub(crate) async fn insert_tasks(
    tx: &mut Tx,
    batch: &TaskBatch,
    rows: &[(&NewTask, Option<Source>)],
) -> Result<Option<Vec<Option<TaskId>>>> {
    let reserved = tx
        .row(
            sql("UPDATE projects SET last_inner_id = last_inner_id + $3 WHERE org_id = $1 AND id = $2
                 AND NOT EXISTS (SELECT 1 FROM deletions d
                 WHERE d.project_id = projects.id AND d.storage_id IS NULL)
                 RETURNING last_inner_id")
            .bind(batch.org_id)
            .bind(batch.project_id)
            .bind(rows.len() as i64),
        )
        .await?;
    let Some(reserved) = reserved else {
        return Ok(None);
    };
    let first_inner_id = reserved.get::<i64>("last_inner_id")? - rows.len() as i64 + 1;
    let ids = insert_rows(tx, batch, rows, first_inner_id).await?;

    let mut counted = Counted::default();
    let (mut annotations, mut predictions) = (Vec::new(), Vec::new());
    for ((task, _), id) in rows.iter().zip(&ids) {
        let Some(id) = *id else { continue };
        let (valid, cancelled) = annotation_counts(task);
        counted.tasks += 1;
        counted.labeled_tasks += i64::from(valid > 0);
        counted.annotations += valid;
        counted.cancelled_annotations += cancelled;
        counted.predictions += task.predictions.len() as i64;
        let first = predictions.len();
        annotations.extend(task.annotations.iter().map(|annotation| {
            let began_with = annotation
                .origin
                .prediction
                .map(|position| first + position);
            (id, annotation, began_with)
        }));
        predictions.extend(task.predictions.iter().map(|prediction| (id, prediction)));
    }
    count(tx, batch.project_id, counted).await?;
    let mut prediction_ids = Vec::new();
    if !predictions.is_empty() {
        prediction_ids = insert_predictions(tx, batch, &predictions).await?;
    }
    if !annotations.is_empty() {
        insert_annotations(tx, batch, &annotations, &prediction_ids).await?;
    }
    Ok(Some(ids))
}

/// [`insert_tasks`], and rows that are tasks already take the data that they have now, as long as
/// nobody has annotated them. How many were created; `None` when the project is not the organization's.
pub(crate) async fn insert_or_renew(
    tx: &mut Tx,
    batch: &TaskBatch,
    rows: &[(&NewTask, Option<Source>)],
) -> Result<Option<i64>> {
    let Some(ids) = insert_tasks(tx, batch, rows).await? else {
        return Ok(None);
    };
    let known = || {
        rows.iter()
            .zip(&ids)
            .filter(|(_, id)| id.is_none())
            .filter_map(|((task, source), _)| source.map(|source| (task, source)))
    };
    if known().next().is_some() {
        let document = json(known().map(|(task, (blob, row))| {
            let meta = task.meta.as_deref().map_or("{}", RawValue::get);
            (blob, row, task.data.get(), meta)
        }))?;
        let renew = "UPDATE tasks SET data = j.value->>2, meta = j.value->>3, updated_at_ms = $2
             FROM json_each($1) AS j
             WHERE tasks.source_blob_id = CAST(j.value->>0 AS BIGINT)
             AND tasks.source_row = CAST(j.value->>1 AS BIGINT)
             AND tasks.annotation_count = 0 AND tasks.cancelled_annotation_count = 0
             AND (tasks.data <> j.value->>2 OR tasks.meta <> j.value->>3)";
        tx.execute(sql(renew).bind(document).bind(batch.now_ms))
            .await?;
    }
    Ok(Some(ids.iter().flatten().count() as i64))
}

async fn insert_rows(
    tx: &mut Tx,
    batch: &TaskBatch,
    rows: &[(&NewTask, Option<Source>)],
    first_inner_id: i64,
) -> Result<Vec<Option<TaskId>>> {
    let document = json(rows.iter().map(|(task, source)| {
        let (valid, cancelled) = annotation_counts(task);
        (
            task.data.get(),
            task.meta.as_deref().map_or("{}", RawValue::get),
            valid,
            cancelled,
            task.predictions.len(),
            source.map(|(blob, _)| blob),
            source.map(|(_, row)| row),
        )
    }))?;
    let inserted = tx
        .rows(
            sql("INSERT INTO tasks (org_id, project_id, inner_id, data, meta, annotation_count,
                 cancelled_annotation_count, prediction_count, is_labeled, source_blob_id, source_row,
                 updated_by, created_at_ms, updated_at_ms)
                 SELECT $2, $3, $4 + j.key, j.value->>0, j.value->>1, CAST(j.value->>2 AS BIGINT),
                 CAST(j.value->>3 AS BIGINT), CAST(j.value->>4 AS BIGINT),
                 CASE WHEN CAST(j.value->>2 AS BIGINT) > 0 THEN 1 ELSE 0 END,
                 CAST(j.value->>5 AS BIGINT), CAST(j.value->>6 AS BIGINT), $5, $6, $6
                 FROM json_each($1) AS j WHERE $6 >= 0
                 ON CONFLICT DO NOTHING RETURNING id, inner_id")
            .bind(document)
            .bind(batch.org_id)
            .bind(batch.project_id)
            .bind(first_inner_id)
            .bind(batch.by)
            .bind(batch.now_ms),
        )
        .await?;
    let mut ids = vec![None; rows.len()];
    for row in inserted {
        let position = usize::try_from(row.get::<i64>("inner_id")? - first_inner_id);
        let id = TaskId(row.get("id")?);
        *position
            .ok()
            .and_then(|position| ids.get_mut(position))
            .ok_or_else(|| Error::new("an inserted task has a foreign position"))? = Some(id);
    }
    Ok(ids)
}

async fn insert_annotations(
    tx: &mut Tx,
    batch: &TaskBatch,
    annotations: &[(TaskId, &NewAnnotation, Option<usize>)],
    predictions: &[PredictionId],
) -> Result<()> {
    let document = json(annotations.iter().map(|(task, annotation, began_with)| {
        let origin = &annotation.origin;
        let began_with = began_with.and_then(|position| predictions.get(position).copied());
        (
            task,
            annotation.result.get(),
            i64::from(annotation.was_cancelled),
            i64::from(annotation.ground_truth),
            annotation.lead_time,
            annotation.completed_by,
            annotation.parent_prediction.or(began_with),
            annotation.parent_annotation,
            origin.author.as_deref(),
            origin.import_id,
            origin.unique_id.as_deref(),
            origin.created_at_ms,
        )
    }))?;
    let inserted = tx
        .rows(
            sql("INSERT INTO annotations (org_id, project_id, task_id, result, was_cancelled, ground_truth,
                 lead_time, completed_by, parent_prediction_id, parent_annotation_id, author, import_id,
                 unique_id, created_at_ms, updated_at_ms)
                 SELECT $2, $3, CAST(j.value->>0 AS BIGINT), j.value->>1, CAST(j.value->>2 AS BIGINT),
                 CAST(j.value->>3 AS BIGINT), CAST(j.value->>4 AS DOUBLE PRECISION),
                 CAST(j.value->>5 AS BIGINT), CAST(j.value->>6 AS BIGINT), CAST(j.value->>7 AS BIGINT),
                 j.value->>8, CAST(j.value->>9 AS BIGINT), j.value->>10,
                 COALESCE(CAST(j.value->>11 AS BIGINT), $4), $4
                 FROM json_each($1) AS j RETURNING id")
            .bind(document)
            .bind(batch.org_id)
            .bind(batch.project_id)
            .bind(batch.now_ms),
        )
        .await?;
    let ids = inserted
        .iter()
        .map(|row| row.get("id"))
        .collect::<Result<Vec<i64>>>()?;
    enqueue_upserts(tx, &ids, batch.now_ms).await
}

/// Answers their ids, in the order given.
async fn insert_predictions(
    tx: &mut Tx,
    batch: &TaskBatch,
    predictions: &[(TaskId, &NewPrediction)],
) -> Result<Vec<PredictionId>> {
    let document = json(predictions.iter().map(|(task, prediction)| {
        (
            task,
            prediction.result.get(),
            prediction.score,
            prediction.model_version.as_deref(),
        )
    }))?;
    let inserted = tx.rows(
        sql(
            "INSERT INTO predictions (org_id, project_id, task_id, result, score, model_version,
             created_at_ms, updated_at_ms)
             SELECT $2, $3, CAST(j.value->>0 AS BIGINT), j.value->>1,
             CAST(j.value->>2 AS DOUBLE PRECISION), j.value->>3, $4, $4
             FROM json_each($1) AS j RETURNING id",
        )
        .bind(document)
        .bind(batch.org_id)
        .bind(batch.project_id)
        .bind(batch.now_ms),
    )
    .await?;
    let mut ids = inserted
        .iter()
        .map(|row| row.get("id").map(PredictionId))
        .collect::<Result<Vec<_>>>()?;
    // Numbered in the order of the rows; what is returned has no order of its own.
    ids.sort_unstable();
    Ok(ids)
}

/// (valid, cancelled)
fn annotation_counts(task: &NewTask) -> (i64, i64) {
    let cancelled = task
        .annotations
        .iter()
        .filter(|each| each.was_cancelled)
        .count() as i64;
    (task.annotations.len() as i64 - cancelled, cancelled)
}

/// The JSON array that a batch is bound as.
pub(crate) fn json<T: serde::Serialize>(rows: impl Iterator<Item = T>) -> Result<String> {
    let document = serde_json::to_string(&rows.collect::<Vec<_>>())
        .map_err(|source| Error::caused_by("a batch could not be written as JSON", source))?;
    // A null character of a text, and not a `\\u0000` that a JSON inside has.
    let has_null = document.match_indices("\\u0000").any(|(at, _)| {
        let before = document.as_bytes()[..at].iter().rev();
        before.take_while(|&&byte| byte == b'\\').count() % 2 == 0
    });
    if has_null {
        return Err(Error::null_character());
    }
    Ok(document)
}
