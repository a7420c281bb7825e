//! The files of a target storage: one for each annotation, or one for each task. Their names and
//! their form stay what they are, because what was written once must be found and written again.

use serde::{Deserialize, de::IgnoredAny};

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

/// Is this the content of an object of this name, of whatever installation and layout?
pub fn is_object(content: &[u8], name: &str) -> bool {
    #[derive(Deserialize)]
    struct Object {
        id: u64,
        result: Option<IgnoredAny>,
        task: Option<IgnoredAny>,
        annotations: Option<IgnoredAny>,
        data: Option<IgnoredAny>,
    }
    let file = name.rsplit_once('/').map_or(name, |(_, file)| file);
    serde_json::from_slice(content).is_ok_and(|object: Object| {
        let is_annotation = object.result.is_some() && object.task.is_some();
        let is_task = object.annotations.is_some() && object.data.is_some();
        (is_annotation || is_task) && FORMAT.file_name(object.id) == file
    })
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

    use super::{is_object, is_object_name, object_name};

    #[test]
    fn an_object_is_known_by_its_number_and_its_form() {
        let annotation = br#"{"id": 7, "result": [], "task": {"id": 5}}"#;
        let task = br#"{"id": 5, "data": {}, "annotations": []}"#;
        assert!(is_object(annotation, "out/7.json") && is_object(task, "5.json"));
        assert!(!is_object(annotation, "out/8.json"));
        for other in [
            &br#"{"id": 7, "image": "a.png"}"#[..],
            br#"[{"id": 7, "result": [], "task": {}}]"#,
            b"",
        ] {
            assert!(!is_object(other, "7.json"));
        }
    }

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
