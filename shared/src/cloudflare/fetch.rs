//! Requests to destinations: one deadline for headers and body, no redirects, and a limit on the bytes that are read. A
//! status that was received is returned even if the body after it fails.

use js_sys::futures::JsFuture;
use js_sys::{Promise, Uint8Array};
use serde::Deserialize;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

use super::CloudflareWorld;
use crate::embed::workers_ai::{AI_BINDING, AI_URL};
use crate::ports::{Http, HttpError, HttpRequest, HttpResponse};

/// Maximum number of characters of a runtime error that are kept.
const ERROR_CHARS_MAX: usize = 200;

#[wasm_bindgen(module = "/src/cloudflare/fetch.mjs")]
extern "C" {
    /// Sends a request and reads its response, as one crossing between Rust and JavaScript. `headers` is a JSON array of
    /// pairs, `cap` the maximum number of bytes of the response body that are read. Resolves to a frame: the length of its
    /// head in 4 bytes, the head as JSON ([`Head`]), the body.
    fn send(
        env: &JsValue,
        binding: Option<&str>,
        model: Option<&str>,
        method: &str,
        url: &str,
        headers: &str,
        body: &[u8],
        timeout_ms: u32,
        cap: usize,
    ) -> Promise;
}

/// Head of the frame that `fetch.mjs` returns.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Head {
    Response {
        status: u16,
        headers: Vec<(String, String)>,
        truncated: bool,
        body_error: Option<String>,
        late: bool,
    },
    /// No response arrived: the message of the runtime, and if the deadline had passed.
    Failed(String, bool),
    /// The runtime refused to send the request.
    Unsendable(String),
    /// The binding does not exist, or is of another kind.
    Missing,
}

impl Http for CloudflareWorld {
    async fn send_request(&self, request: &HttpRequest) -> Result<HttpResponse, HttpError> {
        let timeout_ms = u32::try_from(request.timeout.as_millis()).unwrap_or(u32::MAX);
        let headers =
            serde_json::to_string(&request.headers).map_err(|error| HttpError::Unsendable(error.to_string()))?;
        let binding = request.service.as_deref();
        let model = request.url.strip_prefix(AI_URL).filter(|_| binding == Some(AI_BINDING));
        let HttpRequest { method, url, body, response_bytes_max: cap, .. } = request;
        let frame =
            JsFuture::from(send(&self.env, binding, model, method, url, &headers, body, timeout_ms, *cap)).await;
        let frame = frame.map_err(|error| HttpError::Connect(shown(&format!("{error:?}"))))?;
        read(frame.unchecked_into::<Uint8Array>().to_vec(), request, timeout_ms)
    }
}

/// Reads the frame that `fetch.mjs` returns.
fn read(mut frame: Vec<u8>, request: &HttpRequest, timeout_ms: u32) -> Result<HttpResponse, HttpError> {
    let unreadable = || HttpError::Connect("the answer could not be read".to_owned());
    let length = frame.first_chunk().map(|length| u32::from_le_bytes(*length) as usize).ok_or_else(unreadable)?;
    let head = frame.get(4..4 + length).ok_or_else(unreadable)?;
    let ms = u64::from(timeout_ms);
    match serde_json::from_slice(head).map_err(|_| unreadable())? {
        Head::Response { status, headers, truncated, body_error, late } => {
            frame.drain(..4 + length);
            // The stream reports an abort as an error of the connection, or as a clean end.
            let body_error =
                if late { Some("The deadline passed.".to_owned()) } else { body_error.as_deref().map(shown) };
            let response = HttpResponse { status, headers, body: frame, truncated, body_error };
            if late { Err(HttpError::Unfinished { ms, received: Box::new(response) }) } else { Ok(response) }
        }
        Head::Failed(_, true) => Err(HttpError::Timeout(ms)),
        Head::Failed(message, false) => Err(classify(&message)),
        Head::Unsendable(message) => Err(HttpError::Unsendable(message)),
        Head::Missing => Err(HttpError::NoService(request.service.clone().unwrap_or_default())),
    }
}

/// Truncates a message of the runtime.
fn shown(text: &str) -> String {
    text.chars().take(ERROR_CHARS_MAX).collect()
}

/// Classifies an error of workerd by its text, which says little. An unknown text counts as a failed connection.
fn classify(text: &str) -> HttpError {
    let lower = text.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let text = shown(text);
    if has(&["dns", "getaddrinfo", "name or service not known", "nodename"]) {
        HttpError::Dns(text)
    } else if has(&["tls", "ssl", "certificate", "handshake"]) {
        HttpError::Tls(text)
    } else {
        HttpError::Connect(text)
    }
}
