//! Provider of embeddings with OpenAI's interface; its path selects its behaviour, and it records its calls.
//!
//! It replaces real providers, which are unreachable offline.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use longshore::search::lexical::{self, LEXICAL_DIMENSIONS};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Dimensions of its vectors.
pub const DIMENSIONS: usize = 4;
/// Dimensions of the vectors of mode `large`: as many as those of current models.
pub const DIMENSIONS_LARGE: usize = 6 * LEXICAL_DIMENSIONS;

/// Call as received.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Mode, the first part of the path.
    pub mode: String,
    /// Texts of the call.
    pub texts: Vec<String>,
    /// Header `Authorization`.
    pub authorization: Option<String>,
    /// Field `dimensions`.
    pub dimensions: Option<u64>,
}

#[derive(Default)]
struct Shared {
    asked: Mutex<Vec<Asked>>,
    calls: Mutex<HashMap<String, usize>>,
}

/// Provider on its own port. The first part of its paths selects the mode:
///
/// | mode | answer |
/// |---|---|
/// | `good` | a vector for each text; 400 if a text contains `refuse`, 500 if one contains `poison`, null for one with
/// `hole` |
/// | `sized` | as `good`; requests contain [`DIMENSIONS`] |
/// | `busy` | 429 with `Retry-After: 1` to the first call, then as `good` |
/// | `closed` | 429 with `Retry-After: 600`, always |
/// | `broken` | 500 to the first call, then as `good` |
/// | `short` | one vector too few, always |
/// | `odd` | vectors with a number that is too large for a float |
/// | `wide` | vectors with one dimension more |
/// | `large` | lexical vectors of [`DIMENSIONS_LARGE`] |
pub struct Provider {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

impl Provider {
    /// Starts on any free port.
    pub async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let router = Router::new().route("/{mode}/v1/embeddings", post(answer)).with_state(Arc::clone(&shared));
        let server = tokio::spawn(async move { drop(axum::serve(listener, router).await) });
        Ok(Self { address, shared, server })
    }

    /// Returns a value of `EMBED_PROVIDERS` with one provider for each of these modes.
    pub fn setting(&self, modes: &[&str]) -> String {
        let entry = |mode: &&str| {
            let mut about = json!({
                "type": "openai-compatible", "url": format!("http://{}/{mode}/v1", self.address),
                "models": {"model": {"dimensions": if *mode == "large" { DIMENSIONS_LARGE } else { DIMENSIONS }}},
            });
            if *mode == "sized" {
                about["models"]["model"]["send_dimensions"] = json!(true);
            }
            ((*mode).to_owned(), about)
        };
        Value::Object(modes.iter().map(entry).collect()).to_string()
    }

    /// Returns all calls in a mode.
    pub fn asked(&self, mode: &str) -> Vec<Asked> {
        let all = self.shared.asked.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().filter(|asked| asked.mode == mode).cloned().collect()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Returns the vector of a text.
pub fn vector_of(text: &str) -> [f32; DIMENSIONS] {
    let count =
        |wanted: fn(char) -> bool| u16::try_from(text.chars().filter(|c| wanted(*c)).count()).map_or(0.0, f32::from);
    [count(|_| true), count(char::is_alphabetic), count(char::is_whitespace), 0.5]
}

/// Returns the numbers of a vector in Longshore's format: little-endian 32-bit floats.
pub fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().expect("four bytes"))).collect()
}

/// Splits an object of vectors: into the line that describes it, and the numbers of all vectors.
pub fn read_vectors(object: &[u8]) -> Option<(Value, Vec<f32>)> {
    let line = object.iter().position(|byte| *byte == b'\n')?;
    Some((serde_json::from_slice(&object[..line]).ok()?, floats(&object[line + 1..])))
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    Path(mode): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
    let texts: Vec<String> = serde_json::from_value(asked["input"].clone()).unwrap_or_default();
    let authorization = headers.get("authorization").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let dimensions = asked["dimensions"].as_u64();
    let record = Asked { mode: mode.clone(), texts: texts.clone(), authorization, dimensions };
    shared.asked.lock().unwrap_or_else(PoisonError::into_inner).push(record);
    let is_first = {
        let mut calls = shared.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let calls = calls.entry(mode.clone()).or_default();
        *calls += 1;
        *calls == 1
    };
    let refuse = |status: StatusCode, message: &str| {
        (status, json!({"error": {"message": message, "type": "invalid_request_error"}}).to_string()).into_response()
    };
    let asks_for_time = |seconds| {
        let mut response = refuse(StatusCode::TOO_MANY_REQUESTS, "slow down");
        response.headers_mut().insert("retry-after", axum::http::HeaderValue::from_static(seconds));
        response
    };
    match mode.as_str() {
        "busy" if is_first => return asks_for_time("1"),
        "closed" => return asks_for_time("600"),
        "broken" if is_first => return refuse(StatusCode::INTERNAL_SERVER_ERROR, "oh"),
        _ if texts.iter().any(|text| text.contains("poison")) => {
            return refuse(StatusCode::INTERNAL_SERVER_ERROR, "oh");
        }
        _ => {}
    }
    if texts.is_empty() || asked["model"] != "model" || texts.iter().any(|text| text.contains("refuse")) {
        return refuse(StatusCode::BAD_REQUEST, "This text cannot be embedded.");
    }
    let kept = if mode == "short" { texts.len() - 1 } else { texts.len() };
    let item = |(index, text): (usize, &String)| {
        let mut embedding = json!(vector_of(text));
        match mode.as_str() {
            "large" => embedding = json!(lexical::embed(text).repeat(DIMENSIONS_LARGE / LEXICAL_DIMENSIONS)),
            "odd" => embedding[1] = json!(1e300),
            _ if text.contains("hole") => embedding = Value::Null,
            "wide" => embedding.as_array_mut().into_iter().for_each(|values| values.push(json!(1))),
            _ => {}
        }
        json!({"object": "embedding", "index": index, "embedding": embedding})
    };
    let data: Vec<Value> = texts.iter().take(kept).enumerate().map(item).collect();
    let tokens = texts.len() * 10;
    json!({"object": "list", "data": data, "model": "model", "usage": {"prompt_tokens": tokens, "total_tokens": tokens}})
        .to_string()
        .into_response()
}
