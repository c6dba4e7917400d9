//! `make sim` and `make sim-recall`: see [`longshore_tests::sim::command`].

use std::process::ExitCode;

/// Plays schedules; the exit code is 0 only if no invariant broke, or if every planted bug was found.
fn main() -> ExitCode {
    longshore_tests::sim::command::main(std::env::args().skip(1))
}
