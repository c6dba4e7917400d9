//! One attempt: builds the request, sends it, judges the answer, and builds the evidence in memory. It writes to no
//! store; it reads a large payload from the object store.

use std::ops::Range;
use std::rc::Rc;

use crate::embed::ask::Call;
use crate::index::shared::Shared;
use crate::kinds;
use crate::kinds::Kind;
use crate::kinds::target::host_of;
use crate::model::attempt::Measured;
use crate::model::backoff::fold;
use crate::model::cause::FailedAt;
use crate::model::claimed::Claimed;
use crate::model::endpoint::EvidencePolicy;
use crate::model::evidence::{Digests, Exchange, RecordHead, Wire, record, wire};
use crate::model::outcome::{ErrorClass, Outcome};
use crate::model::state::{Situation, decide, dies_in};
use crate::model::totals::Waits;
use crate::ports::{World, received};
use crate::run::payload::{object_of, whole};
use crate::run::settle::{JobPlace, Settlement, ms_rounded_up};
use crate::run::usage::{ModelUsage, usage_of};
use crate::run::{embed, index};
use crate::security::redact::Redaction;
use crate::settings::Settings;
use crate::wire::job_queue::JobQueue;

/// An attempt that ended and waits for its flush.
#[derive(Debug, Clone)]
pub struct FinishedAttempt {
    /// Settlement to record.
    pub settlement: Settlement,
    /// Evidence record; `None` if the endpoint's evidence policy excludes this attempt.
    pub record: Option<Vec<u8>>,
    /// End of the attempt by the Worker's clock, in ms since 1970.
    pub ended_at: i64,
}

/// Runs one attempt of a claimed job. Infallible: every failure becomes an [`Outcome`].
pub(crate) async fn run<W: World>(world: &W, settings: &Settings, shared: &Shared, job: &Claimed) -> FinishedAttempt {
    let sent_at = world.now_ms();
    let (outcome, sent) = send(world, settings, shared, job).await;
    let ended_at = world.now_ms();
    finish(settings, job, sent_at..ended_at, outcome, &sent, fold(world.random()))
}

/// Requests that one attempt sent.
enum Sent {
    Nothing,
    Request(Box<Exchange>),
    /// Calls to embedding providers, which texts of other jobs may share.
    Calls(Vec<Rc<Call>>),
}

impl Sent {
    /// Returns the HTTP status that decided the outcome. A failed attempt has the status of its last call, which is the
    /// one that failed. A successful attempt has that of its last successful call: other calls may have failed for a
    /// refused text, or for an index version that is still being built. An attempt that failed for another reason has
    /// none.
    fn status(&self, outcome: &Outcome) -> Option<u16> {
        let calls = match self {
            Sent::Nothing => return None,
            Sent::Request(exchange) => return exchange.response.as_ref().map(|response| response.status),
            Sent::Calls(calls) => calls,
        };
        match outcome {
            Outcome::Succeeded { .. } => calls.iter().rev().find_map(|call| call.status_of_success()),
            Outcome::Failed { class: ErrorClass::Provider | ErrorClass::Handler, .. } => calls.last()?.status,
            _ => None,
        }
    }

    /// Returns the body of the answer, redacted. Calls to embedding providers have none: their errors contain the reason.
    fn answer(&self, redaction: &Redaction) -> Option<Vec<u8>> {
        let Sent::Request(exchange) = self else { return None };
        exchange.response.as_ref().map(|response| redaction.redact_body(&response.body).into_owned())
    }

    /// Returns the usage of the calls that no other job has counted.
    fn usage(&self) -> Vec<ModelUsage> {
        match self {
            Sent::Nothing | Sent::Request(_) => Vec::new(),
            Sent::Calls(calls) => usage_of(calls),
        }
    }
}

async fn send<W: World>(world: &W, settings: &Settings, shared: &Shared, job: &Claimed) -> (Outcome, Sent) {
    let object = match object_of(world, job).await {
        Ok(object) => object,
        Err(outcome) => return (outcome, Sent::Nothing),
    };
    match Kind::named(&job.kind) {
        Some(Kind::Embed) => {
            let (outcome, calls) = embed::run(world, settings, shared, job, whole(job, object.as_ref())).await;
            return (outcome, Sent::Calls(calls));
        }
        Some(Kind::Index) => {
            let (outcome, calls) = index::run(world, settings, shared, job, whole(job, object.as_ref())).await;
            return (outcome, Sent::Calls(calls));
        }
        Some(Kind::Webhook | Kind::Task) | None => {}
    }
    let request = match kinds::prepare(job, object, settings, world.now_ms()) {
        Ok(request) => request,
        Err(outcome) => return (outcome, Sent::Nothing),
    };
    // Safe to repeat: the claim recorded this attempt, and a repeat carries the same webhook-id.
    let answer = world.send_request(&request).await;
    let outcome = kinds::judge(job, &answer, world.now_ms());
    (outcome, Sent::Request(Box::new(Exchange { request, response: received(answer) })))
}

fn finish(
    settings: &Settings,
    job: &Claimed,
    during: Range<i64>,
    outcome: Outcome,
    sent: &Sent,
    seed: u64,
) -> FinishedAttempt {
    let Range { start: sent_at, end: ended_at } = during;
    let duration_ms = (ended_at - sent_at).max(0);
    let endpoint = job.endpoint.as_ref();
    let situation = Situation {
        attempt: job.attempt,
        failures: job.failures,
        max_attempts: job.max_attempts,
        backoff: job.backoff,
        dead_letter_on: endpoint.map_or(&[], |endpoint| &endpoint.dead_letter_on),
        // Only differences of one clock are used: deadline minus claim by the database's, and the duration by the
        // Worker's.
        deadline_in_ms: job.deadline_at.map(|deadline| deadline - job.now - duration_ms),
        seed,
    };
    let decision = decide(&outcome, &situation);
    let error = outcome.error();
    let policy = endpoint.map_or(EvidencePolicy::Full, |endpoint| endpoint.evidence);
    let wanted = match policy {
        EvidencePolicy::Full => true,
        // A deferred attempt may still fail, so its evidence is kept.
        EvidencePolicy::Failures => !matches!(outcome, Outcome::Succeeded { .. }),
        EvidencePolicy::None => false,
    };
    let redaction = wanted.then(|| redaction_of(job));
    let record = redaction.as_ref().map(|redaction| {
        let (tenant, job_id, attempt, version) = (&job.tenant, &job.id, job.attempt, &settings.version);
        let head = RecordHead { tenant, job_id, attempt, sent_at, duration_ms, version };
        let alone: Wire;
        let calls = match sent {
            Sent::Nothing => Vec::new(),
            Sent::Request(exchange) => {
                let digests = Digests::Of(&settings.keys, tenant);
                alone = wire(exchange, redaction, settings.plan.evidence_body_bytes, digests);
                vec![&alone]
            }
            Sent::Calls(calls) => calls.iter().map(|call| &call.wire).collect(),
        };
        record(&head, &calls, error.as_ref())
    });
    // Without evidence nothing of the answer is kept, not even in the text of a cause.
    let answer = redaction.as_ref().filter(|_| error.is_some()).and_then(|redaction| sent.answer(redaction));
    let measured = Measured { duration_ms, status: sent.status(&outcome), version: settings.version.clone(), answer };
    let host = error.as_ref().and_then(|_| host_of(job));
    let at = FailedAt { kind: job.kind.clone(), endpoint: job.endpoint_id.clone(), host };
    let place = JobPlace { at, queue: JobQueue::of(&job.kind), counted: job.counted == 1 };
    let dies_in_ms = dies_in(decision, &situation).map(ms_rounded_up);
    let usage = sent.usage();
    let keep_payload = endpoint.is_some_and(|endpoint| endpoint.keep_payload == 1);
    let waits = Waits::of(job.attempt, job.due_at, job.now, ended_at);
    let settled = Settlement::new(job.attempt(), place, outcome, decision, measured);
    let settlement = Settlement { dies_in_ms, keep_payload, usage, waits, ..settled };
    FinishedAttempt { settlement, record, ended_at }
}

/// Returns what is hidden of a job's requests and answers. Headers that the endpoint seals are hidden everywhere.
fn redaction_of(job: &Claimed) -> Redaction {
    let Some(endpoint) = &job.endpoint else { return Redaction::default() };
    let mut redaction = endpoint.redact.clone();
    redaction.headers.extend(endpoint.headers.iter().map(|(name, _)| name.clone()));
    redaction
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::result::JobResult;

    #[test]
    fn status_is_that_of_the_call_that_decided() {
        let sent = |statuses: &[Option<u16>]| {
            Sent::Calls(statuses.iter().map(|status| Call::answered(*status, 1, 0)).collect())
        };
        let succeeded = Outcome::Succeeded { result: JobResult::Empty };
        let [failed, lost] = [ErrorClass::Provider, ErrorClass::Internal].map(|class| Outcome::failed(class, ""));
        assert_eq!(sent(&[Some(200), Some(400)]).status(&succeeded), Some(200), "one text was refused");
        assert_eq!(
            sent(&[Some(200), None]).status(&succeeded),
            Some(200),
            "the index version in progress got no answer"
        );
        assert_eq!(sent(&[Some(200), Some(429)]).status(&failed), Some(429));
        assert_eq!(sent(&[Some(429), None]).status(&failed), None, "a connection that failed has no status");
        assert_eq!(sent(&[Some(429)]).status(&lost), None, "a store gave no answer");
        assert_eq!((sent(&[]).status(&failed), sent(&[]).status(&succeeded)), (None, None));
    }
}
