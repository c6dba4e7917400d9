//! Indexes as the API shows them; see [`crate::index::IndexRow`] and [`crate::index::find`].
#![allow(dead_code, reason = "only the schemas are used")]

use schemars::generate::SchemaGenerator;
use schemars::{JsonSchema, Schema, json_schema};
use serde_json::{Map, Value};

use super::{BatchResult, BatchSummary, ProblemDocument};
use crate::wire::schema::NAME;
use crate::wire::time::Time;

/// One way to cut and embed the documents of an index.
#[derive(JsonSchema)]
struct Generation {
    id: String,
    /// The provider of its vectors.
    provider: String,
    model: String,
    dimensions: u32,
    /// Characters of a chunk at most.
    chunk_chars: u32,
    /// Characters that a chunk may repeat of the one before.
    overlap_chars: u32,
    /// The version of the rules by which documents are cut.
    chunker: u32,
    /// How many there are.
    chunks: u64,
    /// How many there may be: 50,000, or fewer of long vectors (13,729 of 1,536 dimensions).
    chunks_max: u64,
    created_at: Time,
}

/// An index.
#[derive(JsonSchema)]
pub(in crate::openapi) struct Index {
    /// Its name.
    #[schemars(regex(pattern = NAME))]
    name: String,
    /// Its own id: another index of that name has another one.
    id: String,
    tenant: String,
    /// What is searched.
    serving: Option<Generation>,
    /// What will take its place; null while nothing is being made.
    building: Option<Generation>,
    created_at: Time,
}

/// An index with what it has.
#[derive(JsonSchema)]
pub(in crate::openapi) struct WholeIndex {
    #[schemars(flatten)]
    of: Index,
    /// Documents that are there.
    documents: u64,
    /// How many of them cannot be found yet as they are.
    lag: u64,
}

/// A part of a document that was found.
#[derive(JsonSchema)]
struct SearchHit {
    /// The document's id.
    document: String,
    source: String,
    /// The headings that it stands below.
    heading: String,
    text: String,
    /// Where it begins in the document's text, in bytes,
    start: Option<u64>,
    /// and where it ends.
    end: Option<u64>,
    /// What the hits are ordered by; it says nothing beside other searches.
    score: f64,
    /// How well words find it, as a share of what they find best; null if they did not find it.
    keyword_score: Option<f64>,
    /// Null if its vector did not find it.
    vector_score: Option<f64>,
    /// The text as HTML, with the words that were found in `<mark>`; null if words did not find it.
    highlight: Option<String>,
    /// The document's.
    metadata: Map<String, Value>,
}

/// What a search found.
#[derive(JsonSchema)]
pub(in crate::openapi) struct Searched {
    index: String,
    /// The generation that was searched.
    generation: String,
    /// What was asked for: `hybrid`, `keyword` or `vector`.
    #[schemars(regex(pattern = "^(hybrid|keyword|vector)$"))]
    mode: String,
    /// Why a hybrid search was answered by words alone; null where it was not.
    degraded: Option<String>,
    /// The best first.
    hits: Vec<SearchHit>,
}

/// The last line of the answer to documents.
#[derive(JsonSchema)]
struct DocumentsSummary {
    summary: BatchSummary,
    /// Those of them that have no line here, because the caller did not read in time.
    unreported: BatchSummary,
    /// Why the lines after the last one that is answered were not read, or with `replace` that there was no document, so that
    /// nothing was removed; null if all were read.
    problem: Option<ProblemDocument>,
    /// The group of all its jobs.
    #[schemars(regex(pattern = NAME))]
    group: String,
    /// With `replace`: the job that removes what the documents replace; null if there is none, because a line was refused or not
    /// read, or there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    removal: Option<String>,
}

/// A line of the answer to documents.
pub(in crate::openapi) fn document_result(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({"oneOf": [generator.subschema_for::<BatchResult>(), generator.subschema_for::<DocumentsSummary>()]})
}
