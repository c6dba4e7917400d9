//! What a search answers: the first chunks that are there, with what they say, where they stand, and marks.

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::find::{any_word, rows};
use super::merge::seq_of;
use super::{IndexRow, Store, index_sql};
use crate::authorize::unavailable;
use crate::ports::{Clock, IndexDatabase};
use crate::problem::Problem;
use crate::raw::Object;
use crate::search::fuse::Fused;
use crate::store::{batch, json_param};

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
    (query, limit): (&str, usize),
    fused: &[Fused],
) -> Result<Vec<Object>, Problem> {
    // Many more than are answered: some of those that vectors found may have left long ago.
    let seqs: Vec<u64> = fused.iter().map(|entry| seq_of(entry.id)).collect();
    if seqs.is_empty() {
        return Ok(Vec::new());
    }
    let words = any_word(query);
    let wanted = json_param(&seqs);
    let (serving, id, limit) = (index.serving.as_str(), index.id.as_str(), i64::try_from(limit).unwrap_or(i64::MAX));
    let mut statements = vec![index_sql!("read_chunks", serving, id, wanted.clone(), limit)];
    if !words.is_empty() {
        statements.push(index_sql!("mark_words", words.as_str(), wanted, limit, serving, id));
    }
    // Safe to repeat: it only reads.
    let answers = batch(&Store(world), statements).await.map_err(|error| unavailable(&error))?;
    let (found, marked) = (rows::<Row>(answers.first())?, rows::<(u64, String)>(answers.get(1))?);
    let shown = |entry: &Fused| {
        let seq = seq_of(entry.id);
        let row = found.iter().find(|row| row.seq == seq)?;
        let marked = marked.iter().find(|(of, _)| *of == seq);
        let hit = json!({
            "document": row.document, "source": row.source, "heading": row.heading, "text": row.text,
            "start": row.span.map(|span| span.0), "end": row.span.map(|span| span.1),
            "score": entry.score, "keyword_score": entry.keyword, "vector_score": entry.vector,
            "highlight": marked.map(|(_, text)| as_html(text)),
        });
        Some(Object::of(hit).with_kept("metadata", Some(&row.metadata)))
    };
    Ok(fused.iter().filter_map(shown).collect())
}

/// A text with its marks as HTML: all else in it is text.
fn as_html(marked: &str) -> String {
    let mut html = String::with_capacity(marked.len() + 32);
    for letter in marked.chars() {
        match letter {
            MARK_BEGINS => html.push_str("<mark>"),
            MARK_ENDS => html.push_str("</mark>"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '&' => html.push_str("&amp;"),
            '"' => html.push_str("&quot;"),
            other => html.push(other),
        }
    }
    html
}

/// What `mark_words.sql` sets around a word.
const MARK_BEGINS: char = '\u{2}';
const MARK_ENDS: char = '\u{3}';

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_the_only_markup() {
        let text = "if a < b && \u{2}lease\u{3} > \"c\" <script>";
        assert_eq!(as_html(text), "if a &lt; b &amp;&amp; <mark>lease</mark> &gt; &quot;c&quot; &lt;script&gt;");
    }
}
