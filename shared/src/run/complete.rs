//! Completion of a task's attempt: the handler reports the result or the failure later, or the sweep ends an overdue
//! attempt.
//!
//! A completion may arrive before the attempt's own answer is settled. It then ends the attempt at once, by the lease
//! token in the row, and the log entry gets `ended_by`, by which a repeated completion is recognised. The executor
//! later adds the status and evidence of its answer to the entry ([`crate::run::settle::add_late_outcomes`]) and
//! changes nothing else.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use crate::kinds::Kind;
use crate::limits::{
    COMPLETION_GRACE_MS, COMPLETION_TRIES, CRASH_SEEN_MS_MAX, MESSAGE_CHARS_MAX, RESULT_BYTES_MAX, RESULT_DEPTH_MAX,
    RETRY_AFTER_SECONDS_MAX,
};
use crate::model::attempt::{EndedBy, LogEntry, Measured};
use crate::model::backoff::{RetrySchedule, fold};
use crate::model::cause::FailedAt;
use crate::model::hint::Hint;
use crate::model::job::{AttemptRef, JobRef, JobRow};
use crate::model::outcome::{ErrorClass, Outcome, RetryAfter};
use crate::model::result::{JobResult, ResultError};
use crate::model::state::{Situation, State, decide, dies_in};
use crate::model::totals::Waits;
use crate::ports::{Clock, Database, DatabaseError, Param, Statement};
use crate::run::settle::{JobPlace, Settlement, ms_rounded_up, settle, settle_with_hints};
use crate::settings::Settings;
use crate::store::rows::{read_first, read_job, unavailable};
use crate::store::{batch, json_param, rows_as, sql};
use crate::wire::invalid::{InvalidField, UNREADABLE};
use crate::wire::job_queue::JobQueue;
use crate::wire::problem::Problem;
use crate::wire::values::Whole;

/// Body of `POST /v1/jobs/{id}/complete`: `{"result"?, "attempt"?}`.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CompleteRequest {
    /// The job's result: any JSON value.
    #[cfg_attr(feature = "openapi", schemars(with = "crate::wire::schema::Json"))]
    #[serde(default)]
    pub result: Option<Box<RawValue>>,
    /// Number of the attempt to complete, from the request header `longshore-attempt`. Default: the attempt that runs.
    pub attempt: Option<Whole<1, { u32::MAX }>>,
}

/// Body of `POST /v1/jobs/{id}/fail`: `{"message"?, "retryable"?, "retry_after_seconds"?, "attempt"?}`.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FailRequest {
    /// Reason of the failure: one line without control characters.
    #[cfg_attr(feature = "openapi", schemars(length(min = 1, max = MESSAGE_CHARS_MAX)))]
    #[serde(default = "default_message")]
    pub message: String,
    /// True if a later attempt may succeed; false dead-letters the job at once.
    #[serde(default = "yes")]
    pub retryable: bool,
    /// Shortest wait before the next attempt, in seconds.
    pub retry_after_seconds: Option<Whole<1, RETRY_AFTER_SECONDS_MAX>>,
    /// Number of the attempt to end, from the request header `longshore-attempt`. Default: the attempt that runs.
    pub attempt: Option<Whole<1, { u32::MAX }>>,
}

fn default_message() -> String {
    "The handler reported a failure without a message.".to_owned()
}

impl Default for FailRequest {
    fn default() -> Self {
        FailRequest { message: default_message(), retryable: true, retry_after_seconds: None, attempt: None }
    }
}

fn yes() -> bool {
    true
}

impl CompleteRequest {
    /// Returns the outcome that the request reports.
    ///
    /// # Errors
    /// When `attempt` is out of range, or the result is too large, nests too deep or cannot be read.
    pub fn outcome(&self) -> Result<Outcome, Problem> {
        if let Some(wrong) = self.attempt.and_then(|attempt| attempt.check("#/attempt")) {
            return Err(Problem::InvalidRequest(vec![wrong]));
        }
        let Some(result) = &self.result else {
            return Ok(Outcome::Succeeded { result: JobResult::Empty });
        };
        match JobResult::of(result.get().as_bytes()).into_columns() {
            (_, None) => Ok(Outcome::Succeeded { result: JobResult::Kept(result.clone()) }),
            (_, Some(ResultError::TooLarge)) => {
                let got = result.get().len();
                let detail =
                    format!("must have at most {RESULT_BYTES_MAX} bytes, got {got}; store it and send a reference");
                Err(Problem::field("#/result", "too-long", detail))
            }
            (_, Some(ResultError::TooDeep)) => {
                let detail = format!("must nest at most {RESULT_DEPTH_MAX} levels");
                Err(Problem::field("#/result", "unreadable-value", detail))
            }
            (_, Some(_)) => Err(Problem::field("#/result", "unreadable-value", UNREADABLE)),
        }
    }
}

impl FailRequest {
    /// Returns the outcome that the request reports.
    ///
    /// # Errors
    /// One entry per wrong field.
    pub fn outcome(&self) -> Result<Outcome, Problem> {
        let mut errors = Vec::new();
        let chars = self.message.chars().count();
        if !(1..=MESSAGE_CHARS_MAX).contains(&chars) {
            let detail = format!("must have 1 to {MESSAGE_CHARS_MAX} characters, got {chars}");
            errors.push(InvalidField::of("#/message", "out-of-range", detail));
        } else if self.message.chars().any(char::is_control) {
            errors.push(InvalidField::of(
                "#/message",
                "out-of-range",
                "must have no control characters, such as line breaks",
            ));
        }
        errors.extend(self.retry_after_seconds.and_then(|seconds| seconds.check("#/retry_after_seconds")));
        errors.extend(self.attempt.and_then(|attempt| attempt.check("#/attempt")));
        if !errors.is_empty() {
            return Err(Problem::InvalidRequest(errors));
        }
        let class = if self.retryable { ErrorClass::Provider } else { ErrorClass::Handler };
        let wait = |seconds: Whole<1, RETRY_AFTER_SECONDS_MAX>| {
            RetryAfter::AtLeast(Duration::from_secs(u64::from(seconds.get())))
        };
        Ok(Outcome::Failed { class, message: self.message.clone(), retry_after: self.retry_after_seconds.map(wait) })
    }
}

/// A job, with all values that decide what follows when its attempt ends.
#[derive(Debug, Deserialize)]
struct Running {
    tenant: String,
    id: String,
    kind: String,
    endpoint: String,
    counted: u8,
    state: State,
    deferred: u8,
    is_asked: u8,
    attempt: u32,
    failures: u32,
    max_attempts: u32,
    backoff: RetrySchedule,
    deadline_at: Option<i64>,
    lease_token: Option<String>,
    lease_until: Option<i64>,
    started_at: Option<i64>,
    due_at: i64,
    dead_letter_on: Vec<ErrorClass>,
    keep_payload: u8,
    now: i64,
}

impl Running {
    /// Returns true if a completion may end it: a task with a running attempt, deferred or not, that has the requested
    /// number.
    fn may_be_completed(&self) -> bool {
        self.is_asked == 1 && self.state == State::Running && is_task(&self.kind)
    }

    fn is_overdue(&self) -> bool {
        self.state == State::Running && self.deferred == 1 && self.lease_until.is_some_and(|until| until <= self.now)
    }

    /// Returns the settlement that ends its attempt with `outcome`.
    fn end(&self, settings: &Settings, outcome: Outcome, seed: u64) -> Settlement {
        let situation = Situation {
            attempt: self.attempt,
            failures: self.failures,
            max_attempts: self.max_attempts,
            backoff: self.backoff,
            dead_letter_on: &self.dead_letter_on,
            deadline_in_ms: self.deadline_at.map(|deadline| deadline - self.now),
            seed,
        };
        let decision = decide(&outcome, &situation);
        let job = JobRef { tenant: self.tenant.clone(), id: self.id.clone() };
        let attempt = AttemptRef { job, number: self.attempt };
        let at = FailedAt { kind: self.kind.clone(), endpoint: self.endpoint.clone(), host: None };
        let place = JobPlace { at, queue: JobQueue::of(&self.kind), counted: self.counted == 1 };
        let duration_ms = self.started_at.map_or(0, |started_at| (self.now - started_at).max(0));
        let measured = Measured { duration_ms, status: None, version: settings.version.clone(), answer: None };
        let keep_payload = self.keep_payload == 1;
        let dies_in_ms = dies_in(decision, &situation).map(ms_rounded_up);
        let waits = Waits::of(self.attempt, self.due_at, self.started_at.unwrap_or(self.now), self.now);
        Settlement { dies_in_ms, keep_payload, waits, ..Settlement::new(attempt, place, outcome, decision, measured) }
    }

    fn token(&self) -> &str {
        self.lease_token.as_deref().unwrap_or_default()
    }
}

/// Reads jobs by `[tenant, id]` or `[tenant, id, attempt]`, after an optional statement that changes some of them.
async fn read_running<W: Database + Clock>(
    world: &W,
    before: Option<Statement>,
    jobs: Param,
) -> Result<Vec<Running>, DatabaseError> {
    let statements: Vec<_> = before.into_iter().chain([sql!("read_running", jobs)]).collect();
    let answers = batch(world, &statements).await?;
    rows_as(answers.last().unwrap_or(&Vec::new()))
}

/// Ends the running attempt, either before its own answer is settled or after it was deferred. Returns the job after
/// that, and the hint of its retry, or of the webhook job of its group if that has finished.
///
/// Safe to repeat: the lease token and the attempt number guard the write, as in every settlement, and a repeated call
/// is recognised by what the first one recorded. The first read fixes the attempt number, so no other attempt is ended.
///
/// # Errors
/// `NotFound` if there is no job `job`; `IllegalTransition` if the job is not a task, does not run, runs another
/// attempt, or its attempt ended in another way; `Unavailable` if the database is out of reach or other writers won
/// every try.
pub async fn complete<W: Database + Clock>(
    world: &W,
    settings: &Settings,
    job: &JobRef,
    mut attempt: Option<u32>,
    outcome: Outcome,
) -> Result<(JobRow, Option<Hint>), Problem> {
    for _ in 0..COMPLETION_TRIES {
        let asked = json_param(&[(&job.tenant, &job.id, attempt)]);
        let running = read_running(world, None, asked).await.map_err(|error| unavailable(&error))?.pop();
        let running = running.ok_or_else(|| Problem::not_found("Job", &job.id))?;
        if !running.may_be_completed() {
            break;
        }
        attempt = Some(running.attempt);
        let mut settlement = running.end(settings, outcome.clone(), fold(world.random()));
        settlement.entry.ended_by = Some(EndedBy::Completion);
        let settled =
            settle_with_hints(world, running.token(), &settings.plan, std::slice::from_ref(&settlement)).await;
        let (settled, mut hints) = settled.map_err(|error| unavailable(&error))?;
        if !settled.is_empty() {
            return Ok((read_job(world, job).await?, settlement.hint().or_else(|| hints.pop())));
        }
        // Lost the race to the same call, whose answer was lost, to another outcome, or to a new lease of the same
        // attempt.
    }
    let row = read_job(world, job).await?;
    let entry = entry_of(&row, attempt);
    if let Some(entry) = entry
        && entry.ended_by == Some(EndedBy::Completion)
        && entry.error == outcome.error()
        && has_result(world, job, &outcome).await?
    {
        return Ok((row, None));
    }
    if row.state == State::Running && attempt.is_none_or(|attempt| attempt == row.attempt) && is_task(&row.kind) {
        return Err(Problem::Unavailable); // The attempt was claimed in between: a repeated call can end it.
    }
    Err(Problem::IllegalTransition(refusal(&row, attempt, entry)))
}

fn is_task(kind: &str) -> bool {
    Kind::named(kind) == Some(Kind::Task)
}

/// Returns the log entry of that attempt, or of the last one.
fn entry_of(row: &JobRow, attempt: Option<u32>) -> Option<&LogEntry> {
    let index = usize::try_from(attempt.unwrap_or(row.attempt)).ok()?.checked_sub(1)?;
    row.log.get(index)
}

/// Returns true if the job has the result of the outcome. A failure has no result to compare.
async fn has_result<W: Database + Clock>(world: &W, job: &JobRef, outcome: &Outcome) -> Result<bool, Problem> {
    #[derive(Deserialize)]
    struct Compared {
        same: u8,
    }
    let Outcome::Succeeded { result } = outcome else { return Ok(true) };
    let compare = sql!("has_result", job.tenant.as_str(), job.id.as_str(), json_param(&result.json()));
    let compared: Option<Compared> = read_first(world, compare).await?;
    Ok(compared.is_some_and(|compared| compared.same == 1))
}

/// Returns the reason why an attempt cannot be completed.
fn refusal(row: &JobRow, attempt: Option<u32>, entry: Option<&LogEntry>) -> String {
    let (state, last) = (row.state.name(), row.attempt);
    if !is_task(&row.kind) {
        return "Only a task can be completed; this job is of another kind".to_owned();
    }
    match (attempt.unwrap_or(last), entry.map(|entry| entry.ended_by)) {
        (_, None) => match attempt {
            Some(attempt) => {
                format!("The job has no attempt {attempt}; it is `{state}`, and its last attempt is {last}")
            }
            None => format!("Only a running attempt can be completed; the job is `{state}` and has no attempt yet"),
        },
        (attempt, Some(Some(EndedBy::Completion))) => {
            format!("Attempt {attempt} was completed with another outcome; the job is `{state}`")
        }
        (attempt, Some(None)) => {
            format!(
                "Attempt {attempt} ended without a completion; the job is `{state}`, and its last attempt is {last}"
            )
        }
    }
}

/// Ends overdue deferred attempts as timeouts.
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
    let terms = json!({"seen_ms": CRASH_SEEN_MS_MAX, "grace_ms": COMPLETION_GRACE_MS});
    // Attempts that this statement extends are no longer overdue when they are read.
    let extend = sql!("extend_overdue", json_param(&jobs), json_param(&terms));
    let mut ended = 0;
    let running = read_running(world, Some(extend), json_param(&jobs)).await?;
    for running in running.into_iter().filter(Running::is_overdue) {
        let outcome = Outcome::failed(ErrorClass::Timeout, "No completion arrived before it was due.");
        let settlement = running.end(settings, outcome, fold(world.random()));
        ended += settle(world, running.token(), &settings.plan, &[settlement]).await?.len();
    }
    Ok(ended)
}
