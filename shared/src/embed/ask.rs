//! One call to a provider: its request and its result.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use crate::embed::answer::{Embeddings, Refusal};
use crate::embed::protocol;
use crate::limits::EMBED_WAIT_SECONDS;
use crate::model::backoff::parse_retry_after;
use crate::model::evidence::{Digests, Exchange, Wire, wire};
use crate::model::outcome::{ErrorClass, Outcome, RetryAfter};
use crate::ports::{Clock, Http, HttpError, HttpResponse, received};
use crate::security::redact::Redaction;
use crate::settings::providers::{Choice, Model, Provider};

/// The result of one text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Embedded {
    /// The vector of the text.
    Vector(Vec<f32>),
    /// A refusal of this text, with the provider's reason.
    Refused(String),
    /// No usable vector in the answer; the reason.
    Missing(String),
    /// No usable answer; the attempt fails with this outcome.
    Failed(Outcome),
}

/// The error text when the invocation may make no further call.
pub(crate) const NO_CALLS: &str = "The invocation has no calls left.";
/// Headers of a provider's answer that a tenant may see: the others are about the operator's account.
const HEADERS_SHOWN: [&str; 5] = ["cf-ai-req-id", "content-type", "date", "retry-after", "x-request-id"];

/// Wait after a provider asked for time without a duration. Each attempt of the job doubles it.
pub(crate) fn wait_a_while() -> RetryAfter {
    RetryAfter::Deferral(Duration::from_secs(EMBED_WAIT_SECONDS))
}

/// A call as each job with a text in it sees it. Bodies are left out: they contain the texts of other jobs.
#[derive(Debug)]
pub(crate) struct Call {
    /// Log record of the request and the answer.
    pub(crate) wire: Wire,
    /// Status of the answer, if there was one.
    pub(crate) status: Option<u16>,
    /// Number of texts in the call.
    pub(crate) texts: usize,
    /// Tokens that the provider counted for all texts.
    pub(crate) tokens: u64,
    /// Model, as `provider/model`.
    pub(crate) model: String,
    /// True once a job has counted the call in its usage.
    pub(crate) is_counted: Cell<bool>,
}

impl Call {
    /// Claims the call for the caller's usage; returns true for the first caller only.
    pub(crate) fn count(&self) -> bool {
        !self.is_counted.replace(true)
    }

    /// Status, if it is 2xx.
    pub(crate) fn status_of_success(&self) -> Option<u16> {
        self.status.filter(|status| (200..300).contains(status))
    }

    /// A call with the given answer.
    #[cfg(test)]
    pub(crate) fn answered(status: Option<u16>, texts: usize, tokens: u64) -> Rc<Call> {
        let request = crate::ports::HttpRequest {
            method: "POST".into(),
            url: "https://embed.example.com/v1/embeddings".into(),
            service: None,
            headers: Vec::new(),
            body: bytes::Bytes::new(),
            timeout: Duration::ZERO,
            response_bytes_max: 0,
        };
        let wire = wire(&Exchange { request, response: None }, &Redaction::default(), 0, Digests::None);
        Rc::new(Call { wire, status, texts, tokens, model: "own/small".into(), is_counted: Cell::default() })
    }
}

/// One text of a round: its result, and the calls it was in.
pub(crate) type EmbeddedText = (Embedded, Vec<Rc<Call>>);

/// The target of calls, and the number of calls that may still be made.
#[derive(Debug)]
pub(crate) struct EmbeddingRequest<'a> {
    pub(crate) provider: &'a Provider,
    pub(crate) choice: &'a Choice,
    pub(crate) model: Model,
    pub(crate) version: &'a str,
    pub(crate) calls_left: &'a Cell<usize>,
    /// Time by this machine's clock after which no further call is made.
    pub(crate) ends_at: i64,
}

/// The cause of a call without vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blame {
    /// No fault: the provider works and asks for time.
    Time,
    /// The provider or the deployment, with any texts.
    Provider,
    /// Possibly one of the texts.
    AText,
}

/// The result of a call.
pub(crate) enum Verdict {
    /// Vectors, each of them valid or with a reason.
    Vectors(Embeddings),
    /// A refusal of one of the texts, or of all of them.
    Refused(String),
    /// No usable answer.
    Failed(Outcome, Blame),
}

/// Makes one call.
pub(crate) async fn call<W: Http + Clock>(world: &W, asked: &EmbeddingRequest<'_>, texts: &[&str]) -> (Verdict, Call) {
    let dimensions = asked.model.dimensions;
    let request = protocol::request(asked.provider, &asked.choice.model, asked.model, texts, asked.version);
    // Safe to repeat: it costs tokens and changes nothing.
    let answer = world.send_request(&request).await;
    let verdict = judge(&answer, asked.provider, texts.len(), dimensions, world.now_ms());
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
    provider: &Provider,
    texts: usize,
    dimensions: usize,
    now_ms: i64,
) -> Verdict {
    let interface = provider.interface;
    let fails = |blame, message: String| Verdict::Failed(failed(message, None), blame);
    let response = match answer {
        Ok(response) => response,
        Err(HttpError::NoService(name)) => {
            return fails(Blame::Provider, format!("The deployment has no {name} binding."));
        }
        Err(error) => return fails(Blame::AText, format!("The provider did not respond: {error}.")),
    };
    let answers = |blame, wait| {
        let code = protocol::code(interface, &response.body).map_or_else(String::new, |code| format!(", code {code}"));
        Verdict::Failed(failed(format!("The provider answered {}{code}.", response.status), wait), blame)
    };
    let asked_for = response.header("retry-after").and_then(|value| parse_retry_after(value, now_ms));
    match response.status {
        200..=299 if response.body_error.is_some() => {
            fails(Blame::AText, "The provider's answer was interrupted.".into())
        }
        200..=299 if response.truncated => fails(Blame::AText, "The provider's answer is too long.".into()),
        200..=299 => match protocol::read(interface, &response.body, texts, dimensions) {
            Ok(embeddings) => Verdict::Vectors(embeddings),
            Err(message) => fails(Blame::AText, message),
        },
        // Without the body it is unknown if a text or the request is refused.
        400 | 413 | 422 if response.body_error.is_some() && protocol::refuses_by_body(interface) => {
            answers(Blame::AText, None)
        }
        400 | 413 | 422 => match protocol::refusal(provider, &response.body) {
            Refusal::Texts(message) => Verdict::Refused(message),
            Refusal::Request(message) => fails(Blame::Provider, format!("The provider refuses the request: {message}")),
        },
        // The provider works and asks for time: this counts as no failure.
        429 => answers(Blame::Time, Some(asked_for.map_or_else(wait_a_while, RetryAfter::Deferral))),
        503 if asked_for.is_some() => answers(Blame::Time, asked_for.map(RetryAfter::Deferral)),
        // The provider rejects the deployment's credentials, or does not know the model.
        300..=399 | 401 | 402 | 403 | 404 | 405 | 407 | 410 => {
            answers(Blame::Provider, asked_for.map(RetryAfter::AtLeast))
        }
        _ => answers(Blame::AText, asked_for.map(RetryAfter::AtLeast)),
    }
}

pub(crate) fn failed(message: String, retry_after: Option<RetryAfter>) -> Outcome {
    Outcome::Failed { class: ErrorClass::Provider, message, retry_after }
}
