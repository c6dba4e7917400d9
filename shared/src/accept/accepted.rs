//! A job that is durable, and what its caller is answered.

use serde::Serialize;

use crate::model::hint::Hint;
use crate::model::job::{JobRef, JobRow};
use crate::wire::time::Time;

/// A job that is durable, with only what never changes.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// Whose job.
    pub job: JobRef,
    /// The answer's body, the same for every repeat of the request.
    pub body: AcceptedJob,
    /// Whether the job was there already.
    pub duplicate: bool,
    /// Its hint, if it is to have one: it is new, and its time is near.
    pub hint: Option<Hint>,
}

/// The state of a job at its acceptance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum AcceptedState {
    /// It runs as soon as it can.
    Queued,
    /// It waits for its time.
    Scheduled,
}

/// A durable job, as it was accepted: a repeat of the request answers the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct AcceptedJob {
    /// The job's id.
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = crate::wire::schema::JOB_ID)))]
    pub(crate) id: String,
    #[cfg_attr(feature = "openapi", schemars(schema_with = "crate::wire::schema::kind"))]
    pub(crate) kind: String,
    pub(crate) state: AcceptedState,
    pub(crate) created_at: Time,
    /// The time that the request asked for; `created_at` if it asked for none.
    pub(crate) run_after: Time,
    /// The `webhook-id` of its requests.
    pub(crate) event_id: String,
}

impl AcceptedJob {
    /// A job that was to run at once.
    pub(crate) fn queued(row: JobRow) -> AcceptedJob {
        let event_id = row.event_id().to_owned();
        let (created_at, state) = (Time(row.created_at), AcceptedState::Queued);
        AcceptedJob { id: row.id, kind: row.kind, state, created_at, run_after: created_at, event_id }
    }
}
