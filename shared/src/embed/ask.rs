//! One round of calls: texts are asked for together; what the provider refuses is halved until the refused one is alone.

use std::cell::Cell;
use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;

use crate::backoff::parse_retry_after;
use crate::embed::dialect::{self, Embeddings, Refusal};
use crate::embed::providers::{Choice, Interface, Model, Provider};
use crate::evidence::{Digests, Exchange, Wire, wire};
use crate::limits::{EMBED_REFUSALS_MAX, EMBED_WAIT_SECONDS};
use crate::outcome::{ErrorClass, Outcome, RetryAfter};
use crate::ports::{Clock, Http, HttpError, HttpResponse, received};
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
const HEADERS_SHOWN: [&str; 5] = ["cf-ai-req-id", "content-type", "date", "retry-after", "x-request-id"];

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
    /// `provider/model`.
    pub(crate) model: String,
    /// Whether a job has counted it.
    pub(crate) is_counted: Cell<bool>,
}

impl Call {
    /// Whether nobody has counted it yet; whoever asks does.
    pub(crate) fn count(&self) -> bool {
        !self.is_counted.replace(true)
    }

    /// The status, if it is one of success.
    pub(crate) fn status_of_success(&self) -> Option<u16> {
        self.status.filter(|status| (200..300).contains(status))
    }

    /// A call that was answered so.
    #[cfg(test)]
    pub(crate) fn answered(status: Option<u16>, texts: usize, tokens: u64) -> Rc<Call> {
        let request = crate::ports::HttpRequest {
            method: "POST".into(),
            url: "https://embed.example.com/v1/embeddings".into(),
            service: None,
            headers: Vec::new(),
            body: Vec::new(),
            timeout: Duration::ZERO,
            response_bytes_max: 0,
        };
        let wire = wire(&Exchange { request, response: None }, &Redaction::default(), 0, Digests::None);
        Rc::new(Call { wire, status, texts, tokens, model: "own/small".into(), is_counted: Cell::default() })
    }
}

/// One text of a round: what became of it, and the calls it was in.
pub(crate) type Told = (Embedded, Vec<Rc<Call>>);

/// What is asked, and how often it may still be.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) provider: &'a Provider,
    pub(crate) choice: &'a Choice,
    pub(crate) model: Model,
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

/// How long the provider asked to be left alone, if it did: its answer was 429, or 503 with a wait.
pub(crate) fn asked_for_time(told: &[Told]) -> Option<Duration> {
    told.iter().find_map(|(embedded, calls)| match embedded {
        Embedded::Failed(Outcome::Failed { retry_after: Some(RetryAfter::Deferral(wait)), .. }) => {
            calls.last().filter(|call| matches!(call.status, Some(429 | 503))).map(|_| *wait)
        }
        _ => None,
    })
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
    let Model { dimensions } = asked.model;
    let request = dialect::request(asked.provider, &asked.choice.model, dimensions, texts, asked.version);
    // Safe to repeat: it costs tokens and changes nothing.
    let answer = world.send_request(request.clone()).await;
    let verdict = judge(&answer, asked.provider.interface, (texts.len(), dimensions), world.now_ms());
    let status = answer.as_ref().ok().map(|response| response.status);
    let tokens = if let Verdict::Vectors(embeddings) = &verdict { embeddings.tokens } else { 0 };
    let response = received(answer).map(|mut response| {
        response.headers.retain(|(name, _)| HEADERS_SHOWN.iter().any(|shown| name.eq_ignore_ascii_case(shown)));
        response
    });
    let wire = wire(&Exchange { request, response }, &Redaction::default(), 0, Digests::None);
    let (model, is_counted) = (asked.choice.to_string(), Cell::default());
    (verdict, Call { wire, status, texts: texts.len(), tokens, model, is_counted })
}

fn judge(
    answer: &Result<HttpResponse, HttpError>,
    interface: Interface,
    (texts, dimensions): (usize, usize),
    now_ms: i64,
) -> Verdict {
    let response = match answer {
        Ok(response) => response,
        Err(HttpError::NoService(name)) => {
            return Verdict::Failed(failed(format!("The deployment has no {name} binding."), None));
        }
        Err(error) => return Verdict::Failed(failed(format!("The provider gave no answer: {error}."), None)),
    };
    let answers = |wait| {
        let code = dialect::code(interface, &response.body).map_or_else(String::new, |code| format!(", code {code}"));
        failed(format!("The provider answered {}{code}.", response.status), wait)
    };
    let asked_for = response.header("retry-after").and_then(|value| parse_retry_after(value, now_ms));
    match response.status {
        200..=299 if response.body_error.is_some() => {
            Verdict::Failed(failed("The provider's answer broke off.".into(), None))
        }
        200..=299 if response.truncated => Verdict::Failed(failed("The provider's answer is too long.".into(), None)),
        200..=299 => match dialect::read(interface, &response.body, texts, dimensions) {
            Ok(embeddings) => Verdict::Vectors(embeddings),
            Err(message) => Verdict::Failed(failed(message, None)),
        },
        // Whether it refuses a text or the request cannot be told.
        400 | 413 | 422 if response.body_error.is_some() && dialect::refuses_by_body(interface) => {
            Verdict::Failed(answers(None))
        }
        400 | 413 | 422 => match dialect::refusal(interface, &response.body) {
            Refusal::Texts(message) => Verdict::Refused(message),
            Refusal::Request(message) => {
                Verdict::Failed(failed(format!("The provider refuses the request: {message}"), None))
            }
        },
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
