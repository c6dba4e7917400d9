//! Plans the changes of each index version for one document, from the requested and the current state.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{IndexRow, VersionRow};
use crate::limits::{DOCUMENT_CHUNKS_MAX, INDEX_GO_ON_SECONDS, INDEX_PARAMETER_BYTES};
use crate::model::outcome::{ErrorClass, Outcome, RetryAfter};
use crate::ports::{Param, Statement};
use crate::search::chunk;
use crate::search::chunk::{Chunk, embedded};
use crate::search::words::indexed;
use crate::store::search::index_sql;
use crate::store::{json_param, json_params, vectors};
use crate::wire::metadata::Metadata;
use crate::wire::raw::RawObject;

/// A document in the state that a job requests.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Document {
    pub(crate) id: String,
    /// Content of the document; `None`: delete it.
    pub(crate) content: Option<DocumentContent>,
}

/// Text, metadata and source of a document.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DocumentContent {
    pub(crate) text: String,
    pub(crate) metadata: Metadata,
    pub(crate) source: String,
}

/// The current version of a document.
#[derive(Debug, Deserialize)]
pub(super) struct CurrentDocument {
    pub(super) version: String,
    pub(super) deleted: u8,
    pub(super) source: String,
    pub(super) hash: String,
    pub(super) metadata: Metadata,
    pub(super) layouts: Vec<Layout>,
}

/// The current version of a document, and the version of the last removal of a source.
pub(super) struct CurrentState {
    pub(super) current: Option<CurrentDocument>,
    pub(super) removal: Option<String>,
}

/// The removal of a source: it deletes all documents of the source with a smaller version.
#[derive(Debug, Clone, Copy)]
pub(super) struct Removal<'a> {
    pub(super) source: &'a str,
    pub(super) version: &'a str,
}

/// The chunks of a document in an index version, as (hash, start, end).
#[derive(Debug, Deserialize)]
pub(super) struct Layout {
    pub(super) index_version: String,
    pub(super) hash: String,
    pub(super) chunks: Vec<(String, usize, usize)>,
}

/// The version that a change writes, and the version that it may replace.
#[derive(Debug, Clone, Copy)]
pub(super) struct Versions<'a> {
    pub(super) new: &'a str,
    /// Version that was read; `None`: no document.
    pub(super) seen: Option<&'a str>,
}

/// The changes of one index version.
pub(super) struct ChunkPlan<'a> {
    pub(super) index_version: &'a VersionRow,
    /// Chunks in order, each with the hash that names its vector.
    pub(super) chunks: Vec<(String, Chunk)>,
    /// Hashes of the new chunks, each once.
    pub(super) fresh: Vec<String>,
    /// Number of chunks to delete.
    pub(super) removed: usize,
}

pub(super) fn state_of(document: &Document, current: Option<&CurrentDocument>, is_chunked: bool) -> &'static str {
    let was_there = current.is_some_and(|current| current.deleted == 0);
    match &document.content {
        None if was_there => "deleted",
        None => "absent",
        Some(content) if is_chunked && is_same(content, current) => "unchanged",
        Some(_) if was_there => "updated",
        Some(_) => "added",
    }
}

pub(super) fn is_same(content: &DocumentContent, current: Option<&CurrentDocument>) -> bool {
    current.is_some_and(|current| {
        current.deleted == 0
            && current.source == content.source
            && current.metadata == content.metadata
            && current.hash == vectors::hash_of(&content.text)
    })
}

/// Plans the change of each index version; an index version that has chunked this very text needs none. The version
/// `rebuilt` is treated as empty, and so is a version whose layout does not belong to the current text: a rebuild may
/// be chunking it at the same time ([`Apply::chunk_again`]).
///
/// [`Apply::chunk_again`]: super::apply::Apply::chunk_again
pub(super) fn plans<'a>(
    index: &'a IndexRow,
    document: &Document,
    current: Option<&CurrentDocument>,
    rebuilt: Option<&VersionRow>,
) -> Vec<ChunkPlan<'a>> {
    let text = document.content.as_ref().map(|content| content.text.as_str());
    let hash = text.map(vectors::hash_of).unwrap_or_default();
    let plan = |index_version: &'a VersionRow| {
        let layouts = current.map_or(&[][..], |current| &current.layouts);
        let layout = layouts.iter().find(|layout| layout.index_version == index_version.id);
        let had: BTreeSet<&str> = layout.iter().flat_map(|it| &it.chunks).map(|(hash, ..)| hash.as_str()).collect();
        let is_of = |hash: &str| layout.is_some_and(|layout| layout.hash == hash);
        let is_kept = rebuilt.is_none_or(|rebuilt| rebuilt.id != index_version.id)
            && current.is_some_and(|current| is_of(&current.hash));
        if is_kept && is_of(&hash) {
            return None;
        }
        let chunks = chunk::chunks(text.unwrap_or_default(), index_version.limits());
        let chunks: Vec<_> =
            chunks.into_iter().map(|chunk| (vectors::hash_of(&embedded(&chunk.heading, &chunk.text)), chunk)).collect();
        let has: BTreeSet<&str> = chunks.iter().map(|(hash, _)| hash.as_str()).collect();
        let stays = |hash: &str| is_kept && had.contains(hash) && has.contains(hash);
        let fresh = has.iter().filter(|hash| !stays(hash)).map(|hash| (*hash).to_owned()).collect();
        let removed = had.iter().filter(|hash| !stays(hash)).count();
        Some(ChunkPlan { index_version, chunks, fresh, removed })
    };
    index.index_versions.iter().filter_map(plan).collect()
}

pub(super) fn put_document(index: &IndexRow, document: &Document, versions: Versions<'_>, room: Param) -> Statement {
    let content = document.content.as_ref();
    let text = content.map_or("", |content| content.text.as_str());
    let head = json!({
        "id": document.id, "version": versions.new, "deleted": u8::from(content.is_none()),
        "source": content.map_or("", |content| content.source.as_str()),
        "hash": content.map(|content| vectors::hash_of(&content.text)).unwrap_or_default(),
    });
    let metadata = content.map(|content| content.metadata.to_raw());
    let head =
        RawObject::of(head).with_kept("metadata", Some(metadata.as_deref().unwrap_or(&Metadata::default().to_raw())));
    let planned: Vec<_> = index.index_versions.iter().map(|index_version| &index_version.id).collect();
    let (id, serving, seen) = (index.id.as_str(), index.serving.as_str(), versions.seen.map(str::to_owned));
    index_sql!("put_document", id, json_param(&head), text, seen, json_param(&planned), serving, room)
}

impl ChunkPlan<'_> {
    /// The index version, the change of its number of chunks, and its maximum.
    pub(super) fn room(&self) -> (&str, i64, u64) {
        let count = |chunks: usize| i64::try_from(chunks).unwrap_or(i64::MAX);
        (&self.index_version.id, count(self.fresh.len()) - count(self.removed), self.index_version.chunks_max())
    }

    pub(super) fn statements(&self, of: &Param) -> Vec<Statement> {
        let index_version = self.index_version.id.as_str();
        let mut statements = Vec::new();
        if !self.fresh.is_empty() {
            statements.push(index_sql!("count_chunks", i64::try_from(self.fresh.len()).unwrap_or(i64::MAX)));
            statements.push(index_sql!("add_chunks", of.clone(), json_param(&self.fresh)));
            statements.push(index_sql!("count_added", index_version));
            let mut fresh: BTreeSet<&str> = self.fresh.iter().map(String::as_str).collect();
            let words = self
                .chunks
                .iter()
                .filter(|(hash, _)| fresh.remove(hash.as_str()))
                .map(|(hash, chunk)| words_of_chunk(hash, chunk));
            let words = json_params(words, INDEX_PARAMETER_BYTES).into_iter();
            statements.extend(words.map(|words| index_sql!("add_words", of.clone(), words)));
        }
        let has: BTreeSet<&str> = self.chunks.iter().map(|(hash, _)| hash.as_str()).collect();
        // Runs also if no chunk is known to be obsolete: it deletes chunks that an overtaken job has left behind.
        statements.extend(drop_all_but(self.index_version, of, &json_param(&has)));
        let layout: Vec<_> = self.chunks.iter().map(|(hash, chunk)| (hash, chunk.start, chunk.end)).collect();
        statements.push(index_sql!("put_layout", of.clone(), json_param(&layout)));
        statements
    }
}

/// The words of a chunk, in the form that `add_words.sql` reads.
fn words_of_chunk(hash: &str, chunk: &Chunk) -> Value {
    json!({
        "hash": hash, "heading": chunk.heading, "text": chunk.text,
        "heading_words": indexed(&chunk.heading), "text_words": indexed(&chunk.text),
    })
}

/// Statements that delete all chunks of a document and their words, except chunks with the given hashes.
pub(super) fn drop_all_but(index_version: &VersionRow, of: &Param, has: &Param) -> [Statement; 3] {
    [
        index_sql!("drop_words", of.clone(), has.clone()),
        index_sql!("drop_chunks", of.clone(), has.clone()),
        count_dropped(&index_version.id),
    ]
}

/// Statement that counts the chunks that the previous statement deleted.
pub(super) fn count_dropped(index_version: &str) -> Statement {
    index_sql!("count_dropped", index_version)
}

/// The version of a document that was deleted with its source: greater than its own version, and smaller than every
/// version that was accepted after the document, even before the removal.
pub(super) fn removed_version(version: &str, removal: &str) -> String {
    format!("{version}.{removal}")
}

/// Checks that a document has at most [`DOCUMENT_CHUNKS_MAX`] chunks and that its index has room for the new ones.
///
/// # Errors
/// The outcome of the attempt.
pub(super) fn check_room(plan: &ChunkPlan<'_>) -> Result<(), Outcome> {
    let index_version = plan.index_version;
    if plan.chunks.len() > DOCUMENT_CHUNKS_MAX {
        let message =
            format!("The document has more than {DOCUMENT_CHUNKS_MAX} chunks; split it into several documents.");
        return Err(Outcome::failed(ErrorClass::Handler, message));
    }
    let most = index_version.chunks_max();
    if (index_version.chunks + plan.fresh.len() as u64).saturating_sub(plan.removed as u64) > most {
        let (has, dimensions) = (index_version.chunks, index_version.dimensions);
        let message = format!("The index has {has} chunks; the maximum is {most} for {dimensions} dimensions.");
        return Err(Outcome::failed(ErrorClass::Handler, message));
    }
    Ok(())
}

/// The outcome of an attempt that did part of the work: the job continues soon, and the attempt does not count as a
/// failure.
pub(super) fn continue_later(message: String) -> Outcome {
    let wait = RetryAfter::Deferral(Duration::from_secs(INDEX_GO_ON_SECONDS));
    Outcome::Failed { class: ErrorClass::Internal, message, retry_after: Some(wait) }
}
