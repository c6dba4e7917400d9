//! A search: by words, by vectors, or by both. Ids and vectors are of one moment of the store; what has left since then is
//! left out.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;

use futures_util::future::join;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::manage::{not_found, standing};
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

/// What finds chunks.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "SearchMode"))]
#[serde(rename_all = "lowercase")]
pub(crate) enum SearchMode {
    /// Words and vectors, fused by their ranks.
    #[default]
    Hybrid,
    /// Words.
    Keyword,
    /// Vectors.
    Vector,
}

/// A search as a caller asks for it.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct SearchRequest {
    /// What is searched for, in words.
    #[cfg_attr(feature = "openapi", schemars(length(min = 1, max = QUERY_CHARS_MAX)))]
    query: String,
    /// What finds it.
    #[serde(default)]
    mode: Word<SearchMode>,
    /// Chunks that are answered at most; 10 when nothing is said.
    limit: Option<Whole<1, SEARCH_RESULTS_MAX>>,
    /// What a document's metadata must say: `{"lang": "en", "year": {"gte": 2020}, "kind": {"in": ["guide"]}}`.
    #[cfg_attr(feature = "openapi", schemars(with = "Option<serde_json::Map<String, serde_json::Value>>"))]
    filter: Option<Box<RawValue>>,
}

/// What a search found.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct SearchResult {
    pub(crate) index: String,
    /// The index version that was searched.
    pub(crate) index_version: String,
    /// What was asked for.
    pub(crate) mode: SearchMode,
    /// Why a hybrid search was answered by words alone, or vectors of the latest chunks are missing; null where neither is so.
    pub(crate) degraded: Option<String>,
    /// The best first.
    pub(crate) hits: Vec<SearchHit>,
}

/// A search that was checked.
struct Query {
    text: String,
    keywords: Keywords,
    mode: SearchMode,
    limit: usize,
    filter: Option<Filter>,
}

/// Segments that were read, the last one used at the end. They never change, so they are as good as new.
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
        // Another search may have read it meanwhile.
        segments.retain(|(known, _)| known != key);
        segments.push_back((key.to_owned(), segment.clone()));
        while segments.len() > 1 && segments.iter().map(|(_, it)| it.bytes()).sum::<usize>() > SEGMENT_CACHE_BYTES {
            segments.pop_front();
        }
        Ok(segment)
    }
}

/// What one moment of the store has for a search.
struct Snapshot {
    index: IndexRow,
    /// What words found, the best first.
    keyword: Vec<Hit>,
    /// The chunks that no segment has yet.
    tail: Vec<(u64, String)>,
    /// The chunks that the filter says yes to; `None` without one.
    allowed: Option<BTreeSet<u64>>,
}

/// What is told where [`TAIL_ROWS_MAX`] chunks were read that no segment has: there may be more.
const LATE: &str = "The latest chunks have no segment yet: vectors find some of them only.";

/// Searches an index.
///
/// # Errors
/// A problem that names every wrong field; `NotFound`; `ProviderFailed` when vectors alone are asked for and the query has
/// none; `Unavailable`.
pub async fn search<W: IndexDatabase + Blobs + Http + Clock>(
    world: &W,
    settings: &Settings,
    segments: &SegmentCache,
    tenant: &str,
    name: &str,
    body: &[u8],
) -> Result<SearchResult, Problem> {
    let query = check(body)?;
    let mut snapshot = look(world, tenant, name, &query).await?;
    let vector = if query.mode == SearchMode::Keyword {
        Ok(Vec::new())
    } else {
        let found = nearest(world, settings, segments, &snapshot, &query).await;
        if found.as_ref().is_err_and(|error| error.is_stale) {
            // The segment was replaced between two calls: another look finds the new one.
            snapshot = look(world, tenant, name, &query).await?;
            nearest(world, settings, segments, &snapshot, &query).await
        } else {
            found
        }
    };
    let is_late = i64::try_from(snapshot.tail.len()).is_ok_and(|chunks| chunks >= TAIL_ROWS_MAX);
    let (vector, degraded) = match vector {
        Ok(hits) => (living(world, &snapshot, hits).await?, is_late.then(|| LATE.to_owned())),
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

async fn look<W: IndexDatabase + Clock>(
    world: &W,
    tenant: &str,
    name: &str,
    query: &Query,
) -> Result<Snapshot, Problem> {
    let by_words = query.mode != SearchMode::Vector && !query.keywords.is_empty();
    let most = if query.filter.is_some() { CANDIDATES_FILTERED } else { CANDIDATES };
    let tail = if query.mode == SearchMode::Keyword { 0 } else { TAIL_ROWS_MAX };
    let mut statements = vec![standing(tenant, name), index_sql!("find_tail", tenant, name, tail)];
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
    // Of the best of them: the score itself tells how rare the words are in all indexes, also those of others.
    let best = found.iter().map(|(_, score)| *score).fold(f32::MIN_POSITIVE, f32::max);
    let keyword = found.into_iter().filter(|(seq, _)| is_allowed(seq));
    let keyword =
        keyword.map(|(seq, score)| Hit { id: entry_of(seq), score: (score / best).clamp(0.0, 1.0) }).collect();
    Ok(Snapshot { index, keyword, tail: rows(answers.get(1))?, allowed })
}

/// The chunks of the documents that a filter says yes to. What changes meanwhile is found as it was or not at all.
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

/// Why there are no nearest vectors.
struct NoVectors {
    message: String,
    /// The segment is not there: it was replaced since the snapshot.
    is_stale: bool,
}

/// The chunks whose vectors are nearest to the query's.
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
        tracing::warn!(%error, "a segment cannot be read");
        NoVectors { message: "The vectors of the index cannot be read.".into(), is_stale: true }
    })?;
    let broken = |error: &dyn std::fmt::Display| {
        tracing::error!(%error, "vectors cannot be compared");
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

/// The hits of a search by vectors without chunks that have left since their segment was made, as far as places add up: there
/// are about so many of them, and further below they cost nobody a place that counts.
async fn living<W: IndexDatabase + Clock>(world: &W, snapshot: &Snapshot, hits: Vec<Hit>) -> Result<Vec<Hit>, Problem> {
    let Some(serving) = snapshot.index.serving().filter(|serving| serving.dead > 0) else { return Ok(hits) };
    let first = usize::try_from(serving.dead).unwrap_or(usize::MAX).saturating_add(2 * RANK_WINDOW).min(hits.len());
    let seqs: Vec<u64> = hits.iter().take(first).map(|hit| seq_of(hit.id)).collect();
    // Safe to repeat: it only reads.
    let answers = batch(&Store(world), &[index_sql!("find_living", serving.id.as_str(), json_param(&seqs))]).await;
    let mut living = BTreeSet::new();
    living.extend(rows::<u64>(answers.map_err(|error| unavailable(&error))?.first())?);
    let is_there = |(at, hit): &(usize, Hit)| *at >= first || living.contains(&seq_of(hit.id));
    Ok(hits.into_iter().enumerate().filter(is_there).map(|(_, hit)| hit).collect())
}

/// The vector of a query; why there is none, fit to be shown.
async fn vector_of<W: Http + Clock>(
    world: &W,
    settings: &Settings,
    index_version: &VersionRow,
    text: &str,
) -> Result<Vec<f32>, String> {
    let VersionRow { provider: name, model: model_name, dimensions, .. } = index_version;
    let known = settings.providers.model(name, model_name).filter(|(_, model)| model.dimensions == *dimensions);
    let (provider, model) = known.ok_or_else(|| format!("The deployment has no model {model_name:?} of {name:?}."))?;
    if provider.interface == Interface::Builtin {
        return Ok(lexical::embed(text));
    }
    let calls_left = Cell::new(1);
    let choice = Choice { provider: name.clone(), model: model_name.clone() };
    let version = &settings.version;
    let asked =
        EmbeddingRequest { provider, choice: &choice, model, version, calls_left: &calls_left, ends_at: i64::MAX };
    // No job asks, so no lease ends.
    let lease = Rc::new(Cell::new(i64::MAX));
    match ask(world, &asked, &[text], &[lease]).await.told.pop().map(|(embedded, _)| embedded) {
        Some(Embedded::Vector(vector)) => Ok(vector),
        Some(Embedded::Refused(message)) => Err(format!("The provider refuses the query: {message}")),
        Some(Embedded::Missing(what)) => Err(format!("The provider's answer has no vector: {what}.")),
        Some(Embedded::Failed(outcome)) => {
            Err(outcome.error().map_or_else(|| "The provider failed.".to_owned(), |error| error.message))
        }
        None => Err("The provider was not asked.".into()),
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
