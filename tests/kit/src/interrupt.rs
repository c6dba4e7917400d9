//! Ctrl-C, for commands that run for minutes.

use std::future::Future;
use std::process::ExitCode;

/// Exit code that shells use for a command that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// Runs a command's work to its end.
///
/// # Errors
/// Returns the exit code if Ctrl-C interrupts the work, which is then dropped with everything that it started.
pub async fn unless_interrupted<T>(work: impl Future<Output = T>) -> Result<T, ExitCode> {
    tokio::select! {
        done = work => Ok(done),
        _ = tokio::signal::ctrl_c() => Err(ExitCode::from(INTERRUPTED)),
    }
}
