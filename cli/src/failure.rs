//! Failures of a command, each with its exit code and its text on standard error.

use std::io;

use longshore_client::{ClientError, Problem};

use crate::deploy::DeployError;
use crate::escape::escaped;

/// Exit code of a command that did what it should.
pub(crate) const DONE: u8 = 0;
/// Exit code if the API refused the request or a condition is not met.
pub(crate) const REFUSED: u8 = 1;
/// Exit code of wrong usage, the same as that of clap.
pub(crate) const USAGE: u8 = 2;
/// Exit code if the deployment is out of reach.
pub(crate) const UNREACHABLE: u8 = 3;

/// Reason why a command ended early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The request failed.
    Client(ClientError),
    /// A condition is not met, such as a wait that took too long.
    NotMet(String),
    /// The arguments, the settings or a file of the caller are wrong.
    Usage(String),
    /// The reader of standard output has closed it.
    OutputClosed,
    /// Standard output cannot be written.
    Output(io::Error),
    /// A deployment stopped.
    Deploy(DeployError),
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Failure {
        Failure::Client(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::OutputClosed,
            _ => Failure::Output(error),
        }
    }
}

impl Failure {
    /// Returns the exit code.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Failure::OutputClosed => DONE,
            Failure::Client(ClientError::Refused(_)) | Failure::NotMet(_) | Failure::Output(_) | Failure::Deploy(_) => {
                REFUSED
            }
            Failure::Client(ClientError::Address { .. }) | Failure::Usage(_) => USAGE,
            Failure::Client(ClientError::Unreachable { .. } | ClientError::Unexpected { .. }) => UNREACHABLE,
        }
    }

    /// Returns the text for people; `None` if there is nobody to read it.
    pub(crate) fn text(&self) -> Option<String> {
        match self {
            Failure::OutputClosed => None,
            Failure::Client(ClientError::Refused(problem)) => Some(described(problem)),
            Failure::Client(error) => Some(escaped(&error.to_string())),
            Failure::NotMet(text) | Failure::Usage(text) => Some(text.clone()),
            Failure::Output(error) => Some(format!("standard output: {error}")),
            Failure::Deploy(error) => Some(error.to_string()),
        }
    }
}

/// Describes a problem: the error with its remedy, each wrong field, and where to read more.
pub(crate) fn described(problem: &Problem) -> String {
    let Problem { status, title, detail, errors, request_id, retry_after, .. } = problem;
    let mut lines = vec![format!("{status} {}: {}", escaped(title), escaped(detail))];
    lines.extend(errors.iter().map(|field| {
        let own = if field.detail == *detail { String::new() } else { format!(": {}", escaped(&field.detail)) };
        format!("  {} ({}){own}", escaped(&field.pointer), escaped(&field.code))
    }));
    lines.extend(retry_after.map(|seconds| format!("  Try again after {seconds} s.")));
    if !request_id.is_empty() {
        lines.push(format!("  Request {}; see docs/errors.md#{}.", escaped(request_id), escaped(problem.slug())));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use longshore_client::InvalidField;

    use super::*;

    #[test]
    fn a_problem_names_its_fields_and_escapes_foreign_text() {
        let field = |detail: &str| InvalidField { pointer: "#/a".into(), code: "c".into(), detail: detail.into() };
        let problem = Problem {
            kind: "urn:problem-type:longshore:invalid-request".into(),
            title: "A field is invalid".into(),
            status: 422,
            detail: "Use 1\u{1b}[2J".into(),
            errors: vec![field("Use 1\u{1b}[2J"), field("Use 2")],
            request_id: "01K".into(),
            retry_after: None,
        };
        let expected = "422 A field is invalid: Use 1\\u{1b}[2J\n  #/a (c)\n  #/a (c): Use 2\n  \
                        Request 01K; see docs/errors.md#invalid-request.";
        assert_eq!(described(&problem), expected);
    }

    #[test]
    fn a_closed_output_is_no_error() {
        let closed = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!((closed.code(), closed.text()), (DONE, None));
        assert_eq!(Failure::from(io::Error::from(io::ErrorKind::StorageFull)).code(), REFUSED);
    }
}
