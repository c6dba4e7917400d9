//! Successors of finished jobs, shared by replay and resend. They have the same event ids and copies of the objects.

use serde::Serialize;

use crate::limits::ID_SKEW_MS_MAX;
use crate::manage::health::read_health;
use crate::model::job::{JobRef, JobRow, mint_id};
use crate::ports::{Blobs, Clock, Database, Param, Statement};
use crate::settings::Settings;
use crate::store::objects::{get, put};
use crate::store::{json_param, sql};
use crate::wire::problem::Problem;

/// The new job that sends an original again, as the statements get it.
#[derive(Debug, Serialize)]
pub(crate) struct Successor {
    tenant: String,
    /// Id of the original.
    id: String,
    /// Id of the new job.
    pub(crate) new: String,
    /// Start of the first attempt, in ms by the database's clock; at once if `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    run_after: Option<i64>,
    /// Edited inline payload. It replaces that of the original if there is a digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<String>,
    /// Digest of the request with the edited payload.
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    /// Size in bytes of the object with the bulk of the edited payload.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<usize>,
    /// Parameters of a resend; `None` for a replay.
    #[serde(skip_serializing_if = "Option::is_none")]
    resend: Option<ResendTerms>,
}

/// Parameters of a resend.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct ResendTerms {
    /// Idempotency key of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
    /// Digest of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) digest: Option<String>,
    /// Window of the key in ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) window_ms: Option<i64>,
}

/// Fields of a successor that differ from its original.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// New inline payload and its digest.
    pub(crate) edited: Option<(Option<String>, String)>,
    /// Object with the bulk of the payload.
    pub(crate) object: Option<Vec<u8>>,
    /// Parameters of a resend; `None` for a replay.
    pub(crate) resend: Option<ResendTerms>,
    /// Start of the first attempt, in ms by the database's clock; at once if `None`.
    pub(crate) run_after: Option<i64>,
}

impl Successor {
    /// Creates the id of a successor with that time, and stores its object.
    ///
    /// Safe to repeat: each try has a new object key, and the sweep deletes objects without a row.
    ///
    /// # Errors
    /// `Unavailable`.
    pub(crate) async fn mint<W: Blobs + Clock>(
        world: &W,
        original: &JobRef,
        minted_at: i64,
        changes: &Changes,
    ) -> Result<Successor, Problem> {
        let job = JobRef { tenant: original.tenant.clone(), id: mint_id(minted_at, world.random()) };
        if let Some(object) = &changes.object {
            put(world, &job, object).await?;
        }
        let (payload, digest) = changes.edited.clone().map_or((None, None), |(inline, digest)| (inline, Some(digest)));
        Ok(Successor {
            tenant: original.tenant.clone(),
            id: original.id.clone(),
            new: job.id,
            run_after: changes.run_after,
            payload,
            digest,
            bytes: changes.object.as_ref().map(Vec::len),
            resend: changes.resend.clone(),
        })
    }

    /// Returns the reference to the new job.
    pub(crate) fn job(&self) -> JobRef {
        JobRef { tenant: self.tenant.clone(), id: self.new.clone() }
    }
}

/// Builds the statement that names the successors in their dead letters, if these are open.
pub(crate) fn replaying(tenant: &str, successors: &[Successor], minted_at: i64, step: Param) -> Statement {
    sql!("replay", tenant, json_param(&successors), step, minted_at, ID_SKEW_MS_MAX)
}

/// Builds the statements that insert successors, if their originals allow it.
pub(crate) fn inserting(
    tenant: &str,
    successors: &[Successor],
    minted_at: i64,
    action: Option<String>,
) -> [Statement; 2] {
    let items = json_param(&successors);
    [
        sql!("insert_successor", tenant, items.clone(), action, minted_at, ID_SKEW_MS_MAX),
        sql!("note_successor_hour", tenant, items),
    ]
}

/// Reads the object of a job for its successor: every job has its own copy. `gone` is the problem if the object is
/// missing.
///
/// # Errors
/// `gone`; `Unavailable`.
pub(crate) async fn copy_object<W: Blobs + Clock>(
    world: &W,
    original: &JobRow,
    gone: impl FnOnce() -> Problem,
) -> Result<Option<Vec<u8>>, Problem> {
    if original.payload_bytes.is_none() {
        return Ok(None);
    }
    copy(world, &original.job()).await?.map_or_else(|| Err(gone()), |object| Ok(Some(object)))
}

/// Reads the object of a job; `None` if it is missing.
///
/// # Errors
/// `Unavailable`.
pub(crate) async fn copy<W: Blobs + Clock>(world: &W, original: &JobRef) -> Result<Option<Vec<u8>>, Problem> {
    get(world, original).await.map_err(|error| {
        tracing::error!(%error, job = original.id, "payload_read_failed");
        Problem::Unavailable
    })
}
/// Returns the database's time for another id, after the database refused a successor.
///
/// # Errors
/// `StorageFull`; `Unavailable`.
pub(crate) async fn time_to_mint<W: Database + Clock>(world: &W, settings: &Settings) -> Result<i64, Problem> {
    let health = read_health(world, settings).await?;
    if health.storage_full == 1 { Err(Problem::StorageFull) } else { Ok(health.now) }
}
