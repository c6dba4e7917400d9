//! `make sim` and `make sim-recall`: see [`longshore_simulation::sim::engine::command`].

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// SQLite allocates by it too, and a schedule is mostly SQLite.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Plays schedules; the exit code is 0 only if no invariant broke, or if every planted bug was found.
fn main() -> ExitCode {
    longshore_simulation::sim::engine::command::main(std::env::args().skip(1))
}
