//! Durable jobs and the response body that confirms them.

use serde::Serialize;

use crate::model::hint::Hint;
use crate::model::job::{JobRef, JobRow};
use crate::wire::time::Time;

/// A durable job, with only the fields that never change.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// Tenant and id of the job.
    pub job: JobRef,
    /// Response body; a repeat of the request gets the same one.
    pub body: AcceptedJob,
    /// True if the idempotency key already had this job.
    pub duplicate: bool,
    /// Hint to send: `Some` for a new job that is due soon.
    pub hint: Option<Hint>,
}

/// State of a job when it was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum AcceptedState {
    /// Runs as soon as possible.
    Queued,
    /// Waits for its `run_after`.
    Scheduled,
}

/// A job as it was accepted. A repeat of the request returns the same values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct AcceptedJob {
    /// Id of the job.
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = crate::wire::schema::JOB_ID)))]
    pub(crate) id: String,
    #[cfg_attr(feature = "openapi", schemars(schema_with = "crate::wire::schema::kind"))]
    pub(crate) kind: String,
    pub(crate) state: AcceptedState,
    pub(crate) created_at: Time,
    /// Time that the request named; `created_at` if it named none.
    pub(crate) run_after: Time,
    /// `webhook-id` header of its requests.
    pub(crate) event_id: String,
}

impl AcceptedJob {
    /// Builds the body of a job that is due immediately.
    pub(crate) fn queued(row: JobRow) -> AcceptedJob {
        let event_id = row.event_id().to_owned();
        let (created_at, state) = (Time(row.created_at), AcceptedState::Queued);
        AcceptedJob { id: row.id, kind: row.kind, state, created_at, run_after: created_at, event_id }
    }
}
