//! What every format keeps, whatever it writes.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Format, LabeledTask};
use crate::label_studio::samples;

fn written(format: Format, tasks: &[LabeledTask]) -> Vec<u8> {
    let (mut writer, mut file) = (format.writer(), Vec::new());
    for task in tasks {
        writer.push(task.clone(), &mut file);
    }
    writer.finish(&mut file);
    file
}

#[test]
fn each_format_is_found_by_its_own_name() {
    let names: BTreeSet<_> = Format::ALL.map(|format| format.about().name).into();
    assert_eq!(names.len(), Format::ALL.len());
    for format in Format::ALL {
        assert_eq!(Format::named(format.about().name), Some(format));
    }
    assert_eq!(Format::named("json"), None);
    assert_eq!(Format::Json.file_name("project-5"), "project-5.json");
}

#[test]
fn json_is_an_array_of_as_many_tasks_as_there_are() {
    for count in [0, 1, 3] {
        let file = written(Format::Json, &vec![samples::labeled_task(); count]);
        let tasks: Value = serde_json::from_slice(&file).unwrap();
        assert_eq!(tasks.as_array().map(Vec::len), Some(count));
    }
}
