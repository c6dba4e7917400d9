//! What the core asks of the world. A port exists only where a test needs a second implementation.
//!
//! Futures here are not `Send`: a Worker is one thread, and so is the simulation.
#![allow(async_fn_in_trait)]

use std::time::Duration;

use bytes::Bytes;

use crate::wire::daily_limit::DailyLimit;
use crate::wire::job_queue::JobQueue;

/// One value bound to a statement. Lists and 64-bit integers travel inside a JSON text.
#[derive(Debug, Clone, PartialEq)]
pub enum Param {
    /// Text, often a JSON document that the statement opens with `json_each(?1)`.
    Text(String),
    /// A number; D1 binds it as a double, and so does every other adapter.
    Number(f64),
    /// NULL.
    Null,
}

impl From<&str> for Param {
    fn from(text: &str) -> Self {
        Param::Text(text.to_owned())
    }
}

impl From<String> for Param {
    fn from(text: String) -> Self {
        Param::Text(text)
    }
}

impl From<Option<String>> for Param {
    fn from(text: Option<String>) -> Self {
        text.map_or(Param::Null, Param::Text)
    }
}

impl From<i64> for Param {
    /// Exact up to 2^53, which is the year 287,396 in milliseconds.
    #[allow(clippy::cast_precision_loss)]
    fn from(number: i64) -> Self {
        Param::Number(number as f64)
    }
}

/// One statement of a batch: the text of an `.sql` file and its parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// The name of the file, for errors and counts.
    pub name: &'static str,
    /// The text, with parameters `?1`, `?2`, ...
    pub sql: &'static str,
    /// The parameters, in order.
    pub params: Vec<Param>,
}

/// The rows of one statement. Each row is one text column: a JSON document, or nothing.
pub type Rows = Vec<String>;

/// Why a batch gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseError {
    /// The database was out of reach, or it answered and the answer was lost: the batch may have committed.
    #[error("the database is out of reach: {0}")]
    Unreachable(String),
    /// The database refused the batch; nothing was written. A bug of ours, or the storage is full.
    #[error("the database refused a statement: {0}")]
    Refused(String),
    /// The account has spent a daily limit of the free plan; nothing was written, and a repeated call fails until midnight UTC.
    #[error("the account's daily {0} are spent")]
    DailyLimit(DailyLimit),
}

impl DatabaseError {
    /// What an error of D1 means, by its text: D1 names the free plan's daily limits and SQL's own refusals; everything else
    /// may pass, and may have committed. A refused parameter is not repeated: the text has its value.
    pub fn of_d1(text: String) -> DatabaseError {
        const REFUSALS: [&str; 5] =
            ["SQLITE_CONSTRAINT", "SQLITE_ERROR", "SQLITE_MISMATCH", "SQLITE_TOOBIG", "SQLITE_FULL"];
        const REFUSED_PARAMETER: &str = "D1_TYPE_ERROR";
        // First: the text of a limit may come with a code of SQLite's.
        if let Some(limit) = DailyLimit::of_database(&text) {
            DatabaseError::DailyLimit(limit)
        } else if text.contains(REFUSED_PARAMETER) {
            DatabaseError::Refused(REFUSED_PARAMETER.to_owned())
        } else if REFUSALS.iter().any(|refusal| text.contains(refusal)) {
            DatabaseError::Refused(text)
        } else {
            DatabaseError::Unreachable(text)
        }
    }
}

/// The store: one method, all or nothing.
pub trait Database {
    /// Runs the statements in order in one transaction.
    async fn batch(&self, statements: &[Statement]) -> Result<Vec<Rows>, DatabaseError>;

    /// The database's size in bytes after the last batch, if it is known.
    fn size_bytes(&self) -> Option<i64>;
}

/// The store of search: a database of its own, with a method like that of [`Database`].
pub trait IndexDatabase {
    /// Runs the statements in order in one transaction.
    async fn index_batch(&self, statements: &[Statement]) -> Result<Vec<Rows>, DatabaseError>;
}

/// The queue, which carries hints only.
pub trait Hints {
    /// Sends messages to the queue of a queue. A failure changes nothing but latency: the sweep finds the jobs.
    async fn send_hints(&self, queue: JobQueue, messages: &[HintMessage]) -> Result<(), HintError>;
}

/// A message to the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HintMessage {
    /// The hint as text.
    pub text: String,
    /// How long the queue keeps it back, in seconds.
    pub delay_seconds: u32,
}

/// Why hints did not leave.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HintError {
    /// The queue failed.
    #[error("hints did not leave: {0}")]
    Failed(String),
    /// The account has spent the queue operations of the day; a repeated send fails until midnight UTC.
    #[error("hints did not leave: the account's daily queue operations are spent")]
    DailyLimit,
}

/// The object store.
pub trait Blobs {
    /// Writes one object.
    async fn put(&self, key: &str, bytes: &[u8]) -> Result<(), BlobError>;
    /// Reads one whole object; `None` if there is no such object.
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, BlobError>;
    /// Reads `length` bytes at `offset` of one object; `None` if there is no such object.
    async fn get_range(&self, key: &str, offset: u64, length: u64) -> Result<Option<Vec<u8>>, BlobError>;
    /// Reads one whole object and the tag of this version of it; `None` if there is no such object.
    async fn get_tagged(&self, key: &str) -> Result<Option<(Vec<u8>, String)>, BlobError>;
    /// Writes an object again if it is still the version of that tag, also when the write arrives late; says whether it was.
    async fn put_tagged(&self, key: &str, bytes: &[u8], tag: &str) -> Result<bool, BlobError>;
    /// The keys that begin with `prefix`, in order and beyond `after`, at most `limit` of them and 1,000. Fewer may come
    /// although there are more: only an empty answer is the end.
    async fn list(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>, BlobError>;
    /// Deletes objects, at most 1,000 at once; what is not there already is deleted too.
    async fn delete(&self, keys: &[String]) -> Result<(), BlobError>;
}

/// Why an object could not be written, read, listed or deleted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the object store failed: {0}")]
pub struct BlobError(pub String);

/// A request as it leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// The method, in capitals.
    pub method: String,
    /// The URL, checked.
    pub url: String,
    /// The service binding that it goes to, instead of the network.
    pub service: Option<String>,
    /// Header names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body's exact bytes; often a part of what was read from a store, which is not copied.
    pub body: Bytes,
    /// The total deadline, headers and body together.
    pub timeout: Duration,
    /// Bytes of the answer's body that are kept; the rest is not read.
    pub response_bytes_max: usize,
}

/// A response as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpResponse {
    /// The status, whatever number the destination chose.
    pub status: u16,
    /// Header names and values as received.
    pub headers: Vec<(String, String)>,
    /// The body up to the cap, or as far as it could be read.
    pub body: Vec<u8>,
    /// Whether there was more.
    pub truncated: bool,
    /// Why the body ended before its end; the status and the headers hold all the same.
    pub body_error: Option<String>,
}

impl HttpResponse {
    /// The value of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// Why there was no complete response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// The deadline passed.
    #[error("no complete response within {0} ms")]
    Timeout(u64),
    /// The deadline passed between the head and the end of the body.
    #[error("no complete response within {ms} ms")]
    Unfinished {
        /// The deadline.
        ms: u64,
        /// What came until then.
        received: Box<HttpResponse>,
    },
    /// The name did not resolve.
    #[error("the name did not resolve: {0}")]
    Dns(String),
    /// No connection, or it broke.
    #[error("the connection failed: {0}")]
    Connect(String),
    /// The TLS handshake failed.
    #[error("the TLS handshake failed: {0}")]
    Tls(String),
    /// The deployment has no such service binding.
    #[error("the deployment has no service binding {0}")]
    NoService(String),
    /// The runtime would not send this request.
    #[error("the request could not be sent: {0}")]
    Unsendable(String),
}

/// What came back, complete or not; `None` where no status was received.
pub fn received(answer: Result<HttpResponse, HttpError>) -> Option<HttpResponse> {
    match answer {
        Ok(response) => Some(response),
        Err(HttpError::Unfinished { received, .. }) => Some(*received),
        Err(_) => None,
    }
}

/// The way to destinations.
pub trait Http {
    /// Sends one request, without following redirects.
    async fn send_request(&self, request: &HttpRequest) -> Result<HttpResponse, HttpError>;
}

/// Time and randomness, which the core never takes by itself.
pub trait Clock {
    /// Milliseconds since 1970 by this machine's clock: for ids, signatures and durations, never for leases.
    fn now_ms(&self) -> i64;
    /// Waits.
    async fn sleep(&self, duration: Duration);
    /// 128 random bits.
    fn random(&self) -> u128;
}

/// Everything at once: what the executor and the sweep run on.
pub trait World: Database + IndexDatabase + Hints + Blobs + Http + Clock {}

impl<T: Database + IndexDatabase + Hints + Blobs + Http + Clock> World for T {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_d1_says_decides_what_may_be_tried_again() {
        let refused = |text: &str| DatabaseError::Refused(text.to_owned());
        for (text, expected) in [
            ("D1_ERROR: no such table: jobs: SQLITE_ERROR", refused("D1_ERROR: no such table: jobs: SQLITE_ERROR")),
            ("D1_TYPE_ERROR: Type 'bigint' not supported for value 'sk-secret'", refused("D1_TYPE_ERROR")),
            ("Network connection lost.", DatabaseError::Unreachable("Network connection lost.".to_owned())),
        ] {
            assert_eq!(DatabaseError::of_d1(text.to_owned()), expected, "{text}");
        }
        let spent = "Your account has exceeded D1's free tier daily row write limit. Upgrade to a paid plan or wait until \
                     tomorrow (midnight UTC) to continue.";
        assert!(matches!(DatabaseError::of_d1(spent.to_owned()), DatabaseError::DailyLimit(_)));
    }
}
