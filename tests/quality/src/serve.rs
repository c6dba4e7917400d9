//! Serves `POST /v1/embeddings` like OpenAI, with the model on this machine.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::model::{DIMENSIONS, Embedding, NAME};

/// Maximum number of inputs, OpenAI's limit: <https://platform.openai.com/docs/api-reference/embeddings/create>,
/// `input`.
pub const INPUTS_MAX: usize = 2_048;

/// Maximum size of a body: 2,048 inputs of 8 KiB; the model reads little more than 1 KiB of each.
pub const BODY_BYTES_MAX: usize = INPUTS_MAX * 8 * 1024;

/// Function that computes the embeddings: the model, or a fake in tests.
pub type Embed = Arc<dyn Fn(&[String]) -> anyhow::Result<Vec<Embedding>> + Send + Sync>;

#[derive(Deserialize)]
struct EmbeddingsRequest {
    model: String,
    input: Value,
    encoding_format: Option<Format>,
    dimensions: Option<usize>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Format {
    Float,
    Base64,
}

#[derive(Serialize)]
struct Item {
    object: &'static str,
    index: usize,
    embedding: Value,
}

/// Refusal, whose text says what to change.
struct Refusal {
    status: StatusCode,
    message: String,
    param: Option<&'static str>,
    code: Option<&'static str>,
}

impl Refusal {
    fn bad(message: impl Into<String>, param: Option<&'static str>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, message: message.into(), param, code: None }
    }

    fn of_route(status: StatusCode, message: &str) -> Self {
        Self { status, message: message.to_owned(), param: None, code: None }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let kind = if self.status.is_server_error() { "server_error" } else { "invalid_request_error" };
        let error = json!({"message": self.message, "type": kind, "param": self.param, "code": self.code});
        (self.status, Json(json!({ "error": error }))).into_response()
    }
}

/// Serves on its own thread, until the process ends, at a port of this machine; 0 takes any. Returns the URL.
///
/// # Errors
/// Fails if the port cannot be used.
pub fn start(embed: Embed, port: u16) -> anyhow::Result<String> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", port))?;
    listener.set_nonblocking(true)?;
    let url = format!("http://{}/v1", listener.local_addr()?);
    // Separate runtime: here a computation blocks its thread, which must not be the caller's.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::spawn(move || {
        runtime.block_on(async { axum::serve(TcpListener::from_std(listener)?, routes(embed)).await })
    });
    Ok(url)
}

/// Returns the one route, and errors of OpenAI's shape for all others.
pub fn routes(embed: Embed) -> Router {
    let no_route = || async { Refusal::of_route(StatusCode::NOT_FOUND, "Unknown route; use POST /v1/embeddings.") };
    let no_method = || async { Refusal::of_route(StatusCode::METHOD_NOT_ALLOWED, "Use POST for /v1/embeddings.") };
    Router::new()
        .route("/v1/embeddings", post(embeddings).fallback(no_method))
        .fallback(no_route)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(embed)
}

/// Computes the embeddings on this thread: the cores of one machine handle one request at a time, and the others wait.
async fn embeddings(State(embed): State<Embed>, body: Result<Bytes, BytesRejection>) -> Result<Json<Value>, Refusal> {
    let body = body.map_err(|rejection| Refusal::of_route(rejection.status(), &rejection.body_text()))?;
    let request: EmbeddingsRequest = serde_json::from_slice(&body)
        .map_err(|error| Refusal::bad(format!("The body must be a request for embeddings: {error}"), None))?;
    if request.model != NAME {
        return Err(Refusal {
            status: StatusCode::NOT_FOUND,
            message: format!("The model `{}` does not exist; this server has `{NAME}`.", request.model),
            param: Some("model"),
            code: Some("model_not_found"),
        });
    }
    if request.dimensions.is_some_and(|dimensions| dimensions != DIMENSIONS) {
        let message = format!("`{NAME}` has vectors of {DIMENSIONS} dimensions only.");
        return Err(Refusal::bad(message, Some("dimensions")));
    }
    let texts = texts(request.input)?;
    let embeddings = embed(&texts).map_err(|error| Refusal {
        status: StatusCode::INTERNAL_SERVER_ERROR,
        message: format!("The model failed: {error:#}"),
        param: None,
        code: None,
    })?;
    let tokens: usize = embeddings.iter().map(|embedding| embedding.tokens).sum();
    let data: Vec<_> = embeddings.into_iter().enumerate().map(item(request.encoding_format)).collect();
    let usage = json!({"prompt_tokens": tokens, "total_tokens": tokens});
    Ok(Json(json!({"object": "list", "data": data, "model": NAME, "usage": usage})))
}

fn item(format: Option<Format>) -> impl Fn((usize, Embedding)) -> Item {
    move |(index, Embedding { vector, .. })| {
        let embedding = match format {
            None | Some(Format::Float) => json!(vector),
            Some(Format::Base64) => {
                let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
                json!(STANDARD.encode(bytes))
            }
        };
        Item { object: "embedding", index, embedding }
    }
}

/// Returns the texts of `input`: one or a list, none of them empty. Lists of token numbers, which OpenAI accepts too,
/// are refused.
fn texts(input: Value) -> Result<Vec<String>, Refusal> {
    let bad = |message: String| Refusal::bad(message, Some("input"));
    let texts: Vec<String> = match input {
        Value::String(text) => vec![text],
        list => serde_json::from_value(list).map_err(|_| bad("`input` must be a text or a list of texts.".into()))?,
    };
    if texts.is_empty() || texts.len() > INPUTS_MAX {
        return Err(bad(format!("`input` has {} texts; 1 to {INPUTS_MAX} are allowed.", texts.len())));
    }
    match texts.iter().position(String::is_empty) {
        Some(index) => Err(bad(format!("`input` must not contain empty texts; the text at index {index} is empty."))),
        None => Ok(texts),
    }
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::ServiceExt;

    use super::*;

    /// Returns vectors of two dimensions; the first one is the length of the text.
    #[expect(clippy::cast_precision_loss, reason = "short texts")]
    fn embed(texts: &[String]) -> anyhow::Result<Vec<Embedding>> {
        let embedding = |text: &String| Embedding { vector: vec![text.len() as f32, -0.5], tokens: text.len() };
        anyhow::ensure!(texts.iter().all(|text| text != "fail"), "out of order");
        Ok(texts.iter().map(embedding).collect())
    }

    async fn answer(method: &str, path: &str, body: impl Into<Body>) -> (u16, Value) {
        let request = Request::builder().method(method).uri(path).body(body.into()).unwrap();
        let response = routes(Arc::new(embed)).oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        (status, serde_json::from_slice(&to_bytes(response.into_body(), usize::MAX).await.unwrap()).unwrap())
    }

    async fn posted(body: Value) -> (u16, Value) {
        answer("POST", "/v1/embeddings", body.to_string()).await
    }

    /// Returns the status, `param` and `code` of a refusal, and checks its other fields.
    fn refusal((status, body): (u16, Value)) -> (u16, Value, Value) {
        let error = &body["error"];
        assert!(error["message"].is_string(), "{body}");
        assert_eq!(error["type"], if status < 500 { "invalid_request_error" } else { "server_error" });
        (status, error["param"].clone(), error["code"].clone())
    }

    #[tokio::test]
    async fn texts_are_answered_in_their_order() {
        let item =
            |index: usize, length: f32| json!({"object": "embedding", "index": index, "embedding": [length, -0.5]});
        let usage = json!({"prompt_tokens": 4, "total_tokens": 4});
        let expected = json!({"object": "list", "data": [item(0, 3.0), item(1, 1.0)], "model": NAME, "usage": usage});
        assert_eq!(posted(json!({"model": NAME, "input": ["abc", "d"]})).await, (200, expected));
        let (_, one) =
            posted(json!({"model": NAME, "input": "ab", "encoding_format": "float", "dimensions": 384})).await;
        assert_eq!(one["data"], json!([item(0, 2.0)]));
    }

    #[tokio::test]
    async fn base64_is_of_little_endian_floats() {
        let (_, body) = posted(json!({"model": NAME, "input": "ab", "encoding_format": "base64"})).await;
        let bytes = STANDARD.decode(body["data"][0]["embedding"].as_str().unwrap()).unwrap();
        assert_eq!(bytes, [2_f32.to_le_bytes(), (-0.5_f32).to_le_bytes()].concat());
    }

    #[tokio::test]
    async fn bad_requests_are_refused_like_openai() {
        let many = vec!["a"; INPUTS_MAX + 1];
        for input in [json!(""), json!([]), json!(["a", ""]), json!(many), json!([1, 2]), json!(null), json!({})] {
            let refused = refusal(posted(json!({"model": NAME, "input": input})).await);
            assert_eq!(refused, (400, json!("input"), Value::Null), "{input}");
        }
        let unknown = refusal(posted(json!({"model": "gpt", "input": "a"})).await);
        assert_eq!(unknown, (404, json!("model"), json!("model_not_found")));
        let short = refusal(posted(json!({"model": NAME, "input": "a", "dimensions": 256})).await);
        assert_eq!(short, (400, json!("dimensions"), Value::Null));
        let format = json!({"model": NAME, "input": "a", "encoding_format": "hex"});
        for body in
            [String::new(), "{".to_owned(), "[]".to_owned(), json!({"input": "a"}).to_string(), format.to_string()]
        {
            assert_eq!(refusal(answer("POST", "/v1/embeddings", body).await).0, 400);
        }
        let large = " ".repeat(BODY_BYTES_MAX + 1);
        assert_eq!(refusal(answer("POST", "/v1/embeddings", large).await).0, 413);
        assert_eq!(refusal(posted(json!({"model": NAME, "input": "fail"})).await).0, 500);
        assert_eq!(refusal(answer("GET", "/v1/embeddings", "").await).0, 405);
        assert_eq!(refusal(answer("POST", "/v1/models", "").await).0, 404);
    }
}
