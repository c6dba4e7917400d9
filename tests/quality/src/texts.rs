//! Text set of the project, and the questions written for it.

use std::path::Path;

use anyhow::{Context, Result};

use crate::measure::Question;

/// Text of the set.
#[derive(Debug, Clone)]
pub struct Document {
    /// Name of its file, without `.md`.
    pub id: String,
    /// Text as Markdown.
    pub text: String,
}

/// Returns the folder of this package, which contains the set.
fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns all documents of `texts/`, sorted by id. `README.md` describes their origin and is not one of them.
///
/// # Errors
/// Fails if the folder cannot be read.
pub fn documents() -> Result<Vec<Document>> {
    let mut documents = Vec::new();
    for entry in std::fs::read_dir(folder().join("texts")).context("cannot read texts/")? {
        let path = entry?.path();
        let id = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if id != "README" {
            documents.push(Document { id, text: std::fs::read_to_string(&path)? });
        }
    }
    documents.sort_by(|left, right| left.id.cmp(&right.id));
    Ok(documents)
}

/// Returns all questions of `questions.json`.
///
/// # Errors
/// Fails if the file cannot be read or is not a list of questions.
pub fn questions() -> Result<Vec<Question>> {
    let text = std::fs::read(folder().join("questions.json")).context("cannot read questions.json")?;
    serde_json::from_slice(&text).context("questions.json")
}

/// Returns the ranking of documents for a ranking of their chunks, both with the best first: a document ranks as its
/// best chunk.
pub fn of_documents<'a>(chunks: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut documents: Vec<String> = Vec::new();
    for id in chunks {
        if !documents.iter().any(|known| known == id) {
            documents.push(id.to_owned());
        }
    }
    documents
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::measure::Kind;

    #[test]
    fn a_document_is_as_good_as_its_best_chunk() {
        assert_eq!(of_documents(["b", "a", "b", "c", "a"].into_iter()), ["b", "a", "c"]);
    }

    #[test]
    fn every_question_is_asked_once_of_documents_that_exist() {
        let ids: BTreeSet<_> = documents().unwrap().into_iter().map(|document| document.id).collect();
        let questions = questions().unwrap();
        let distinct: BTreeSet<_> = questions.iter().map(|question| question.question.to_lowercase()).collect();
        assert_eq!(distinct.len(), questions.len());
        for question in &questions {
            for id in question.also.iter().chain([&question.document]) {
                assert!(ids.contains(id), "{id} of {:?}", question.question);
            }
            assert!(!question.also.contains(&question.document), "{:?}", question.question);
        }
        for kind in Kind::ALL {
            assert!(questions.iter().filter(|question| question.kind == kind).count() >= 20, "{kind:?}");
        }
    }

    #[test]
    fn the_texts_are_whole_and_clean() {
        let documents = documents().unwrap();
        assert!((60..=100).contains(&documents.len()), "{}", documents.len());
        assert!(documents.iter().map(|document| document.text.len()).sum::<usize>() <= 300_000);
        for Document { id, text } in documents {
            assert!(text.starts_with("# ") && text.ends_with(".\n"), "{id} has no title or no end");
            assert!(text.is_ascii() && !text.contains('\t') && !text.contains("\n\n\n"), "{id} is not clean");
            assert!(text.lines().all(|line| line == line.trim_end()), "{id} has spaces at the end of a line");
        }
    }
}
