//! A job's row as the audit sees it, whole: what the core's own reading statements do not show is in it too.

use longshore::backoff::Schedule;
use longshore::outcome::JobError;
use longshore::state::State;
use serde::Deserialize;
use serde_json::Value;

/// The columns of a row as one JSON object; `@` stands for `old` or `new`.
pub(super) const COLUMNS: &str = "json_object('tenant', @.tenant, 'id', @.id, 'state', @.state, 'attempt', @.attempt,
  'failures', @.failures, 'crashes', @.crashes, 'suspect', @.suspect, 'cancel_requested', @.cancel_requested,
  'run_after', @.run_after, 'look_at', @.look_at, 'lease_token', @.lease_token, 'lease_until', @.lease_until,
  'created_at', @.created_at, 'deadline_at', @.deadline_at, 'finished_at', @.finished_at, 'endpoint', @.endpoint,
  'event_id', @.event_id, 'max_attempts', @.max_attempts, 'backoff', @.backoff, 'key', @.idempotency_key,
  'key_until', @.key_until, 'digest', @.digest, 'dead_state', @.dead_state, 'dead_reason', @.dead_reason,
  'replay_of', @.replay_of, 'replayed_by', @.replayed_by, 'error', json(@.error), 'result', json(@.result),
  'log', json(@.log), 'group', @.job_group, 'marker', @.payload ->> '$.body.n', 'has_payload', @.payload IS NOT NULL)";

/// A row.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Row {
    pub(super) tenant: String,
    pub(super) id: String,
    pub(super) state: State,
    pub(super) attempt: usize,
    pub(super) failures: u32,
    pub(super) crashes: i64,
    pub(super) suspect: u8,
    pub(super) cancel_requested: u8,
    pub(super) run_after: i64,
    pub(super) look_at: Option<i64>,
    pub(super) lease_token: Option<String>,
    pub(super) lease_until: Option<i64>,
    pub(super) created_at: i64,
    pub(super) deadline_at: Option<i64>,
    pub(super) finished_at: Option<i64>,
    pub(super) endpoint: String,
    pub(super) event_id: Option<String>,
    pub(super) max_attempts: u32,
    pub(super) backoff: Schedule,
    pub(super) key: Option<String>,
    pub(super) key_until: Option<i64>,
    pub(super) digest: String,
    pub(super) dead_state: Option<String>,
    pub(super) dead_reason: Option<String>,
    pub(super) replay_of: Option<String>,
    pub(super) replayed_by: Option<String>,
    pub(super) error: Option<JobError>,
    pub(super) result: Option<Value>,
    pub(super) log: Vec<Value>,
    pub(super) group: Option<String>,
    pub(super) marker: Option<i64>,
    pub(super) has_payload: u8,
}

impl Row {
    pub(super) fn event_id(&self) -> &str {
        self.event_id.as_deref().unwrap_or(&self.id)
    }

    pub(super) fn name(&self) -> (String, String) {
        (self.tenant.clone(), self.id.clone())
    }
}
