//! JSON: an array of Label Studio's tasks.

use std::mem;

use super::{ExportFormat, LabeledTask};
use crate::{json_of, label_studio::ExportTask};

pub(super) const ABOUT: ExportFormat = ExportFormat {
    title: "JSON",
    description: "List of items in raw JSON format stored in one JSON file.",
    link: "https://labelstud.io/guide/export.html#JSON",
    name: "JSON",
    content_type: "application/json",
    extension: "json",
};

/// Nothing of a task is kept.
#[derive(Debug, Default)]
pub struct Writer {
    has_begun: bool,
}

impl Writer {
    pub(super) fn push(&mut self, item: LabeledTask, out: &mut Vec<u8>) {
        out.push(if mem::replace(&mut self.has_begun, true) {
            b','
        } else {
            b'['
        });
        let task = ExportTask::new(item.task, item.annotations, item.predictions);
        out.extend(json_of(&task));
    }

    pub(super) fn finish(self, out: &mut Vec<u8>) {
        out.extend(if self.has_begun { &b"]"[..] } else { b"[]" });
    }
}
