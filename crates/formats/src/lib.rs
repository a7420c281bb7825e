//! Bytes to tasks, and annotations to files. No IO: the caller downloads and uploads.

mod element;
mod export;
pub mod label_studio;
mod position;
mod row;
mod tasks;

pub use export::{annotation_file, annotation_file_name, task_file, task_file_name};
pub use position::{FormatError, Position};
pub use row::{RowAnnotation, RowPrediction, TaskRow};
pub use tasks::{Limits, TaskReader};
