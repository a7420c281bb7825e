//! A task in Label Studio's forms.

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{Annotation, ExportAnnotation, Prediction, instant};

/// What every form of a task has.
#[derive(Debug, Serialize, ToSchema)]
struct TaskMembers {
    id: i64,
    #[schema(value_type = Object)]
    data: Box<RawValue>,
    #[schema(value_type = Object)]
    meta: Box<RawValue>,
    created_at: String,
    updated_at: String,
    /// Position in its project, from 1.
    inner_id: i64,
    total_annotations: i64,
    cancelled_annotations: i64,
    total_predictions: i64,
    comment_count: i64,
    unresolved_comment_count: i64,
    last_comment_updated_at: Option<String>,
    project: i64,
    comment_authors: Vec<i64>,
}

impl From<model::Task> for TaskMembers {
    fn from(task: model::Task) -> Self {
        Self {
            id: task.id.0,
            data: task.data,
            meta: task.meta,
            created_at: instant(task.created_at_ms),
            updated_at: instant(task.updated_at_ms),
            inner_id: task.inner_id,
            total_annotations: task.annotation_count,
            cancelled_annotations: task.cancelled_annotation_count,
            total_predictions: task.prediction_count,
            comment_count: 0,
            unresolved_comment_count: 0,
            last_comment_updated_at: None,
            project: task.project_id.0,
            comment_authors: Vec::new(),
        }
    }
}

/// A task of the API, which says `updated_by` in two ways, and of files.
#[derive(Debug, Serialize, ToSchema)]
pub struct Task {
    #[serde(flatten)]
    members: TaskMembers,
    is_labeled: bool,
    overlap: i64,
    file_upload: Option<i64>,
}

impl From<model::Task> for Task {
    fn from(task: model::Task) -> Self {
        Self {
            is_labeled: task.is_labeled,
            overlap: task.overlap,
            file_upload: None,
            members: task.into(),
        }
    }
}

/// A task in a file of a container.
#[derive(Debug, Serialize)]
pub(super) struct FiledTask {
    #[serde(flatten)]
    task: Task,
    allow_skip: bool,
    precomputed_agreement: Option<f64>,
    updated_by: Option<i64>,
}

impl From<model::Task> for FiledTask {
    fn from(task: model::Task) -> Self {
        Self {
            allow_skip: true,
            precomputed_agreement: None,
            updated_by: task.updated_by.map(|user| user.0),
            task: task.into(),
        }
    }
}

/// The file of one task, with all that was said of it.
#[derive(Debug, Serialize)]
pub struct TaskFile {
    #[serde(flatten)]
    task: FiledTask,
    annotations: Vec<Annotation>,
    predictions: Vec<Prediction>,
}

impl TaskFile {
    /// Of a task with its annotations and predictions, in their order.
    pub fn new(
        task: model::Task,
        annotations: Vec<model::Annotation>,
        predictions: Vec<model::Prediction>,
    ) -> Self {
        Self {
            task: task.into(),
            annotations: annotations.into_iter().map(Annotation::from).collect(),
            predictions: predictions.into_iter().map(Prediction::from).collect(),
        }
    }
}

/// A task of the download: its URIs as they are stored, its predictions whole, so that it can be
/// imported again (Label Studio names them by id, and refuses its own file).
#[derive(Debug, Serialize)]
pub struct ExportTask {
    #[serde(flatten)]
    members: TaskMembers,
    annotations: Vec<ExportAnnotation>,
    drafts: [i64; 0],
    predictions: Vec<Prediction>,
    allow_skip: bool,
    updated_by: Option<i64>,
}

impl ExportTask {
    /// Of a task with its annotations and predictions, in their order.
    pub fn new(
        task: model::Task,
        annotations: Vec<model::Annotation>,
        predictions: Vec<model::Prediction>,
    ) -> Self {
        Self {
            annotations: annotations.into_iter().map(Into::into).collect(),
            drafts: [],
            predictions: predictions.into_iter().map(Prediction::from).collect(),
            allow_skip: true,
            updated_by: task.updated_by.map(|user| user.0),
            members: task.into(),
        }
    }
}
