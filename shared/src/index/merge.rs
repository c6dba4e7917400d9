//! Segments: the vectors of an index version in one object, made anew of the one before and of what came since.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use serde::Deserialize;

use crate::limits::{MERGE_ROWS_MAX, MERGES_IN_A_ROW};
use crate::model::job::mint_ulid;
use crate::ports::{BlobError, Blobs, Clock, IndexDatabase};
use crate::search::segment::{EntryId, Segment, SegmentError};
use crate::store::objects::{get_object, put_object};
use crate::store::search::{Store, index_sql};
use crate::store::{batch, first_as, rows_as, vectors};

/// What every key of a segment begins with.
pub(super) const PREFIX: &str = "segments/";

/// An index version as a merge finds it.
#[derive(Debug, Deserialize)]
struct MergeInput {
    dimensions: usize,
    segment: Option<String>,
    dead: u64,
    alive: Vec<u64>,
}

/// The name of a chunk in a segment.
pub(super) fn entry_of(seq: u64) -> EntryId {
    u128::from(seq).to_be_bytes()
}

/// The chunk of an entry.
pub(super) fn seq_of(entry: EntryId) -> u64 {
    u64::try_from(u128::from_be_bytes(entry)).unwrap_or(u64::MAX)
}

/// The segments that jobs of one invocation want made anew: one at a time, for more would not fit its memory.
#[derive(Debug, Default)]
pub(crate) struct Merges {
    /// Tenant and index version.
    wanted: RefCell<BTreeSet<(String, String)>>,
    is_running: Cell<bool>,
}

/// While there is one, segments are made.
struct RunningGuard<'a>(&'a Cell<bool>);

impl Drop for RunningGuard<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

impl Merges {
    /// Makes a segment anew until little is left to take up, or leaves it to the job that is at it.
    ///
    /// A segment that is late costs only time, so nothing is made of an error; the next change makes it.
    pub(crate) async fn make<W: IndexDatabase + Blobs + Clock>(&self, world: &W, tenant: &str, index_version: &str) {
        let merge = async |tenant: &str, index_version: &str| {
            if let Err(error) = merge_all(world, tenant, index_version).await {
                tracing::warn!(error, index_version, "a segment could not be made");
            }
        };
        self.in_turn(tenant, index_version, merge).await;
    }

    async fn in_turn(&self, tenant: &str, index_version: &str, merge: impl AsyncFn(&str, &str)) {
        self.wanted.borrow_mut().insert((tenant.to_owned(), index_version.to_owned()));
        if self.is_running.replace(true) {
            return;
        }
        let _turn = RunningGuard(&self.is_running);
        loop {
            let next = self.wanted.borrow_mut().pop_first();
            let Some((tenant, index_version)) = next else { return };
            merge(&tenant, &index_version).await;
        }
    }
}

/// Makes the segment of an index version anew until it has all chunks, [`MERGES_IN_A_ROW`] times at most.
///
/// # Errors
/// Why it could not be made, in one line; what was there stays.
pub(crate) async fn merge_all<W: IndexDatabase + Blobs + Clock>(
    world: &W,
    tenant: &str,
    index_version: &str,
) -> Result<(), String> {
    for _ in 0..MERGES_IN_A_ROW {
        if !merge(world, tenant, index_version).await? {
            break;
        }
    }
    Ok(())
}

/// Makes the segment of an index version anew: without what has left, with what came, at most
/// [`MERGE_ROWS_MAX`](crate::limits::MERGE_ROWS_MAX) chunks of it. Answers whether there may be more.
///
/// Safe to repeat: an object that is read never changes, and of two that were made of one segment the first one stands.
///
/// # Errors
/// Why it could not be made, in one line; what was there stays.
async fn merge<W: IndexDatabase + Blobs + Clock>(world: &W, tenant: &str, index_version: &str) -> Result<bool, String> {
    let statements =
        vec![index_sql!("read_version", index_version), index_sql!("read_tail", index_version, MERGE_ROWS_MAX)];
    let answers = batch(&Store(world), &statements).await.map_err(|error| error.to_string())?;
    let Some(found) = first_as::<MergeInput>(answers.first()).map_err(|error| error.to_string())? else {
        return Ok(false);
    };
    let tail: Vec<(u64, String)> = rows_as(answers.get(1).unwrap_or(&Vec::new())).map_err(|error| error.to_string())?;
    let old = match &found.segment {
        None => None,
        Some(key) => Some(read_segment(world, key).await.map_err(|error| error.to_string())?),
    };
    let alive: BTreeSet<u64> = found.alive.iter().copied().collect();
    let fresh = tail.iter().map(|(seq, text)| {
        let vector = vectors::decode(text, found.dimensions).ok_or_else(|| format!("chunk {seq} has no vector"))?;
        Ok((entry_of(*seq), vector))
    });
    let fresh = fresh.collect::<Result<Vec<_>, String>>()?;
    let fresh = fresh.iter().map(|(entry, vector)| (*entry, vector.as_slice()));
    let keep = |entry: &EntryId| alive.contains(&seq_of(*entry));
    let bytes = Segment::merged(found.dimensions, old.as_ref(), keep, fresh).map_err(|error| error.to_string())?;
    drop(old);
    let last = tail.last().map(|(seq, _)| *seq).or(found.alive.iter().copied().max()).unwrap_or(0);
    let key = format!("{PREFIX}{tenant}/{index_version}/{}", mint_ulid(world.now_ms(), world.random()));
    put_object(world, &key, &bytes).await?;
    swap(world, index_version, &key, last, &found).await?;
    Ok(i64::try_from(tail.len()) == Ok(MERGE_ROWS_MAX))
}

/// Lets a segment take the place of the one that it was made of, and deletes the one that nobody reads any more.
async fn swap<W: IndexDatabase + Blobs + Clock>(
    world: &W,
    index_version: &str,
    key: &str,
    last: u64,
    found: &MergeInput,
) -> Result<(), String> {
    let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let before = found.segment.clone();
    let statement = index_sql!("swap_segment", index_version, key, number(last), number(found.dead), before.clone());
    let standing = index_sql!("read_segment", index_version);
    let answers = batch(&Store(world), &[statement, standing]).await.map_err(|error| error.to_string())?;
    // Also after an answer that was lost: what stands is read back.
    let stands = answers.get(1).and_then(|rows| rows.first()).is_some_and(|row| row == key);
    let left = if stands { before } else { Some(key.to_owned()) };
    if let Some(left) = left {
        // What stays behind is cleared away with its index version.
        if let Err(error) = world.delete(&[left]).await {
            tracing::warn!(%error, index_version, "a segment that nobody reads could not be deleted");
        }
    }
    Ok(())
}

/// Why a segment cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unread {
    /// The object store gives no answer: it may be there.
    #[error(transparent)]
    Away(#[from] BlobError),
    /// It is not there.
    #[error("{0} is not there")]
    Missing(String),
    /// It is no segment.
    #[error("{0}: {1}")]
    Wrong(String, SegmentError),
}

/// Reads a segment.
///
/// # Errors
/// Why not.
pub(super) async fn read_segment<W: Blobs + Clock>(world: &W, key: &str) -> Result<Segment, Unread> {
    let bytes = get_object(world, key).await?.ok_or_else(|| Unread::Missing(key.to_owned()))?;
    Segment::decode(bytes).map_err(|error| Unread::Wrong(key.to_owned(), error))
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use futures_util::FutureExt;
    use futures_util::future::{join_all, poll_fn};

    use super::*;

    /// Comes back later, so that others have their turn.
    async fn later() {
        let mut is_later = false;
        poll_fn(|_| if std::mem::replace(&mut is_later, true) { Poll::Ready(()) } else { Poll::Pending }).await;
    }

    #[test]
    fn segments_are_made_one_at_a_time_and_none_is_forgotten() {
        let (merges, running, made) = (Merges::default(), Cell::new(0), RefCell::new(Vec::new()));
        let merge = async |_: &str, index_version: &str| {
            running.set(running.get() + 1);
            assert_eq!(running.get(), 1);
            later().await;
            running.set(running.get() - 1);
            made.borrow_mut().push(index_version.to_owned());
        };
        let jobs = ["a", "b", "a", "c"].map(|index_version| merges.in_turn("acme", index_version, merge));
        let mut all = Box::pin(join_all(jobs));
        (0..10).find_map(|_| all.as_mut().now_or_never()).unwrap();
        // The first is taken up again: what came for it while it was made is not in it.
        assert_eq!(*made.borrow(), ["a", "a", "b", "c"]);
        assert_eq!(merges.in_turn("acme", "d", merge).now_or_never(), None);
        assert!(!merges.is_running.get(), "one that is given up leaves the turn to the next");
    }
}
