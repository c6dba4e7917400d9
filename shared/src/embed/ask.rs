//! One round of calls: texts are asked for together; what the provider refuses is halved until the refused one is alone.

use std::cell::Cell;
use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;

use crate::backoff::parse_retry_after;
use crate::embed::openai::{self, Embeddings};
use crate::embed::providers::{Model, Provider};
use crate::evidence::{Exchange, Wire, wire};
use crate::limits::{EMBED_REFUSALS_MAX, EMBED_WAIT_SECONDS};
use crate::outcome::{ErrorClass, Outcome, RetryAfter};
use crate::ports::{Clock, Http, HttpError, HttpResponse};
use crate::redact::Redaction;

/// What became of one text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Embedded {
    /// It has a vector.
    Vector(Vec<f32>),
    /// The provider refuses this text, and says why.
    Refused(String),
    /// Nothing that can be used came; the attempt fails so.
    Failed(Outcome),
}

/// What is said when the invocation may make no further call.
pub(crate) const NO_CALLS: &str = "No calls are left.";
/// The headers of a provider's answer that a tenant may see: the others are about the operator's account.
const HEADERS_SHOWN: [&str; 4] = ["content-type", "date", "retry-after", "x-request-id"];

/// How long a provider is left alone that does not say for how long. The job's attempts double it.
pub(crate) fn wait_a_while() -> RetryAfter {
    RetryAfter::Deferral(Duration::from_secs(EMBED_WAIT_SECONDS))
}

/// A call that was made, as it is shown to each job with a text in it. Bodies are left out: they have the texts of others.
#[derive(Debug)]
pub(crate) struct Call {
    /// What crossed the wire.
    pub(crate) wire: Wire,
    /// The status of the answer, if there was one.
    pub(crate) status: Option<u16>,
    /// Texts that were asked for,
    pub(crate) texts: usize,
    /// and tokens that the provider counted in all of them.
    pub(crate) tokens: u64,
}

/// One text of a round: what became of it, and the calls it was in.
pub(crate) type Told = (Embedded, Vec<Rc<Call>>);

/// What is asked, and how often it may still be.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) provider: &'a Provider,
    pub(crate) model: (&'a str, Model),
    pub(crate) version: &'a str,
    pub(crate) calls_left: &'a Cell<usize>,
}

/// Asks for the vectors of some texts.
pub(crate) async fn ask<W: Http + Clock>(world: &W, asked: &Asked<'_>, texts: &[&str]) -> Vec<Told> {
    // What becomes of those that no call is left for.
    let unasked = || Embedded::Failed(failed(NO_CALLS.into(), Some(wait_a_while())));
    let mut told: Vec<Told> = texts.iter().map(|_| (unasked(), Vec::new())).collect();
    let all = 0..texts.len();
    let mut parts = vec![all];
    while let Some(part) = parts.pop() {
        let Some(left) = asked.calls_left.get().checked_sub(1) else { break };
        asked.calls_left.set(left);
        let (verdict, call) = call(world, asked, &texts[part.clone()]).await;
        let call = Rc::new(call);
        told[part.clone()].iter_mut().for_each(|(_, calls)| calls.push(call.clone()));
        match verdict {
            Verdict::Vectors(Embeddings { vectors, .. }) => {
                for ((embedded, _), vector) in told[part].iter_mut().zip(vectors) {
                    *embedded = Embedded::Vector(vector);
                }
            }
            Verdict::Refused(message) if part.len() == 1 => {
                told[part.start].0 = Embedded::Refused(message.clone());
                if refuses_all(&told) {
                    let outcome = failed(format!("The provider refuses every text: {message}"), None);
                    fail_all(&mut told, parts.into_iter(), &outcome);
                    break;
                }
            }
            Verdict::Refused(_) => {
                let middle = part.start + part.len() / 2;
                parts.extend([middle..part.end, part.start..middle]);
            }
            Verdict::Failed(outcome) => {
                fail_all(&mut told, [part].into_iter().chain(parts), &outcome);
                break;
            }
        }
    }
    told
}

/// Whether what is refused is the request rather than its texts: [`EMBED_REFUSALS_MAX`] were, and none has a vector.
fn refuses_all(told: &[Told]) -> bool {
    let refused = told.iter().filter(|(embedded, _)| matches!(embedded, Embedded::Refused(_))).count();
    refused >= EMBED_REFUSALS_MAX && !told.iter().any(|(embedded, _)| matches!(embedded, Embedded::Vector(_)))
}

fn fail_all(told: &mut [Told], parts: impl Iterator<Item = Range<usize>>, outcome: &Outcome) {
    for place in parts.flatten() {
        told[place].0 = Embedded::Failed(outcome.clone());
    }
}

enum Verdict {
    Vectors(Embeddings),
    /// One of the texts, or all of them.
    Refused(String),
    Failed(Outcome),
}

async fn call<W: Http + Clock>(world: &W, asked: &Asked<'_>, texts: &[&str]) -> (Verdict, Call) {
    let (name, Model { dimensions }) = asked.model;
    let request = openai::request(asked.provider, name, dimensions, texts, asked.version);
    // Safe to repeat: it costs tokens and changes nothing.
    let answer = world.send_request(request.clone()).await;
    let verdict = judge(&answer, texts.len(), dimensions, world.now_ms());
    let status = answer.as_ref().ok().map(|response| response.status);
    let tokens = if let Verdict::Vectors(embeddings) = &verdict { embeddings.tokens } else { 0 };
    let response = answer.ok().map(|mut response| {
        response.headers.retain(|(name, _)| HEADERS_SHOWN.iter().any(|shown| name.eq_ignore_ascii_case(shown)));
        response
    });
    let wire = wire(&Exchange { request, response }, &Redaction::default(), 0);
    (verdict, Call { wire, status, texts: texts.len(), tokens })
}

fn judge(answer: &Result<HttpResponse, HttpError>, texts: usize, dimensions: usize, now_ms: i64) -> Verdict {
    let response = match answer {
        Ok(response) => response,
        Err(error) => return Verdict::Failed(failed(format!("The provider gave no answer: {error}."), None)),
    };
    let answers = |wait| failed(format!("The provider answered {}.", response.status), wait);
    let asked_for = response.header("retry-after").and_then(|value| parse_retry_after(value, now_ms));
    match response.status {
        200..=299 if response.truncated => Verdict::Failed(failed("The provider's answer is too long.".into(), None)),
        200..=299 => match openai::read(&response.body, texts, dimensions) {
            Ok(embeddings) => Verdict::Vectors(embeddings),
            Err(message) => Verdict::Failed(failed(message, None)),
        },
        400 | 413 | 422 => Verdict::Refused(openai::refusal(&response.body)),
        // It is well and asks for time: no failure is spent.
        429 => Verdict::Failed(answers(Some(asked_for.map_or_else(wait_a_while, RetryAfter::Deferral)))),
        503 => Verdict::Failed(answers(asked_for.map(RetryAfter::Deferral))),
        _ => Verdict::Failed(answers(asked_for.map(RetryAfter::AtLeast))),
    }
}

fn failed(message: String, retry_after: Option<RetryAfter>) -> Outcome {
    Outcome::Failed { class: ErrorClass::Provider, message, retry_after }
}

#[cfg(test)]
mod tests;
