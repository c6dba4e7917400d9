//! Why a command that drives Longshore could not go on.

use std::fmt::Display;

use crate::client::Unexpected;
use crate::runner::RunnerError;

/// Why a command could not go on. What it counts or measures is no failure: its report shows it.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The local runner failed.
    #[error(transparent)]
    Runner(#[from] RunnerError),
    /// The API gave no answer.
    #[error("no answer from the API: {0}")]
    Http(#[from] reqwest::Error),
    /// The API answered another status than the expected one.
    #[error(transparent)]
    Answer(#[from] Unexpected),
    /// A file or a process could not be used.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// An answer, a row or a line is not as it must be.
    #[error("{what} is not as expected: {found}")]
    Unreadable {
        /// What was read.
        what: String,
        /// What it was.
        found: String,
    },
    /// Something that must happen did not happen in time.
    #[error("{0}")]
    Overdue(String),
}

impl Failure {
    /// What was read is not as it must be.
    pub fn unreadable(what: impl Into<String>, found: &(impl Display + ?Sized)) -> Self {
        Self::Unreadable { what: what.into(), found: found.to_string() }
    }
}
