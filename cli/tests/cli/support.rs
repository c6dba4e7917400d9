//! Stand-in for the API on a port of this machine, and the command with an environment of its test.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use assert_cmd::Command;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Longer than any command of a test takes.
pub(crate) const WITHIN: Duration = Duration::from_mins(1);
/// Time of jobs.
pub(crate) const AT: &str = "2026-11-02T08:00:00.000Z";

/// A request that the stand-in received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) method: String,
    pub(crate) target: String,
    /// Headers by their names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

/// An answer of the stand-in.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Reply {
    /// Creates an answer.
    pub(crate) fn new(status: u16, body: impl Into<String>) -> Reply {
        Reply { status, headers: Vec::new(), body: body.into() }
    }

    /// Creates an answer of JSON.
    pub(crate) fn json(body: &Value) -> Reply {
        Reply::new(200, body.to_string())
    }

    /// Creates a problem document.
    pub(crate) fn problem(status: u16, slug: &str, detail: &str, errors: &Value) -> Reply {
        let kind = format!("urn:problem-type:longshore:{slug}");
        let body = json!({
            "type": kind, "title": "A title", "status": status, "detail": detail, "errors": errors, "request_id": "01K",
        });
        Reply::new(status, body.to_string())
    }

    /// Adds a header.
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Reply {
        self.headers.push((name, value.to_owned()));
        self
    }
}

/// Stand-in for the API.
pub(crate) struct Api {
    pub(crate) url: String,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Api {
    /// Starts it. `answer` gets each request and the number of requests before it.
    pub(crate) fn start(answer: impl Fn(&Received, usize) -> Reply + Send + Sync + 'static) -> Api {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let received = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (Arc::clone(&received), Arc::new(answer));
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                std::thread::spawn(move || {
                    // A command that ends early breaks its connection.
                    let _ = serve(&connection.unwrap(), &log, &*answer);
                });
            }
        });
        Api { url, received }
    }

    /// Starts one that gives the same answer to each request.
    pub(crate) fn of(reply: Reply) -> Api {
        Api::start(move |_, _| reply.clone())
    }

    /// Returns the requests so far.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

fn serve(
    connection: &TcpStream,
    log: &Mutex<Vec<Received>>,
    answer: &dyn Fn(&Received, usize) -> Reply,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(connection);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split(' ').map(str::to_owned);
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    assert!(!headers.contains_key("transfer-encoding"), "the stand-in reads no chunks: {line}");
    let length = headers.get("content-length").map_or(0, |length: &String| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let received = Received { method, target, headers, body: String::from_utf8(body).unwrap() };
    let number = {
        let mut log = log.lock().unwrap();
        log.push(received.clone());
        log.len() - 1
    };
    let Reply { status, headers, body } = answer(&received, number);
    let mut connection = connection;
    write!(connection, "HTTP/1.1 {status} A\r\ncontent-length: {}\r\nconnection: close\r\n", body.len())?;
    for (name, value) in headers {
        write!(connection, "{name}: {value}\r\n")?;
    }
    connection.write_all(b"\r\n")?;
    // An answer to HEAD has no body.
    connection.write_all(if received.method == "HEAD" { b"" } else { body.as_bytes() })
}

/// Creates a well-formed key.
pub(crate) fn key() -> String {
    longshore::security::key::mint([1; 8], [2; 32]).1
}

/// Folder of a test, with the settings of its commands.
pub(crate) struct Site {
    pub(crate) folder: TempDir,
}

impl Site {
    /// Creates the folder.
    pub(crate) fn new() -> Site {
        Site { folder: tempfile::tempdir().unwrap() }
    }

    /// Returns the environment of a command: the settings of this machine are not used.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        let folder = self.folder.path().to_string_lossy().into_owned();
        vec![("HOME", folder.clone()), ("XDG_CONFIG_HOME", folder)]
    }

    /// Returns a command without a deployment.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_longshore"));
        command.env_clear().envs(self.variables()).timeout(WITHIN);
        command
    }

    /// Returns the path of the file of profiles.
    pub(crate) fn profiles(&self) -> std::path::PathBuf {
        self.folder.path().join("longshore/profiles.toml")
    }

    /// Adds a profile.
    pub(crate) fn add_profile(&self, name: &str, api: &Api, options: &[&str]) {
        let arguments = ["profiles", "add", name, "--url", &api.url];
        self.command().args(arguments).args(options).write_stdin(key()).assert().success();
    }

    /// Writes a file and returns its path.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path_text(&path)
    }
}

fn path_text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Result of a command.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs a command with a deployment.
pub(crate) fn run(api: &Api, arguments: &[&str]) -> Ran {
    run_at(&api.url, arguments)
}

/// Runs a command with an address.
pub(crate) fn run_at(url: &str, arguments: &[&str]) -> Ran {
    let site = Site::new();
    let mut command = site.command();
    ran(command.env("LONGSHORE_URL", url).env("LONGSHORE_KEY", key()).args(arguments))
}

/// Runs a prepared command.
pub(crate) fn ran(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    Ran { code: output.status.code().unwrap(), out: text(&output.stdout), err: text(&output.stderr) }
}

/// Creates a job as the API answers it.
pub(crate) fn job(id: &str, state: &str) -> Value {
    json!({
        "id": id, "kind": "webhook", "state": state, "tenant": "acme", "endpoint": "orders", "created_at": AT,
        "next_attempt_at": null, "started_at": null, "finished_at": null, "attempts": 1, "max_attempts": 3,
        "error": null, "dead_reason": null, "dead_letter_state": null, "result": null, "event_id": id,
        "cancel_requested": false,
    })
}

/// Creates a job with an error message of the receiver.
pub(crate) fn failed_job(id: &str, state: &str, message: &str) -> Value {
    let mut job = job(id, state);
    job["error"] = json!({"class": "http_5xx", "fault": "destination", "message": message, "retryable": true});
    if state == "dead" {
        (job["dead_reason"], job["dead_letter_state"]) = (json!("attempts_exhausted"), json!("open"));
    }
    job
}

/// Creates a page of a list.
pub(crate) fn page(items: &[Value], next_cursor: Option<&str>) -> Reply {
    Reply::json(&json!({ "data": items, "next_cursor": next_cursor }))
}

/// Creates an action as the API answers it, of which so many of 300 jobs have succeeded.
pub(crate) fn action(state: &str, succeeded: u64) -> Value {
    let is_finished = state == "done" && succeeded == 300;
    json!({
        "id": "act_1", "do": "replay", "state": state, "paused_reason": null, "tenant": "acme", "filter": {"cause": "c"},
        "rate_per_second": 50, "canary": {"jobs": 1, "seconds": 600, "state": "passed", "until": AT}, "created_at": AT,
        "ended_at": (state != "running").then_some(AT), "finished_at": is_finished.then_some(AT),
        "expected": {"count": 300, "at_least": false}, "matched": 300, "done": 300, "skipped": 0,
        "outcomes": {"open": 300 - succeeded, "succeeded": succeeded, "failed_again": 0, "cancelled": 0},
    })
}

/// Creates the preview of an action as the API answers it.
pub(crate) fn preview() -> Value {
    json!({
        "do": "replay", "matched": {"count": 300, "at_least": false}, "oldest_at": AT, "newest_at": AT,
        "by_endpoint": [{"endpoint": "orders", "jobs": 200}, {"endpoint": null, "jobs": 100}],
        "by_cause": [{"cause": "c", "jobs": 300}], "sample_jobs": ["job_1"], "seconds": 6,
    })
}
