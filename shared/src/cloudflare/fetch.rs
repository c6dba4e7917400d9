//! Requests to destinations: one deadline for headers and body, no redirects, and a limit on the bytes that are read. A
//! status that was received is returned even if the body after it fails.

use serde::Deserialize;

use super::CloudflareWorld;
use super::requests::{Answer, Requests, unreadable};
use crate::ports::{Http, HttpError, HttpRequest, HttpResponse};

/// Maximum number of characters of a runtime error that are kept.
const ERROR_CHARS_MAX: usize = 200;

/// Head of an answer.
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
        let requests = self.requests.get_or_init(|| Requests::new(&self.env));
        let answer = requests.send(request, timeout_ms).await?;
        read(answer, request, timeout_ms)
    }
}

/// Reads an answer of `fetch.mjs`.
fn read((head, body): Answer, request: &HttpRequest, timeout_ms: u32) -> Result<HttpResponse, HttpError> {
    let ms = u64::from(timeout_ms);
    match serde_json::from_str(&head).map_err(|_| unreadable())? {
        Head::Response { status, headers, truncated, body_error, late } => {
            // The stream reports an abort as an error of the connection, or as a clean end.
            let body_error =
                if late { Some("The deadline passed.".to_owned()) } else { body_error.as_deref().map(shown) };
            let response = HttpResponse { status, headers, body, truncated, body_error };
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
