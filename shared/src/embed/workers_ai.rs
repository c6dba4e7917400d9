//! Workers AI through the AI binding: `env.AI.run(model, {"text": [...]}, {"returnRawResponse": true})`.
//!
//! The binding is code of workerd (`src/cloudflare/internal/ai-api.ts`). It posts to a service inside Cloudflare and
//! with `returnRawResponse` passes the answer on: 200 with `{"shape": [n, d], "data": [[...], ...], "pooling"}`, as in
//! the schemas of the models (`src/content/workers-ai-models/bge-small-en-v1.5.json` of cloudflare-docs), or a status
//! of <https://developers.cloudflare.com/workers-ai/platform/errors/> with `{"internalCode", "name", "message",
//! "description"}` or `{"errors": [{"code", "message"}]}`.
//!
//! A call has at most 100 texts (`maxItems` of the same schemas), which is [`EMBED_TEXTS_PER_CALL`]. A model with a
//! lower limit refuses the call (qwen3-embedding takes 32), and the call is halved.
//!
//! [`EMBED_TEXTS_PER_CALL`]: crate::limits::EMBED_TEXTS_PER_CALL

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::embed::answer::{Embeddings, Refusal, call, shown, unreadable};
use crate::ports::HttpRequest;

/// The name of the binding: a request with this service goes to a model.
pub(crate) const AI_BINDING: &str = "AI";
/// The URL prefix of such a request; the model follows. The binding itself sends to it, and nothing else does.
pub(crate) const AI_URL: &str = "https://workers-binding.ai/run/";

/// Codes of status 400 that concern the request, not its texts: it is incomplete, a finetune lacks files, the model
/// does not exist.
const CODES_OF_REQUEST: [u64; 3] = [3003, 3039, 5007];

/// Builds the request for the vectors of some texts.
pub(crate) fn request(model: &str, dimensions: usize, texts: &[&str]) -> HttpRequest {
    let headers = vec![("content-type".into(), "application/json".into())];
    let request = call(format!("{AI_URL}{model}"), headers, &json!({"text": texts}), texts.len() * dimensions);
    HttpRequest { service: Some(AI_BINDING.into()), ..request }
}

#[derive(Deserialize)]
struct WorkersAiResponse {
    data: Vec<Option<Box<RawValue>>>,
    #[serde(default)]
    usage: Value,
}

/// Parses the answer of a 2xx status. `shape` is ignored: it repeats the dimensions of `data`.
///
/// # Errors
/// Those of [`Embeddings::checked`].
pub(crate) fn read(body: &[u8], texts: usize, dimensions: usize) -> Result<Embeddings, String> {
    let WorkersAiResponse { data, usage } = serde_json::from_slice(body).map_err(|error| unreadable(&error))?;
    Embeddings::checked(data, &usage, texts, dimensions)
}

/// Parses the reason of a refusal and what it concerns.
pub(crate) fn refusal(body: &[u8]) -> Refusal {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = value["description"].as_str().or(value["errors"][0]["message"].as_str());
    let reason = shown(text.unwrap_or("The provider gave no reason."), None);
    match code_of(&value) {
        Some(code) if CODES_OF_REQUEST.contains(&code) => Refusal::Request(format!("{reason} ({code})")),
        _ => Refusal::Texts(reason),
    }
}

/// Parses Cloudflare's own error code, under which its documentation explains the error.
pub(crate) fn code(body: &[u8]) -> Option<u64> {
    code_of(&serde_json::from_slice(body).ok()?)
}

fn code_of(error: &Value) -> Option<u64> {
    error["internalCode"].as_u64().or(error["errors"][0]["code"].as_u64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{EMBED_REASON_CHARS, EMBED_VALUE_BYTES};

    #[test]
    fn a_request_names_the_binding_the_model_and_the_texts() {
        let request = request("@cf/baai/bge-m3", 1_024, &["one", "two"]);
        assert_eq!(request.service.as_deref(), Some("AI"));
        assert_eq!(request.url, "https://workers-binding.ai/run/@cf/baai/bge-m3");
        assert_eq!(*request.body, *br#"{"text":["one","two"]}"#);
        assert!(request.response_bytes_max > 2 * 1_024 * EMBED_VALUE_BYTES);
    }

    #[test]
    fn vectors_come_in_the_order_of_the_texts() {
        let body = br#"{"shape":[2,2],"data":[[1,2],[3,4.5]],"pooling":"mean"}"#;
        let expected = Embeddings { vectors: vec![Ok(vec![1.0, 2.0]), Ok(vec![3.0, 4.5])], tokens: 0 };
        assert_eq!(read(body, 2, 2).unwrap(), expected);
        let counted = br#"{"data":[[1]],"usage":{"prompt_tokens":7,"total_tokens":7}}"#;
        assert_eq!(read(counted, 1, 1).unwrap().tokens, 7);
    }

    #[test]
    fn malformed_answers_are_refused() {
        for (data, what) in [
            ("[[1,2]]", "1 vectors for 2 texts"),
            ("[[1,2],[1,2],[1,2]]", "3 vectors for 2 texts"),
            ("null", "cannot be read"),
        ] {
            let error = read(format!(r#"{{"shape":[2,2],"data":{data}}}"#).as_bytes(), 2, 2).unwrap_err();
            assert!(error.contains(what), "{error}: {what}");
        }
        for (odd, what) in [
            ("[1]", "has 1 dimensions"),
            ("[]", "has 0 dimensions"),
            ("[1,2,3]", "has 3 dimensions"),
            ("[1,null]", "not a list of numbers"),
            ("2", "not a list of numbers"),
            ("null", "is missing"),
        ] {
            let vectors = read(format!(r#"{{"data":[[1,2],{odd}]}}"#).as_bytes(), 2, 2).unwrap().vectors;
            assert!(vectors[0].is_ok() && vectors[1].as_ref().unwrap_err().contains(what), "{vectors:?}");
        }
        // The answer of its asynchronous queue has no vectors.
        for body in [&br#"{"request_id":"a"}"#[..], b"", b"<html>", b"\xff"] {
            assert!(read(body, 1, 2).unwrap_err().contains("cannot be read"));
        }
    }

    #[test]
    fn a_refusal_concerns_the_texts_unless_its_code_concerns_the_request() {
        let texts = |reason: &str| Refusal::Texts(reason.to_owned());
        let request = |reason: &str| Refusal::Request(reason.to_owned());
        let error = |code: u64, description: &str| {
            json!({"internalCode": code, "name": "AiError", "message": "AiError", "description": description})
                .to_string()
        };
        for (body, expected) in [
            (error(3010, "Invalid or incomplete\u{0} input"), texts("Invalid or incomplete input")),
            (error(3006, "Request is too large"), texts("Request is too large")),
            (error(5007, "No such model m or task"), request("No such model m or task (5007)")),
            (
                error(3003, "Request is missing headers or body: text"),
                request("Request is missing headers or body: text (3003)"),
            ),
            (r#"{"errors":[{"code":5006,"message":"too many"}]}"#.into(), texts("too many")),
            (r#"{"errors":[{"code":5007,"message":"No such model"}]}"#.into(), request("No such model (5007)")),
            ("<html>".into(), texts("The provider gave no reason.")),
            (error(1, &"x".repeat(5_000)), texts(&"x".repeat(EMBED_REASON_CHARS))),
        ] {
            assert_eq!(refusal(body.as_bytes()), expected, "{body}");
        }
        assert_eq!((code(error(3040, "").as_bytes()), code(b"{}"), code(b"busy")), (Some(3040), None, None));
    }
}
