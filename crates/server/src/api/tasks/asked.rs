//! What is asked of a list of tasks: the parameters that act, and Label Studio's that do not.

use engine::TaskOrder;
use model::TaskId;

use super::Detail;
use crate::{
    api::Answer,
    extract::Query,
    fields::{Fields, Input},
    parameters::{ANY_PAGE_SIZE, PAGE, Parameter, flag, id, missing, one_of, only, text},
};

const NO_FILTERS: &str = "Tasks are not filtered here: choose them by query={\"selectedItems\": {\"all\": false, \"included\": [3, 4]}}.";
pub(crate) const NO_VIEWS: &str = "There are no views (tabs of the Data Manager) here.";

/// Of the list of tasks.
pub(crate) const LIST: [Parameter; 16] = [
    id("project"),
    one_of("fields", &["all", "task_only"]),
    PAGE,
    ANY_PAGE_SIZE,
    flag("resolve_uri"),
    one_of("ordering", &["id", "-id"]),
    one_of("include", &["id"]),
    text("query"),
    missing("view", NO_VIEWS),
    only("only_annotated", &["false"], NO_FILTERS),
    only("filters", &[], NO_FILTERS),
    only("search", &[], NO_FILTERS),
    only("selectedItems", &[], NO_FILTERS),
    only("review", &["false"], "Tasks are not reviewed here."),
    only("state", &[], NO_FILTERS),
    INTERACTION,
];

/// Why Label Studio's front end asks.
pub(crate) const INTERACTION: Parameter = only(
    "interaction",
    &["filter", "ordering", "labelstream", "timer"],
    "Leave it out.",
);

/// Of the list of a project's tasks, which are always whole.
pub(crate) const LIST_OF_PROJECT: [Parameter; 16] = {
    let mut parameters = LIST;
    parameters[1] = only("fields", &["all"], "They are always whole here.");
    parameters
};

/// Which tasks, in which order, how much of each.
pub(super) struct Asked {
    pub(super) order: TaskOrder,
    /// Only these of the project.
    pub(super) ids: Option<Vec<TaskId>>,
    pub(super) detail: Detail,
}

impl Asked {
    pub(super) fn read(query: &Query) -> Answer<Self> {
        let detail = match (query.text("include"), query.text("fields")) {
            (Some("id"), _) => Detail::Ids,
            (_, Some("all")) => Detail::Whole,
            _ => Detail::Listed,
        };
        let order = match query.text("ordering") {
            Some("-id") => TaskOrder::NewestFirst,
            _ => TaskOrder::OldestFirst,
        };
        let asked = match query.text("query") {
            Some(json) if !matches!(json, "None" | "null") => {
                Fields::from_json(json.as_bytes())?.read::<DataManagerQuery>()?
            }
            _ => DataManagerQuery::default(),
        };
        if asked.order.is_some() && asked.ids.is_some() {
            let message = "Tasks that are chosen one by one come by id.";
            return Err(engine::Error::field("ordering", message).into());
        }
        Ok(Self {
            order: asked.order.unwrap_or(order),
            ids: asked.ids,
            detail,
        })
    }
}

/// Label Studio's `query`, as JSON.
#[derive(Default)]
struct DataManagerQuery {
    order: Option<TaskOrder>,
    ids: Option<Vec<TaskId>>,
}

impl Input for DataManagerQuery {
    fn read(fields: &mut Fields) -> Self {
        no_filters(fields);
        let ordering = fields.json("ordering").value();
        let ordering: Option<Vec<String>> =
            ordering.map(|raw| serde_json::from_str(raw.get()).unwrap_or(vec![String::new()]));
        let order = match ordering.as_deref() {
            None | Some([]) => None,
            Some([only]) if matches!(only.as_str(), "tasks:id" | "id") => {
                Some(TaskOrder::OldestFirst)
            }
            Some([only]) if matches!(only.as_str(), "-tasks:id" | "-id") => {
                Some(TaskOrder::NewestFirst)
            }
            Some(_) => {
                fields.wrong("ordering", "Give [\"tasks:id\"] or [\"-tasks:id\"].");
                None
            }
        };
        let selected = fields.object("selectedItems", SelectedItems::read).value();
        let ids = match selected {
            Some(selected) if selected.all && selected.excluded.is_empty() => None,
            Some(selected) if !selected.all && !selected.included.is_empty() => {
                Some(selected.included.into_iter().map(TaskId).collect())
            }
            None => None,
            Some(_) => {
                let message = "Name tasks in included, or take all without exception.";
                fields.wrong("selectedItems", message);
                None
            }
        };
        Self { order, ids }
    }
}

/// A filter that is not applied would give more than was meant.
pub(in crate::api) fn no_filters(fields: &mut Fields) {
    let has_items = fields.object("filters", |filters| {
        let _ = filters.text("conjunction");
        filters
            .json("items")
            .value()
            .is_some_and(|items| !items.get()[1..].trim_start().starts_with(']'))
    });
    if has_items.value() == Some(true) {
        fields.wrong("filters", NO_FILTERS_IN_BODY);
    }
}

const NO_FILTERS_IN_BODY: &str =
    "Filters are not applied here: name the tasks in selectedItems.included.";

/// Label Studio's choice of tasks: `included` when `all` is false, else all but `excluded`.
pub(in crate::api) struct SelectedItems {
    pub(in crate::api) all: bool,
    pub(in crate::api) included: Vec<i64>,
    pub(in crate::api) excluded: Vec<i64>,
}

impl SelectedItems {
    pub(in crate::api) fn read(fields: &mut Fields) -> Self {
        let all = fields.flag("all");
        Self {
            all: fields.required("all", all).unwrap_or_default(),
            included: fields.ids("included").value().unwrap_or_default(),
            excluded: fields.ids("excluded").value().unwrap_or_default(),
        }
    }
}
