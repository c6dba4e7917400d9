//! The simulation: thousands of schedules of the shipped core under faults, each replayed by its seed.
//!
//! `LONGSHORE_SEEDS=100000` plays more schedules, `LONGSHORE_FIRST_SEED=5000` others, `LONGSHORE_SEED=7` one, printed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use longshore_tests::sim::sabotage::{self, Sabotage};
use longshore_tests::sim::{Failure, Outcome, run, run_with};

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

/// Plays a schedule; a panic of the core is a failure with a seed like any other.
fn play(seed: u64, sabotage: Option<Sabotage>) -> Result<Outcome, Failure> {
    let panicked = |panic: Box<dyn std::any::Any + Send>| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or(panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Failure { seed, what: format!("a panic: {}", text.unwrap_or_default()) }
    };
    catch_unwind(AssertUnwindSafe(|| run_with(seed, sabotage, false))).map_err(panicked)?
}

/// Plays schedules on all cores until one fails. Answers what they came to, and the failure of the least seed.
fn play_all(first: u64, count: u64, sabotage: Option<Sabotage>) -> (Vec<Outcome>, Option<Failure>) {
    let (next, failed) = (AtomicU64::new(first), AtomicBool::new(false));
    let (outcomes, failures) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    let worker = || {
        while !failed.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + count {
                break;
            }
            match play(seed, sabotage) {
                Ok(outcome) => outcomes.lock().unwrap().push(outcome),
                Err(failure) => {
                    failed.store(true, Ordering::Relaxed);
                    failures.lock().unwrap().push(failure);
                }
            }
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| (0..cores).for_each(|_| drop(scope.spawn(worker))));
    let failure = failures.into_inner().unwrap().into_iter().min_by_key(|failure| failure.seed);
    (outcomes.into_inner().unwrap(), failure)
}

/// I1 to I11 hold in every schedule.
#[test]
fn every_schedule_keeps_the_invariants() {
    if let Some(seed) = number("LONGSHORE_SEED") {
        let outcome = run_with(seed, None, true).unwrap_or_else(|failure| panic!("seed {seed}: {}", failure.what));
        println!("{outcome:#?}");
        return;
    }
    let (first, count) = (number("LONGSHORE_FIRST_SEED").unwrap_or(0), number("LONGSHORE_SEEDS").unwrap_or(10_000));
    let began = Instant::now();
    let (outcomes, failure) = play_all(first, count, None);
    let seconds = began.elapsed().as_secs_f64();
    if let Some(Failure { seed, what }) = failure {
        let replay = "cargo test -p longshore-tests --test simulation every_schedule -- --nocapture";
        panic!("{what}\n\nseed {seed}; replay it: LONGSHORE_SEED={seed} {replay}\n");
    }
    report(&outcomes);
    println!("{} schedules in {seconds:.1} s", outcomes.len());
    assert!(outcomes.iter().all(|outcome| outcome.jobs >= 8 && outcome.faults.values().sum::<u64>() >= 3));
    if count >= 5_000 {
        let reached: BTreeSet<&str> =
            outcomes.iter().flat_map(|outcome| outcome.reached.keys().map(String::as_str)).collect();
        let missed: Vec<_> = MUST_REACH.iter().filter(|what| !reached.contains(*what)).collect();
        assert!(missed.is_empty(), "no schedule came to {missed:?}");
    }
}

/// What thousands of schedules must come to, or they go not deep enough.
const MUST_REACH: [&str; 26] = [
    "accept",
    "claim",
    "settle",
    "hand_back",
    "heartbeat",
    "hold",
    "release",
    "mark",
    "expire",
    "bury_late",
    "dispatch",
    "look_later",
    "wake",
    "cancel",
    "retry_now",
    "replay",
    "insert_successor",
    "discard",
    "purge",
    "purge_hour",
    "dead of attempts_exhausted",
    "dead of not_retryable",
    "dead of deadline",
    "dead of crash_loop",
    "purge_hour_later",
    "free_keys",
];

/// Prints which faults hit and what the schedules came to.
fn report(outcomes: &[Outcome]) {
    let mut lines: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for outcome in outcomes {
        let faults = outcome.faults.iter().map(|(fault, hits)| (format!("fault {fault:?}"), hits));
        let reached = outcome.reached.iter().map(|(what, rows)| (format!("rows {what}"), rows));
        for (what, count) in faults.chain(reached) {
            let (schedules, all) = lines.entry(what).or_default();
            *schedules += 1;
            *all += count;
        }
    }
    for (what, (schedules, count)) in lines {
        println!("{what:<32} {count:>8} times in {schedules:>6} schedules");
    }
    let sum = |of: fn(&Outcome) -> usize| outcomes.iter().map(of).sum::<usize>();
    let hours = outcomes.iter().map(|outcome| outcome.lasted_ms / 3_600_000).sum::<i64>();
    println!("{} jobs, {} requests, {hours} simulated hours", sum(|o| o.jobs), sum(|o| o.requests));
}

/// The same seed is the same history.
#[test]
fn a_seed_replays_exactly() {
    for seed in 0..40 {
        let again = std::thread::spawn(move || run(seed).unwrap()).join().unwrap();
        assert_eq!(run(seed).unwrap(), again, "seed {seed}");
    }
}

/// Invariants that cannot fail say nothing: each planted bug is found.
#[test]
fn planted_bugs_are_found() {
    for bug in sabotage::ALL {
        let (outcomes, failure) = play_all(0, 2_000, Some(bug));
        let Some(Failure { seed, what }) = failure else { panic!("{} was not found", bug.name) };
        let first = what.lines().next().unwrap_or_default();
        println!("{}: seed {seed}, after {} schedules: {first}", bug.name, outcomes.len());
    }
}
