//! The files of a target storage: one for each annotation, or one for each task. Their names and
//! their form stay what they are, because what was written once must be found and written again.

use model::{Annotation, AnnotationId, TaskId, User};

use crate::{
    Format, LabeledTask, json_of,
    label_studio::{AnnotationFile, TaskFile},
};

const FORMAT: Format = Format::Json;

/// The content type of every object.
pub fn object_type() -> &'static str {
    FORMAT.about().content_type
}

/// The name of an annotation's object, or of a task's when there is no annotation, below the
/// storage's prefix: its id.
pub fn object_name(task: TaskId, annotation: Option<AnnotationId>) -> String {
    match annotation {
        Some(annotation) => FORMAT.file_name(annotation),
        None => FORMAT.file_name(task),
    }
}

/// Could an object be called so, of whatever annotation or task?
pub fn is_object_name(name: &str) -> bool {
    let id = name.split_once('.').map_or(name, |(id, _)| id);
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()) && FORMAT.file_name(id) == name
}

/// The object of one annotation. `completed_by` is the person named by
/// [`Annotation::completed_by`]; without one only the id and e-mail are known.
pub fn annotation_object(
    task: model::Task,
    annotation: Annotation,
    completed_by: Option<User>,
) -> Vec<u8> {
    json_of(&AnnotationFile::new(task, annotation, completed_by))
}

/// The object of one task.
pub fn task_object(item: LabeledTask) -> Vec<u8> {
    json_of(&TaskFile::new(
        item.task,
        item.annotations,
        item.predictions,
    ))
}

#[cfg(test)]
mod tests {
    use model::{AnnotationId, TaskId};

    use super::{is_object_name, object_name};

    #[test]
    fn objects_are_called_by_a_number() {
        assert_eq!(object_name(TaskId(5), None), "5.json");
        assert_eq!(object_name(TaskId(5), Some(AnnotationId(7))), "7.json");
        for (name, is_one) in [
            ("17.json", true),
            (".json", false),
            ("17", false),
            ("17.png", false),
            ("17.json.json", false),
            ("cat.json", false),
            ("sub/17.json", false),
            ("-1.json", false),
        ] {
            assert_eq!(is_object_name(name), is_one, "{name}");
        }
    }
}
