//! A webhook receiver that misbehaves by path and keeps a log of every request, with which tests check Longshore's own.

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

/// One request as it arrived.
#[derive(Debug, Clone)]
pub struct Received {
    /// The method.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body's exact bytes.
    pub body: Bytes,
    /// Milliseconds since 1970 by this machine's clock.
    pub at_ms: u128,
    /// What became of the signature.
    pub signature: Signature,
}

impl Received {
    /// The value of a header, or nothing.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The header `webhook-id`, empty if there is none.
    pub fn webhook_id(&self) -> &str {
        self.header("webhook-id").unwrap_or_default()
    }
}

/// What the `standardwebhooks` crate says of a request. It takes UTF-8 bodies only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signature {
    /// No secret is known for the path.
    Unchecked,
    /// Signed with the secret.
    Valid,
    /// Not signed with it; the receiver answers 401.
    Invalid(String),
}

/// One line of a [`LogFile`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The header `webhook-id`.
    pub webhook_id: String,
    /// The path with its query.
    pub path: String,
    /// Milliseconds since 1970 by this machine's clock.
    pub at_ms: i64,
    /// Whether the signature was that of the secret.
    pub verified: bool,
}

/// A file that receivers append every request to, a line of JSON each, before they answer it.
#[derive(Debug)]
pub struct LogFile(Mutex<File>);

impl LogFile {
    /// Opens it, and creates it.
    pub fn append_to(path: &Path) -> std::io::Result<Self> {
        Ok(Self(Mutex::new(File::options().create(true).append(true).open(path)?)))
    }

    /// A line that cannot be written would be a request that nobody knows of: the receiver does not answer it.
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

/// What a path makes of a request.
#[derive(Debug, PartialEq, Eq)]
enum Behaviour {
    Answer(u16),
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
    // How often a path has seen a webhook-id.
    seen: Mutex<HashMap<(String, String), u32>>,
    healed: AtomicBool,
    log: Option<Arc<LogFile>>,
}

/// A receiver on a port of its own. Its paths:
///
/// | path | answer |
/// |---|---|
/// | `/ok` and any other | 200 |
/// | `/fail` | 500, until [`Receiver::heal`] |
/// | `/fail-times/{n}/...` | 500 for the first n requests of each `webhook-id`, then 200 |
/// | `/hang` | none |
/// | `/hang-times/{n}/...` | none n times for each `webhook-id`, then 200 |
/// | `/status/{code}` | that status |
/// | `/gone` | 410 |
/// | `/retry-after/{seconds}/{n}` | 429 with `Retry-After` n times for each `webhook-id`, then 200 |
/// | `/slow/{ms}` | 200 after that time |
/// | `/defer/{ms}` | 202 after that time, whose completion comes later |
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

    /// Starts on any free port, with a log that outlives it.
    pub async fn start_logging(log: Arc<LogFile>) -> std::io::Result<Self> {
        Self::serve(Shared { log: Some(log), ..Shared::default() }).await
    }

    async fn serve(shared: Shared) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(shared);
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        // Serving ends with the task only; an error of one connection stays in it.
        let server = tokio::spawn(async move { drop(axum::serve(listener, router).await) });
        Ok(Self { address, shared, server })
    }

    /// The URL of a path that begins with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Everything received, in order of arrival.
    pub fn received(&self) -> Vec<Received> {
        lock(&self.shared.received).clone()
    }

    /// What arrived at paths that begin with `prefix`.
    pub fn received_at(&self, prefix: &str) -> Vec<Received> {
        lock(&self.shared.received).iter().filter(|received| received.path.starts_with(prefix)).cloned().collect()
    }

    /// How many requests have arrived at paths that begin with `prefix`.
    pub fn count_at(&self, prefix: &str) -> usize {
        lock(&self.shared.received).iter().filter(|received| received.path.starts_with(prefix)).count()
    }

    /// Checks the signatures of paths that begin with `prefix` from now on; of several such, the last call counts.
    pub fn trust(&self, prefix: &str, secret: &str) {
        lock(&self.shared.secrets).push((prefix.to_owned(), secret.to_owned()));
    }

    /// From now on `/fail` and `/fail-times` answer 200.
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

/// A test that panicked with the lock leaves the log as true as it was.
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

    /// Counts this request, and says whether it is among the first `times` of its `webhook-id` at its path.
    fn is_early(&self, received: &Received, times: &str) -> bool {
        let mut seen = lock(&self.seen);
        let count = seen.entry((received.path.clone(), received.webhook_id().to_owned())).or_default();
        *count += 1;
        *count <= number(times)
    }
}

/// A path with a typing mistake would test something else without a word.
fn number<T: std::str::FromStr>(text: &str) -> T {
    text.parse().ok().unwrap_or_else(|| panic!("the receiver's path wants a number, not {text}"))
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
