//! Ends of jobs that no attempt ends: expired leases, deadlines that passed before an attempt, and requested cancels.

use serde_json::{Value, json};

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
    let crashed = json!({"id": CRASHED, "class": ErrorClass::Crash, "text": CRASH_MESSAGE});
    let statements = vec![expiring, note_causes(jobs, &[crashed, late()]), look_later(jobs)];
    rows_as(batch_counting_ends(world, &settings.plan, jobs, statements).await?.answers.first().unwrap_or(&Vec::new()))
}

/// Returns the statements that end waiting jobs which may not run again.
pub(super) fn end_late(settings: &Settings, jobs: &[JobRef]) -> Vec<Statement> {
    let ending = sql!("dead_letter_late", json_param(&jobs), terms(settings));
    // Not the cause of an earlier crash: a job that waits for its retry is no new one.
    vec![ending, note_causes(jobs, &[late()]), look_later(jobs)]
}

fn late() -> Value {
    json!({"id": LATE, "text": LATE_MESSAGE})
}

fn look_later(jobs: &[JobRef]) -> Statement {
    sql!("look_later", json_param(&jobs))
}

/// Returns the statement that records those of `causes` which the jobs have now. It runs after the one that ends them.
fn note_causes(jobs: &[JobRef], causes: &[Value]) -> Statement {
    sql!("note_sweep_causes", json_param(&jobs), json_param(&causes))
}

fn terms(settings: &Settings) -> Param {
    json_param(&json!({
        "crashes_max": CRASHES_MAX, "sends_max": SENDS_MAX, "seen_ms": CRASH_SEEN_MS_MAX,
        "retention_succeeded_ms": settings.plan.retention_succeeded_ms,
        "retention_dead_ms": settings.plan.retention_dead_ms,
        "crashed": CRASHED, "late": LATE,
        "error": JobError::new(ErrorClass::Crash, CRASH_MESSAGE),
    }))
}
