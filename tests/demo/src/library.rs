//! The team's index: the project's documents, all of them sent again with one edited paragraph, and a search.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Failure, text};
use longshore_kit::client::{Client, eventually, expect};
use longshore_kit::scratch::repository;

/// Files that are indexed, by their paths in the repository.
pub(super) const FILES: [&str; 8] = [
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "docs/data-model.md",
    "docs/failure-modes.md",
    "docs/operations.md",
    "docs/reliability.md",
];
/// File that is edited, and its new paragraph.
pub(super) const EDITED: &str = "ARCHITECTURE.md";
const PARAGRAPH: &str = "\n\n# The harbour\n\nThe harbourmaster counts the cranes at dawn.\n";
/// Search query that the new paragraph answers.
pub(super) const QUERY: &str = "who counts the cranes";
const INDEXED_WITHIN: Duration = Duration::from_mins(1);
const INDEX: &str = "/v1/indexes/documents";

/// Answers of the API.
pub(super) struct Library {
    /// Index when it contains all documents.
    pub(super) index: Value,
    /// Results of the jobs of the first round, and of the second one.
    pub(super) first: Vec<Value>,
    pub(super) second: Vec<Value>,
    /// Hits of the search.
    pub(super) hits: Vec<Value>,
}

impl Library {
    /// Runs all steps.
    pub(super) async fn of(api: &Client) -> Result<Self, Failure> {
        let request = format!("PUT {INDEX}");
        expect(201, &request, api.put(INDEX, &json!({"provider": "builtin"})).await?)?;
        let mut documents = read()?;
        let first = send(api, &documents).await?;
        for (name, content) in &mut documents {
            if *name == EDITED {
                content.push_str(PARAGRAPH);
            }
        }
        let second = send(api, &documents).await?;
        let index = expect(200, &format!("GET {INDEX}"), api.get(INDEX).await?)?;
        let request = format!("POST {INDEX}/search");
        let found = api.post(&format!("{INDEX}/search"), &json!({"query": QUERY, "limit": 3})).await?;
        let hits = expect(200, &request, found)?["hits"].as_array().cloned().unwrap_or_default();
        Ok(Self { index, first, second, hits })
    }
}

fn read() -> Result<Vec<(&'static str, String)>, Failure> {
    let read = |name| Ok((name, std::fs::read_to_string(repository().join(name))?));
    FILES.into_iter().map(read).collect()
}

/// Sends documents as lines, waits for their group to end, and returns the results of their jobs.
async fn send(api: &Client, documents: &[(&str, String)]) -> Result<Vec<Value>, Failure> {
    let line = |(name, text): &(&str, String)| json!({"id": name, "text": text, "source": "repository"}).to_string();
    let lines = documents.iter().map(line).collect::<Vec<_>>().join("\n");
    let (path, headers) = (format!("{INDEX}/documents"), [("content-type", "application/x-ndjson")]);
    let answer = api.request("POST", &path, &headers, lines.into_bytes()).await?;
    let last: Value = answer.text.lines().last().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default();
    let request = format!("POST {path}");
    expect(200, &request, answer)?;
    let group = text(&request, &last, "/group")?;
    let path = format!("/v1/groups/{group}");
    let ended = eventually(INDEXED_WITHIN, async || {
        let group = api.get(&path).await.ok()?.body;
        (group["open"] == 0 && group["total"] == documents.len()).then_some(group)
    });
    ended.await.ok_or_else(|| Failure::unreadable(format!("GET {path}"), &last))?;
    let path = format!("/v1/jobs?group={group}&limit=100");
    let page = expect(200, &format!("GET {path}"), api.get(&path).await?)?;
    Ok(page["data"].as_array().into_iter().flatten().map(|job| job["result"].clone()).collect())
}

/// Returns the number of documents of a round with that result.
pub(super) fn count_of(results: &[Value], state: &str) -> usize {
    results.iter().filter(|result| result["state"] == state).count()
}

/// Returns the sum of a number over all results of a round.
pub(super) fn sum(results: &[Value], pointer: &str) -> u64 {
    results.iter().filter_map(|result| result.pointer(pointer)?.as_u64()).sum()
}
