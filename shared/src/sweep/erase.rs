//! The run of an erasure: deletes jobs in the order of their ids, each after its evidence was overwritten in the packs.
//!
//! A round visits all ids below the end of the erasure, some in each sweep. The erasure is done when a whole round has
//! found no job. Every step may be repeated, and may run beside that of another sweep: a pack is written only if it is
//! unchanged since it was read, and a job is deleted only if it has the same number of attempts.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::json;
use work::{ErasureStep, VisitedJob};

use crate::index::manage::erase_tenant;
use crate::limits::plan::Plan;
use crate::limits::{
    ERASE_JOBS_AT_ONCE, ERASE_LEASE_CALLS_MAX, ERASE_ROWS_READ, EVIDENCE_PUT_MS, HOUR_MS, ID_SKEW_MS_MAX,
    LIST_KEYS_MAX, SWEEP_ROWS_MAX,
};
use crate::model::evidence::{overwrite_lines, overwrite_range, pack_prefix};
use crate::model::job::{JobRef, first_id_at};
use crate::ports::{DatabaseError, Statement, World};
use crate::settings::Settings;
use crate::store::counted::finishing;
use crate::store::secrets::erasing;
use crate::store::{batch, first_as, json_param, objects, rows_as, sql, within};
use crate::wire::idempotency::sha256;

mod work;

/// A running erasure, as the sweep reads it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct RunningErasure {
    tenant: String,
    id: String,
    subject: Option<String>,
    position: String,
    found: u8,
    turn_at: i64,
    created_at: i64,
}

/// The next jobs of an erasure, and the position after them.
struct VisitedPage {
    jobs: Vec<VisitedJob>,
    /// Position of the next page; `None` at the end.
    next: Option<String>,
}

/// Continues an erasure, as far as the plan's calls to the object store allow. Returns how many jobs were deleted.
///
/// # Errors
/// When the database is out of reach. The next sweep continues where this one stopped.
pub(crate) async fn erase<W: World>(
    world: &W,
    settings: &Settings,
    mut erasure: RunningErasure,
    now: i64,
) -> Result<usize, DatabaseError> {
    // Deletes the tenant's search data again before a round that may be the last, because running requests and jobs may
    // have written some since.
    if erasure.subject.is_none() {
        match erase_tenant(world, &erasure.tenant, erasure.created_at + ID_SKEW_MS_MAX).await {
            // A deployment without a search database has none of these data.
            Ok(()) | Err(DatabaseError::Refused(_)) => {}
            Err(error) => return Err(error),
        }
    }
    let plan = &settings.plan;
    let (mut erased, mut calls) = (0, plan.erase_calls);
    for _ in 0..plan.erase_pages {
        let page = visit(world, &erasure).await?;
        let work = ErasureStep::new(&page.jobs, now, calls, lease_calls(plan), calls == plan.erase_calls);
        calls = calls.saturating_sub(work.calls);
        let failed = overwrite(world, &erasure.tenant, &work).await;
        let position = if work.is_full { work.position.clone() } else { page.next.clone() };
        let ended = !work.is_full && page.next.is_none();
        let position = position.unwrap_or_else(|| erasure.position.clone());
        let found = u8::from(!page.jobs.is_empty());
        erased += record(world, &erasure, &work, &failed, Progress { position: &position, found, ended }).await?;
        (erasure.position, erasure.found) = (position, erasure.found.max(found));
        if ended || work.is_full {
            break;
        }
    }
    Ok(erased)
}

/// Returns the calls needed to overwrite the packs that one lease may have written: a list and its end, a read per
/// pack, and one write.
fn lease_calls(plan: &Plan) -> usize {
    (plan.jobs_per_invocation + 3).min(ERASE_LEASE_CALLS_MAX)
}

impl RunningErasure {
    /// Returns an upper bound for the ids of all jobs accepted before the request, by the clock of any producer.
    fn until(&self) -> String {
        first_id_at(self.created_at + ID_SKEW_MS_MAX)
    }
}

async fn visit<W: World>(world: &W, erasure: &RunningErasure) -> Result<VisitedPage, DatabaseError> {
    #[derive(Deserialize)]
    struct Last {
        id: Option<String>,
        rows: i64,
    }
    let target = json_param(&json!({
        "tenant": erasure.tenant, "subject": erasure.subject, "position": erasure.position, "until": erasure.until(),
    }));
    let statements = vec![
        sql!("visit_jobs", target.clone(), ERASE_ROWS_READ, ERASE_JOBS_AT_ONCE),
        sql!("last_visited", target, ERASE_ROWS_READ),
    ];
    let answers = batch(world, &statements).await?;
    let jobs: Vec<VisitedJob> = rows_as(answers.first().unwrap_or(&Vec::new()))?;
    let last: Option<Last> = first_as(answers.last())?;
    let is_full = i64::try_from(jobs.len()).is_ok_and(|jobs| jobs >= ERASE_JOBS_AT_ONCE);
    let next = if is_full {
        jobs.last().map(|job| job.id.clone())
    } else {
        last.filter(|last| last.rows >= ERASE_ROWS_READ).and_then(|last| last.id)
    };
    Ok(VisitedPage { jobs, next })
}

/// Overwrites the evidence. Returns the packs, leases and jobs that failed and must be tried again.
async fn overwrite<W: World>(world: &W, tenant: &str, work: &ErasureStep) -> BTreeSet<String> {
    let mut failed = BTreeSet::new();
    for (key, ranges) in &work.packs {
        let overwrite = |bytes: &mut [u8]| {
            ranges.iter().fold(false, |changed, (offset, length)| overwrite_range(bytes, *offset, *length) | changed)
        };
        if !rewrite(world, key, overwrite).await {
            failed.insert(key.clone());
        }
    }
    for (lease, jobs) in &work.leases {
        if !overwrite_lease(world, tenant, lease, jobs).await {
            failed.insert(lease.clone());
        }
    }
    // Large payloads and vectors are objects. Missing objects count as deleted. The objects of a job that must stay are
    // kept, because it may be claimed before the next round.
    let leaving: Vec<_> = work.leaving.iter().filter(|job| !job.needs_any(&failed)).collect();
    let keys = |id: &str| objects::keys(&JobRef { tenant: tenant.to_owned(), id: id.to_owned() });
    let payloads: Vec<_> = leaving.iter().flat_map(|job| keys(&job.id)).collect();
    if !payloads.is_empty() && !matches!(within(world, EVIDENCE_PUT_MS, world.delete(&payloads)).await, Some(Ok(()))) {
        failed.extend(leaving.iter().map(|job| job.id.clone()));
    }
    if !failed.is_empty() {
        tracing::warn!(failed = failed.len(), "evidence_overwrite_failed");
    }
    failed
}

/// Overwrites the records of `jobs` in all packs of a lease. No log entry refers to the packs of a Worker that stopped
/// before its settlement.
async fn overwrite_lease<W: World>(world: &W, tenant: &str, lease: &str, jobs: &BTreeSet<String>) -> bool {
    let (prefix, mut after) = (pack_prefix(lease), None);
    loop {
        let listed = within(world, EVIDENCE_PUT_MS, world.list(&prefix, after.as_deref(), LIST_KEYS_MAX)).await;
        let Some(Ok(keys)) = listed else { return false };
        for key in &keys {
            if !rewrite(world, key, |bytes| overwrite_lines(bytes, tenant, jobs)).await {
                return false;
            }
        }
        after = keys.into_iter().last();
        if after.is_none() {
            return true;
        }
    }
}

/// Reads an object, changes it, and writes it back if it is unchanged since the read. So a slow writer cannot restore
/// what another one has overwritten. Returns false if it must be tried again.
async fn rewrite<W: World>(world: &W, key: &str, change: impl FnOnce(&mut [u8]) -> bool) -> bool {
    let Some(Ok(read)) = within(world, EVIDENCE_PUT_MS, world.get_tagged(key)).await else { return false };
    let Some((mut bytes, tag)) = read else { return true }; // It was deleted by age.
    if !change(&mut bytes) {
        return true;
    }
    matches!(within(world, EVIDENCE_PUT_MS, world.put_tagged(key, &bytes, &tag)).await, Some(Ok(true)))
}

/// Progress of a round of an erasure.
#[derive(Debug, Clone, Copy)]
struct Progress<'a> {
    /// Last job that the round has visited.
    position: &'a str,
    /// 1 if this step found a job, 0 otherwise.
    found: u8,
    /// True if the round has visited all jobs.
    ended: bool,
}

/// Deletes jobs whose evidence is overwritten and advances the round, in one batch. Returns how many jobs were deleted.
async fn record<W: World>(
    world: &W,
    erasure: &RunningErasure,
    work: &ErasureStep,
    failed: &BTreeSet<String>,
    step: Progress<'_>,
) -> Result<usize, DatabaseError> {
    let leaving: Vec<_> = work.leaving.iter().filter(|job| !job.needs_any(failed)).collect();
    let leaving: Vec<_> = leaving.into_iter().map(|job| (&job.id, job.attempt)).collect();
    let jobs = json_param(&json!({"tenant": erasure.tenant, "id": erasure.id, "jobs": leaving}));
    let mut statements = vec![
        sql!("count_erased", jobs.clone()),
        sql!("uncount_erased", jobs.clone()),
        sql!("erase_empty_groups", jobs.clone()),
    ];
    let removed: Vec<_> = leaving.iter().map(|(id, _)| (&erasure.tenant, id)).collect();
    statements.extend(finishing(&json_param(&removed)));
    let erased = statements.len();
    statements.push(sql!("erase_jobs", jobs));
    let begun = work.begun.as_ref().map(|(id, ..)| id);
    let staying = work.staying.iter().chain(begun).map(|id| (&erasure.tenant, id));
    let staying: Vec<_> = staying.collect();
    if !staying.is_empty() {
        statements.push(sql!("end_attempts", json_param(&staying)));
    }
    if let Some((id, attempt, overwritten)) = work.begun.as_ref().filter(|_| failed.is_empty()) {
        let (tenant, overwritten) = (erasure.tenant.as_str(), i64::try_from(*overwritten).unwrap_or(0));
        statements.push(sql!("forget_evidence", tenant, id.as_str(), i64::from(*attempt), overwritten));
    }
    statements.extend(moves(erasure, step));
    let answers = batch(world, &statements).await?;
    Ok(answers.get(erased).map_or(0, Vec::len))
}

/// Returns the statements that advance the round. At the end of a round without jobs they finish the erasure.
fn moves(erasure: &RunningErasure, Progress { position, found, ended }: Progress<'_>) -> Vec<Statement> {
    let digest = erasure.subject.as_ref().map(|subject| format!("sha256:{}", sha256(subject.as_bytes())));
    let hour = (erasure.created_at + ID_SKEW_MS_MAX) / HOUR_MS;
    let terms = json_param(&json!({
        "tenant": erasure.tenant, "id": erasure.id, "seen_position": erasure.position, "seen_turn_at": erasure.turn_at,
        "position": position, "found": found, "ended": ended, "digest": digest, "hour": hour,
    }));
    let mut moves = vec![sql!("erase_snapshots", terms.clone(), SWEEP_ROWS_MAX)];
    if ended && found == 0 {
        // The time in an id may be this far ahead of the database's clock, and an id may be accepted this far behind
        // it.
        moves.push(sql!("finish_erasure", terms.clone(), 2 * ID_SKEW_MS_MAX));
        moves.push(sql!("erase_hours", terms.clone()));
        moves.push(sql!("erase_groups", terms.clone()));
        moves.push(sql!("erase_usage", terms.clone()));
        moves.push(sql!("keep_erased_totals", terms.clone()));
        moves.push(sql!("erase_totals", terms.clone()));
        moves.push(sql!("erase_audit", terms.clone()));
        moves.push(sql!("erase_causes", terms.clone()));
        moves.push(sql!("blank_causes", terms.clone()));
        moves.push(sql!("erase_action_steps", terms.clone()));
        moves.push(sql!("erase_actions", terms.clone()));
        moves.push(sql!("blank_actions", terms.clone()));
        moves.push(erasing(terms.clone()));
    }
    moves.push(sql!("move_erasure", terms));
    moves
}
