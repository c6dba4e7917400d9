//! The claim: jobs become ours under a lease, and each attempt is in the log before anything is sent.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::rc::Rc;

use serde::Deserialize;
use serde_json::json;

use crate::backoff::Schedule;
use crate::endpoint::EvidencePolicy;
use crate::job::JobRef;
use crate::jobs::is_signed;
use crate::limits::{
    CLAIM_TOLERANCE_MS, LEASE_COVERS_MS_MAX, LEASE_MS, LEASE_SLACK_MS, SENDS_MAX, TIMEOUT_SECONDS_DEFAULT,
};
use crate::outcome::ErrorClass;
use crate::ports::{Clock, Database, DatabaseError, Statement};
use crate::redact::Redaction;
use crate::secrets::{self, SealedSecret};
use crate::settings::Settings;
use crate::store::{batch, json_param, rows_as, sql};

/// A job under our lease, with all that its attempt needs.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct Claimed {
    pub tenant: String,
    pub id: String,
    pub kind: String,
    /// The endpoint's name; empty for a bare url.
    pub endpoint_id: String,
    pub event_id: Option<String>,
    pub group: Option<String>,
    /// The number of this attempt, from 1.
    pub attempt: u32,
    pub failures: u32,
    pub suspect: u8,
    pub max_attempts: u32,
    pub backoff: Schedule,
    pub deadline_at: Option<i64>,
    pub created_at: i64,
    /// By the database's clock, when it was claimed.
    pub lease_until: i64,
    /// When the lease ends by this worker's clock, never later than it does by the database's; heartbeats move it.
    #[serde(skip)]
    pub lease: Rc<Cell<i64>>,
    /// What the database's clock said when the claim was read.
    pub now: i64,
    pub payload: Option<String>,
    /// Bytes of the object with the bulk of the payload.
    pub payload_bytes: Option<i64>,
    pub traceparent: Option<String>,
    pub tracestate: Option<String>,
    /// Jobs before it in a chain of them.
    pub hops: u32,
    pub endpoint: Option<ClaimedEndpoint>,
    /// The signing secrets of its endpoint, or of its tenant, as they are stored.
    pub secrets: Vec<SealedSecret>,
}

/// The endpoint of a claimed job.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct ClaimedEndpoint {
    pub state: String,
    /// The URL; for a service, its path.
    pub url: String,
    pub service: Option<String>,
    pub headers: Vec<(String, String)>,
    pub timeout_seconds: u32,
    pub evidence: EvidencePolicy,
    pub bury_on: Vec<ErrorClass>,
    pub redact: Redaction,
    pub generation: u32,
    pub rotated_at: Option<i64>,
}

impl Claimed {
    /// How statements name it.
    pub fn job(&self) -> JobRef {
        JobRef { tenant: self.tenant.clone(), id: self.id.clone() }
    }

    /// The generation of the secret that signs, and when it last changed. A tenant's default has one.
    pub fn generation(&self) -> (u32, Option<i64>) {
        self.endpoint.as_ref().map_or((1, None), |endpoint| (endpoint.generation, endpoint.rotated_at))
    }

    /// Whether it is signed with a secret that is not there: nobody has made it yet, or the database failed when it was to be made.
    pub(crate) fn lacks_secret(&self) -> bool {
        let (current, _) = self.generation();
        is_signed(&self.kind) && !self.secrets.iter().any(|(generation, _)| *generation == current)
    }

    /// The `webhook-id`, the same over all retries and replays.
    pub fn event_id(&self) -> &str {
        self.event_id.as_deref().unwrap_or(&self.id)
    }
}

/// Claims those of `jobs` that may run now: suspects only, or all others.
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
    suspects: bool,
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
        sql!("claim", jobs, token, json_param(&terms), i64::from(suspects)),
        reading.clone(),
    ];
    let answers = batch(world, statements).await?;
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
    let lacking = claimed.iter().filter(|job| job.lacks_secret());
    let owners: BTreeSet<_> = lacking.map(|job| (job.tenant.as_str(), job.endpoint_id.as_str())).collect();
    if owners.is_empty() {
        return Ok(claimed);
    }
    match batch(world, vec![secrets::make(world, settings, &owners), reading]).await {
        Ok(answers) => rows_as(answers.last().unwrap_or(&Vec::new())),
        Err(error) => {
            tracing::warn!(%error, "signing secrets could not be made");
            Ok(claimed)
        }
    }
}

/// Which of `jobs` are suspects that may run now.
///
/// # Errors
/// When the database is out of reach.
pub async fn find_suspects<W: Database + Clock>(world: &W, jobs: &[JobRef]) -> Result<Vec<JobRef>, DatabaseError> {
    let answers = batch(world, vec![sql!("find_suspects", json_param(&jobs), CLAIM_TOLERANCE_MS)]).await?;
    rows_as(answers.first().unwrap_or(&Vec::new()))
}

/// Renews leases of slow attempts to [`LEASE_MS`] from now; answers the jobs that are still ours.
///
/// # Errors
/// When the database is out of reach.
pub async fn heartbeat<W: Database + Clock>(
    world: &W,
    token: &str,
    attempts: &[(String, String, u32)],
) -> Result<Vec<JobRef>, DatabaseError> {
    let answers = batch(world, vec![sql!("heartbeat", json_param(&attempts), token, LEASE_MS)]).await?;
    rows_as(answers.first().unwrap_or(&Vec::new()))
}

/// Gives back jobs that were claimed and not started: nothing was sent, nothing is recorded.
///
/// # Errors
/// When the database is out of reach; then their leases will end and they run as suspects, which costs nothing else.
pub async fn hand_back<W: Database + Clock>(
    world: &W,
    token: &str,
    attempts: &[(String, String, u32)],
) -> Result<(), DatabaseError> {
    batch(world, vec![sql!("hand_back", json_param(&attempts), token)]).await.map(|_| ())
}
