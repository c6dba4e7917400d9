//! The simulation: thousands of schedules of the shipped core under faults, each replayed by its seed.
//!
//! `make sim` plays more of them, `make sim SEED=7` prints one, `make sim-recall` looks for planted bugs at length.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]

use std::time::Instant;

use longshore_simulation::sim::bugs::{self, completions, pairs, recall};
use longshore_simulation::sim::engine::runner::play_all;
use longshore_simulation::sim::{Narrow, Play, reset_index, run, writes};
use longshore_simulation::sqlite::{SetClock, SqliteDatabase};
use mimalloc::MiMalloc;

/// As `make sim` has it: thousands of databases are made of small pieces.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// The invariants of docs/failure-modes.md hold in every schedule, all but I12: secrets are looked for in the sinks of the real
/// Workers. Each kind of fault hits, and all that [`MUST_REACH`] names is reached.
#[test]
fn every_schedule_keeps_the_invariants() {
    let began = Instant::now();
    let (summary, failure) = play_all(&Play::default(), 10_000, &|_| {});
    if let Some(failure) = failure {
        panic!("{}\n\nreplay it: {}\n", failure.what, failure.play.command());
    }
    println!("{} schedules in {:.1} s", summary.schedules, began.elapsed().as_secs_f64());
    println!("{:#?}\n{:#?}", summary.faults, summary.reached);
    let (jobs, operations, faults) = summary.least.unwrap();
    assert!(jobs >= 8 && operations >= 60 && faults >= 3, "a schedule in which too little happened");
    assert_eq!(summary.faults.len(), 29, "a fault that never hit");
    let missed: Vec<_> = MUST_REACH.iter().filter(|what| !summary.reached.contains_key(**what)).collect();
    assert!(missed.is_empty(), "no schedule came to {missed:?}");
}

/// What thousands of schedules must come to, or they go not deep enough.
const MUST_REACH: [&str; 47] = [
    "a bulk request",
    "an export that came to its end",
    "accept",
    "insert_fired",
    "claim",
    "settle",
    "add_late_outcomes",
    "release_claim",
    "heartbeat",
    "hold",
    "resume_held",
    "pass_watermark",
    "expire",
    "dead_letter_late",
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
    "an attempt cut off by a limit",
    "a quarantined job cut off by a limit",
    "purge_hour_later",
    "free_keys",
    "erase_jobs",
    "end_attempts",
    "an object after its row",
    "an object that never had a row",
    "a document added",
    "a document updated",
    "a document unchanged",
    "a document deleted",
    "a document superseded",
    "a document earlier",
    "a document refused",
    "a removal of a source",
    "a rebuild swapped",
    "a segment",
    "a shared call broken by a text",
];

/// The same seed is the same history.
#[test]
fn a_seed_replays_exactly() {
    for seed in 0..40 {
        let what = Play { seed, ..Play::default() };
        let theirs = what.clone();
        let again = std::thread::spawn(move || run(&theirs).unwrap()).join().unwrap();
        assert_eq!(run(&what).unwrap(), again, "seed {seed}");
    }
    let digest = || play_all(&Play::default(), 100, &|_| {}).0;
    assert_eq!(digest(), digest());
}

/// A rare schedule in which the simulation itself was wrong: two jobs have the same texts in one call, and a later call asks
/// for those of one.
#[test]
fn two_jobs_with_the_same_texts_share_a_call() {
    run(&Play { seed: 24_093, ..Play::default() }).unwrap();
}

/// Invariants that cannot fail say nothing: each planted bug is found.
#[test]
fn planted_bugs_are_found() {
    // What is planted panics in threads of the search; a bug that is not found is told below.
    assert_eq!(recall::find_all(&[bugs::ALL], 8_000), 0);
}

/// The guards of completions and of late outcomes: what is planted in each is found.
#[test]
fn planted_bugs_of_completions_are_found() {
    assert_eq!(recall::find_all(&[completions::ALL], 4_000), 0);
}

/// A fault that finds nothing is worth nothing: each kind brings a bug to light that stays hidden without it.
#[test]
fn each_kind_of_fault_is_needed_to_find_a_bug() {
    assert_eq!(pairs::ALL.len(), 29);
    for pair in pairs::ALL {
        let bug = bugs::named(pair.bug).unwrap();
        let without = recall::find(bug, &pair.worlds().1, 20);
        assert!(without.is_none(), "{:?}: {without:?}", pair.fault);
    }
    assert_ne!(Narrow::only(&[], true), Narrow::default());
}

#[test]
fn every_edit_of_a_planted_bug_fits_its_statement() {
    assert_eq!(bugs::planted_nowhere(), Vec::<String>::new());
}

#[test]
fn the_next_schedule_finds_the_store_of_search_as_the_migrations_left_it() {
    let index = SqliteDatabase::open_index(SetClock::at(0)).unwrap();
    let count = |table: &str| -> i64 {
        index.connection().query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    };
    let fill = "UPDATE counter SET seq = 7; INSERT INTO words (rowid, scope, text_words) VALUES (7, 'g', 'b');
        INSERT INTO layouts (index_version, document, hash, chunks) VALUES ('g', 'd', 'h', '[]')";
    index.connection().execute_batch(fill).unwrap();
    assert_eq!((count("words"), count("words WHERE words MATCH 'b'"), count("layouts")), (1, 1, 1));
    reset_index(index.connection()).unwrap();
    assert_eq!((count("words"), count("words WHERE words MATCH 'b'"), count("layouts")), (0, 0, 0));
    assert_eq!(count("counter WHERE seq = 0"), 1);
}

#[test]
fn statements_that_write_are_told_from_those_that_read() {
    for sql in ["INSERT INTO a VALUES (1)", "WITH b AS (SELECT 1) UPDATE a SET c = 1", "DELETE FROM a"] {
        assert!(writes(sql), "{sql}");
    }
    assert!(!writes("SELECT updated_at, LAST_UPDATE FROM a"));
}
