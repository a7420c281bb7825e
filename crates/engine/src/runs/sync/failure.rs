//! Why one blob could not be imported, while the others were.

use formats::FormatError;
use model::Code;

use crate::Problem;

/// The cause, as it is listed for people and programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// Of a [`Code`] or of a [`FormatError`].
    pub code: &'static str,
    pub message: String,
    /// Line and column, from 1.
    pub position: Option<(i64, i64)>,
}

impl Failure {
    /// A name that Azure's own rule forbids.
    pub fn bad_name() -> Self {
        Self {
            code: Code::BadName.as_str(),
            message: "its name is longer than 1,024 characters".to_owned(),
            position: None,
        }
    }

    /// A file over the limit is not even read.
    pub fn too_large(size: u64, limit: u64) -> Self {
        Self {
            code: Code::FileTooLarge.as_str(),
            message: format!(
                "the file has {size} bytes, and at most {limit} can be imported (split the file into smaller ones)"
            ),
            position: None,
        }
    }

    /// One line for people.
    pub fn sentence(&self) -> String {
        match self.position {
            Some((line, column)) => format!("line {line}, column {column}: {}", self.message),
            None => self.message.clone(),
        }
    }
}

impl From<FormatError> for Failure {
    fn from(error: FormatError) -> Self {
        Self {
            code: error.code,
            message: format!("{} ({})", error.message, error.fix),
            position: Some((error.line as i64, error.column as i64)),
        }
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self {
            code: problem.code.as_str(),
            message: problem.to_string(),
            position: None,
        }
    }
}
