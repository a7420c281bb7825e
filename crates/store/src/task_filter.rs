//! Lists of tasks by what people ask for: state, annotator, storage, words. Paged by key in both
//! directions, so that a page costs the same at any depth of a project of millions.
//!
//! What has an index of its own (a state, an annotator) is found at once. A search or a combination
//! looks at the project's tasks one after another: a bounded number per call, and the answer says
//! where it stopped.

use std::time::{Duration, Instant};

use model::{OrgId, ProjectId, StorageId, Task, TaskId, UserId};

use crate::{
    Result, Store,
    db::{Sql, sql, sql_of_each},
    task_batch::json,
    tasks::{task_of, tasks},
};

/// Tasks looked at by one statement of a search.
const STEP: i64 = 5_000;
/// Tasks looked at by one call of a search at most.
const MOST_LOOKED_AT: i64 = 50_000;
/// How long one call of a search may take; it ends after the step in which it is over.
const LONGEST_LOOK: Duration = Duration::from_millis(100);

/// Where a task stands. `ToDo`, `Labeled` and `Skipped` exclude each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TaskState {
    #[default]
    All,
    /// Neither labeled nor skipped.
    ToDo,
    /// It has as many annotations as its overlap asks for.
    Labeled,
    /// Skipped by somebody, and not labeled since.
    Skipped,
    /// This person has a draft on it.
    Draft(UserId),
}

/// Which end of a list comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TaskOrder {
    #[default]
    OldestFirst,
    NewestFirst,
}

/// Which tasks of a project, in which order; every condition must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskFilter {
    pub project: ProjectId,
    pub state: TaskState,
    /// Annotated or skipped by this person.
    pub annotator: Option<UserId>,
    /// Imported by this source storage.
    pub storage: Option<StorageId>,
    /// In the blob's name; for a task that came from no blob, in its data, however its JSON spells
    /// the letters (names of members are found too). Case does not matter, where the database knows the letter's other case.
    pub text: Option<String>,
    pub order: TaskOrder,
}

impl TaskFilter {
    /// Every task of the project, oldest first.
    pub fn all(project: ProjectId) -> Self {
        Self {
            project,
            state: TaskState::All,
            annotator: None,
            storage: None,
            text: None,
            order: TaskOrder::OldestFirst,
        }
    }

    /// Does any condition leave tasks out?
    pub fn is_limited(&self) -> bool {
        self.state != TaskState::All || self.annotator.is_some() || self.is_search()
    }

    /// Are tasks looked at that do not match?
    fn is_search(&self) -> bool {
        self.text.is_some() || self.storage.is_some()
    }

    /// Does no index tell which match, so that a bounded number is looked at each time?
    fn takes_steps(&self) -> bool {
        self.is_search() || (self.annotator.is_some() && self.state != TaskState::All)
    }
}

/// Where a page begins, in the list's own order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TaskCursor {
    #[default]
    First,
    /// The page after this task.
    After(TaskId),
    /// The page that ends before this task.
    Before(TaskId),
}

/// A page of a filtered list.
#[derive(Clone, Debug)]
pub struct FoundTasks {
    /// In the list's order.
    pub tasks: Vec<Task>,
    /// From where to go on in the direction asked for; `None` at the end of the list.
    pub more: Option<TaskId>,
    /// Tasks of the project that a search looked at in this call; 0 when it was no search.
    pub looked_at: i64,
}

// $1 organization, $2 project, $3 and $4 the ids it lies between, $5 limit, $6 annotator,
// $7 storage, $8 text, $9 and $10 how JSON can spell it.
macro_rules! matching {
    ($from:expr, $state:literal, $like:literal, $order:literal) => {
        concat!(
            "SELECT t.id FROM ",
            $from,
            " WHERE t.org_id = $1 AND t.project_id = $2 AND t.id > $3 AND t.id < $4 ",
            $state,
            " AND ($6 IS NULL OR EXISTS (SELECT 1 FROM annotations a
                 WHERE a.project_id = $2 AND a.completed_by = $6 AND a.task_id = t.id))
             AND ($7 IS NULL OR EXISTS (SELECT 1 FROM source_blobs b
                 WHERE b.id = t.source_blob_id AND b.storage_id = $7))
             AND ($8 IS NULL OR COALESCE((SELECT b.name ",
            $like,
            " $8 ESCAPE '!' FROM source_blobs b WHERE b.id = t.source_blob_id), t.data ",
            $like,
            " $9 ESCAPE '!' OR t.data ",
            $like,
            " $10 ESCAPE '!')) ",
            $order,
            " LIMIT $5"
        )
    };
}

// SQLite is told which index gives a state in order, and its LIKE takes letters of either case.
macro_rules! in_both_orders {
    ($order:expr, $from:literal, $index:literal, $state:literal) => {
        match $order {
            TaskOrder::OldestFirst => sql_of_each(
                matching!(concat!($from, $index), $state, "LIKE", "ORDER BY t.id"),
                matching!($from, $state, "ILIKE", "ORDER BY t.id"),
            ),
            TaskOrder::NewestFirst => sql_of_each(
                matching!(concat!($from, $index), $state, "LIKE", "ORDER BY t.id DESC"),
                matching!($from, $state, "ILIKE", "ORDER BY t.id DESC"),
            ),
        }
    };
}

macro_rules! by_annotator {
    ($order:literal) => {
        concat!(
            "SELECT DISTINCT a.task_id AS id FROM annotations a
             WHERE a.org_id = $1 AND a.project_id = $2 AND a.task_id > $3 AND a.task_id < $4
             AND a.completed_by = $6 ORDER BY a.task_id ",
            $order,
            " LIMIT $5"
        )
    };
}

macro_rules! edge {
    ($order:literal) => {
        concat!(
            "SELECT id FROM tasks
             WHERE project_id = (SELECT id FROM projects WHERE id = $1 AND org_id = $5)
             AND id > $2 AND id < $3 ORDER BY id ",
            $order,
            " LIMIT 1 OFFSET $4"
        )
    };
}
/// The ids strictly between which a statement looks.
#[derive(Clone, Copy)]
struct Between(i64, i64);

impl Between {
    /// What lies beyond `id` in this direction.
    fn beyond(id: i64, direction: TaskOrder) -> Self {
        match direction {
            TaskOrder::OldestFirst => Self(id, i64::MAX),
            TaskOrder::NewestFirst => Self(0, id),
        }
    }
}

impl Store {
    /// A page of at most `limit` tasks. A search answers fewer, or none, when it has looked at
    /// enough for one call; [`FoundTasks::more`] then says from where to go on.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_tasks(
        &self,
        org: OrgId,
        filter: &TaskFilter,
        cursor: TaskCursor,
        limit: i64,
    ) -> Result<FoundTasks> {
        let (start, direction) = match (cursor, filter.order) {
            (TaskCursor::First, TaskOrder::OldestFirst) => (0, filter.order),
            (TaskCursor::First, TaskOrder::NewestFirst) => (i64::MAX, filter.order),
            (TaskCursor::After(id), order) => (id.0, order),
            (TaskCursor::Before(id), TaskOrder::OldestFirst) => (id.0, TaskOrder::NewestFirst),
            (TaskCursor::Before(id), TaskOrder::NewestFirst) => (id.0, TaskOrder::OldestFirst),
        };
        let (mut ids, more) = self.look(org, filter, start, direction, limit).await?;
        let looked_at = match more {
            _ if !filter.takes_steps() => 0,
            Some(end) => self.count_from(org, filter.project, start, end).await?,
            None => {
                let end = match direction {
                    TaskOrder::OldestFirst => i64::MAX - 1,
                    TaskOrder::NewestFirst => 1,
                };
                self.count_from(org, filter.project, start, end).await?
            }
        };
        if direction != filter.order {
            ids.reverse();
        }
        let ids: Vec<TaskId> = ids.into_iter().map(TaskId).collect();
        Ok(FoundTasks {
            tasks: self.find_tasks_by_id(org, &ids).await?,
            more: more.map(TaskId),
            looked_at,
        })
    }

    /// Ids of tasks beyond `after`, ascending whatever the filter's order: the batches of all that
    /// match. And from where to go on, as in [`FoundTasks::more`].
    ///
    /// # Errors
    /// When the database fails.
    pub async fn matching_task_ids(
        &self,
        org: OrgId,
        filter: &TaskFilter,
        after: TaskId,
        limit: i64,
    ) -> Result<(Vec<TaskId>, Option<TaskId>)> {
        let direction = TaskOrder::OldestFirst;
        let (ids, more) = self.look(org, filter, after.0, direction, limit).await?;
        Ok((ids.into_iter().map(TaskId).collect(), more.map(TaskId)))
    }

    /// At most `limit` ids beyond `start`, and from where to go on.
    async fn look(
        &self,
        org: OrgId,
        filter: &TaskFilter,
        start: i64,
        direction: TaskOrder,
        limit: i64,
    ) -> Result<(Vec<i64>, Option<i64>)> {
        let steps = filter.takes_steps();
        let began = Instant::now();
        let mut ids: Vec<i64> = Vec::new();
        let (mut position, mut steps_taken) = (start, 0);
        let more = loop {
            let mut between = Between::beyond(position, direction);
            let edge = if steps {
                self.edge(org, filter.project, between, direction).await?
            } else {
                None
            };
            match (edge, direction) {
                (Some(edge), TaskOrder::OldestFirst) => between.1 = edge + 1,
                (Some(edge), TaskOrder::NewestFirst) => between.0 = edge - 1,
                (None, _) => {}
            }
            // One more than asked for tells whether there is a next page.
            let wanted = limit + 1 - ids.len() as i64;
            ids.extend(
                self.matching(org, filter, between, direction, wanted)
                    .await?,
            );
            if ids.len() as i64 > limit {
                ids.truncate(limit.max(0) as usize);
                break Some(ids.last().copied().unwrap_or(start));
            }
            let Some(edge) = edge else { break None };
            position = edge;
            steps_taken += 1;
            if steps_taken * STEP >= MOST_LOOKED_AT || began.elapsed() >= LONGEST_LOOK {
                break Some(edge);
            }
        };
        Ok((ids, more))
    }

    /// Members who have annotated or skipped a task of the project, by e-mail.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_annotators(
        &self,
        org: OrgId,
        project: ProjectId,
    ) -> Result<Vec<(UserId, String)>> {
        let query = sql(
            "SELECT u.id, u.email FROM memberships m JOIN users u ON u.id = m.user_id
             WHERE m.org_id = $1 AND EXISTS (SELECT 1 FROM annotations a
                 WHERE a.org_id = $1 AND a.project_id = $2 AND a.completed_by = u.id)
             ORDER BY u.email",
        );
        let rows = self.db.read(query.bind(org).bind(project)).await?;
        rows.iter()
            .map(|row| Ok((UserId(row.get("id")?), row.get("email")?)))
            .collect()
    }

    /// These tasks, in the order given; those that are gone are left out.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_tasks_by_id(&self, org: OrgId, ids: &[TaskId]) -> Result<Vec<Task>> {
        let query = sql(tasks!(
            "WHERE t.org_id = $1 AND t.id IN (SELECT CAST(j.value AS BIGINT) FROM json_each($2) AS j)"
        ));
        let rows = self
            .db
            .read(query.bind(org).bind(json(ids.iter())?))
            .await?;
        let mut tasks = rows.iter().map(task_of).collect::<Result<Vec<_>>>()?;
        tasks.sort_by_key(|task| ids.iter().position(|id| *id == task.id));
        Ok(tasks)
    }

    async fn matching(
        &self,
        org: OrgId,
        filter: &TaskFilter,
        Between(low, high): Between,
        direction: TaskOrder,
        limit: i64,
    ) -> Result<Vec<i64>> {
        let bounded = |query: Sql| {
            query
                .bind(org)
                .bind(filter.project)
                .bind(low)
                .bind(high)
                .bind(limit)
                .bind(filter.annotator)
        };
        let full = |query: Sql| {
            let text = filter.text.as_deref();
            let [plain, escaped] = text.map_or([None, None], |text| spellings(text).map(Some));
            bounded(query)
                .bind(filter.storage)
                .bind(text.map(pattern))
                .bind(plain.as_deref().map(pattern))
                .bind(escaped.as_deref().map(pattern))
        };
        let query = match filter.state {
            // Their annotations alone say which, in order.
            TaskState::All if filter.annotator.is_some() && !filter.is_search() => {
                bounded(match direction {
                    TaskOrder::OldestFirst => sql(by_annotator!("")),
                    TaskOrder::NewestFirst => sql(by_annotator!("DESC")),
                })
            }
            TaskState::All => full(in_both_orders!(
                direction,
                "tasks t",
                " INDEXED BY tasks_project",
                ""
            )),
            TaskState::ToDo => full(in_both_orders!(
                direction,
                "tasks t",
                " INDEXED BY tasks_to_do",
                "AND t.is_labeled = 0 AND t.cancelled_annotation_count = 0"
            )),
            TaskState::Labeled => full(in_both_orders!(
                direction,
                "tasks t",
                " INDEXED BY tasks_to_do",
                "AND t.is_labeled = 1"
            )),
            TaskState::Skipped => full(in_both_orders!(
                direction,
                "tasks t",
                " INDEXED BY tasks_skipped",
                "AND t.is_labeled = 0 AND t.cancelled_annotation_count > 0"
            )),
            // CROSS JOIN makes SQLite begin with the few drafts.
            TaskState::Draft(user) => full(in_both_orders!(
                direction,
                "(SELECT DISTINCT d.task_id FROM drafts d WHERE d.org_id = $1 AND d.user_id = $11) m
                 CROSS JOIN tasks t",
                "",
                "AND t.id = m.task_id"
            ))
            .bind(user),
        };
        let rows = self.db.read(query).await?;
        rows.iter().map(|row| row.get("id")).collect()
    }

    /// The last task of the next step; `None` when fewer are left.
    async fn edge(
        &self,
        org: OrgId,
        project: ProjectId,
        Between(low, high): Between,
        direction: TaskOrder,
    ) -> Result<Option<i64>> {
        let query = match direction {
            TaskOrder::OldestFirst => sql(edge!("")),
            TaskOrder::NewestFirst => sql(edge!("DESC")),
        };
        let query = query
            .bind(project)
            .bind(low)
            .bind(high)
            .bind(STEP - 1)
            .bind(org);
        let row = self.db.read_one(query).await?;
        row.map(|row| row.get("id")).transpose()
    }

    /// Tasks of the project from the one beyond `from` to `to`, in either direction.
    async fn count_from(&self, org: OrgId, project: ProjectId, from: i64, to: i64) -> Result<i64> {
        let (low, high) = if from < to {
            (from, to + 1)
        } else {
            (to - 1, from)
        };
        let query = sql("SELECT COUNT(*) AS total FROM tasks
             WHERE project_id = (SELECT id FROM projects WHERE id = $1 AND org_id = $4)
             AND id > $2 AND id < $3");
        let query = query.bind(project).bind(low).bind(high).bind(org);
        let row = self.db.read_one(query).await?;
        row.map_or(Ok(0), |row| row.get("total"))
    }
}

/// The text as JSON writes it inside quotes: with its letters, or with all but ASCII as `\u00e9`.
fn spellings(text: &str) -> [String; 2] {
    let quoted = serde_json::Value::from(text).to_string();
    let plain = quoted[1..quoted.len() - 1].to_owned();
    let mut escaped = String::with_capacity(plain.len());
    for letter in plain.chars() {
        if letter.is_ascii() {
            escaped.push(letter);
        } else {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                escaped.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    [plain, escaped]
}

/// The text anywhere, taken literally.
fn pattern(text: &str) -> String {
    let mut pattern = String::from("%");
    for character in text.chars() {
        if matches!(character, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(character);
    }
    pattern + "%"
}

#[cfg(test)]
mod fuzz;
