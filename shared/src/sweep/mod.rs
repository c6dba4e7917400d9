//! The sweep: finds every job whose hint was lost, and all other due work. Every step is bounded, idempotent, and safe
//! beside a second sweep.

mod end;
pub(crate) mod erase;
mod old;
pub(crate) mod orphans;
pub(crate) mod rotation;

use serde::Deserialize;
use serde_json::json;

use crate::limits::{
    AUDIT_MS, DISPATCHES_BEFORE_SWEEP_RUNS, HOUR_MS, PURGED_HOURS_AT_ONCE, REDISPATCH_BACKOFF_MS,
    REDISPATCH_BACKOFF_MS_MAX, SIZE_NOTED_MS, STORAGE_REFUSE_PERCENT, STORAGE_WARN_PERCENT, SWEEP_ROWS_MAX, USAGE_DAYS,
    WATERMARK_LAG_MS, WATERMARK_STEP_DIVISOR, WATERMARK_STEP_MS_MAX, WATERMARK_STEP_MS_MIN,
};
use crate::model::hint::Hint;
use crate::model::job::{JobRef, first_id_at};
use crate::model::state::State;
use crate::ports::{DatabaseError, Rows, Statement, World};
use crate::run::complete::end_overdue;
use crate::run::process::{process, process_quarantined};
use crate::settings::Settings;
use crate::store::counted::batch_counting_ends;
use crate::store::meta::{probe, set_meta, stamp};
use crate::store::notify::send_hints;
use crate::store::objects::remove;
use crate::store::{batch, first_as, json_param, rows_as, sql};
use crate::sweep::end::{end_late, expire};
use crate::sweep::erase::{RunningErasure, erase};
use crate::sweep::old::{purging_actions, purging_snapshots};
use crate::sweep::orphans::{Walk, walk};
use crate::sweep::rotation::Rotation;
use crate::wire::daily_limit::ms_to_reset;
use crate::wire::job_queue::JobQueue;

/// Counts of one sweep.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Swept {
    /// Open jobs that the watermark passed.
    pub marked: usize,
    /// Attempts that were ended because their lease had expired.
    pub expired: usize,
    /// Jobs whose hints were sent again.
    pub dispatched: usize,
    /// Jobs that the sweep ran itself.
    pub run: usize,
    /// Rows that were deleted by age.
    pub purged: usize,
    /// Held jobs that were resumed.
    pub released: usize,
    /// Jobs that were erased.
    pub erased: usize,
    /// Objects of payloads that had no row and were deleted.
    pub orphans: usize,
    /// Values that were re-sealed under a new master key.
    pub resealed: usize,
}

impl Swept {
    /// Returns true if there was nothing to do.
    pub fn is_quiet(&self) -> bool {
        *self == Swept::default()
    }
}

#[derive(Deserialize)]
struct SweepState {
    now: i64,
    watermark: i64,
    walked_at: i64,
    walk_from: i64,
    epoch: i64,
    paused: u8,
    storage_full: u8,
    queue_spent_until: i64,
    /// Id of the key that the producer seals with, as a number.
    producer_key: Option<i64>,
    /// Walk of the rotation that the settings name.
    rotation: Option<Rotation>,
    /// Erasure whose turn it is.
    erasure: Option<RunningErasure>,
}

/// Sweeps once.
///
/// # Errors
/// When the database is out of reach, or a daily limit is spent. The next sweep continues where this one stopped.
pub async fn sweep<W: World>(world: &W, settings: &Settings) -> Result<Swept, DatabaseError> {
    // While a daily limit is spent, a sweep costs only this one failing call.
    let answers = batch(world, &[probe(), sql!("read_sweep", settings.keys.rotation())]).await?;
    let stored: SweepState = first_as(answers.last())?
        .ok_or_else(|| DatabaseError::Refused("the tables do not exist: apply the migrations".into()))?;
    if stored.epoch != settings.epoch {
        // The jobs of a restored store wait until the operator confirms the restore.
        tracing::warn!(store = stored.epoch, deployment = settings.epoch, "epoch_mismatch");
        return Ok(Swept::default());
    }
    let (marked, watermark) = move_watermark(world, settings, &stored).await?;
    let mut swept = Swept { marked, ..Swept::default() };
    if stored.paused == 0 {
        swept.released = resume_held(world, settings).await?;
    }
    look(world, settings, &stored, &mut swept).await?;
    swept.purged += purge_hours(world, settings, stored.now, watermark).await?;
    let at = Walk { now: stored.now, walked_at: stored.walked_at, from: stored.walk_from };
    swept.orphans = walk(world, at).await?;
    let rotation = stored.rotation.clone();
    swept.resealed = rotation::walk(world, settings, stored.now, stored.producer_key, rotation).await?;
    guard_storage(world, settings, &stored).await?;
    let malformed_messages = sql!("purge_malformed_messages", settings.plan.retention_dead_ms, SWEEP_ROWS_MAX);
    let groups = sql!("purge_groups", settings.plan.retention_dead_ms, SWEEP_ROWS_MAX);
    let usage = sql!("purge_usage", USAGE_DAYS, SWEEP_ROWS_MAX);
    let audit = sql!("purge_audit", AUDIT_MS, SWEEP_ROWS_MAX);
    let retention = settings.plan.retention_dead_ms;
    let causes = sql!("purge_causes", retention, SWEEP_ROWS_MAX);
    let later = sql!("check_causes_later", retention, SWEEP_ROWS_MAX);
    let mut statements = vec![malformed_messages, groups, usage, audit, causes, later, stamp("swept_at")];
    statements.extend(purging_actions(retention));
    statements.extend(purging_snapshots());
    statements.extend(rotation::forgetting_all(settings));
    statements.extend(world.size_bytes().map(|bytes| sql!("note_size", bytes, SIZE_NOTED_MS)));
    batch(world, &statements).await?;
    if let Some(erasure) = stored.erasure {
        swept.erased = erase(world, settings, erasure, stored.now).await?;
    }
    Ok(swept)
}

/// Moves the watermark to 45 s ago. It passes every row once, no row can stop it, and no row commits below it. Returns
/// how many open rows it passed, and its new position.
async fn move_watermark<W: World>(
    world: &W,
    settings: &Settings,
    stored: &SweepState,
) -> Result<(usize, i64), DatabaseError> {
    let (mut watermark, mut marked, mut step) = (stored.watermark, 0, WATERMARK_STEP_MS_MAX);
    for _ in 0..settings.plan.watermark_steps {
        let next = (stored.now - WATERMARK_LAG_MS).min(watermark + step);
        if next <= watermark {
            break;
        }
        match pass(world, settings, watermark, next).await {
            Ok(Some(passed)) => {
                marked += passed;
                watermark = next;
            }
            Ok(None) => break, // Another sweep moved it.
            // An hour after an outage may hold more open rows than one call can pass, so shorter steps pass fewer. A
            // failed step must not keep the sweep from the rows that were passed before.
            Err(error @ DatabaseError::DailyLimit(_)) => return Err(error),
            Err(error) if step > WATERMARK_STEP_MS_MIN => {
                tracing::warn!(%error, step, "watermark_step_failed");
                step = (step / WATERMARK_STEP_DIVISOR).max(WATERMARK_STEP_MS_MIN);
            }
            Err(error) => return Err(error),
        }
    }
    Ok((marked, watermark))
}

/// Passes the rows between two watermarks; `None` if another sweep has moved the watermark.
async fn pass<W: World>(
    world: &W,
    settings: &Settings,
    watermark: i64,
    next: i64,
) -> Result<Option<usize>, DatabaseError> {
    let terms = json_param(&json!({
        "watermark": watermark, "next": next, "from_id": first_id_at(watermark), "to_id": first_id_at(next),
    }));
    let mut statements = vec![sql!("pass_watermark", terms.clone()), sql!("count_accepted", terms.clone())];
    if settings.plan.statistics {
        statements.push(sql!("count_accepted_jobs", terms.clone()));
    }
    statements.push(sql!("move_watermark", terms));
    let answers = batch(world, &statements).await?;
    let moved = answers.last().is_some_and(|rows| !rows.is_empty());
    Ok(moved.then(|| answers.first().map_or(0, Vec::len)))
}

async fn resume_held<W: World>(world: &W, settings: &Settings) -> Result<usize, DatabaseError> {
    let mut released = 0;
    for _ in 0..settings.plan.sweep_rounds {
        let answers = batch(world, &[sql!("find_held", SWEEP_ROWS_MAX)]).await?;
        let held: Vec<(String, String)> = rows_as(answers.first().unwrap_or(&Vec::new()))?;
        if held.is_empty() {
            break;
        }
        let answers = batch(world, &[sql!("resume_held", json_param(&held), SWEEP_ROWS_MAX)]).await?;
        released += answers.first().map_or(0, Vec::len);
    }
    Ok(released)
}

/// Handles every row that is due for a check: expired leases, due jobs, rows to delete.
///
/// While the queue accepts no messages, the sweep runs due jobs itself, as many as it can.
async fn look<W: World>(
    world: &W,
    settings: &Settings,
    stored: &SweepState,
    swept: &mut Swept,
) -> Result<(), DatabaseError> {
    #[derive(Deserialize)]
    struct DueJob {
        tenant: String,
        id: String,
        state: State,
        deferred: u8,
    }
    let (mut to_run, mut takes_hints) = (Vec::new(), stored.queue_spent_until <= stored.now);
    for _ in 0..settings.plan.sweep_rounds {
        let answers = batch(world, &[sql!("look", SWEEP_ROWS_MAX)]).await?;
        let due: Vec<DueJob> = rows_as(answers.first().unwrap_or(&Vec::new()))?;
        if due.is_empty() {
            break;
        }
        let (mut running, mut open, mut terminal, mut deferred) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for DueJob { tenant, id, state, deferred: is_deferred } in due {
            let job = JobRef { tenant, id };
            match state {
                State::Running if is_deferred == 1 => deferred.push(job),
                State::Running => running.push(job),
                _ if state.is_terminal() => terminal.push(job),
                _ => open.push(job),
            }
        }
        swept.expired += end_overdue(world, settings, &deferred).await?;
        let expired = expire(world, settings, &running).await?;
        swept.expired += expired.len();
        // Expired jobs that may run again get their hints in this same round.
        open.extend(expired);
        swept.purged += purge(world, &terminal).await?;
        let dispatched = dispatch(world, settings, &open).await?;
        swept.dispatched += dispatched.len();
        let is_for_sweep = |dispatches| !takes_hints || dispatches > DISPATCHES_BEFORE_SWEEP_RUNS;
        let (for_sweep, for_hints): (Vec<_>, Vec<_>) =
            dispatched.into_iter().partition(|(_, dispatches)| is_for_sweep(*dispatches));
        to_run.extend(for_sweep.into_iter().map(|(hint, _)| hint));
        let hints: Vec<_> = for_hints.into_iter().map(|(hint, _)| hint).collect();
        if !send_hints(world, settings, hints.clone()).await {
            takes_hints = false;
            to_run.extend(hints);
            // Other sweeps of the day then send no hints, and `/readyz` shows the limit.
            set_meta(world, &[("queue_spent_until", stored.now + ms_to_reset(stored.now))]).await?;
        }
    }
    // Tasks are last: they may take minutes, and other sweeps run in parallel.
    let (tasks, webhooks): (Vec<_>, Vec<_>) = to_run.into_iter().partition(|hint| hint.queue == JobQueue::Tasks);
    swept.run = run_unclaimed(world, settings, JobQueue::Webhooks, webhooks, takes_hints).await;
    swept.run += run_unclaimed(world, settings, JobQueue::Tasks, tasks, takes_hints).await;
    Ok(())
}

async fn purge<W: World>(world: &W, jobs: &[JobRef]) -> Result<usize, DatabaseError> {
    if jobs.is_empty() {
        return Ok(0);
    }
    let statements = vec![sql!("purge", json_param(&jobs)), sql!("purge_later", json_param(&jobs))];
    let answers = batch(world, &statements).await?;
    remove_objects(world, answers.first()).await
}

/// Deletes the objects of deleted rows. The row goes first, so a row never lacks its object. Returns the number of
/// rows.
async fn remove_objects<'a, W: World>(
    world: &W,
    purged: impl IntoIterator<Item = &'a Rows>,
) -> Result<usize, DatabaseError> {
    let (mut left, mut large) = (0, Vec::new());
    for rows in purged {
        let rows: Vec<(String, String, u8)> = rows_as(rows)?;
        left += rows.len();
        large.extend(rows.into_iter().filter(|row| row.2 == 1).map(|(tenant, id, _)| JobRef { tenant, id }));
    }
    remove(world, &large).await;
    Ok(left)
}

/// Notes a dispatch of due jobs before their hints are sent: a crash in between delays them by one re-dispatch
/// back-off.
async fn dispatch<W: World>(
    world: &W,
    settings: &Settings,
    jobs: &[JobRef],
) -> Result<Vec<(Hint, i64)>, DatabaseError> {
    if jobs.is_empty() {
        return Ok(Vec::new());
    }
    let backoff =
        json!({"redispatch_backoff_ms": REDISPATCH_BACKOFF_MS, "redispatch_backoff_ms_max": REDISPATCH_BACKOFF_MS_MAX});
    let mut statements = end_late(settings, jobs);
    statements.push(sql!("dispatch", json_param(&jobs), json_param(&backoff)));
    let answers = batch_counting_ends(world, &settings.plan, jobs, statements).await?.answers;
    let rows: Vec<(String, String, i64, String)> = rows_as(answers.last().unwrap_or(&Vec::new()))?;
    let hint = |tenant, id, kind: &str| Hint::now(JobRef { tenant, id }, JobQueue::of(kind));
    Ok(rows.into_iter().map(|(tenant, id, dispatches, kind)| (hint(tenant, id, &kind), dispatches)).collect())
}

/// Runs jobs itself, by the usual claim, after two dispatches led to no claim. Sends hints for the rest, or leaves them
/// to another sweep.
async fn run_unclaimed<W: World>(
    world: &W,
    settings: &Settings,
    queue: JobQueue,
    mut hints: Vec<Hint>,
    takes_hints: bool,
) -> usize {
    let rest = hints.split_off(hints.len().min(queue.at_once(settings.plan.sweep_runs)));
    if takes_hints {
        send_hints(world, settings, rest).await;
    }
    if hints.is_empty() {
        return 0;
    }
    let report = process(world, settings, queue, hints.into_iter().map(|hint| hint.job).collect()).await;
    if report.limit.is_some() {
        return report.attempts;
    }
    let quarantined = process_quarantined(world, settings, queue, &report.unclaimed).await;
    report.attempts + quarantined.attempts
}

/// Jobs of one tenant with ids of one hour.
#[derive(Deserialize)]
struct Hour {
    hour: i64,
    tenant: String,
}

/// Number of statements of [`Hour::purge`].
const STATEMENTS_PER_HOUR: usize = 3;

impl Hour {
    fn purge(&self, age_ms: i64) -> [Statement; STATEMENTS_PER_HOUR] {
        let terms = json_param(&json!({
            "tenant": self.tenant, "hour": self.hour, "age_ms": age_ms, "rows": SWEEP_ROWS_MAX,
            "from_id": first_id_at(self.hour * HOUR_MS), "to_id": first_id_at((self.hour + 1) * HOUR_MS),
        }));
        let (purge, later) = (sql!("purge_hour", terms.clone()), sql!("purge_hour_later", terms.clone()));
        [purge, later, sql!("forget_hour", terms)]
    }
}

/// Deletes succeeded jobs by the hour in their ids, so that a job that succeeds at once uses no index for its
/// deletion. Keeps hours that the watermark has not passed, because the watermark finds tenants with waiting jobs by
/// them.
async fn purge_hours<W: World>(
    world: &W,
    settings: &Settings,
    now: i64,
    watermark: i64,
) -> Result<usize, DatabaseError> {
    let crowded = storage_percent(world, settings).is_some_and(|percent| percent >= STORAGE_WARN_PERCENT);
    let age_ms = if crowded { HOUR_MS } else { settings.plan.retention_succeeded_ms };
    let before = (now - age_ms).min(watermark) / HOUR_MS;
    let mut purged = 0;
    for _ in 0..settings.plan.sweep_rounds {
        let answers = batch(world, &[sql!("find_old_hours", before, PURGED_HOURS_AT_ONCE)]).await?;
        let hours: Vec<Hour> = rows_as(answers.first().unwrap_or(&Vec::new()))?;
        if hours.is_empty() {
            break;
        }
        let statements: Vec<_> = hours.iter().flat_map(|hour| hour.purge(age_ms)).collect();
        let answers = batch(world, &statements).await?;
        purged += remove_objects(world, answers.iter().step_by(STATEMENTS_PER_HOUR)).await?;
    }
    Ok(purged)
}

fn storage_percent<W: World>(world: &W, settings: &Settings) -> Option<i64> {
    world.size_bytes().map(|bytes| bytes.saturating_mul(100) / settings.plan.database_bytes)
}

/// Refuses new jobs before the store is full, so that no accepted job is lost.
async fn guard_storage<W: World>(world: &W, settings: &Settings, stored: &SweepState) -> Result<(), DatabaseError> {
    let Some(percent) = storage_percent(world, settings) else {
        return Ok(());
    };
    if percent >= STORAGE_WARN_PERCENT {
        tracing::warn!(percent, "storage_filling_up");
    }
    let full = i64::from(percent >= STORAGE_REFUSE_PERCENT);
    if full != i64::from(stored.storage_full) {
        set_meta(world, &[("storage_full", full)]).await?;
    }
    Ok(())
}
