//! The embeddings API of OpenAI, which other providers implement too: `POST {url}/embeddings`.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::embed::answer::{Embeddings, call, shown, unreadable};
use crate::ports::HttpRequest;
use crate::settings::providers::{Model, Provider};

/// Builds the request for the vectors of some texts.
pub(crate) fn request(provider: &Provider, name: &str, model: Model, texts: &[&str], version: &str) -> HttpRequest {
    let mut headers = vec![
        ("content-type".to_owned(), "application/json".to_owned()),
        ("user-agent".to_owned(), format!("Longshore/{version}")),
    ];
    headers.extend(provider.key.as_ref().map(|key| ("authorization".to_owned(), format!("Bearer {key}"))));
    let url = format!("{}/embeddings", provider.url.trim_end_matches('/'));
    let mut body = json!({"model": name, "input": texts, "encoding_format": "float"});
    if model.send_dimensions {
        body["dimensions"] = json!(model.dimensions);
    }
    call(url, headers, &body, texts.len() * model.dimensions)
}

#[derive(Deserialize)]
struct OpenAiResponse {
    data: Vec<Option<Item>>,
    #[serde(default)]
    usage: Value,
}

#[derive(Deserialize)]
struct Item {
    index: Option<usize>,
    embedding: Option<Box<RawValue>>,
}

/// Parses the answer of a 2xx status; `index` names the text of a vector. Vectors may be missing if all others have an
/// index, but the last text must have one: a provider may leave one out and renumber the rest, and then the order is
/// unknown.
///
/// # Errors
/// Those of [`Embeddings::checked`].
pub(crate) fn read(body: &[u8], texts: usize, dimensions: usize) -> Result<Embeddings, String> {
    let OpenAiResponse { data, usage } = serde_json::from_slice(body).map_err(|error| unreadable(&error))?;
    let (count, is_indexed) = (data.len(), data.iter().flatten().all(|item| item.index.is_some()));
    let mut vectors: Vec<Option<Option<Box<RawValue>>>> = Vec::new();
    vectors.resize_with(texts, || None);
    let miscounted = format!("The provider answered {count} vectors for {texts} texts.");
    if count > texts || (count < texts && !is_indexed) {
        return Err(miscounted);
    }
    for (place, item) in data.into_iter().enumerate() {
        let Some(Item { index, embedding }) = item else { continue };
        let index = index.unwrap_or(place);
        match vectors.get_mut(index) {
            Some(vector) if vector.is_none() => *vector = Some(embedding),
            _ => return Err(format!("The provider returned index {index} twice, or for no text.")),
        }
    }
    if count < texts && vectors.last().is_some_and(Option::is_none) {
        return Err(miscounted);
    }
    Embeddings::checked(vectors.into_iter().map(Option::flatten).collect(), &usage, texts, dimensions)
}

/// Parses the reason of a refusal: `{"error": {"message"}}`, or `{"error": "…"}`.
pub(crate) fn refusal(body: &[u8], key: Option<&str>) -> String {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let error = &value["error"];
    let text = error["message"].as_str().or(error.as_str()).unwrap_or("The provider gave no reason.");
    shown(text, key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::EMBED_REASON_CHARS;

    fn answer(data: &Value) -> Vec<u8> {
        json!({"object": "list", "data": data, "model": "m", "usage": {"prompt_tokens": 5, "total_tokens": 5}})
            .to_string()
            .into_bytes()
    }

    #[test]
    fn vectors_come_in_the_order_of_the_texts() {
        let data = json!([{"index": 1, "embedding": [3, 4.5]}, {"index": 0, "embedding": [1, 2]}]);
        let read = read(&answer(&data), 2, 2).unwrap();
        assert_eq!(read, Embeddings { vectors: vec![Ok(vec![1.0, 2.0]), Ok(vec![3.0, 4.5])], tokens: 5 });
        let plain = br#"{"data":[{"embedding":[1]},{"embedding":[2]}]}"#;
        assert_eq!(
            super::read(plain, 2, 1).unwrap().vectors,
            [Ok(vec![1.0]), Ok(vec![2.0])],
            "without index and usage"
        );
        for (usage, tokens) in [
            ("null", 0),
            ("{\"total_tokens\":null}", 0),
            ("{\"total_tokens\":1e30}", 0),
            ("{\"total_tokens\":18446744073709551615}", u64::from(u32::MAX)),
        ] {
            let body = format!("{{\"data\":[{{\"embedding\":[1]}}],\"usage\":{usage}}}");
            assert_eq!(super::read(body.as_bytes(), 1, 1).unwrap().tokens, tokens, "{usage}");
        }
    }

    #[test]
    fn malformed_answers_are_refused() {
        for (data, what) in [
            (json!([{"index": 0, "embedding": [1, 2]}]), "1 vectors for 2 texts"),
            (json!([{"index": 0, "embedding": [1, 2]}, {"index": 0, "embedding": [1, 2]}]), "index 0 twice"),
            (json!([{"index": 0, "embedding": [1, 2]}, {"index": 9, "embedding": [1, 2]}]), "index 9 twice, or for no"),
            (json!([{"index": "0", "embedding": [1, 2]}, {"index": 1, "embedding": [1, 2]}]), "cannot be read"),
        ] {
            let error = read(&answer(&data), 2, 2).unwrap_err();
            assert!(error.contains(what), "{error}: {what}");
        }
        for (odd, what) in [
            (json!([1]), "has 1 dimensions"),
            (json!([1, null]), "not a list of numbers"),
            (json!("AAAA"), "not a list of numbers"),
            (Value::Null, "is missing"),
        ] {
            let data = json!([{"index": 0, "embedding": [1, 2]}, {"index": 1, "embedding": odd}]);
            let vectors = read(&answer(&data), 2, 2).unwrap().vectors;
            assert!(vectors[0].is_ok() && vectors[1].as_ref().unwrap_err().contains(what), "{vectors:?}");
        }
        for body in [&b"NaN"[..], b"", b"{\"data\":[{\"embedding\":[NaN,1]}]}", b"\xff"] {
            assert!(read(body, 1, 2).is_err());
        }
    }

    #[test]
    fn a_refusal_says_why() {
        assert_eq!(refusal(br#"{"error":{"message":"too\u0000 long"}}"#, None), "too long");
        assert_eq!(refusal(br#"{"error":"no such model hush"}"#, Some("hush")), "no such model [redacted]");
        assert_eq!(refusal(b"<html>", None), "The provider gave no reason.");
        assert_eq!(
            refusal(format!(r#"{{"error":"{}"}}"#, "x".repeat(5_000)).as_bytes(), None).len(),
            EMBED_REASON_CHARS
        );
    }
}
