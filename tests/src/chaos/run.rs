//! A run: the load, the kills, the drain, the witnesses, the replay.

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::killer::kill_all;
use super::load::Load;
use super::replay::replay;
use super::stage::{Stage, TENANT};
use super::witness::Witness;
use super::{Failure, Plan, Report};
use longshore_kit::client::eventually;

/// Longest drain: a job whose hints were lost twice is checked after 60 s and 120 s more; the rest is for a backlog.
const DRAINED_WITHIN: Duration = Duration::from_mins(15);

/// Runs a plan in a folder. `program` is the binary that can act as the receiver.
///
/// # Errors
/// When the run could not continue; violations are in the report.
pub async fn run(plan: &Plan, program: &Path, folder: &Path) -> Result<Report, Failure> {
    let mut stage = Stage::set(plan, program, folder).await?;
    let began = Instant::now();
    let load = Load::start(&stage);
    let kills = kill_all(&stage, plan, &load).await?;
    let book = load.stop().await;
    let lasted = began.elapsed();
    let stopped = Instant::now();
    drain(&stage).await?;
    let drained = stopped.elapsed();
    let witness = Witness::ask(&stage).await?;
    let replayed = replay(&mut stage, plan).await?;
    Ok(Report::of(plan, &book, &kills, &witness, [lasted, drained]).with(replayed))
}

/// Waits until every job has ended, while the sweeps continue. The report lists jobs that have not ended.
pub(super) async fn drain(stage: &Stage) -> Result<(), Failure> {
    let sql = "SELECT count(*) AS jobs FROM jobs WHERE tenant = ?1 AND finished_at IS NULL";
    let mut looked = Ok(());
    let all_ended = async || {
        tokio::time::sleep(Duration::from_secs(1)).await;
        match stage.runner.number(sql, vec![json!(TENANT)]).await {
            Ok(0) => Some(()),
            Ok(_) => None,
            Err(error) => {
                looked = Err(error.into());
                Some(())
            }
        }
    };
    eventually(DRAINED_WITHIN, all_ended).await;
    looked
}
