//! Baselines on the set without Longshore: plain BM25, exact search by the model's vectors, and both combined.

use std::collections::HashMap;

use anyhow::Result;
use rusqlite::Connection;

use crate::measure::Question;
use crate::model::{Embedding, Model, cosine};
use crate::texts::{Document, of_documents};

/// Bytes of a chunk, except for a longer sentence: 250 tokens of English, so that the model reads all of it.
pub const CHUNK_BYTES: usize = 1_000;

/// Constant added to each rank, from Cormack, Clarke and Buettcher, "Reciprocal Rank Fusion", SIGIR 2009.
const FUSION_K: u32 = 60;

/// Part of a document.
#[derive(Debug)]
pub struct Chunk {
    /// Id of the document.
    pub document: String,
    /// Text of the part.
    pub text: String,
}

/// Fills chunks with whole sentences and lines.
pub fn chunks(documents: &[Document]) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    for Document { id, text } in documents {
        let mut parts = vec![String::new()];
        for sentence in text.split_inclusive(['.', '\n']) {
            match parts.last_mut() {
                Some(open) if open.is_empty() || open.len() + sentence.len() <= CHUNK_BYTES => open.push_str(sentence),
                _ => parts.push(sentence.to_owned()),
            }
        }
        chunks.extend(parts.into_iter().map(|text| Chunk { document: id.clone(), text }));
    }
    chunks
}

/// Ranks documents by FTS5's BM25 over word stems, any of which may match.
///
/// # Errors
/// Fails if SQLite fails.
pub fn keyword(chunks: &[Chunk], questions: &[Question]) -> Result<Vec<Vec<String>>> {
    let database = Connection::open_in_memory()?;
    database.execute_batch("CREATE VIRTUAL TABLE chunks USING fts5(document UNINDEXED, text, tokenize = 'porter')")?;
    let mut insert = database.prepare("INSERT INTO chunks VALUES (?1, ?2)")?;
    for Chunk { document, text } in chunks {
        insert.execute([document, text])?;
    }
    let mut search = database.prepare("SELECT document FROM chunks WHERE chunks MATCH ?1 ORDER BY rank, rowid")?;
    let mut rankings = Vec::new();
    for question in questions {
        let words = question.question.split(|character: char| !character.is_alphanumeric());
        let query: Vec<_> = words.filter(|word| !word.is_empty()).map(|word| format!("\"{word}\"")).collect();
        let ids: Vec<String> =
            search.query_map([query.join(" OR ")], |row| row.get(0))?.collect::<Result<_, rusqlite::Error>>()?;
        rankings.push(of_documents(ids.iter().map(String::as_str)));
    }
    Ok(rankings)
}

/// Ranks documents by the cosine of the question with every chunk.
///
/// # Errors
/// Fails if the model fails.
pub fn vector(model: &Model, chunks: &[Chunk], questions: &[Question]) -> Result<Vec<Vec<String>>> {
    let texts: Vec<_> = chunks.iter().map(|chunk| chunk.text.as_str()).collect();
    let of_chunks = model.embed(&texts)?;
    let texts_of_questions: Vec<_> = questions.iter().map(|question| question.question.as_str()).collect();
    let ranking = |question: Embedding| {
        let mut near: Vec<_> = chunks
            .iter()
            .zip(&of_chunks)
            .map(|(chunk, embedding)| (cosine(&question.vector, &embedding.vector), chunk.document.as_str()))
            .collect();
        near.sort_by(|left, right| right.0.total_cmp(&left.0));
        of_documents(near.into_iter().map(|(_, document)| document))
    };
    Ok(model.embed(&texts_of_questions)?.into_iter().map(ranking).collect())
}

/// Merges two rankings for each question by reciprocal rank fusion.
pub fn hybrid(left: &[Vec<String>], right: &[Vec<String>]) -> Vec<Vec<String>> {
    let fused = |(left, right): (&Vec<String>, &Vec<String>)| {
        let mut sums: HashMap<&str, f64> = HashMap::new();
        for ranking in [left, right] {
            for (rank, id) in (1_u32..).zip(ranking) {
                *sums.entry(id).or_default() += 1.0 / f64::from(FUSION_K + rank);
            }
        }
        let mut sums: Vec<_> = sums.into_iter().collect();
        sums.sort_by(|left, right| right.1.total_cmp(&left.1).then(left.0.cmp(right.0)));
        sums.into_iter().map(|(id, _)| id.to_owned()).collect()
    };
    left.iter().zip(right).map(fused).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Kind;

    fn document(id: &str, text: &str) -> Document {
        Document { id: id.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn chunks_are_whole_sentences_and_nothing_is_lost() {
        let sentence = format!("{}.", "x".repeat(CHUNK_BYTES / 2));
        let text = format!("# Title\n\n{sentence} {sentence}\n{}", "y".repeat(2 * CHUNK_BYTES));
        let chunks = chunks(&[document("a", &text), document("b", "Short.")]);
        let sizes: Vec<_> = chunks.iter().map(|chunk| (chunk.document.as_str(), chunk.text.len())).collect();
        assert_eq!(sizes, [("a", 510), ("a", 503), ("a", 2_000), ("b", 6)]);
        assert_eq!(chunks[..3].iter().map(|chunk| chunk.text.as_str()).collect::<String>(), text);
    }

    #[test]
    fn words_are_found_by_their_stem_and_a_question_needs_no_syntax() {
        let chunks = chunks(&[document("a", "The foxes ran."), document("b", "A heron \"stood\".")]);
        let question = Question {
            question: "fox AND running? \"(*".to_owned(),
            kind: Kind::Keyword,
            document: "a".to_owned(),
            also: Vec::new(),
        };
        assert_eq!(keyword(&chunks, &[question]).unwrap(), [["a"]]);
    }

    #[test]
    fn fusion_prefers_documents_of_both_rankings() {
        let ids = |ids: &str| vec![ids.chars().map(String::from).collect::<Vec<_>>()];
        assert_eq!(hybrid(&ids("abc"), &ids("xbz"))[0][0], "b");
        assert_eq!(hybrid(&ids(""), &ids("xy")), ids("xy"));
    }
}
