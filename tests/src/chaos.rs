//! `make chaos`: both Workers under load in a real workerd that is killed again and again, at random instants and at the
//! worst ones. What they promised is then held against the client's own list, the receiver's own log, and D1.
//!
//! Leases and the watermark are those of production. A run counts kills, so its sweep runs each second; with `--production`
//! the cron runs as it is deployed too, kills leave each other time, and the recovery is measured against its promise.

mod audit;
mod book;
mod killer;
mod load;
mod plan;
mod receive;
mod report;
mod run;
mod stage;
mod witness;

use std::path::Path;
use std::process::ExitCode;

pub use plan::Plan;
pub use report::Report;
pub use run::run;

use longshore_kit::failure::Failure;
use longshore_kit::interrupt::unless_interrupted;
use longshore_kit::scratch::Scratch;

/// Runs the command.
pub async fn main(arguments: Vec<String>) -> ExitCode {
    if let [first, log] = &*arguments
        && first == receive::COMMAND
    {
        return receive::serve(Path::new(log)).await;
    }
    let plan = match Plan::parse(arguments.into_iter()) {
        Ok(plan) => plan,
        Err(text) => {
            eprintln!("{text}");
            return ExitCode::from(2);
        }
    };
    match unless_interrupted(kill(&plan)).await {
        Err(interrupted) => interrupted,
        Ok(Ok(true)) => ExitCode::SUCCESS,
        Ok(Ok(false)) => ExitCode::FAILURE,
        Ok(Err(failure)) => {
            eprintln!("FAIL the run stopped: {failure} (seed {})", plan.seed);
            ExitCode::FAILURE
        }
    }
}

/// Answers whether nothing broke. Otherwise the folder is kept: the Workers' log and all rows are in it.
async fn kill(plan: &Plan) -> Result<bool, Failure> {
    let scratch = Scratch::new("chaos")?;
    let ran = run(plan, &std::env::current_exe()?, scratch.path()).await;
    if let Ok(report) = &ran {
        println!("{report}");
    }
    let is_well = ran.as_ref().is_ok_and(|report| report.broken.is_empty());
    if !is_well {
        eprintln!("All that was written is in {}", scratch.path().display());
        scratch.keep();
    }
    ran.map(|_| is_well)
}
