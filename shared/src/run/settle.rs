//! The settlement: records the outcome and the next state of each attempt of a flush, once, if its lease token still
//! holds.

use std::time::Duration;

use serde::{Serialize, Serializer};
use serde_json::json;
use serde_json::value::RawValue;

use crate::limits::plan::Plan;
use crate::limits::{CAUSES_MAX, REDISPATCH_BACKOFF_MS};
use crate::model::attempt::{AttemptState, EndedBy, EvidenceRef, Measured};
use crate::model::cause::{Cause, FailedAt, OTHER};
use crate::model::endpoint::PausedReason;
use crate::model::hint::{Hint, delay_seconds};
use crate::model::job::{AttemptRef, JobRef};
use crate::model::outcome::{ErrorClass, JobError, Outcome};
use crate::model::result::ResultError;
use crate::model::state::{DeadReason, Decision, State};
use crate::model::totals::Waits;
use crate::ports::{Clock, Database, DatabaseError, Statement};
use crate::run::totals::{EndedAttempt, count_attempts};
use crate::run::usage::ModelUsage;
use crate::store::counted::{Ended, batch_counting_grouped_ends};
use crate::store::{batch, json_param, rows_as, sql};
use crate::wire::job_queue::JobQueue;

/// Fields of a log entry that the settlement adds.
#[derive(Debug, Clone, Serialize)]
pub struct SettledEntry {
    /// State of the ended attempt.
    pub state: AttemptState,
    /// Actor that ended the attempt, if it was neither the attempt's own answer nor the sweep.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_by: Option<EndedBy>,
    /// Duration of the attempt, in ms.
    pub duration_ms: i64,
    /// HTTP status of the answer. With several calls: that of the failed one, or of the last one if none failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Error of a failed attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<JobError>,
    /// Wait until the next attempt, in ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_in_ms: Option<i64>,
    /// Location of the evidence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<EvidenceRef>,
    /// The consumer's version.
    pub version: String,
}

/// One job's settlement.
#[derive(Debug, Clone, Serialize)]
pub struct Settlement {
    /// Tenant of the job.
    pub tenant: String,
    /// Id of the job.
    pub id: String,
    /// Name of the endpoint; empty for a job to a bare URL.
    #[serde(skip)]
    pub endpoint: String,
    /// Queue of its hints.
    #[serde(skip)]
    pub queue: JobQueue,
    /// True if a group or an action counts the job.
    #[serde(skip)]
    pub counted: bool,
    /// Number of the attempt, which guards the write together with the token.
    pub attempt: u32,
    /// New state of the job.
    pub state: State,
    /// Number of failures so far.
    pub failures: u32,
    /// Wait in ms until the next attempt, or until the completion is due.
    pub delay_ms: i64,
    /// Time in ms for which the sweep leaves the retry to its hint.
    pub redispatch_backoff_ms: i64,
    /// Reason for the death, if the job is dead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<DeadReason>,
    /// Last error of the job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<JobError>,
    /// Cause of the failure; the job's row gets its id.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "id_of")]
    pub cause: Option<Cause>,
    /// Time in ms until a job that is retried becomes a dead letter if all of its attempts fail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dies_in_ms: Option<i64>,
    /// Result of the job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Box<RawValue>>,
    /// Reason why the result of a successful attempt could not be stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result_error: Option<ResultError>,
    /// True if the payload is kept after a success.
    pub keep_payload: bool,
    /// Fields to add to the log entry.
    pub entry: SettledEntry,
    /// Usage of the attempt by model, without calls that another job has counted.
    #[serde(skip)]
    pub usage: Vec<ModelUsage>,
    /// Waiting times of the job, for the totals.
    #[serde(skip)]
    pub waits: Waits,
}

#[allow(clippy::ref_option)] // The form that serde calls.
fn id_of<S: Serializer>(cause: &Option<Cause>, serializer: S) -> Result<S::Ok, S::Error> {
    cause.as_ref().map(|cause| &cause.id).serialize(serializer)
}

/// Values that a settlement needs beside the job's own row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobPlace {
    /// Kind, endpoint and host.
    pub at: FailedAt,
    /// Queue of its hints.
    pub queue: JobQueue,
    /// True if a group or an action counts the job.
    pub counted: bool,
}

impl Settlement {
    /// Creates the settlement from an attempt's outcome and the decision about it.
    pub fn new(
        attempt: AttemptRef,
        JobPlace { at, queue, counted }: JobPlace,
        outcome: Outcome,
        decision: Decision,
        measured: Measured,
    ) -> Settlement {
        let AttemptRef { job: JobRef { tenant, id }, number: attempt } = attempt;
        let Measured { duration_ms, status, version, answer } = measured;
        let error = outcome.error();
        let endpoint = at.endpoint.clone();
        let cause = error.as_ref().map(|error| Cause::of(at, error, status, answer.as_deref()));
        let (result, result_error) = match outcome {
            Outcome::Succeeded { result } => result.into_columns(),
            _ => (None, None),
        };
        let (state, failures, delay_ms, reason) = match decision {
            Decision::Succeed => (State::Succeeded, 0, 0, None),
            Decision::Defer { due_in, failures } => (State::Running, failures, ms_rounded_up(due_in), None),
            Decision::Hold { failures } => (State::Held, failures, 0, None),
            // Rounded up: a retry is never early.
            Decision::Retry { delay, failures } => (State::Retrying, failures, ms_rounded_up(delay), None),
            Decision::DeadLetter { reason, failures } => (State::Dead, failures, 0, Some(reason)),
        };
        let hinted = state == State::Retrying && delay_seconds(delay_ms).is_some();
        let attempt_state = match (&error, state) {
            (None, State::Running) => AttemptState::Deferred,
            (None, _) => AttemptState::Succeeded,
            (Some(_), _) => AttemptState::Failed,
        };
        let entry = SettledEntry {
            state: attempt_state,
            ended_by: None,
            duration_ms,
            status,
            error: error.clone(),
            retry_in_ms: (state == State::Retrying).then_some(delay_ms),
            evidence: None,
            version,
        };
        let redispatch_backoff_ms = if hinted { REDISPATCH_BACKOFF_MS } else { 0 };
        Settlement {
            tenant,
            id,
            endpoint,
            queue,
            counted,
            attempt,
            state,
            failures,
            delay_ms,
            redispatch_backoff_ms,
            reason,
            error,
            cause,
            dies_in_ms: None,
            result,
            result_error,
            keep_payload: false,
            entry,
            usage: Vec::new(),
            waits: Waits::default(),
        }
    }

    /// Returns the reference that statements use.
    pub fn job(&self) -> JobRef {
        JobRef { tenant: self.tenant.clone(), id: self.id.clone() }
    }

    /// Returns the hint for its retry; `None` if the sweep sends it.
    pub fn hint(&self) -> Option<Hint> {
        let delay_seconds = delay_seconds(self.delay_ms).filter(|_| self.state == State::Retrying)?;
        Some(Hint { job: self.job(), queue: self.queue, delay_seconds })
    }
}

pub(crate) fn ms_rounded_up(wait: Duration) -> i64 {
    i64::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(i64::MAX)
}

/// Records a flush in one batch: one statement per kind of change at the endpoints, one for usage, one for totals,
/// and one for all jobs.
///
/// Safe to repeat: the token and the attempt number guard each row, and a settled row has no token. Returns the jobs
/// that this very call settled.
///
/// # Errors
/// When the database is out of reach or refuses a statement.
pub async fn settle<W: Database + Clock>(
    world: &W,
    token: &str,
    plan: &Plan,
    settlements: &[Settlement],
) -> Result<Vec<JobRef>, DatabaseError> {
    settle_with_hints(world, token, plan, settlements).await.map(|(settled, _)| settled)
}

/// Records a flush like [`settle`]. Also returns the hints of the webhook jobs of groups that it finished.
///
/// # Errors
/// As [`settle`].
pub(crate) async fn settle_with_hints<W: Database + Clock>(
    world: &W,
    token: &str,
    plan: &Plan,
    settlements: &[Settlement],
) -> Result<(Vec<JobRef>, Vec<Hint>), DatabaseError> {
    let statements = statements(token, plan, settlements);
    // A job to be retried counts too, because a requested cancel ends it.
    let may_end = |settlement: &&Settlement| settlement.counted && settlement.state != State::Running;
    let counted: Vec<_> = settlements.iter().filter(may_end).map(Settlement::job).collect();
    let Ended { answers, hints } = if counted.is_empty() {
        Ended { answers: batch(world, &statements).await?, ..Ended::default() }
    } else {
        batch_counting_grouped_ends(world, &counted, statements).await?
    };
    Ok((rows_as(answers.last().unwrap_or(&Vec::new()))?, hints))
}

/// Fields of a log entry that a late outcome adds.
#[derive(Serialize)]
struct LateEntry<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    evidence: &'a Option<EvidenceRef>,
}

/// The outcome of an attempt that a completion ended before the attempt's own answer could be settled.
#[derive(Serialize)]
struct LateOutcome<'a> {
    tenant: &'a str,
    id: &'a str,
    attempt: u32,
    entry: LateEntry<'a>,
}

impl LateOutcome<'_> {
    fn of(settlement: &Settlement) -> LateOutcome<'_> {
        let Settlement { tenant, id, attempt, entry, .. } = settlement;
        let entry = LateEntry { status: entry.status, evidence: &entry.evidence };
        LateOutcome { tenant, id, attempt: *attempt, entry }
    }
}

/// Adds status and evidence to the log entries of attempts that a completion ended, and changes nothing else. Skips the
/// jobs in `settled`, which this settlement has recorded, and all jobs that are not tasks.
///
/// Safe to repeat: an entry gets its evidence once, under the lease token of its claim.
///
/// # Errors
/// When the database is out of reach or refuses a statement.
pub async fn add_late_outcomes<W: Database + Clock>(
    world: &W,
    token: &str,
    settlements: &[Settlement],
    settled: &[JobRef],
) -> Result<usize, DatabaseError> {
    let is_settled = |one: &Settlement| settled.iter().any(|job| job.id == one.id && job.tenant == one.tenant);
    let may_be_late = |one: &&Settlement| one.queue == JobQueue::Tasks && !is_settled(one);
    let late: Vec<_> = settlements.iter().filter(may_be_late).map(LateOutcome::of).collect();
    if late.is_empty() {
        return Ok(0);
    }
    let answers = batch(world, &[sql!("add_late_outcomes", json_param(&late), token)]).await?;
    Ok(answers.first().map_or(0, Vec::len))
}

/// Cause of one attempt, for `note_causes.sql`.
#[derive(Serialize)]
struct NewCause<'a> {
    tenant: &'a str,
    job: &'a str,
    attempt: u32,
    #[serde(flatten)]
    cause: &'a Cause,
}

impl NewCause<'_> {
    fn of(settlement: &Settlement) -> Option<NewCause<'_>> {
        let Settlement { tenant, id, attempt, cause, .. } = settlement;
        cause.as_ref().map(|cause| NewCause { tenant, job: id, attempt: *attempt, cause })
    }
}

fn statements(token: &str, plan: &Plan, settlements: &[Settlement]) -> Vec<Statement> {
    let attempts = |wanted: &dyn Fn(&Settlement) -> bool| {
        let at_endpoints =
            settlements.iter().filter(|settlement| !settlement.endpoint.is_empty() && wanted(settlement));
        let named: Vec<_> =
            at_endpoints.map(|settlement| (&settlement.tenant, &settlement.id, settlement.attempt)).collect();
        (!named.is_empty()).then(|| json_param(&named))
    };
    let failed = attempts(&|settlement| settlement.error.is_some());
    let succeeded = attempts(&|settlement| settlement.state == State::Succeeded);
    let unconfigured = attempts(&|settlement| settlement.state == State::Held);
    let is_gone = |settlement: &Settlement| settlement.error.as_ref().is_some_and(|e| e.class == ErrorClass::Http410);
    let gone = attempts(&is_gone);
    let causes: Vec<_> = settlements.iter().filter_map(NewCause::of).collect();
    let pause = |attempts, reason: PausedReason| sql!("pause_endpoints", attempts, token, reason.name());
    let notes = [
        failed.map(|attempts| sql!("note_failure", attempts, token)),
        (!causes.is_empty()).then(|| sql!("note_causes", json_param(&causes), token, CAUSES_MAX, OTHER)),
        succeeded.map(|attempts| sql!("note_success", attempts, token)),
        gone.map(|attempts| pause(attempts, PausedReason::Gone)),
        unconfigured.map(|attempts| pause(attempts, PausedReason::Config)),
        note(settlements, token),
        count(plan, settlements, token),
    ];
    let (succeeded_ms, dead_ms) = (plan.retention_succeeded_ms, plan.retention_dead_ms);
    let settle = sql!("settle", json_param(&settlements), token, succeeded_ms, dead_ms, OTHER);
    notes.into_iter().flatten().chain([settle]).collect()
}

/// Returns the statement that adds a flush to the totals; `None` with `STATISTICS=off`, and if no attempt ends.
fn count(plan: &Plan, settlements: &[Settlement], token: &str) -> Option<Statement> {
    let ended = |one: &Settlement| one.state != State::Running && plan.statistics;
    let attempts = settlements.iter().filter(|one| ended(one)).map(|one| EndedAttempt {
        job: (&one.tenant, &one.id),
        number: one.attempt,
        state: one.state,
        class: one.error.as_ref().map(|error| error.class),
        duration_ms: one.entry.duration_ms,
        waits: one.waits,
    });
    count_attempts(attempts, token)
}

/// Returns the statement that counts the usage of a flush; `None` if there is none.
pub(crate) fn note(settlements: &[Settlement], token: &str) -> Option<Statement> {
    let row = |settlement: &Settlement, usage: &ModelUsage| {
        let ModelUsage { model, calls, texts, tokens } = usage;
        json!([settlement.tenant, settlement.id, settlement.attempt, model, calls, texts, tokens])
    };
    let rows: Vec<_> =
        settlements.iter().flat_map(|settlement| settlement.usage.iter().map(|usage| row(settlement, usage))).collect();
    (!rows.is_empty()).then(|| sql!("note_usage", json_param(&rows), token))
}
