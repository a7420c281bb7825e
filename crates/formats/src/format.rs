//! The export formats: a closed set. Each has a file below, which owns what it is called and what
//! it writes; here is only which there are.

mod json;

use std::fmt::Display;

use model::{Annotation, Prediction, Task};
use serde::Serialize;
use utoipa::ToSchema;

/// A format of the download.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Json,
}

/// What a format says of itself.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExportFormat {
    pub title: &'static str,
    pub description: &'static str,
    /// Where it is explained.
    pub link: &'static str,
    /// As in `exportType`.
    pub name: &'static str,
    #[serde(skip)]
    pub content_type: &'static str,
    /// Of its file's name, without a dot.
    #[serde(skip)]
    pub extension: &'static str,
}

/// What a format writes: a task with all that was said of it.
#[derive(Clone, Debug)]
pub struct LabeledTask {
    pub task: Task,
    pub annotations: Vec<Annotation>,
    pub predictions: Vec<Prediction>,
}

impl Format {
    /// Every format, in the order shown to people.
    pub const ALL: [Self; 1] = [Self::Json];

    /// Its words.
    pub fn about(self) -> &'static ExportFormat {
        match self {
            Self::Json => &json::ABOUT,
        }
    }

    /// A writer for one file.
    pub fn writer(self) -> ExportWriter {
        match self {
            Self::Json => ExportWriter::Json(json::Writer::default()),
        }
    }

    /// The format of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|format| format.about().name == name)
    }

    /// The name of a file that is called so before its extension.
    pub fn file_name(self, stem: impl Display) -> String {
        format!("{stem}.{}", self.about().extension)
    }
}

/// Writes a file of tasks as they come, however many.
#[derive(Debug)]
pub enum ExportWriter {
    Json(json::Writer),
}

impl ExportWriter {
    /// Takes the next task, and appends to `out` what of the file is certain by now.
    pub fn push(&mut self, task: LabeledTask, out: &mut Vec<u8>) {
        match self {
            Self::Json(writer) => writer.push(task, out),
        }
    }

    /// There are no more tasks: appends the rest of the file.
    pub fn finish(self, out: &mut Vec<u8>) {
        match self {
            Self::Json(writer) => writer.finish(out),
        }
    }
}

#[cfg(test)]
mod tests;
