//! The receiver: every request that reaches a destination is checked against the ledger at once.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use longshore::ports::{HttpRequest, HttpResponse};
use serde_json::Value;

use crate::sim::actors::completers;
use crate::sim::engine::faults::Fault;
use crate::sim::engine::world::World;
use crate::sim::oracle::objects;
use crate::sim::oracle::row::Row;

/// Answer of a destination.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<i64>,
    /// Seconds within which a deferred task must be completed.
    pub(crate) due_in: Option<i64>,
}

impl Answer {
    /// HTTP response of this answer.
    pub(crate) fn response(self, body: Vec<u8>) -> HttpResponse {
        let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        headers.extend(self.retry_after.map(|seconds| ("retry-after".to_owned(), seconds.to_string())));
        if let Some(seconds) = self.due_in {
            headers.push(("longshore-completion".to_owned(), "deferred".to_owned()));
            headers.push(("longshore-completion-seconds".to_owned(), seconds.to_string()));
        }
        HttpResponse { status: self.status, headers, body, truncated: false, body_error: None }
    }
}

/// All destinations.
#[derive(Debug, Default)]
pub(crate) struct Receiver {
    /// Requests seen so far, by `webhook-id` and lease, each with its possible answers.
    pub(crate) seen: RefCell<BTreeMap<(String, String), Vec<Answer>>>,
    /// Requests whose status reached the worker before its deadline.
    pub(crate) answered: RefCell<BTreeSet<Request>>,
}

/// A request: its `webhook-id` and the lease that it was sent under.
pub(crate) type Request = (String, String);

impl Receiver {
    /// Answers a request of a worker that claimed under these tokens.
    pub(crate) fn receive(
        &self,
        world: &Rc<World>,
        tokens: &BTreeSet<String>,
        request: &HttpRequest,
    ) -> (Answer, Option<Request>) {
        let header = |name: &str| request.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        let mut answer = Self::choose(world, &request.url);
        if answer.status == 200 && header("longshore-kind").is_some() && world.random.per_mille(600) {
            answer = Answer { status: 202, due_in: Some(world.random.between(20, 400)), ..answer };
        }
        let may_be_early = !world.narrow.quiet && header("longshore-kind").is_some() && world.random.per_mille(250);
        let id = header("webhook-id").unwrap_or_default();
        world.trace.note(world.now(), "request", || format!("{id} {} -> {answer:?}", request.url));
        let verdict = self.judge(world, tokens, &id, request);
        match verdict {
            Ok(lease) => {
                let attempt = header("longshore-attempt").and_then(|text| text.parse().ok());
                let job = header("longshore-job").unwrap_or_default();
                if let Some(due_in) = answer.due_in {
                    completers::spawn(world, &job, attempt, due_in);
                }
                if may_be_early {
                    completers::spawn_early(world, &job, attempt);
                }
                self.seen.borrow_mut().insert((id.clone(), lease.clone()), vec![answer]);
                (answer, Some((id, lease)))
            }
            Err(text) => {
                world.invariants.borrow_mut().violated(text);
                (answer, None)
            }
        }
    }

    /// Returns true if a status reached the worker in the attempt of this log entry.
    pub(crate) fn got_status(&self, row: &Row, entry: &Value) -> bool {
        let lease = entry["lease"].as_str().unwrap_or_default().to_owned();
        self.answered.borrow().contains(&(row.event_id().to_owned(), lease))
    }

    /// Returns true if the destination gave that status to the attempt of this log entry.
    pub(crate) fn has_answered(&self, row: &Row, entry: &Value, status: u64) -> bool {
        let lease = entry["lease"].as_str().unwrap_or_default().to_owned();
        let seen = self.seen.borrow();
        let answers = seen.get(&(row.event_id().to_owned(), lease));
        answers.is_some_and(|answers| answers.iter().any(|answer| u64::from(answer.status) == status))
    }

    /// Answer to the attempt of this log entry. If there are several possible answers, the one with the entry's status.
    pub(crate) fn seen_of(&self, row: &Row, entry: &Value) -> Option<Answer> {
        let lease = entry["lease"].as_str().unwrap_or_default().to_owned();
        let seen = self.seen.borrow();
        let answers = seen.get(&(row.event_id().to_owned(), lease))?;
        let exact = answers.iter().rfind(|answer| entry["status"] == answer.status);
        exact.or(answers.last()).copied()
    }

    /// Checks I3 and I4: the request belongs to an attempt in the ledger, under a lease of the sender that no other
    /// request has used.
    fn judge(
        &self,
        world: &World,
        tokens: &BTreeSet<String>,
        id: &str,
        request: &HttpRequest,
    ) -> Result<String, String> {
        let invariants = world.invariants.borrow();
        let mut body: Value = serde_json::from_slice(&request.body).map_err(|error| format!("I4: {error}"))?;
        // A task's payload is posted unchanged.
        if let Some(inner) = body.get_mut("body") {
            body = inner.take();
        }
        let chain: Vec<_> = invariants.rows.values().filter(|row| row.event_id() == id).collect();
        if chain.is_empty() {
            return Err(format!("I3: a request with the unknown webhook-id {id}"));
        }
        for row in chain {
            if !request.url.contains(&format!(".{}.", row.tenant)) || row.marker.is_some_and(|n| body["n"] != n) {
                return Err(format!("I4, I9: {} got a request that does not belong to {}", request.url, row.id));
            }
            if row.payload_bytes.is_some() && !body["n"].as_i64().is_some_and(|n| objects::is_whole(&request.body, n)) {
                return Err(format!("F25: the bytes sent for {} differ from the requested ones", row.id));
            }
            let seen = self.seen.borrow();
            for entry in row.log.iter().rev() {
                let lease = entry["lease"].as_str().unwrap_or_default();
                if tokens.contains(lease) && !seen.contains_key(&(id.to_owned(), lease.to_owned())) {
                    // A frozen worker cannot know that its lease has ended; any other must know.
                    let held = row.lease_token.as_deref() == Some(lease)
                        && row.lease_until.is_some_and(|until| until > world.now());
                    // A completion that named no attempt ended this one before the request was sent; its worker does
                    // not know.
                    let completed = entry["ended_by"] == "completion";
                    return if held || completed || world.may_freeze {
                        Ok(lease.to_owned())
                    } else {
                        Err(format!("I2: a request of {id} under an expired lease"))
                    };
                }
            }
        }
        Err(format!("I3: a request of {id} is not in the ledger"))
    }

    fn choose(world: &World, url: &str) -> Answer {
        let status = |status| Answer { status, retry_after: None, due_in: None };
        if url.contains("//broken.") {
            return status(500);
        }
        if world.hits(Fault::HttpGone) {
            return status(410);
        }
        if world.hits(Fault::HttpBusy) {
            let status = *world.random.pick(&[429, 503]);
            return Answer { status, retry_after: Some(world.random.between(1, 40)), due_in: None };
        }
        if world.hits(Fault::Http500) {
            return status(*world.random.pick(&[500, 404, 301, 429, 502]));
        }
        status(*world.random.pick(&[200, 201, 204]))
    }
}
