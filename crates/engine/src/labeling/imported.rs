//! Rows that come in, from a body or a container, as tasks; and whose annotations they bring.

use std::collections::HashMap;

use formats::{RowAnnotation, RowPrediction, TaskRow};
use model::{OrgId, UserId};
use store::{NewAnnotation, NewPrediction, NewTask, Origin};

use crate::{Engine, Result};

/// Who the authors of imported annotations are here.
pub(crate) struct Authors {
    /// By e-mail, in small letters.
    members: HashMap<String, UserId>,
    /// Whose an annotation is that says nothing of its author.
    unsaid: Option<UserId>,
}

impl Engine {
    /// The members of the organization as authors: a member's e-mail is that member, everybody else
    /// is kept by name, without an account.
    pub(crate) async fn authors(&self, org: OrgId, unsaid: Option<UserId>) -> Result<Authors> {
        let users = self.store().list_users(org).await?;
        Ok(Authors {
            members: users
                .into_iter()
                .map(|user| (user.email.to_lowercase(), user.id))
                .collect(),
            unsaid,
        })
    }
}

impl Authors {
    pub(crate) fn new_task(&self, row: TaskRow) -> NewTask {
        NewTask {
            data: row.data,
            meta: row.meta,
            annotations: row
                .annotations
                .into_iter()
                .map(|annotation| self.annotation(annotation))
                .collect(),
            predictions: row.predictions.into_iter().map(prediction).collect(),
        }
    }

    fn annotation(&self, row: RowAnnotation) -> NewAnnotation {
        let member = |name: &String| self.members.get(&name.to_lowercase()).copied();
        let (completed_by, author) = match row.author {
            None => (self.unsaid, None),
            Some(name) => match member(&name) {
                Some(member) => (Some(member), None),
                None => (None, Some(name)),
            },
        };
        NewAnnotation {
            result: row.result,
            was_cancelled: row.was_cancelled,
            ground_truth: row.ground_truth,
            lead_time: row.lead_time,
            completed_by,
            parent_prediction: None,
            parent_annotation: None,
            origin: Origin {
                author,
                import_id: row.import_id,
                unique_id: row.unique_id,
                created_at_ms: row.created_at_ms,
                prediction: row.prediction,
            },
        }
    }
}

fn prediction(row: RowPrediction) -> NewPrediction {
    NewPrediction {
        result: row.result,
        score: row.score,
        model_version: row.model_version,
    }
}
