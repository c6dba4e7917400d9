//! The job: its id, its reference in hints and statements, its row, and its form in the API.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use ulid::Ulid;

use crate::model::attempt::LogEntry;
use crate::model::outcome::JobError;
use crate::model::result::{ResultError, ShownResultError};
use crate::model::state::{DeadLetterState, DeadReason, State};
use crate::wire::idempotency::is_callers;
use crate::wire::time::Time;

/// Prefix of every job id: `job_` and two characters for the shard. There is one shard; the characters allow for more.
pub const ID_PREFIX: &str = "job_00";
/// Upper bound of all job ids.
pub const ID_END: &str = "job_01";

/// Creates a job id of 32 characters: `job_`, two shard characters, and a ULID.
pub fn mint_id(now_ms: i64, random: u128) -> String {
    format!("{ID_PREFIX}{}", mint_ulid(now_ms, random))
}

/// Creates a ULID with that time, in ms since 1970.
pub fn mint_ulid(now_ms: i64, random: u128) -> String {
    Ulid::from_parts(u64::try_from(now_ms).unwrap_or(0), random).to_string()
}

/// Returns the id with another time and the same random part; `None` if the text is no job id.
pub fn at_time(id: &str, ms: i64) -> Option<String> {
    let ulid = Ulid::from_string(id.strip_prefix(ID_PREFIX)?).ok()?;
    Some(mint_id(ms, ulid.random()))
}

/// Returns the smallest id that can have that time: the position of a watermark in the primary key.
pub fn first_id_at(ms: i64) -> String {
    mint_id(ms, 0)
}

/// Returns true if the text has the form of a job id. Any other text is unknown without a call to the store.
pub fn is_id(text: &str) -> bool {
    text.strip_prefix(ID_PREFIX)
        .is_some_and(|ulid| Ulid::from_string(ulid).is_ok_and(|parsed| parsed.to_string() == ulid))
}

/// Returns the time in a job's id, in ms since 1970.
pub fn time_of(id: &str) -> Option<i64> {
    let ulid = Ulid::from_string(id.strip_prefix(ID_PREFIX)?).ok()?;
    i64::try_from(ulid.timestamp_ms()).ok()
}

/// Reference to a job in hints and statements; `["tenant","id"]` in JSON.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "(String, String)", into = "(String, String)")]
pub struct JobRef {
    /// Tenant of the job.
    pub tenant: String,
    /// Id of the job.
    pub id: String,
}

impl JobRef {
    /// Returns the reference to one of its attempts.
    pub fn attempt(&self, number: u32) -> AttemptRef {
        AttemptRef { job: self.clone(), number }
    }
}

impl From<(String, String)> for JobRef {
    fn from((tenant, id): (String, String)) -> Self {
        JobRef { tenant, id }
    }
}

impl From<JobRef> for (String, String) {
    fn from(job: JobRef) -> Self {
        (job.tenant, job.id)
    }
}

/// Reference to an attempt in statements; `["tenant","id",number]` in JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(into = "(String, String, u32)")]
pub struct AttemptRef {
    /// Job of the attempt.
    pub job: JobRef,
    /// Number of the attempt, from 1.
    pub number: u32,
}

impl From<AttemptRef> for (String, String, u32) {
    fn from(attempt: AttemptRef) -> Self {
        (attempt.job.tenant, attempt.job.id, attempt.number)
    }
}

/// A job's row as statements return it. Times are in ms since 1970.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct JobRow {
    pub tenant: String,
    pub id: String,
    pub state: State,
    pub attempt: u32,
    pub failures: u32,
    pub max_attempts: u32,
    pub kind: String,
    pub endpoint: String,
    pub event_id: Option<String>,
    pub idempotency_key: Option<String>,
    pub created_at: i64,
    pub run_after: i64,
    pub deadline_at: Option<i64>,
    /// Time of the claim of its latest attempt.
    pub started_at: Option<i64>,
    pub finished_at: Option<i64>,
    pub group: Option<String>,
    pub schedule: Option<String>,
    pub scheduled_for: Option<i64>,
    pub metadata: Option<Box<RawValue>>,
    pub error: Option<JobError>,
    /// Id of the cause of its last failure.
    pub cause: Option<String>,
    /// Time at which a retried job becomes a dead letter if all of its attempts fail.
    pub dies_at: Option<i64>,
    /// Id of the last action that created or changed the job.
    pub action: Option<String>,
    pub result: Option<Box<RawValue>>,
    /// Reason why the result of a successful attempt was not stored.
    pub result_error: Option<ResultError>,
    pub cancel_requested: u8,
    /// Time by which a deferred attempt must be completed.
    pub completion_due_at: Option<i64>,
    pub dead_state: Option<DeadLetterState>,
    pub dead_reason: Option<DeadReason>,
    pub note: Option<String>,
    pub next_check_at: Option<i64>,
    pub replay_of: Option<String>,
    pub replayed_by: Option<String>,
    #[serde(default)]
    pub log: Vec<LogEntry>,
    #[serde(default)]
    pub payload: Option<String>,
    /// Size in bytes of the object with the bulk of the payload.
    pub payload_bytes: Option<i64>,
    /// Trace of the request that created the job.
    pub traceparent: Option<String>,
}

impl JobRow {
    /// Returns the reference that statements use.
    pub fn job(&self) -> JobRef {
        JobRef { tenant: self.tenant.clone(), id: self.id.clone() }
    }

    /// Returns the `webhook-id`: the one that the caller gave, or the id of the first job.
    pub fn event_id(&self) -> &str {
        self.event_id.as_deref().unwrap_or(&self.id)
    }

    /// Returns the result as a parsed value, which does not keep the original notation.
    pub fn result_value(&self) -> Option<Value> {
        serde_json::from_str(self.result.as_ref()?.get()).ok()
    }
}

/// A job.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Job<'a> {
    /// Id of the job.
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = crate::wire::schema::JOB_ID)))]
    id: &'a str,
    #[cfg_attr(feature = "openapi", schemars(schema_with = "crate::wire::schema::kind"))]
    kind: &'a str,
    state: State,
    tenant: &'a str,
    /// Name of the endpoint; null for a job to a bare URL.
    endpoint: Option<&'a str>,
    created_at: Time,
    /// Time at which the next attempt is due; in the past while a due job waits. Null while an attempt runs, while the
    /// job is held, and after it has ended.
    next_attempt_at: Option<Time>,
    /// Start of the latest attempt; null before the first.
    started_at: Option<Time>,
    finished_at: Option<Time>,
    /// Deadline: no attempt starts after this time.
    deadline_at: Option<Time>,
    /// Time by which a deferred attempt must be completed; null if no attempt is deferred.
    completion_due_at: Option<Time>,
    /// Number of attempts so far, including the running one.
    attempts: u32,
    /// Number of attempts that may fail.
    max_attempts: u32,
    /// Error of the last failure.
    error: Option<&'a JobError>,
    /// Cause of the last failure, which other jobs may share; null once an attempt succeeds.
    cause: Option<&'a str>,
    /// Time at which a retried job becomes a dead letter if all of its attempts fail; null for any other job.
    dies_at: Option<Time>,
    /// Last action on many jobs that replayed another job as this one, or retried, cancelled or discarded it.
    action: Option<&'a str>,
    /// Reason of the death; null unless the job is dead.
    dead_reason: Option<DeadReason>,
    /// State of the dead letter; null unless the job is dead.
    dead_letter_state: Option<DeadLetterState>,
    /// Result: for a task, the JSON that its handler answered, token for token; for other kinds a small value, such as
    /// the status of the destination.
    #[cfg_attr(feature = "openapi", schemars(with = "crate::wire::schema::Json"))]
    result: Option<&'a RawValue>,
    /// Reason why a succeeded task has no result: its answer had one that cannot be stored.
    result_error: Option<ShownResultError>,
    /// True if the job ends with its running attempt, unless that succeeds.
    cancel_requested: bool,
    /// The job that this job sends again.
    replay_of: Option<&'a str>,
    /// The job that sends this job again.
    replayed_by: Option<&'a str>,
    /// The `webhook-id` of its requests, which its replays share.
    event_id: &'a str,
    idempotency_key: Option<&'a str>,
    group: Option<&'a str>,
    /// The schedule that created the job.
    schedule: Option<&'a str>,
    /// Time of the occurrence that created the job.
    scheduled_for: Option<Time>,
    /// Metadata that the caller gave the job.
    #[cfg_attr(feature = "openapi", schemars(with = "Option<crate::wire::metadata::Metadata>"))]
    metadata: Option<&'a RawValue>,
    /// Payload as it was accepted, with sealed values shown as `[sealed]`; null in lists. A large webhook's payload is
    /// shown without its body; a large task's is null.
    #[cfg_attr(feature = "openapi", schemars(with = "crate::wire::schema::Json"))]
    payload: Option<&'a RawValue>,
    /// Size in bytes of the part of a large payload that is not shown; null for other payloads.
    payload_bytes: Option<u64>,
    /// Trace of the request that created the job, as a W3C Trace Context `traceparent`.
    traceparent: Option<&'a str>,
}

impl<'a> Job<'a> {
    /// Creates the job from its row. `payload` is given when one job is read, and null in lists.
    pub fn of(row: &'a JobRow, payload: Option<&'a RawValue>) -> Job<'a> {
        let waits = matches!(row.state, State::Scheduled | State::Queued | State::Retrying);
        Job {
            id: &row.id,
            kind: &row.kind,
            state: row.state,
            tenant: &row.tenant,
            endpoint: none_if_empty(&row.endpoint),
            created_at: Time(row.created_at),
            next_attempt_at: waits.then_some(Time(row.run_after)),
            started_at: row.started_at.map(Time),
            finished_at: row.finished_at.map(Time),
            deadline_at: row.deadline_at.map(Time),
            completion_due_at: row.completion_due_at.map(Time),
            attempts: row.attempt,
            max_attempts: row.max_attempts,
            error: row.error.as_ref(),
            cause: row.cause.as_deref(),
            dies_at: row.dies_at.filter(|_| row.state == State::Retrying).map(Time),
            action: row.action.as_deref(),
            dead_reason: row.dead_reason,
            dead_letter_state: row.dead_state,
            result: row.result.as_deref(),
            result_error: row.result_error.map(ShownResultError::from),
            cancel_requested: row.cancel_requested == 1,
            replay_of: row.replay_of.as_deref(),
            replayed_by: row.replayed_by.as_deref(),
            event_id: row.event_id(),
            idempotency_key: row.idempotency_key.as_deref().filter(|key| is_callers(key)),
            group: row.group.as_deref(),
            schedule: row.schedule.as_deref(),
            scheduled_for: row.scheduled_for.map(Time),
            metadata: row.metadata.as_deref(),
            payload,
            payload_bytes: row.payload_bytes.map(i64::unsigned_abs),
            traceparent: row.traceparent.as_deref(),
        }
    }
}

/// Converts an empty text to `None`, which the API shows as null.
pub fn none_if_empty(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    proptest! {
        #[test]
        fn ids_are_ordered_by_their_time_and_recognised(a in 0..1i64 << 47, b in 0..1i64 << 47, random: u128) {
            let (first, second) = (mint_id(a, random), mint_id(b, random));
            prop_assert!(is_id(&first));
            prop_assert_eq!(first.len(), 32);
            prop_assert_eq!(time_of(&first), Some(a));
            if a < b { prop_assert!(first < second); }
            prop_assert!(first_id_at(a) <= first);
            prop_assert!(first.as_str() < ID_END);
        }
    }

    #[test]
    fn other_texts_are_not_ids() {
        for text in
            ["", "job_", "job_00", "job_0001", "job_00!!!!!!!!!!!!!!!!!!!!!!!!!!", "job_01ARZ3NDEKTSV4RRFFQ69G5FAV"]
        {
            assert!(!is_id(text), "{text}");
        }
        assert!(!is_id(&mint_id(1, u128::MAX).to_lowercase()), "ids are compared byte by byte");
    }

    #[test]
    fn a_reference_is_a_pair_in_json() {
        let job = JobRef { tenant: "acme".into(), id: "job_1".into() };
        assert_eq!(serde_json::to_string(&job).unwrap(), r#"["acme","job_1"]"#);
        assert_eq!(serde_json::from_str::<JobRef>(r#"["acme","job_1"]"#).unwrap(), job);
    }

    #[test]
    fn members_have_a_readable_order_and_only_waiting_jobs_have_a_next_attempt() {
        let mut row = json!({
            "tenant": "acme", "id": "job_1", "state": "retrying", "attempt": 2, "failures": 2, "max_attempts": 9,
            "kind": "webhook", "endpoint": "", "created_at": 0, "run_after": 5_000, "started_at": 1_000, "cancel_requested": 0,
        });
        let shown = |row: &Value| {
            let row: JobRow = serde_json::from_value(row.clone()).unwrap();
            serde_json::to_string(&Job::of(&row, None)).unwrap()
        };
        let begin = concat!(
            r#"{"id":"job_1","kind":"webhook","state":"retrying","tenant":"acme","endpoint":null,"#,
            r#""created_at":"1970-01-01T00:00:00.000Z","next_attempt_at":"1970-01-01T00:00:05.000Z","#,
            r#""started_at":"1970-01-01T00:00:01.000Z","finished_at":null,"deadline_at":null,"completion_due_at":null,"#,
            r#""attempts":2,"max_attempts":9,"error":null,"#,
        );
        assert!(shown(&row).starts_with(begin), "{}", shown(&row));
        for state in State::ALL {
            row["state"] = json!(state);
            let waits = [State::Scheduled, State::Queued, State::Retrying].contains(&state);
            assert_eq!(shown(&row).contains(r#""next_attempt_at":null"#), !waits, "{state:?}");
        }
    }
}
