//! What is done to many tasks at once: Label Studio's Data Manager actions, the two that delete.

use axum::{Json, extract::State};
use engine::{BulkAction, Selection};
use model::{Actor, ProjectId, TaskId};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    App,
    api::{
        Answer,
        tasks::asked::{NO_VIEWS, SelectedItems, no_filters},
    },
    error::ApiError,
    extract::{Body, Query},
    fields::{Fields, Input},
    parameters::{Parameter, id, missing, text},
};

/// Of an action.
pub(crate) const PARAMETERS: [Parameter; 4] = [
    text("id"),
    id("project"),
    missing("view", NO_VIEWS),
    // Of Label Studio's front end, which says in the body what its tab selects.
    id("tabID"),
];

/// Which tasks of the project.
#[derive(ToSchema)]
pub(crate) struct ActionFields {
    #[schema(rename = "selectedItems")]
    #[schema(value_type = Object)]
    selected_items: Option<SelectedItems>,
    /// The same as the query's, when it is given.
    project: Option<i64>,
}

/// What was done.
#[derive(Serialize, ToSchema)]
pub(crate) struct ActionView {
    processed_items: i64,
    detail: String,
}

impl Input for ActionFields {
    // It narrows whose annotations go.
    const NOT_KEPT: &'static [&'static str] = &["annotator"];

    fn read(fields: &mut Fields) -> Self {
        no_filters(fields);
        // In which order tasks go changes nothing.
        let _ = fields.json("ordering");
        Self {
            selected_items: fields.object("selectedItems", SelectedItems::read).value(),
            project: fields.int("project").value(),
        }
    }
}

fn selection(items: SelectedItems) -> Answer<Selection> {
    let ids = |ids: Vec<i64>| ids.into_iter().map(TaskId).collect();
    let (named, other) = if items.all {
        (Selection::AllBut(ids(items.excluded)), items.included)
    } else {
        (Selection::Only(ids(items.included)), items.excluded)
    };
    if other.is_empty() {
        return Ok(named);
    }
    let message = "With all only excluded counts, without it only included: leave the other out.";
    Err(engine::Error::field("selectedItems", message).into())
}

pub(crate) async fn act(
    State(app): State<App>,
    actor: Actor,
    query: Query,
    Body(fields): Body<ActionFields>,
) -> Answer<Json<ActionView>> {
    let action = match query.text("id") {
        Some("delete_tasks") => BulkAction::DeleteTasks,
        Some("delete_tasks_annotations") => BulkAction::DeleteAnnotations,
        _ => {
            let message = "Give delete_tasks or delete_tasks_annotations.";
            return Err(engine::Error::field("id", message).into());
        }
    };
    let project: Option<ProjectId> = query.id("project")?;
    let same = fields.project.map(ProjectId);
    if project.is_some() && same.is_some() && project != same {
        let message = "The body names another project than the query.";
        return Err(engine::Error::field("project", message).into());
    }
    let project = project
        .or(same)
        .ok_or_else(|| ApiError::required("project"))?;
    let selected = fields
        .selected_items
        .ok_or_else(|| ApiError::required("selectedItems"))?;
    let done = app
        .engine
        .act_on_tasks(&actor, project, action, selection(selected)?)
        .await?;
    let (processed_items, what) = match action {
        BulkAction::DeleteTasks => (done.tasks, "tasks"),
        BulkAction::DeleteAnnotations => (done.annotations, "annotations"),
    };
    Ok(Json(ActionView {
        processed_items,
        detail: format!("Deleted {processed_items} {what}"),
    }))
}
