//! Requests to destinations: one deadline for headers and body, no redirects, and a limit on the bytes that are read. A
//! status that was received is returned even if the body after it fails.

use futures_util::StreamExt;
use js_sys::Uint8Array;
use worker::{AbortSignal, Fetch, Headers, Method, Request, RequestInit, RequestRedirect, Response};

use super::CloudflareWorld;
use crate::embed::workers_ai::AI_BINDING;
use crate::ports::{Http, HttpError, HttpRequest, HttpResponse};

/// Maximum number of characters of a runtime error that are kept.
const ERROR_CHARS_MAX: usize = 200;

impl Http for CloudflareWorld {
    async fn send_request(&self, request: &HttpRequest) -> Result<HttpResponse, HttpError> {
        let timeout_ms = u32::try_from(request.timeout.as_millis()).unwrap_or(u32::MAX);
        // One signal covers the headers and the body.
        let signal = AbortSignal::from(web_sys::AbortSignal::timeout_with_u32(timeout_ms));
        let sendable = || to_worker(request).map_err(|error| HttpError::Unsendable(error.to_string()));
        let timed_out = || HttpError::Timeout(u64::from(timeout_ms));
        let sent = match &request.service {
            None => Fetch::Request(sendable()?).send_with_signal(&signal).await,
            Some(service) if service == AI_BINDING => self.ask_model(request, &signal).await?,
            Some(service) => self.call(service, sendable()?, &signal).await?,
        };
        let mut response = match sent {
            Ok(response) => response,
            Err(_) if signal.aborted() => return Err(timed_out()),
            Err(error) => return Err(classify(&error.to_string())),
        };
        let status = response.status_code();
        let headers = response.headers().entries().collect();
        let ReadBody { bytes, truncated, error } = read_body(&mut response, request.response_bytes_max).await;
        // The stream reports an abort as a connection error or as a clean end. A truncated body is never late, because
        // nothing is read after the limit.
        let is_late = signal.aborted() && !truncated;
        let body_error = if is_late { Some("The deadline passed.".to_owned()) } else { error };
        let response = HttpResponse { status, headers, body: bytes, truncated, body_error };
        if is_late {
            return Err(HttpError::Unfinished { ms: u64::from(timeout_ms), received: Box::new(response) });
        }
        Ok(response)
    }
}

impl CloudflareWorld {
    /// Calls another Worker of the account.
    async fn call(
        &self,
        service: &str,
        request: Request,
        signal: &AbortSignal,
    ) -> Result<worker::Result<Response>, HttpError> {
        let fetcher = self.env.service(service).map_err(|_| HttpError::NoService(service.to_owned()))?;
        let init = web_sys::RequestInit::new();
        init.set_signal(Some(signal));
        let bounded = web_sys::Request::new_with_request_and_init(request.inner(), &init);
        let bounded = bounded.map_err(|error| HttpError::Unsendable(format!("{error:?}")))?;
        Ok(fetcher.fetch_request(Request::from(bounded)).await)
    }
}

fn to_worker(request: &HttpRequest) -> worker::Result<Request> {
    let headers = Headers::new();
    for (name, value) in &request.headers {
        headers.set(name, value)?;
    }
    let mut init = RequestInit::new();
    init.with_method(Method::from(request.method.clone())).with_headers(headers);
    init.with_redirect(RequestRedirect::Manual);
    if !request.body.is_empty() {
        init.with_body(Some(Uint8Array::from(&*request.body).into()));
    }
    Request::new_with_init(&request.url, &init)
}

/// The part of a body that was read.
#[derive(Default)]
struct ReadBody {
    bytes: Vec<u8>,
    truncated: bool,
    error: Option<String>,
}

/// Reads at most `cap` bytes and discards the rest of the last chunk; dropping the stream cancels the transfer. If the
/// body is interrupted or cannot be decompressed, the result is the part before that, because the status has arrived.
async fn read_body(response: &mut Response, cap: usize) -> ReadBody {
    let mut body = ReadBody::default();
    // A response without a body has no stream.
    let Ok(mut stream) = response.stream() else {
        return body;
    };
    while let Some(chunk) = stream.next().await {
        let chunk = match chunk {
            Ok(chunk) => chunk,
            Err(error) => {
                body.error = Some(shown(&error.to_string()));
                return body;
            }
        };
        let room = cap - body.bytes.len();
        if chunk.len() > room {
            body.bytes.extend_from_slice(&chunk[..room]);
            body.truncated = true;
            return body;
        }
        body.bytes.extend_from_slice(&chunk);
    }
    body
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
