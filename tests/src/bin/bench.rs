//! `make bench-search`: see [`longshore_tests::bench`].

use std::process::ExitCode;

/// Runs the benchmark; the exit code is 0 only if every target was met.
#[tokio::main]
async fn main() -> ExitCode {
    longshore_tests::bench::main(std::env::args().skip(1).collect()).await
}
