//! Segments: one object with the vectors of an index version, rewritten from the previous object and the chunks added
//! since.

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

/// The prefix of every segment's key.
pub(super) const PREFIX: &str = "segments/";

/// An index version as a merge reads it.
#[derive(Debug, Deserialize)]
struct MergeInput {
    dimensions: usize,
    segment: Option<String>,
    dead: u64,
    alive: Vec<u64>,
}

/// Returns the entry id of a chunk in a segment.
pub(super) fn entry_of(seq: u64) -> EntryId {
    u128::from(seq).to_be_bytes()
}

/// Returns the chunk number of an entry.
pub(super) fn seq_of(entry: EntryId) -> u64 {
    u64::try_from(u128::from_be_bytes(entry)).unwrap_or(u64::MAX)
}

/// The merges that the jobs of one invocation request. They run one at a time: two would not fit into its memory.
#[derive(Debug, Default)]
pub(crate) struct Merges {
    /// Requested merges: tenant and index version.
    wanted: RefCell<BTreeSet<(String, String)>>,
    is_running: Cell<bool>,
}

/// A guard that exists while a merge runs, and clears `is_running` when it is dropped.
struct RunningGuard<'a>(&'a Cell<bool>);

impl Drop for RunningGuard<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

impl Merges {
    /// Merges a segment until few chunks are outside of it. If a merge is running, it queues the request for it.
    ///
    /// An outdated segment only makes searches slower, so an error is logged and dropped; the next change merges again.
    pub(crate) async fn make<W: IndexDatabase + Blobs + Clock>(&self, world: &W, tenant: &str, index_version: &str) {
        let merge = async |tenant: &str, index_version: &str| {
            if let Err(error) = merge_all(world, tenant, index_version).await {
                tracing::warn!(error, index_version, "segment_merge_failed");
            }
        };
        self.run_or_queue(tenant, index_version, merge).await;
    }

    async fn run_or_queue(&self, tenant: &str, index_version: &str, merge: impl AsyncFn(&str, &str)) {
        self.wanted.borrow_mut().insert((tenant.to_owned(), index_version.to_owned()));
        if self.is_running.replace(true) {
            return;
        }
        let _guard = RunningGuard(&self.is_running);
        loop {
            let next = self.wanted.borrow_mut().pop_first();
            let Some((tenant, index_version)) = next else { return };
            merge(&tenant, &index_version).await;
        }
    }
}

/// Merges the segment of an index version until it has all chunks, at most [`MERGES_IN_A_ROW`] times.
///
/// # Errors
/// The reason in one line; the previous segment stays in use.
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

/// Writes a new segment of an index version: without deleted chunks, with at most
/// [`MERGE_ROWS_MAX`](crate::limits::MERGE_ROWS_MAX) new ones. Returns true if there may be more new chunks.
///
/// Safe to repeat: objects are immutable, and of two segments made from the same one the first is kept.
///
/// # Errors
/// The reason in one line; the previous segment stays in use.
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

/// Replaces the segment of an index version, if it is still the one that was read, and deletes the object that is not
/// in use.
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
    let read_back = index_sql!("read_segment", index_version);
    let answers = batch(&Store(world), &[statement, read_back]).await.map_err(|error| error.to_string())?;
    // The row is read back because the answer of the update may have been lost.
    let is_current = answers.get(1).and_then(|rows| rows.first()).is_some_and(|row| row == key);
    let left = if is_current { before } else { Some(key.to_owned()) };
    if let Some(left) = left {
        // If the deletion fails, the object is deleted with its index version.
        if let Err(error) = world.delete(&[left]).await {
            tracing::warn!(%error, index_version, "unused_segment_not_deleted");
        }
    }
    Ok(())
}

/// The reason why a segment cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unread {
    /// The object store does not respond; the object may exist.
    #[error(transparent)]
    Away(#[from] BlobError),
    /// The object does not exist.
    #[error("segment {0} does not exist")]
    Missing(String),
    /// The object is not a valid segment.
    #[error("segment {0} is invalid: {1}")]
    Wrong(String, SegmentError),
}

/// Reads a segment.
///
/// # Errors
/// The reason, as [`Unread`].
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

    /// Yields once, so that other futures run.
    async fn yield_once() {
        let mut is_later = false;
        poll_fn(|_| if std::mem::replace(&mut is_later, true) { Poll::Ready(()) } else { Poll::Pending }).await;
    }

    #[test]
    fn segments_are_merged_one_at_a_time_and_no_request_is_lost() {
        let (merges, running, made) = (Merges::default(), Cell::new(0), RefCell::new(Vec::new()));
        let merge = async |_: &str, index_version: &str| {
            running.set(running.get() + 1);
            assert_eq!(running.get(), 1);
            yield_once().await;
            running.set(running.get() - 1);
            made.borrow_mut().push(index_version.to_owned());
        };
        let jobs = ["a", "b", "a", "c"].map(|index_version| merges.run_or_queue("acme", index_version, merge));
        let mut all = Box::pin(join_all(jobs));
        (0..10).find_map(|_| all.as_mut().now_or_never()).unwrap();
        // The first one is merged again: the second request for it came while it was being merged.
        assert_eq!(*made.borrow(), ["a", "a", "b", "c"]);
        assert_eq!(merges.run_or_queue("acme", "d", merge).now_or_never(), None);
        assert!(!merges.is_running.get(), "an interrupted merge lets the next one run");
    }
}
