//! What nobody reads any more leaves in pieces: index versions that were given up, with all that they have, and vectors that are
//! kept for whoever asks again, by their age.

use serde::Deserialize;

use super::merge::PREFIX;
use crate::limits::{CLEAR_CHUNKS, CLEAR_VECTORS, KEPT_VECTOR_MS, OBJECTS_PER_DELETE};
use crate::ports::{Blobs, Clock, DatabaseError, IndexDatabase};
use crate::store::search::{Store, index_sql};
use crate::store::{batch, first_as};

/// An index version that leaves.
#[derive(Debug, Deserialize)]
struct Dropped {
    id: String,
    tenant: String,
    /// Whether all that it had has left.
    is_empty: u8,
}

/// Clears one piece away: of the index version that was given up first, and of the oldest vectors. Idle it is one call that
/// reads two rows.
///
/// Safe to repeat: what is gone stays gone.
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
        index_sql!("clear_vectors", KEPT_VECTOR_MS, CLEAR_VECTORS),
        index_sql!("find_dropped"),
    ];
    let answers = batch(&store, &statements).await?;
    let Some(dropped) = first_as::<Dropped>(answers.last())?.filter(|dropped| dropped.is_empty == 1) else {
        return Ok(());
    };
    // Its objects come before its row: without the row nobody would look for them.
    if clear_segments(world, &dropped).await {
        batch(&store, &[index_sql!("clear_version", dropped.id.as_str())]).await?;
    }
    Ok(())
}

/// Deletes the segments of an index version; says whether there is none left.
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
        tracing::warn!(%error, "segments wait for the next sweep");
        false
    })
}
