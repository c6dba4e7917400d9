//! Ends of jobs that no attempt ends: expired leases, deadlines that passed before an attempt, and requested cancels.

use serde_json::json;

use crate::limits::{CRASH_SEEN_MS_MAX, CRASHES_MAX, SENDS_MAX};
use crate::model::cause::{CRASHED, LATE};
use crate::model::job::JobRef;
use crate::model::outcome::{ErrorClass, JobError};
use crate::ports::{DatabaseError, Param, Statement, World};
use crate::settings::Settings;
use crate::store::counted::batch_counting_ends;
use crate::store::{json_param, rows_as, sql};

/// Error of an attempt whose lease expired, and text of its cause.
const CRASH_MESSAGE: &str = "The worker stopped before it recorded an outcome.";
/// Text of the cause of jobs whose deadline passed.
const LATE_MESSAGE: &str = "The deadline passed before an attempt could start.";

/// Ends attempts whose lease has expired. Returns their jobs.
pub(super) async fn expire<W: World>(
    world: &W,
    settings: &Settings,
    jobs: &[JobRef],
) -> Result<Vec<JobRef>, DatabaseError> {
    if jobs.is_empty() {
        return Ok(Vec::new());
    }
    let expiring = sql!("expire", json_param(&jobs), terms(settings));
    let statements = vec![expiring, note_causes(settings, jobs), look_later(jobs)];
    rows_as(batch_counting_ends(world, jobs, statements).await?.first().unwrap_or(&Vec::new()))
}

/// Returns the statements that end waiting jobs which may not run again.
pub(super) fn end_late(settings: &Settings, jobs: &[JobRef]) -> Vec<Statement> {
    let ending = sql!("dead_letter_late", json_param(&jobs), terms(settings));
    vec![ending, note_causes(settings, jobs), look_later(jobs)]
}

fn look_later(jobs: &[JobRef]) -> Statement {
    sql!("look_later", json_param(&jobs))
}

/// Returns the statement that records the causes of jobs that the sweep has ended. It runs after the one that ends them.
fn note_causes(settings: &Settings, jobs: &[JobRef]) -> Statement {
    sql!("note_sweep_causes", json_param(&jobs), terms(settings))
}

fn terms(settings: &Settings) -> Param {
    json_param(&json!({
        "crashes_max": CRASHES_MAX, "sends_max": SENDS_MAX, "seen_ms": CRASH_SEEN_MS_MAX,
        "retention_succeeded_ms": settings.plan.retention_succeeded_ms,
        "retention_dead_ms": settings.plan.retention_dead_ms,
        "crashed": CRASHED, "late": LATE,
        "causes": [
            {"id": CRASHED, "class": ErrorClass::Crash, "text": CRASH_MESSAGE},
            {"id": LATE, "text": LATE_MESSAGE},
        ],
        "error": JobError::new(ErrorClass::Crash, CRASH_MESSAGE),
    }))
}
