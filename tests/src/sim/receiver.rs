//! The receiver: every request that reaches a destination is held against the ledger, at once.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use longshore::ports::HttpRequest;
use serde_json::Value;

use super::faults::Fault;
use super::world::World;

/// What a destination answers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) retry_after: Option<i64>,
}

/// All destinations.
#[derive(Debug, Default)]
pub(super) struct Receiver {
    /// What was seen, by `webhook-id` and lease: its answer.
    pub(super) seen: RefCell<BTreeMap<(String, String), Answer>>,
}

impl Receiver {
    /// Takes a request of a worker that claimed under these tokens.
    pub(super) fn receive(&self, world: &World, tokens: &BTreeSet<String>, request: &HttpRequest) -> Answer {
        let answer = Self::choose(world, &request.url);
        let header = |name: &str| request.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        let id = header("webhook-id").unwrap_or_default();
        world.trace.note(world.now(), "request", || format!("{id} {} -> {answer:?}", request.url));
        let verdict = self.judge(world, tokens, &id, request);
        match verdict {
            Ok(lease) => drop(self.seen.borrow_mut().insert((id, lease), answer)),
            Err(text) => world.invariants.borrow_mut().violated(text),
        }
        answer
    }

    /// I3 and I4: an attempt in the ledger, under a lease of the sender, that no other request has used.
    fn judge(
        &self,
        world: &World,
        tokens: &BTreeSet<String>,
        id: &str,
        request: &HttpRequest,
    ) -> Result<String, String> {
        let invariants = world.invariants.borrow();
        let body: Value = serde_json::from_slice(&request.body).map_err(|error| format!("I4: {error}"))?;
        let chain: Vec<_> = invariants.rows.values().filter(|row| row.event_id() == id).collect();
        if chain.is_empty() {
            return Err(format!("I3: a request with the webhook-id {id}, which no job has"));
        }
        for row in chain {
            if !request.url.contains(&format!(".{}.", row.tenant)) || row.marker.is_some_and(|n| body["n"] != n) {
                return Err(format!("I4, I9: {} got what is not of {}", request.url, row.id));
            }
            let seen = self.seen.borrow();
            for entry in row.log.iter().rev() {
                let lease = entry["lease"].as_str().unwrap_or_default();
                if tokens.contains(lease) && !seen.contains_key(&(id.to_owned(), lease.to_owned())) {
                    // A worker that stands still cannot know that its lease has ended; any other must.
                    let held = row.lease_token.as_deref() == Some(lease)
                        && row.lease_until.is_some_and(|until| until > world.now());
                    return if held || world.may_freeze {
                        Ok(lease.to_owned())
                    } else {
                        Err(format!("I2: a request of {id} under a lease that was over"))
                    };
                }
            }
        }
        Err(format!("I3: a request of {id} is not in the ledger"))
    }

    fn choose(world: &World, url: &str) -> Answer {
        let status = |status| Answer { status, retry_after: None };
        if url.contains("//broken.") {
            return status(500);
        }
        if world.hits(Fault::HttpGone) {
            return status(410);
        }
        if world.hits(Fault::HttpBusy) {
            let status = *world.random.pick(&[429, 503]);
            return Answer { status, retry_after: Some(world.random.between(1, 40)) };
        }
        if world.hits(Fault::Http500) {
            return status(*world.random.pick(&[500, 404, 301, 429, 502]));
        }
        status(*world.random.pick(&[200, 201, 204]))
    }
}
