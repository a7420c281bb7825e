//! The label stream: what a person labeled last, and who else has a task open.

use axum::{Json, extract::State};
use engine::{AnnotationVersion, HistoryEntry, Presence, TaskPresence};
use model::{Actor, ProjectId, TaskId};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    App,
    api::Answer,
    extract::{Id, Query, instant},
};

/// One of the caller's annotations. The first two fields are Label Studio's.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HistoryView {
    task_id: i64,
    annotation_id: i64,
    /// When it was made.
    at: String,
    updated_at: String,
    /// The task was skipped.
    was_cancelled: bool,
    /// The blob that the task came from.
    name: Option<String>,
    /// The task's position in its project, from 1.
    inner_id: i64,
}

impl From<HistoryEntry> for HistoryView {
    fn from(entry: HistoryEntry) -> Self {
        Self {
            task_id: entry.task_id.0,
            annotation_id: entry.annotation_id.0,
            at: instant(entry.created_at_ms),
            updated_at: instant(entry.updated_at_ms),
            was_cancelled: entry.was_cancelled,
            name: entry.blob_name,
            inner_id: entry.inner_id,
        }
    }
}

/// Who else has the task open, and what tells that somebody saved.
#[derive(Serialize, ToSchema)]
pub(crate) struct PresenceView {
    others: Vec<OtherView>,
    annotations: Vec<VersionView>,
}

/// Somebody else who has the task open.
#[derive(Serialize, ToSchema)]
pub(crate) struct OtherView {
    email: String,
    seen_at: String,
}

/// An annotation and when it changed last.
#[derive(Serialize, ToSchema)]
pub(crate) struct VersionView {
    id: i64,
    updated_at: String,
}

impl From<TaskPresence> for PresenceView {
    fn from(presence: TaskPresence) -> Self {
        let other = |other: Presence| OtherView {
            email: other.email,
            seen_at: instant(other.seen_at_ms),
        };
        let version = |version: AnnotationVersion| VersionView {
            id: version.id.0,
            updated_at: instant(version.updated_at_ms),
        };
        Self {
            others: presence.others.into_iter().map(other).collect(),
            annotations: presence.annotations.into_iter().map(version).collect(),
        }
    }
}

pub(crate) async fn history(
    State(app): State<App>,
    actor: Actor,
    Id(project): Id<ProjectId>,
    query: Query,
) -> Answer<Json<Vec<HistoryView>>> {
    query.check_project(project)?;
    let entries = app.engine.label_history(&actor, project).await?;
    Ok(Json(entries.into_iter().map(HistoryView::from).collect()))
}

pub(crate) async fn note_presence(
    State(app): State<App>,
    actor: Actor,
    Id(task): Id<TaskId>,
) -> Answer<Json<PresenceView>> {
    let presence = app.engine.note_presence(&actor, task).await?;
    Ok(Json(presence.into()))
}
