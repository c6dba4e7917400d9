//! JSON of indexes in API responses.

use serde::Serialize;

use super::{Counts, IndexRow, VersionRow};
use crate::wire::time::Time;

/// A configuration for chunking and embedding the documents of an index.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct IndexVersion<'a> {
    id: &'a str,
    /// Name of the provider that computes the vectors.
    provider: &'a str,
    model: &'a str,
    dimensions: usize,
    created_at: Time,
    /// Number of chunks.
    chunks: u64,
    /// Maximum number of chunks: 50,000, or fewer for long vectors (13,729 for 1,536 dimensions).
    chunks_max: u64,
    /// Maximum length of a chunk, in characters.
    chunk_chars: usize,
    /// Maximum number of characters that a chunk repeats from the previous chunk.
    overlap_chars: usize,
    /// Version of the chunking rules.
    chunker: u32,
}

impl<'a> From<&'a VersionRow> for IndexVersion<'a> {
    fn from(index_version: &'a VersionRow) -> Self {
        IndexVersion {
            id: &index_version.id,
            provider: &index_version.provider,
            model: &index_version.model,
            dimensions: index_version.dimensions,
            created_at: Time(index_version.created_at),
            chunks: index_version.chunks,
            chunks_max: index_version.chunks_max(),
            chunk_chars: index_version.chunk_chars,
            overlap_chars: index_version.overlap_chars,
            chunker: index_version.chunker,
        }
    }
}

/// An index.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Index<'a> {
    /// Name of the index.
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = crate::wire::schema::NAME)))]
    name: &'a str,
    /// Id of the index. An index that is created again under the same name has a new id.
    id: &'a str,
    tenant: &'a str,
    created_at: Time,
    /// Index version that serves searches.
    serving: Option<IndexVersion<'a>>,
    /// Index version that is being built and replaces `serving` when complete; null if none is being built.
    building: Option<IndexVersion<'a>>,
}

impl<'a> From<&'a IndexRow> for Index<'a> {
    fn from(row: &'a IndexRow) -> Self {
        Index {
            name: &row.name,
            id: &row.id,
            tenant: &row.tenant,
            created_at: Time(row.created_at),
            serving: row.serving().map(IndexVersion::from),
            building: row.building().map(IndexVersion::from),
        }
    }
}

/// An index with the numbers of its documents.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct WholeIndex<'a> {
    #[serde(flatten)]
    index: Index<'a>,
    /// Number of documents.
    documents: u64,
    /// Number of documents whose current text cannot be found yet.
    lag: u64,
}

impl<'a> WholeIndex<'a> {
    /// Combines an index with its numbers.
    pub fn of(row: &'a IndexRow, counts: &Counts) -> WholeIndex<'a> {
        let chunked = counts.chunked.get(&row.serving).copied().unwrap_or(0);
        let (documents, lag) = (counts.documents, counts.documents.saturating_sub(chunked));
        WholeIndex { index: Index::from(row), documents, lag }
    }
}
