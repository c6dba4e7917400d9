//! Routes of jobs: reading, changing and creating them, and dead letters.

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::answer::{Answer, Listed, Reply};
use crate::client::Client;
use crate::error::ClientError;
use crate::request::Request;
use crate::types::{
    Action, ActionPreview, Attempt, BatchResult, Cause, DeadLetter, Evidence, Group, Job, LinesSummary,
};

/// Maximum number of items of a page.
const PAGE_MAX: usize = 100;

/// A page of a list.
#[derive(Debug, serde::Deserialize)]
pub struct ListPage {
    /// Items.
    pub data: Vec<Box<RawValue>>,
    /// Cursor of the next page.
    pub next_cursor: Option<String>,
}

/// Answer to a body of lines.
#[derive(Debug)]
pub struct ChunkResult {
    /// Results of the lines, in order. Lines that the answer does not report have none.
    pub results: Vec<Answer<BatchResult>>,
    /// Last line.
    pub summary: LinesSummary,
}

impl Client {
    /// Reads pages of a list until it has `limit` items or the list ends.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn list<T: DeserializeOwned>(&self, request: &Request, limit: usize) -> Result<Listed<T>, ClientError> {
        let mut listed = Listed { items: Vec::new(), next_cursor: None };
        loop {
            let left = limit.saturating_sub(listed.items.len()).min(PAGE_MAX);
            let page = request.clone().parameter("limit", Some(left)).parameter("cursor", listed.next_cursor.take());
            let reply = self.send(&page)?;
            let page: ListPage = reply.read()?.value;
            for json in page.data {
                listed.items.push(Answer::of(json).map_err(|error| reply.unexpected(Some(&error.to_string())))?);
            }
            listed.next_cursor = page.next_cursor;
            if listed.next_cursor.is_none() || listed.items.len() >= limit {
                return Ok(listed);
            }
        }
    }

    /// Reads a job; with `wait` the answer waits until it ends, for this number of seconds, at most 30.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn job(&self, id: &str, wait: Option<u64>) -> Result<Answer<Job>, ClientError> {
        self.ask(&Request::new("GET", &["v1", "jobs", id]).parameter("wait", wait))
    }

    /// Reads the attempts of a job.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn attempts(&self, id: &str) -> Result<Listed<Attempt>, ClientError> {
        // The list has one page and takes no limit.
        let reply = self.send(&Request::new("GET", &["v1", "jobs", id, "attempts"]))?;
        let page: ListPage = reply.read()?.value;
        let items: Result<Vec<_>, _> = page.data.into_iter().map(Answer::of).collect();
        let items = items.map_err(|error| reply.unexpected(Some(&error.to_string())))?;
        Ok(Listed { items, next_cursor: None })
    }

    /// Reads the evidence of an attempt.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn evidence(&self, id: &str, attempt: u32) -> Result<Answer<Evidence>, ClientError> {
        self.ask(&Request::new("GET", &["v1", "jobs", id, "attempts", &attempt.to_string(), "evidence"]))
    }

    /// Cancels a job.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn cancel(&self, id: &str) -> Result<Answer<Job>, ClientError> {
        self.ask(&Request::new("POST", &["v1", "jobs", id, "cancel"]))
    }

    /// Makes a waiting job due now.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn retry(&self, id: &str) -> Result<Answer<Job>, ClientError> {
        self.ask(&Request::new("POST", &["v1", "jobs", id, "retry"]))
    }

    /// Sends a finished job again as a new job, once per idempotency key.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn resend(&self, id: &str, key: Option<&str>) -> Result<Answer<Job>, ClientError> {
        self.ask(&Request::new("POST", &["v1", "jobs", id, "resend"]).idempotency_key(key))
    }

    /// Reads a group; with `wait` the answer waits until no job of it is open, for this number of seconds, at most 30.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn group(&self, id: &str, wait: Option<u64>) -> Result<Answer<Group>, ClientError> {
        self.ask(&Request::new("GET", &["v1", "groups", id]).parameter("wait", wait))
    }

    /// Closes a group, with the endpoint of a webhook for its end if there is one.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn close_group(&self, id: &str, on_finished: Option<&str>) -> Result<Answer<Group>, ClientError> {
        let request = Request::new("POST", &["v1", "groups", id, "close"]);
        self.ask(&match on_finished {
            Some(endpoint) => request.json(&json!({ "on_finished": { "endpoint": endpoint } })),
            None => request,
        })
    }

    /// Reads a cause of failures.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn cause(&self, id: &str) -> Result<Answer<Cause>, ClientError> {
        self.ask(&Request::new("GET", &["v1", "causes", id]))
    }

    /// Says that a cause is dealt with.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn resolve_cause(&self, id: &str) -> Result<Answer<Cause>, ClientError> {
        self.ask(&Request::new("POST", &["v1", "causes", id, "resolve"]))
    }

    /// Sets a cause aside for this number of seconds.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn ignore_cause(&self, id: &str, seconds: u32) -> Result<Answer<Cause>, ClientError> {
        self.ask(&Request::new("POST", &["v1", "causes", id, "ignore"]).json(&json!({ "seconds": seconds })))
    }

    /// Opens a cause again.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn reopen_cause(&self, id: &str) -> Result<Answer<Cause>, ClientError> {
        self.ask(&Request::new("POST", &["v1", "causes", id, "reopen"]))
    }

    /// Starts an action on all jobs that a filter selects. `body` is the body of the request.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn create_action(&self, body: &Value) -> Result<Answer<Action>, ClientError> {
        self.ask(&Request::new("POST", &["v1", "actions"]).json(body))
    }

    /// Counts what an action would select. `body` is the body of its request.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn preview_action(&self, body: &Value) -> Result<Answer<ActionPreview>, ClientError> {
        let mut body = body.clone();
        body["dry_run"] = json!(true);
        self.ask(&Request::new("POST", &["v1", "actions"]).json(&body))
    }

    /// Reads an action; with `wait` the answer waits until it and its jobs have ended, for this number of seconds, at most 30.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn action(&self, id: &str, wait: Option<u64>) -> Result<Answer<Action>, ClientError> {
        self.ask(&Request::new("GET", &["v1", "actions", id]).parameter("wait", wait))
    }

    /// Changes an action: `change` is `pause`, `resume` or `abort`.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn change_action(&self, id: &str, change: &str) -> Result<Answer<Action>, ClientError> {
        self.ask(&Request::new("POST", &["v1", "actions", id, change]))
    }

    /// Reads a dead letter.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn dead_letter(&self, id: &str) -> Result<Answer<DeadLetter>, ClientError> {
        self.ask(&Request::new("GET", &["v1", "dead-letters", id]))
    }

    /// Sends a dead letter again as a new job, with an edited payload if there is one.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn replay(&self, id: &str, payload: Option<&RawValue>) -> Result<Answer<Job>, ClientError> {
        let request = Request::new("POST", &["v1", "dead-letters", id, "replay"]);
        self.ask(&match payload {
            // The payload keeps its tokens.
            Some(payload) => request.json_text(format!("{{\"payload\":{}}}", payload.get())),
            None => request,
        })
    }

    /// Discards a dead letter, with a note if there is one.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn discard(&self, id: &str, note: Option<&str>) -> Result<Answer<DeadLetter>, ClientError> {
        let request = Request::new("POST", &["v1", "dead-letters", id, "discard"]);
        self.ask(&match note {
            Some(note) => request.json(&json!({ "note": note })),
            None => request,
        })
    }

    /// Sends lines and parses the answer. An answer without its last line was interrupted.
    ///
    /// # Errors
    /// Any [`ClientError`]; [`ClientError::Unexpected`] with a status of success if the answer was interrupted.
    pub fn send_lines(&self, request: &Request) -> Result<ChunkResult, ClientError> {
        let reply = self.send(request)?;
        if !reply.is_success() {
            return Err(reply.refusal());
        }
        parse_lines(&reply).ok_or_else(|| reply.unexpected(Some("the answer was interrupted before its summary")))
    }
}

fn parse_lines(reply: &Reply) -> Option<ChunkResult> {
    let text = std::str::from_utf8(&reply.body).ok()?;
    let mut lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let summary: LinesSummary = serde_json::from_str(lines.pop()?).ok()?;
    let read = |line: &&str| Answer::of(serde_json::from_str(line).ok()?).ok();
    let results: Option<Vec<_>> = lines.iter().map(read).collect();
    Some(ChunkResult { results: results?, summary })
}
