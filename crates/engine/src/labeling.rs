//! Labeling: projects, their configs and tasks, and what people and models said of them.

pub(crate) mod annotations;
pub(crate) mod drafts;
pub(crate) mod imported;
pub(crate) mod label_config;
pub(crate) mod label_stream;
pub(crate) mod lost_labels;
pub(crate) mod predictions;
pub(crate) mod projects;
pub(crate) mod task_lists;
pub(crate) mod tasks;
