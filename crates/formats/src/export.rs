//! Annotations and tasks to the files of a target storage.

use model::{Annotation, AnnotationId, Prediction, Task, TaskId, User};
use serde::Serialize;

use crate::label_studio::{AnnotationFile, TaskFile};

/// The file of one annotation. `completed_by` is the person named by [`Annotation::completed_by`];
/// without one only the id and e-mail are known.
pub fn annotation_file(task: Task, annotation: Annotation, completed_by: Option<User>) -> Vec<u8> {
    json(&AnnotationFile::new(task, annotation, completed_by))
}

/// The file of one task.
pub fn task_file(
    task: Task,
    annotations: Vec<Annotation>,
    predictions: Vec<Prediction>,
) -> Vec<u8> {
    json(&TaskFile::new(task, annotations, predictions))
}

/// `ANNOTATION_ID.json`.
pub fn annotation_file_name(id: AnnotationId) -> String {
    format!("{id}.json")
}

/// `TASK_ID.json`.
pub fn task_file_name(id: TaskId) -> String {
    format!("{id}.json")
}

fn json<T: Serialize>(file: &T) -> Vec<u8> {
    serde_json::to_vec(file).expect("plain structs with text keys always serialize")
}
