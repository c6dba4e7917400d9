//! The three witnesses: the list of the API, the rows in D1, and the requests at the receiver.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::Failure;
use super::enqueue::SECRET;
use super::stage::{Stage, TENANT};
use longshore_kit::client::expect;
use longshore_kit::receiver::Received;

/// Row of a job in D1.
pub(super) struct Row {
    pub(super) id: String,
    pub(super) event_id: String,
    pub(super) endpoint: String,
    pub(super) state: String,
    /// Outcome of each attempt: `succeeded`, or the class of its error.
    pub(super) attempts: Vec<String>,
    pub(super) created_at_ms: u128,
    pub(super) is_replay: bool,
}

/// Job in the API's list.
pub(super) struct Listed {
    pub(super) id: String,
    pub(super) event_id: String,
    pub(super) state: String,
    pub(super) attempt: usize,
}

/// Data of all witnesses at the end.
pub(super) struct Witnesses {
    pub(super) listed: Vec<Listed>,
    pub(super) ledger: Vec<Row>,
    pub(super) received: Vec<Received>,
    /// Number of evidence objects in R2.
    pub(super) objects: usize,
    /// Numbers of rows and of evidence objects that contain the secret header's value in plain text.
    pub(super) leaks: [usize; 2],
    /// Number of malformed queue messages.
    pub(super) malformed_messages: usize,
}

/// Number of requests by `webhook-id`.
pub(super) type Tally = BTreeMap<String, usize>;

fn tally<'a>(pairs: impl Iterator<Item = (&'a str, usize)>) -> Tally {
    let mut tally = Tally::new();
    for (event, count) in pairs {
        *tally.entry(event.to_owned()).or_default() += count;
    }
    tally
}

impl Witnesses {
    /// Reads all three.
    pub(super) async fn ask(stage: &Stage) -> Result<Self, Failure> {
        let (objects, leaky_objects) = evidence(stage).await?;
        let like = json!(format!("%{SECRET}%"));
        let leaky_rows = "SELECT count(*) AS found FROM jobs WHERE payload LIKE ?1 OR log LIKE ?1 OR error LIKE ?1";
        Ok(Self {
            listed: list(stage).await?,
            ledger: ledger(stage).await?,
            received: stage.receiver.received(),
            objects,
            leaks: [count(stage, leaky_rows, vec![like]).await?, leaky_objects],
            malformed_messages: count(stage, "SELECT count(*) AS found FROM malformed_messages", Vec::new()).await?,
        })
    }

    /// Returns attempts by `webhook-id`, as listed by the API.
    pub(super) fn listed_tally(&self) -> Tally {
        tally(self.listed.iter().map(|job| (&*job.event_id, job.attempt)))
    }

    /// Returns attempts by `webhook-id`, as logged in D1.
    pub(super) fn ledger_tally(&self) -> Tally {
        tally(self.ledger.iter().map(|row| (&*row.event_id, row.attempts.len())))
    }

    /// Returns requests by `webhook-id`, as received.
    pub(super) fn received_tally(&self) -> Tally {
        tally(self.received.iter().map(|received| (received.webhook_id(), 1)))
    }

    /// Returns the row of a job.
    pub(super) fn row(&self, id: &str) -> Option<&Row> {
        self.ledger.iter().find(|row| row.id == id)
    }
}

/// Returns the whole list, page by page.
async fn list(stage: &Stage) -> Result<Vec<Listed>, Failure> {
    let mut jobs = Vec::new();
    let mut path = "/v1/jobs?limit=100".to_owned();
    loop {
        let page = expect(200, &format!("GET {path}"), stage.api.get(&path).await?)?;
        let text = |job: &Value, name: &str| job[name].as_str().unwrap_or_default().to_owned();
        jobs.extend(page["data"].as_array().into_iter().flatten().map(|job| Listed {
            id: text(job, "id"),
            event_id: text(job, "event_id"),
            state: text(job, "state"),
            attempt: job["attempts"].as_u64().map_or(0, to_usize),
        }));
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/v1/jobs?limit=100&cursor={cursor}"),
            None => return Ok(jobs),
        }
    }
}

async fn ledger(stage: &Stage) -> Result<Vec<Row>, Failure> {
    let sql = "SELECT id, coalesce(event_id, id) AS event_id, endpoint, state, created_at, replay_of, log
        FROM jobs WHERE tenant = ?1 ORDER BY id";
    let rows = stage.runner.query(sql, vec![json!(TENANT)]).await?;
    Ok(rows.iter().map(row).collect())
}

fn row(row: &Map<String, Value>) -> Row {
    let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
    let log: Vec<Value> = serde_json::from_str(&text("log")).unwrap_or_default();
    let outcome = |entry: &Value| {
        let class = entry["error"]["class"].as_str().or(entry["state"].as_str());
        class.unwrap_or("unsettled").to_owned()
    };
    Row {
        id: text("id"),
        event_id: text("event_id"),
        endpoint: text("endpoint"),
        state: text("state"),
        attempts: log.iter().map(outcome).collect(),
        created_at_ms: row["created_at"].as_u64().unwrap_or_default().into(),
        is_replay: !row["replay_of"].is_null(),
    }
}

/// Returns the number that a statement selects as `found`.
pub(super) async fn count(stage: &Stage, sql: &str, params: Vec<Value>) -> Result<usize, Failure> {
    let rows = stage.runner.query(sql, params).await?;
    Ok(rows.first().and_then(|row| row["found"].as_u64()).map_or(0, to_usize))
}

/// Returns the number of evidence objects, and the number of those that contain the secret.
async fn evidence(stage: &Stage) -> Result<(usize, usize), Failure> {
    let keys = stage.runner.r2_keys().await?;
    let mut leaky = 0;
    for key in &keys {
        let bytes = stage.runner.r2_get(key).await?.unwrap_or_default();
        leaky += usize::from(String::from_utf8_lossy(&bytes).contains(SECRET));
    }
    Ok((keys.len(), leaky))
}

fn to_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
