//! Examples of indexes, their documents and searches.

use serde_json::{Value, json};

use super::AT;
use super::answers::{batch_results, kept, last_line};
use super::shown::shown;
use crate::accept::documents::Documents;
use crate::index::answer::{Index, WholeIndex};
use crate::index::find::{SearchMode, SearchResult};
use crate::index::show::SearchHit;
use crate::index::{Counts, IndexRow};
use crate::wire::ndjson::as_lines;

const INDEX_VERSION: &str = "01KBJ3DW00H2C9D7E5F3G1A8B6";

pub(in crate::openapi) fn indexes() -> Vec<(&'static str, Value)> {
    vec![("builtin", json!({"provider": "builtin", "chunk_chars": 800, "overlap_chars": 100}))]
}

fn row() -> Value {
    json!({
        "tenant": "acme", "name": "handbook", "id": "01KBJ3DW00ZX3VJ5T8M4QY6R7N", "serving": INDEX_VERSION, "building": null,
        "index_versions": [{
            "id": INDEX_VERSION, "provider": "builtin", "model": "lexical-1", "dimensions": 256, "chunk_chars": 800,
            "overlap_chars": 100, "chunker": 1, "segment": null, "segment_seq": 0, "chunks": 0, "dead": 0, "created_at": AT,
        }],
        "created_at": AT,
    })
}

pub(in crate::openapi) fn index() -> Value {
    shown(row(), |row: &IndexRow| json!(Index::from(row)))
}

pub(in crate::openapi) fn whole_index(documents: u64) -> Value {
    let mut row = row();
    row["index_versions"][0]["chunks"] = json!(7 * documents);
    let counts = json!({"documents": documents, "chunked": {INDEX_VERSION: documents}});
    shown(counts, |counts: &Counts| shown(row, |row: &IndexRow| json!(WholeIndex::of(row, counts))))
}

/// A request with documents.
pub(in crate::openapi) fn document_lines() -> String {
    as_lines([
        json!({
            "id": "guide/leases", "text": "# Leases\n\nA lease ends unless its heartbeat comes.",
            "metadata": {"lang": "en", "year": 2026}, "source": "https://docs.example.com/leases",
        }),
        json!({"id": "guide/queues", "deleted": true}),
    ])
}

/// Lines of the answer to a request with documents.
pub(in crate::openapi) fn document_results() -> Vec<(&'static str, Value)> {
    let summary = shown(row(), |row: &IndexRow| {
        let documents = Documents::new(row, Some("import"), None, None, "");
        serde_json::from_str(&last_line(documents.ok())).unwrap_or_default()
    });
    let names = ["accepted", "refused", "summary"];
    names.into_iter().zip(batch_results().into_iter().chain([summary])).collect()
}

pub(in crate::openapi) fn searches() -> Vec<(&'static str, Value)> {
    vec![
        ("least", json!({"query": "when does a lease end?"})),
        (
            "all",
            json!({
                "query": "when does a lease end?", "mode": "keyword", "limit": 3,
                "filter": {"lang": "en", "year": {"gte": 2020}, "kind": {"in": ["guide", "reference"]}},
            }),
        ),
    ]
}

pub(in crate::openapi) fn search_result() -> Value {
    let hit = SearchHit {
        document: "guide/leases".into(),
        source: "https://docs.example.com/leases".into(),
        heading: "Leases".into(),
        text: "A lease ends unless its heartbeat comes.".into(),
        highlight: Some("A <mark>lease</mark> <mark>ends</mark> unless its heartbeat comes.".into()),
        score: 0.0328,
        keyword_score: Some(0.75),
        vector_score: Some(0.5),
        start: Some(10),
        end: Some(50),
        metadata: kept(&json!({"lang": "en", "year": 2026})),
    };
    let (index, index_version) = ("handbook".to_owned(), INDEX_VERSION.to_owned());
    json!(SearchResult { index, index_version, mode: SearchMode::Hybrid, degraded: None, hits: vec![hit] })
}
