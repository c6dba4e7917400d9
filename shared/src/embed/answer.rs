//! What every provider's answer comes to: vectors that were checked, or a refusal.

use std::time::Duration;

use serde_json::Value;
use serde_json::value::RawValue;

use crate::limits::{EMBED_CALL_SECONDS, EMBED_REASON_CHARS, EMBED_VALUE_BYTES, REQUEST_BYTES_MAX};
use crate::ports::HttpRequest;
use crate::wire::json_error;

/// What a provider made of a call.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Embeddings {
    /// One vector per text, in their order, or what is wrong with it.
    pub(crate) vectors: Vec<Result<Vec<f32>, String>>,
    /// What it counted.
    pub(crate) tokens: u64,
}

impl Embeddings {
    /// As many vectors as texts, each with the model's dimensions, all of them numbers. One that is not is wrong alone.
    ///
    /// # Errors
    /// When there are not as many as texts: nobody knows which text each is of, and nothing may be stored.
    pub(crate) fn checked(
        vectors: Vec<Option<Box<RawValue>>>,
        usage: &Value,
        texts: usize,
        dimensions: usize,
    ) -> Result<Self, String> {
        if vectors.len() != texts {
            return Err(format!("The provider answered {} vectors for {texts} texts.", vectors.len()));
        }
        let vectors = vectors.into_iter().map(|vector| read_vector(vector.as_deref(), dimensions)).collect();
        // Statistics only: what is no number of tokens is none.
        let tokens = usage["total_tokens"].as_u64().unwrap_or(0).min(u64::from(u32::MAX));
        Ok(Embeddings { vectors, tokens })
    }
}

fn read_vector(vector: Option<&RawValue>, dimensions: usize) -> Result<Vec<f32>, String> {
    let vector = vector.ok_or_else(|| "it is missing".to_owned())?;
    let numbers: Vec<f32> = serde_json::from_str(vector.get()).map_err(|_| "it is no list of numbers".to_owned())?;
    if numbers.len() != dimensions {
        return Err(format!("it has {} dimensions where the model has {dimensions}", numbers.len()));
    }
    if !numbers.iter().all(|number| number.is_finite()) {
        return Err("it is no list of numbers".into());
    }
    Ok(numbers)
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
    format!("The provider's answer cannot be read: {}.", json_error::describe(error))
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
