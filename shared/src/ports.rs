//! Interfaces to the platform. A port exists only where a test needs a second implementation.
//!
//! The futures are not `Send`: a Worker has one thread, and so has the simulation.
#![allow(async_fn_in_trait)]

use std::time::Duration;

use bytes::Bytes;

use crate::wire::daily_limit::DailyLimit;
use crate::wire::job_queue::JobQueue;

/// A value bound to a statement. Lists and 64-bit integers are passed as JSON text.
#[derive(Debug, Clone, PartialEq)]
pub enum Param {
    /// Text, often a JSON document that the statement reads with `json_each(?1)`.
    Text(String),
    /// Number, bound as a double by D1 and therefore by every adapter.
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
    /// Converts a number, exactly up to 2^53, which is the year 287,396 in milliseconds.
    #[allow(clippy::cast_precision_loss)]
    fn from(number: i64) -> Self {
        Param::Number(number as f64)
    }
}

/// One statement of a batch: the text of an `.sql` file and its parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// Name of the file, for errors and counts.
    pub name: &'static str,
    /// SQL text with parameters `?1`, `?2`, ...
    pub sql: &'static str,
    /// Parameters in order.
    pub params: Vec<Param>,
}

/// Rows of one statement. Each row is one text column: a JSON document, or nothing.
pub type Rows = Vec<String>;

/// Reasons why a batch failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseError {
    /// The database did not answer, or its answer was lost: the batch may have committed.
    #[error("the database does not answer: {0}")]
    Unreachable(String),
    /// The database refused the batch, and nothing was written: a bug, or the database is full.
    #[error("the database refused a statement: {0}")]
    Refused(String),
    /// The account has used up a daily limit of the free plan. Nothing was written, and a repeated call fails until
    /// midnight UTC.
    #[error("the account's daily {0} are used up")]
    DailyLimit(DailyLimit),
}

impl DatabaseError {
    /// Classifies an error of D1 by its text. Daily limits and errors of SQLite are known; any other error may be
    /// temporary, and the batch may have committed. For a refused parameter only the code is kept, because the text has
    /// its value.
    pub fn of_d1(text: String) -> DatabaseError {
        const REFUSALS: [&str; 5] =
            ["SQLITE_CONSTRAINT", "SQLITE_ERROR", "SQLITE_MISMATCH", "SQLITE_TOOBIG", "SQLITE_FULL"];
        const REFUSED_PARAMETER: &str = "D1_TYPE_ERROR";
        // Checked first: the text of a limit may also have a code of SQLite.
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

/// Main database. A batch is one transaction.
pub trait Database {
    /// Runs the statements in order in one transaction.
    async fn batch(&self, statements: &[Statement]) -> Result<Vec<Rows>, DatabaseError>;

    /// Returns the size of the database in bytes after the last batch, if it is known.
    fn size_bytes(&self) -> Option<i64>;

    /// Returns the number of statements that this invocation of a Worker has run, in both databases. 0 where nothing
    /// limits them.
    fn statements(&self) -> usize {
        0
    }
}

/// Search database, separate from [`Database`].
pub trait IndexDatabase {
    /// Runs the statements in order in one transaction.
    async fn index_batch(&self, statements: &[Statement]) -> Result<Vec<Rows>, DatabaseError>;
}

/// Queues, which carry only hints.
pub trait Hints {
    /// Sends messages to one of the queues. A failure only adds latency: the sweep finds the jobs.
    async fn send_hints(&self, queue: JobQueue, messages: &[HintMessage]) -> Result<(), HintError>;
}

/// A message to a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HintMessage {
    /// The hint as text.
    pub text: String,
    /// Delay before delivery in seconds.
    pub delay_seconds: u32,
}

/// Reasons why hints were not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HintError {
    /// The queue failed.
    #[error("hints were not sent: {0}")]
    Failed(String),
    /// The account has used up the queue operations of the day; a repeated send fails until midnight UTC.
    #[error("hints were not sent: the account's daily queue operations are used up")]
    DailyLimit,
}

/// Object storage (R2).
pub trait Blobs {
    /// Writes an object.
    async fn put(&self, key: &str, bytes: &[u8]) -> Result<(), BlobError>;
    /// Reads a whole object; `None` if it does not exist.
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, BlobError>;
    /// Reads `length` bytes at `offset` of an object; `None` if it does not exist.
    async fn get_range(&self, key: &str, offset: u64, length: u64) -> Result<Option<Vec<u8>>, BlobError>;
    /// Reads a whole object and the tag of its version; `None` if it does not exist.
    async fn get_tagged(&self, key: &str) -> Result<Option<(Vec<u8>, String)>, BlobError>;
    /// Overwrites an object if it still has this tag, even if the write arrives late. Returns true if it was written.
    async fn put_tagged(&self, key: &str, bytes: &[u8], tag: &str) -> Result<bool, BlobError>;
    /// Lists at most `limit` keys (at most 1,000) that begin with `prefix`, in order, after the key `after`. Fewer keys
    /// do not mean the end: only an empty list does.
    async fn list(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>, BlobError>;
    /// Deletes at most 1,000 objects. Idempotent: missing keys count as deleted.
    async fn delete(&self, keys: &[String]) -> Result<(), BlobError>;
}

/// Error of the object storage.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("R2 failed: {0}")]
pub struct BlobError(pub String);

/// A request to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// HTTP method in capitals.
    pub method: String,
    /// Checked URL.
    pub url: String,
    /// Service binding to send to, instead of the network.
    pub service: Option<String>,
    /// Header names in lower case, and their values.
    pub headers: Vec<(String, String)>,
    /// Exact bytes of the body; often a slice of a stored object, without a copy.
    pub body: Bytes,
    /// Total timeout for headers and body.
    pub timeout: Duration,
    /// Maximum number of bytes of the response body that are read.
    pub response_bytes_max: usize,
}

/// A received response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpResponse {
    /// Status; any number that the destination sent.
    pub status: u16,
    /// Header names and values as received.
    pub headers: Vec<(String, String)>,
    /// Body up to the limit, or as far as it could be read.
    pub body: Vec<u8>,
    /// True if the body is longer than the limit.
    pub truncated: bool,
    /// Reason why the body is incomplete; the status and the headers are valid anyway.
    pub body_error: Option<String>,
}

impl HttpResponse {
    /// Returns the value of a header by its name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// Reasons why there is no complete response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// The timeout passed.
    #[error("no complete response within {0} ms")]
    Timeout(u64),
    /// The timeout passed after the headers and before the end of the body.
    #[error("no complete response within {ms} ms")]
    Unfinished {
        /// Timeout in ms.
        ms: u64,
        /// Part of the response that was received.
        received: Box<HttpResponse>,
    },
    /// The name did not resolve.
    #[error("the name did not resolve: {0}")]
    Dns(String),
    /// The connection could not be opened, or it broke.
    #[error("the connection failed: {0}")]
    Connect(String),
    /// The TLS handshake failed.
    #[error("the TLS handshake failed: {0}")]
    Tls(String),
    /// The deployment does not have this service binding.
    #[error("the deployment has no service binding {0}")]
    NoService(String),
    /// The runtime refused to send this request.
    #[error("the request could not be sent: {0}")]
    Unsendable(String),
}

/// Returns the received response, complete or not; `None` if no status was received.
pub fn received(answer: Result<HttpResponse, HttpError>) -> Option<HttpResponse> {
    match answer {
        Ok(response) => Some(response),
        Err(HttpError::Unfinished { received, .. }) => Some(*received),
        Err(_) => None,
    }
}

/// HTTP client for destinations.
pub trait Http {
    /// Sends one request, without following redirects.
    async fn send_request(&self, request: &HttpRequest) -> Result<HttpResponse, HttpError>;
}

/// Time and randomness.
pub trait Clock {
    /// Returns the milliseconds since 1970 of this machine's clock: for ids, signatures and durations, never for
    /// leases.
    fn now_ms(&self) -> i64;
    /// Waits.
    async fn sleep(&self, duration: Duration);
    /// Returns 128 random bits.
    fn random(&self) -> u128;
}

/// All ports together, as the executor and the sweep need them.
pub trait World: Database + IndexDatabase + Hints + Blobs + Http + Clock {}

impl<T: Database + IndexDatabase + Hints + Blobs + Http + Clock> World for T {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_d1_are_classified() {
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
