//! What an object of a target storage should hold now.

use formats::LabeledTask;
use model::Storage;
use store::{OutboxItem, OutboxOp, PredictionQuery};

use crate::{Engine, Result};

/// The state that an object should have.
#[derive(Debug)]
pub(super) enum Wanted {
    /// These bytes.
    Content(Vec<u8>),
    /// Not there.
    Absent,
    /// As it is: what it shows is gone, and the storage does not delete.
    Untouched,
}

/// Renders the present state, which may be newer than the change that enqueued the object.
///
/// A task's file shows the annotations that the task has. When it has none left, the file goes
/// where the storage deletes, and stays as it is where it does not.
///
/// # Errors
/// When the database fails.
pub(super) async fn wanted(
    engine: &Engine,
    item: &OutboxItem,
    storage: &Storage,
) -> Result<Wanted> {
    let store = engine.store();
    let gone = if storage.can_delete_objects && !is_closed(engine, storage).await? {
        Wanted::Absent
    } else {
        Wanted::Untouched
    };
    if item.op == OutboxOp::Delete && item.annotation_id.is_some() {
        return Ok(gone);
    }
    let Some(task) = store.find_task(item.org_id, item.task_id).await? else {
        return Ok(gone);
    };
    let Some(id) = item.annotation_id else {
        let annotations = store.list_annotations_of_task(item.org_id, task.id).await?;
        if annotations.is_empty() {
            return Ok(gone);
        }
        let of_task = PredictionQuery {
            task: Some(task.id),
            ..PredictionQuery::default()
        };
        let predictions = store.list_predictions(item.org_id, &of_task).await?;
        let labeled = LabeledTask {
            task,
            annotations,
            predictions,
        };
        return Ok(Wanted::Content(formats::task_object(labeled)));
    };
    let Some(annotation) = store.find_annotation(item.org_id, id).await? else {
        return Ok(gone);
    };
    let by = match annotation.completed_by {
        Some(user) => store.find_user(item.org_id, user).await?,
        None => None,
    };
    let content = formats::annotation_object(task, annotation, by);
    Ok(Wanted::Content(content))
}

/// The storage is being deleted, or its project: then what is gone from the database stays in the
/// container.
async fn is_closed(engine: &Engine, storage: &Storage) -> Result<bool> {
    let found = engine.store().find_storage(storage.org_id, storage.id);
    Ok(found.await?.is_none())
}
