//! The walk over the objects of payloads, which deletes those without a row. A crash between an object and its row
//! leaves one.

use crate::limits::{OBJECTS_MS_MAX, OBJECTS_PER_SWEEP, ORPHAN_AGE_MS, ORPHAN_WALK_MS};
use crate::model::job::{JobRef, first_id_at, time_of};
use crate::ports::{DatabaseError, World};
use crate::store::meta::set_meta;
use crate::store::objects::{PREFIX, job_of, remove};
use crate::store::{batch, json_param, rows_as, sql, within};

/// Progress of the walk.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Walk {
    /// Now by the database's clock, in ms since 1970.
    pub(crate) now: i64,
    /// End of the last whole walk, in ms since 1970.
    pub(crate) walked_at: i64,
    /// Position of the walk: the time in the ids that it has reached, in ms since 1970.
    pub(crate) from: i64,
}

/// Takes one step of a walk: compares some objects, in the order of time, with the rows of their jobs. Returns how many
/// objects had no row and were deleted.
///
/// Safe to repeat, and beside a second sweep: an old object without a row never gets one.
///
/// # Errors
/// When the database is out of reach.
pub(crate) async fn walk<W: World>(world: &W, walk: Walk) -> Result<usize, DatabaseError> {
    if walk.now - walk.walked_at < ORPHAN_WALK_MS {
        return Ok(0);
    }
    let after = format!("{PREFIX}{}", first_id_at(walk.from));
    let listed = match within(world, OBJECTS_MS_MAX, world.list(PREFIX, Some(&after), OBJECTS_PER_SWEEP)).await {
        Some(Ok(keys)) => keys,
        Some(Err(error)) => {
            tracing::warn!(%error, "orphan_walk_failed");
            return Ok(0);
        }
        None => return Ok(0),
    };
    let is_old = |job: &JobRef| time_of(&job.id).is_some_and(|at| at < walk.now - ORPHAN_AGE_MS);
    let mut jobs: Vec<JobRef> = listed.iter().filter_map(|key| job_of(key)).take_while(is_old).collect();
    jobs.dedup();
    let Some(last) = jobs.last().and_then(|job| time_of(&job.id)) else {
        set_meta(world, &[("payloads_walk_from", 0), ("payloads_walked_at", walk.now)]).await?;
        return Ok(0);
    };
    let answers = batch(world, &[sql!("find_orphans", json_param(&jobs))]).await?;
    let orphans: Vec<JobRef> = rows_as(answers.first().unwrap_or(&Vec::new()))?;
    remove(world, &orphans).await;
    // More objects of this millisecond may follow, so the next step begins with it. A step that made no progress skips
    // it.
    let next = if last > walk.from { last } else { walk.from + 1 };
    set_meta(world, &[("payloads_walk_from", next)]).await?;
    Ok(orphans.len())
}
