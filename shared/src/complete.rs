//! The completion of a deferred attempt: the task says later how it ended, or the sweep says that it never did.

use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::attempt::AttemptState;
use crate::authorize::unavailable;
use crate::backoff::Schedule;
use crate::hint::Hint;
use crate::invalid::InvalidField;
use crate::job::{JobRef, JobRow, Lane};
use crate::limits::{MESSAGE_CHARS_MAX, RESULT_BYTES_MAX, RETRY_AFTER_MS_MAX};
use crate::outcome::{ErrorClass, Outcome, RetryAfter};
use crate::ports::{Clock, Database, DatabaseError};
use crate::problem::Problem;
use crate::query::read_job;
use crate::run::fold;
use crate::settings::Settings;
use crate::settle::{Place, Settlement, settle};
use crate::state::{Situation, State, decide};
use crate::store::{batch, json_param, rows_as, sql};

/// `POST /v1/jobs/{id}/complete`: `{"result"?, "attempt"?}`.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CompleteRequest {
    /// The job's result: any JSON.
    #[cfg_attr(feature = "openapi", schemars(with = "Option<serde_json::Value>"))]
    pub result: Option<Box<RawValue>>,
    /// The number of the attempt that ended; one that another has followed is refused.
    pub attempt: Option<u32>,
}

/// `POST /v1/jobs/{id}/fail`: `{"message"?, "retryable"?, "retry_after_seconds"?, "attempt"?}`.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FailRequest {
    /// One line, without control characters.
    #[cfg_attr(feature = "openapi", schemars(length(min = 1, max = MESSAGE_CHARS_MAX)))]
    #[serde(default = "said_nothing")]
    pub message: String,
    /// Whether the same attempt may succeed later.
    #[serde(default = "yes")]
    pub retryable: bool,
    /// The next attempt comes no sooner.
    #[cfg_attr(feature = "openapi", schemars(range(min = 1, max = RETRY_AFTER_MS_MAX / 1_000)))]
    pub retry_after_seconds: Option<u32>,
    /// The number of the attempt that ended; one that another has followed is refused.
    pub attempt: Option<u32>,
}

fn said_nothing() -> String {
    "The task failed, and said no more.".to_owned()
}

impl Default for FailRequest {
    fn default() -> Self {
        FailRequest { message: said_nothing(), retryable: true, retry_after_seconds: None, attempt: None }
    }
}

fn yes() -> bool {
    true
}

impl CompleteRequest {
    /// The outcome it tells.
    ///
    /// # Errors
    /// When the result is too large.
    pub fn outcome(&self) -> Result<Outcome, Problem> {
        let Some(result) = &self.result else {
            return Ok(Outcome::Succeeded { result: None });
        };
        if result.get().len() > RESULT_BYTES_MAX {
            let detail = format!("A result has at most {RESULT_BYTES_MAX} bytes; store it and give a reference.");
            return Err(Problem::field("#/result", "too-long", detail));
        }
        let result = serde_json::from_str(result.get()).map_err(|_| {
            Problem::field("#/result", "unreadable-value", "A number or a text in it has no value that can be kept.")
        })?;
        Ok(Outcome::Succeeded { result: Some(result) })
    }
}

impl FailRequest {
    /// The outcome it tells.
    ///
    /// # Errors
    /// One line per wrong field.
    pub fn outcome(&self) -> Result<Outcome, Problem> {
        let mut errors = Vec::new();
        if self.message.is_empty() || self.message.chars().count() > MESSAGE_CHARS_MAX || has_control(&self.message) {
            let detail = format!("A message is 1 to {MESSAGE_CHARS_MAX} characters without control characters.");
            errors.push(InvalidField::new("#/message", "out-of-range", detail));
        }
        let most = u32::try_from(RETRY_AFTER_MS_MAX / 1_000).unwrap_or(u32::MAX);
        if self.retry_after_seconds.is_some_and(|seconds| seconds == 0 || seconds > most) {
            let detail = format!("A wait is 1 to {most} seconds.");
            errors.push(InvalidField::new("#/retry_after_seconds", "out-of-range", detail));
        }
        if !errors.is_empty() {
            return Err(Problem::InvalidRequest(errors));
        }
        let class = if self.retryable { ErrorClass::Provider } else { ErrorClass::Handler };
        let wait = |seconds: u32| RetryAfter::AtLeast(Duration::from_secs(u64::from(seconds)));
        Ok(Outcome::Failed { class, message: self.message.clone(), retry_after: self.retry_after_seconds.map(wait) })
    }
}

fn has_control(text: &str) -> bool {
    text.chars().any(char::is_control)
}

/// A job that is running, with what is decided by.
#[derive(Debug, Deserialize)]
struct Running {
    tenant: String,
    id: String,
    kind: String,
    endpoint: String,
    group: Option<String>,
    state: State,
    deferred: u8,
    attempt: u32,
    failures: u32,
    max_attempts: u32,
    backoff: Schedule,
    deadline_at: Option<i64>,
    lease_token: Option<String>,
    lease_until: Option<i64>,
    started_at: Option<i64>,
    bury_on: Vec<ErrorClass>,
    now: i64,
}

impl Running {
    fn awaits_completion(&self) -> bool {
        self.state == State::Running && self.deferred == 1
    }

    fn is_overdue(&self) -> bool {
        self.awaits_completion() && self.lease_until.is_some_and(|until| until <= self.now)
    }

    /// What ends its attempt so.
    fn end(&self, settings: &Settings, outcome: Outcome, seed: u64) -> Settlement {
        let decision = decide(
            &outcome,
            &Situation {
                attempt: self.attempt,
                failures: self.failures,
                max_attempts: self.max_attempts,
                backoff: self.backoff,
                bury_on: &self.bury_on,
                deadline_in_ms: self.deadline_at.map(|deadline| deadline - self.now),
                seed,
            },
        );
        let job = JobRef { tenant: self.tenant.clone(), id: self.id.clone() };
        let place =
            Place { endpoint: self.endpoint.clone(), lane: Lane::of(&self.kind), grouped: self.group.is_some() };
        let duration_ms = self.started_at.map_or(0, |started_at| (self.now - started_at).max(0));
        let entry = (duration_ms, None, settings.version.clone());
        Settlement::new((job, self.attempt), place, outcome, decision, entry)
    }

    fn token(&self) -> &str {
        self.lease_token.as_deref().unwrap_or_default()
    }
}

async fn read_running<W: Database + Clock>(world: &W, jobs: &[JobRef]) -> Result<Vec<Running>, DatabaseError> {
    let answers = batch(world, vec![sql!("read_running", json_param(&jobs))]).await?;
    rows_as(answers.first().unwrap_or(&Vec::new()))
}

/// Ends a deferred attempt. Answers the job as it is then, and the hint of its retry.
///
/// Safe to repeat: an attempt that has ended so is answered again; the lease and the attempt's number guard the write, as
/// they guard any settlement.
///
/// # Errors
/// `NotFound`; `IllegalTransition` when no completion of that attempt is awaited.
pub async fn complete<W: Database + Clock>(
    world: &W,
    settings: &Settings,
    job: &JobRef,
    attempt: Option<u32>,
    outcome: Outcome,
) -> Result<(JobRow, Option<Hint>), Problem> {
    let running = read_running(world, std::slice::from_ref(job)).await.map_err(|error| unavailable(&error))?.pop();
    let running = running.ok_or(Problem::NotFound)?;
    let wanted = match outcome {
        Outcome::Succeeded { .. } => AttemptState::Succeeded,
        _ => AttemptState::Failed,
    };
    let is_that = attempt.is_none_or(|attempt| attempt == running.attempt);
    let mut retry = None;
    if is_that && running.awaits_completion() {
        let settlement = running.end(settings, outcome, fold(world.random()));
        let settled = settle(world, running.token(), &settings.plan, std::slice::from_ref(&settlement)).await;
        if !settled.map_err(|error| unavailable(&error))?.is_empty() {
            retry = settlement.hint();
        }
    }
    // Ended so by this call, or by one before it.
    let row = read_job(world, job).await?;
    let entry = usize::try_from(running.attempt).ok().and_then(|attempt| row.log.get(attempt.checked_sub(1)?));
    if is_that && entry.is_some_and(|entry| entry.state == Some(wanted)) {
        return Ok((row, retry));
    }
    let what = if is_that { "No completion of this job is awaited" } else { "Another attempt has followed that one" };
    Err(Problem::IllegalTransition(format!("{what}; the job is {}.", row.state.name())))
}

/// Ends deferred attempts whose completion never came, as timeouts.
///
/// # Errors
/// When the database is out of reach.
pub(crate) async fn end_overdue<W: Database + Clock>(
    world: &W,
    settings: &Settings,
    jobs: &[JobRef],
) -> Result<usize, DatabaseError> {
    if jobs.is_empty() {
        return Ok(0);
    }
    let mut ended = 0;
    for running in read_running(world, jobs).await?.into_iter().filter(Running::is_overdue) {
        let message = "No completion came before it was due.".to_owned();
        let outcome = Outcome::Failed { class: ErrorClass::Timeout, message, retry_after: None };
        let settlement = running.end(settings, outcome, fold(world.random()));
        ended += settle(world, running.token(), &settings.plan, &[settlement]).await?.len();
    }
    Ok(ended)
}
