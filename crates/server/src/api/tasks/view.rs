//! A task in Label Studio's JSON, in its three lengths.

use std::collections::{BTreeSet, HashMap};

use engine::label_studio;
use model::{Annotation, Draft, Prediction, Task, TaskId};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::{
    api::{annotations::AnnotationView, drafts::DraftView, predictions::PredictionView},
    extract::instant,
};

/// How much of a task a list shows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    Ids,
    Listed,
    Whole,
}

/// A task.
#[derive(Serialize, ToSchema)]
pub(crate) struct TaskView {
    #[serde(flatten)]
    task: label_studio::Task,
    #[schema(value_type = Object)]
    updated_by: UpdatedBy,
    #[serde(flatten)]
    listed: Option<Listed>,
    #[serde(flatten)]
    results: Option<Results>,
}

/// An item of a list.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Item {
    Id { id: i64 },
    Task(Box<TaskView>),
}

impl Item {
    pub(super) fn id(id: TaskId) -> Self {
        Self::Id { id: id.0 }
    }

    pub(super) fn task(task: TaskView) -> Self {
        Self::Task(Box::new(task))
    }
}

/// Label Studio has two forms of the same fact.
#[derive(Serialize)]
#[serde(untagged)]
enum UpdatedBy {
    Short(Option<i64>),
    Listed(Vec<UserRef>),
}

#[derive(Serialize)]
struct UserRef {
    user_id: i64,
}

/// What lists have and a newly created task has not.
#[derive(Default, Serialize, ToSchema)]
struct Listed {
    /// The caller's own; empty in short lists.
    drafts: Vec<DraftView>,
    annotators: Vec<i64>,
    annotations_results: String,
    predictions_results: String,
    /// The name of the blob that the task came from.
    storage_filename: Option<String>,
    annotations_ids: String,
    predictions_model_versions: String,
}

/// What only `fields=all` and a single task have.
#[derive(Serialize, ToSchema)]
struct Results {
    annotations: Vec<AnnotationView>,
    predictions: Vec<PredictionView>,
    completed_at: Option<String>,
    predictions_score: Option<f64>,
    /// Seconds.
    avg_lead_time: Option<f64>,
    /// Has the caller a draft of it?
    draft_exists: bool,
}

/// What people and models said of tasks, and what the caller has not submitted.
pub(super) struct Said {
    pub(super) annotations: Vec<Annotation>,
    pub(super) predictions: Vec<Prediction>,
    pub(super) drafts: Vec<Draft>,
    /// Of the server's clock.
    pub(super) now_ms: i64,
}

impl TaskView {
    /// As the answer to its creation.
    pub(super) fn short(mut task: Task, data: Option<Box<RawValue>>) -> Self {
        if let Some(data) = data {
            task.data = data;
        }
        Self {
            updated_by: UpdatedBy::Short(task.updated_by.map(|user| user.0)),
            task: task.into(),
            listed: None,
            results: None,
        }
    }

    /// As an item of a list.
    pub(super) fn listed(mut task: Task, data: Box<RawValue>) -> Self {
        let updated_by = task.updated_by.map(|user| UserRef { user_id: user.0 });
        let listed = Listed {
            storage_filename: task.source_blob_name.take(),
            ..Listed::default()
        };
        Self {
            updated_by: UpdatedBy::Listed(updated_by.into_iter().collect()),
            listed: Some(listed),
            ..Self::short(task, Some(data))
        }
    }

    fn whole(
        task: Task,
        data: Box<RawValue>,
        Said {
            annotations,
            predictions,
            drafts,
            now_ms,
        }: Said,
    ) -> Self {
        let draft_exists = !drafts.is_empty();
        let annotators: BTreeSet<i64> = annotations
            .iter()
            .filter_map(|annotation| Some(annotation.completed_by?.0))
            .collect();
        let completed_at = task
            .is_labeled
            .then(|| {
                annotations
                    .iter()
                    .map(|a| a.created_at_ms)
                    .min()
                    .map(instant)
            })
            .flatten();
        let lead_times: Vec<f64> = annotations.iter().filter_map(|a| a.lead_time).collect();
        let ids: Vec<String> = annotations.iter().map(|a| a.id.to_string()).collect();
        let versions: BTreeSet<&str> = predictions
            .iter()
            .filter_map(|prediction| prediction.model_version.as_deref())
            .collect();
        let versions = versions.into_iter().collect::<Vec<_>>().join(", ");
        let mut view = Self::listed(task, data);
        if let Some(listed) = &mut view.listed {
            listed.annotators = annotators.into_iter().collect();
            listed.annotations_ids = ids.join(",");
            listed.annotations_results = unquoted(annotations.iter().map(|a| &*a.result));
            listed.predictions_results = unquoted(predictions.iter().map(|p| &*p.result));
            listed.predictions_model_versions = versions;
            listed.drafts = drafts
                .into_iter()
                .map(|draft| DraftView::at(draft, now_ms))
                .collect();
        }
        view.results = Some(Results {
            avg_lead_time: (!lead_times.is_empty())
                .then(|| lead_times.iter().sum::<f64>() / lead_times.len() as f64),
            annotations: annotations
                .into_iter()
                .map(|annotation| AnnotationView::at(annotation, now_ms))
                .collect(),
            predictions: predictions
                .into_iter()
                .map(|prediction| PredictionView::at(prediction, now_ms))
                .collect(),
            completed_at,
            predictions_score: None,
            draft_exists,
        });
        view
    }
}

/// Tasks with what was said of all of them.
pub(super) fn whole(tasks: Vec<Task>, data: Vec<Box<RawValue>>, said: Said) -> Vec<TaskView> {
    let mut annotations = by_task(said.annotations, |annotation| annotation.task_id);
    let mut predictions = by_task(said.predictions, |prediction| prediction.task_id);
    let mut drafts = by_task(said.drafts, |draft| draft.task_id);
    tasks
        .into_iter()
        .zip(data)
        .map(|(task, data)| {
            let said = Said {
                annotations: annotations.remove(&task.id).unwrap_or_default(),
                predictions: predictions.remove(&task.id).unwrap_or_default(),
                drafts: drafts.remove(&task.id).unwrap_or_default(),
                now_ms: said.now_ms,
            };
            TaskView::whole(task, data, said)
        })
        .collect()
}

/// What is said of each task, in its order.
pub(in crate::api) fn by_task<T>(
    all: Vec<T>,
    task_of: fn(&T) -> TaskId,
) -> HashMap<TaskId, Vec<T>> {
    let mut of_task = HashMap::<TaskId, Vec<T>>::new();
    for one in all {
        of_task.entry(task_of(&one)).or_default().push(one);
    }
    of_task
}

/// Label Studio's text columns: the JSON without its quotes.
fn unquoted<'a>(results: impl Iterator<Item = &'a RawValue>) -> String {
    let texts: Vec<String> = results.map(|raw| raw.get().replace('"', "")).collect();
    texts.join(",")
}
