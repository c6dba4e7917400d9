//! Errors of a request, by consequence: the API refused it, nothing answered, or something else answered.

use std::fmt;

use serde::Deserialize;

/// Error of a request.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address cannot be used.
    #[error("{url}: {reason}")]
    Address {
        /// The address.
        url: String,
        /// Reason and remedy.
        reason: String,
    },
    /// Longshore refused the request.
    #[error("{0}")]
    Refused(Box<Problem>),
    /// No answer came: the name is unknown, the connection failed, or the answer took too long.
    #[error("{url} is out of reach: {reason}")]
    Unreachable {
        /// The address, without path and query.
        url: String,
        /// Error of the connection.
        reason: String,
    },
    /// An answer came that Longshore does not give, for example from a proxy.
    #[error("{url} answered {status}: {reason}")]
    Unexpected {
        /// The address, without path and query.
        url: String,
        /// HTTP status.
        status: u16,
        /// Description of the answer.
        reason: String,
    },
}

/// A problem document (RFC 9457).
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Problem {
    /// Type: `urn:problem-type:longshore:` and a slug.
    #[serde(rename = "type")]
    pub kind: String,
    /// Title, the same for every occurrence.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// Explanation of this occurrence, with the remedy.
    pub detail: String,
    /// Wrong fields of the request.
    #[serde(default)]
    pub errors: Vec<InvalidField>,
    /// Id of the request, as in the logs.
    #[serde(default)]
    pub request_id: String,
    /// Seconds of the header `Retry-After`.
    #[serde(skip)]
    pub retry_after: Option<u64>,
}

/// A wrong field of a request.
#[derive(Debug, Clone, Deserialize)]
pub struct InvalidField {
    /// JSON Pointer into the body, or the name of a parameter.
    pub pointer: String,
    /// Fixed word for programs.
    pub code: String,
    /// Explanation with the remedy.
    pub detail: String,
}

impl Problem {
    /// Returns the last part of the type, such as `invalid-request`.
    pub fn slug(&self) -> &str {
        self.kind.rsplit(':').next().unwrap_or_default()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}: {}", self.status, self.title, self.detail)
    }
}

/// Converts a 404 to `None`.
///
/// # Errors
/// Any other [`ClientError`].
pub fn found<T>(answer: Result<T, ClientError>) -> Result<Option<T>, ClientError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.problem().is_some_and(|problem| problem.status == 404) => Ok(None),
        Err(error) => Err(error),
    }
}

impl ClientError {
    /// Returns the problem if Longshore refused the request.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            ClientError::Refused(problem) => Some(problem),
            _ => None,
        }
    }

    /// True if a repeat may succeed: the connection failed, or the status is 429, 502, 503 or 504.
    pub fn is_temporary(&self) -> bool {
        match self {
            ClientError::Address { .. } => false,
            ClientError::Unreachable { .. } => true,
            ClientError::Refused(problem) => matches!(problem.status, 429 | 503),
            ClientError::Unexpected { status, .. } => matches!(status, 200..=299 | 429 | 502..=504),
        }
    }
}
