//! The label stream: the next task for a person, what they labeled last, and who else is there.

use model::{Actor, Permission, ProjectId, Task, TaskId};
use store::{AnnotationVersion, HistoryEntry, NextTask, NextTaskQuery, Presence};

use crate::{Engine, Error, Result, require};

/// Without a sign of somebody for this long, a task is free for others.
const PRESENT_MS: i64 = 120_000;
/// A sign so soon after the last one is not written.
const SEEN_AGAIN_MS: i64 = 10_000;
/// A person's signs of so long ago are deleted when their next task opens.
const FORGET_MS: i64 = 3_600_000;
/// Annotations in a history.
const HISTORY: i64 = 50;

/// Who else has a task open, and whether its annotations changed.
#[derive(Clone, Debug)]
pub struct TaskPresence {
    pub others: Vec<Presence>,
    pub annotations: Vec<AnnotationVersion>,
}

impl Engine {
    /// The actor's next task: not labeled, not annotated or skipped by them, and nobody else there;
    /// by id behind `after`, then from the beginning. Without `after` their unfinished work comes
    /// first, the newest draft's task. The actor is present on it from now on, so that two who ask
    /// at once get different tasks.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the project; [`Error::NothingLeft`].
    pub async fn next_task(
        &self,
        actor: &Actor,
        project: ProjectId,
        after: Option<TaskId>,
    ) -> Result<Task> {
        require(actor, Permission::Annotate)?;
        let now_ms = self.now_ms();
        let query = NextTaskQuery {
            project,
            after,
            present_since_ms: now_ms - PRESENT_MS,
            forget_before_ms: now_ms - FORGET_MS,
            now_ms,
        };
        let next = self
            .store()
            .claim_next_task(actor.org_id, actor.user_id, &query);
        match next.await? {
            NextTask::Task(id) => self.get_task(actor, id).await,
            NextTask::NothingLeft => Err(Error::NothingLeft),
            NextTask::NoProject => Err(Error::not_found("Project", project)),
        }
    }

    /// The actor's last 50 annotations in a project, newest first.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the project.
    pub async fn label_history(
        &self,
        actor: &Actor,
        project: ProjectId,
    ) -> Result<Vec<HistoryEntry>> {
        self.get_project(actor, project).await?;
        Ok(self
            .store()
            .label_history(actor.org_id, actor.user_id, project, HISTORY)
            .await?)
    }

    /// Keeps that the actor has a task open, and answers who else has.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the task.
    pub async fn note_presence(&self, actor: &Actor, task: TaskId) -> Result<TaskPresence> {
        require(actor, Permission::Annotate)?;
        let (store, org, now_ms) = (self.store(), actor.org_id, self.now_ms());
        let annotations = store
            .annotation_versions(org, task)
            .await?
            .ok_or_else(|| Error::not_found("Task", task))?;
        let mut others = store
            .present_on_task(org, task, now_ms - PRESENT_MS)
            .await?;
        let own = others.extract_if(.., |seen| seen.user_id == actor.user_id);
        let last_seen_ms = own.map(|seen| seen.seen_at_ms).max();
        if last_seen_ms.is_none_or(|seen| seen <= now_ms - SEEN_AGAIN_MS) {
            store
                .note_presence(org, actor.user_id, task, now_ms)
                .await?;
        }
        Ok(TaskPresence {
            others,
            annotations,
        })
    }
}
