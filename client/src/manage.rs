//! Routes of endpoints, schedules, keys, indexes and health.

use serde_json::Value;

use crate::answer::{Answer, Reply};
use crate::client::Client;
use crate::error::ClientError;
use crate::request::Request;
use crate::types::{AcceptedJob, CreatedKey, Endpoint, Index, Schedule, SearchResult, Secrets};

impl Client {
    /// Reads an endpoint.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn endpoint(&self, name: &str) -> Result<Answer<Endpoint>, ClientError> {
        self.ask(&Request::new("GET", &["v1", "endpoints", name]))
    }

    /// Creates or replaces an endpoint.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn put_endpoint(&self, name: &str, body: Vec<u8>) -> Result<Answer<Endpoint>, ClientError> {
        self.ask(&Request::new("PUT", &["v1", "endpoints", name]).json_text(body))
    }

    /// Pauses an endpoint.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn pause_endpoint(&self, name: &str) -> Result<Answer<Endpoint>, ClientError> {
        self.ask(&Request::new("POST", &["v1", "endpoints", name, "pause"]))
    }

    /// Resumes an endpoint.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn resume_endpoint(&self, name: &str) -> Result<Answer<Endpoint>, ClientError> {
        self.ask(&Request::new("POST", &["v1", "endpoints", name, "resume"]))
    }

    /// Deletes an endpoint.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn delete_endpoint(&self, name: &str) -> Result<(), ClientError> {
        self.order(&Request::new("DELETE", &["v1", "endpoints", name]))
    }

    /// Reads the signing secrets of an endpoint, or the tenant's secret without a name.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn secrets(&self, name: Option<&str>) -> Result<Answer<Secrets>, ClientError> {
        self.ask(&match name {
            Some(name) => Request::new("GET", &["v1", "endpoints", name, "secret"]),
            None => Request::new("GET", &["v1", "secret"]),
        })
    }

    /// Rotates the signing secret of an endpoint.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn rotate_secret(&self, name: &str) -> Result<Answer<Secrets>, ClientError> {
        self.ask(&Request::new("POST", &["v1", "endpoints", name, "secret", "rotate"]))
    }

    /// Reads a schedule with its next occurrences.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn schedule(&self, name: &str) -> Result<Answer<Schedule>, ClientError> {
        self.ask(&Request::new("GET", &["v1", "schedules", name]))
    }

    /// Creates or replaces a schedule.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn put_schedule(&self, name: &str, body: Vec<u8>) -> Result<Answer<Schedule>, ClientError> {
        self.ask(&Request::new("PUT", &["v1", "schedules", name]).json_text(body))
    }

    /// Creates a job of a schedule now, once per idempotency key.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn run_schedule(&self, name: &str, key: Option<&str>) -> Result<Answer<AcceptedJob>, ClientError> {
        self.ask(&Request::new("POST", &["v1", "schedules", name, "run"]).idempotency_key(key))
    }

    /// Deletes a schedule.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn delete_schedule(&self, name: &str) -> Result<(), ClientError> {
        self.order(&Request::new("DELETE", &["v1", "schedules", name]))
    }

    /// Creates an API key.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn create_key(&self, wanted: &Value) -> Result<Answer<CreatedKey>, ClientError> {
        self.ask(&Request::new("POST", &["v1", "keys"]).json(wanted))
    }

    /// Revokes an API key.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn revoke_key(&self, id: &str) -> Result<(), ClientError> {
        self.order(&Request::new("DELETE", &["v1", "keys", id]))
    }

    /// Reads an index with the numbers of its documents.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn index(&self, name: &str) -> Result<Answer<Index>, ClientError> {
        self.ask(&Request::new("GET", &["v1", "indexes", name]))
    }

    /// Creates or changes an index.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn put_index(&self, name: &str, body: Vec<u8>) -> Result<Answer<Index>, ClientError> {
        self.ask(&Request::new("PUT", &["v1", "indexes", name]).json_text(body))
    }

    /// Deletes an index.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn delete_index(&self, name: &str) -> Result<(), ClientError> {
        self.order(&Request::new("DELETE", &["v1", "indexes", name]))
    }

    /// Creates a job that checks an index for inconsistencies, and fixes them if `repair` is true.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn verify_index(&self, name: &str, repair: bool) -> Result<Answer<AcceptedJob>, ClientError> {
        self.ask(
            &Request::new("POST", &["v1", "indexes", name, "verify"]).json(&serde_json::json!({ "repair": repair })),
        )
    }

    /// Searches an index.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn search(&self, name: &str, query: &Value) -> Result<Answer<SearchResult>, ClientError> {
        self.ask(&Request::new("POST", &["v1", "indexes", name, "search"]).json(query))
    }

    /// Requests `/healthz`.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`] or [`ClientError::Address`].
    pub fn health(&self) -> Result<Reply, ClientError> {
        self.send(&Request::new("GET", &["healthz"]))
    }

    /// Requests `/readyz`, whose answer is also JSON of readiness if its status is 503.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`] or [`ClientError::Address`].
    pub fn readiness(&self) -> Result<Reply, ClientError> {
        self.send(&Request::new("GET", &["readyz"]))
    }
}
