//! An annotation in Label Studio's forms.

use model::User;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{instant, task::FiledTask};

/// What every form of an annotation has.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct AnnotationMembers {
    id: i64,
    /// Array of regions.
    #[schema(value_type = Vec<Object>)]
    result: Box<RawValue>,
    was_cancelled: bool,
    ground_truth: bool,
    created_at: String,
    updated_at: String,
    draft_created_at: Option<String>,
    /// Seconds.
    lead_time: Option<f64>,
    import_id: Option<i64>,
    last_action: Option<String>,
    bulk_created: bool,
    project: i64,
    updated_by: Option<i64>,
    parent_prediction: Option<i64>,
    parent_annotation: Option<i64>,
    last_created_by: Option<i64>,
}

impl From<model::Annotation> for AnnotationMembers {
    fn from(annotation: model::Annotation) -> Self {
        Self {
            id: annotation.id.0,
            result: annotation.result,
            was_cancelled: annotation.was_cancelled,
            ground_truth: annotation.ground_truth,
            created_at: instant(annotation.created_at_ms),
            updated_at: instant(annotation.updated_at_ms),
            draft_created_at: None,
            lead_time: annotation.lead_time,
            import_id: annotation.import_id,
            last_action: None,
            bulk_created: false,
            project: annotation.project_id.0,
            updated_by: annotation.updated_by.map(|user| user.0),
            parent_prediction: annotation.parent_prediction.map(|id| id.0),
            parent_annotation: annotation.parent_annotation.map(|id| id.0),
            last_created_by: None,
        }
    }
}

/// An annotation of the API, and of a task's file.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Annotation {
    #[serde(flatten)]
    members: AnnotationMembers,
    created_username: String,
    completed_by: Option<i64>,
    task: i64,
}

impl From<model::Annotation> for Annotation {
    fn from(annotation: model::Annotation) -> Self {
        Self {
            created_username: username(&annotation),
            completed_by: annotation.completed_by.map(|user| user.0),
            task: annotation.task_id.0,
            members: annotation.into(),
        }
    }
}

/// An annotation of the download.
#[derive(Debug, Serialize)]
pub struct ExportAnnotation {
    #[serde(flatten)]
    members: AnnotationMembers,
    /// Label Studio's has none; with it an import knows the author, whose id is this server's.
    created_username: String,
    completed_by: Option<i64>,
    task: i64,
    prediction: Nothing,
    result_count: usize,
    unique_id: Option<String>,
}

/// An object without members.
#[derive(Debug, Serialize)]
struct Nothing {}

impl From<model::Annotation> for ExportAnnotation {
    fn from(mut annotation: model::Annotation) -> Self {
        let regions = serde_json::from_str::<Vec<&RawValue>>(annotation.result.get());
        Self {
            result_count: regions.map_or(0, |regions| regions.len()),
            created_username: username(&annotation),
            completed_by: annotation.completed_by.map(|user| user.0),
            task: annotation.task_id.0,
            prediction: Nothing {},
            unique_id: annotation.unique_id.take(),
            members: annotation.into(),
        }
    }
}

/// The file of one annotation, with its whole task.
#[derive(Debug, Serialize)]
pub struct AnnotationFile {
    #[serde(flatten)]
    members: AnnotationMembers,
    created_username: String,
    completed_by: Option<Person>,
    task: FiledTask,
}

impl AnnotationFile {
    /// `completed_by` is the person of that id; without one only the id and e-mail are known.
    pub fn new(
        task: model::Task,
        mut annotation: model::Annotation,
        completed_by: Option<User>,
    ) -> Self {
        Self {
            created_username: username(&annotation),
            completed_by: completed_by
                .map(Person::from)
                .or_else(|| Person::by_email(&mut annotation)),
            task: task.into(),
            members: annotation.into(),
        }
    }
}

#[derive(Debug, Serialize)]
struct Person {
    id: i64,
    first_name: String,
    last_name: String,
    email: String,
}

impl From<User> for Person {
    fn from(user: User) -> Self {
        Self {
            id: user.id.0,
            first_name: user.first_name,
            last_name: user.last_name,
            email: user.email,
        }
    }
}

impl Person {
    fn by_email(annotation: &mut model::Annotation) -> Option<Self> {
        Some(Self {
            id: annotation.completed_by?.0,
            first_name: String::new(),
            last_name: String::new(),
            email: annotation.completed_by_email.take().unwrap_or_default(),
        })
    }
}

/// Label Studio's `" EMAIL, ID"`; of an author who is no member the name; empty when nobody is known.
fn username(annotation: &model::Annotation) -> String {
    match (&annotation.completed_by_email, annotation.completed_by) {
        (Some(email), Some(id)) => format!(" {email}, {id}"),
        _ => annotation.author.clone().unwrap_or_default(),
    }
}
