//! Projects, tasks and their results, as the store keeps them.

use serde_json::value::RawValue;

use crate::{
    AnnotationId, DraftId, OrgId, PredictionId, ProjectId, Role, SourceBlobId, StorageId, TaskId,
    UserId,
};

/// A person who can sign in, as a member of one organization.
#[derive(Clone, Debug)]
pub struct User {
    pub id: UserId,
    pub org_id: OrgId,
    pub email: String,
    pub first_name: String,
    pub last_name: String,
    pub role: Role,
    pub created_at_ms: i64,
}

/// A labeling project.
#[derive(Clone, Debug)]
pub struct Project {
    pub id: ProjectId,
    pub org_id: OrgId,
    pub title: String,
    pub description: String,
    /// Label Studio's XML.
    pub label_config: String,
    /// The rest of Label Studio's project settings (`color`, `maximum_annotations`, `sampling`, …), a JSON object.
    pub settings: Box<RawValue>,
    pub created_by: UserId,
    pub created_at_ms: i64,
    pub updated_at_ms: i64,
    pub task_count: i64,
    pub labeled_task_count: i64,
    pub annotation_count: i64,
    pub prediction_count: i64,
    pub cancelled_annotation_count: i64,
    /// It goes, and cannot be used any more.
    pub is_being_deleted: bool,
}

/// One item to label.
#[derive(Clone, Debug)]
pub struct Task {
    pub id: TaskId,
    pub org_id: OrgId,
    pub project_id: ProjectId,
    /// Position in its project, from 1.
    pub inner_id: i64,
    /// JSON object; blobs are named by canonical URI (`https://ACCOUNT.blob.core.windows.net/CONTAINER/BLOB`).
    pub data: Box<RawValue>,
    pub meta: Box<RawValue>,
    pub overlap: i64,
    pub is_labeled: bool,
    pub annotation_count: i64,
    pub cancelled_annotation_count: i64,
    pub prediction_count: i64,
    pub source_storage_id: Option<StorageId>,
    pub source_blob_id: Option<SourceBlobId>,
    /// The blob's name, for tasks that came from a storage.
    pub source_blob_name: Option<String>,
    pub updated_by: Option<UserId>,
    pub created_at_ms: i64,
    pub updated_at_ms: i64,
}

/// A person's result on a task.
#[derive(Clone, Debug)]
pub struct Annotation {
    pub id: AnnotationId,
    pub org_id: OrgId,
    pub project_id: ProjectId,
    pub task_id: TaskId,
    /// JSON array of regions.
    pub result: Box<RawValue>,
    pub was_cancelled: bool,
    pub ground_truth: bool,
    /// Seconds.
    pub lead_time: Option<f64>,
    pub completed_by: Option<UserId>,
    /// For Label Studio's `created_username`.
    pub completed_by_email: Option<String>,
    /// The name of an author who is no member: whoever made it where it was imported from.
    pub author: Option<String>,
    /// Its id there.
    pub import_id: Option<i64>,
    /// Whose it is as it stands: its author's, until somebody changes it.
    pub updated_by: Option<UserId>,
    pub parent_prediction: Option<PredictionId>,
    pub parent_annotation: Option<AnnotationId>,
    /// What the sender called it when it was made, if anything; one of a kind on its task.
    pub unique_id: Option<String>,
    pub created_at_ms: i64,
    pub updated_at_ms: i64,
}

/// A person's result on a task that is not submitted yet.
#[derive(Clone, Debug)]
pub struct Draft {
    pub id: DraftId,
    pub project_id: ProjectId,
    pub task_id: TaskId,
    /// The annotation that it changes; `None` for one that is still to be made.
    pub annotation_id: Option<AnnotationId>,
    pub user_id: UserId,
    pub user_email: String,
    /// JSON array of regions.
    pub result: Box<RawValue>,
    /// Seconds.
    pub lead_time: Option<f64>,
    pub created_at_ms: i64,
    pub updated_at_ms: i64,
}

/// A model's result on a task.
#[derive(Clone, Debug)]
pub struct Prediction {
    pub id: PredictionId,
    pub org_id: OrgId,
    pub project_id: ProjectId,
    pub task_id: TaskId,
    pub result: Box<RawValue>,
    pub score: Option<f64>,
    pub model_version: Option<String>,
    pub created_at_ms: i64,
    pub updated_at_ms: i64,
}
