//! The outcomes of an attempt, and the classes of errors.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::result::JobResult;
use crate::wire::daily_limit::{DailyLimit, seconds_to_reset};

/// Outcome of an attempt, as its handler returns it. A handler never acks, retries or writes state itself.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The job is done, with the result that the API shows.
    Succeeded {
        /// A small JSON value.
        result: JobResult,
    },
    /// The handler accepted the task and reports its end later with a completion.
    Deferred {
        /// Time until the completion is due.
        due_in: Duration,
    },
    /// The deployment lacks the binding that the endpoint names, so nothing was sent. The job waits until the deployment
    /// is fixed.
    Unconfigured {
        /// Reason in one line.
        message: String,
    },
    /// The attempt failed. [`crate::model::state::decide`] decides if and when the job is retried.
    Failed {
        /// Class of the error.
        class: ErrorClass,
        /// Reason in one line, which may be shown to callers.
        message: String,
        /// Wait that the destination requested with Retry-After.
        retry_after: Option<RetryAfter>,
    },
}

impl Outcome {
    /// Creates a failure without a requested wait. `message` is one line that may be shown to callers.
    pub fn failed(class: ErrorClass, message: impl Into<String>) -> Outcome {
        Outcome::Failed { class, message: message.into(), retry_after: None }
    }

    /// Creates the failure of a job whose stored payload is not in the form that its kind writes.
    pub(crate) fn unreadable_payload() -> Outcome {
        Outcome::failed(ErrorClass::Handler, "The payload cannot be read.")
    }

    /// Creates the outcome of an attempt that met a daily limit: the job waits for the reset, and the attempt does not
    /// count as a failure.
    pub(crate) fn spent(limit: DailyLimit, now_ms: i64) -> Outcome {
        let message = format!("The account has no {limit} left today.");
        let retry_after = Some(RetryAfter::Deferral(Duration::from_secs(u64::from(seconds_to_reset(now_ms)))));
        Outcome::Failed { class: ErrorClass::DailyLimit, message, retry_after }
    }

    /// Returns the error that the job shows; `None` for a success or a deferral.
    pub fn error(&self) -> Option<JobError> {
        match self {
            Outcome::Succeeded { .. } | Outcome::Deferred { .. } => None,
            // A retry may succeed once the deployment is fixed.
            Outcome::Unconfigured { message } => {
                Some(JobError { retryable: true, ..JobError::new(ErrorClass::Config, message.clone()) })
            }
            Outcome::Failed { class, message, .. } => Some(JobError::new(*class, message.clone())),
        }
    }
}

/// Meaning of a Retry-After for the retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryAfter {
    /// Sent with 429 or 503: the destination works and requests time. The wait replaces that of the retry schedule, and
    /// the attempt does not count as a failure.
    Deferral(Duration),
    /// Sent with any other failure: the wait is at least this long.
    AtLeast(Duration),
}

macro_rules! classes {
    ($($variant:ident $name:literal $fault:ident $doc:literal),* $(,)?) => {
        /// Class of an error.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
        pub enum ErrorClass {
            $(#[doc = $doc] #[serde(rename = $name)] $variant,)*
        }

        impl ErrorClass {
            /// Every class.
            pub const ALL: &'static [ErrorClass] = &[$(ErrorClass::$variant),*];

            /// Returns the name in the API and in `dead_letter_on`.
            pub fn name(self) -> &'static str {
                match self { $(ErrorClass::$variant => $name,)* }
            }

            /// Returns the side that caused the error.
            pub fn fault(self) -> Fault {
                match self { $(ErrorClass::$variant => Fault::$fault,)* }
            }
        }
    };
}

classes! {
    Dns "dns" Destination "The host name did not resolve.",
    Connect "connect" Destination "The connection could not be opened, or it broke.",
    Tls "tls" Destination "The TLS handshake failed.",
    Timeout "timeout" Destination "No complete response arrived before the deadline.",
    Blocked "blocked" Payload "The destination is not allowed.",
    Http3xx "http_3xx" Destination "A redirect, which is never followed.",
    Http4xx "http_4xx" Destination "A status 4xx other than 410 and 429, or one that is neither 2xx, 3xx nor 5xx.",
    Http410 "http_410" Destination "410 Gone: the endpoint accepts no more requests.",
    Http429 "http_429" Destination "429 Too Many Requests.",
    Http5xx "http_5xx" Destination "A status 5xx.",
    Challenged "challenged" Destination "A bot protection in front of the destination requires a browser: 403 or 429 with `cf-mitigated: challenge`.",
    Provider "provider" Provider "A provider behind the handler failed.",
    Handler "handler" Payload "The handler refuses this payload.",
    Config "config" Ours "The deployment lacks what the job names.",
    DailyLimit "daily_limit" Ours "The Cloudflare account has spent a daily limit of the free plan.",
    Internal "internal" Ours "An error inside Longshore.",
    Crash "crash" Ours "The worker stopped before it recorded an outcome.",
}

impl ErrorClass {
    /// Returns the class of a status that is not 2xx.
    pub fn of_status(status: u16) -> ErrorClass {
        match status {
            300..=399 => ErrorClass::Http3xx,
            410 => ErrorClass::Http410,
            429 => ErrorClass::Http429,
            500..=599 => ErrorClass::Http5xx,
            _ => ErrorClass::Http4xx,
        }
    }

    /// Returns true if a later attempt may succeed. Every status outside 2xx is retried except 410: a bad deployment of
    /// the receiver may answer 401 or 404 for ten minutes and must not kill its jobs.
    pub fn retryable(self) -> bool {
        !matches!(self, ErrorClass::Http410 | ErrorClass::Blocked | ErrorClass::Handler | ErrorClass::Config)
    }
}

/// Side that caused an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub enum Fault {
    /// The receiver.
    Destination,
    /// Longshore or its deployment.
    Ours,
    /// A provider.
    Provider,
    /// The content of the job.
    Payload,
}

/// An error as the row stores it and the API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct JobError {
    /// Class of the error.
    pub class: ErrorClass,
    /// Side that caused the error.
    pub fault: Fault,
    /// Reason in one line.
    pub message: String,
    /// True if a later attempt may succeed.
    pub retryable: bool,
}

impl JobError {
    /// Creates an error of that class.
    pub fn new(class: ErrorClass, message: impl Into<String>) -> Self {
        JobError { class, fault: class.fault(), message: message.into(), retryable: class.retryable() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::DAY_MS;

    #[test]
    fn a_limit_spent_just_after_midnight_is_retried_in_minutes() {
        let Outcome::Failed { class, retry_after, .. } =
            Outcome::spent(DailyLimit::RowsWritten, 20_000 * DAY_MS + 5_000)
        else {
            panic!("it is a failure");
        };
        let minutes = RetryAfter::Deferral(Duration::from_secs(895));
        assert_eq!((class, retry_after), (ErrorClass::DailyLimit, Some(minutes)));
    }

    #[test]
    fn every_status_has_its_class() {
        for status in 300..=1000u16 {
            let class = ErrorClass::of_status(status);
            let expected = match status {
                410 => "http_410",
                429 => "http_429",
                300..=399 => "http_3xx",
                500..=599 => "http_5xx",
                _ => "http_4xx",
            };
            assert_eq!(class.name(), expected, "{status}");
            assert_eq!(class.retryable(), status != 410, "{status}");
        }
    }

    #[test]
    fn an_error_has_a_fault_and_says_if_it_is_retryable() {
        let faults = |fault| ErrorClass::ALL.iter().filter(|class| class.fault() == fault).count();
        assert_eq!([Fault::Destination, Fault::Ours, Fault::Provider, Fault::Payload].map(faults), [10, 4, 1, 2]);
        let error = serde_json::to_value(JobError::new(ErrorClass::Blocked, "no")).unwrap();
        let expected = serde_json::json!({"class": "blocked", "fault": "payload", "message": "no", "retryable": false});
        assert_eq!(error, expected);
        assert!(JobError::new(ErrorClass::Timeout, "").retryable);
    }

    #[test]
    fn a_job_shows_only_its_error() {
        assert_eq!(Outcome::Succeeded { result: JobResult::Empty }.error(), None);
        assert_eq!(Outcome::Deferred { due_in: Duration::from_secs(1) }.error(), None);
        let (class, message) = (ErrorClass::Config, "no binding".to_owned());
        let unconfigured = JobError { class, fault: Fault::Ours, message: message.clone(), retryable: true };
        assert_eq!(Outcome::Unconfigured { message: message.clone() }.error(), Some(unconfigured));
        let failed = JobError { class, fault: Fault::Ours, message: message.clone(), retryable: false };
        assert_eq!(Outcome::Failed { class, message, retry_after: None }.error(), Some(failed));
    }

    #[test]
    fn names_are_what_serde_writes() {
        for class in ErrorClass::ALL {
            assert_eq!(serde_json::to_value(class).unwrap(), class.name());
        }
    }
}
