//! The grid's address: which tasks, in which order and view, from where on.

use std::str::FromStr;

use engine::{TaskCursor, TaskFilter, TaskOrder, TaskState};
use model::{Actor, ProjectId, StorageId, TaskId, UserId, budgets::SEARCH};

use super::super::frame::grouped;
use crate::extract::Query;

/// How tasks are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    Grid,
    List,
}

/// What was done before the page was shown again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Done {
    DeletedTasks(i64),
    DeletedAnnotations(i64),
}

impl Done {
    pub(super) fn words(self) -> String {
        match self {
            Self::DeletedTasks(1) => "1 task was deleted.".to_owned(),
            Self::DeletedTasks(count) => format!("{} tasks were deleted.", grouped(count)),
            Self::DeletedAnnotations(1) => "1 annotation was deleted.".to_owned(),
            Self::DeletedAnnotations(count) => {
                format!("{} annotations were deleted.", grouped(count))
            }
        }
    }

    /// As in the address.
    pub(super) fn parameter(self) -> (&'static str, i64) {
        match self {
            Self::DeletedTasks(count) => ("deleted_tasks", count),
            Self::DeletedAnnotations(count) => ("deleted_annotations", count),
        }
    }
}

/// The state filter's words in the address, and for people.
pub(super) const STATES: [(&str, &str); 5] = [
    ("", "All tasks"),
    ("to-do", "To do"),
    ("labeled", "Labeled"),
    ("skipped", "Skipped"),
    ("draft", "With a draft of mine"),
];

/// The page's query, read leniently: what makes no sense is left out.
pub(super) struct ListQuery {
    /// Of [`STATES`].
    pub(super) state: &'static str,
    person: UserId,
    pub(super) annotator: Option<UserId>,
    pub(super) storage: Option<StorageId>,
    pub(super) text: String,
    pub(super) order: TaskOrder,
    pub(super) view: View,
    pub(super) cursor: TaskCursor,
    /// Tasks that a search looked at on the way here.
    pub(super) looked_at: i64,
    /// Tasks that the page has already, which a search goes on to fill.
    pub(super) found: i64,
    /// Only the part that a search adds is asked for.
    pub(super) goes_on: bool,
    pub(super) done: Option<Done>,
}

impl ListQuery {
    pub(super) fn read(query: &Query, actor: &Actor) -> Self {
        fn number<T: FromStr>(query: &Query, name: &str) -> Option<T> {
            query.text(name)?.trim().parse().ok()
        }
        let state = query.text("state").unwrap_or_default();
        let known = STATES.iter().find(|(word, _)| *word == state);
        let count = |name| number::<i64>(query, name).filter(|count| *count >= 0);
        let after = number(query, "after").map(|id| TaskCursor::After(TaskId(id)));
        let before = number(query, "before").map(|id| TaskCursor::Before(TaskId(id)));
        Self {
            state: known.map_or("", |(word, _)| word),
            person: actor.user_id,
            annotator: number(query, "annotator").map(UserId),
            storage: number(query, "storage").map(StorageId),
            text: searched(query.text("text").unwrap_or_default()),
            order: match query.text("order") {
                Some("newest") => TaskOrder::NewestFirst,
                _ => TaskOrder::OldestFirst,
            },
            view: match query.text("view") {
                Some("list") => View::List,
                _ => View::Grid,
            },
            cursor: after.or(before).unwrap_or_default(),
            looked_at: count("looked_at").unwrap_or_default(),
            found: count("found").unwrap_or_default(),
            goes_on: query.text("part").is_some(),
            done: count("deleted_tasks")
                .map(Done::DeletedTasks)
                .or_else(|| count("deleted_annotations").map(Done::DeletedAnnotations)),
        }
    }

    pub(super) fn filter(&self, project: ProjectId) -> TaskFilter {
        TaskFilter {
            project,
            state: match self.state {
                "to-do" => TaskState::ToDo,
                "labeled" => TaskState::Labeled,
                "skipped" => TaskState::Skipped,
                "draft" => TaskState::Draft(self.person),
                _ => TaskState::All,
            },
            annotator: self.annotator,
            storage: self.storage,
            text: (!self.text.is_empty()).then(|| self.text.clone()),
            order: self.order,
        }
    }

    /// Does any filter leave tasks out?
    pub(super) fn is_limited(&self) -> bool {
        !self.state.is_empty()
            || self.annotator.is_some()
            || self.storage.is_some()
            || !self.text.is_empty()
    }

    pub(super) fn is_newest_first(&self) -> bool {
        self.order == TaskOrder::NewestFirst
    }

    pub(super) fn is_list(&self) -> bool {
        self.view == View::List
    }

    /// The same list from its beginning, in the other view.
    pub(super) fn in_view(&self, project: &ProjectId, view: View) -> String {
        self.write(*project, view, TaskCursor::First, 0, 0)
    }

    /// The list from its beginning, as the query of an address.
    pub(super) fn of_list(&self) -> String {
        self.parameters(self.view, TaskCursor::First, 0, 0)
    }

    /// The same list from elsewhere.
    pub(super) fn address(
        &self,
        project: ProjectId,
        cursor: TaskCursor,
        looked_at: i64,
        found: i64,
    ) -> String {
        self.write(project, self.view, cursor, looked_at, found)
    }

    fn write(
        &self,
        project: ProjectId,
        view: View,
        cursor: TaskCursor,
        looked_at: i64,
        found: i64,
    ) -> String {
        let parameters = self.parameters(view, cursor, looked_at, found);
        if parameters.is_empty() {
            format!("/projects/{project}")
        } else {
            format!("/projects/{project}?{parameters}")
        }
    }

    fn parameters(&self, view: View, cursor: TaskCursor, looked_at: i64, found: i64) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        let mut add = |name: &str, value: String| {
            if !value.is_empty() {
                query.append_pair(name, &value);
            }
        };

        add("state", self.state.to_owned());
        add(
            "annotator",
            self.annotator.map_or_else(String::new, |id| id.to_string()),
        );
        add(
            "storage",
            self.storage.map_or_else(String::new, |id| id.to_string()),
        );
        add("text", self.text.clone());
        if self.is_newest_first() {
            add("order", "newest".to_owned());
        }
        if view == View::List {
            add("view", "list".to_owned());
        }
        match cursor {
            TaskCursor::First => {}
            TaskCursor::After(id) => add("after", id.to_string()),
            TaskCursor::Before(id) => add("before", id.to_string()),
        }
        for (name, number) in [("looked_at", looked_at), ("found", found)] {
            if number > 0 {
                add(name, number.to_string());
            }
        }
        query.finish()
    }
}

/// A search without blanks around it, also where it is cut: the next page's address says the same.
fn searched(text: &str) -> String {
    let text = text.trim();
    let end = text.char_indices().nth(SEARCH);
    text[..end.map_or(text.len(), |(end, _)| end)]
        .trim_end()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::{SEARCH, searched};

    #[test]
    fn a_search_that_is_cut_is_the_same_on_the_next_page() {
        let cut = searched(&format!("  {} b", "é".repeat(SEARCH - 1)));
        assert_eq!(cut, "é".repeat(SEARCH - 1));
        assert_eq!(searched(&cut), cut);
    }
}

#[cfg(test)]
mod fuzz {
    use model::{Actor, OrgId, ProjectId, Role, UserId};

    use super::{ListQuery, SEARCH};
    use crate::extract::Query;

    /// The address of a list gives the same list, and what is searched for has its limit.
    #[test]
    fn list_queries() {
        let seeds = [
            "state=to-do&annotator=3&storage=2&text=a%20b&order=newest&view=list&after=9&looked_at=5&found=2&part=1",
            "state=nope&before=-1&text=%FF+%00&deleted_tasks=1&annotator=99999999999999999999",
        ];
        let words = [
            "state=",
            "labeled",
            "skipped",
            "draft",
            "annotator=",
            "storage=",
            "text=",
            "order=newest",
            "view=list",
            "after=",
            "before=",
            "&",
            "%",
            "+",
        ];
        let actor = Actor {
            org_id: OrgId(1),
            user_id: UserId(2),
            role: Role::Owner,
        };
        ::fuzz::texts("list_queries", &seeds, &words, |text| {
            let read = ListQuery::read(&Query::parse(text), &actor);
            assert!(read.text.chars().count() <= SEARCH);
            assert!(read.looked_at >= 0 && read.found >= 0);
            let project = ProjectId(7);
            let address = read.address(project, read.cursor, read.looked_at, read.found);
            let (_, query) = address.split_once('?').unwrap_or((&address, ""));
            let again = ListQuery::read(&Query::parse(query), &actor);
            assert_eq!(again.filter(project), read.filter(project));
            assert_eq!(
                again.address(project, again.cursor, again.looked_at, again.found),
                address
            );
            assert_eq!((again.cursor, again.view), (read.cursor, read.view));
            let _ = (
                Query::parse(text).page(30).map(|page| page.offset()),
                Query::parse(text).with_page(2),
            );
        });
    }
}
