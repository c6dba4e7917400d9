//! Starts and kills the local runner (`tests/local/run.mjs`): both Workers in a real workerd.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::client::eventually;
pub use crate::faults::{Faults, Injected, Mode, Point, SpentRows};
pub use crate::options::Options;
use crate::scratch::repository;

/// Time limit of a start: a cold start reads hundreds of megabytes of tools from a disk that may be slow.
const READY_WITHIN: Duration = Duration::from_mins(1);
/// Time limit of a stop, which usually takes tens of milliseconds, for a busy machine.
const STOP_WITHIN: Duration = Duration::from_secs(5);
/// Time limit of an answer: the longest one is a tick with one minute of sweeps.
const ANSWER_WITHIN: Duration = Duration::from_mins(2);

/// Error of the runner.
#[derive(Debug, thiserror::Error)]
pub enum RunnerError {
    /// A runner that did not start; the end of its log has the cause.
    #[error("the local runner did not start ({reason}); the end of {}:\n{tail}", log.display())]
    Start {
        /// Symptom seen from outside.
        reason: String,
        /// Path of the log file.
        log: PathBuf,
        /// Last lines of the log.
        tail: String,
    },
    /// A request to the runner without an answer.
    #[error("the local runner is unreachable: {0}")]
    Unreachable(#[from] reqwest::Error),
    /// An answer with an error.
    #[error("the local runner refused: {0}")]
    Refused(String),
    /// An error of the operating system.
    #[error("the local runner: {0}")]
    Io(#[from] std::io::Error),
}

/// Line that the runner prints when everything has started.
#[derive(Debug, Deserialize)]
struct Ready {
    url: String,
    control: String,
    workerd_pid: u32,
}

/// Answer of D1 to one statement.
#[derive(Debug, Clone, Deserialize)]
pub struct D1Result {
    /// Rows, by column name.
    pub rows: Vec<Map<String, Value>>,
    /// Cost of the statement.
    pub meta: D1Meta,
}

/// Counts that D1 bills for one statement, and its changes.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct D1Meta {
    /// Rows read.
    pub rows_read: u64,
    /// Rows written, index entries included.
    pub rows_written: u64,
    /// Table rows changed.
    pub changes: u64,
    /// Size of the database in bytes.
    pub size_after: u64,
}

/// Database, by the name of its binding in both Workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Binding {
    /// The database of jobs.
    #[serde(rename = "DB")]
    Ledger,
    /// The search database.
    #[serde(rename = "INDEX_DB")]
    Index,
}

/// Both Workers, running. Dropping it kills them.
#[derive(Debug)]
pub struct Runner {
    child: Child,
    ready: Ready,
    log: PathBuf,
    http: reqwest::Client,
}

impl Runner {
    /// Starts a runner and waits until both Workers have started and all migrations are applied.
    pub async fn start(mut options: Options) -> Result<Self, RunnerError> {
        // Node runs in another folder, at the root of the repository.
        options.persist = std::path::absolute(&options.persist)?;
        let log = options.persist.with_extension("log");
        // Miniflare leaves files behind when it is killed; in this folder they are deleted with the others.
        let temporary = options.persist.join("tmp");
        std::fs::create_dir_all(&temporary)?;
        // Appended: the log before a kill helps to explain the run after it.
        let log_file = std::fs::OpenOptions::new().create(true).append(true).open(&log)?;
        let bin = repository().join("node_modules/.bin");
        let node = Some(bin.join("node")).filter(|node| node.exists()).unwrap_or_else(|| "node".into());
        let mut child = Command::new(node)
            .args(options.arguments())
            .current_dir(repository())
            .envs([("CI", "1"), ("WRANGLER_SEND_METRICS", "false")])
            .env("TMPDIR", temporary)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log_file)
            .kill_on_drop(true)
            .spawn()?;
        let ready = read_ready(&mut child).await.map_err(|reason| RunnerError::Start {
            reason,
            tail: tail(&log),
            log: log.clone(),
        })?;
        let http = reqwest::Client::builder().timeout(ANSWER_WITHIN).build()?;
        Ok(Self { child, ready, log, http })
    }

    /// Returns the producer's address.
    pub fn url(&self) -> &str {
        &self.ready.url
    }

    /// Returns the path of the file with everything that the Workers log.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Runs the producer's cron once, to its end.
    pub async fn tick_producer(&self) -> Result<(), RunnerError> {
        self.tick("producer").await
    }

    /// Runs the consumer's cron once, to its end.
    pub async fn tick_consumer(&self) -> Result<(), RunnerError> {
        self.tick("consumer").await
    }

    async fn tick(&self, worker: &str) -> Result<(), RunnerError> {
        let answer: Value = self.post("/tick", &json!({ "worker": worker })).await?;
        if answer["outcome"] == "ok" { Ok(()) } else { Err(RunnerError::Refused(answer.to_string())) }
    }

    /// Runs one batch on the database of jobs, from inside workerd.
    pub async fn d1(&self, statements: &[(&str, Vec<Value>)]) -> Result<Vec<D1Result>, RunnerError> {
        self.batch(Binding::Ledger, statements).await
    }

    /// Runs one batch on a database, from inside workerd.
    pub async fn batch(
        &self,
        database: Binding,
        statements: &[(&str, Vec<Value>)],
    ) -> Result<Vec<D1Result>, RunnerError> {
        #[derive(Deserialize)]
        struct Results {
            results: Vec<D1Result>,
        }
        let statements: Vec<Value> =
            statements.iter().map(|(sql, params)| json!({ "sql": sql, "params": params })).collect();
        let answer: Results = self.post("/d1", &json!({ "database": database, "statements": statements })).await?;
        Ok(answer.results)
    }

    /// Returns the one number that a statement selects.
    pub async fn number(&self, sql: &str, params: Vec<Value>) -> Result<u64, RunnerError> {
        number_in(&self.query(sql, params).await?)
    }

    /// Returns the one number that a statement on the search database selects.
    pub async fn index_number(&self, sql: &str, params: Vec<Value>) -> Result<u64, RunnerError> {
        number_in(&self.index_rows(sql, params).await?)
    }

    /// Runs many batches on the database of jobs, one after the other, and returns the one column of each statement's
    /// rows.
    pub async fn d1_batches(
        &self,
        batches: &[Vec<(String, Vec<Value>)>],
    ) -> Result<Vec<Vec<Vec<String>>>, RunnerError> {
        #[derive(Deserialize)]
        struct Results {
            results: Vec<Vec<Vec<String>>>,
        }
        let statement = |(sql, params): &(String, Vec<Value>)| json!({ "sql": sql, "params": params });
        let batches: Vec<Vec<Value>> = batches.iter().map(|batch| batch.iter().map(statement).collect()).collect();
        let answer: Results = self.post("/d1/batches", &json!({ "batches": batches })).await?;
        Ok(answer.results)
    }

    /// Runs one statement on the database of jobs and returns its rows.
    pub async fn query(&self, sql: &str, params: Vec<Value>) -> Result<Vec<Map<String, Value>>, RunnerError> {
        self.rows(Binding::Ledger, sql, params).await
    }

    /// Runs one statement on the search database and returns its rows.
    pub async fn index_rows(&self, sql: &str, params: Vec<Value>) -> Result<Vec<Map<String, Value>>, RunnerError> {
        self.rows(Binding::Index, sql, params).await
    }

    /// Runs one statement on a database and returns its rows.
    pub async fn rows(
        &self,
        database: Binding,
        sql: &str,
        params: Vec<Value>,
    ) -> Result<Vec<Map<String, Value>>, RunnerError> {
        let mut results = self.batch(database, &[(sql, params)]).await?;
        Ok(results.pop().map(|result| result.rows).unwrap_or_default())
    }

    /// Returns all keys of the evidence bucket.
    pub async fn r2_keys(&self) -> Result<Vec<String>, RunnerError> {
        #[derive(Deserialize)]
        struct Keys {
            keys: Vec<String>,
        }
        let response = self.http.get(format!("{}/r2", self.ready.control)).send().await?;
        Ok(parse::<Keys>(&response.bytes().await?)?.keys)
    }

    /// Returns one object of the evidence bucket; `None` if there is none.
    pub async fn r2_get(&self, key: &str) -> Result<Option<Vec<u8>>, RunnerError> {
        let response = self.http.get(format!("{}/r2/{key}", self.ready.control)).send().await?;
        match response.status().as_u16() {
            200 => Ok(Some(response.bytes().await?.to_vec())),
            404 => Ok(None),
            _ => Err(RunnerError::Refused(response.text().await?)),
        }
    }

    /// Puts an object into the bucket.
    pub async fn r2_put(&self, key: &str, text: &str) -> Result<(), RunnerError> {
        self.post::<Value>("/r2/put", &json!({ "key": key, "text": text })).await.map(drop)
    }

    /// Puts any text on the queue of hints (`hints`) or on the dead-letter queue (`dead`).
    pub async fn queue_raw(&self, queue: &str, body: &str) -> Result<(), RunnerError> {
        self.post::<Value>("/queue", &json!({ "queue": queue, "body": body })).await.map(drop)
    }

    /// Sets all faults, and returns how often each was injected so far.
    pub async fn faults(&self, faults: &Faults) -> Result<Injected, RunnerError> {
        self.post("/faults", &json!(faults)).await
    }

    /// Returns how often each fault was injected so far.
    pub async fn injected(&self) -> Result<Injected, RunnerError> {
        self.post("/faults", &json!({})).await
    }

    /// Kills workerd with SIGKILL as soon as a call of that point is done. Returns the time of the kill in milliseconds
    /// since 1970, or `None` if there was no such call within that time.
    pub async fn kill_workerd_at(&self, point: Point, within: Duration) -> Result<Option<i64>, RunnerError> {
        #[derive(Deserialize)]
        struct Killed {
            at_ms: Option<i64>,
        }
        let request = json!({ "point": point, "within_ms": u64::try_from(within.as_millis()).unwrap_or(u64::MAX) });
        Ok(self.post::<Killed>("/kill-at", &request).await?.at_ms)
    }

    /// Kills workerd alone with SIGKILL. The runner restarts it at the same address; its queues are lost.
    pub async fn kill_workerd(&self) -> Result<(), RunnerError> {
        kill(&[self.workerd_pid().await]).await
    }

    /// Kills the runner and workerd with SIGKILL and waits until both have ended. Another runner can start on the same
    /// folder.
    pub async fn kill_hard(mut self) -> Result<(), RunnerError> {
        let workerd = self.workerd_pid().await;
        // The runner first, or it would restart workerd.
        kill(&self.child.id().into_iter().chain([workerd]).collect::<Vec<_>>()).await?;
        self.child.wait().await?;
        let address = self.ready.url.trim_start_matches("http://").to_owned();
        // A process table may keep a zombie; a port is free when its owner is dead.
        eventually(STOP_WITHIN, async || TcpStream::connect(&address).await.err())
            .await
            .map(drop)
            .ok_or_else(|| RunnerError::Refused(format!("workerd {workerd} survived SIGKILL")))
    }

    /// Stops the runner cleanly.
    pub async fn stop(mut self) -> Result<(), RunnerError> {
        drop(self.child.stdin.take());
        if timeout(STOP_WITHIN, self.child.wait()).await.is_err() {
            self.child.kill().await?;
        }
        Ok(())
    }

    /// Returns the current process id of workerd; it changes when the runner restarts it.
    pub async fn workerd_pid(&self) -> u32 {
        #[derive(Deserialize)]
        struct Pid {
            workerd_pid: u32,
        }
        let pid = async {
            let response = self.http.get(format!("{}/pid", self.ready.control)).send().await?;
            Ok::<_, RunnerError>(parse::<Pid>(&response.bytes().await?)?.workerd_pid)
        };
        pid.await.unwrap_or(self.ready.workerd_pid)
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, RunnerError> {
        let response = self.http.post(format!("{}{path}", self.ready.control)).json(body).send().await?;
        parse(&response.bytes().await?)
    }
}

fn number_in(rows: &[Map<String, Value>]) -> Result<u64, RunnerError> {
    let value = rows.first().and_then(|row| row.values().next()).and_then(Value::as_u64);
    value.ok_or_else(|| RunnerError::Refused(format!("{rows:?} is not a number")))
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, RunnerError> {
    let refused = || RunnerError::Refused(String::from_utf8_lossy(body).into_owned());
    let value: Value = serde_json::from_slice(body).map_err(|_| refused())?;
    if let Some(error) = value.get("error").and_then(Value::as_str) {
        return Err(RunnerError::Refused(error.to_owned()));
    }
    serde_json::from_value(value).map_err(|_| refused())
}

async fn read_ready(child: &mut Child) -> Result<Ready, String> {
    let stdout = child.stdout.take().ok_or("it has no standard output")?;
    let mut line = String::new();
    match timeout(READY_WITHIN, BufReader::new(stdout).read_line(&mut line)).await {
        Err(_) => Err(format!("not ready within {} s", READY_WITHIN.as_secs())),
        Ok(Err(error)) => Err(error.to_string()),
        Ok(Ok(0)) => Err("it ended".to_owned()),
        Ok(Ok(_)) => serde_json::from_str(&line).map_err(|error| format!("{error} in {line}")),
    }
}

/// Returns the last 20 lines of a log, enough to show a stack.
fn tail(log: &Path) -> String {
    let text = std::fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

/// Sends SIGKILL with the system's `kill` command, because unsafe code is forbidden here.
async fn kill(pids: &[u32]) -> Result<(), RunnerError> {
    // A process that has already ended is fine.
    Command::new("kill").arg("-9").args(pids.iter().map(u32::to_string)).stderr(Stdio::null()).status().await?;
    Ok(())
}
