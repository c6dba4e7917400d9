//! `make demo`: see [`longshore_tests::demo`].

use std::process::ExitCode;

/// Runs the demo; the exit code is 0 only if every count is what it must be.
#[tokio::main]
async fn main() -> ExitCode {
    longshore_tests::demo::main().await
}
