//! The successor of a finished job: what a replay and a resend share. It has the same event id, and an object of its own.

use crate::limits::ID_SKEW_MS_MAX;
use crate::manage::health::read_health;
use crate::model::job::{JobRef, JobRow, mint_id};
use crate::ports::{Blobs, Clock, Database, Param, Statement};
use crate::settings::Settings;
use crate::store::objects::{get, put};
use crate::store::sql;
use crate::wire::problem::Problem;

/// The new job of an original.
pub(crate) struct Successor<'a> {
    /// The job that it sends again.
    pub(crate) original: &'a JobRef,
    /// Its own name.
    pub(crate) job: JobRef,
    /// The time in its id.
    pub(crate) minted_at: i64,
}

/// What a successor has that its original has not.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// Another inline payload, and its digest.
    pub(crate) edited: Option<(Option<String>, String)>,
    /// The object with the bulk of its payload.
    pub(crate) object: Option<Vec<u8>>,
    /// The terms of a resend; `None` for a replay.
    pub(crate) resend: Option<String>,
}

impl<'a> Successor<'a> {
    /// Mints a successor and puts its object.
    ///
    /// Safe to repeat: the key of an object is new each time, and an object that no row names is an orphan.
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

    /// The statements that insert it, if its original may have it.
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

/// Reads the object of a job for its successor, which gets a copy: every job owns its own. `gone` is the answer if a job that had an
/// object has none any more.
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
            tracing::error!(%error, job = original.id, "a payload could not be read");
            Err(Problem::Unavailable)
        }
    }
}

/// Answers the database's time for another id, after the store refused a successor whose original may have one.
///
/// # Errors
/// `StorageFull`; `Unavailable`.
pub(crate) async fn time_to_mint<W: Database + Clock>(world: &W, settings: &Settings) -> Result<i64, Problem> {
    let health = read_health(world, settings).await?;
    if health.storage_full == 1 { Err(Problem::StorageFull) } else { Ok(health.now) }
}
