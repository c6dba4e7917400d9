//! `make chaos`: both Workers under load in a real workerd that is killed repeatedly, at random instants and at the
//! worst ones. The run checks the promises against the client's list, the receiver's log, and D1. Then one action
//! replays many dead letters, and workerd is killed in the middle.
//!
//! Leases and the watermark are those of production. To reach many kills, the sweep runs each second. With
//! `--production` the cron runs as in a deployment, kills are further apart, and the recovery time is checked against
//! its promise.

mod audit;
mod book;
mod killer;
mod load;
mod plan;
mod receive;
mod replay;
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

/// Runs a plan. Returns true if no promise broke; otherwise keeps the folder with the Workers' log and all rows.
async fn kill(plan: &Plan) -> Result<bool, Failure> {
    let scratch = Scratch::new("chaos")?;
    let ran = run(plan, &std::env::current_exe()?, scratch.path()).await;
    if let Ok(report) = &ran {
        println!("{report}");
    }
    let is_well = ran.as_ref().is_ok_and(|report| report.broken.is_empty());
    if !is_well {
        eprintln!("All files are in {}", scratch.path().display());
        scratch.keep();
    }
    ran.map(|_| is_well)
}
