//! The settlement: what follows each attempt of a flush, recorded once, by whoever still holds the lease.

use serde::Serialize;
use serde_json::Value;

use crate::attempt::{AttemptState, EvidenceRef};
use crate::job::JobRef;
use crate::limits::{DAMPING_MS, HINT_DELAY_MS_MAX, Plan};
use crate::outcome::{ErrorClass, JobError, Outcome};
use crate::ports::{Clock, Database, DatabaseError, Statement};
use crate::state::{DeadReason, Decision, State};
use crate::store::{batch, json_param, rows_as, sql};

/// The part of a log entry that the settlement adds.
#[derive(Debug, Clone, Serialize)]
pub struct SettledEntry {
    /// How the attempt ended.
    pub state: AttemptState,
    /// From the first byte sent to the last byte read.
    pub duration_ms: i64,
    /// The response's status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<JobError>,
    /// Until the next attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_in_ms: Option<i64>,
    /// Where the evidence is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<EvidenceRef>,
    /// The consumer's version.
    pub version: String,
}

/// One job's settlement.
#[derive(Debug, Clone, Serialize)]
pub struct Settlement {
    /// Whose job.
    pub tenant: String,
    /// Which.
    pub id: String,
    /// The endpoint's name; empty for a bare url.
    #[serde(skip)]
    pub endpoint: String,
    /// The number of the attempt, which guards the write beside the token.
    pub attempt: u32,
    /// What the job becomes.
    pub state: State,
    /// Failures so far.
    pub failures: u32,
    /// Until the next attempt.
    pub delay_ms: i64,
    /// How long the sweep leaves the retry to its hint.
    pub damping_ms: i64,
    /// Why it is dead.
    pub reason: Option<DeadReason>,
    /// Its last error.
    pub error: Option<JobError>,
    /// Its result.
    pub result: Option<Value>,
    /// What the log entry gets.
    pub entry: SettledEntry,
}

impl Settlement {
    /// The settlement of an attempt's outcome and the decision on it.
    pub fn new(
        job: (JobRef, u32),
        endpoint: String,
        outcome: Outcome,
        decision: Decision,
        entry: (i64, Option<u16>, String),
    ) -> Settlement {
        let (JobRef { tenant, id }, attempt) = job;
        let (duration_ms, status, version) = entry;
        let (result, error) = match outcome {
            Outcome::Succeeded { result } => (result, None),
            Outcome::Failed { class, message, .. } => (None, Some(JobError::new(class, message))),
        };
        let (state, failures, delay_ms, reason) = match decision {
            Decision::Succeed => (State::Succeeded, 0, 0, None),
            // Rounded up: a retry is never early.
            Decision::Retry { delay, failures } => {
                let delay_ms = i64::try_from(delay.as_nanos().div_ceil(1_000_000)).unwrap_or(i64::MAX);
                (State::Retrying, failures, delay_ms, None)
            }
            Decision::Bury { reason, failures } => (State::Dead, failures, 0, Some(reason)),
        };
        let hinted = state == State::Retrying && delay_ms <= HINT_DELAY_MS_MAX;
        let attempt_state = if error.is_none() { AttemptState::Succeeded } else { AttemptState::Failed };
        let entry = SettledEntry {
            state: attempt_state,
            duration_ms,
            status,
            error: error.clone(),
            retry_in_ms: (state == State::Retrying).then_some(delay_ms),
            evidence: None,
            version,
        };
        let damping_ms = if hinted { DAMPING_MS } else { 0 };
        Settlement {
            tenant,
            id,
            endpoint,
            attempt,
            state,
            failures,
            delay_ms,
            damping_ms,
            reason,
            error,
            result,
            entry,
        }
    }

    /// How statements name the job.
    pub fn job(&self) -> JobRef {
        JobRef { tenant: self.tenant.clone(), id: self.id.clone() }
    }

    /// The delay in seconds of the hint for its retry, rounded up; `None` where the sweep sends it.
    pub fn hint_delay_seconds(&self) -> Option<u32> {
        let hinted = self.state == State::Retrying && self.delay_ms <= HINT_DELAY_MS_MAX;
        hinted
            .then(|| u32::try_from(self.delay_ms.div_euclid(1_000) + i64::from(self.delay_ms % 1_000 != 0)).ok())
            .flatten()
    }
}

/// Records a flush: one statement for all its jobs, and one per kind of change at their endpoints.
///
/// Safe to repeat: the token and the attempt's number guard each row, and a settled row has no token. Answers the jobs
/// this very call settled.
///
/// # Errors
/// When the database is out of reach or refuses.
pub async fn settle<W: Database + Clock>(
    world: &W,
    token: &str,
    plan: &Plan,
    settlements: &[Settlement],
) -> Result<Vec<JobRef>, DatabaseError> {
    let answers = batch(world, statements(token, plan, settlements)).await?;
    rows_as(answers.first().unwrap_or(&Vec::new()))
}

fn statements(token: &str, plan: &Plan, settlements: &[Settlement]) -> Vec<Statement> {
    let mut statements =
        vec![sql!("settle", json_param(&settlements), token, plan.retention_succeeded_ms, plan.retention_dead_ms,)];
    let endpoints = |wanted: &dyn Fn(&Settlement) -> bool| {
        let mut names: Vec<_> = settlements
            .iter()
            .filter(|settlement| !settlement.endpoint.is_empty() && wanted(settlement))
            .map(|settlement| (settlement.tenant.as_str(), settlement.endpoint.as_str()))
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    };
    let failed = endpoints(&|settlement| settlement.error.is_some());
    if !failed.is_empty() {
        statements.push(sql!("note_failure", json_param(&failed)));
    }
    let succeeded = endpoints(&|settlement| settlement.error.is_none());
    if !succeeded.is_empty() {
        statements.push(sql!("note_success", json_param(&succeeded)));
    }
    let is_gone = |settlement: &Settlement| settlement.error.as_ref().is_some_and(|e| e.class == ErrorClass::Http410);
    let gone = endpoints(&is_gone);
    if !gone.is_empty() {
        statements.push(sql!("pause_gone", json_param(&gone)));
    }
    statements
}
