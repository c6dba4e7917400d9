//! All parts of a run: both Workers, their crons, the receiver, and a client.

use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::receive::{RECEIVERS, ReceiverProcess};
use super::{Failure, Plan};
use longshore_kit::client::{Answer, Client};
use longshore_kit::options::{Options, ROOT_TOKEN};
use longshore_kit::runner::Runner;

/// Tenant of the jobs.
pub(super) const TENANT: &str = "chaos";
/// File of the receiver's log, beside the Workers' state.
pub(super) const LOG: &str = "received.jsonl";
/// Endpoints, each at a separate receiver: one works, one is slow, one fails the first request of each job.
pub(super) const ENDPOINTS: [(&str, &str); RECEIVERS] =
    [("steady", "/ok"), ("slow", "/slow/150"), ("flaky", "/fail-times/1")];

/// All running parts, which end when this is dropped.
pub(super) struct Stage {
    pub(super) runner: Arc<Runner>,
    pub(super) api: Client,
    pub(super) received: std::path::PathBuf,
    receiver: ReceiverProcess,
    _crons: JoinSet<()>,
}

impl Stage {
    /// Starts all parts and creates the endpoints.
    pub(super) async fn set(plan: &Plan, program: &Path, folder: &Path) -> Result<Self, Failure> {
        let log = folder.join(LOG);
        let mut receiver = ReceiverProcess::start(program, &log).await?;
        let mut options = Options::at(folder.join("state"));
        options.faults = true;
        if !plan.production {
            options = options.var("SWEEP_ONCE", "true");
        }
        let runner = Arc::new(Runner::start(options).await?);
        let root = Client::new(runner.url(), ROOT_TOKEN)?;
        let wanted = json!({"tenant": TENANT, "scopes": ["admin"], "name": "make chaos"});
        let key = text(&root.post("/v1/keys", &wanted).await?, "key")?;
        let api = root.with_key(&key);
        for (index, (name, path)) in ENDPOINTS.iter().enumerate() {
            let endpoint = json!({"url": receiver.url(index, path), "schedule": "fast"});
            api.put(&format!("/v1/endpoints/{name}"), &endpoint).await?;
            receiver.trust(index, &secret_of(&api, name).await?).await?;
        }
        let crons = start_crons(&runner, plan);
        Ok(Self { runner, api, received: log, receiver, _crons: crons })
    }

    /// Creates or changes one more endpoint at the first receiver, which from then on verifies with its secret.
    pub(super) async fn put_endpoint(&mut self, name: &str, path: &str) -> Result<(), Failure> {
        let endpoint = json!({"url": self.receiver.url(0, path), "max_attempts": 1, "connections": 5});
        self.api.put(&format!("/v1/endpoints/{name}"), &endpoint).await?;
        self.receiver.trust(0, &secret_of(&self.api, name).await?).await
    }
}

async fn secret_of(api: &Client, endpoint: &str) -> Result<String, Failure> {
    text(&api.get(&format!("/v1/endpoints/{endpoint}/secret")).await?, "secret")
}

fn text(answer: &Answer, field: &'static str) -> Result<String, Failure> {
    let found = answer.body[field].as_str().map(str::to_owned);
    found.ok_or_else(|| Failure::unreadable(field, &answer.body))
}

/// Runs both crons by the clock, like the platform: independent of the end of the last run.
fn start_crons(runner: &Arc<Runner>, plan: &Plan) -> JoinSet<()> {
    let mut crons = JoinSet::new();
    let (runner, every) = (Arc::clone(runner), plan.tick_every());
    crons.spawn(async move {
        let mut running = JoinSet::new();
        let mut clock = interval(every);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            clock.tick().await;
            while running.try_join_next().is_some() {}
            let runner = Arc::clone(&runner);
            // A run that fails was killed; the next one continues.
            running.spawn(async move { drop(tokio::join!(runner.tick_producer(), runner.tick_consumer())) });
        }
    });
    crons
}
