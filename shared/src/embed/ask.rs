//! One call to a provider: what is asked, and what its answer comes to.

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

/// What became of one text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Embedded {
    /// It has a vector.
    Vector(Vec<f32>),
    /// The provider refuses this text, and says why.
    Refused(String),
    /// The answer has no vector for this text that can be used; what is wrong with it.
    Missing(String),
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
            body: bytes::Bytes::new(),
            timeout: Duration::ZERO,
            response_bytes_max: 0,
        };
        let wire = wire(&Exchange { request, response: None }, &Redaction::default(), 0, Digests::None);
        Rc::new(Call { wire, status, texts, tokens, model: "own/small".into(), is_counted: Cell::default() })
    }
}

/// One text of a round: what became of it, and the calls it was in.
pub(crate) type EmbeddedText = (Embedded, Vec<Rc<Call>>);

/// What is asked, and how often it may still be.
#[derive(Debug)]
pub(crate) struct EmbeddingRequest<'a> {
    pub(crate) provider: &'a Provider,
    pub(crate) choice: &'a Choice,
    pub(crate) model: Model,
    pub(crate) version: &'a str,
    pub(crate) calls_left: &'a Cell<usize>,
    /// When no further call is made, by this machine's clock.
    pub(crate) ends_at: i64,
}

/// What is to blame for a call that brought no vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blame {
    /// Nobody: the provider is well and asks for time.
    Time,
    /// The provider or the deployment, whatever texts are asked for.
    Provider,
    /// Perhaps one of its texts.
    AText,
}

/// What a call came to.
pub(crate) enum Verdict {
    /// Vectors, or what is wrong with them one by one.
    Vectors(Embeddings),
    /// One of the texts, or all of them.
    Refused(String),
    /// Nothing that can be used.
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
        Err(error) => return fails(Blame::AText, format!("The provider gave no answer: {error}.")),
    };
    let answers = |blame, wait| {
        let code = protocol::code(interface, &response.body).map_or_else(String::new, |code| format!(", code {code}"));
        Verdict::Failed(failed(format!("The provider answered {}{code}.", response.status), wait), blame)
    };
    let asked_for = response.header("retry-after").and_then(|value| parse_retry_after(value, now_ms));
    match response.status {
        200..=299 if response.body_error.is_some() => fails(Blame::AText, "The provider's answer broke off.".into()),
        200..=299 if response.truncated => fails(Blame::AText, "The provider's answer is too long.".into()),
        200..=299 => match protocol::read(interface, &response.body, texts, dimensions) {
            Ok(embeddings) => Verdict::Vectors(embeddings),
            Err(message) => fails(Blame::AText, message),
        },
        // Whether it refuses a text or the request cannot be told.
        400 | 413 | 422 if response.body_error.is_some() && protocol::refuses_by_body(interface) => {
            answers(Blame::AText, None)
        }
        400 | 413 | 422 => match protocol::refusal(provider, &response.body) {
            Refusal::Texts(message) => Verdict::Refused(message),
            Refusal::Request(message) => fails(Blame::Provider, format!("The provider refuses the request: {message}")),
        },
        // It is well and asks for time: no failure is spent.
        429 => answers(Blame::Time, Some(asked_for.map_or_else(wait_a_while, RetryAfter::Deferral))),
        503 if asked_for.is_some() => answers(Blame::Time, asked_for.map(RetryAfter::Deferral)),
        // It does not know us, or the model.
        300..=399 | 401 | 402 | 403 | 404 | 405 | 407 | 410 => {
            answers(Blame::Provider, asked_for.map(RetryAfter::AtLeast))
        }
        _ => answers(Blame::AText, asked_for.map(RetryAfter::AtLeast)),
    }
}

pub(crate) fn failed(message: String, retry_after: Option<RetryAfter>) -> Outcome {
    Outcome::Failed { class: ErrorClass::Provider, message, retry_after }
}
