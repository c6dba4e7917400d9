//! The stage: both Workers, a provider that answers at once, and a key.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Failure;
use longshore_kit::client::{Client, eventually, expect};
use longshore_kit::options::{Options, ROOT_TOKEN};
use longshore_kit::runner::Runner;
use longshore_stand_ins::provider::Provider;

/// Interval of the crons, as in a deployment.
const TICK_SECONDS: u32 = 20;
/// Longest wait for work that takes seconds.
const ENDS_WITHIN: Duration = Duration::from_mins(20);

/// All parts that run.
pub(super) struct Stage {
    pub(super) runner: Runner,
    pub(super) api: Client,
    _provider: Provider,
}

impl Stage {
    pub(super) async fn set(folder: &Path) -> Result<Stage, Failure> {
        let provider = Provider::start().await?;
        let options = Options { tick_seconds: TICK_SECONDS, ..Options::at(folder.join("state")) };
        let options = options.var("EMBED_PROVIDERS", &provider.setting(&["large"])).var("EMBED_KEY_LARGE", "key");
        let runner = Runner::start(options).await?;
        let root = Client::new(runner.url(), ROOT_TOKEN)?;
        let key =
            json!({"tenant": "bench", "scopes": ["jobs:write", "jobs:read", "operate"], "name": "make bench-search"});
        let made = expect(201, "POST /v1/keys", root.post("/v1/keys", &key).await?)?;
        let api = root.with_key(made["key"].as_str().unwrap_or_default());
        Ok(Stage { runner, api, _provider: provider })
    }

    /// Creates an index.
    pub(super) async fn make_index(&self, name: &str, provider: &str) -> Result<(), Failure> {
        let path = format!("/v1/indexes/{name}");
        expect(201, &format!("PUT {path}"), self.api.put(&path, &json!({"provider": provider})).await?)?;
        Ok(())
    }

    /// Sends documents to an index. Returns the time until all were indexed.
    pub(super) async fn index(&self, name: &str, documents: Vec<Value>) -> Result<Duration, Failure> {
        let path = format!("/v1/indexes/{name}/documents");
        let lines = documents.iter().map(Value::to_string).collect::<Vec<_>>().join("\n");
        let began = Instant::now();
        let headers = [("content-type", "application/x-ndjson")];
        let answer = self.api.request("POST", &path, &headers, lines.into_bytes()).await?;
        let last = answer.text.lines().last().and_then(|line| serde_json::from_str(line).ok());
        let last: Value = last.unwrap_or_default();
        expect(200, &format!("POST {path}"), answer)?;
        let group = last["group"].as_str().unwrap_or_default().to_owned();
        let mut seen = last;
        let ended = eventually(ENDS_WITHIN, async || {
            seen = self.api.get(&format!("/v1/groups/{group}")).await.ok()?.body;
            (seen["succeeded"] == documents.len()).then(|| began.elapsed())
        });
        ended.await.ok_or_else(|| Failure::Overdue(format!("the group {group} did not end in time: {seen}")))
    }

    /// Enqueues a job. Returns the time until it succeeded.
    pub(super) async fn run(&self, job: &Value) -> Result<Duration, Failure> {
        let began = Instant::now();
        let accepted = expect(202, "POST /v1/jobs", self.api.post("/v1/jobs", job).await?)?;
        let id = accepted["id"].as_str().unwrap_or_default().to_owned();
        let mut seen = accepted;
        let ended = eventually(ENDS_WITHIN, async || {
            seen = self.api.get(&format!("/v1/jobs/{id}")).await.ok()?.body;
            (seen["state"] == "succeeded").then(|| began.elapsed())
        });
        ended.await.ok_or_else(|| Failure::Overdue(format!("the job {id} did not end in time: {seen}")))
    }
}
