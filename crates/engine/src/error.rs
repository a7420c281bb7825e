//! What can go wrong in a call, by what the caller can do about it.

use std::fmt;

use model::{Annotation, Code, Permission};
use serde::Serialize;
use store::Outage;

use crate::Fix;

/// Why a call did not do its work. Nothing in it is secret: texts from Azure are redacted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It does not exist in the actor's organization; whether it exists in another is never told.
    #[error("{what} {id} does not exist")]
    NotFound { what: &'static str, id: String },
    /// The role lacks the permission.
    #[error("your role does not allow this: it needs the permission {permission:?}")]
    Denied { permission: Permission },
    /// Nobody is signed in, or the token is not (or no longer) valid.
    #[error("{reason}")]
    Unauthenticated { reason: String },
    /// The input is wrong; every wrong field is named.
    #[error("{}", join(.0))]
    Invalid(Vec<FieldError>),
    /// The input is right, and the state of things forbids it.
    #[error("{message}")]
    Conflict { message: String },
    /// A change expected another state of the annotation: somebody was faster. Nothing was written.
    #[error("somebody else has changed this annotation meanwhile")]
    ChangedMeanwhile {
        /// Who changed it last, by e-mail, if still a member.
        by: Option<String>,
        /// The annotation as it is.
        current: Box<Annotation>,
    },
    /// The project has no task that the actor could label now.
    #[error("nothing is left to label in this project")]
    NothingLeft,
    /// A body or blob over its limit.
    #[error("{what} is larger than {limit_bytes} bytes")]
    TooLarge {
        what: &'static str,
        limit_bytes: u64,
    },
    /// Too many ask for what costs a lot; nothing was done.
    #[error("too many passwords are checked at once")]
    Busy,
    /// Azure refused or could not be reached.
    #[error("{0}")]
    Azure(Box<Problem>),
    /// The database failed.
    #[error("the database failed")]
    Store(#[source] store::Error),
    /// A defect of ours, or of the machine.
    #[error("{0}")]
    Internal(String),
}

impl Error {
    /// One wrong field.
    pub fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError {
            field: field.into(),
            message: message.into(),
        }])
    }

    /// Why the database takes nothing, when that is what failed.
    pub fn outage(&self) -> Option<Outage> {
        match self {
            Self::Store(error) => match error.kind() {
                store::ErrorKind::Unavailable(outage) => Some(outage),
                _ => None,
            },
            _ => None,
        }
    }

    /// An id that leads nowhere in the actor's organization.
    pub fn not_found(what: &'static str, id: impl fmt::Display) -> Self {
        Self::NotFound {
            what,
            id: id.to_string(),
        }
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error.kind() {
            store::ErrorKind::NullCharacter => Self::field(
                FieldError::NON_FIELD,
                "A text has a null character (U+0000), which cannot be kept: take it out.",
            ),
            store::ErrorKind::Conflict
            | store::ErrorKind::Unavailable(_)
            | store::ErrorKind::Unexpected => Self::Store(error),
        }
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self::Azure(Box::new(problem))
    }
}

fn join(fields: &[FieldError]) -> String {
    let shown: Vec<String> = fields.iter().map(ToString::to_string).collect();
    shown.join("; ")
}

/// One wrong field of an input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// The field's name in JSON, or `non_field_errors` when it is not about one field.
    pub field: String,
    pub message: String,
}

impl FieldError {
    /// Label Studio's name for what is not about one field.
    pub const NON_FIELD: &'static str = "non_field_errors";
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field == Self::NON_FIELD {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", self.field, self.message)
        }
    }
}

/// An Azure failure in words: what it means and who does what about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Stable, for scripts.
    pub code: Code,
    /// What Azure's answer means here.
    pub cause: String,
    /// What to do, by whom; with the exact command where there is one.
    pub fix: Fix,
    /// What Azure said, when it answered at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub azure: Option<AzureAnswer>,
}

/// The part of Azure's answer that support asks for; redacted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AzureAnswer {
    /// HTTP status.
    pub status: Option<u16>,
    /// `x-ms-error-code` or `AADSTS…`.
    pub code: Option<String>,
    /// One line.
    pub message: String,
    /// `x-ms-request-id`, or Entra's trace id.
    pub request_id: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.cause, self.fix)
    }
}

/// An error with all its causes, for the log and for the operator; redacted.
pub(crate) fn report(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    model::redact(&text).into_owned()
}
