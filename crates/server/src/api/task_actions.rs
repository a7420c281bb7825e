//! What is done to many tasks at once: Label Studio's Data Manager actions, the two that delete.

use axum::{Json, extract::State};
use engine::{BulkAction, Selection};
use model::{Actor, ProjectId, TaskId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};
use utoipa::ToSchema;

use crate::{
    App,
    api::Answer,
    error::ApiError,
    extract::{Body, Query},
    fields::{Fields, Input},
};

/// Which tasks of the project.
#[derive(ToSchema)]
pub(crate) struct ActionFields {
    #[schema(rename = "selectedItems")]
    selected_items: Option<SelectedItems>,
}

/// `included` when `all` is false, else all but `excluded`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SelectedItems {
    all: bool,
    #[serde(default)]
    included: Vec<i64>,
    #[serde(default)]
    excluded: Vec<i64>,
}

/// What was done.
#[derive(Serialize, ToSchema)]
pub(crate) struct ActionView {
    processed_items: i64,
    detail: String,
}

impl Input for ActionFields {
    const UNUSED: &'static [&'static str] = &["ordering", "project"];

    fn read(fields: &mut Fields) -> Self {
        // A filter that is not applied would delete more than was meant.
        if let Some(filters) = fields.json("filters").value()
            && serde_json::from_str::<Value>(filters.get())
                .is_ok_and(|filters| filters["items"] != Value::Array(Vec::new()))
        {
            fields.wrong(
                "filters",
                "Filters are not applied here: name the tasks in selectedItems.included.",
            );
        }
        let selected = fields.json("selectedItems").value();
        let selected_items = selected.and_then(|selected: Box<RawValue>| {
            serde_json::from_str(selected.get())
                .map_err(|error| fields.wrong("selectedItems", error.to_string()))
                .ok()
        });
        Self { selected_items }
    }
}

impl SelectedItems {
    fn into_selection(self) -> Selection {
        let ids = |ids: Vec<i64>| ids.into_iter().map(TaskId).collect();
        if self.all {
            Selection::AllBut(ids(self.excluded))
        } else {
            Selection::Only(ids(self.included))
        }
    }
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
    if query.text("view").is_some() {
        let message = "There are no views here: name the tasks in selectedItems.";
        return Err(engine::Error::field("view", message).into());
    }
    let project: ProjectId = query
        .id("project")?
        .ok_or_else(|| ApiError::required("project"))?;
    let selected = fields
        .selected_items
        .ok_or_else(|| ApiError::required("selectedItems"))?;
    let done = app
        .engine
        .act_on_tasks(&actor, project, action, selected.into_selection())
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
