//! Bytes to tasks, and annotations to files: the names, types and forms of all that is read and
//! written. No IO: the caller downloads and uploads.

mod element;
mod format;
pub mod label_studio;
mod objects;
mod position;
mod row;
mod tasks;

use serde::Serialize;

pub use format::{ExportFormat, ExportWriter, Format, LabeledTask};
pub use objects::{
    annotation_object, is_object, is_object_name, object_name, object_type, task_object,
};
pub use position::{FormatError, Position};
pub use row::{RowAnnotation, RowPrediction, TaskRow};
pub use tasks::{Limits, TaskReader};

fn json_of<T: Serialize>(form: &T) -> Vec<u8> {
    serde_json::to_vec(form).expect("plain structs with text keys always serialize")
}
