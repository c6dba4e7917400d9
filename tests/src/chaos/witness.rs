//! The other two witnesses: the rows in D1 with their evidence, and the receiver's log.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use futures_util::{StreamExt, TryStreamExt, stream};
use longshore::model::evidence::pack_key;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Failure;
use super::stage::{Stage, TENANT};
use longshore_kit::receiver::Line;
use longshore_kit::runner::Runner;

/// Rows of one query: a few megabytes.
const PAGE: usize = 1_000;
/// Packs that are read at the same time.
const PACKS_AT_ONCE: usize = 8;

/// Checked columns of a job's row.
#[derive(Debug, Clone, Default)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) event_id: String,
    pub(super) key: String,
    pub(super) state: String,
    pub(super) reason: String,
    pub(super) attempt: u64,
    pub(super) finished: bool,
    pub(super) log: Vec<Entry>,
}

/// One attempt in a row's log.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Entry {
    pub(super) started_at: i64,
    pub(super) lease: String,
    #[serde(default)]
    pub(super) state: String,
    #[serde(default)]
    pub(super) evidence: Value,
}

impl Entry {
    /// Key of the pack with its evidence, if it is in one.
    pub(super) fn pack(&self) -> Option<String> {
        let n = self.evidence["n"].as_u64().filter(|_| self.evidence["state"] == "stored")?;
        Some(pack_key(&self.lease, u32::try_from(n).ok()?))
    }
}

/// Everything that both witnesses recorded.
#[derive(Debug, Default)]
pub(super) struct Witness {
    pub(super) rows: Vec<Row>,
    pub(super) received: Vec<Line>,
    /// Packs that rows name; a missing pack is absent here.
    pub(super) packs: BTreeMap<String, Vec<u8>>,
}

impl Witness {
    /// Reads both witnesses.
    pub(super) async fn ask(stage: &Stage) -> Result<Self, Failure> {
        let rows = rows(&stage.runner).await?;
        let keys: BTreeSet<_> = rows.iter().flat_map(|row| &row.log).filter_map(Entry::pack).collect();
        let read = async |key: String| Ok::<_, Failure>((stage.runner.r2_get(&key).await?, key));
        let packs: Vec<_> = stream::iter(keys).map(read).buffer_unordered(PACKS_AT_ONCE).try_collect().await?;
        let packs = packs.into_iter().filter_map(|(bytes, key)| Some((key, bytes?))).collect();
        Ok(Self { rows, received: lines(&stage.received)?, packs })
    }
}

async fn rows(runner: &Runner) -> Result<Vec<Row>, Failure> {
    let sql =
        "SELECT id, coalesce(event_id, id) AS event_id, idempotency_key, state, dead_reason, attempt, finished_at, log
        FROM jobs WHERE tenant = ?1 AND id > ?2 ORDER BY id LIMIT ?3";
    let mut rows: Vec<Row> = Vec::new();
    loop {
        let last = rows.last().map_or("", |row| &row.id);
        let page = runner.query(sql, vec![json!(TENANT), json!(last), json!(PAGE)]).await?;
        for found in &page {
            rows.push(row(found)?);
        }
        if page.len() < PAGE {
            return Ok(rows);
        }
    }
}

fn row(row: &Map<String, Value>) -> Result<Row, Failure> {
    let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
    let log = text("log");
    Ok(Row {
        id: text("id"),
        event_id: text("event_id"),
        key: text("idempotency_key"),
        state: text("state"),
        reason: text("dead_reason"),
        attempt: row["attempt"].as_u64().unwrap_or_default(),
        finished: !row["finished_at"].is_null(),
        log: serde_json::from_str(&log)
            .map_err(|error| Failure::unreadable("a job's log", &format!("{error} {log}")))?,
    })
}

fn lines(path: &Path) -> Result<Vec<Line>, Failure> {
    let read = |line: &str| serde_json::from_str(line).map_err(|_| Failure::unreadable("a line", line));
    std::fs::read_to_string(path)?.lines().map(read).collect()
}
