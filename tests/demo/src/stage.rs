//! Setup of the demo: both Workers, a receiver, a key, and the endpoints.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use serde_json::json;
use tokio::time::Instant;

use super::cases::{CASES, Case};
use super::{Failure, text};
use longshore_kit::client::{Client, expect};
use longshore_kit::options::{Options, ROOT_TOKEN};
use longshore_kit::receiver::Receiver;
use longshore_kit::runner::Runner;

/// Tenant of the demo.
pub(super) const TENANT: &str = "demo";
/// Interval between sweeps, so short that a lost hint would cause no visible delay; a deployment sweeps every 20 s.
const TICK_SECONDS: u32 = 3;

/// Everything that runs during the demo.
pub(super) struct Stage {
    pub(super) runner: Runner,
    pub(super) receiver: Receiver,
    pub(super) api: Client,
}

/// Returns the path of the Workers' log.
pub(super) fn log(folder: &Path) -> PathBuf {
    state(folder).with_extension("log")
}

fn state(folder: &Path) -> PathBuf {
    folder.join("state")
}

impl Stage {
    /// Starts everything and creates the endpoints.
    pub(super) async fn set(folder: &Path) -> Result<Self, Failure> {
        let began = Instant::now();
        if std::io::stdout().is_terminal() {
            println!("Starting both Workers ...");
        }
        let options = Options { tick_seconds: TICK_SECONDS, ..Options::at(state(folder)).var("SWEEP_ONCE", "true") };
        let runner = Runner::start(options).await?;
        let receiver = Receiver::start().await?;
        let api = client(&runner, TENANT, &["jobs:write", "jobs:read", "operate"]).await?;
        for case in &CASES {
            put_endpoint(&api, &receiver, case).await?;
        }
        println!(
            "Both Workers run on workerd at {}, migrations applied, in {:.1} s; crons run every {TICK_SECONDS} s",
            runner.url(),
            began.elapsed().as_secs_f64()
        );
        println!("{} endpoints, all at the receiver {}", CASES.len(), receiver.url(""));
        Ok(Self { runner, receiver, api })
    }
}

/// Creates a client with a key of that tenant; only the key is created with the root token.
pub(super) async fn client(runner: &Runner, tenant: &str, scopes: &[&str]) -> Result<Client, Failure> {
    let root = Client::new(runner.url(), ROOT_TOKEN)?;
    let request = "POST /v1/keys";
    let key = json!({"tenant": tenant, "scopes": scopes, "name": "make demo"});
    let answer = expect(201, request, root.post("/v1/keys", &key).await?)?;
    Ok(root.with_key(&text(request, &answer, "/key")?))
}

/// Creates an endpoint and passes its signing secret to the receiver, as its owner would.
async fn put_endpoint(api: &Client, receiver: &Receiver, case: &Case) -> Result<(), Failure> {
    let path = format!("/v1/endpoints/{}", case.endpoint);
    let endpoint = json!({
        "url": receiver.url(case.path), "schedule": "fast",
        "timeout_seconds": case.timeout_seconds, "max_attempts": case.max_attempts,
    });
    expect(200, &format!("PUT {path}"), api.put(&path, &endpoint).await?)?;
    let request = format!("GET {path}/secret");
    let answer = expect(200, &request, api.get(&format!("{path}/secret")).await?)?;
    receiver.trust(case.path, &text(&request, &answer, "/secret")?);
    Ok(())
}
