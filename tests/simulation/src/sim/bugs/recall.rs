//! The recall: checks that each planted bug is found, and that each kind of fault is needed to find one.

use crate::sim::bugs;
use crate::sim::bugs::pairs;
use crate::sim::bugs::pairs::{Pair, Setting};
use crate::sim::bugs::sabotage::Bug;
use crate::sim::engine::plan::{Narrow, Play};
use crate::sim::engine::runner::play_all;
use crate::sim::engine::shrink::invariant_of;

/// A planted bug that was found.
#[derive(Debug, Clone)]
pub struct Found {
    /// Lowest seed that shows it.
    pub seed: u64,
    /// Invariant that it broke.
    pub invariant: String,
    /// Text of the violation, shortened.
    pub how: String,
}

/// Searches this many schedules for a planted bug.
pub fn find(bug: &'static Bug, narrow: &Narrow, seeds: u64) -> Option<Found> {
    let first = Play { bug: Some(bug), narrow: narrow.clone(), ..Play::default() };
    let failure = play_all(&first, seeds, &|_| {}).1?;
    let line = failure.what.lines().next().unwrap_or_default();
    // Any other refusal of the database is a mistake in the planted bug, not in the protocol.
    assert!(!line.contains("the database refused") || line.contains("constraint failed"), "{}: {line}", bug.name);
    let how = line.split_once(": ").map_or(line, |(_, how)| how).to_owned();
    let how = how.chars().take(90).collect();
    Some(Found { seed: failure.play.seed, invariant: invariant_of(&failure).to_owned(), how })
}

/// Searches for these planted bugs and prints a table. Returns the number of bugs not found.
pub fn find_all<'a>(bugs: impl IntoIterator<Item = &'a &'static [Bug]>, seeds: u64) -> usize {
    println!("{:<52} {:>7} {:>7}  {:<9} how", "planted bug", "seed", "played", "broken");
    let (mut all, mut missed) = (0, 0);
    for bug in bugs.into_iter().copied().flatten() {
        all += 1;
        if let Some(Found { seed, invariant, how }) = find(bug, &Narrow::default(), seeds) {
            println!("{:<52} {seed:>7} {:>7}  {invariant:<9} {how}", bug.name, seed + 1);
        } else {
            missed += 1;
            println!("{:<52} {:>7} {seeds:>7}  NOT FOUND", bug.name, "-");
        }
    }
    println!("{} of {all} planted bugs found within {seeds} seeds", all - missed);
    missed
}

/// Searches for the bug of a pair with its fault and without it.
pub fn compare(pair: &Pair, seeds: u64, seeds_without: u64) -> (Option<Found>, Option<Found>) {
    let Some(bug) = bugs::named(pair.bug) else { return (None, None) };
    let (with, without) = pair.worlds();
    (find(bug, &with, seeds), find(bug, &without, seeds_without))
}

/// Compares all pairs and prints a table. Returns the number of pairs that are wrong.
pub fn compare_all(seeds: u64, seeds_without: u64) -> usize {
    println!("\n{:<20} {:<52} {:<22} {:>7}  without it", "fault", "planted bug", "beside it", "seed");
    let mut wrong = 0;
    for pair in pairs::ALL {
        let beside = match pair.setting {
            Setting::Full => "all other faults".to_owned(),
            Setting::Alone => "no other fault".to_owned(),
            Setting::Quiet => "no fault, no operator".to_owned(),
            Setting::Beside(other) => format!("{other:?}, no operator"),
        };
        let (with, without) = compare(pair, seeds, seeds_without);
        wrong += usize::from(with.is_none() || without.is_some());
        let with = with.map_or("NEVER".to_owned(), |found| found.seed.to_string());
        let hidden = format!("not in {seeds_without}");
        let without = without.map_or(hidden, |found| format!("FOUND at {}: {}", found.seed, found.how));
        println!("{:<20} {:<52} {beside:<22} {with:>7}  {without}", format!("{:?}", pair.fault), pair.bug);
    }
    println!("{} of {} kinds of faults are needed to find their bug", pairs::ALL.len() - wrong, pairs::ALL.len());
    wrong
}
