//! Why access works or does not: the access check, the words for Azure's answers, the commands that mend them.

pub mod check;
pub(crate) mod explain;
pub(crate) mod fix;
