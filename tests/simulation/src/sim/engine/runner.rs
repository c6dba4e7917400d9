//! The runner: plays many schedules on all cores and adds up their results.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::sim::engine::faults::Fault;
use crate::sim::engine::plan::Play;
use crate::sim::engine::schedule::{Failure, Outcome, run};

/// Number of schedules in which an event happened, and how often it happened.
pub type Counts<K> = BTreeMap<K, (u64, u64)>;

/// Totals of many schedules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Schedules that were played to their end.
    pub schedules: u64,
    /// Digest of everything that happened in them, independent of their order.
    pub digest: u64,
    /// Faults that really hit.
    pub faults: Counts<Fault>,
    /// Statements that changed rows, and reasons that jobs died of.
    pub reached: Counts<String>,
    /// Lowest numbers of jobs, operations and faults that hit in one schedule.
    pub least: Option<(usize, u64, u64)>,
    /// Jobs that were accepted.
    pub jobs: usize,
    /// Calls to the ports.
    pub operations: u64,
    /// Requests that reached a destination.
    pub requests: usize,
    /// Simulated milliseconds.
    pub lasted_ms: i64,
}

impl Summary {
    fn add(&mut self, seed: u64, outcome: Outcome) {
        let hits = outcome.faults.values().sum();
        let own = (outcome.jobs, outcome.operations, hits);
        let least = self.least.unwrap_or(own);
        self.least = Some((least.0.min(own.0), least.1.min(own.1), least.2.min(own.2)));
        self.schedules += 1;
        let mixed = (outcome.digest ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_mul(0x0100_0000_01b3);
        self.digest = self.digest.wrapping_add(mixed ^ mixed >> 29);
        count(&mut self.faults, outcome.faults);
        count(&mut self.reached, outcome.reached);
        self.jobs += outcome.jobs;
        self.operations += outcome.operations;
        self.requests += outcome.requests;
        self.lasted_ms += outcome.lasted_ms;
    }
}

fn count<K: Ord>(counts: &mut Counts<K>, more: BTreeMap<K, u64>) {
    for (what, times) in more {
        let (schedules, all) = counts.entry(what).or_default();
        *schedules += 1;
        *all += times;
    }
}

/// Plays one schedule; a panic of the core is a failure with a seed like any other.
///
/// # Errors
/// The first broken invariant.
pub fn play(what: &Play) -> Result<Outcome, Failure> {
    let panicked = |panic: Box<dyn Any + Send>| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or(panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Failure { play: what.clone(), what: format!("a panic: {}", text.unwrap_or_default()) }
    };
    catch_unwind(AssertUnwindSafe(|| run(what))).map_err(panicked)?
}

/// Plays `count` schedules from the seed of `first`, on all cores, until one fails. Calls `shows` now and then with the
/// number of finished ones. Returns the totals, and the failure with the lowest seed.
pub fn play_all(first: &Play, count: u64, shows: &dyn Fn(u64)) -> (Summary, Option<Failure>) {
    let (next, done, failed) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
    let (summary, failures) = (Mutex::new(Summary::default()), Mutex::new(Vec::new()));
    let worker = || {
        while !failed.load(Ordering::Relaxed) {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= count {
                break;
            }
            let what = first.with_seed(first.seed + at);
            match play(&what) {
                Ok(outcome) => summary.lock().unwrap().add(what.seed, outcome),
                Err(failure) => {
                    failed.store(true, Ordering::Relaxed);
                    failures.lock().unwrap().push(failure);
                }
            }
            done.fetch_add(1, Ordering::Relaxed);
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(worker)).collect();
        let mut waited = 0;
        while workers.iter().any(|worker| !worker.is_finished()) {
            std::thread::sleep(Duration::from_millis(5));
            waited += 1;
            if waited % 20 == 0 {
                shows(done.load(Ordering::Relaxed));
            }
        }
    });
    let failure = failures.into_inner().unwrap().into_iter().min_by_key(|failure: &Failure| failure.play.seed);
    (summary.into_inner().unwrap(), failure)
}
