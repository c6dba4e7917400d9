//! Documents and questions through Longshore: both Workers on workerd, with the model behind the provider
//! `openai-compatible`.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use longshore_kit::client::{Client, eventually, expect};
use longshore_kit::options::{Options, ROOT_TOKEN};
use longshore_kit::runner::Runner;
use serde_json::{Value, json};

use crate::measure::Question;
use crate::model::{DIMENSIONS, Model, NAME};
use crate::serve;
use crate::texts::{Document, of_documents};

/// Name of the provider with the model.
pub const REAL: &str = "real";

/// Number of chunks requested by a search: the maximum, so that only the order counts.
const LIMIT: usize = 100;
/// Time limit of a round: a model on one busy core takes a minute for all texts, and a call that timed out is repeated.
const INDEXED_WITHIN: Duration = Duration::from_mins(10);
/// Seconds between ticks, short enough for retries.
const TICK_SECONDS: u32 = 1;

/// Both Workers, a client of the tenant, and the number of texts requested from the model so far.
#[derive(Debug)]
pub struct Pipeline {
    runner: Runner,
    api: Client,
    requested: Arc<AtomicUsize>,
}

/// Result of a round of documents, summed over their jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Round {
    /// Documents that were new.
    pub added: usize,
    /// Documents that were unchanged.
    pub unchanged: usize,
    /// Chunks of all documents.
    pub chunks: u64,
    /// Texts embedded by the jobs, by a provider or by `builtin`.
    pub embedded: u64,
    /// Texts requested from the model during the round.
    pub requested: usize,
}

impl Pipeline {
    /// Starts both Workers and the model, with their data in that folder.
    ///
    /// # Errors
    /// Fails if the Workers do not start, or create no key.
    pub async fn start(folder: &Path, model: Arc<Model>) -> Result<Self> {
        let requested = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&requested);
        let embed = move |texts: &[String]| {
            count.fetch_add(texts.len(), Ordering::Relaxed);
            model.embed(texts)
        };
        let url = serve::start(Arc::new(embed), 0)?;
        let models = json!({NAME: {"dimensions": DIMENSIONS}});
        let providers = json!({REAL: {"type": "openai-compatible", "url": url, "models": models}});
        let options = Options::at(folder.join("state")).var("EMBED_PROVIDERS", &providers.to_string());
        let runner = Runner::start(Options { tick_seconds: TICK_SECONDS, ..options }).await?;
        let root = Client::new(runner.url(), ROOT_TOKEN)?;
        let key =
            json!({"tenant": "quality", "scopes": ["jobs:write", "jobs:read", "operate"], "name": "make quality"});
        let made = expect(201, "POST /v1/keys", root.post("/v1/keys", &key).await?)?;
        let api = root.with_key(made["key"].as_str().context("a key without a key")?);
        Ok(Self { runner, api, requested })
    }

    /// Creates an index of a provider, named after it.
    ///
    /// # Errors
    /// Fails if the API refuses.
    pub async fn make(&self, provider: &str) -> Result<()> {
        let path = format!("/v1/indexes/{provider}");
        expect(201, &path, self.api.put(&path, &json!({"provider": provider})).await?)?;
        Ok(())
    }

    /// Ingests documents into an index, and waits until the group of their jobs has finished.
    ///
    /// # Errors
    /// Fails if a document is refused, or if its job does not succeed in time.
    pub async fn ingest(&self, index: &str, documents: &[Document]) -> Result<Round> {
        let before = self.requested.load(Ordering::Relaxed);
        let line = |Document { id, text }: &Document| json!({"id": id, "text": text}).to_string();
        let lines = documents.iter().map(line).collect::<Vec<_>>().join("\n");
        let (path, headers) = (format!("/v1/indexes/{index}/documents"), [("content-type", "application/x-ndjson")]);
        let answer = self.api.request("POST", &path, &headers, lines.into_bytes()).await?;
        let summary: Value = serde_json::from_str(answer.text.lines().last().unwrap_or_default())?;
        ensure!(summary["summary"]["accepted"] == documents.len(), "{path} answered {}: {summary}", answer.status);
        let group = summary["group"].as_str().context("a summary without a group")?;
        let (path, jobs) = (format!("/v1/groups/{group}"), format!("/v1/jobs?group={group}&limit=100"));
        let ended = eventually(INDEXED_WITHIN, async || {
            let group = self.api.get(&path).await.ok()?.body;
            (!group["finished_at"].is_null()).then_some(group)
        });
        let group = ended.await.with_context(|| format!("{path} has not ended within {INDEXED_WITHIN:?}"))?;
        let jobs = expect(200, &jobs, self.api.get(&jobs).await?)?;
        let jobs = jobs["data"].as_array().context("a list without data")?;
        let failed = jobs.iter().find(|job| job["state"] != "succeeded");
        ensure!(failed.is_none(), "a document failed: {}", failed.unwrap_or(&group));
        ensure!(jobs.len() == documents.len(), "{} jobs for {} documents", jobs.len(), documents.len());
        Ok(round(jobs, self.requested.load(Ordering::Relaxed) - before))
    }

    /// Returns the documents that a mode of search finds in an index: for each question their ids, the best first.
    ///
    /// # Errors
    /// Fails if the API refuses, or answers without vectors.
    pub async fn search(&self, index: &str, mode: &str, questions: &[Question]) -> Result<Vec<Vec<String>>> {
        let path = format!("/v1/indexes/{index}/search");
        let mut rankings = Vec::new();
        for Question { question, .. } in questions {
            let body = json!({"query": question, "mode": mode, "limit": LIMIT});
            let found = expect(200, &path, self.api.post(&path, &body).await?)?;
            ensure!(found["degraded"].is_null(), "{body} was answered without vectors: {}", found["degraded"]);
            let hits = found["hits"].as_array().context("a search without hits")?;
            rankings.push(of_documents(hits.iter().filter_map(|hit| hit["document"].as_str())));
        }
        Ok(rankings)
    }

    /// Stops the Workers.
    ///
    /// # Errors
    /// Fails if they do not stop.
    pub async fn stop(self) -> Result<()> {
        Ok(self.runner.stop().await?)
    }
}

fn round(jobs: &[Value], requested: usize) -> Round {
    let of_state = |state: &str| jobs.iter().filter(|job| job["result"]["state"] == state).count();
    let sum = |pointer: &str| jobs.iter().filter_map(|job| job["result"].pointer(pointer)?.as_u64()).sum();
    let (chunks, embedded) = (sum("/chunks"), sum("/usage/embedded"));
    Round { added: of_state("added"), unchanged: of_state("unchanged"), chunks, embedded, requested }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_is_the_sum_of_its_jobs() {
        let job = |state: &str, chunks: u64, embedded: u64| json!({"result": {"state": state, "chunks": chunks, "usage": {"embedded": embedded}}});
        let jobs = [job("added", 2, 2), job("unchanged", 3, 0), job("added", 1, 0), json!({"result": null})];
        assert_eq!(round(&jobs, 7), Round { added: 2, unchanged: 1, chunks: 6, embedded: 2, requested: 7 });
    }
}
