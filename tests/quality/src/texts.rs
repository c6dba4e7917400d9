//! The text set that the project ships, and the questions written for it.

use std::path::Path;

use anyhow::{Context, Result};

use crate::measure::Question;

/// One text of the set.
#[derive(Debug, Clone)]
pub struct Document {
    /// The name of its file, without `.md`.
    pub id: String,
    /// Its Markdown.
    pub text: String,
}

/// The folder that this package is in, where the set is.
fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All documents of `texts/`, by id. Its `README.md` says where they come from and is none of them.
///
/// # Errors
/// The folder cannot be read.
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

/// All questions of `questions.json`.
///
/// # Errors
/// The file cannot be read or is no list of questions.
pub fn questions() -> Result<Vec<Question>> {
    let text = std::fs::read(folder().join("questions.json")).context("cannot read questions.json")?;
    serde_json::from_slice(&text).context("questions.json")
}

/// The ranking of documents that a ranking of their chunks makes, the best first in both: each is as good as its best chunk.
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
        let asked: BTreeSet<_> = questions.iter().map(|question| question.question.to_lowercase()).collect();
        assert_eq!(asked.len(), questions.len());
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
