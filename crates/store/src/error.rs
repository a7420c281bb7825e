//! What can go wrong in the database, and the one kind that callers branch on.

use std::{error::Error as StdError, fmt};

use crate::Outage;

/// The result of every call of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// A failed database operation.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    operation: &'static str,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What a caller can do about an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// A unique name, e-mail or hash is taken already.
    Conflict,
    /// A text has a null character (U+0000), which PostgreSQL cannot keep.
    NullCharacter,
    /// The database takes nothing now; the same may work when that is over.
    Unavailable(Outage),
    /// Anything else: report it.
    Unexpected,
}

impl Error {
    /// The kind to branch on.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Is something with this name, e-mail or hash there already?
    pub fn is_conflict(&self) -> bool {
        self.kind == ErrorKind::Conflict
    }

    /// A text that neither database is asked to keep.
    pub(crate) fn null_character() -> Self {
        Self {
            kind: ErrorKind::NullCharacter,
            operation: "a text has a null character (U+0000)",
            source: None,
        }
    }

    /// An error without a database error behind it.
    pub(crate) fn new(operation: &'static str) -> Self {
        Self {
            kind: ErrorKind::Unexpected,
            operation,
            source: None,
        }
    }

    /// Something is there already that must be there once.
    pub(crate) fn conflict(operation: &'static str) -> Self {
        Self {
            kind: ErrorKind::Conflict,
            operation,
            source: None,
        }
    }

    /// The database takes nothing now.
    pub(crate) fn unavailable(outage: Outage) -> Self {
        Self {
            kind: ErrorKind::Unavailable(outage),
            operation: "the database takes nothing",
            source: None,
        }
    }

    /// Keeps `source` as the cause of the failed `operation`.
    pub(crate) fn caused_by(
        operation: &'static str,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self {
            kind: ErrorKind::Unexpected,
            operation,
            source: Some(source.into()),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            ErrorKind::Conflict => write!(f, "{}: it exists already", self.operation),
            ErrorKind::NullCharacter | ErrorKind::Unavailable(_) | ErrorKind::Unexpected => {
                f.write_str(self.operation)
            }
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl From<sqlx::Error> for Error {
    fn from(source: sqlx::Error) -> Self {
        let conflict = source
            .as_database_error()
            .is_some_and(sqlx::error::DatabaseError::is_unique_violation);
        Self {
            kind: match Outage::of(&source) {
                _ if conflict => ErrorKind::Conflict,
                Some(outage) => ErrorKind::Unavailable(outage),
                None => ErrorKind::Unexpected,
            },
            operation: "the database refused a statement",
            source: Some(Box::new(source)),
        }
    }
}
