//! One schedule: a world is made from a seed, lives through faults, calms down, and is checked.

use std::collections::BTreeMap;
use std::rc::Rc;

use longshore::limits::{DAY_MS, HOUR_MS};

use crate::sim::actors::consumers::{LastSweep, spawn_sweep};
use crate::sim::actors::operators;
use crate::sim::actors::{
    bulk_operators, clients, closers, erasers, exporters, index_versions, indexers, quotas, resenders, restorers,
    tickers,
};
use crate::sim::engine::executor::Doom;
use crate::sim::engine::faults::Fault;
use crate::sim::engine::history::History;
use crate::sim::engine::making::{make, watermark_of};
use crate::sim::engine::plan::Play;
use crate::sim::engine::world::World;
use crate::sim::oracle::{ending, objects};

/// Start of schedules that are far from midnight: 2026-11-02T08:30:00Z.
pub(crate) const START_MS: i64 = 1_793_608_200_000;
/// Milliseconds between two sweeps.
pub(crate) const SWEEP_EVERY_MS: i64 = 20_000;
/// Milliseconds between two sweeps after the faults have stopped, as on the free plan.
const SWEEP_IN_CALM_MS: i64 = 60_000;
/// Minimum of faults that really hit, calls to the ports, and jobs in each schedule.
const FAULTS_MIN: u64 = 3;
const OPERATIONS_MIN: u64 = 60;
const JOBS_MIN: i64 = 8;
/// Longest draining in milliseconds: a whole `webhook-standard` (75.6 h) with jitter, its re-dispatch back-off, and a
/// reserve.
const DRAIN_MS_MAX: i64 = 5 * DAY_MS;
/// Longest catching up in milliseconds: a worker that is frozen for a minute wakes up, and then one tick runs.
const CATCH_UP_MS_MAX: i64 = 600_000;
/// Hours within which walks find every object without a row, and most sweeps that a walk may take in each.
const TIDY_HOURS: usize = 4;
const TIDY_SWEEPS: usize = 6;
/// Steps after which a schedule is a livelock.
const STEPS_MAX: u64 = 2_000_000;

/// Result of a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Digest of everything that happened, in order.
    pub digest: u64,
    /// Number of times that each fault really hit.
    pub faults: BTreeMap<Fault, u64>,
    /// Rows that each statement changed, and jobs that died by reason.
    pub reached: BTreeMap<String, u64>,
    /// Jobs that were accepted.
    pub jobs: usize,
    /// Calls to the database, the queue, the object store and destinations.
    pub operations: u64,
    /// Requests that reached a destination.
    pub requests: usize,
    /// Simulated milliseconds.
    pub lasted_ms: i64,
}

/// A broken invariant.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The play that shows it.
    pub play: Play,
    /// Invariant, and how it broke.
    pub what: String,
}

/// Plays the schedule of a seed.
///
/// # Errors
/// The first broken invariant.
pub fn run(what: &Play) -> Result<Outcome, Failure> {
    run_in(&make(what), what)
}

/// Plays the schedule of a seed and returns its history.
pub(crate) fn run_recorded(what: &Play) -> Result<History, Failure> {
    let world = make(what);
    *world.history.borrow_mut() = Some(Vec::new());
    run_in(&world, what)?;
    let batches = world.history.take().unwrap_or_default();
    Ok(History::new(world.database.connection(), watermark_of(world.began_at), batches).unwrap())
}

fn run_in(world: &Rc<World>, what: &Play) -> Result<Outcome, Failure> {
    world.trace.prints.set(what.prints);
    let verdict = play(world);
    world.ended.set(true);
    world.executor.clear();
    let invariants = world.invariants.borrow();
    let outcome = Outcome {
        digest: world.trace.digest(),
        faults: world.executor.tally.counts(),
        reached: invariants.reached.clone(),
        jobs: invariants.jobs(),
        operations: world.operations.get(),
        requests: world.receiver.seen.borrow().len(),
        lasted_ms: world.now() - world.began_at,
    };
    verdict.map(|()| outcome).map_err(|text| Failure { play: what.clone(), what: text })
}

/// Starts all actors beside the clients.
fn start_others(world: &Rc<World>) {
    if !world.narrow.quiet {
        world.executor.spawn(Doom::default(), operators::act_repeatedly(world.clone()));
    }
    if world.has_schedules {
        world.executor.spawn(Doom::default(), tickers::tick_repeatedly(world.clone()));
    }
    if world.has_erasures {
        world.executor.spawn(Doom::default(), erasers::erase_repeatedly(world.clone()));
    }
    if world.has_exports {
        exporters::start(world);
    }
    if world.has_resends {
        resenders::start(world);
    }
    if world.has_closes {
        closers::start(world);
    }
    if world.has_actions {
        bulk_operators::start(world);
    }
    if world.has_epochs {
        world.executor.spawn(Doom::default(), restorers::raise(world.clone()));
    }
    if world.has_quotas {
        world.executor.spawn(Doom::default(), quotas::set_repeatedly(world.clone()));
    }
}

fn play(world: &Rc<World>) -> Result<(), String> {
    world.executor.spawn(Doom::default(), operators::set_up(world.clone()));
    run_until(world, world.began_at + 5_000)?;
    world.calm.set(false);
    let (mut jobs, least_jobs) = (0, usize::try_from(JOBS_MIN).unwrap());
    let drawn = world.random.between(JOBS_MIN, JOBS_MIN + if world.is_long { 6 } else { 0 });
    let wanted = world.narrow.jobs.unwrap_or(drawn);
    while jobs < wanted {
        // Several changes in one request meet at one document.
        let several = if world.index_provider.is_some() { 600 } else { 250 };
        let count = if world.random.per_mille(several) { world.random.between(2, 4) } else { 1 };
        let count = if world.narrow.jobs.is_some() { count.min(wanted - jobs) } else { count };
        clients::spawn(world, jobs, count);
        jobs += count;
    }
    start_others(world);
    let last: LastSweep = Rc::default();
    let mut end = world.now() + world.random.between(60_000, if world.is_long { 240_000 } else { 90_000 });
    if world.random.per_mille(80) {
        // Long and deadly enough for a job to crash repeatedly in quarantine.
        world.chances.kill_consumers();
        end += 600_000;
    }
    if world.limits.midnight > 0 {
        world.chances.make_quarantined();
    }
    // A daily limit ends before the faults stop.
    end = end.max(world.limits.midnight + SWEEP_EVERY_MS);
    while world.now() < end {
        sweep_in_faults(world, &last)?;
    }
    // A schedule with too few faults continues with a database that fails more often, until enough have hit. Jobs that
    // were never accepted, because their deadline passed, are replaced.
    let is_short = || {
        world.executor.tally.total() < FAULTS_MIN
            || world.operations.get() < OPERATIONS_MIN
            || world.invariants.borrow().jobs() < least_jobs
    };
    while world.narrow.has_floor() && is_short() {
        world.chances.insist();
        clients::spawn(world, jobs, 1);
        jobs += 1;
        sweep_in_faults(world, &last)?;
    }
    world.trace.note(world.now(), "calm", String::new);
    world.calm.set(true);
    world.chances.stop();
    world.executor.calm_down();
    if world.has_epochs {
        restorers::resume(world)?;
    }
    if world.has_schedules {
        catch_up(world, &last)?;
    }
    drain(world, &last)?;
    if world.index_provider.is_some() {
        for order in indexers::last_orders() {
            clients::spawn_last(world, &order);
            drain(world, &last)?;
        }
        index_versions::clear_all(world)?;
        indexers::judge(world)?;
    }
    tidy_up(world, &last)?;
    if world.has_exports {
        exporters::spawn_last(world);
        run_until(world, world.now() + SWEEP_IN_CALM_MS)?;
    }
    ending::judge(world)?;
    if world.random.per_mille(30) { retire(world, &last) } else { Ok(()) }
}

fn sweep_in_faults(world: &Rc<World>, last: &LastSweep) -> Result<(), String> {
    if !world.hits(Fault::SweepMissing) {
        spawn_sweep(world, last);
    }
    if world.hits(Fault::SweepDoubled) {
        spawn_sweep(world, last);
    }
    run_until(world, world.now() + SWEEP_EVERY_MS)
}

/// Ticks without faults until every past occurrence is decided, then pauses the schedules.
fn catch_up(world: &Rc<World>, last: &LastSweep) -> Result<(), String> {
    let until = world.now() + CATCH_UP_MS_MAX;
    while tickers::is_behind(world) {
        spawn_sweep(world, last);
        tickers::spawn_tick(world);
        run_until(world, world.now() + SWEEP_EVERY_MS)?;
        if world.now() > until {
            return Err("I8: an occurrence that no tick decides".into());
        }
    }
    tickers::judge(world)?;
    world.executor.spawn(Doom::default(), tickers::pause_all(world.clone()));
    run_until(world, world.now() + SWEEP_EVERY_MS)
}

/// Runs without faults until no work is left and the sweep is quiet.
fn drain(world: &Rc<World>, last: &LastSweep) -> Result<(), String> {
    let until = world.now() + DRAIN_MS_MAX;
    loop {
        // A pause requested earlier may arrive only now: the operators' last decision is to resume.
        let paused = "SELECT (SELECT count(*) FROM endpoints WHERE state = 'paused')
            + (SELECT count(*) FROM meta WHERE name = 'paused' AND value = 1)";
        if world.number(paused) > 0 {
            operators::resume_all(world);
        }
        let acting = world.has_actions && bulk_operators::go_on(world);
        spawn_sweep(world, last);
        run_until(world, world.now() + SWEEP_IN_CALM_MS)?;
        let settled = world.executor.tasks_alive() == 0 && world.queue.is_empty() && world.orders_open.get() == 0;
        let next = next_work(world);
        let quiet = last.borrow().as_ref().is_some_and(longshore::sweep::Swept::is_quiet);
        let erasing = erasers::is_open(world);
        if settled && quiet && next.is_none() && !erasing && !acting {
            return Ok(());
        }
        if world.now() > until {
            let open = world.number("SELECT count(*) FROM jobs WHERE finished_at IS NULL");
            return Err(format!("I1, I10: not drained after days: {open} jobs open, settled {settled}, quiet {quiet}"));
        }
        if settled
            && quiet
            && !erasing
            && !acting
            && let Some(next) = next
        {
            // Sweeps in between would find nothing, as the quiet one just did: the next one with work runs after that.
            let rounds = (next - world.now()).div_euclid(SWEEP_IN_CALM_MS);
            skip_idle_time(world, world.now() + rounds.max(0) * SWEEP_IN_CALM_MS)?;
        }
    }
}

/// Lets time pass in which sweeps find nothing: they are skipped, except for their effect on the watermark. In some
/// schedules no sweep runs at all, and the watermark stays behind (F30).
fn skip_idle_time(world: &Rc<World>, until: i64) -> Result<(), String> {
    run_until(world, until)?;
    if !world.has_gaps {
        world.move_watermark_along();
    }
    Ok(())
}

/// Time when the next open row must be checked, or the watermark passes it; `None` if all jobs have ended.
fn next_work(world: &World) -> Option<i64> {
    let next =
        world.number("SELECT min(coalesce(next_check_at, created_at + 45000)) FROM jobs WHERE finished_at IS NULL");
    let watermark = world.number("SELECT value FROM meta WHERE name = 'watermark'");
    let unpassed = world.number("SELECT max(created_at) + 65000 FROM jobs");
    let passed = unpassed == i64::MAX || watermark > unpassed - 65_000;
    if passed { (next != i64::MAX).then_some(next) } else { Some(next.min(unpassed)) }
}

/// Lets retention pass: every row is deleted, none before its time (checked at each deletion). In a crowded store
/// succeeded jobs are deleted after an hour.
fn retire(world: &Rc<World>, last: &LastSweep) -> Result<(), String> {
    world.invariants.borrow_mut().is_crowded = world.random.per_mille(500);
    for _ in 0..45 {
        skip_idle_time(world, world.now() + DAY_MS - HOUR_MS)?;
        for _ in 0..2 {
            spawn_sweep(world, last);
            run_until(world, world.now() + SWEEP_IN_CALM_MS)?;
        }
    }
    let left = world.number("SELECT count(*) FROM jobs");
    let hours = world.number("SELECT count(*) FROM tenant_hours");
    if left + hours > 0 {
        return Err(format!("I11: {left} jobs and {hours} hours are never deleted"));
    }
    tidy_up(world, last)
}

/// Lets hours pass in which walks find the objects that crashes have left without a row.
fn tidy_up(world: &Rc<World>, last: &LastSweep) -> Result<(), String> {
    for _ in 0..TIDY_HOURS {
        if !objects::has_orphan(world) {
            break;
        }
        skip_idle_time(world, world.now() + HOUR_MS)?;
        for _ in 0..TIDY_SWEEPS {
            spawn_sweep(world, last);
            run_until(world, world.now() + SWEEP_IN_CALM_MS)?;
        }
    }
    objects::judge(world)
}

pub(crate) fn run_until(world: &Rc<World>, until: i64) -> Result<(), String> {
    for _ in 0..STEPS_MAX {
        let more = world.executor.step(world, until);
        if let Some(violation) = world.violation() {
            return Err(violation);
        }
        if !more {
            return Ok(());
        }
    }
    Err("I10: a livelock".into())
}
