//! The shapes of answers. Their values are written by the `to_json` of the rows; tests hold those, closed against fields
//! that are not told here, against these schemas.
#![allow(dead_code, reason = "only the schemas are used")]

mod attempts;
mod export;
mod health;
pub(super) mod indexes;
pub(super) mod schedules;
mod usage;

use schemars::JsonSchema;
use serde_json::{Map, Value};

use crate::manage::erasures::{ErasureCounts, ErasureState};
use crate::model::outcome::JobError;
use crate::model::result::ShownResultError;
use crate::model::state::{DeadReason, State};
use crate::security::key::Scope;
use crate::wire::invalid::InvalidField;
use crate::wire::schema::{JOB_ID, KindName};
use crate::wire::time::Time;

pub(super) use attempts::{Attempt, Evidence};
pub(super) use export::line as export_line;
pub(super) use health::{Health, Readiness};
pub(super) use usage::Usage;

/// A problem document (RFC 9457).
#[derive(JsonSchema)]
#[schemars(rename = "Problem")]
pub(super) struct ProblemDocument {
    /// `urn:problem-type:longshore:` and the problem's slug.
    #[schemars(regex(pattern = "^urn:problem-type:longshore:[a-z-]+$"))]
    r#type: String,
    /// The HTTP status.
    #[schemars(range(min = 400, max = 599))]
    status: u16,
    /// The same for every occurrence.
    title: String,
    /// What is said of this one.
    detail: String,
    /// The fields that are wrong.
    errors: Vec<InvalidField>,
    /// The Longshore-Request-Id of the answer.
    request_id: String,
}

/// A page of a list.
#[derive(JsonSchema)]
#[schemars(rename = "{T}Page")]
pub(super) struct Page<T> {
    /// The items. A filtered page may be short, even empty, and have a cursor.
    data: Vec<T>,
    /// Where the next page goes on; null at the end.
    next_cursor: Option<String>,
}

/// What became of a job at its acceptance.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum AcceptedAs {
    /// It runs as soon as it can.
    Queued,
    /// It waits for its time.
    Scheduled,
}

/// A durable job.
#[derive(JsonSchema)]
pub(super) struct AcceptedJob {
    /// The job's id.
    #[schemars(regex(pattern = JOB_ID))]
    id: String,
    kind: KindName,
    /// The `webhook-id` of its requests.
    event_id: String,
    created_at: Time,
    /// When it may run.
    run_after: Time,
    accepted: AcceptedAs,
}

/// A batch: each job is accepted or refused by itself.
#[derive(JsonSchema)]
pub(super) struct NewJobs {
    /// The jobs, all read before any is accepted.
    #[schemars(length(min = 1, max = crate::limits::BATCH_JOBS_MAX))]
    jobs: Vec<crate::accept::request::JobRequest>,
}

/// How many jobs of a batch were accepted.
#[derive(JsonSchema)]
struct BatchSummary {
    /// New jobs.
    accepted: u32,
    /// Jobs that were there already.
    replayed: u32,
    /// Refused ones.
    rejected: u32,
}

/// One job of a batch.
#[derive(JsonSchema)]
struct BatchResult {
    /// Its place in the request, from 0.
    index: u32,
    /// 202, or the status of its problem.
    status: u16,
    /// Its id; null if it was refused.
    id: Option<String>,
    /// Whether it was there already.
    replayed: bool,
    /// Why it was refused.
    problem: Option<ProblemDocument>,
}

/// The answer to a batch, in the order of the request.
#[derive(JsonSchema)]
pub(super) struct BatchAnswer {
    summary: BatchSummary,
    results: Vec<BatchResult>,
}

/// A job.
#[derive(JsonSchema)]
pub(super) struct Job {
    /// Its id.
    #[schemars(regex(pattern = JOB_ID))]
    id: String,
    kind: KindName,
    state: State,
    tenant: String,
    /// Null for a job to a bare url.
    endpoint: Option<String>,
    group: Option<String>,
    /// The schedule that made it.
    schedule: Option<String>,
    /// The slot of that schedule.
    scheduled_for: Option<Time>,
    /// The `webhook-id` of its requests, which its replays share.
    event_id: String,
    idempotency_key: Option<String>,
    /// What the caller gave.
    metadata: Option<Map<String, Value>>,
    /// As it was accepted, with sealed values shown as `[sealed]`; null in lists. Of a large webhook it has no body, of a
    /// large task it is null.
    payload: Option<Map<String, Value>>,
    /// Bytes of the part of a large payload that is not shown; null when it is not large.
    payload_bytes: Option<u64>,
    /// The trace of the request that made it, as W3C Trace Context writes it.
    traceparent: Option<String>,
    /// Sends so far.
    attempt: u32,
    /// Failures it may have.
    max_attempts: u32,
    created_at: Time,
    /// When it may run, or run again.
    run_after: Time,
    deadline_at: Option<Time>,
    finished_at: Option<Time>,
    /// Whether it ends when its running attempt does.
    cancel_requested: bool,
    /// When the completion of a deferred attempt is due; null where none is awaited.
    completion_due_at: Option<Time>,
    /// The last failure.
    error: Option<JobError>,
    /// A small value of its kind, such as the status of the destination; of a task what it answered, token for token.
    result: Option<Value>,
    /// Why a task that succeeded shows no result: its answer had one that cannot be kept.
    result_error: Option<ShownResultError>,
    /// The dead letter that it sends again.
    replay_of: Option<String>,
    /// The job that sends it again.
    replayed_by: Option<String>,
}

/// The jobs that carry a label, counted.
#[derive(JsonSchema)]
pub(super) struct Group {
    /// The label.
    #[schemars(regex(pattern = super::NAME))]
    id: String,
    tenant: String,
    /// Jobs that were accepted with it, replays included.
    total: u64,
    /// Those that have not ended.
    open: u64,
    succeeded: u64,
    /// Dead letters that nobody has replayed.
    dead: u64,
    /// Dead letters that another job of the group sends again.
    replayed: u64,
    cancelled: u64,
    created_at: Time,
    /// When the last of them ended; null while one is open.
    finished_at: Option<Time>,
}

/// What became of a dead letter.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum DeadLetterState {
    /// It may be replayed or discarded.
    Open,
    /// It was sent again as a new job.
    Replayed,
    /// It was given up.
    Discarded,
}

/// A dead letter: the job that was given up, and why.
#[derive(JsonSchema)]
pub(super) struct DeadLetter {
    /// The job's id.
    #[schemars(regex(pattern = JOB_ID))]
    id: String,
    state: DeadLetterState,
    reason: Option<DeadReason>,
    /// The same for failures of one cause.
    fingerprint: String,
    kind: KindName,
    tenant: String,
    endpoint: Option<String>,
    error: Option<JobError>,
    /// Sends it had.
    attempt: u32,
    first_failed_at: Option<Time>,
    died_at: Option<Time>,
    /// When it is deleted.
    expires_at: Option<Time>,
    replayed_by: Option<String>,
    /// What was said when it was discarded.
    note: Option<String>,
}

/// Signing secrets, as libraries of Standard Webhooks take them.
#[derive(JsonSchema)]
pub(super) struct Secrets {
    /// `whsec_` and base64.
    #[schemars(regex(pattern = "^whsec_"))]
    secret: String,
    /// The one before a rotation, which signs too for a day.
    previous_secret: Option<String>,
}

/// An API key, without its token.
#[derive(JsonSchema)]
pub(super) struct Key {
    #[schemars(regex(pattern = "^[0-9a-f]{16}$"))]
    id: String,
    /// `*` is for all tenants.
    tenant: String,
    scopes: Vec<Scope>,
    name: String,
    created_at: Time,
    expires_at: Option<Time>,
    revoked_at: Option<Time>,
    /// Within the hour.
    last_used_at: Option<Time>,
    /// Jobs that it may have accepted from one midnight UTC to the next; null for any number.
    jobs_per_day: Option<u32>,
}

/// A tenant's quota.
#[derive(JsonSchema)]
pub(super) struct Quota {
    #[schemars(regex(pattern = super::NAME))]
    tenant: String,
    /// Null for any number.
    jobs_per_day: Option<u32>,
    /// Since midnight UTC; counted while there is a bound.
    jobs_today: u64,
}

/// A new API key.
#[derive(JsonSchema)]
pub(super) struct MadeKey {
    /// The token, which is shown this once.
    #[schemars(regex(pattern = "^ls_[0-9a-f]{16}_[0-9a-f]{64}_[0-9a-f]{8}$"))]
    key: String,
    #[schemars(flatten)]
    of: Key,
}

/// A message that cannot be read as a hint.
#[derive(JsonSchema)]
pub(super) struct Stray {
    id: String,
    queue: String,
    reason: String,
    /// Its bytes.
    #[schemars(extend("contentEncoding" = "base64"))]
    body_base64: String,
    created_at: Time,
}

/// The receipt of an erasure.
#[derive(JsonSchema)]
pub(super) struct Erasure {
    /// Its id.
    #[schemars(regex(pattern = crate::wire::schema::ERASURE_ID))]
    id: String,
    tenant: String,
    /// Whom it erases, null for the whole tenant; once it is done, `sha256:` and the digest of that, base64url.
    subject: Option<String>,
    state: ErasureState,
    /// What left so far.
    counts: ErasureCounts,
    created_at: Time,
    finished_at: Option<Time>,
}

/// Whether the whole pipeline is paused.
#[derive(JsonSchema)]
pub(super) struct Paused {
    paused: bool,
}

/// A store that was restored.
#[derive(JsonSchema)]
pub(super) struct RestoredAnswer {
    /// Of the deployment, and now of the store.
    epoch: i64,
    /// Whether its jobs are held.
    paused: bool,
}
