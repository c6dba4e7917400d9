//! Test deliveries: one marked webhook to an endpoint, so that a person sees what the receiver answers.

use serde::Serialize;
use serde_json::json;

use crate::limits::WAIT_SECONDS_MAX;
use crate::manage::operate::discard_with;
use crate::manage::query::read_evidence;
use crate::model::evidence::Evidence;
use crate::model::job::{Job, JobRow};
use crate::model::state::{DeadLetterState, State};
use crate::ports::{Blobs, Clock, Database};
use crate::wire::problem::Problem;
use crate::wire::time::rfc3339;

/// Longest wait for the answer of a test delivery, in seconds.
pub const TEST_WAIT_SECONDS: u32 = WAIT_SECONDS_MAX;
/// Note of the dead letter of a test delivery that failed.
const NOTE: &str = "A test delivery.";

/// A test delivery, and what came back.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct TestDelivery<'a> {
    /// Job of the delivery. It is not retried. `held` if the endpoint is paused, `running` or `queued` if it takes more than 30
    /// seconds.
    job: Job<'a>,
    /// Request and answer; null if the attempt has not ended, or if the endpoint keeps no evidence.
    evidence: Option<Evidence<'a>>,
}

impl<'a> TestDelivery<'a> {
    /// Creates the answer from the job and the evidence of its attempt.
    pub fn of(row: &'a JobRow, evidence: Option<Evidence<'a>>) -> TestDelivery<'a> {
        TestDelivery { job: Job::of(row, None), evidence }
    }
}

/// Returns the request of the job: one attempt of a webhook whose body has the type `longshore.test`.
pub fn request(endpoint: &str, now_ms: i64) -> String {
    let body = json!({"type": "longshore.test", "timestamp": rfc3339(now_ms), "data": {"endpoint": endpoint}});
    json!({"kind": "webhook", "endpoint": endpoint, "max_attempts": 1, "payload": {"body": body}}).to_string()
}

/// Returns true if nothing more comes back: the attempt has ended, or the endpoint is paused.
pub fn has_ended(row: &JobRow) -> bool {
    row.state.is_terminal() || row.state == State::Held
}

/// Returns the job as it is shown, and discards its dead letter: an operator has seen the failure.
///
/// # Errors
/// `NotFound`; `Unavailable`.
pub async fn seen<W: Database + Clock>(world: &W, row: JobRow) -> Result<JobRow, Problem> {
    if row.dead_state != Some(DeadLetterState::Open) {
        return Ok(row);
    }
    // No action of its operator: the audit log has the test.
    discard_with(world, &row.job(), Some(NOTE.to_owned()), None).await
}

/// Reads the evidence of the only attempt, if it has ended.
pub async fn evidence_of<'a, B: Blobs>(blobs: &B, row: &'a JobRow) -> Option<Evidence<'a>> {
    read_evidence(blobs, row.log.first()?).await.ok()
}
