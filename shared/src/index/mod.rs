//! Indexes: documents that jobs cut into chunks, embed, keep and find again.
//!
//! 1. [`manage`]: an index is made, read and dropped. A typo makes none.
//! 2. [`apply`]: a job brings a document, or takes it away: the one that was accepted last stands.
//! 3. [`crate::store::vectors`]: what is unchanged costs no call of a provider.
//! 4. [`merge`]: the vectors of an index in one object, made anew when enough has changed.
//! 5. [`find`]: a search by words, by vectors, or by both.
//! 6. [`verify`]: all of it held against each other, and mended.
//! 7. [`rebuild`]: another model or other chunks, beside what is searched meanwhile.
//! 8. [`remove`]: the documents of a source leave that nobody brought again.
//! 9. [`clear`]: what nobody reads any more leaves in pieces.
//!
//! The records never claim what the store lacks: vectors are kept before the one batch that writes a document with its
//! chunks and words, and a chunk without a vector is refused by the schema. A segment is made of what is committed.

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

/// An index as the store answers it. Times are milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct IndexRow {
    /// Whose index.
    pub tenant: String,
    /// Its name.
    pub name: String,
    /// ULID of its creation.
    pub id: String,
    /// The index version that is searched,
    pub serving: String,
    /// and the one that will take its place.
    pub building: Option<String>,
    /// Both of them.
    pub index_versions: Vec<VersionRow>,
    /// When it was made.
    pub created_at: i64,
}

/// One way to cut and embed documents.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct VersionRow {
    /// ULID.
    pub id: String,
    /// The provider of its vectors.
    pub provider: String,
    /// Its model.
    pub model: String,
    /// The model's dimensions.
    pub dimensions: usize,
    /// Characters of a chunk at most.
    pub chunk_chars: usize,
    /// Characters that a chunk may repeat of the one before.
    pub overlap_chars: usize,
    /// The version of the chunker.
    pub chunker: u32,
    /// The object with its vectors.
    pub segment: Option<String>,
    /// The chunks up to this one are in it.
    pub segment_seq: i64,
    /// Chunks that are there.
    pub chunks: u64,
    /// Chunks that have left since the segment was made, about.
    pub dead: u64,
    /// When it was begun.
    pub created_at: i64,
}

impl VersionRow {
    /// The model that embeds its chunks, and what is asked of it.
    pub(crate) fn choice(&self) -> Choice {
        Choice { provider: self.provider.clone(), model: self.model.clone() }
    }

    /// The name under which its vectors are kept for whoever asks again.
    pub(crate) fn cache_name(&self) -> String {
        format!("{}/{}/{}", self.provider, self.model, self.dimensions)
    }

    pub(crate) fn limits(&self) -> ChunkLimits {
        ChunkLimits { chars_max: self.chunk_chars, overlap_chars: self.overlap_chars }
    }

    /// How many chunks it may have.
    pub(crate) fn chunks_max(&self) -> u64 {
        INDEX_CHUNKS_MAX.min(SEGMENT_BYTES_MAX / entry_bytes(self.dimensions) as u64)
    }

    /// What was asked for when it was made.
    pub(crate) fn asked(&self) -> Value {
        json!({
            "provider": self.provider, "model": self.model, "dimensions": self.dimensions,
            "chunk_chars": self.chunk_chars, "overlap_chars": self.overlap_chars, "chunker": self.chunker,
        })
    }
}

impl IndexRow {
    /// The index version that is searched. There is one always: both leave together.
    pub(crate) fn serving(&self) -> Option<&VersionRow> {
        self.index_versions.iter().find(|index_version| index_version.id == self.serving)
    }

    /// The index version that is being made.
    pub(crate) fn building(&self) -> Option<&VersionRow> {
        self.index_versions.iter().find(|index_version| Some(&index_version.id) == self.building.as_ref())
    }
}

/// What an index has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Counts {
    /// Documents that are there.
    documents: u64,
    /// How many of them each index version has cut as they stand.
    chunked: BTreeMap<String, u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_has_room_for_what_a_segment_has_room_for() {
        let most = |dimensions: usize| {
            let index_version = json!({
                "id": "01G", "provider": "p", "model": "m", "dimensions": dimensions, "chunk_chars": 800,
                "overlap_chars": 100, "chunker": 1, "segment": null, "segment_seq": 0, "chunks": 0, "dead": 0, "created_at": 0,
            });
            serde_json::from_value::<VersionRow>(index_version).unwrap().chunks_max()
        };
        assert_eq!([4, 256, 384, 1_536, 4_096].map(most), [50_000, 50_000, 50_000, 13_729, 5_185]);
    }
}
