//! The claim: jobs become ours under a lease, and each attempt is in the log before anything is sent.

use std::collections::BTreeSet;

use serde_json::json;

use crate::kinds::is_signed;
use crate::limits::{
    CLAIM_TOLERANCE_MS, LEASE_COVERS_MS_MAX, LEASE_MS, LEASE_SLACK_MS, SENDS_MAX, TIMEOUT_SECONDS_DEFAULT,
};
use crate::model::claimed::Claimed;
use crate::model::job::{AttemptRef, JobRef};
use crate::ports::{Clock, Database, DatabaseError, Statement};
use crate::settings::Settings;
use crate::store::secrets::Owner;
use crate::store::{batch, json_param, rows_as, secrets, sql};

/// Claims those of `jobs` that may run now: quarantined jobs only, or all others.
///
/// Safe to repeat under one token: the last statement reads what the token holds, also when an answer was lost.
///
/// # Errors
/// When the database is out of reach; then some of the jobs may be claimed, and their leases will end.
pub async fn claim<W: Database + Clock>(
    world: &W,
    settings: &Settings,
    token: &str,
    jobs: &[JobRef],
    quarantined: bool,
) -> Result<Vec<Claimed>, DatabaseError> {
    let terms = json!({
        "tolerance_ms": CLAIM_TOLERANCE_MS, "lease_ms": LEASE_MS, "slack_ms": LEASE_SLACK_MS,
        "covers_ms": LEASE_COVERS_MS_MAX, "timeout_seconds": TIMEOUT_SECONDS_DEFAULT, "sends_max": SENDS_MAX,
        "epoch": settings.epoch,
    });
    let jobs = json_param(&jobs);
    let reading = sql!("read_claimed", jobs.clone(), token);
    let statements = vec![
        sql!("hold", jobs.clone(), CLAIM_TOLERANCE_MS),
        sql!("claim", jobs, token, json_param(&terms), i64::from(quarantined)),
        reading.clone(),
    ];
    let answers = batch(world, &statements).await?;
    let claimed: Vec<Claimed> = rows_as(answers.last().unwrap_or(&Vec::new()))?;
    with_secrets(world, settings, claimed, reading).await
}

/// Makes the signing secrets that claimed jobs lack, once for each tenant and endpoint, and reads the jobs again. When that
/// fails they are as they were: what is not signed is not sent, and tried again.
async fn with_secrets<W: Database + Clock>(
    world: &W,
    settings: &Settings,
    claimed: Vec<Claimed>,
    reading: Statement,
) -> Result<Vec<Claimed>, DatabaseError> {
    let lacking = claimed.iter().filter(|job| is_signed(&job.kind) && !job.has_secret());
    let owners: BTreeSet<_> = lacking.map(|job| Owner { tenant: &job.tenant, endpoint: &job.endpoint_id }).collect();
    if owners.is_empty() {
        return Ok(claimed);
    }
    match batch(world, &[secrets::make(world, settings, &owners), reading]).await {
        Ok(answers) => rows_as(answers.last().unwrap_or(&Vec::new())),
        Err(error) => {
            tracing::warn!(%error, "signing secrets could not be made");
            Ok(claimed)
        }
    }
}

/// Finds the quarantined ones of `jobs` that may run now.
///
/// # Errors
/// When the database is out of reach.
pub async fn find_quarantined<W: Database + Clock>(world: &W, jobs: &[JobRef]) -> Result<Vec<JobRef>, DatabaseError> {
    let answers = batch(world, &[sql!("find_quarantined", json_param(&jobs), CLAIM_TOLERANCE_MS)]).await?;
    rows_as(answers.first().unwrap_or(&Vec::new()))
}

/// Renews leases of slow attempts to [`LEASE_MS`] from now; answers the jobs that are still ours.
///
/// # Errors
/// When the database is out of reach.
pub async fn heartbeat<W: Database + Clock>(
    world: &W,
    token: &str,
    attempts: &[AttemptRef],
) -> Result<Vec<JobRef>, DatabaseError> {
    let answers = batch(world, &[sql!("heartbeat", json_param(&attempts), token, LEASE_MS)]).await?;
    rows_as(answers.first().unwrap_or(&Vec::new()))
}

/// Gives back jobs that were claimed and not started: nothing was sent, nothing is recorded.
///
/// # Errors
/// When the database is out of reach; then their leases will end and they run in quarantine, which costs nothing else.
pub async fn release_claim<W: Database + Clock>(
    world: &W,
    token: &str,
    attempts: &[AttemptRef],
) -> Result<(), DatabaseError> {
    batch(world, &[sql!("release_claim", json_param(&attempts), token)]).await.map(|_| ())
}
