//! The claim: takes jobs under a lease, and logs each attempt before anything is sent.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde_json::json;

use crate::kinds::is_signed;
use crate::limits::{
    CLAIM_TOLERANCE_MS, LEASE_COVERS_MS_MAX, LEASE_MS, LEASE_SLACK_MS, SENDS_MAX, TIMEOUT_SECONDS_DEFAULT,
};
use crate::model::claimed::Claimed;
use crate::model::job::{AttemptRef, JobRef};
use crate::ports::{Clock, Database, DatabaseError, Rows, Statement};
use crate::settings::Settings;
use crate::store::secrets::Owner;
use crate::store::{batch, json_param, rows_as, secrets, sql};

/// Claims those of `jobs` that may run now: only quarantined jobs, or only the others.
///
/// Safe to repeat with the same token: the last statement reads what the token holds, even if an earlier answer was
/// lost.
///
/// # Errors
/// When the database is out of reach. Some of the jobs may be claimed then; their leases expire.
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
    let claimed = jobs_of(answers.last().unwrap_or(&Vec::new()))?;
    with_secrets(world, settings, claimed, reading).await
}

/// Reads claimed jobs. Those of one endpoint share their opened secrets.
fn jobs_of(rows: &Rows) -> Result<Vec<Claimed>, DatabaseError> {
    let mut claimed: Vec<Claimed> = rows_as(rows)?;
    let mut opened = BTreeMap::new();
    for job in &mut claimed {
        let shared = opened.entry((job.tenant.clone(), job.endpoint_id.clone())).or_insert_with(|| job.opened.clone());
        job.opened = Rc::clone(shared);
    }
    Ok(claimed)
}

/// Creates the signing secrets that claimed jobs lack, once per tenant and endpoint, and reads the jobs again. If that
/// fails, it returns the jobs unchanged: an attempt without a secret sends nothing and is retried.
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
        Ok(answers) => jobs_of(answers.last().unwrap_or(&Vec::new())),
        Err(error) => {
            tracing::warn!(%error, "signing_secrets_creation_failed");
            Ok(claimed)
        }
    }
}

/// Returns the quarantined ones of `jobs` that may run now.
///
/// # Errors
/// When the database is out of reach.
pub async fn find_quarantined<W: Database + Clock>(world: &W, jobs: &[JobRef]) -> Result<Vec<JobRef>, DatabaseError> {
    let answers = batch(world, &[sql!("find_quarantined", json_param(&jobs), CLAIM_TOLERANCE_MS)]).await?;
    rows_as(answers.first().unwrap_or(&Vec::new()))
}

/// Renews the leases of slow attempts to [`LEASE_MS`] from now. Returns the jobs that this token still holds.
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

/// Releases jobs that were claimed and not started. Nothing was sent and nothing is recorded.
///
/// # Errors
/// When the database is out of reach. The leases then expire and the jobs run in quarantine; there is no other effect.
pub async fn release_claim<W: Database + Clock>(
    world: &W,
    token: &str,
    attempts: &[AttemptRef],
) -> Result<(), DatabaseError> {
    batch(world, &[sql!("release_claim", json_param(&attempts), token)]).await.map(|_| ())
}
