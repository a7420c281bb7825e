//! What Azure refuses while a form is sent: the cause and the fix, to stand beside the form.

use engine::{Error, Problem};

use crate::error::ApiError;

/// A refusal (`parts/azure_problem.html` shows the first, the form the second).
pub(in crate::pages) enum Refusal {
    Azure(Box<Problem>),
    Other(ApiError),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        match error {
            Error::Azure(problem) => Self::Azure(problem),
            error => Self::Other(error.into()),
        }
    }
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self::Other(error)
    }
}
