//! The daily limits of the free plan: in some schedules the account spends one of them, until midnight. An attempt that
//! a limit interrupts is not the job's fault.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use longshore::limits::{CRASH_SEEN_MS_MAX, DAY_MS};
use longshore::ports::{Param, Statement};
use longshore::wire::daily_limit::{DailyLimit, RESET_GRACE_MS};

use crate::sim::engine::faults::Fault;
use crate::sim::engine::plan::Play;
use crate::sim::engine::schedule::START_MS;
use crate::sim::engine::world::World;
use crate::sim::oracle::invariants::Invariants;
use crate::sim::oracle::row::Row;

/// One seed in this many lives through a midnight.
const SEEDS_PER_LIMIT: u64 = 11;

/// Most milliseconds by which the clock of a consumer may be off, including its drift.
const CLOCK_OFF_MS: i64 = 15_000;

/// Limits that the account has spent.
#[derive(Debug, Clone, Copy, Default)]
struct Spent {
    reads: bool,
    writes: bool,
    queue: bool,
}

/// Combinations of limits that may be spent.
const KINDS: [Spent; 5] = [
    Spent { reads: false, writes: true, queue: false },
    Spent { reads: true, writes: false, queue: false },
    Spent { reads: true, writes: true, queue: false },
    Spent { reads: false, writes: false, queue: true },
    Spent { reads: true, writes: true, queue: true },
];

/// The limits of a world.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    /// End of the day on which a limit may be spent; 0 if none is.
    pub(crate) midnight: i64,
    spent: Cell<Option<Spent>>,
    /// Lease tokens whose outcomes could not be recorded.
    interrupted: RefCell<BTreeSet<String>>,
}

/// Fate of the worker that holds the lease of a job.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Holder {
    /// True if no fault hit it.
    pub(crate) is_well: bool,
    /// True if a daily limit kept it from recording its outcome.
    pub(crate) is_interrupted: bool,
}

/// Midnight that the schedule of a seed lives through, if any.
pub(crate) fn midnight_of(what: &Play) -> Option<i64> {
    let has_midnight = what.seed % SEEDS_PER_LIMIT == 6 && !what.narrow.off.contains(&Fault::DailyLimit);
    has_midnight.then_some((START_MS / DAY_MS + 1) * DAY_MS)
}

impl Limits {
    pub(crate) fn until(midnight: Option<i64>) -> Self {
        Self { midnight: midnight.unwrap_or(0), ..Self::default() }
    }

    /// Returns true if an outcome under this lease could not be recorded.
    pub(crate) fn has_interrupted(&self, lease: &str) -> bool {
        self.interrupted.borrow().contains(lease)
    }
}

impl World {
    fn spent(&self) -> Spent {
        if self.now() < self.limits.midnight { self.limits.spent.get().unwrap_or_default() } else { Spent::default() }
    }

    /// Limit that stops the database from running these statements now. Now and then these are the first that it stops.
    pub(crate) fn limit_of(&self, statements: &[Statement]) -> Option<DailyLimit> {
        let is_whole = self.now() < self.limits.midnight && self.limits.spent.get().is_none();
        if is_whole && self.hits(Fault::DailyLimit) {
            self.limits.spent.set(Some(*self.random.pick(&KINDS)));
            self.executor.happen_at(self.limits.midnight, |world| world.queue.deliver(world));
        }
        let (has_read, has_write) =
            (statements.iter().any(|one| !writes(one.sql)), statements.iter().any(|one| writes(one.sql)));
        let limit = match self.spent() {
            Spent { reads: true, .. } if has_read => DailyLimit::RowsRead,
            Spent { writes: true, .. } if has_write => DailyLimit::RowsWritten,
            _ => return None,
        };
        for statement in statements.iter().filter(|statement| statement.name == "settle") {
            if let Some(Param::Text(token)) = statement.params.get(1) {
                self.limits.interrupted.borrow_mut().insert(token.clone());
            }
        }
        Some(limit)
    }

    /// Returns true if the queue takes and delivers messages.
    pub(crate) fn has_queue(&self) -> bool {
        !self.spent().queue
    }
}

/// Returns true if a statement writes, and so counts towards the daily limit of writes.
pub fn writes(sql: &str) -> bool {
    let mut words = sql.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    words.any(|word| matches!(word, "INSERT" | "UPDATE" | "DELETE"))
}

impl Invariants {
    /// Checks F15 and F84: only the right crashes of a quarantined job count.
    pub(crate) fn judge_crashes(&mut self, now: i64, old: &Row, new: &Row, holder: Holder) -> Result<(), String> {
        if holder.is_interrupted {
            self.reach(if old.quarantined == 1 {
                "a quarantined job interrupted by a limit"
            } else {
                "an attempt interrupted by a limit"
            });
        }
        judge_crashes(now, old, new, holder.is_interrupted)
    }
}

/// Checks F15 and F84: a crash of a quarantined job counts if the sweep ran in time, and if no daily limit interrupted
/// the attempt.
fn judge_crashes(now: i64, old: &Row, new: &Row, is_interrupted: bool) -> Result<(), String> {
    if is_interrupted && new.crashes != old.crashes {
        return Err("F84: a daily limit counted as a crash".into());
    }
    let began_at = old.log.last().and_then(|entry| entry["started_at"].as_i64()).unwrap_or(0);
    let is_seen = old.lease_until.is_some_and(|until| until > now - CRASH_SEEN_MS_MAX);
    let counts = old.quarantined == 1 && is_seen && began_at / DAY_MS == now / DAY_MS;
    if new.crashes == old.crashes + i64::from(counts) {
        return Ok(());
    }
    Err(format!("I7, F15: {} crashes after {}", new.crashes, old.crashes))
}

/// Checks F84: a job that a daily limit stops waits for midnight, by the clock of its worker; that is no failure. If that
/// clock is past midnight already, the job waits for the end of the grace period.
pub(crate) fn judge_wait(old: &Row, new: &Row) -> Result<(), String> {
    let into_day = new.run_after.rem_euclid(DAY_MS);
    let is_reset = [0, RESET_GRACE_MS, DAY_MS].iter().any(|at| (into_day - at).abs() < CLOCK_OFF_MS);
    if new.failures == old.failures && is_reset {
        return Ok(());
    }
    Err(format!("F84: {} failures after {}, at {into_day} ms of a day", new.failures, old.failures))
}
