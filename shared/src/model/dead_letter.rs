//! The dead letter: a job that failed permanently, as the API shows it.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::model::job::{JobRow, none_if_empty};
use crate::model::outcome::JobError;
use crate::model::state::{DeadLetterState, DeadReason};
use crate::wire::time::Time;

/// A dead letter: a job that failed permanently, with the reason.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct DeadLetter<'a> {
    /// Id of the job.
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = crate::wire::schema::JOB_ID)))]
    id: &'a str,
    #[cfg_attr(feature = "openapi", schemars(schema_with = "crate::wire::schema::kind"))]
    kind: &'a str,
    state: DeadLetterState,
    tenant: &'a str,
    /// Name of the endpoint; null for a job to a bare URL.
    endpoint: Option<&'a str>,
    first_failed_at: Option<Time>,
    died_at: Option<Time>,
    /// Time at which the dead letter is deleted.
    expires_at: Option<Time>,
    /// Number of attempts that the job had.
    attempts: u32,
    /// The last failure.
    error: Option<&'a JobError>,
    reason: Option<DeadReason>,
    /// Cause of the last failure, which other jobs may share.
    cause: Option<&'a str>,
    /// The job that replays it.
    replayed_by: Option<&'a str>,
    /// Note from the request that discarded it.
    note: Option<&'a str>,
    /// Metadata that the caller gave the job.
    #[cfg_attr(feature = "openapi", schemars(with = "Option<crate::wire::metadata::Metadata>"))]
    metadata: Option<&'a RawValue>,
}

impl<'a> DeadLetter<'a> {
    /// Creates the dead letter of a job; `None` unless it is dead.
    pub fn of(row: &'a JobRow) -> Option<DeadLetter<'a>> {
        let first_failed_at = row.log.iter().find(|entry| entry.error.is_some()).map(|entry| entry.started_at);
        Some(DeadLetter {
            id: &row.id,
            kind: &row.kind,
            state: row.dead_state?,
            tenant: &row.tenant,
            endpoint: none_if_empty(&row.endpoint),
            first_failed_at: first_failed_at.map(Time),
            died_at: row.finished_at.map(Time),
            expires_at: row.next_check_at.map(Time),
            attempts: row.attempt,
            error: row.error.as_ref(),
            reason: row.dead_reason,
            cause: row.cause.as_deref(),
            replayed_by: row.replayed_by.as_deref(),
            note: row.note.as_deref(),
            metadata: row.metadata.as_deref(),
        })
    }
}
