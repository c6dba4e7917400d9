//! Client of Longshore's HTTP API that hides nothing: tests see the status, the headers and the body.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Method, redirect};
use serde_json::Value;
use tokio::time::{Instant, sleep};

/// Timeout of a request: longer than the longest `?wait=`, and than three tries of a D1 that does not answer.
const ANSWER_WITHIN: Duration = Duration::from_mins(2);
/// Interval between polls: short beside anything that a test waits for, long beside one poll.
const POLL_EVERY: Duration = Duration::from_millis(25);

/// Polls until `condition` returns something; returns `None` after the deadline.
pub async fn eventually<T>(deadline: Duration, mut condition: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + deadline;
    loop {
        // Compared before the poll, so that one more poll follows the deadline: a slow machine must not fail the test.
        let last = Instant::now() >= end;
        let found = condition().await;
        if found.is_some() || last {
            return found;
        }
        sleep(POLL_EVERY).await;
    }
}

/// Waits until the next minute is at least 20 seconds away: cases that fire occurrences count minutes by a real clock.
pub async fn early_in_a_minute() {
    let into = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() % 60_000);
    while !(2_000..40_000).contains(&into()) {
        sleep(POLL_EVERY).await;
    }
}

/// Waits for the next day (UTC) if this one ends soon: quotas count days by a real clock.
pub fn early_in_a_day() {
    let into = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() % 86_400);
    if into > 86_400 - 120 {
        std::thread::sleep(Duration::from_secs(86_401 - into));
    }
}

/// Answer of the API.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status of the answer.
    pub status: u16,
    /// Headers of the answer.
    pub headers: HeaderMap,
    /// Body: parsed if it is JSON, else a string, or null if there is none.
    pub body: Value,
    /// Body as text.
    pub text: String,
    /// Body as received.
    pub bytes: Vec<u8>,
}

impl Answer {
    /// Returns the value of a header, if it is present.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// Answer with another status than the expected one.
#[derive(Debug, thiserror::Error)]
#[error("{request} answered {status}: {body}")]
pub struct Unexpected {
    request: String,
    status: u16,
    body: Value,
}

/// Returns the body of an answer if its status is the expected one.
pub fn expect(status: u16, request: &str, answer: Answer) -> Result<Value, Unexpected> {
    if answer.status == status {
        return Ok(answer.body);
    }
    Err(Unexpected { request: request.to_owned(), status: answer.status, body: answer.body })
}

/// Caller with one key.
#[derive(Debug, Clone)]
pub struct Client {
    base: String,
    key: String,
    http: reqwest::Client,
}

impl Client {
    /// Creates a client of the producer at `base`. An empty key sends no `Authorization`.
    pub fn new(base: &str, key: &str) -> Result<Self, reqwest::Error> {
        // A connection for each request: workerd ends one whose upload it refused without reading it, and a request that
        // reuses it is lost.
        let builder = reqwest::Client::builder().timeout(ANSWER_WITHIN).redirect(redirect::Policy::none());
        let http = builder.pool_max_idle_per_host(0).build()?;
        Ok(Self { base: base.trim_end_matches('/').to_owned(), key: key.to_owned(), http })
    }

    /// Returns a client with the same settings and another key.
    #[must_use]
    pub fn with_key(&self, key: &str) -> Self {
        Self { key: key.to_owned(), ..self.clone() }
    }

    /// Sends a GET.
    pub async fn get(&self, path: &str) -> Result<Answer, reqwest::Error> {
        self.request("GET", path, &[], Vec::new()).await
    }

    /// Sends a POST with a JSON document.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Answer, reqwest::Error> {
        self.post_with(path, &[], body).await
    }

    /// Sends a POST with a JSON document and headers, such as `Idempotency-Key`.
    pub async fn post_with(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Result<Answer, reqwest::Error> {
        self.request("POST", path, &[&[("content-type", "application/json")], headers].concat(), json(body)).await
    }

    /// Sends a PUT with a JSON document.
    pub async fn put(&self, path: &str, body: &Value) -> Result<Answer, reqwest::Error> {
        self.request("PUT", path, &[("content-type", "application/json")], json(body)).await
    }

    /// Sends a DELETE.
    pub async fn delete(&self, path: &str) -> Result<Answer, reqwest::Error> {
        self.request("DELETE", path, &[], Vec::new()).await
    }

    /// Sends any request that HTTP allows, such as an unknown method, a body that is not JSON, or bytes above 0x7F in
    /// headers.
    pub async fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<Answer, reqwest::Error> {
        let method = Method::from_bytes(method.as_bytes()).expect("a method is a token");
        let mut request = self.http.request(method, format!("{}{path}", self.base)).body(body);
        if !self.key.is_empty() {
            request = request.bearer_auth(&self.key);
        }
        for (name, value) in headers {
            request =
                request.header(*name, HeaderValue::from_bytes(value.as_bytes()).expect("a header has no line break"));
        }
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().await?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Ok(Answer { status, headers, body: parsed(&bytes), text, bytes: bytes.to_vec() })
    }
}

fn json(body: &Value) -> Vec<u8> {
    body.to_string().into_bytes()
}

fn parsed(bytes: &[u8]) -> Value {
    if bytes.is_empty() {
        return Value::Null;
    }
    serde_json::from_slice(bytes).unwrap_or_else(|_| String::from_utf8_lossy(bytes).into_owned().into())
}
