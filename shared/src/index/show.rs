//! What a search answers: the first chunks that are there, with what they say, where they stand, and marks.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::IndexRow;
use super::merge::seq_of;
use crate::ports::{Clock, IndexDatabase};
use crate::search::fuse::Fused;
use crate::search::keywords::Keywords;
use crate::search::marks::as_html;
use crate::store::rows::{rows, unavailable};
use crate::store::search::{Store, index_sql};
use crate::store::{batch, json_param};
use crate::wire::problem::Problem;

/// A part of a document that was found.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct SearchHit {
    /// The document's id.
    pub(crate) document: String,
    pub(crate) source: String,
    /// The headings that it stands below.
    pub(crate) heading: String,
    pub(crate) text: String,
    /// The text as HTML, with the words that were found in `<mark>`; null if words did not find it.
    pub(crate) highlight: Option<String>,
    /// What the hits are ordered by; it says nothing beside other searches.
    pub(crate) score: f64,
    /// How well words find it, as a share of what they find best; null if they did not find it.
    pub(crate) keyword_score: Option<f32>,
    /// Null if its vector did not find it.
    pub(crate) vector_score: Option<f32>,
    /// Where it begins in the document's text, in bytes.
    pub(crate) start: Option<usize>,
    /// Where it ends in the document's text, in bytes.
    pub(crate) end: Option<usize>,
    /// The document's.
    #[cfg_attr(feature = "openapi", schemars(with = "crate::wire::metadata::Metadata"))]
    pub(crate) metadata: Box<RawValue>,
}

/// A chunk that is answered.
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

/// The best chunks as they are answered. Those that have left since they were found are left out.
pub(super) async fn show<W: IndexDatabase + Clock>(
    world: &W,
    index: &IndexRow,
    keywords: &Keywords,
    limit: usize,
    fused: &[Fused],
) -> Result<Vec<SearchHit>, Problem> {
    // Many more than are answered: some of those that vectors found may have left long ago.
    let seqs: Vec<u64> = fused.iter().map(|entry| seq_of(entry.id)).collect();
    if seqs.is_empty() {
        return Ok(Vec::new());
    }
    let wanted = json_param(&seqs);
    let (serving, id, limit) = (index.serving.as_str(), index.id.as_str(), i64::try_from(limit).unwrap_or(i64::MAX));
    let mut statements = vec![index_sql!("read_chunks", serving, id, wanted.clone(), limit)];
    if !keywords.is_empty() {
        statements.push(index_sql!("mark_words", json_param(&keywords.wanted()), wanted, limit, serving, id));
    }
    // Safe to repeat: it only reads.
    let answers = batch(&Store(world), &statements).await.map_err(|error| unavailable(&error))?;
    let (mut found, marked) = (rows::<FoundChunk>(answers.first())?, rows::<(u64, String)>(answers.get(1))?);
    let shown = |entry: &Fused| {
        let seq = seq_of(entry.id);
        let at = found.iter().position(|row| row.seq == seq)?;
        let row = found.swap_remove(at);
        let marked = marked.iter().find(|(of, _)| *of == seq);
        Some(SearchHit {
            document: row.document,
            source: row.source,
            heading: row.heading,
            highlight: marked.map(|(_, marked)| as_html(&row.text, marked, keywords)),
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
