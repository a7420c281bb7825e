//! Row ids: one type each, not interchangeable. `i64` as the database stores them.

use std::{fmt, num::ParseIntError, str::FromStr};

use serde::{Deserialize, Serialize};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIntError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )+};
}

ids! {
    /// An organization: our customer. Never called a tenant, which is Microsoft's word.
    OrgId,
    /// A person who signs in.
    UserId,
    /// An API token of a person.
    ApiTokenId,
    /// An invitation to become a member.
    InviteId,
    /// A labeling project.
    ProjectId,
    /// One item to label.
    TaskId,
    /// A person's result on a task.
    AnnotationId,
    /// A person's result on a task that is not submitted yet.
    DraftId,
    /// A model's result on a task.
    PredictionId,
    /// A source or target storage.
    StorageId,
    /// One pass over a source storage, or one full export to a target storage.
    SyncRunId,
    /// A blob that a sync has seen.
    SourceBlobId,
    /// A row of the job queue.
    JobId,
    /// A project or storage on its way out.
    DeletionId,
}
