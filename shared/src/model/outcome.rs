//! What a handler may say of an attempt, and the classes of what goes wrong.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::result::JobResult;
use crate::wire::daily_limit::{DailyLimit, seconds_to_reset};

/// What a handler answers. It never acks, retries or writes state itself.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Done, with what the API shows as the job's result.
    Succeeded {
        /// A small JSON value.
        result: JobResult,
    },
    /// Taken over: whoever does it says later how it ended.
    Deferred {
        /// Until its completion is due.
        due_in: Duration,
    },
    /// Nothing could be sent, because the deployment lacks what the endpoint names. The job waits until that is mended.
    Unconfigured {
        /// One line.
        message: String,
    },
    /// Not done; the policy decides whether and when to try again.
    Failed {
        /// Why.
        class: ErrorClass,
        /// One line, fit to be shown.
        message: String,
        /// What the destination asked for in Retry-After.
        retry_after: Option<RetryAfter>,
    },
}

impl Outcome {
    /// A failure for which nothing asks for time. `message` is one line, fit to be shown.
    pub fn failed(class: ErrorClass, message: impl Into<String>) -> Outcome {
        Outcome::Failed { class, message: message.into(), retry_after: None }
    }

    /// The failure of a job whose stored payload is not what its kind wrote.
    pub(crate) fn unreadable_payload() -> Outcome {
        Outcome::failed(ErrorClass::Handler, "The payload cannot be read.")
    }

    /// The outcome of an attempt that met a daily limit: the job waits for the reset and spends no failure.
    pub(crate) fn spent(limit: DailyLimit, now_ms: i64) -> Outcome {
        let message = format!("The account has no {limit} left today.");
        let retry_after = Some(RetryAfter::Deferral(Duration::from_secs(u64::from(seconds_to_reset(now_ms)))));
        Outcome::Failed { class: ErrorClass::DailyLimit, message, retry_after }
    }

    /// What the job shows of it, unless all is well.
    pub fn error(&self) -> Option<JobError> {
        match self {
            Outcome::Succeeded { .. } | Outcome::Deferred { .. } => None,
            // It may succeed once the deployment is mended.
            Outcome::Unconfigured { message } => {
                Some(JobError { retryable: true, ..JobError::new(ErrorClass::Config, message.clone()) })
            }
            Outcome::Failed { class, message, .. } => Some(JobError::new(*class, message.clone())),
        }
    }
}

/// What a Retry-After means for the retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryAfter {
    /// With 429 or 503: the destination is well and asks for time. It takes the place of the schedule's wait, and the
    /// attempt does not count as a failure.
    Deferral(Duration),
    /// With any other failure: the wait is at least this long.
    AtLeast(Duration),
}

macro_rules! classes {
    ($($variant:ident $name:literal $fault:ident $doc:literal),* $(,)?) => {
        /// What went wrong, by consequence.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
        pub enum ErrorClass {
            $(#[doc = $doc] #[serde(rename = $name)] $variant,)*
        }

        impl ErrorClass {
            /// Every class.
            pub const ALL: &'static [ErrorClass] = &[$(ErrorClass::$variant),*];

            /// The name in the API and in `dead_letter_on`.
            pub fn name(self) -> &'static str {
                match self { $(ErrorClass::$variant => $name,)* }
            }

            /// Whose it is.
            pub fn fault(self) -> Fault {
                match self { $(ErrorClass::$variant => Fault::$fault,)* }
            }
        }
    };
}

classes! {
    Dns "dns" Destination "The name did not resolve.",
    Connect "connect" Destination "No connection, or it broke.",
    Tls "tls" Destination "The TLS handshake failed.",
    Timeout "timeout" Destination "No complete response before the deadline.",
    Blocked "blocked" Payload "The destination is not allowed.",
    Http3xx "http_3xx" Destination "A redirect, which is never followed.",
    Http4xx "http_4xx" Destination "A status 4xx other than 410 and 429, or one that is neither 2xx, 3xx nor 5xx.",
    Http410 "http_410" Destination "410 Gone: the endpoint wants nothing more.",
    Http429 "http_429" Destination "429 Too Many Requests.",
    Http5xx "http_5xx" Destination "A status 5xx.",
    Challenged "challenged" Destination "A bot protection in front of the destination asked for a browser: 403 or 429 with `cf-mitigated: challenge`.",
    Provider "provider" Provider "A provider behind the handler failed.",
    Handler "handler" Payload "The handler refuses this payload.",
    Config "config" Ours "The deployment lacks what the job names.",
    DailyLimit "daily_limit" Ours "The Cloudflare account has spent a daily limit of the free plan.",
    Internal "internal" Ours "A bug or a broken part of ours.",
    Crash "crash" Ours "The worker stopped before it recorded an outcome.",
}

impl ErrorClass {
    /// The class of a status that is not 2xx.
    pub fn of_status(status: u16) -> ErrorClass {
        match status {
            300..=399 => ErrorClass::Http3xx,
            410 => ErrorClass::Http410,
            429 => ErrorClass::Http429,
            500..=599 => ErrorClass::Http5xx,
            _ => ErrorClass::Http4xx,
        }
    }

    /// Whether the same attempt may succeed later. Every non-2xx is retried except 410: a bad deploy of the receiver
    /// answers 401 or 404 for ten minutes and must not kill its jobs.
    pub fn retryable(self) -> bool {
        !matches!(self, ErrorClass::Http410 | ErrorClass::Blocked | ErrorClass::Handler | ErrorClass::Config)
    }
}

/// Whose fault an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub enum Fault {
    /// The receiver's.
    Destination,
    /// Longshore's or its deployment's.
    Ours,
    /// A provider's.
    Provider,
    /// The job's own content.
    Payload,
}

/// An error as the row keeps it and the API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct JobError {
    /// What went wrong.
    pub class: ErrorClass,
    /// Whose it is.
    pub fault: Fault,
    /// One line.
    pub message: String,
    /// Whether the same attempt may succeed later.
    pub retryable: bool,
}

impl JobError {
    /// The error of that class.
    pub fn new(class: ErrorClass, message: impl Into<String>) -> Self {
        JobError { class, fault: class.fault(), message: message.into(), retryable: class.retryable() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::DAY_MS;

    #[test]
    fn what_is_spent_just_after_midnight_is_asked_for_again_in_minutes() {
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
    fn an_error_says_whose_it_is_and_whether_to_try_again() {
        let faults = |fault| ErrorClass::ALL.iter().filter(|class| class.fault() == fault).count();
        assert_eq!([Fault::Destination, Fault::Ours, Fault::Provider, Fault::Payload].map(faults), [10, 4, 1, 2]);
        let error = serde_json::to_value(JobError::new(ErrorClass::Blocked, "no")).unwrap();
        let expected = serde_json::json!({"class": "blocked", "fault": "payload", "message": "no", "retryable": false});
        assert_eq!(error, expected);
        assert!(JobError::new(ErrorClass::Timeout, "").retryable);
    }

    #[test]
    fn a_job_shows_what_went_wrong_and_nothing_else() {
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
