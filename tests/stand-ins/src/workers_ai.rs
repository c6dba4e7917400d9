//! Stand-in for Workers AI, the service behind the AI binding, which requires an account.
//!
//! The binding itself is the real code of workerd; Miniflare forwards its requests to this stand-in as it would to an
//! account. Sources of the behaviour: the request and the shape of an error are those of workerd's
//! `src/cloudflare/internal/ai-api.ts` and its `test/ai/ai-mock.js`; codes, statuses and texts of errors are those of
//! <https://developers.cloudflare.com/workers-ai/platform/errors/>; inputs and outputs are those of
//! `bge-small-en-v1.5.json` in cloudflare-docs. It was not compared with a real account.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::provider::{DIMENSIONS, vector_of};

/// Maximum number of texts of one call: `maxItems` of the model's schema.
const TEXTS_MAX: usize = 100;
/// Model that returns a vector for each text, and answers 400 if a text contains `refuse` or a call has too many texts.
pub const GOOD: &str = "@cf/test/good";
/// Model that answers 429, out of capacity, to the first call, then as [`GOOD`].
pub const BUSY: &str = "@cf/test/busy";
/// Model that the account may not use: 403.
pub const CLOSED: &str = "@cf/test/closed";
/// Unknown model: 400.
pub const NONE: &str = "@cf/test/none";

/// Call as received.
#[derive(Debug, Clone)]
pub struct Run {
    /// Name of the model.
    pub model: String,
    /// Texts of the call.
    pub texts: Vec<String>,
}

type Runs = Arc<Mutex<Vec<Run>>>;

/// Workers AI on its own port.
pub struct WorkersAi {
    url: String,
    runs: Runs,
    server: JoinHandle<()>,
}

impl WorkersAi {
    /// Starts on any free port.
    pub async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let runs = Runs::default();
        let router = Router::new().route("/", post(answer)).with_state(Arc::clone(&runs));
        let server = tokio::spawn(async move { drop(axum::serve(listener, router).await) });
        Ok(Self { url, runs, server })
    }

    /// Returns the address, for [`longshore_kit::options::Options::ai`].
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Returns all calls of a model.
    pub fn runs(&self, model: &str) -> Vec<Run> {
        let all = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().filter(|run| run.model == model).cloned().collect()
    }
}

impl Drop for WorkersAi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Returns a value of `EMBED_PROVIDERS` with a provider `cf` that has all the models.
pub fn setting() -> String {
    let models = [GOOD, BUSY, CLOSED, NONE].map(|model| (model.to_owned(), json!({"dimensions": DIMENSIONS})));
    json!({"cf": {"type": "workers-ai", "models": Value::Object(models.into_iter().collect())}}).to_string()
}

fn error(status: StatusCode, code: u64, description: &str) -> Response {
    let message = format!("AiError: {description}");
    let body = json!({"internalCode": code, "name": "AiError", "message": message, "description": description});
    json_of(status, &body)
}

fn json_of(status: StatusCode, body: &Value) -> Response {
    (status, [("content-type", "application/json"), ("cf-ai-req-id", "request-1")], body.to_string()).into_response()
}

async fn answer(State(runs): State<Runs>, headers: HeaderMap, body: Bytes) -> Response {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    // Miniflare sends the URL and the headers of the binding's request as headers of this one.
    if header("mf-url") != "https://workers-binding.ai/run?version=3" {
        return StatusCode::NOT_FOUND.into_response();
    }
    let model = header("mf-header-cf-consn-model-id");
    let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
    let Ok(texts) = serde_json::from_value::<Vec<String>>(asked["inputs"]["text"].clone()) else {
        return error(StatusCode::BAD_REQUEST, 5006, "Error: required properties at '/' are 'text'");
    };
    let is_first = {
        let mut runs = runs.lock().unwrap_or_else(PoisonError::into_inner);
        runs.push(Run { model: model.clone(), texts: texts.clone() });
        runs.iter().filter(|run| run.model == model).count() == 1
    };
    match model.as_str() {
        BUSY if is_first => {
            return error(StatusCode::TOO_MANY_REQUESTS, 3040, "No more data centers to forward the request to");
        }
        GOOD | BUSY => {}
        CLOSED => {
            return error(StatusCode::FORBIDDEN, 3041, "The account is not allowed to access this model");
        }
        _ => return error(StatusCode::BAD_REQUEST, 5007, &format!("No such model {model} or task")),
    }
    if texts.len() > TEXTS_MAX || texts.iter().any(|text| text.is_empty() || text.contains("refuse")) {
        return error(StatusCode::BAD_REQUEST, 3010, "Invalid or incomplete input for the model");
    }
    let data: Vec<_> = texts.iter().map(|text| vector_of(text)).collect();
    json_of(StatusCode::OK, &json!({"shape": [data.len(), DIMENSIONS], "data": data, "pooling": "mean"}))
}
