//! `make chaos`: see [`longshore_tests::chaos`].

use std::process::ExitCode;

/// Kills the Workers; the exit code is 0 only if no promise broke.
#[tokio::main]
async fn main() -> ExitCode {
    longshore_tests::chaos::main(std::env::args().skip(1).collect()).await
}
