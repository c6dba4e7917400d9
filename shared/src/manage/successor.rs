//! The successor of a finished job, shared by replay and resend. It has the same event id and a copy of the object.

use crate::limits::ID_SKEW_MS_MAX;
use crate::manage::health::read_health;
use crate::model::job::{JobRef, JobRow, mint_id};
use crate::ports::{Blobs, Clock, Database, Param, Statement};
use crate::settings::Settings;
use crate::store::objects::{get, put};
use crate::store::sql;
use crate::wire::problem::Problem;

/// The new job that sends an original again.
pub(crate) struct Successor<'a> {
    /// Original job.
    pub(crate) original: &'a JobRef,
    /// Tenant and id of the new job.
    pub(crate) job: JobRef,
    /// Time in the new id, in ms.
    pub(crate) minted_at: i64,
}

/// Fields of a successor that differ from its original.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// New inline payload and its digest.
    pub(crate) edited: Option<(Option<String>, String)>,
    /// Object with the bulk of the payload.
    pub(crate) object: Option<Vec<u8>>,
    /// Parameters of a resend as JSON; `None` for a replay.
    pub(crate) resend: Option<String>,
}

impl<'a> Successor<'a> {
    /// Creates the id of a successor and stores its object.
    ///
    /// Safe to repeat: each try has a new object key, and the sweep deletes objects without a row.
    ///
    /// # Errors
    /// `Unavailable`.
    pub(crate) async fn mint<W: Blobs + Clock>(
        world: &W,
        original: &'a JobRef,
        minted_at: i64,
        changes: &Changes,
    ) -> Result<Successor<'a>, Problem> {
        let job = JobRef { tenant: original.tenant.clone(), id: mint_id(minted_at, world.random()) };
        if let Some(object) = &changes.object {
            put(world, &job, object).await?;
        }
        Ok(Successor { original, job, minted_at })
    }

    /// Builds the statements that insert the successor, if its original allows it.
    pub(crate) fn inserting(&self, changes: &Changes) -> [Statement; 2] {
        let (tenant, original, new) = (self.job.tenant.as_str(), self.original.id.as_str(), self.job.id.as_str());
        let (payload, digest) = changes.edited.clone().map_or((None, None), |(inline, digest)| (inline, Some(digest)));
        let bytes = changes.object.as_ref().and_then(|object| i64::try_from(object.len()).ok());
        let (bytes, resend) = (bytes.map_or(Param::Null, Param::from), changes.resend.clone());
        let (at, skew) = (self.minted_at, ID_SKEW_MS_MAX);
        [
            sql!("insert_successor", tenant, original, new, at, skew, payload, digest, bytes, resend),
            sql!("note_successor_hour", tenant, new),
        ]
    }
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
    match get(world, &original.job()).await {
        Ok(Some(object)) => Ok(Some(object)),
        Ok(None) => Err(gone()),
        Err(error) => {
            tracing::error!(%error, job = original.id, "payload_read_failed");
            Err(Problem::Unavailable)
        }
    }
}

/// Returns the database's time for another id, after the database refused a successor.
///
/// # Errors
/// `StorageFull`; `Unavailable`.
pub(crate) async fn time_to_mint<W: Database + Clock>(world: &W, settings: &Settings) -> Result<i64, Problem> {
    let health = read_health(world, settings).await?;
    if health.storage_full == 1 { Err(Problem::StorageFull) } else { Ok(health.now) }
}
