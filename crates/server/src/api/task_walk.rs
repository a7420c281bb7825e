//! Tasks of a project one after another, by key: what is deleted meanwhile takes nobody else's place.

use engine::{Engine, TaskCursor, TaskFilter};
use model::{Actor, ProjectId, Task, TaskId};

/// Tasks of the first piece of a download, which is there at once.
const FIRST: i64 = 10;
/// The same of a list: a page in one.
const FIRST_OF_LIST: i64 = 100;
/// Tasks of a piece at most; fewer when they are large.
const PIECE: i64 = 500;
/// What the text of a piece is about.
const PIECE_BYTES: usize = 4 << 20;

pub(super) struct TaskWalk {
    engine: Engine,
    actor: Actor,
    source: Source,
    /// Tasks that may still come.
    left: i64,
    /// Tasks of the next piece.
    piece: i64,
}

enum Source {
    /// Of a list, from the cursor on; `None` at its end.
    Listed(TaskFilter, Option<TaskCursor>),
    /// Those of these that are the project's, in this order.
    Chosen(ProjectId, std::vec::IntoIter<TaskId>),
}

impl TaskWalk {
    pub(super) fn of_list(engine: &Engine, actor: &Actor, filter: TaskFilter) -> Self {
        Self::new(
            engine,
            actor,
            Source::Listed(filter, Some(TaskCursor::First)),
        )
    }

    pub(super) fn of_ids(
        engine: &Engine,
        actor: &Actor,
        project: ProjectId,
        ids: Vec<TaskId>,
    ) -> Self {
        Self::new(engine, actor, Source::Chosen(project, ids.into_iter()))
    }

    fn new(engine: &Engine, actor: &Actor, source: Source) -> Self {
        Self {
            engine: engine.clone(),
            actor: *actor,
            source,
            left: i64::MAX,
            piece: FIRST,
        }
    }

    /// A part of a list: from there on, and so many at most.
    pub(super) fn part(mut self, from: TaskCursor, most: i64) -> Self {
        if let Source::Listed(_, cursor) = &mut self.source {
            *cursor = Some(from);
        }
        self.left = most;
        self.piece = FIRST_OF_LIST;
        self
    }

    /// The next tasks; none at the end.
    ///
    /// # Errors
    /// [`engine::Error::NotFound`] when the project is gone, or is not the organization's.
    pub(super) async fn next(&mut self) -> engine::Result<Vec<Task>> {
        loop {
            let limit = self.piece.min(self.left);
            let tasks = match &mut self.source {
                _ if limit == 0 => return Ok(Vec::new()),
                Source::Listed(_, None) => return Ok(Vec::new()),
                Source::Listed(filter, Some(cursor)) => {
                    let found = self
                        .engine
                        .find_tasks(&self.actor, filter, *cursor, limit)
                        .await?;
                    self.source = Source::Listed(filter.clone(), found.next);
                    found.tasks
                }
                Source::Chosen(project, ids) => {
                    let ids: Vec<TaskId> = ids.by_ref().take(limit as usize).collect();
                    if ids.is_empty() {
                        return Ok(Vec::new());
                    }
                    self.engine
                        .find_tasks_by_id(&self.actor, *project, &ids)
                        .await?
                }
            };
            self.left -= tasks.len() as i64;
            self.piece = (self.piece * 4).min(PIECE);
            if !tasks.is_empty() {
                return Ok(tasks);
            }
        }
    }

    /// So many tasks were so many bytes: the next piece is not much larger than it should be.
    pub(super) fn wrote(&mut self, tasks: usize, bytes: usize) {
        let of_one = bytes / tasks.max(1) + 1;
        self.piece = self.piece.min((PIECE_BYTES / of_one) as i64).max(1);
    }
}
