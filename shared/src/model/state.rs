//! The state machine, and the one pure function that decides what follows an attempt.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::limits::SENDS_MAX;
use crate::model::backoff::{RetrySchedule, delay_after, nominal_delay};
use crate::model::outcome::{ErrorClass, Outcome, RetryAfter};

/// State of a job. Terminal states never change; a dead letter has a separate state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub enum State {
    /// Accepted for a later time.
    Scheduled,
    /// Ready to run: accepted, and its hint is under way or was lost.
    Queued,
    /// Claimed under a lease.
    Running,
    /// Waiting for the next attempt after a failure or a crash.
    Retrying,
    /// Waiting because its endpoint or the pipeline is paused.
    Held,
    /// Ended with a success.
    Succeeded,
    /// Failed permanently: the job is a dead letter.
    Dead,
    /// Ended by a request to cancel it.
    Cancelled,
}

impl State {
    /// Every state.
    pub const ALL: [State; 8] = [
        State::Scheduled,
        State::Queued,
        State::Running,
        State::Retrying,
        State::Held,
        State::Succeeded,
        State::Dead,
        State::Cancelled,
    ];

    /// Returns true if the job has ended.
    pub fn is_terminal(self) -> bool {
        matches!(self, State::Succeeded | State::Dead | State::Cancelled)
    }

    /// Returns the name in the store and in the API.
    pub fn name(self) -> &'static str {
        match self {
            State::Scheduled => "scheduled",
            State::Queued => "queued",
            State::Running => "running",
            State::Retrying => "retrying",
            State::Held => "held",
            State::Succeeded => "succeeded",
            State::Dead => "dead",
            State::Cancelled => "cancelled",
        }
    }

    /// Returns the state of that name.
    pub fn named(name: &str) -> Option<State> {
        State::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// Reason why a job became a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub enum DeadReason {
    /// Number of failures reached `max_attempts`, or number of sends reached [`SENDS_MAX`].
    AttemptsExhausted,
    /// Error that a retry cannot fix, or that the endpoint dead-letters at once.
    NotRetryable,
    /// Next attempt would start after `deadline_at`.
    Deadline,
    /// Three crashes of the Worker while the job ran alone.
    CrashLoop,
}

impl DeadReason {
    /// Every reason.
    pub const ALL: [DeadReason; 4] =
        [DeadReason::AttemptsExhausted, DeadReason::NotRetryable, DeadReason::Deadline, DeadReason::CrashLoop];

    /// Returns the name in the store and in the API.
    pub fn name(self) -> &'static str {
        match self {
            DeadReason::AttemptsExhausted => "attempts_exhausted",
            DeadReason::NotRetryable => "not_retryable",
            DeadReason::Deadline => "deadline",
            DeadReason::CrashLoop => "crash_loop",
        }
    }
}

/// State of a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub enum DeadLetterState {
    /// The dead letter can be replayed or discarded.
    Open,
    /// The dead letter was sent again as a new job.
    Replayed,
    /// The dead letter was discarded.
    Discarded,
}

/// History and limits of a job, on which a decision depends.
#[derive(Debug, Clone)]
pub struct Situation<'a> {
    /// Number of sends so far, including this one.
    pub attempt: u32,
    /// Number of failures before this attempt.
    pub failures: u32,
    /// Maximum number of failures.
    pub max_attempts: u32,
    /// Retry schedule of the job.
    pub backoff: RetrySchedule,
    /// Error classes that the endpoint dead-letters at once.
    pub dead_letter_on: &'a [ErrorClass],
    /// Time until the deadline in ms, if the job has one.
    pub deadline_in_ms: Option<i64>,
    /// Seed of the jitter.
    pub seed: u64,
}

/// Consequence of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The job is done.
    Succeed,
    /// The attempt is completed later.
    Defer {
        /// Time until the completion is due.
        due_in: Duration,
        /// Number of failures so far.
        failures: u32,
    },
    /// The job waits until its endpoint is resumed.
    Hold {
        /// Number of failures so far.
        failures: u32,
    },
    /// The job is retried.
    Retry {
        /// Wait before the next attempt.
        delay: Duration,
        /// Number of failures so far.
        failures: u32,
    },
    /// The job becomes a dead letter.
    DeadLetter {
        /// Reason of the death.
        reason: DeadReason,
        /// Number of failures.
        failures: u32,
    },
}

/// Decides what follows an attempt.
///
/// 429 and 503 with a Retry-After do not count as failures, because the destination works and only requests time. With
/// any other failure a Retry-After only lengthens the wait.
pub fn decide(outcome: &Outcome, at: &Situation<'_>) -> Decision {
    let (class, retry_after) = match outcome {
        Outcome::Succeeded { .. } => return Decision::Succeed,
        Outcome::Deferred { due_in } => return Decision::Defer { due_in: *due_in, failures: at.failures },
        Outcome::Unconfigured { .. } => return Decision::Hold { failures: at.failures },
        Outcome::Failed { class, message: _, retry_after } => (class, retry_after),
    };
    let deferred = matches!(retry_after, Some(RetryAfter::Deferral(_)));
    let failures = if deferred { at.failures } else { at.failures + 1 };
    if !class.retryable() || at.dead_letter_on.contains(class) {
        return Decision::DeadLetter { reason: DeadReason::NotRetryable, failures };
    }
    if failures >= at.max_attempts || at.attempt >= SENDS_MAX {
        return Decision::DeadLetter { reason: DeadReason::AttemptsExhausted, failures };
    }
    let scheduled = delay_after(at.backoff, failures.max(1), at.seed);
    let delay = match retry_after {
        Some(RetryAfter::Deferral(wait)) => *wait,
        Some(RetryAfter::AtLeast(wait)) => scheduled.max(*wait),
        None => scheduled,
    };
    let delay_ms = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
    if at.deadline_in_ms.is_some_and(|left| delay_ms >= left) {
        return Decision::DeadLetter { reason: DeadReason::Deadline, failures };
    }
    Decision::Retry { delay, failures }
}

/// Returns the time until a job that is retried becomes a dead letter if all of its attempts fail at once: the wait, and the
/// waits of its schedule after that without jitter. It dies before a wait that would end after its deadline. `None` for
/// any other decision.
pub fn dies_in(decision: Decision, at: &Situation<'_>) -> Option<Duration> {
    let Decision::Retry { delay, failures } = decision else { return None };
    let left = at.deadline_in_ms.map(|left| Duration::from_millis(left.max(0).unsigned_abs()));
    let mut all = delay;
    for failures in failures + 1..at.max_attempts {
        let wait = nominal_delay(at.backoff, failures);
        if left.is_some_and(|left| all + wait >= left) {
            break;
        }
        all = all.saturating_add(wait);
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    use crate::model::result::JobResult;

    fn failed(class: ErrorClass, retry_after: Option<u64>) -> Outcome {
        let wait = retry_after.map(|seconds| RetryAfter::Deferral(Duration::from_secs(seconds)));
        Outcome::Failed { class, message: String::new(), retry_after: wait }
    }

    fn situation(attempt: u32, failures: u32, max_attempts: u32) -> Situation<'static> {
        let backoff = RetrySchedule::WebhookStandard;
        Situation { attempt, failures, max_attempts, backoff, dead_letter_on: &[], deadline_in_ms: None, seed: 7 }
    }

    #[test]
    fn only_some_classes_die_at_once() {
        for class in ErrorClass::ALL {
            let decision = decide(&failed(*class, None), &situation(1, 0, 10));
            let dies = matches!(decision, Decision::DeadLetter { reason: DeadReason::NotRetryable, .. });
            assert_eq!(dies, ["http_410", "blocked", "handler", "config"].contains(&class.name()), "{class:?}");
        }
    }

    #[test]
    fn an_endpoint_may_dead_letter_a_class_at_once() {
        let at = Situation { dead_letter_on: &[ErrorClass::Http4xx], ..situation(1, 0, 10) };
        let decision = decide(&failed(ErrorClass::Http4xx, None), &at);
        assert_eq!(decision, Decision::DeadLetter { reason: DeadReason::NotRetryable, failures: 1 });
    }

    #[test]
    fn a_429_with_retry_after_spends_no_failure_and_a_429_without_does() {
        let asked = decide(&failed(ErrorClass::Http429, Some(90)), &situation(3, 1, 2));
        assert_eq!(asked, Decision::Retry { delay: Duration::from_secs(90), failures: 1 });
        let silent = decide(&failed(ErrorClass::Http429, None), &situation(3, 1, 2));
        assert_eq!(silent, Decision::DeadLetter { reason: DeadReason::AttemptsExhausted, failures: 2 });
    }

    #[test]
    fn any_other_retry_after_only_lengthens_the_wait() {
        let wait = Some(RetryAfter::AtLeast(Duration::from_secs(4_000)));
        let outcome = Outcome::Failed { class: ErrorClass::Http5xx, message: String::new(), retry_after: wait };
        let decision = decide(&outcome, &situation(1, 0, 10));
        assert_eq!(decision, Decision::Retry { delay: Duration::from_secs(4_000), failures: 1 });
    }

    #[test]
    fn a_destination_cannot_request_time_without_end() {
        let decision = decide(&failed(ErrorClass::Http429, Some(1)), &situation(SENDS_MAX, 0, 10));
        assert_eq!(decision, Decision::DeadLetter { reason: DeadReason::AttemptsExhausted, failures: 0 });
    }

    #[test]
    fn no_retry_is_planned_beyond_the_deadline() {
        let at = Situation { deadline_in_ms: Some(3_000), ..situation(1, 0, 10) };
        let decision = decide(&failed(ErrorClass::Timeout, None), &at);
        assert_eq!(decision, Decision::DeadLetter { reason: DeadReason::Deadline, failures: 1 });
        let at_the_end = |left| Situation { deadline_in_ms: Some(left), ..situation(1, 0, 10) };
        let asked = failed(ErrorClass::Http429, Some(3));
        let retry = Decision::Retry { delay: Duration::from_secs(3), failures: 0 };
        assert_eq!(decide(&asked, &at_the_end(3_001)), retry);
        assert_eq!(
            decide(&asked, &at_the_end(3_000)),
            Decision::DeadLetter { reason: DeadReason::Deadline, failures: 0 },
            "an attempt at the deadline itself is too late"
        );
    }

    #[test]
    fn a_success_is_final_in_any_situation() {
        let at = Situation { deadline_in_ms: Some(0), dead_letter_on: ErrorClass::ALL, ..situation(SENDS_MAX, 10, 10) };
        assert_eq!(decide(&Outcome::Succeeded { result: JobResult::Empty }, &at), Decision::Succeed);
    }

    #[test]
    fn a_retried_job_dies_at_the_end_of_its_schedule_or_before_a_wait_that_is_too_long() {
        let seconds = |max_attempts, deadline_in_ms| {
            let at = Situation { deadline_in_ms, ..situation(1, 0, max_attempts) };
            dies_in(decide(&failed(ErrorClass::Http5xx, None), &at), &at).map(|wait| wait.as_secs().div_ceil(60))
        };
        assert_eq!(seconds(10, None), Some(6 + 30 + 60 * (2 + 5 + 10 + 14 + 20 + 24)), "75 hours and more");
        assert_eq!(seconds(3, None), Some(6), "5 s, then 5 minutes");
        assert_eq!(seconds(10, Some(24 * 3_600_000)), Some(6 + 30 + 60 * (2 + 5 + 10)), "14 h do not fit into a day");
        assert_eq!(seconds(1, None), None, "it is dead already");
    }

    proptest! {
        #[test]
        fn failures_never_pass_the_budget(
            class in prop::sample::select(ErrorClass::ALL), attempt in 1u32..200, failures in 0u32..50,
            max in 1u32..=50, wait in prop::option::of(1u64..100_000), seed: u64,
        ) {
            prop_assume!(failures < max);
            let decision = decide(&failed(class, wait), &Situation { seed, ..situation(attempt, failures, max) });
            match decision {
                Decision::Succeed | Decision::Defer { .. } | Decision::Hold { .. } => prop_assert!(false),
                Decision::Retry { failures: spent, .. } => prop_assert!(spent < max && attempt < SENDS_MAX),
                Decision::DeadLetter { failures: spent, .. } => prop_assert!(spent <= max),
            }
        }
    }

    #[test]
    fn three_states_are_terminal() {
        let ended: Vec<_> = State::ALL.into_iter().filter(|state| state.is_terminal()).map(State::name).collect();
        assert_eq!(ended, ["succeeded", "dead", "cancelled"]);
    }

    #[test]
    fn names_go_both_ways() {
        for state in State::ALL {
            assert_eq!(State::named(state.name()), Some(state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.name());
        }
        assert_eq!(State::named("finished"), None);
    }

    #[test]
    fn a_reason_is_named_as_it_is_written() {
        for reason in DeadReason::ALL {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.name());
        }
    }
}
