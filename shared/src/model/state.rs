//! The state machine, and the one function that decides what follows an attempt. Pure.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::limits::SENDS_MAX;
use crate::model::backoff::{RetrySchedule, delay_after};
use crate::model::outcome::{ErrorClass, Outcome, RetryAfter};

/// The states of a job. Terminal ones never change again; a dead letter has a state of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub enum State {
    /// Accepted for later.
    Scheduled,
    /// Accepted, a hint is on its way or was lost.
    Queued,
    /// Claimed under a lease.
    Running,
    /// Failed or interrupted, and to be tried again.
    Retrying,
    /// Its endpoint or the pipeline is paused.
    Held,
    /// Done.
    Succeeded,
    /// Given up: a dead letter.
    Dead,
    /// Ended by an operator.
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

    /// Whether the job has ended.
    pub fn is_terminal(self) -> bool {
        matches!(self, State::Succeeded | State::Dead | State::Cancelled)
    }

    /// The name in the store and in the API.
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

    /// The state of that name.
    pub fn named(name: &str) -> Option<State> {
        State::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// Why a job was dead-lettered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub enum DeadReason {
    /// Its failures reached `max_attempts`, or its sends reached [`SENDS_MAX`].
    AttemptsExhausted,
    /// The error is one that a retry cannot mend, or one its endpoint dead-letters at once.
    NotRetryable,
    /// The next attempt would start after `deadline_at`.
    Deadline,
    /// It crashed its worker three times while it ran alone.
    CrashLoop,
}

impl DeadReason {
    /// The name in the store and in the API.
    pub fn name(self) -> &'static str {
        match self {
            DeadReason::AttemptsExhausted => "attempts_exhausted",
            DeadReason::NotRetryable => "not_retryable",
            DeadReason::Deadline => "deadline",
            DeadReason::CrashLoop => "crash_loop",
        }
    }
}

/// What became of a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub enum DeadLetterState {
    /// It may be replayed or discarded.
    Open,
    /// It was sent again as a new job.
    Replayed,
    /// It was given up.
    Discarded,
}

/// What a job has behind it and may still do.
#[derive(Debug, Clone)]
pub struct Situation<'a> {
    /// Sends so far, this one included.
    pub attempt: u32,
    /// Failures before this attempt.
    pub failures: u32,
    /// Failures it may have.
    pub max_attempts: u32,
    /// The named schedule of its retries.
    pub backoff: RetrySchedule,
    /// Classes its endpoint dead-letters at once.
    pub dead_letter_on: &'a [ErrorClass],
    /// Until its deadline, if it has one.
    pub deadline_in_ms: Option<i64>,
    /// Where the jitter comes from.
    pub seed: u64,
}

/// What follows an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The job is done.
    Succeed,
    /// Its completion comes later.
    Defer {
        /// It is due in this long.
        due_in: Duration,
        /// With this many failures so far.
        failures: u32,
    },
    /// It waits until its endpoint is resumed.
    Hold {
        /// With this many failures so far.
        failures: u32,
    },
    /// It is tried again.
    Retry {
        /// After this long.
        delay: Duration,
        /// With this many failures so far.
        failures: u32,
    },
    /// It is a dead letter.
    DeadLetter {
        /// Why.
        reason: DeadReason,
        /// With this many failures.
        failures: u32,
    },
}

/// Decides what follows an attempt.
///
/// 429 and 503 with a Retry-After do not spend a failure: the destination is well and asks for time. A Retry-After on
/// any other failure only lengthens the wait.
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
    fn a_destination_cannot_ask_for_time_for_ever() {
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
    fn what_succeeded_is_done() {
        let at = Situation { deadline_in_ms: Some(0), dead_letter_on: ErrorClass::ALL, ..situation(SENDS_MAX, 10, 10) };
        assert_eq!(decide(&Outcome::Succeeded { result: JobResult::Empty }, &at), Decision::Succeed);
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
    fn three_states_are_the_end() {
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
        use DeadReason::{AttemptsExhausted, CrashLoop, Deadline, NotRetryable};
        for reason in [AttemptsExhausted, NotRetryable, Deadline, CrashLoop] {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.name());
        }
    }
}
