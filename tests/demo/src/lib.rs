//! Runs `make demo`: the main features, on this machine and without an account.
//!
//! Both Workers run in workerd, beside a receiver whose paths select its behaviour. A few hundred webhooks are enqueued
//! over HTTP; one of them is dead-lettered and replayed. Then three witnesses are compared: the API, the rows in D1,
//! and the receiver's log, which verifies signatures with an independent library.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]
#![allow(clippy::missing_errors_doc, clippy::missing_panics_doc)]

mod adoption;
mod afterlife;
mod cases;
mod checks;
mod enqueue;
mod library;
mod progress;
mod stage;
mod summary;
mod witnesses;

use std::path::Path;
use std::process::ExitCode;

use serde_json::Value;

use adoption::Adoption;
use afterlife::Afterlife;
use enqueue::Enqueued;
use longshore_kit::failure::Failure;
use longshore_kit::interrupt::unless_interrupted;
use longshore_kit::scratch::Scratch;
use stage::Stage;
use witnesses::Witnesses;

/// Returns a text inside a JSON answer.
fn text(request: &str, body: &Value, pointer: &str) -> Result<String, Failure> {
    let found = body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    found.ok_or_else(|| Failure::unreadable(request, body))
}

/// Runs the demo in a new folder, which is kept after a failure: it contains the Workers' log.
pub async fn main() -> ExitCode {
    let scratch = match Scratch::new("demo") {
        Ok(scratch) => scratch,
        Err(error) => {
            eprintln!("no temporary folder: {error}");
            return ExitCode::FAILURE;
        }
    };
    let result = match unless_interrupted(run(scratch.path())).await {
        Ok(result) => result,
        Err(interrupted) => return interrupted,
    };
    if let Err(failure) = &result {
        eprintln!("\nFAIL the demo stopped: {failure}");
    }
    if matches!(result, Ok(true)) {
        return ExitCode::SUCCESS;
    }
    eprintln!("\nLog of the Workers: {}", stage::log(scratch.path()).display());
    scratch.keep();
    ExitCode::FAILURE
}

/// Runs the demo step by step. Returns true if every check holds.
async fn run(folder: &Path) -> Result<bool, Failure> {
    let stage = Stage::set(folder).await?;
    let jobs = cases::jobs();
    let (enqueued, ()) = tokio::try_join!(Enqueued::all(&stage), progress::watch(&stage, jobs))?;
    let afterlife = Afterlife::of(&stage, enqueued.only_job_of(&cases::DOWN)).await?;
    let witnesses = Witnesses::ask(&stage).await?;
    summary::print(&enqueued, &afterlife, &witnesses);
    println!("\nA team adopts Longshore; its schedule's next occurrence is up to a minute away");
    let adoption = Adoption::of(&stage).await?;
    stage.runner.stop().await?;
    summary::print_adoption(&adoption);
    let mut checks = checks::all(&enqueued, &afterlife, &witnesses);
    checks.extend(checks::of_adoption(&adoption));
    Ok(checks::print(&checks))
}
