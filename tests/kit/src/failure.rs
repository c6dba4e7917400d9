//! Error of a command that drives Longshore.

use std::fmt::Display;

use crate::client::Unexpected;
use crate::runner::RunnerError;

/// Error that ends a command. Bad counts and measurements are not errors: the command's report shows them.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// An error of the local runner.
    #[error(transparent)]
    Runner(#[from] RunnerError),
    /// A request without an answer.
    #[error("no answer from the API: {0}")]
    Http(#[from] reqwest::Error),
    /// An answer with another status than the expected one.
    #[error(transparent)]
    Answer(#[from] Unexpected),
    /// An error of a file or a process.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// An answer, a row or a line with unexpected content.
    #[error("{what} is not as expected: {found}")]
    Unreadable {
        /// Name of the thing that was read.
        what: String,
        /// Content that was found.
        found: String,
    },
    /// An event that did not happen in time.
    #[error("{0}")]
    Overdue(String),
}

impl Failure {
    /// Returns the error for unexpected content.
    pub fn unreadable(what: impl Into<String>, found: &(impl Display + ?Sized)) -> Self {
        Self::Unreadable { what: what.into(), found: found.to_string() }
    }
}
