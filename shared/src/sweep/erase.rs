//! The erasure's run: jobs leave in the order of their ids, each after its evidence was overwritten in the packs.
//!
//! A round goes over all ids below where the erasure ends, some at each sweep; the erasure is done when a whole round has
//! met nothing. Every step may be repeated, and may run beside another sweep's: a pack is written only as long as it is
//! what was read, and a job leaves only with the attempts it was seen with.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::json;
use work::{ErasureStep, VisitedJob};

use crate::index::manage::erase_tenant;
use crate::limits::plan::Plan;
use crate::limits::{
    ERASE_JOBS_AT_ONCE, ERASE_LEASE_CALLS_MAX, ERASE_ROWS_READ, EVIDENCE_PUT_MS, HOUR_MS, ID_SKEW_MS_MAX, LIST_KEYS_MAX,
};
use crate::model::evidence::{overwrite_lines, overwrite_range, pack_prefix};
use crate::model::job::{JobRef, first_id_at};
use crate::ports::{DatabaseError, Statement, World};
use crate::settings::Settings;
use crate::store::secrets::erasing;
use crate::store::{batch, first_as, json_param, objects, rows_as, sql, within};
use crate::wire::idempotency::sha256;

mod work;

/// An erasure that runs, as the sweep reads it.
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

/// The next jobs, and how far was read to find them.
struct VisitedPage {
    jobs: Vec<VisitedJob>,
    /// Where the next page goes on; `None` at the end.
    next: Option<String>,
}

/// Goes on with an erasure, as far as the plan's calls to the object store allow. Answers how many jobs left.
///
/// # Errors
/// When the database is out of reach; the next sweep goes on from where this one stopped.
pub(crate) async fn erase<W: World>(
    world: &W,
    settings: &Settings,
    mut erasure: RunningErasure,
    now: i64,
) -> Result<usize, DatabaseError> {
    // Before a round may be the last: what a request that was under way has made, or a job has kept, leaves too.
    if erasure.subject.is_none() {
        match erase_tenant(world, &erasure.tenant, erasure.created_at + ID_SKEW_MS_MAX).await {
            // Without a store of search there is nothing in it.
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

/// What overwriting what one lease may have written costs: a list and its end, a read per pack, and one write.
fn lease_calls(plan: &Plan) -> usize {
    (plan.jobs_per_invocation + 3).min(ERASE_LEASE_CALLS_MAX)
}

impl RunningErasure {
    /// Below this id is all that was accepted before the request, whatever clock minted it.
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

/// Overwrites the evidence; answers the packs and leases whose turn must come again.
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
    // A payload beyond what a row takes is an object of its own, and vectors are. What is not there is deleted too.
    // That of a job that must stay, stays: it may be claimed before it is met again.
    let leaving: Vec<_> = work.leaving.iter().filter(|job| !job.needs_any(&failed)).collect();
    let keys = |id: &str| objects::keys(&JobRef { tenant: tenant.to_owned(), id: id.to_owned() });
    let payloads: Vec<_> = leaving.iter().flat_map(|job| keys(&job.id)).collect();
    if !payloads.is_empty() && !matches!(within(world, EVIDENCE_PUT_MS, world.delete(&payloads)).await, Some(Ok(()))) {
        failed.extend(leaving.iter().map(|job| job.id.clone()));
    }
    if !failed.is_empty() {
        tracing::warn!(
            failed = failed.len(),
            "objects could not be overwritten, the next round meets their jobs again"
        );
    }
    failed
}

/// Overwrites the records of `jobs` in whatever a lease has written: no log entry points at what its worker, which
/// stopped, had put away.
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

/// Reads an object and writes it back, if it is still what was read: whoever is slower must not bring back what the other
/// has overwritten, however late its write arrives. False if it must be tried again.
async fn rewrite<W: World>(world: &W, key: &str, change: impl FnOnce(&mut [u8]) -> bool) -> bool {
    let Some(Ok(read)) = within(world, EVIDENCE_PUT_MS, world.get_tagged(key)).await else { return false };
    let Some((mut bytes, tag)) = read else { return true }; // It has left by age.
    if !change(&mut bytes) {
        return true;
    }
    matches!(within(world, EVIDENCE_PUT_MS, world.put_tagged(key, &bytes, &tag)).await, Some(Ok(true)))
}

/// Where a round of an erasure goes on.
#[derive(Debug, Clone, Copy)]
struct Progress<'a> {
    /// The last job that it has dealt with.
    position: &'a str,
    /// 1 if this step has met a job.
    found: u8,
    /// Whether the round has met all jobs.
    ended: bool,
}

/// Lets jobs leave whose evidence is overwritten, and moves on, in one batch. Answers how many left.
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
        sql!("erase_jobs", jobs),
    ];
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
    Ok(answers.get(3).map_or(0, Vec::len))
}

/// Moves the round on; at its end the erasure is done, if it may be.
fn moves(erasure: &RunningErasure, Progress { position, found, ended }: Progress<'_>) -> Vec<Statement> {
    let digest = erasure.subject.as_ref().map(|subject| format!("sha256:{}", sha256(subject.as_bytes())));
    let hour = (erasure.created_at + ID_SKEW_MS_MAX) / HOUR_MS;
    let terms = json_param(&json!({
        "tenant": erasure.tenant, "id": erasure.id, "seen_position": erasure.position, "seen_turn_at": erasure.turn_at,
        "position": position, "found": found, "ended": ended, "digest": digest, "hour": hour,
    }));
    let mut moves = Vec::new();
    if ended && found == 0 {
        // An id may be minted that far ahead of the database's clock, and accepted that far behind it.
        moves.push(sql!("finish_erasure", terms.clone(), 2 * ID_SKEW_MS_MAX));
        moves.push(sql!("erase_hours", terms.clone()));
        moves.push(sql!("erase_groups", terms.clone()));
        moves.push(sql!("erase_usage", terms.clone()));
        moves.push(erasing(terms.clone()));
    }
    moves.push(sql!("move_erasure", terms));
    moves
}
