//! What a change of a document has to do in each index version, from what is asked for and what stands.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{IndexRow, VersionRow};
use crate::limits::{INDEX_GO_ON_SECONDS, INDEX_PARAMETER_BYTES};
use crate::model::outcome::{ErrorClass, Outcome, RetryAfter};
use crate::ports::{Param, Statement};
use crate::search::chunk;
use crate::search::chunk::{Chunk, embedded};
use crate::search::words::indexed;
use crate::store::search::index_sql;
use crate::store::{json_param, json_params, vectors};
use crate::wire::metadata::Metadata;
use crate::wire::raw::RawObject;

/// What a job makes of a document.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Document {
    pub(crate) id: String,
    /// `None`: it is no more.
    pub(crate) content: Option<DocumentContent>,
}

/// What there is of a document.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DocumentContent {
    pub(crate) text: String,
    pub(crate) metadata: Metadata,
    pub(crate) source: String,
}

/// A document as it stands.
#[derive(Debug, Deserialize)]
pub(super) struct CurrentDocument {
    pub(super) version: String,
    pub(super) deleted: u8,
    pub(super) source: String,
    pub(super) hash: String,
    pub(super) metadata: Metadata,
    pub(super) layouts: Vec<Layout>,
}

/// A document as it stands, and the version before which nothing of its source does.
pub(super) struct CurrentState {
    pub(super) standing: Option<CurrentDocument>,
    pub(super) removal: Option<String>,
}

/// The removal of a source: all of it leaves that has a version before this one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Removal<'a> {
    pub(super) source: &'a str,
    pub(super) version: &'a str,
}

/// What an index version has cut a document into.
#[derive(Debug, Deserialize)]
pub(super) struct Layout {
    pub(super) index_version: String,
    pub(super) hash: String,
    pub(super) chunks: Vec<(String, usize, usize)>,
}

/// The version that a change writes, and the one that it may take the place of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Versions<'a> {
    pub(super) new: &'a str,
    /// What was seen to stand; `None`: nothing.
    pub(super) seen: Option<&'a str>,
}

/// An index version's part of a change.
pub(super) struct ChunkPlan<'a> {
    pub(super) index_version: &'a VersionRow,
    /// The chunks in order, each with the name of its vector.
    pub(super) chunks: Vec<(String, Chunk)>,
    /// The names of those that are new, each once.
    pub(super) fresh: Vec<String>,
    /// How many leave.
    pub(super) removed: usize,
}

pub(super) fn state_of(document: &Document, standing: Option<&CurrentDocument>, is_chunked: bool) -> &'static str {
    let was_there = standing.is_some_and(|standing| standing.deleted == 0);
    match &document.content {
        None if was_there => "deleted",
        None => "absent",
        Some(content) if is_chunked && is_same(content, standing) => "unchanged",
        Some(_) if was_there => "updated",
        Some(_) => "added",
    }
}

pub(super) fn is_same(content: &DocumentContent, standing: Option<&CurrentDocument>) -> bool {
    standing.is_some_and(|standing| {
        standing.deleted == 0
            && standing.source == content.source
            && standing.metadata == content.metadata
            && standing.hash == vectors::hash_of(&content.text)
    })
}

/// What each index version has to do; nothing if it has cut this very text. `anew` is one that is taken to have nothing of it. So is
/// one whose layout is not of the document that stands: while that is the same, a rebuild may cut it ([`Apply::chunk_again`]).
///
/// [`Apply::chunk_again`]: super::apply::Apply::cut_again
pub(super) fn plans<'a>(
    index: &'a IndexRow,
    document: &Document,
    standing: Option<&CurrentDocument>,
    anew: Option<&VersionRow>,
) -> Vec<ChunkPlan<'a>> {
    let text = document.content.as_ref().map(|content| content.text.as_str());
    let hash = text.map(vectors::hash_of).unwrap_or_default();
    let plan = |index_version: &'a VersionRow| {
        let layouts = standing.map_or(&[][..], |standing| &standing.layouts);
        let layout = layouts.iter().find(|layout| layout.index_version == index_version.id);
        let had: BTreeSet<&str> = layout.iter().flat_map(|it| &it.chunks).map(|(hash, ..)| hash.as_str()).collect();
        let is_of = |hash: &str| layout.is_some_and(|layout| layout.hash == hash);
        let is_kept = anew.is_none_or(|anew| anew.id != index_version.id)
            && standing.is_some_and(|standing| is_of(&standing.hash));
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
    /// The index version, how many chunks it gets more, and how many it may have.
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
                .map(|(hash, chunk)| said(hash, chunk));
            let words = json_params(words, INDEX_PARAMETER_BYTES).into_iter();
            statements.extend(words.map(|words| index_sql!("add_words", of.clone(), words)));
        }
        let has: BTreeSet<&str> = self.chunks.iter().map(|(hash, _)| hash.as_str()).collect();
        // Also when nothing is known to leave: what a job that was overtaken left behind leaves too.
        statements.extend(drop_all_but(self.index_version, of, &json_param(&has)));
        let layout: Vec<_> = self.chunks.iter().map(|(hash, chunk)| (hash, chunk.start, chunk.end)).collect();
        statements.push(index_sql!("put_layout", of.clone(), json_param(&layout)));
        statements
    }
}

/// What a chunk says, as `add_words.sql` takes it.
fn said(hash: &str, chunk: &Chunk) -> Value {
    json!({
        "hash": hash, "heading": chunk.heading, "text": chunk.text,
        "heading_words": indexed(&chunk.heading), "text_words": indexed(&chunk.text),
    })
}

/// The chunks of a document leave with what they say, but for those with these hashes.
pub(super) fn drop_all_but(index_version: &VersionRow, of: &Param, has: &Param) -> [Statement; 3] {
    [
        index_sql!("drop_words", of.clone(), has.clone()),
        index_sql!("drop_chunks", of.clone(), has.clone()),
        count_dropped(&index_version.id),
    ]
}

/// Counts the chunks that the statement just before took away.
pub(super) fn count_dropped(index_version: &str) -> Statement {
    index_sql!("count_dropped", index_version)
}

/// The outcome of an attempt that did its share: the job goes on soon and spends no failure.
pub(super) fn goes_on(message: String) -> Outcome {
    let wait = RetryAfter::Deferral(Duration::from_secs(INDEX_GO_ON_SECONDS));
    Outcome::Failed { class: ErrorClass::Internal, message, retry_after: Some(wait) }
}
