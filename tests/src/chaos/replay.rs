//! The replay: many dead letters are sent again by one action, and workerd is killed while it runs.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::killer::{is_back, kill_at_random};
use super::run::drain;
use super::stage::{Stage, TENANT};
use super::{Failure, Plan};
use longshore_kit::client::{Client, eventually, expect};

/// Endpoint of the jobs: it fails until they are dead, then works.
const ENDPOINT: &str = "repaired";
/// Jobs of one batch.
const BATCH_JOBS: usize = 500;
/// Kills, each when the action has handled a fourth of the jobs more.
const KILLS: usize = 3;
/// Jobs a second of the action: 10,000 take 20 s, so that kills come in the middle.
const RATE: usize = 500;
/// Longest time in which all jobs die, and in which the action handles them: a tick continues it after each kill.
const ENDS_WITHIN: Duration = Duration::from_mins(10);

/// Result of the replay.
#[derive(Debug, Default)]
pub(super) struct Replayed {
    /// Number of dead letters.
    pub(super) jobs: usize,
    /// Kills while the action ran.
    pub(super) kills: usize,
    /// Violations, one line each.
    pub(super) broken: Vec<String>,
    /// Time from the action to its last success.
    pub(super) took: Duration,
}

/// Makes dead letters, replays them and kills workerd meanwhile. Each must get exactly one successor, which succeeds.
pub(super) async fn replay(stage: &mut Stage, plan: &Plan) -> Result<Replayed, Failure> {
    let jobs = plan.replayed;
    if jobs == 0 {
        return Ok(Replayed::default());
    }
    stage.put_endpoint(ENDPOINT, "/status/500").await?;
    accept(&stage.api, jobs).await?;
    drain(stage).await?;
    stage.put_endpoint(ENDPOINT, "/ok").await?;
    let began = Instant::now();
    let body = json!({"do": "replay", "filter": {"endpoint": ENDPOINT}, "rate_per_second": RATE});
    let created = expect(202, "the action", stage.api.post("/v1/actions", &body).await?)?;
    let path = format!("/v1/actions/{}", created["id"].as_str().unwrap_or_default());
    let kills = kill_in_between(stage, &path, jobs).await?;
    handled(stage, &path, jobs).await?;
    drain(stage).await?;
    let took = began.elapsed();
    let action = expect(200, "the action", stage.api.get(&path).await?)?;
    Ok(Replayed { jobs, kills, broken: broken(stage, jobs, &action).await?, took })
}

async fn accept(api: &Client, jobs: usize) -> Result<(), Failure> {
    let job = json!({"kind": "webhook", "endpoint": ENDPOINT, "payload": {"body": {}}});
    for from in (0..jobs).step_by(BATCH_JOBS) {
        let batch = vec![job.clone(); BATCH_JOBS.min(jobs - from)];
        expect(200, "a batch", api.post("/v1/jobs/batch", &json!({ "jobs": batch })).await?)?;
    }
    Ok(())
}

/// Waits until the action has handled so many jobs.
async fn handled(stage: &Stage, path: &str, jobs: usize) -> Result<(), Failure> {
    let enough = async || {
        let action = stage.api.get(path).await.ok().filter(|answer| answer.status == 200)?.body;
        (count(&action["done"]) >= jobs || action["state"] == "paused").then_some(())
    };
    eventually(ENDS_WITHIN, enough).await.ok_or_else(|| Failure::Overdue(format!("{path}: {jobs} jobs handled")))
}

async fn kill_in_between(stage: &Stage, path: &str, jobs: usize) -> Result<usize, Failure> {
    for turn in 1..=KILLS {
        handled(stage, path, jobs * turn / (KILLS + 1)).await?;
        kill_at_random(stage).await?;
        is_back(stage).await?;
    }
    Ok(KILLS)
}

fn count(number: &Value) -> usize {
    number.as_u64().and_then(|number| usize::try_from(number).ok()).unwrap_or_default()
}

/// Returns what the action and the rows contradict.
async fn broken(stage: &Stage, jobs: usize, action: &Value) -> Result<Vec<String>, Failure> {
    let sql =
        "SELECT count(*) AS jobs, count(DISTINCT replay_of) AS dead_letters, sum(state = 'succeeded') AS succeeded
        FROM jobs WHERE tenant = ?1 AND endpoint = ?2 AND replay_of IS NOT NULL";
    let rows = stage.runner.query(sql, vec![json!(TENANT), json!(ENDPOINT)]).await?;
    let mut broken = Vec::new();
    let mut check = |what: &str, found: &Value, wanted: Value| {
        if *found != wanted {
            broken.push(format!("replay: {what} {found}, not {wanted}"));
        }
    };
    check("successors are", &json!(rows), json!([{"jobs": jobs, "dead_letters": jobs, "succeeded": jobs}]));
    check("the action's state is", &action["state"], json!("done"));
    let outcomes = json!({"open": 0, "succeeded": jobs, "failed_again": 0, "cancelled": 0});
    check("the action counts", &action["outcomes"], outcomes);
    Ok(broken)
}
