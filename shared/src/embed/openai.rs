//! The interface of OpenAI, which others say that they answer, too: `POST {url}/embeddings`.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::embed::dialect::{Embeddings, call, shown, unreadable};
use crate::embed::providers::Provider;
use crate::ports::HttpRequest;

/// The request that asks for the vectors of some texts.
pub(crate) fn request(
    provider: &Provider,
    model: &str,
    dimensions: usize,
    texts: &[&str],
    version: &str,
) -> HttpRequest {
    let mut headers = vec![
        ("content-type".to_owned(), "application/json".to_owned()),
        ("user-agent".to_owned(), format!("Longshore/{version}")),
    ];
    headers.extend(provider.key.as_ref().map(|key| ("authorization".to_owned(), format!("Bearer {key}"))));
    let url = format!("{}/embeddings", provider.url.trim_end_matches('/'));
    let body = json!({"model": model, "input": texts, "encoding_format": "float"});
    call(url, headers, &body, texts.len() * dimensions)
}

#[derive(Deserialize)]
struct Answer {
    data: Vec<Item>,
    #[serde(default)]
    usage: Value,
}

#[derive(Deserialize)]
struct Item {
    index: Option<usize>,
    embedding: Vec<f32>,
}

/// Reads an answer of 2xx; `index` says which text a vector is of.
///
/// # Errors
/// Those of [`Embeddings::checked`].
pub(crate) fn read(body: &[u8], texts: usize, dimensions: usize) -> Result<Embeddings, String> {
    let Answer { data, usage } = serde_json::from_slice(body).map_err(|error| unreadable(&error))?;
    let mut vectors = vec![Vec::new(); data.len()];
    for (place, Item { index, embedding }) in data.into_iter().enumerate() {
        let index = index.unwrap_or(place);
        match vectors.get_mut(index) {
            Some(vector) if vector.is_empty() => *vector = embedding,
            _ => return Err(format!("The provider answered the index {index} twice, or for no text.")),
        }
    }
    Embeddings::checked(vectors, &usage, texts, dimensions)
}

/// What a refusal says: `{"error": {"message"}}`, or `{"error": "…"}`.
pub(crate) fn refusal(body: &[u8]) -> String {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let error = &value["error"];
    let text = error["message"].as_str().or(error.as_str()).unwrap_or("It gave no reason.");
    shown(text)
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
        assert_eq!(read, Embeddings { vectors: vec![vec![1.0, 2.0], vec![3.0, 4.5]], tokens: 5 });
        let plain = br#"{"data":[{"embedding":[1]},{"embedding":[2]}]}"#;
        assert_eq!(super::read(plain, 2, 1).unwrap().vectors, [[1.0], [2.0]], "no index, no usage");
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
    fn what_is_not_as_it_must_be_is_refused() {
        for (data, what) in [
            (json!([{"index": 0, "embedding": [1, 2]}]), "1 vectors for 2 texts"),
            (json!([{"index": 0, "embedding": [1, 2]}, {"index": 0, "embedding": [1, 2]}]), "index 0 twice"),
            (json!([{"index": 0, "embedding": [1, 2]}, {"index": 9, "embedding": [1, 2]}]), "index 9 twice, or for no"),
            (json!([{"index": 0, "embedding": [1, 2]}, {"index": 1, "embedding": [1]}]), "of 1 dimensions"),
            (json!([{"index": 0, "embedding": [1, 2]}, {"index": 1, "embedding": [1, 1e300]}]), "no number"),
            (json!([{"index": 0, "embedding": [1, 2]}, {"index": 1, "embedding": [1, null]}]), "cannot be read"),
            (json!([{"index": 0, "embedding": "AAAA"}, {"index": 1, "embedding": [1, 2]}]), "cannot be read"),
        ] {
            let error = read(&answer(&data), 2, 2).unwrap_err();
            // Some builds of the reader refuse such a number by themselves.
            assert!(error.contains(what) || error.contains("number out of range"), "{error}: {what}");
        }
        for body in [&b"NaN"[..], b"", b"{\"data\":[{\"embedding\":[NaN,1]}]}", b"\xff"] {
            assert!(read(body, 1, 2).is_err());
        }
    }

    #[test]
    fn a_refusal_says_why() {
        assert_eq!(refusal(br#"{"error":{"message":"too\u0000 long"}}"#), "too long");
        assert_eq!(refusal(br#"{"error":"no such model"}"#), "no such model");
        assert_eq!(refusal(b"<html>"), "It gave no reason.");
        assert_eq!(refusal(format!(r#"{{"error":"{}"}}"#, "x".repeat(5_000)).as_bytes()).len(), EMBED_REASON_CHARS);
    }
}
