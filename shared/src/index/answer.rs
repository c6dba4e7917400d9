//! Indexes as the API shows them.

use serde::Serialize;

use super::{Counts, IndexRow, VersionRow};
use crate::wire::time::Time;

/// One way to cut and embed the documents of an index.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct IndexVersion<'a> {
    id: &'a str,
    /// The provider of its vectors.
    provider: &'a str,
    model: &'a str,
    dimensions: usize,
    created_at: Time,
    /// How many there are.
    chunks: u64,
    /// How many there may be: 50,000, or fewer of long vectors (13,729 of 1,536 dimensions).
    chunks_max: u64,
    /// Characters of a chunk at most.
    chunk_chars: usize,
    /// Characters that a chunk may repeat of the one before.
    overlap_chars: usize,
    /// The version of the rules by which documents are cut.
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
    /// Its name.
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = crate::wire::schema::NAME)))]
    name: &'a str,
    /// Its own id: another index of that name has another one.
    id: &'a str,
    tenant: &'a str,
    created_at: Time,
    /// What is searched.
    serving: Option<IndexVersion<'a>>,
    /// What will take its place; null while nothing is being made.
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

/// An index with what it has.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct WholeIndex<'a> {
    #[serde(flatten)]
    index: Index<'a>,
    /// Documents that are there.
    documents: u64,
    /// How many of them cannot be found yet as they are.
    lag: u64,
}

impl<'a> WholeIndex<'a> {
    /// An index and what was counted in it.
    pub fn of(row: &'a IndexRow, counts: &Counts) -> WholeIndex<'a> {
        let chunked = counts.chunked.get(&row.serving).copied().unwrap_or(0);
        let (documents, lag) = (counts.documents, counts.documents.saturating_sub(chunked));
        WholeIndex { index: Index::from(row), documents, lag }
    }
}
