//! Builds the hits of a search: the best existing chunks with their text, position and highlights.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::IndexRow;
use super::merge::seq_of;
use crate::ports::{Clock, IndexDatabase};
use crate::search::fuse::Fused;
use crate::search::highlights::as_html;
use crate::search::keywords::Keywords;
use crate::store::rows::{rows, unavailable};
use crate::store::search::{Store, index_sql};
use crate::store::{batch, json_param};
use crate::wire::problem::Problem;

/// A chunk that the search found.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct SearchHit {
    /// Id of the document.
    pub(crate) document: String,
    pub(crate) source: String,
    /// Headings above the chunk in the document.
    pub(crate) heading: String,
    pub(crate) text: String,
    /// Text as HTML, with matched words in `<mark>`; null if the keyword search did not find the chunk.
    pub(crate) highlight: Option<String>,
    /// Rank score of the hit; hits are sorted by it. Scores of different searches cannot be compared.
    pub(crate) score: f64,
    /// Keyword score relative to the best keyword match, from 0 to 1; null if the keyword search did not find the
    /// chunk.
    pub(crate) keyword_score: Option<f32>,
    /// Cosine similarity of the chunk and the query; null if the vector search did not find the chunk.
    pub(crate) vector_score: Option<f32>,
    /// Start of the chunk in the document's text, in bytes.
    pub(crate) start: Option<usize>,
    /// End of the chunk in the document's text, in bytes.
    pub(crate) end: Option<usize>,
    /// Metadata of the document.
    #[cfg_attr(feature = "openapi", schemars(with = "crate::wire::metadata::Metadata"))]
    pub(crate) metadata: Box<RawValue>,
}

/// A chunk of a search result as the database returns it.
#[derive(Debug, Deserialize)]
struct FoundChunk {
    seq: u64,
    document: String,
    source: String,
    heading: String,
    text: String,
    metadata: Box<RawValue>,
    span: Option<(usize, usize)>,
}

/// Reads the best chunks of a search. Skips chunks that were deleted since the search found them.
pub(super) async fn show<W: IndexDatabase + Clock>(
    world: &W,
    index: &IndexRow,
    keywords: &Keywords,
    limit: usize,
    fused: &[Fused],
) -> Result<Vec<SearchHit>, Problem> {
    // More candidates than the limit: some chunks that vectors found may have been deleted long ago.
    let seqs: Vec<u64> = fused.iter().map(|entry| seq_of(entry.id)).collect();
    if seqs.is_empty() {
        return Ok(Vec::new());
    }
    let wanted = json_param(&seqs);
    let (serving, id, limit) = (index.serving.as_str(), index.id.as_str(), i64::try_from(limit).unwrap_or(i64::MAX));
    let mut statements = vec![index_sql!("read_chunks", serving, id, wanted.clone(), limit)];
    if !keywords.is_empty() {
        statements.push(index_sql!("highlight_words", json_param(&keywords.wanted()), wanted, limit, serving, id));
    }
    // Safe to repeat: it only reads.
    let answers = batch(&Store(world), &statements).await.map_err(|error| unavailable(&error))?;
    let (mut found, bracketed) = (rows::<FoundChunk>(answers.first())?, rows::<(u64, String)>(answers.get(1))?);
    let shown = |entry: &Fused| {
        let seq = seq_of(entry.id);
        let at = found.iter().position(|row| row.seq == seq)?;
        let row = found.swap_remove(at);
        let bracketed = bracketed.iter().find(|(of, _)| *of == seq);
        Some(SearchHit {
            document: row.document,
            source: row.source,
            heading: row.heading,
            highlight: bracketed.map(|(_, bracketed)| as_html(&row.text, bracketed, keywords)),
            text: row.text,
            score: entry.score,
            keyword_score: entry.keyword,
            vector_score: entry.vector,
            start: row.span.map(|span| span.0),
            end: row.span.map(|span| span.1),
            metadata: row.metadata,
        })
    };
    Ok(fused.iter().filter_map(shown).collect())
}
