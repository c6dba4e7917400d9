//! Schedules as the API shows them; see [`crate::schedules::schedule::ScheduleRow::to_json`].

use schemars::JsonSchema;
use serde_json::{Map, Value};

use crate::model::backoff::Schedule as Backoff;
use crate::schedules::schedule::FiringState;
use crate::schedules::slots::{CatchUp, Overlap};
use crate::wire::schema::{JOB_ID, KindName, NAME};
use crate::wire::time::Time;

/// A firing of a schedule.
#[derive(JsonSchema)]
#[allow(dead_code, reason = "only its schema is used")]
pub(in crate::openapi) struct Firing {
    /// The slot; null for a job that somebody asked for.
    scheduled_for: Option<Time>,
    fired_at: Time,
    state: FiringState,
    /// The job that it made.
    #[schemars(regex(pattern = JOB_ID))]
    job_id: Option<String>,
    detail: Option<String>,
}

/// A schedule.
#[derive(JsonSchema)]
#[allow(dead_code, clippy::struct_field_names, reason = "only its schema is used")]
pub(in crate::openapi) struct Schedule {
    /// Its name.
    #[schemars(regex(pattern = NAME))]
    id: String,
    tenant: String,
    cron: String,
    time_zone: String,
    overlap: Overlap,
    catch_up: CatchUp,
    paused: bool,
    kind: KindName,
    /// Null for jobs to a bare url.
    endpoint: Option<String>,
    /// As it was put, sealed values hidden; null in lists.
    payload: Option<Value>,
    max_attempts: Option<u32>,
    retry_schedule: Option<Backoff>,
    group: Option<String>,
    metadata: Option<Map<String, Value>>,
    /// The next slots.
    next: Vec<Time>,
    /// The last firing.
    last: Option<Firing>,
    created_at: Time,
    updated_at: Time,
}
