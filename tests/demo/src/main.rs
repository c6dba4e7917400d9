//! `make demo`: see [`longshore_demo`].

use std::process::ExitCode;

/// Runs the demo; the exit code is 0 only if every count is what it must be.
#[tokio::main]
async fn main() -> ExitCode {
    longshore_demo::main().await
}
