//! Searches an index by words, by vectors, or by both. Ids and vectors come from one snapshot of the database; chunks
//! that were deleted since are skipped.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;

use futures_util::future::join;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::manage::{index_statement, not_found};
use super::merge::{Unread, entry_of, read_segment, seq_of};
use super::show::{SearchHit, show};
use super::{IndexRow, VersionRow};
use crate::embed::ask::{Embedded, EmbeddingRequest};
use crate::embed::round::ask;
use crate::limits::{
    CANDIDATES, CANDIDATES_FILTERED, CANDIDATES_VECTOR, FILTER_DOCUMENTS_PAGE, QUERY_CHARS_MAX, SEARCH_RESULTS_DEFAULT,
    SEARCH_RESULTS_MAX, SEGMENT_CACHE_BYTES, TAIL_ROWS_MAX,
};
use crate::ports::{Blobs, Clock, Http, IndexDatabase};
use crate::search::filter::Filter;
use crate::search::fuse::{RANK_WINDOW, fuse};
use crate::search::keywords::Keywords;
use crate::search::lexical;
use crate::search::scan::{Hit, top};
use crate::search::segment::{Segment, encode};
use crate::settings::Settings;
use crate::settings::providers::{Choice, Interface};
use crate::store::rows::{rows, unavailable};
use crate::store::search::{Store, index_sql};
use crate::store::{batch, first_as, json_param, vectors};
use crate::wire::invalid::{InvalidField, UNREADABLE, read};
use crate::wire::problem::Problem;
use crate::wire::raw::{comparable, find_twice};
use crate::wire::values::{Whole, Word};

/// The method that finds chunks.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "SearchMode"))]
#[serde(rename_all = "lowercase")]
pub(crate) enum SearchMode {
    /// Keywords and vectors, fused by their ranks.
    #[default]
    Hybrid,
    /// Keywords only.
    Keyword,
    /// Vectors only.
    Vector,
}

/// The request body of a search.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct SearchRequest {
    /// Search text.
    #[cfg_attr(feature = "openapi", schemars(length(min = 1, max = QUERY_CHARS_MAX)))]
    query: String,
    /// Search method; `hybrid` if omitted.
    #[serde(default)]
    mode: Word<SearchMode>,
    /// Maximum number of hits; 10 if omitted.
    limit: Option<Whole<1, SEARCH_RESULTS_MAX>>,
    /// Conditions on the documents' metadata: `{"lang": "en", "year": {"gte": 2020}, "kind": {"in": ["guide"]}}`.
    #[cfg_attr(feature = "openapi", schemars(with = "Option<serde_json::Map<String, serde_json::Value>>"))]
    filter: Option<Box<RawValue>>,
}

/// The result of a search.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct SearchResult {
    pub(crate) index: String,
    /// Id of the index version that was searched.
    pub(crate) index_version: String,
    /// Search method that was requested.
    pub(crate) mode: SearchMode,
    /// Reason why a hybrid search used keywords alone, or why vectors of the latest chunks were not searched; null
    /// otherwise.
    pub(crate) degraded: Option<String>,
    /// Hits, the best first.
    pub(crate) hits: Vec<SearchHit>,
}

/// A validated search.
struct Query {
    text: String,
    keywords: Keywords,
    mode: SearchMode,
    limit: usize,
    filter: Option<Filter>,
}

/// A cache of segments, the most recently used last. Segments are immutable, so a cached one is never stale.
#[derive(Debug, Default)]
pub struct SegmentCache(RefCell<VecDeque<(String, Rc<Segment>)>>);

impl SegmentCache {
    async fn read<W: Blobs + Clock>(&self, world: &W, key: &str) -> Result<Rc<Segment>, Unread> {
        let known = self.0.borrow().iter().position(|(known, _)| known == key);
        let segment = match known.and_then(|at| self.0.borrow_mut().remove(at)) {
            Some((_, segment)) => segment,
            // Safe to repeat: it only reads.
            None => Rc::new(read_segment(world, key).await?),
        };
        let mut segments = self.0.borrow_mut();
        // Another search may have read the same segment in between.
        segments.retain(|(known, _)| known != key);
        segments.push_back((key.to_owned(), segment.clone()));
        while segments.len() > 1 && segments.iter().map(|(_, it)| it.bytes()).sum::<usize>() > SEGMENT_CACHE_BYTES {
            segments.pop_front();
        }
        Ok(segment)
    }
}

/// The data of a search, read in one transaction.
struct Snapshot {
    index: IndexRow,
    /// Keyword hits, the best first.
    keyword: Vec<Hit>,
    /// Chunks that are not in a segment yet, with their vectors.
    tail: Vec<(u64, String)>,
    /// Chunks of the documents that match the filter; `None` without a filter.
    allowed: Option<BTreeSet<u64>>,
}

/// The reason shown after [`TAIL_ROWS_MAX`] chunks outside of the segment were read: there may be more.
const LATE: &str = "The latest chunks have no segment yet; the vector search covers only some of them.";

/// Searches an index.
///
/// # Errors
/// A problem that names every wrong field; `NotFound`; `ProviderFailed` if a search by vectors alone has no vector of
/// the query; `Unavailable`.
pub async fn search<W: IndexDatabase + Blobs + Http + Clock>(
    world: &W,
    settings: &Settings,
    segments: &SegmentCache,
    tenant: &str,
    name: &str,
    body: &[u8],
) -> Result<SearchResult, Problem> {
    let query = check(body)?;
    let mut snapshot = read_snapshot(world, tenant, name, &query).await?;
    let vector = if query.mode == SearchMode::Keyword {
        Ok(Vec::new())
    } else {
        let found = nearest(world, settings, segments, &snapshot, &query).await;
        if found.as_ref().is_err_and(|error| error.is_stale) {
            // A merge replaced the segment between the two reads: a new snapshot names the new segment.
            snapshot = read_snapshot(world, tenant, name, &query).await?;
            nearest(world, settings, segments, &snapshot, &query).await
        } else {
            found
        }
    };
    let is_late = i64::try_from(snapshot.tail.len()).is_ok_and(|chunks| chunks >= TAIL_ROWS_MAX);
    let (vector, degraded) = match vector {
        Ok(hits) => (without_deleted(world, &snapshot, hits).await?, is_late.then(|| LATE.to_owned())),
        Err(error) if query.mode == SearchMode::Vector => return Err(Problem::ProviderFailed(error.message)),
        Err(error) => (Vec::new(), Some(error.message)),
    };
    let fused = fuse(&snapshot.keyword, &vector);
    let hits = show(world, &snapshot.index, &query.keywords, query.limit, &fused).await?;
    let (index, index_version) = (name.to_owned(), snapshot.index.serving);
    Ok(SearchResult { index, index_version, mode: query.mode, degraded, hits })
}

fn check(body: &[u8]) -> Result<Query, Problem> {
    let SearchRequest { query, mode, limit, filter } = read(body, "#")?;
    let (mut errors, length) = (Vec::new(), query.chars().count());
    if query.is_empty() || length > QUERY_CHARS_MAX {
        let detail = format!("must have 1 to {QUERY_CHARS_MAX} characters, got {length}");
        errors.push(InvalidField::of("#/query", "out-of-range", detail));
    } else if query.trim().is_empty() {
        errors.push(InvalidField::of("#/query", "out-of-range", "must not be blank"));
    }
    errors.extend(limit.and_then(|limit| limit.check("#/limit")));
    let (mode, limit) = (mode.0, limit.map_or(SEARCH_RESULTS_DEFAULT, Whole::count));
    let filter = filter.map(|filter| read_filter(&filter)).transpose();
    match filter {
        Ok(filter) if errors.is_empty() => {
            Ok(Query { keywords: Keywords::of(&query), text: query, mode, limit, filter })
        }
        Ok(_) => Err(Problem::InvalidRequest(errors)),
        Err(wrong) => Err(Problem::InvalidRequest(errors.into_iter().chain(wrong).collect())),
    }
}

fn read_filter(filter: &RawValue) -> Result<Filter, Vec<InvalidField>> {
    let mut twice = Vec::new();
    find_twice(filter.get(), "#/filter", &mut twice);
    if !twice.is_empty() {
        return Err(twice);
    }
    let unreadable = |_| vec![InvalidField::of("#/filter", "unreadable-value", UNREADABLE)];
    Filter::parse(&serde_json::from_str(filter.get()).map_err(unreadable)?, "#/filter")
}

async fn read_snapshot<W: IndexDatabase + Clock>(
    world: &W,
    tenant: &str,
    name: &str,
    query: &Query,
) -> Result<Snapshot, Problem> {
    let by_words = query.mode != SearchMode::Vector && !query.keywords.is_empty();
    let most = if query.filter.is_some() { CANDIDATES_FILTERED } else { CANDIDATES };
    let tail = if query.mode == SearchMode::Keyword { 0 } else { TAIL_ROWS_MAX };
    let mut statements = vec![index_statement(tenant, name), index_sql!("find_tail", tenant, name, tail)];
    if by_words {
        statements.push(index_sql!("find_words", tenant, name, json_param(&query.keywords.wanted()), most));
    }
    // Safe to repeat: it only reads, in one transaction.
    let answers = batch(&Store(world), &statements).await.map_err(|error| unavailable(&error))?;
    let mut rest = answers.get(2..).unwrap_or_default().iter();
    let index = first_as(answers.first()).map_err(|error| unavailable(&error))?.ok_or_else(|| not_found(name))?;
    let found = if by_words { rows::<(u64, f32)>(rest.next())? } else { Vec::new() };
    let allowed = match &query.filter {
        None => None,
        Some(filter) => Some(allowed(world, &index, filter).await?),
    };
    let is_allowed = |seq: &u64| allowed.as_ref().is_none_or(|allowed| allowed.contains(seq));
    // Relative to the best match: an absolute score would reveal how rare a word is in all indexes, also of other
    // tenants.
    let best = found.iter().map(|(_, score)| *score).fold(f32::MIN_POSITIVE, f32::max);
    let keyword = found.into_iter().filter(|(seq, _)| is_allowed(seq));
    let keyword =
        keyword.map(|(seq, score)| Hit { id: entry_of(seq), score: (score / best).clamp(0.0, 1.0) }).collect();
    Ok(Snapshot { index, keyword, tail: rows(answers.get(1))?, allowed })
}

/// Finds the chunks of the documents that match a filter. A document that changes during the search is matched in its
/// old state, or skipped.
async fn allowed<W: IndexDatabase + Clock>(
    world: &W,
    index: &IndexRow,
    filter: &Filter,
) -> Result<BTreeSet<u64>, Problem> {
    let (index_version, id) = (index.serving.as_str(), index.id.as_str());
    let (mut allowed, mut after) = (BTreeSet::new(), String::new());
    loop {
        let page = index_sql!("find_metadata", index_version, id, after.as_str(), FILTER_DOCUMENTS_PAGE);
        // Safe to repeat: it only reads.
        let answers = batch(&Store(world), &[page]).await.map_err(|error| unavailable(&error))?;
        let page = rows::<(String, Box<RawValue>, Vec<u64>)>(answers.first())?;
        let is_last = i64::try_from(page.len()).is_ok_and(|documents| documents < FILTER_DOCUMENTS_PAGE);
        for (id, metadata, seqs) in page {
            if filter.matches(&comparable(metadata.get())) {
                allowed.extend(seqs);
            }
            after = id;
        }
        if is_last {
            return Ok(allowed);
        }
    }
}

/// The reason why the vector search failed.
struct NoVectors {
    message: String,
    /// True if the segment is missing: it was replaced after the snapshot.
    is_stale: bool,
}

/// Finds the chunks whose vectors are nearest to the query's.
async fn nearest<W: Blobs + Http + Clock>(
    world: &W,
    settings: &Settings,
    segments: &SegmentCache,
    snapshot: &Snapshot,
    query: &Query,
) -> Result<Vec<Hit>, NoVectors> {
    let serving = snapshot.index.serving();
    let serving =
        serving.ok_or_else(|| NoVectors { message: "The index has no index version.".into(), is_stale: true })?;
    let segment = async {
        match &serving.segment {
            Some(key) => segments.read(world, key).await.map(Some),
            None => Ok(None),
        }
    };
    let (vector, segment) = join(vector_of(world, settings, serving, &query.text), segment).await;
    let vector = vector.map_err(|message| NoVectors { message, is_stale: false })?;
    let segment = segment.map_err(|error| {
        tracing::warn!(%error, "segment_unreadable");
        NoVectors { message: "The vectors of the index cannot be read.".into(), is_stale: true }
    })?;
    let broken = |error: &dyn std::fmt::Display| {
        tracing::error!(%error, "vector_scan_failed");
        NoVectors { message: "The vectors of the index cannot be compared.".into(), is_stale: false }
    };
    let read = |(seq, text): &(u64, String)| Some((entry_of(*seq), vectors::decode(text, serving.dimensions)?));
    let tail: Vec<_> = snapshot.tail.iter().filter_map(read).collect();
    let tail = encode(serving.dimensions, tail.iter().map(|(entry, vector)| (*entry, vector.as_slice())));
    let tail = tail.and_then(Segment::decode).map_err(|error| broken(&error))?;
    let all: Vec<&Segment> = segment.iter().map(Rc::as_ref).chain([&tail]).collect();
    let is_left_out = |entry: &_| snapshot.allowed.as_ref().is_some_and(|allowed| !allowed.contains(&seq_of(*entry)));
    top(&all, &vector, CANDIDATES_VECTOR, is_left_out).map_err(|error| broken(&error))
}

/// Removes vector hits whose chunks were deleted since the segment was written. It checks only the ranks that can
/// affect the fused order: the segment has about `dead` deleted chunks, and beyond that a deleted chunk costs no other
/// chunk a relevant rank.
async fn without_deleted<W: IndexDatabase + Clock>(
    world: &W,
    snapshot: &Snapshot,
    hits: Vec<Hit>,
) -> Result<Vec<Hit>, Problem> {
    let Some(serving) = snapshot.index.serving().filter(|serving| serving.dead > 0) else { return Ok(hits) };
    let first = usize::try_from(serving.dead).unwrap_or(usize::MAX).saturating_add(2 * RANK_WINDOW).min(hits.len());
    let seqs: Vec<u64> = hits.iter().take(first).map(|hit| seq_of(hit.id)).collect();
    // Safe to repeat: it only reads.
    let answers = batch(&Store(world), &[index_sql!("find_living", serving.id.as_str(), json_param(&seqs))]).await;
    let mut existing = BTreeSet::new();
    existing.extend(rows::<u64>(answers.map_err(|error| unavailable(&error))?.first())?);
    let is_kept = |(at, hit): &(usize, Hit)| *at >= first || existing.contains(&seq_of(hit.id));
    Ok(hits.into_iter().enumerate().filter(is_kept).map(|(_, hit)| hit).collect())
}

/// Computes the vector of a query. The error is a text for the caller.
async fn vector_of<W: Http + Clock>(
    world: &W,
    settings: &Settings,
    index_version: &VersionRow,
    text: &str,
) -> Result<Vec<f32>, String> {
    let VersionRow { provider: name, model: model_name, dimensions, .. } = index_version;
    let known = settings.providers.model(name, model_name).filter(|(_, model)| model.dimensions == *dimensions);
    let (provider, model) = known.ok_or_else(|| format!("Provider {name:?} has no model {model_name:?}."))?;
    if provider.interface == Interface::Builtin {
        return Ok(lexical::embed(text));
    }
    let calls_left = Cell::new(1);
    let choice = Choice { provider: name.clone(), model: model_name.clone() };
    let version = &settings.version;
    let asked =
        EmbeddingRequest { provider, choice: &choice, model, version, calls_left: &calls_left, ends_at: i64::MAX };
    // No job waits for this vector, so no lease limits the call.
    let lease = Rc::new(Cell::new(i64::MAX));
    match ask(world, &asked, &[text], &[lease]).await.results.pop().map(|(embedded, _)| embedded) {
        Some(Embedded::Vector(vector)) => Ok(vector),
        Some(Embedded::Refused(message)) => Err(format!("The provider refuses the query: {message}")),
        Some(Embedded::Missing(what)) => Err(format!("The provider's answer has no vector: {what}.")),
        Some(Embedded::Failed(outcome)) => {
            Err(outcome.error().map_or_else(|| "The provider failed.".to_owned(), |error| error.message))
        }
        None => Err("The provider was not called.".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_search_names_its_fields() {
        let errors = |body: &str| match check(body.as_bytes()).map(|_| ()) {
            Err(Problem::InvalidRequest(errors)) => errors.into_iter().map(|error| error.pointer).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        };
        assert_eq!(errors(r#"{"query": " ", "limit": 0, "filter": []}"#), ["#/query", "#/limit", "#/filter"]);
        assert_eq!(errors(r#"{"query": "a", "mode": "magic"}"#), ["#/mode"]);
        assert_eq!(errors(r#"{"query": "a", "limit": 101}"#), ["#/limit"]);
        assert!(check(br#"{"query": "a", "filter": {"lang": "en"}, "mode": "keyword", "limit": 100}"#).is_ok());
    }
}
