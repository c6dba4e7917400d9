//! `make sim` and `make sim-recall`: see [`longshore_simulation::sim::engine::command`].

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Allocator, which SQLite uses too: most of a schedule's time is spent in SQLite.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Plays schedules. The exit code is 0 only if no invariant broke, or if every planted bug was found.
fn main() -> ExitCode {
    longshore_simulation::sim::engine::command::main(std::env::args().skip(1))
}
