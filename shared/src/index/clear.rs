//! Deletes, in small batches, dropped index versions with all their data, and vectors that have expired from the
//! embedding cache.

use serde::Deserialize;

use super::merge::PREFIX;
use crate::limits::{CACHED_VECTOR_MS, CLEAR_CHUNKS, CLEAR_VECTORS, OBJECTS_PER_DELETE};
use crate::ports::{Blobs, Clock, DatabaseError, IndexDatabase};
use crate::store::search::{Store, index_sql};
use crate::store::{batch, first_as};

/// A dropped index version.
#[derive(Debug, Deserialize)]
struct Dropped {
    id: String,
    tenant: String,
    /// 1 if all its rows are deleted.
    is_empty: u8,
}

/// Deletes one batch: of the index version that was dropped first, and of the oldest cached vectors. An idle run is one
/// call that reads two rows.
///
/// Safe to repeat: deleted rows stay deleted.
///
/// # Errors
/// As [`batch`].
pub async fn clear<W: IndexDatabase + Blobs + Clock>(world: &W) -> Result<(), DatabaseError> {
    let store = Store(world);
    let statements = vec![
        index_sql!("clear_words", CLEAR_CHUNKS),
        index_sql!("clear_chunks", CLEAR_CHUNKS),
        index_sql!("clear_layouts", CLEAR_CHUNKS),
        index_sql!("clear_documents", CLEAR_CHUNKS),
        index_sql!("clear_vectors", CACHED_VECTOR_MS, CLEAR_VECTORS),
        index_sql!("find_dropped"),
    ];
    let answers = batch(&store, &statements).await?;
    let Some(dropped) = first_as::<Dropped>(answers.last())?.filter(|dropped| dropped.is_empty == 1) else {
        return Ok(());
    };
    // Objects are deleted before the row: without the row no later run would look for them.
    if clear_segments(world, &dropped).await {
        batch(&store, &[index_sql!("clear_version", dropped.id.as_str())]).await?;
    }
    Ok(())
}

/// Deletes segments of an index version; returns true if none is left.
async fn clear_segments<W: Blobs>(world: &W, dropped: &Dropped) -> bool {
    let prefix = format!("{PREFIX}{}/{}/", dropped.tenant, dropped.id);
    let limit = u32::try_from(OBJECTS_PER_DELETE).unwrap_or(u32::MAX);
    let cleared = async {
        let keys = world.list(&prefix, None, limit).await?;
        if keys.is_empty() {
            return Ok(true);
        }
        world.delete(&keys).await.map(|()| false)
    };
    cleared.await.unwrap_or_else(|error: crate::ports::BlobError| {
        tracing::warn!(%error, "segment_deletion_deferred");
        false
    })
}
