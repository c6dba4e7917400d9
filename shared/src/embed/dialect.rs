//! What every dialect comes to: vectors that were checked, or a refusal; and which dialect a provider speaks.

use std::time::Duration;

use serde_json::Value;

use crate::embed::providers::{Interface, Provider};
use crate::embed::{openai, workers_ai};
use crate::limits::{EMBED_CALL_SECONDS, EMBED_REASON_CHARS, EMBED_VALUE_BYTES, REQUEST_BYTES_MAX};
use crate::ports::HttpRequest;

/// What a provider made of a call.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Embeddings {
    /// One vector per text, in their order.
    pub(crate) vectors: Vec<Vec<f32>>,
    /// What it counted.
    pub(crate) tokens: u64,
}

impl Embeddings {
    /// As many vectors as texts, each with the model's dimensions, all of them numbers.
    ///
    /// # Errors
    /// What is wrong with them, in one line. Nothing of them may be stored then.
    pub(crate) fn checked(
        vectors: Vec<Vec<f32>>,
        usage: &Value,
        texts: usize,
        dimensions: usize,
    ) -> Result<Self, String> {
        if vectors.len() != texts {
            return Err(format!("The provider answered {} vectors for {texts} texts.", vectors.len()));
        }
        if let Some(vector) = vectors.iter().find(|vector| vector.len() != dimensions) {
            let has = vector.len();
            return Err(format!(
                "The provider answered a vector of {has} dimensions where the model has {dimensions}."
            ));
        }
        if !vectors.iter().flatten().all(|value| value.is_finite()) {
            return Err("The provider answered a vector with what is no number.".into());
        }
        // Statistics only: what is no number of tokens is none.
        let tokens = usage["total_tokens"].as_u64().unwrap_or(0).min(u64::from(u32::MAX));
        Ok(Embeddings { vectors, tokens })
    }
}

/// What a provider refuses, and why, fit to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// One of the texts, or all of them.
    Texts(String),
    /// The request, whatever texts are in it.
    Request(String),
}

/// What a provider says, as far as it is shown.
pub(crate) fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(EMBED_REASON_CHARS).collect()
}

/// What is said for an answer that cannot be read.
pub(crate) fn unreadable(error: &serde_json::Error) -> String {
    format!("The provider's answer cannot be read: {error}.")
}

/// A call whose answer has so many values.
pub(crate) fn call(url: String, headers: Vec<(String, String)>, body: &Value, values: usize) -> HttpRequest {
    HttpRequest {
        method: "POST".into(),
        url,
        service: None,
        headers,
        body: body.to_string().into_bytes(),
        timeout: Duration::from_secs(EMBED_CALL_SECONDS),
        response_bytes_max: values * EMBED_VALUE_BYTES + REQUEST_BYTES_MAX,
    }
}

/// The request that asks for the vectors of some texts.
pub(crate) fn request(
    provider: &Provider,
    model: &str,
    dimensions: usize,
    texts: &[&str],
    version: &str,
) -> HttpRequest {
    match provider.interface {
        Interface::WorkersAi => workers_ai::request(model, dimensions, texts),
        Interface::OpenaiCompatible | Interface::Builtin => {
            openai::request(provider, model, dimensions, texts, version)
        }
    }
}

/// Reads an answer of 2xx.
///
/// # Errors
/// Those of [`Embeddings::checked`].
pub(crate) fn read(interface: Interface, body: &[u8], texts: usize, dimensions: usize) -> Result<Embeddings, String> {
    match interface {
        Interface::WorkersAi => workers_ai::read(body, texts, dimensions),
        Interface::OpenaiCompatible | Interface::Builtin => openai::read(body, texts, dimensions),
    }
}

/// Whether only the body of an answer of 400, 413 or 422 says what is refused.
pub(crate) fn refuses_by_body(interface: Interface) -> bool {
    match interface {
        Interface::WorkersAi => true,
        Interface::OpenaiCompatible | Interface::Builtin => false,
    }
}

/// Reads an answer of 400, 413 or 422.
pub(crate) fn refusal(interface: Interface, body: &[u8]) -> Refusal {
    match interface {
        Interface::WorkersAi => workers_ai::refusal(body),
        Interface::OpenaiCompatible | Interface::Builtin => Refusal::Texts(openai::refusal(body)),
    }
}

/// What a provider calls a failure beside its status, if that says more than the status does.
pub(crate) fn code(interface: Interface, body: &[u8]) -> Option<u64> {
    match interface {
        Interface::WorkersAi => workers_ai::code(body),
        Interface::OpenaiCompatible | Interface::Builtin => None,
    }
}
