//! Ctrl-C, for commands that run for minutes.

use std::future::Future;
use std::process::ExitCode;

/// What a shell calls a command that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// Runs a command's work to its end.
///
/// # Errors
/// The exit code, when Ctrl-C came first: the work is dropped then, and all that it started ends.
pub async fn unless_interrupted<T>(work: impl Future<Output = T>) -> Result<T, ExitCode> {
    tokio::select! {
        done = work => Ok(done),
        _ = tokio::signal::ctrl_c() => Err(ExitCode::from(INTERRUPTED)),
    }
}
