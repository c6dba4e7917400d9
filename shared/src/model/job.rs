//! The job: its id, its reference in a hint, its row as the store answers it, and its shape in the API.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use ulid::Ulid;

use crate::model::attempt::LogEntry;
use crate::model::outcome::JobError;
use crate::model::result::{ResultError, ShownResultError};
use crate::model::state::State;
use crate::wire::idempotency::is_callers;
use crate::wire::raw::Object;
use crate::wire::time::rfc3339;

/// What every job id begins with: `job_` and the shard. One shard is built; the characters are there for more.
pub const ID_PREFIX: &str = "job_00";
/// Above every job id.
pub const ID_END: &str = "job_01";

/// Mints a job id: `job_` + two shard characters + ULID, 32 characters.
pub fn mint_id(now_ms: i64, random: u128) -> String {
    format!("{ID_PREFIX}{}", mint_ulid(now_ms, random))
}

/// A ULID of that time in milliseconds.
pub fn mint_ulid(now_ms: i64, random: u128) -> String {
    Ulid::from_parts(u64::try_from(now_ms).unwrap_or(0), random).to_string()
}

/// The smallest id that could be minted at that time: where the mark stands in the primary key.
pub fn first_id_at(ms: i64) -> String {
    mint_id(ms, 0)
}

/// Whether this text has the form of a job id; anything else is unknown without asking the store.
pub fn is_id(text: &str) -> bool {
    text.strip_prefix(ID_PREFIX)
        .is_some_and(|ulid| Ulid::from_string(ulid).is_ok_and(|parsed| parsed.to_string() == ulid))
}

/// The time in a job's id, in milliseconds.
pub fn time_of(id: &str) -> Option<i64> {
    let ulid = Ulid::from_string(id.strip_prefix(ID_PREFIX)?).ok()?;
    i64::try_from(ulid.timestamp_ms()).ok()
}

/// A job as hints and statements name it; `["tenant","id"]` in JSON.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "(String, String)", into = "(String, String)")]
pub struct JobRef {
    /// Whose job.
    pub tenant: String,
    /// Which.
    pub id: String,
}

impl JobRef {
    /// How statements name one of its attempts.
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

/// One attempt of a job, as statements name it; `["tenant","id",number]` in JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(into = "(String, String, u32)")]
pub struct AttemptRef {
    /// Whose attempt.
    pub job: JobRef,
    /// Its number, from 1.
    pub number: u32,
}

impl From<AttemptRef> for (String, String, u32) {
    fn from(attempt: AttemptRef) -> Self {
        (attempt.job.tenant, attempt.job.id, attempt.number)
    }
}

/// A job's row as the reading statements answer it. Times are milliseconds.
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
    pub finished_at: Option<i64>,
    pub group: Option<String>,
    pub schedule: Option<String>,
    pub scheduled_for: Option<i64>,
    pub metadata: Option<Box<RawValue>>,
    pub error: Option<JobError>,
    pub result: Option<Box<RawValue>>,
    /// Why there is no result although the job succeeded with one.
    pub result_error: Option<ResultError>,
    pub cancel_requested: u8,
    /// When a deferred completion is due at the latest.
    pub completion_due_at: Option<i64>,
    pub dead_state: Option<String>,
    pub dead_reason: Option<String>,
    pub note: Option<String>,
    pub look_at: Option<i64>,
    pub replay_of: Option<String>,
    pub replayed_by: Option<String>,
    #[serde(default)]
    pub log: Vec<LogEntry>,
    #[serde(default)]
    pub payload: Option<String>,
    /// Bytes of the object with the bulk of the payload.
    pub payload_bytes: Option<i64>,
    /// The trace of the request that made it.
    pub traceparent: Option<String>,
}

impl JobRow {
    /// How statements name it.
    pub fn job(&self) -> JobRef {
        JobRef { tenant: self.tenant.clone(), id: self.id.clone() }
    }

    /// The `webhook-id`: given by the caller, or the first job's id.
    pub fn event_id(&self) -> &str {
        self.event_id.as_deref().unwrap_or(&self.id)
    }

    /// Its result as a value, in which nothing is as it was written.
    pub fn result_value(&self) -> Option<Value> {
        serde_json::from_str(self.result.as_ref()?.get()).ok()
    }

    /// The job as the API shows it; `payload` is shown where one job is read and is null in lists.
    pub fn to_json(&self, payload: Option<&RawValue>) -> Object {
        let job = json!({
            "id": self.id, "kind": self.kind, "state": self.state, "tenant": self.tenant,
            "endpoint": none_if_empty(&self.endpoint), "group": self.group, "schedule": self.schedule,
            "scheduled_for": self.scheduled_for.map(rfc3339), "event_id": self.event_id(),
            "idempotency_key": self.idempotency_key.as_deref().filter(|key| is_callers(key)), "traceparent": self.traceparent,
            "payload_bytes": self.payload_bytes, "attempt": self.attempt, "max_attempts": self.max_attempts,
            "created_at": rfc3339(self.created_at), "run_after": rfc3339(self.run_after),
            "deadline_at": self.deadline_at.map(rfc3339), "finished_at": self.finished_at.map(rfc3339),
            "cancel_requested": self.cancel_requested == 1,
            "completion_due_at": self.completion_due_at.map(rfc3339),
            "error": self.error, "result_error": self.result_error.map(ShownResultError::from),
            "replay_of": self.replay_of, "replayed_by": self.replayed_by,
        });
        let job = Object::of(job).with_kept("metadata", self.metadata.as_deref());
        job.with_kept("payload", payload).with_kept("result", self.result.as_deref())
    }

    /// The dead letter of this job as the API shows it, if the job is dead.
    pub fn to_dead_letter_json(&self) -> Option<Value> {
        let state = self.dead_state.as_deref()?;
        let first_failed_at = self.log.iter().find(|entry| entry.error.is_some()).map(|entry| entry.started_at);
        Some(json!({
            "id": self.id, "state": state, "reason": self.dead_reason, "fingerprint": self.fingerprint(),
            "kind": self.kind, "tenant": self.tenant, "endpoint": none_if_empty(&self.endpoint),
            "error": self.error, "attempt": self.attempt,
            "first_failed_at": first_failed_at.map(rfc3339), "died_at": self.finished_at.map(rfc3339),
            "expires_at": self.look_at.map(rfc3339), "replayed_by": self.replayed_by, "note": self.note,
        }))
    }

    /// What failures of one cause have in common: kind, endpoint, reason, class, and the status of an answer that failed.
    fn fingerprint(&self) -> String {
        let class = self.error.as_ref().map_or("none", |error| error.class.name());
        let status = self.log.last().filter(|entry| entry.ended_by.is_none()).and_then(|entry| entry.status);
        let status = status.map_or(String::new(), |status| format!(":{status}"));
        let reason = self.dead_reason.as_deref().unwrap_or("none");
        format!("{}/{}/{reason}/{class}{status}", self.kind, self.endpoint)
    }
}

/// The API's null for an empty text.
pub fn none_if_empty(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
    fn what_is_not_an_id() {
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
}
