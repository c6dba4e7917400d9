//! Vectors and refusals: the parts of a provider's answer that all protocols share.

use std::time::Duration;

use serde_json::Value;
use serde_json::value::RawValue;

use crate::limits::{EMBED_CALL_SECONDS, EMBED_REASON_CHARS, EMBED_VALUE_BYTES, REQUEST_BYTES_MAX};
use crate::ports::HttpRequest;
use crate::security::redact::{REDACTED, redact_url};
use crate::wire::json_error;

/// The vectors in an answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Embeddings {
    /// One vector per text, in the order of the texts, or the reason why it is invalid.
    pub(crate) vectors: Vec<Result<Vec<f32>, String>>,
    /// Tokens that the provider counted for the call.
    pub(crate) tokens: u64,
}

impl Embeddings {
    /// Checks that there are as many vectors as texts, each with the model's dimensions and finite numbers. An invalid
    /// vector fails only its own text.
    ///
    /// # Errors
    /// The number of vectors differs from the number of texts: their order is unknown, and none may be stored.
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
        // Tokens are statistics only: an invalid number counts as 0.
        let tokens = usage["total_tokens"].as_u64().unwrap_or(0).min(u64::from(u32::MAX));
        Ok(Embeddings { vectors, tokens })
    }
}

fn read_vector(vector: Option<&RawValue>, dimensions: usize) -> Result<Vec<f32>, String> {
    let vector = vector.ok_or_else(|| "it is missing".to_owned())?;
    let numbers: Vec<f32> = serde_json::from_str(vector.get()).map_err(|_| "it is not a list of numbers".to_owned())?;
    if numbers.len() != dimensions {
        return Err(format!("it has {} dimensions; the model has {dimensions}", numbers.len()));
    }
    if !numbers.iter().all(|number| number.is_finite()) {
        return Err("it is not a list of numbers".into());
    }
    Ok(numbers)
}

/// A refusal of a provider, with a reason for the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// One of the texts, or all of them.
    Texts(String),
    /// The request itself, with any texts.
    Request(String),
}

/// Cleans a provider's message for callers: one line, truncated to [`EMBED_REASON_CHARS`], without invisible
/// characters, secrets in URLs, and the deployment's own key.
pub(crate) fn shown(text: &str, key: Option<&str>) -> String {
    let visible: String = text.chars().filter(|letter| letter.is_whitespace() || !is_invisible(*letter)).collect();
    let visible = match key.filter(|key| !key.is_empty()) {
        Some(key) => visible.replace(key, REDACTED),
        None => visible,
    };
    let word = |word: &str| if word.contains("://") { redact_url(word) } else { word.to_owned() };
    let line = visible.split_whitespace().map(word).collect::<Vec<_>>().join(" ");
    line.chars().take(EMBED_REASON_CHARS).collect()
}

/// Matches control characters and those that change the direction of text or have no width.
fn is_invisible(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
        || matches!(letter, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The error text for an answer that cannot be parsed.
pub(crate) fn unreadable(error: &serde_json::Error) -> String {
    format!("The provider's answer cannot be read: {}.", json_error::describe(error))
}

/// Builds the request of a call that expects `values` numbers in its answer.
pub(crate) fn call(url: String, headers: Vec<(String, String)>, body: &Value, values: usize) -> HttpRequest {
    HttpRequest {
        method: "POST".into(),
        url,
        service: None,
        headers,
        body: body.to_string().into(),
        timeout: Duration::from_secs(EMBED_CALL_SECONDS),
        response_bytes_max: values * EMBED_VALUE_BYTES + REQUEST_BYTES_MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_short_line_without_secrets() {
        for (text, expected) in [
            ("too long", "too long"),
            ("", ""),
            (" too\r\n\tlong\u{2028}by\u{85}far\u{a0}", "too long by far"),
            ("\u{1b}[31mred\u{0}", "[31mred"),
            ("a\u{202e}b\u{200b}c\u{2066}d\u{feff}e\u{ad}f\u{e0041}", "abcdef"),
            ("no key s3cr3t.", "no key [redacted]."),
            ("no key s3c\u{200b}r3t.", "no key [redacted]."),
            ("see https://u:p@a.com/x?token=t&a=1#f now", "see https://a.com/x?token=[redacted]&a=1 now"),
            ("(https://a.com/?sig=1)", "[redacted]"),
        ] {
            assert_eq!(shown(text, Some("s3cr3t")), expected, "{text:?}");
        }
        // Truncation leaves no part of the key: it is redacted first.
        let late = format!("{} s3cr3t", "x".repeat(EMBED_REASON_CHARS - 4));
        assert_eq!(shown(&late, Some("s3cr3t")), format!("{} [re", "x".repeat(EMBED_REASON_CHARS - 4)));
        assert_eq!(shown("a b", Some("")), "a b");
        assert_eq!(shown(&"\u{e9}".repeat(5_000), None).chars().count(), EMBED_REASON_CHARS);
    }
}
