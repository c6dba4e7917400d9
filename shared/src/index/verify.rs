//! Checks an index for inconsistencies between documents, layouts, chunks, words and vectors, in rows and in the
//! segment. Reports the differences and repairs them on request.
//!
//! Each row is read with its related rows in one statement, so a concurrent change is not reported as a difference.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::apply::{Apply, TargetIndex};
use super::merge::{Unread, entry_of};
use super::plan::count_dropped;
use super::{IndexRow, VersionRow};
use crate::embed::ask::Call;
use crate::index::merge;
use crate::index::plan::continue_later;
use crate::limits::{INDEX_TRIES, VERIFY_CHUNKS, VERIFY_DOCUMENTS, VERIFY_NAMED};
use crate::model::outcome::Outcome;
use crate::model::result::JobResult;
use crate::ports::{DatabaseError, Statement, World};
use crate::search::chunk::embedded;
use crate::search::lexical;
use crate::search::segment::Segment;
use crate::search::words::indexed;
use crate::settings::providers::BUILTIN;
use crate::store::search::{Store, index_sql};
use crate::store::{batch, json_param, rows_as, vectors};

/// The cosine from which two vectors count as equal: a float16 model on another machine still reaches 0.9999.
const ALIKE_COSINE: f64 = 0.999;

/// A document with its layout and its chunks.
#[derive(Debug, Deserialize)]
struct DocumentRow {
    id: String,
    deleted: u8,
    hash: String,
    chunked: Option<String>,
    layout: BTreeSet<String>,
    chunks: BTreeSet<String>,
}

/// A chunk with its words and its cached vector.
#[derive(Debug, Deserialize)]
struct ChunkRow {
    seq: u64,
    document: String,
    hash: String,
    vector: String,
    kept: Option<String>,
    heading: Option<String>,
    text: Option<String>,
    heading_words: Option<String>,
    text_words: Option<String>,
    is_known: u8,
}

/// The differences found in an index version.
#[derive(Debug, Default)]
struct Differences {
    documents: u64,
    chunks: u64,
    /// Number of differences of each kind.
    by_kind: BTreeMap<&'static str, u64>,
    /// Documents to chunk again, each with the cached vectors to request again.
    wrong: BTreeMap<String, Vec<String>>,
    /// Numbers of words rows without a chunk.
    words: Vec<u64>,
    /// True if the segment must be rebuilt.
    is_segment_wrong: bool,
}

impl Differences {
    fn differs(&mut self, what: &'static str, document: &str) {
        *self.by_kind.entry(what).or_default() += 1;
        self.wrong.entry(document.to_owned()).or_default();
    }

    fn check_document(&mut self, row: &DocumentRow) {
        self.documents += u64::from(row.deleted == 0);
        let is_chunked = row.chunked.as_deref() == Some(&row.hash) || row.deleted == 1 && row.layout.is_empty();
        if !is_chunked {
            self.differs("stale_document", &row.id);
        }
        row.layout.difference(&row.chunks).for_each(|_| self.differs("missing_chunk", &row.id));
        row.chunks.difference(&row.layout).for_each(|_| self.differs("orphan_chunk", &row.id));
    }

    fn check_chunk(&mut self, row: &ChunkRow, index_version: &VersionRow, segment: Option<&Segment>) {
        self.chunks += 1;
        if row.is_known == 0 {
            self.differs("orphan_chunk", &row.document);
        }
        let (Some(heading), Some(text)) = (&row.heading, &row.text) else {
            self.differs("missing_words", &row.document);
            return;
        };
        let embedded_text = embedded(heading, text);
        let is_chunked = |words: Option<&str>, text: &str| words == Some(&*indexed(text));
        let is_found = is_chunked(row.heading_words.as_deref(), heading) && is_chunked(row.text_words.as_deref(), text);
        if vectors::hash_of(&embedded_text) != row.hash || !is_found {
            self.differs("stale_words", &row.document);
        }
        let vector = vectors::decode(&row.vector, index_version.dimensions);
        let expected = match (&row.kept, index_version.provider.as_str()) {
            (_, BUILTIN) => Some(lexical::embed(&embedded_text)),
            (Some(kept), _) => vectors::decode(kept, index_version.dimensions),
            (None, _) => vector.clone(),
        };
        let is_right = vector.as_ref().zip(expected.as_ref()).is_some_and(|(one, other)| is_alike(one, other));
        if !is_right {
            self.differs("wrong_vector", &row.document);
            self.wrong.entry(row.document.clone()).or_default().push(row.hash.clone());
        } else if let (Some(segment), Some(vector)) = (segment, &vector)
            && i64::try_from(row.seq).is_ok_and(|seq| seq <= index_version.segment_seq)
            && !segment.holds(&entry_of(row.seq), vector)
        {
            *self.by_kind.entry("wrong_in_segment").or_default() += 1;
            self.is_segment_wrong = true;
        }
    }
}

/// The result of a verify job.
#[derive(Debug, Serialize)]
struct VerifyReport<'a> {
    index: &'a str,
    index_version: &'a str,
    documents: u64,
    chunks: u64,
    differences: &'a BTreeMap<&'static str, u64>,
    /// Ids of the first documents that differ.
    named: Vec<&'a str>,
    repaired: bool,
}

/// Compares two vectors: a provider may return slightly different vectors for the same text.
fn is_alike(one: &[f32], other: &[f32]) -> bool {
    let product = |left: &[f32], right: &[f32]| -> f64 {
        left.iter().zip(right).map(|(left, right)| f64::from(*left) * f64::from(*right)).sum()
    };
    let lengths = (product(one, one) * product(other, other)).sqrt();
    one == other || product(one, other) >= ALIKE_COSINE * lengths && lengths > 0.0
}

/// Checks an index and repairs it if `repair` is set. Infallible: every failure becomes an `Outcome`.
pub(crate) async fn verify<W: World>(
    apply: &Apply<'_, W>,
    target: TargetIndex<'_>,
    repair: bool,
) -> (Outcome, Vec<Rc<Call>>) {
    let mut calls = Vec::new();
    let outcome = match try_verify(apply, target, repair, &mut calls).await {
        Ok(result) => Outcome::Succeeded { result },
        Err(outcome) => outcome,
    };
    (outcome, calls)
}

async fn try_verify<W: World>(
    apply: &Apply<'_, W>,
    target: TargetIndex<'_>,
    repair: bool,
    calls: &mut Vec<Rc<Call>>,
) -> Result<JobResult, Outcome> {
    for _ in 0..INDEX_TRIES {
        let (index, segment) = begin(apply, target).await?;
        let Some(index_version) = index.serving() else { return Ok(Value::Null.into()) };
        let found = find_differences(apply, &index, index_version, segment).await?;
        if apply.index_of(target).await?.serving != index.serving {
            // A swap dropped the version that was checked, so its differences are meaningless: check the new one.
            continue;
        }
        if repair {
            repair_documents(apply, &index, index_version, &found, calls).await?;
        }
        return Ok(JobResult::written(&VerifyReport {
            index: target.name,
            index_version: &index_version.id,
            documents: found.documents,
            chunks: found.chunks,
            differences: &found.by_kind,
            named: found.wrong.keys().take(VERIFY_NAMED).map(String::as_str).collect(),
            repaired: repair && !found.by_kind.is_empty(),
        }));
    }
    Err(continue_later("The serving index version keeps changing; the job continues later.".to_owned()))
}

/// Reads the index and its segment; the segment is an error if the object is missing or invalid.
async fn begin<W: World>(
    apply: &Apply<'_, W>,
    target: TargetIndex<'_>,
) -> Result<(IndexRow, Result<Option<Segment>, Unread>), Outcome> {
    let mut index = apply.index_of(target).await?;
    loop {
        let key = index.serving().and_then(|index_version| index_version.segment.clone());
        let Some(key) = key else { return Ok((index, Ok(None))) };
        // Safe to repeat: it only reads.
        match merge::read_segment(apply.world, &key).await {
            Ok(segment) => return Ok((index, Ok(Some(segment)))),
            Err(Unread::Away(error)) => return Err(apply.failed(&DatabaseError::Unreachable(error.to_string()))),
            Err(error) => {
                index = apply.index_of(target).await?;
                // A merge may have replaced the segment after the row was read.
                if index.serving().and_then(|index_version| index_version.segment.as_ref()) == Some(&key) {
                    return Ok((index, Err(error)));
                }
            }
        }
    }
}

async fn find_differences<W: World>(
    apply: &Apply<'_, W>,
    index: &IndexRow,
    index_version: &VersionRow,
    segment: Result<Option<Segment>, Unread>,
) -> Result<Differences, Outcome> {
    let mut found = Differences::default();
    let segment = segment.unwrap_or_else(|error| {
        tracing::warn!(%error, "segment_unreadable");
        found.by_kind.insert("missing_segment", 1);
        found.is_segment_wrong = true;
        None
    });
    let mut after = String::new();
    loop {
        let page = index_sql!(
            "verify_documents",
            index.id.as_str(),
            index_version.id.as_str(),
            after.as_str(),
            VERIFY_DOCUMENTS
        );
        let rows: Vec<DocumentRow> = read(apply, page).await?;
        for row in &rows {
            found.check_document(row);
        }
        let Some(last) = rows.last() else { break };
        after.clone_from(&last.id);
    }
    let of = json_param(&json!({"index": index.id, "tenant": apply.job.tenant, "model": index_version.cache_name()}));
    let mut after = 0_i64;
    loop {
        let page = index_sql!("verify_chunks", index_version.id.as_str(), of.clone(), after, VERIFY_CHUNKS);
        let rows: Vec<ChunkRow> = read(apply, page).await?;
        for row in &rows {
            found.check_chunk(row, index_version, segment.as_ref());
        }
        let Some(last) = rows.last().and_then(|row| i64::try_from(row.seq).ok()) else { break };
        after = last;
    }
    let orphans: Vec<[u64; 1]> = read(apply, index_sql!("verify_words", index_version.id.as_str())).await?;
    if !orphans.is_empty() {
        found.by_kind.insert("orphan_words", orphans.len() as u64);
        found.words = orphans.into_iter().map(|[seq]| seq).collect();
    }
    Ok(found)
}

async fn read<W: World, T: DeserializeOwned>(apply: &Apply<'_, W>, page: Statement) -> Result<Vec<T>, Outcome> {
    // Safe to repeat: it only reads.
    let read = async {
        let answers = batch(&Store(apply.world), &[page]).await?;
        rows_as(answers.first().unwrap_or(&Vec::new()))
    };
    read.await.map_err(|error: DatabaseError| apply.failed(&error))
}

/// Chunks the wrong documents again and rebuilds a wrong segment.
///
/// Safe to repeat: it chunks the current documents, and the next run finds the differences that were not reached.
async fn repair_documents<W: World>(
    apply: &Apply<'_, W>,
    index: &IndexRow,
    index_version: &VersionRow,
    found: &Differences,
    calls: &mut Vec<Rc<Call>>,
) -> Result<(), Outcome> {
    let store = Store(apply.world);
    let id = index_version.id.as_str();
    if !found.words.is_empty() {
        let statement = index_sql!("forget_words", json_param(&found.words));
        batch(&store, &[statement]).await.map_err(|error| apply.failed(&error))?;
    }
    let most = apply.settings.plan.index_documents;
    for (document, vectors) in found.wrong.iter().take(most) {
        // If the document does not exist, these statements delete its rows. If it exists, the batch of `chunk_again`
        // replaces its chunks.
        let named = json_param(&[document]);
        let statements = vec![
            index_sql!("forget_document_words", id, named.clone()),
            index_sql!("forget_document_chunks", id, named.clone()),
            count_dropped(id),
            index_sql!("forget_layouts", id, named),
            // If the attempt is interrupted here, the next check finds the document again.
            index_sql!("doubt_layout", id, document.as_str()),
            index_sql!("forget_vectors", apply.job.tenant.as_str(), index_version.cache_name(), json_param(vectors)),
        ];
        batch(&store, &statements).await.map_err(|error| apply.failed(&error))?;
        apply.chunk_again(index, document, Some(index_version), calls).await?;
    }
    if found.wrong.len() > most {
        return Err(continue_later(format!(
            "{most} of {} documents were repaired in this attempt; the job continues.",
            found.wrong.len()
        )));
    }
    if let (true, Some(segment)) = (found.is_segment_wrong, &index_version.segment) {
        let statement = index_sql!("forget_segment", id, segment.as_str());
        let answers = batch(&store, &[statement]).await.map_err(|error| apply.failed(&error))?;
        if answers.first().is_some_and(|rows| !rows.is_empty()) {
            let made = merge::merge_all(apply.world, &apply.job.tenant, id).await;
            made.map_err(|error| apply.failed(&DatabaseError::Unreachable(error)))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearly_equal_vectors_count_as_equal_and_others_do_not() {
        let vector = [0.6, -0.8, 0.0];
        assert!(is_alike(&vector, &vector) && is_alike(&vector, &[0.601, -0.799, 0.001]));
        for other in [[0.6, 0.8, 0.0], [0.7, -0.7, 0.1], [0.0; 3]] {
            assert!(!is_alike(&vector, &other), "{other:?}");
        }
        assert!(is_alike(&[0.0; 3], &[0.0; 3]), "a text without a word");
    }
}
