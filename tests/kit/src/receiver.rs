//! Webhook receiver whose path selects its behaviour. It logs every request, and tests compare Longshore's log with it.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Response, StatusCode};
use serde::{Deserialize, Serialize};
use standardwebhooks::Webhook;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// Request as it was received.
#[derive(Debug, Clone)]
pub struct Received {
    /// Method of the request.
    pub method: String,
    /// Path with its query.
    pub path: String,
    /// Headers of the request.
    pub headers: HeaderMap,
    /// Exact bytes of the body.
    pub body: Bytes,
    /// Milliseconds since 1970 by this machine's clock.
    pub at_ms: u128,
    /// Result of the signature check.
    pub signature: Signature,
}

impl Received {
    /// Returns the value of a header, if it is present.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Returns the header `webhook-id`, empty if there is none.
    pub fn webhook_id(&self) -> &str {
        self.header("webhook-id").unwrap_or_default()
    }
}

/// Result of the `standardwebhooks` crate for a request. The crate accepts UTF-8 bodies only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signature {
    /// A request to a path without a known secret.
    Unchecked,
    /// A request signed with the secret.
    Valid,
    /// A request not signed with the secret; the receiver answers 401.
    Invalid(String),
}

/// Line of a [`LogFile`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Value of the header `webhook-id`.
    pub webhook_id: String,
    /// Path with its query.
    pub path: String,
    /// Milliseconds since 1970 by this machine's clock.
    pub at_ms: i64,
    /// True if the signature matches the secret.
    pub verified: bool,
}

/// File to which receivers append every request before they answer it, one line of JSON each.
#[derive(Debug)]
pub struct LogFile(Mutex<File>);

impl LogFile {
    /// Opens the file, and creates it if it is missing.
    pub fn append_to(path: &Path) -> std::io::Result<Self> {
        Ok(Self(Mutex::new(File::options().create(true).append(true).open(path)?)))
    }

    /// Writes the line of a request. Panics if the log cannot be written: the receiver then does not answer, so that no
    /// answered request is missing from the log.
    fn write(&self, received: &Received) {
        let line = Line {
            webhook_id: received.webhook_id().to_owned(),
            path: received.path.clone(),
            at_ms: i64::try_from(received.at_ms).expect("a time of this age"),
            verified: received.signature == Signature::Valid,
        };
        let line = serde_json::to_string(&line).expect("a line is JSON");
        writeln!(lock(&self.0), "{line}").expect("the log can be written");
    }
}

/// Behaviour that a path selects.
#[derive(Debug, PartialEq, Eq)]
enum Behaviour {
    Answer(u16),
    Says(u16, String),
    RetryAfter(String),
    Redirect,
    Large(usize),
    Slow(Duration),
    Defer(Duration),
    Hang,
}

#[derive(Default)]
struct Shared {
    received: Mutex<Vec<Received>>,
    secrets: Mutex<Vec<(String, String)>>,
    // Number of requests of a webhook-id at a path.
    seen: Mutex<HashMap<(String, String), u32>>,
    healed: AtomicBool,
    log: Option<Arc<LogFile>>,
}

/// Receiver on its own port. Its paths:
///
/// | path | answer |
/// |---|---|
/// | `/ok` and any other | 200 |
/// | `/fail` | 500, until [`Receiver::heal`] |
/// | `/fail-times/{n}/...` | 500 for the first n requests of each `webhook-id`, then 200 |
/// | `/hang` | none |
/// | `/hang-times/{n}/...` | none n times for each `webhook-id`, then 200 |
/// | `/status/{code}` | that status |
/// | `/says/{code}/{some-words}` | that status with the words as its text |
/// | `/gone` | 410 |
/// | `/retry-after/{seconds}/{n}` | 429 with `Retry-After` n times for each `webhook-id`, then 200 |
/// | `/slow/{ms}` | 200 after that time |
/// | `/defer/{ms}` | 202 after that time; the task is completed later |
/// | `/redirect` | 302 to `/ok` |
/// | `/large/{bytes}` | 200 with a body of that size |
pub struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

impl Receiver {
    /// Starts on any free port.
    pub async fn start() -> std::io::Result<Self> {
        Self::serve(Shared::default()).await
    }

    /// Starts on any free port, with a log that outlives the receiver.
    pub async fn start_logging(log: Arc<LogFile>) -> std::io::Result<Self> {
        Self::serve(Shared { log: Some(log), ..Shared::default() }).await
    }

    async fn serve(shared: Shared) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(shared);
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        // The server ends only with its task; an error of one connection does not end it.
        let server = tokio::spawn(async move { drop(axum::serve(listener, router).await) });
        Ok(Self { address, shared, server })
    }

    /// Returns the URL of a path that begins with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Returns all requests received, in order of arrival.
    pub fn received(&self) -> Vec<Received> {
        lock(&self.shared.received).clone()
    }

    /// Returns the requests to paths that begin with `prefix`.
    pub fn received_at(&self, prefix: &str) -> Vec<Received> {
        lock(&self.shared.received).iter().filter(|received| received.path.starts_with(prefix)).cloned().collect()
    }

    /// Returns the number of requests to paths that begin with `prefix`.
    pub fn count_at(&self, prefix: &str) -> usize {
        lock(&self.shared.received).iter().filter(|received| received.path.starts_with(prefix)).count()
    }

    /// Checks the signatures of requests to paths that begin with `prefix`, from now on; of several matching prefixes,
    /// the last one counts.
    pub fn trust(&self, prefix: &str, secret: &str) {
        lock(&self.shared.secrets).push((prefix.to_owned(), secret.to_owned()));
    }

    /// Makes `/fail` and `/fail-times` answer 200.
    pub fn heal(&self) {
        self.shared.healed.store(true, Ordering::SeqCst);
    }

    /// Undoes [`Receiver::heal`].
    pub fn sicken(&self) {
        self.shared.healed.store(false, Ordering::SeqCst);
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Locks a mutex, also after a panic of a test: its data is still correct.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    let at_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, usize::MAX).await else {
        return respond(400, Body::empty());
    };
    let path = parts.uri.to_string();
    let signature = shared.verify(&path, &parts.headers, &body);
    let received = Received { method: parts.method.to_string(), path, headers: parts.headers, body, at_ms, signature };
    let behaviour = match received.signature {
        Signature::Invalid(_) => Behaviour::Answer(401),
        _ => shared.behaviour(&received),
    };
    match &shared.log {
        Some(log) => log.write(&received),
        None => lock(&shared.received).push(received),
    }
    perform(behaviour).await
}

async fn perform(behaviour: Behaviour) -> Response<Body> {
    match behaviour {
        Behaviour::Answer(status) => respond(status, Body::from(format!("status {status}"))),
        Behaviour::Says(status, words) => respond(status, Body::from(words)),
        Behaviour::RetryAfter(seconds) => with_header(respond(429, Body::empty()), "retry-after", &seconds),
        Behaviour::Redirect => with_header(respond(302, Body::empty()), "location", "/ok"),
        Behaviour::Large(bytes) => respond(200, Body::from(vec![b'x'; bytes])),
        Behaviour::Slow(duration) => {
            sleep(duration).await;
            respond(200, Body::empty())
        }
        Behaviour::Defer(duration) => {
            sleep(duration).await;
            with_header(respond(202, Body::empty()), "longshore-completion", "deferred")
        }
        Behaviour::Hang => std::future::pending().await,
    }
}

impl Shared {
    fn verify(&self, path: &str, headers: &HeaderMap, body: &[u8]) -> Signature {
        let secrets = lock(&self.secrets);
        let Some((_, secret)) = secrets.iter().rev().find(|(prefix, _)| path.starts_with(prefix)) else {
            return Signature::Unchecked;
        };
        match Webhook::new(secret).and_then(|webhook| webhook.verify(body, headers)) {
            Ok(()) => Signature::Valid,
            Err(error) => Signature::Invalid(error.to_string()),
        }
    }

    fn behaviour(&self, received: &Received) -> Behaviour {
        let path = received.path.split('?').next().unwrap_or_default();
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        let healed = self.healed.load(Ordering::SeqCst);
        match segments.as_slice() {
            ["fail", ..] if !healed => Behaviour::Answer(500),
            ["fail-times", times, ..] if !healed && self.is_early(received, times) => Behaviour::Answer(500),
            ["hang"] => Behaviour::Hang,
            ["hang-times", times, ..] if self.is_early(received, times) => Behaviour::Hang,
            ["status", code, ..] => Behaviour::Answer(number(code)),
            ["says", code, words, ..] => Behaviour::Says(number(code), words.replace('-', " ")),
            ["gone", ..] => Behaviour::Answer(410),
            ["retry-after", seconds, times, ..] if self.is_early(received, times) => {
                Behaviour::RetryAfter((*seconds).to_owned())
            }
            ["slow", ms, ..] => Behaviour::Slow(Duration::from_millis(number(ms))),
            ["defer", ms, ..] => Behaviour::Defer(Duration::from_millis(number(ms))),
            ["redirect", ..] => Behaviour::Redirect,
            ["large", bytes, ..] => Behaviour::Large(number(bytes)),
            _ => Behaviour::Answer(200),
        }
    }

    /// Counts this request. Returns true if it is among the first `times` of its `webhook-id` at its path.
    fn is_early(&self, received: &Received, times: &str) -> bool {
        let mut seen = lock(&self.seen);
        let count = seen.entry((received.path.clone(), received.webhook_id().to_owned())).or_default();
        *count += 1;
        *count <= number(times)
    }
}

/// Parses a number in a path. Panics on a typing mistake, which would otherwise test something else.
fn number<T: std::str::FromStr>(text: &str) -> T {
    text.parse().ok().unwrap_or_else(|| panic!("the receiver's path needs a number instead of `{text}`"))
}

fn respond(status: u16, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).expect("a status has three digits");
    response
}

fn with_header(mut response: Response<Body>, name: &'static str, value: &str) -> Response<Body> {
    response.headers_mut().insert(name, value.parse().expect("a header has no line break"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Client;
    use serde_json::json;

    async fn statuses(path: &str, requests: usize) -> Vec<u16> {
        let receiver = Receiver::start().await.unwrap();
        let client = Client::new(&receiver.url(""), "").unwrap();
        let mut statuses = Vec::new();
        for _ in 0..requests {
            let answer = client.post_with(path, &[("webhook-id", "evt_1")], &json!({})).await.unwrap();
            statuses.push(answer.status);
        }
        assert_eq!(receiver.count_at(path), requests);
        statuses
    }

    #[tokio::test]
    async fn paths_choose_the_answer() {
        assert_eq!(statuses("/ok", 1).await, [200]);
        assert_eq!(statuses("/fail-times/2/a", 4).await, [500, 500, 200, 200]);
        assert_eq!(statuses("/retry-after/7/1", 2).await, [429, 200]);
        assert_eq!(statuses("/status/418", 1).await, [418]);
        assert_eq!(statuses("/redirect", 1).await, [302]);
    }

    #[tokio::test]
    async fn a_wrong_signature_is_refused_and_recorded() {
        let receiver = Receiver::start().await.unwrap();
        receiver.trust("/ok", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let client = Client::new(&receiver.url(""), "").unwrap();
        assert_eq!(client.post("/ok", &json!({})).await.unwrap().status, 401);
        assert_eq!(client.post("/elsewhere", &json!({})).await.unwrap().status, 200);
        let signatures: Vec<Signature> = receiver.received().into_iter().map(|received| received.signature).collect();
        assert_eq!(signatures, [Signature::Invalid("missing header id".to_owned()), Signature::Unchecked]);
    }
}
