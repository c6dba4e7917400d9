//! Making of a world from a seed: its features, and its start time.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

use crate::sim::actors::poison::Poison;
use crate::sim::actors::receiver::Receiver;
use crate::sim::actors::repeats::Repeats;
use crate::sim::actors::{bulk_operators, closers, index_versions, indexers, resenders};
use crate::sim::bugs::sabotage::Switch;
use crate::sim::engine::executor::Executor;
use crate::sim::engine::faults::{Chances, Fault};
use crate::sim::engine::plan::Play;
use crate::sim::engine::queue::Queue;
use crate::sim::engine::schedule::START_MS;
use crate::sim::engine::world::{Trace, World, settings};
use crate::sim::oracle::audit::{Audit, reset};
use crate::sim::oracle::limits;
use crate::sim::oracle::limits::Limits;
use crate::sim::oracle::objects::SEEDS_PER_LARGE;
use crate::sqlite::{SetClock, SqliteDatabase};
use longshore_kit::random::Random;

/// One seed in this many has schedules.
const SEEDS_PER_TICKER: u64 = 5;
/// One seed in this many has erasures.
const SEEDS_PER_ERASER: u64 = 4;
/// One seed in this many deploys the next epoch.
const SEEDS_PER_EPOCH: u64 = 7;
/// One seed in this many has quotas.
const SEEDS_PER_QUOTA: u64 = 9;
/// One seed in this many has bulk requests, or exports.
const SEEDS_PER_BULK_OR_EXPORT: u64 = 8;
/// One seed in this many has jobs that embed: odd ones, because an erasure deletes vectors before their row.
const SEEDS_PER_EMBED: u64 = 6;

thread_local! {
    /// One database per thread: its statements stay prepared from one schedule to the next.
    static DATABASE: (Rc<SqliteDatabase>, Audit) = {
        let database = SqliteDatabase::open(SetClock::at(START_MS)).unwrap();
        let audit = Audit::install(database.connection()).unwrap();
        (Rc::new(database), audit)
    };
}

/// Initial watermark.
pub(crate) fn watermark_of(began_at: i64) -> i64 {
    began_at - 60_000
}

/// Makes the world of a seed.
pub(crate) fn make(what: &Play) -> Rc<World> {
    let random = Random::new(what.seed);
    let (database, audit) = DATABASE.with(Clone::clone);
    let chances = Chances::draw(&random, &what.narrow.off);
    // Most producer clocks are within the skew that ids may have; some are five minutes off.
    let far = if random.per_mille(150) { 300_000 } else { 10_000 };
    let producer_clocks = [random.between(-10_000, 10_000), random.between(-far, far)];
    let queue = Queue::default();
    queue.deliveries_max.set(u32::try_from(random.between(1, 4)).unwrap());
    queue.is_dead.set(random.per_mille(100) && !what.narrow.off.contains(&Fault::QueueDrop));
    let has_gaps = random.per_mille(100);
    let is_long = random.per_mille(250);
    // Not drawn: most schedules do not need a tick each minute.
    let has_schedules = what.seed % SEEDS_PER_TICKER == SEEDS_PER_TICKER - 1;
    let has_erasures = what.seed % SEEDS_PER_ERASER == SEEDS_PER_ERASER - 2 && !what.narrow.quiet;
    let has_epochs = what.seed % SEEDS_PER_EPOCH == 1 && !what.narrow.quiet;
    // Splitting batches makes the counts wrong even without a crash.
    let in_pieces = what.bug.and_then(|bug| bug.switch) == Some(Switch::SplitsBatches);
    let has_quotas = what.seed % SEEDS_PER_QUOTA == 4 && !what.narrow.quiet && !in_pieces;
    let midnight = limits::midnight_of(what);
    let began_at = midnight.map_or(START_MS, |midnight| midnight - random.between(90_000, 240_000));
    reset(database.connection(), watermark_of(began_at)).unwrap();
    audit.forget();
    let index_provider = indexers::provider_of(what.seed).filter(|_| !in_pieces);
    Rc::new(World {
        began_at,
        poison: Poison::of(what),
        limits: Limits::until(midnight),
        has_epochs,
        has_quotas,
        index_provider,
        repeats: Repeats::of(what.seed, what.narrow.quiet),
        is_rechunked: index_versions::is_rechunked(what.seed) && !what.narrow.quiet,
        edits: RefCell::default(),
        has_embeds: what.seed % SEEDS_PER_EMBED == 3,
        deployed: Cell::new(0),
        rolls: Cell::new(false),
        quotas: RefCell::default(),
        has_erasures,
        has_large: what.seed % SEEDS_PER_LARGE == SEEDS_PER_LARGE - 1,
        has_bulk: what.seed % SEEDS_PER_BULK_OR_EXPORT == 5 && !what.narrow.quiet,
        has_exports: what.seed % SEEDS_PER_BULK_OR_EXPORT == 3 && !what.narrow.quiet,
        has_actions: bulk_operators::is_of(what.seed) && !what.narrow.quiet,
        has_resends: resenders::is_of(what.seed) && !what.narrow.quiet,
        // A quota counts accepted jobs, and those of groups are made.
        has_closes: closers::is_of(what.seed) && !what.narrow.quiet && !has_quotas,
        may_freeze: chances.rate(Fault::Freeze) > 0,
        has_gaps,
        is_long,
        has_schedules,
        executor: Executor::starting_at(began_at),
        random,
        chances,
        database,
        audit,
        index: OnceCell::new(),
        queue,
        receiver: Receiver::default(),
        objects: RefCell::default(),
        invariants: RefCell::default(),
        trace: Trace::default(),
        settings: settings(),
        bug: what.bug,
        narrow: what.narrow.clone(),
        history: RefCell::default(),
        operations: Cell::new(0),
        provider_calls: Cell::new(0),
        leases: RefCell::default(),
        callers: RefCell::default(),
        orders_open: Cell::new(0),
        producer_clocks,
        full_until: Cell::new(0),
        calm: Cell::new(true),
        ended: Cell::new(false),
    })
}
