//! Runs `make demo`, see [`longshore_demo`].

use std::process::ExitCode;

/// Runs the demo. The exit code is 0 only if every count is as expected.
#[tokio::main]
async fn main() -> ExitCode {
    longshore_demo::main().await
}
