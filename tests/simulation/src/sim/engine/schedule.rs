//! One schedule: the world is made of a seed, lives through faults, calms down, and is judged.

use std::collections::BTreeMap;
use std::rc::Rc;

use longshore::limits::{DAY_MS, HOUR_MS};

use crate::sim::actors::consumers::{LastSweep, spawn_sweep};
use crate::sim::actors::operators;
use crate::sim::actors::{
    clients, erasers, exporters, index_versions, indexers, quotas, resenders, restorers, tickers,
};
use crate::sim::engine::executor::Doom;
use crate::sim::engine::faults::Fault;
use crate::sim::engine::history::History;
use crate::sim::engine::making::{make, watermark_of};
use crate::sim::engine::plan::Play;
use crate::sim::engine::world::World;
use crate::sim::oracle::{ending, objects};

/// When schedules begin that no midnight is near to: 2026-11-02T08:30:00Z.
pub(crate) const START_MS: i64 = 1_793_608_200_000;
/// How often the sweep comes.
pub(crate) const SWEEP_EVERY_MS: i64 = 20_000;
/// How often it comes when all is calm, as on the free plan.
const SWEEP_IN_CALM_MS: i64 = 60_000;
/// Faults that must really hit in each schedule, calls to the ports and jobs it has at least.
const FAULTS_MIN: u64 = 3;
const OPERATIONS_MIN: u64 = 60;
const JOBS_MIN: i64 = 8;
/// How long draining may take: a whole `webhook-standard` (75.6 h) with jitter, its re-dispatch back-off, and then some.
const DRAIN_MS_MAX: i64 = 5 * DAY_MS;
/// How long catching up may take: what stood still for a minute wakes up, and then one tick does.
const CATCH_UP_MS_MAX: i64 = 600_000;
/// Hours within which walks find every object without a row, and the sweeps that a walk may take in each.
const TIDY_HOURS: usize = 4;
const TIDY_SWEEPS: usize = 6;
/// Steps after which a schedule is a livelock.
const STEPS_MAX: u64 = 2_000_000;

/// What a schedule came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// A digest of all that happened, in order.
    pub digest: u64,
    /// How often each fault really hit.
    pub faults: BTreeMap<Fault, u64>,
    /// How many rows each statement changed, and how many jobs died of each reason.
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
    /// What replays it.
    pub play: Play,
    /// Which invariant, and how.
    pub what: String,
}

/// Plays the schedule of a seed.
///
/// # Errors
/// The first broken invariant.
pub fn run(what: &Play) -> Result<Outcome, Failure> {
    run_in(&make(what), what)
}

/// Plays the schedule of a seed and keeps its history.
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

/// Starts whoever acts beside the clients.
fn start_others(world: &Rc<World>) {
    if !world.narrow.quiet {
        world.executor.spawn(Doom::default(), operators::meddle(world.clone()));
    }
    if world.has_schedules {
        world.executor.spawn(Doom::default(), tickers::tick_on(world.clone()));
    }
    if world.has_erasures {
        world.executor.spawn(Doom::default(), erasers::erase_on(world.clone()));
    }
    if world.has_exports {
        exporters::start(world);
    }
    if world.has_resends {
        resenders::start(world);
    }
    if world.has_epochs {
        world.executor.spawn(Doom::default(), restorers::raise(world.clone()));
    }
    if world.has_quotas {
        world.executor.spawn(Doom::default(), quotas::set_on(world.clone()));
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
        // Long and deadly enough for a job to crash again and again, alone.
        world.chances.kill_consumers();
        end += 600_000;
    }
    if world.limits.midnight > 0 {
        world.chances.make_quarantined();
    }
    // A daily limit ends before all is calm.
    end = end.max(world.limits.midnight + SWEEP_EVERY_MS);
    while world.now() < end {
        sweep_in_faults(world, &last)?;
    }
    // A draw that is too mild goes on, with a database that fails more often, until enough has hit. Jobs that were never
    // accepted, because their deadline passed, are replaced.
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
        restorers::go_on(world)?;
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

/// Ticks on without faults until every occurrence that is over is decided, and pauses the schedules.
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

/// Runs on without faults until nothing is left to do and the sweep is quiet.
fn drain(world: &Rc<World>, last: &LastSweep) -> Result<(), String> {
    let until = world.now() + DRAIN_MS_MAX;
    loop {
        // A pause may have been asked for before and arrive only now: the operators' last word is to resume.
        let paused = "SELECT (SELECT count(*) FROM endpoints WHERE state = 'paused')
            + (SELECT count(*) FROM meta WHERE name = 'paused' AND value = 1)";
        if world.number(paused) > 0 {
            operators::resume_all(world);
        }
        spawn_sweep(world, last);
        run_until(world, world.now() + SWEEP_IN_CALM_MS)?;
        let settled = world.executor.tasks_alive() == 0 && world.queue.is_empty() && world.orders_open.get() == 0;
        let next = next_work(world);
        let quiet = last.borrow().as_ref().is_some_and(longshore::sweep::Swept::is_quiet);
        let erasing = erasers::is_open(world);
        if settled && quiet && next.is_none() && !erasing {
            return Ok(());
        }
        if world.now() > until {
            let open = world.number("SELECT count(*) FROM jobs WHERE finished_at IS NULL");
            return Err(format!("I1, I10: not drained after days: {open} jobs open, settled {settled}, quiet {quiet}"));
        }
        if settled
            && quiet
            && !erasing
            && let Some(next) = next
        {
            // Sweeps in between would find nothing, as the quiet one just did: the next that counts comes after then.
            let rounds = (next - world.now()).div_euclid(SWEEP_IN_CALM_MS);
            be_quiet_until(world, world.now() + rounds.max(0) * SWEEP_IN_CALM_MS)?;
        }
    }
}

/// Lets time pass in which sweeps find nothing: they are left out, but for what they do with the watermark. In some schedules
/// they do not come at all, and it stays behind (F30).
fn be_quiet_until(world: &Rc<World>, until: i64) -> Result<(), String> {
    run_until(world, until)?;
    if !world.has_gaps {
        world.move_watermark_along();
    }
    Ok(())
}

/// When the next open row is to be looked at, or passed by the watermark; `None` if all have ended.
fn next_work(world: &World) -> Option<i64> {
    let next =
        world.number("SELECT min(coalesce(next_check_at, created_at + 45000)) FROM jobs WHERE finished_at IS NULL");
    let watermark = world.number("SELECT value FROM meta WHERE name = 'watermark'");
    let unmarked = world.number("SELECT max(created_at) + 65000 FROM jobs");
    let passed = unmarked == i64::MAX || watermark > unmarked - 65_000;
    if passed { (next != i64::MAX).then_some(next) } else { Some(next.min(unmarked)) }
}

/// Long after: every row has left, none before its time (judged as it leaves). In a crowded store what succeeded leaves
/// after an hour.
fn retire(world: &Rc<World>, last: &LastSweep) -> Result<(), String> {
    world.invariants.borrow_mut().is_crowded = world.random.per_mille(500);
    for _ in 0..45 {
        be_quiet_until(world, world.now() + DAY_MS - HOUR_MS)?;
        for _ in 0..2 {
            spawn_sweep(world, last);
            run_until(world, world.now() + SWEEP_IN_CALM_MS)?;
        }
    }
    let left = world.number("SELECT count(*) FROM jobs");
    let hours = world.number("SELECT count(*) FROM tenant_hours");
    if left + hours > 0 {
        return Err(format!("I11: {left} jobs and {hours} hours never left"));
    }
    tidy_up(world, last)
}

/// Lets hours pass in which walks find the objects that crashes have left without a row.
fn tidy_up(world: &Rc<World>, last: &LastSweep) -> Result<(), String> {
    for _ in 0..TIDY_HOURS {
        if !objects::has_orphan(world) {
            break;
        }
        be_quiet_until(world, world.now() + HOUR_MS)?;
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
