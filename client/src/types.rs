//! Types of the API's answers: the fields that callers read. Times are RFC 3339 texts, as they were received.

use longshore::manage::causes::CauseState;
use longshore::model::attempt::AttemptState;
use longshore::model::state::{DeadLetterState, DeadReason, State};
use longshore::security::key::Scope;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::Problem;

mod actions;
mod groups;

pub use actions::*;
pub use groups::*;

/// A job.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct Job {
    pub id: String,
    pub kind: String,
    pub state: State,
    pub tenant: String,
    pub endpoint: Option<String>,
    pub created_at: String,
    pub next_attempt_at: Option<String>,
    pub started_at: Option<String>,
    pub finished_at: Option<String>,
    pub deadline_at: Option<String>,
    pub completion_due_at: Option<String>,
    pub attempts: u32,
    pub max_attempts: u32,
    pub error: Option<JobError>,
    #[serde(default)]
    pub cause: Option<String>,
    #[serde(default)]
    pub dies_at: Option<String>,
    pub dead_reason: Option<DeadReason>,
    pub dead_letter_state: Option<DeadLetterState>,
    pub result: Option<Box<RawValue>>,
    #[serde(default)]
    pub cancel_requested: bool,
    pub replay_of: Option<String>,
    pub replayed_by: Option<String>,
    pub event_id: String,
    pub idempotency_key: Option<String>,
    pub group: Option<String>,
    pub schedule: Option<String>,
    pub metadata: Option<Box<RawValue>>,
    pub payload: Option<Box<RawValue>>,
    pub payload_bytes: Option<u64>,
}

/// An error of an attempt or a job.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct JobError {
    pub class: String,
    pub fault: String,
    pub message: String,
    pub retryable: bool,
}

/// A dead letter.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct DeadLetter {
    pub id: String,
    pub kind: String,
    pub state: DeadLetterState,
    pub tenant: String,
    pub endpoint: Option<String>,
    pub first_failed_at: Option<String>,
    pub died_at: Option<String>,
    pub expires_at: Option<String>,
    pub attempts: u32,
    pub error: Option<JobError>,
    pub reason: Option<DeadReason>,
    pub cause: Option<String>,
    pub replayed_by: Option<String>,
    pub note: Option<String>,
    pub metadata: Option<Box<RawValue>>,
}

/// Number of jobs of a cause in one state: 1,000 at most, and `at_least` if there are more.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct Counted {
    pub count: u32,
    pub at_least: bool,
}

/// A cause of failures, and the jobs that it holds up.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct Cause {
    pub id: String,
    pub tenant: String,
    pub state: CauseState,
    pub ignored_until: Option<String>,
    pub came_back_at: Option<String>,
    pub kind: Option<String>,
    pub endpoint: Option<String>,
    pub host: Option<String>,
    pub class: Option<String>,
    pub fault: Option<String>,
    pub status: Option<u16>,
    pub text: String,
    pub first_seen_at: String,
    pub last_seen_at: String,
    pub retrying: Counted,
    pub held: Counted,
    pub dead: Counted,
    pub next_dies_at: Option<String>,
    pub endpoint_succeeded_at: Option<String>,
    pub sample_job: Option<String>,
}

/// An attempt of a job.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct Attempt {
    pub attempt: u32,
    pub state: AttemptState,
    pub ended_by: Option<String>,
    pub started_at: String,
    pub duration_ms: Option<i64>,
    pub retry_at: Option<String>,
    pub error: Option<JobError>,
    pub request: Option<EvidenceMessage>,
    pub response: Option<EvidenceMessage>,
    pub version: Option<String>,
    pub evidence: AttemptEvidence,
}

/// Location of the evidence of an attempt: `none`, `off`, `stored` or `inline`, and the digest of its record.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct AttemptEvidence {
    pub state: String,
    pub sha256: Option<String>,
}

/// Evidence of an attempt: the whole record, or the first bytes of one that could not be stored.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
#[allow(missing_docs)]
pub enum Evidence {
    Inline { reason: String, record: String },
    Whole(Box<EvidenceCall>),
}

/// Request and response of a call, and the calls before it. A record names its attempt; a call before the last one names none.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct EvidenceCall {
    pub tenant: Option<String>,
    pub job_id: Option<String>,
    pub attempt: Option<u32>,
    pub request: Option<EvidenceMessage>,
    pub response: Option<EvidenceMessage>,
    #[serde(default)]
    pub earlier: Vec<EvidenceCall>,
}

/// A request or a response. A request has a method and a URL, a response a status.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct EvidenceMessage {
    pub method: Option<String>,
    pub url: Option<String>,
    pub status: Option<u16>,
    pub headers: Option<Vec<(String, String)>>,
    pub body_bytes: Option<u64>,
    pub body_error: Option<String>,
    pub body: Option<String>,
    pub body_base64: Option<String>,
    pub body_sha256: Option<String>,
    #[serde(default)]
    pub body_truncated: bool,
}

/// An endpoint.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct Endpoint {
    pub id: String,
    pub tenant: String,
    pub state: String,
    pub paused_reason: Option<String>,
    pub url: Option<String>,
    pub service: Option<String>,
    pub timeout_seconds: u32,
    pub connections: u32,
    pub schedule: String,
    pub max_attempts: u32,
    pub created_at: String,
    pub updated_at: String,
    pub failing_since: Option<String>,
    pub last_success_at: Option<String>,
    pub secret_rotated_at: Option<String>,
    pub evidence: String,
    pub keep_payload: bool,
}

/// Signing secrets.
#[derive(Clone, Deserialize)]
#[allow(missing_docs)]
pub struct Secrets {
    pub secret: String,
    pub previous_secret: Option<String>,
}

/// A schedule. The fields that a request may have keep their JSON.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct Schedule {
    pub id: String,
    pub tenant: String,
    pub kind: String,
    pub paused: bool,
    pub endpoint: Option<String>,
    pub cron: String,
    pub time_zone: String,
    pub next: Vec<String>,
    pub last: Option<Occurrence>,
    pub created_at: String,
    pub updated_at: String,
    pub overlap: String,
    pub catch_up: String,
    pub max_attempts: Option<u32>,
    pub retry_schedule: Option<String>,
    pub group: Option<String>,
    pub metadata: Option<Box<RawValue>>,
    pub payload: Option<Box<RawValue>>,
}

/// An occurrence of a schedule.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct Occurrence {
    pub scheduled_for: Option<String>,
    pub fired_at: String,
    pub state: String,
    pub job_id: Option<String>,
    pub detail: Option<String>,
}

/// A new job that was accepted.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct AcceptedJob {
    pub id: String,
    pub kind: String,
    pub state: String,
}

/// An API key without its token.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct Key {
    pub id: String,
    pub tenant: String,
    pub name: String,
    pub scopes: Vec<Scope>,
    pub created_at: String,
    pub expires_at: Option<String>,
    pub revoked_at: Option<String>,
    pub last_used_at: Option<String>,
    pub jobs_per_day: Option<u32>,
}

/// A new API key with its token, which the API shows only once.
#[derive(Clone, Deserialize)]
#[allow(missing_docs)]
pub struct CreatedKey {
    #[serde(rename = "key")]
    pub token: String,
    #[serde(flatten)]
    pub key: Key,
}

/// An index of documents.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct Index {
    pub name: String,
    pub tenant: String,
    pub created_at: String,
    pub serving: Option<IndexVersion>,
    pub building: Option<IndexVersion>,
    /// Number of documents; null in lists.
    pub documents: Option<u64>,
    /// Number of documents whose current text cannot be found yet; null in lists.
    pub lag: Option<u64>,
}

/// A configuration for chunking and embedding the documents of an index.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct IndexVersion {
    pub id: String,
    pub provider: String,
    pub model: String,
    pub chunks: u64,
    pub chunks_max: u64,
}

/// Result of a search.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct SearchResult {
    pub mode: String,
    pub degraded: Option<String>,
    pub hits: Vec<SearchHit>,
}

/// A chunk that a search found.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct SearchHit {
    pub document: String,
    pub source: String,
    pub heading: String,
    pub text: String,
    pub score: f64,
}

/// Health of the producer.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct Health {
    pub status: String,
    pub version: String,
}

/// Readiness of the pipeline.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct Readiness {
    pub ready: bool,
    pub consumer_tick_age_seconds: Option<i64>,
    pub producer_tick_age_seconds: Option<i64>,
    pub oldest_due_seconds: Option<i64>,
    pub paused: Option<bool>,
    pub storage_full: Option<bool>,
    pub restoring: Option<bool>,
    pub daily_limit: Option<String>,
    pub key_rotation: Option<KeyRotation>,
}

/// Progress of a master key rotation.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct KeyRotation {
    pub state: String,
    pub left: Option<u64>,
}

/// Result of one line of a bulk request.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct BatchResult {
    pub index: usize,
    pub status: u16,
    pub id: Option<String>,
    pub duplicate: bool,
    pub problem: Option<Problem>,
}

/// Number of lines per outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[allow(missing_docs)]
pub struct Tally {
    pub accepted: usize,
    pub duplicates: usize,
    pub rejected: usize,
}

/// Last line of the answer to lines.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct LinesSummary {
    pub summary: Tally,
    pub unreported: Tally,
    pub problem: Option<Problem>,
    /// Group of the jobs of documents.
    pub group: Option<String>,
}
