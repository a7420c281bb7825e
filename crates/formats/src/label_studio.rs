//! Label Studio's JSON (recorded from Label Studio 1.23.2), for the API, the files in containers and
//! the download alike: each form is what all places share, with what only one of them has.

mod annotation;
mod prediction;
mod task;

use jiff::Timestamp;

pub use annotation::{Annotation, AnnotationFile, ExportAnnotation};
pub use prediction::Prediction;
pub use task::{ExportTask, Task, TaskFile};

/// Unix milliseconds as Label Studio writes them: `2026-11-21T17:52:00.684000Z`; empty for a time
/// that no calendar has.
pub fn instant(at_ms: i64) -> String {
    Timestamp::from_millisecond(at_ms).map_or_else(|_| String::new(), |at| format!("{at:.6}"))
}

#[cfg(test)]
pub(crate) mod samples;

#[cfg(test)]
mod tests;
