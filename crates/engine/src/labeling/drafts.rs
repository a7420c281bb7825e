//! Drafts: work that is kept while it is not submitted. Each is its person's alone; to everybody
//! else it does not exist.

use model::{Actor, AnnotationId, Draft, DraftId, Permission, TaskId};
use serde_json::value::RawValue;
use store::{DraftPatch, NewDraft};

use crate::{Engine, Error, Result, labeling::annotations::check, require};

/// A draft to save, or the fields of one to change.
#[derive(Clone, Debug, Default)]
pub struct DraftInput {
    /// JSON array of regions.
    pub result: Option<Box<RawValue>>,
    /// Seconds.
    pub lead_time: Option<f64>,
}

impl Engine {
    /// Saves the actor's only draft of a task, or of one of its annotations, over the one before.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the task or the annotation; [`Error::Invalid`] when `result` is
    /// missing or no array.
    pub async fn save_draft(
        &self,
        actor: &Actor,
        task: TaskId,
        annotation: Option<AnnotationId>,
        input: &DraftInput,
    ) -> Result<Draft> {
        require(actor, Permission::Annotate)?;
        check(input.result.as_deref(), input.lead_time)?;
        let draft = NewDraft {
            task,
            annotation,
            result: input
                .result
                .clone()
                .ok_or_else(|| Error::field("result", "This field is required."))?,
            lead_time: input.lead_time,
        };
        self.store()
            .save_draft(actor.org_id, actor.user_id, &draft, self.now_ms())
            .await?
            .ok_or_else(|| match annotation {
                Some(annotation) => Error::not_found("Annotation", annotation),
                None => Error::not_found("Task", task),
            })
    }

    /// The actor's drafts of a task, or of one of its annotations.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the task or the annotation.
    pub async fn list_drafts(
        &self,
        actor: &Actor,
        task: TaskId,
        annotation: Option<AnnotationId>,
    ) -> Result<Vec<Draft>> {
        require(actor, Permission::Annotate)?;
        self.get_task(actor, task).await?;
        let mut drafts = self.drafts_of_tasks(actor, &[task]).await?;
        if let Some(id) = annotation {
            if self.get_annotation(actor, id).await?.task_id != task {
                return Err(Error::not_found("Annotation", id));
            }
            drafts.retain(|draft| draft.annotation_id == annotation);
        }
        Ok(drafts)
    }

    /// The actor's drafts of these tasks, by task and id, in one query.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::Store`].
    pub async fn drafts_of_tasks(&self, actor: &Actor, tasks: &[TaskId]) -> Result<Vec<Draft>> {
        require(actor, Permission::Read)?;
        Ok(self
            .store()
            .find_drafts_of_tasks(actor.org_id, actor.user_id, tasks)
            .await?)
    }

    /// One draft of the actor.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for anybody else's.
    pub async fn get_draft(&self, actor: &Actor, id: DraftId) -> Result<Draft> {
        require(actor, Permission::Annotate)?;
        self.store()
            .find_draft(actor.org_id, actor.user_id, id)
            .await?
            .ok_or_else(|| Error::not_found("Draft", id))
    }

    /// Changes the given fields of a draft of the actor.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for anybody else's; [`Error::Invalid`] when `result` is no array.
    pub async fn update_draft(
        &self,
        actor: &Actor,
        id: DraftId,
        input: &DraftInput,
    ) -> Result<Draft> {
        require(actor, Permission::Annotate)?;
        check(input.result.as_deref(), input.lead_time)?;
        let patch = DraftPatch {
            result: input.result.clone(),
            lead_time: input.lead_time,
        };
        self.store()
            .update_draft(actor.org_id, actor.user_id, id, &patch, self.now_ms())
            .await?
            .ok_or_else(|| Error::not_found("Draft", id))
    }

    /// Deletes a draft of the actor.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for anybody else's.
    pub async fn delete_draft(&self, actor: &Actor, id: DraftId) -> Result<()> {
        require(actor, Permission::Annotate)?;
        let deleted = self
            .store()
            .delete_draft(actor.org_id, actor.user_id, id)
            .await?;
        if deleted {
            Ok(())
        } else {
            Err(Error::not_found("Draft", id))
        }
    }
}
