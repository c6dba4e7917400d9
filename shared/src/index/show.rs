//! What a search answers: the first chunks that are there, with what they say, where they stand, and marks.

use serde::Deserialize;
use serde_json::json;
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
use crate::wire::raw::Object;

/// A chunk that is answered.
#[derive(Debug, Deserialize)]
struct Row {
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
) -> Result<Vec<Object>, Problem> {
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
    let (found, marked) = (rows::<Row>(answers.first())?, rows::<(u64, String)>(answers.get(1))?);
    let shown = |entry: &Fused| {
        let seq = seq_of(entry.id);
        let row = found.iter().find(|row| row.seq == seq)?;
        let marked = marked.iter().find(|(of, _)| *of == seq);
        let hit = json!({
            "document": row.document, "source": row.source, "heading": row.heading, "text": row.text,
            "start": row.span.map(|span| span.0), "end": row.span.map(|span| span.1),
            "score": entry.score, "keyword_score": entry.keyword, "vector_score": entry.vector,
            "highlight": marked.map(|(_, marked)| as_html(&row.text, marked, keywords)),
        });
        Some(Object::of(hit).with_kept("metadata", Some(&row.metadata)))
    };
    Ok(fused.iter().filter_map(shown).collect())
}
