//! Indexes: jobs chunk documents, embed the chunks, store them, and searches find them.
//!
//! 1. [`manage`]: creates, reads and drops indexes. A job that names an unknown index fails; it does not create one.
//! 2. [`apply`]: one job upserts or deletes one document. The job that was accepted last wins, in any order of
//!    execution.
//! 3. [`crate::store::vectors`]: the embedding cache. Unchanged text costs no call to a provider.
//! 4. [`merge`]: stores the vectors of an index version in one object, which is rewritten after enough changes.
//! 5. [`find`]: searches by words, by vectors, or by both.
//! 6. [`verify`]: checks an index for inconsistencies and repairs them on request.
//! 7. [`rebuild`]: builds an index version with another model or other chunks while the old version still serves
//!    searches.
//! 8. [`remove`]: deletes the documents of a source that the latest replacement did not upsert.
//! 9. [`clear`]: deletes dropped index versions and old cached vectors in small batches.
//!
//! The rows never refer to a missing vector: vectors are stored before the one batch that writes a document with its
//! chunks and words, and the schema refuses a chunk without a vector. A segment contains committed chunks only.

pub mod answer;
pub(crate) mod apply;
pub mod clear;
pub(crate) mod export;
pub mod find;
pub(crate) mod ingest;
pub mod manage;
pub(crate) mod merge;
pub(crate) mod plan;
pub(crate) mod rebuild;
pub(crate) mod remove;
pub(crate) mod shared;
pub(crate) mod show;
pub(crate) mod verify;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::limits::{INDEX_CHUNKS_MAX, SEGMENT_BYTES_MAX};
use crate::search::chunk::ChunkLimits;
use crate::search::segment::entry_bytes;
use crate::settings::providers::Choice;

/// A row of an index with its index versions. Times are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct IndexRow {
    /// Tenant that owns the index.
    pub tenant: String,
    /// Name of the index, unique within the tenant.
    pub name: String,
    /// ULID of the creation of the index.
    pub id: String,
    /// Id of the index version that serves searches.
    pub serving: String,
    /// Id of the index version that is being built and replaces `serving` when it is complete.
    pub building: Option<String>,
    /// The serving index version and, if there is one, the building one.
    pub index_versions: Vec<VersionRow>,
    /// Creation time.
    pub created_at: i64,
}

/// A configuration for chunking and embedding documents, and the state of its data.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct VersionRow {
    /// ULID of the index version.
    pub id: String,
    /// Name of the provider that computes the vectors.
    pub provider: String,
    /// Name of the provider's model.
    pub model: String,
    /// Number of dimensions of each vector.
    pub dimensions: usize,
    /// Maximum length of a chunk, in characters.
    pub chunk_chars: usize,
    /// Maximum number of characters that a chunk repeats from the previous chunk.
    pub overlap_chars: usize,
    /// Version of the chunking rules.
    pub chunker: u32,
    /// Key of the object with the vectors; `None` until the first merge.
    pub segment: Option<String>,
    /// Highest chunk number in the segment.
    pub segment_seq: i64,
    /// Number of chunks.
    pub chunks: u64,
    /// Approximate number of chunks that were deleted since the segment was written.
    pub dead: u64,
    /// Creation time.
    pub created_at: i64,
}

impl VersionRow {
    /// Provider and model that embed the chunks.
    pub(crate) fn choice(&self) -> Choice {
        Choice { provider: self.provider.clone(), model: self.model.clone() }
    }

    /// Name of the model in the embedding cache: `provider/model/dimensions`.
    pub(crate) fn cache_name(&self) -> String {
        format!("{}/{}/{}", self.provider, self.model, self.dimensions)
    }

    pub(crate) fn limits(&self) -> ChunkLimits {
        ChunkLimits { chars_max: self.chunk_chars, overlap_chars: self.overlap_chars }
    }

    /// Maximum number of chunks of this index version.
    pub(crate) fn chunks_max(&self) -> u64 {
        INDEX_CHUNKS_MAX.min(SEGMENT_BYTES_MAX / entry_bytes(self.dimensions) as u64)
    }

    /// Settings of this index version, in the form in which a request is compared with them.
    pub(crate) fn requested(&self) -> Value {
        json!({
            "provider": self.provider, "model": self.model, "dimensions": self.dimensions,
            "chunk_chars": self.chunk_chars, "overlap_chars": self.overlap_chars, "chunker": self.chunker,
        })
    }
}

impl IndexRow {
    /// Index version that serves searches. Always present: an index version is dropped only after its index no longer
    /// names it.
    pub(crate) fn serving(&self) -> Option<&VersionRow> {
        self.index_versions.iter().find(|index_version| index_version.id == self.serving)
    }

    /// Index version that is being built, if any.
    pub(crate) fn building(&self) -> Option<&VersionRow> {
        self.index_versions.iter().find(|index_version| Some(&index_version.id) == self.building.as_ref())
    }
}

/// Numbers of documents of an index.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Counts {
    /// Number of documents, without deleted ones.
    documents: u64,
    /// Number of documents that each index version has chunked in their current text.
    chunked: BTreeMap<String, u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_version_has_at_most_the_chunks_of_a_full_segment() {
        let most = |dimensions: usize| {
            let index_version = json!({
                "id": "01G", "provider": "p", "model": "m", "dimensions": dimensions, "chunk_chars": 800,
                "overlap_chars": 100, "chunker": 1, "segment": null, "segment_seq": 0, "chunks": 0, "dead": 0,
                "created_at": 0,
            });
            serde_json::from_value::<VersionRow>(index_version).unwrap().chunks_max()
        };
        assert_eq!([4, 256, 384, 1_536, 4_096].map(most), [50_000, 50_000, 50_000, 13_729, 5_185]);
    }
}
