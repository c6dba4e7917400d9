//! The shrinking: a failing schedule becomes a smaller one that breaks the same invariant.

use crate::sim::engine::faults::Fault;
use crate::sim::engine::plan::Play;
use crate::sim::engine::runner::play;
use crate::sim::engine::schedule::Failure;

/// Seeds that are tried in each smaller world; the same seed is another history there.
const SEEDS_PER_WORLD: u64 = 30;

/// Invariant that a failure broke: the start of its text.
pub(crate) fn invariant_of(failure: &Failure) -> &str {
    let line = failure.what.lines().next().unwrap_or_default();
    let invariant = line.split_once(": ").map_or(line, |(invariant, _)| invariant);
    if invariant.starts_with("the database") { "schema" } else { invariant }
}

/// Removes everything that the failure does not need: kinds of faults, the operators, jobs.
pub(crate) fn shrink(failure: &Failure) -> Failure {
    let mut least = failure.clone();
    let mut attempt = |change: &dyn Fn(&mut Play)| {
        let mut smaller = least.play.clone();
        change(&mut smaller);
        let found =
            (smaller.seed..smaller.seed + SEEDS_PER_WORLD).find_map(|seed| play(&smaller.with_seed(seed)).err());
        match found {
            Some(found) if invariant_of(&found) == invariant_of(failure) => {
                least = found;
                true
            }
            _ => false,
        }
    };
    for fault in Fault::all() {
        attempt(&|play| play.narrow.off.extend([fault]));
    }
    attempt(&|play| play.narrow.quiet = true);
    for jobs in [1, 2, 3, 4, 6] {
        if attempt(&|play| play.narrow.jobs = Some(jobs)) {
            break;
        }
    }
    least
}
