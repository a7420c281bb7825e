//! What is written can be read again; times are Label Studio's.

use model::Annotation;
use serde_json::{Value, json};

use super::{
    AnnotationFile, ExportTask, TaskFile, instant,
    samples::{CREATED_MS, annotation, prediction, task},
};
use crate::{Limits, TaskReader};

#[test]
fn a_person_who_is_gone_is_named_by_id_and_email() {
    let file = AnnotationFile::new(task(), annotation(), None);
    let file = serde_json::to_value(&file).unwrap();
    assert_eq!(
        file["completed_by"],
        json!({"id": 1, "first_name": "", "last_name": "", "email": "bench@example.com"})
    );
    assert_eq!(file["created_username"], " bench@example.com, 1");
    let nobody = Annotation {
        completed_by: None,
        completed_by_email: None,
        ..annotation()
    };
    let file = serde_json::to_value(AnnotationFile::new(task(), nobody, None)).unwrap();
    assert_eq!(
        (&file["completed_by"], &file["created_username"]),
        (&Value::Null, &json!(""))
    );
}

#[test]
fn what_is_written_can_be_imported_again() {
    let (annotations, predictions) = (vec![annotation()], vec![prediction()]);
    let download = ExportTask::new(task(), annotations.clone(), predictions.clone());
    let download = serde_json::to_vec(&download).unwrap();
    let file = serde_json::to_vec(&TaskFile::new(task(), annotations, predictions)).unwrap();
    let value: Value = serde_json::from_slice(&file).unwrap();
    assert_eq!(value["annotations"][0]["completed_by"], 1);
    assert_eq!(value["annotations"][0]["task"], 12002);
    assert_eq!(
        value["predictions"][0]["created_at"],
        "1970-01-01T00:00:00.000000Z"
    );
    for text in [file, download] {
        let mut reader = TaskReader::new("12002.json", Limits::default());
        let rows = reader.push(&text).unwrap();
        assert_eq!(rows[0].data.get(), task().data.get());
        assert_eq!(
            rows[0].annotations[0].result.get(),
            annotation().result.get()
        );
        assert_eq!(rows[0].predictions.len(), 1);
        let author = rows[0].annotations[0].author.as_deref();
        assert_eq!(author, annotation().completed_by_email.as_deref());
        assert_eq!(rows[0].annotations[0].created_at_ms, Some(CREATED_MS));
    }
}

#[test]
fn the_download_counts_regions() {
    let download = ExportTask::new(task(), vec![annotation()], vec![prediction()]);
    let download = serde_json::to_value(&download).unwrap();
    let annotation = &download["annotations"][0];
    assert_eq!(
        (&annotation["result_count"], &annotation["prediction"]),
        (&json!(2), &json!({}))
    );
    assert_eq!(download["predictions"][0]["id"], 4);
    assert_eq!(download["predictions"][0]["result"], json!([]));
}

#[test]
fn instants_are_label_studios() {
    assert_eq!(instant(CREATED_MS), "2026-11-21T17:52:01.109000Z");
    assert_eq!(instant(i64::MAX), "");
}
