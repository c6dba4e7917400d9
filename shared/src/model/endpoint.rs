//! The endpoint: a destination of jobs, as it is stored and as the API shows it.

use serde::{Deserialize, Serialize};

use crate::model::backoff::RetrySchedule;
use crate::model::outcome::ErrorClass;
use crate::security::redact::Redaction;
use crate::wire::time::Time;

/// Selection of attempts whose evidence is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub enum EvidencePolicy {
    /// Evidence of every attempt.
    Full,
    /// Evidence of failed attempts only.
    Failures,
    /// No evidence; the log entry is still written.
    None,
}

/// State of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub enum EndpointState {
    /// Jobs of the endpoint run.
    Active,
    /// Jobs of the endpoint are held.
    Paused,
    /// The endpoint is deleted and only its row is left: jobs that name it become dead letters. The API does not show
    /// it.
    #[cfg_attr(feature = "openapi", schemars(skip))]
    Deleted,
}

/// An endpoint's row. Times are in ms since 1970.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct EndpointRow {
    pub id: String,
    pub tenant: String,
    pub state: EndpointState,
    pub paused_reason: Option<PausedReason>,
    pub url: String,
    pub service: Option<String>,
    pub headers: Vec<(String, String)>,
    pub timeout_seconds: u32,
    pub connections: u32,
    pub backoff: RetrySchedule,
    pub max_attempts: u32,
    pub evidence: EvidencePolicy,
    pub keep_payload: u8,
    pub dead_letter_on: Vec<ErrorClass>,
    pub redact: Redaction,
    pub secret_version: u32,
    pub rotated_at: Option<i64>,
    pub failing_since: Option<i64>,
    pub last_success_at: Option<i64>,
    pub created_at: i64,
    pub updated_at: i64,
    pub now: i64,
}

/// Reason why an endpoint is paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum PausedReason {
    /// A request paused it.
    Operator,
    /// The receiver answered 410 Gone.
    Gone,
    /// The deployment lacks the service binding that the endpoint names.
    Config,
}

impl PausedReason {
    /// Returns the name in the store and in the API.
    pub fn name(self) -> &'static str {
        match self {
            PausedReason::Operator => "operator",
            PausedReason::Gone => "gone",
            PausedReason::Config => "config",
        }
    }
}

/// A header of an endpoint, as the API shows it: without its value, which is sealed.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct EndpointHeader<'a> {
    name: &'a str,
    /// Null: the value is sealed and never shown.
    value: (),
}

/// An endpoint, as the API shows it.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Endpoint<'a> {
    /// Name of the endpoint.
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = crate::wire::schema::NAME)))]
    id: &'a str,
    tenant: &'a str,
    state: EndpointState,
    /// Reason of the pause; null unless it is paused.
    paused_reason: Option<PausedReason>,
    /// URL of the endpoint; null for a service binding.
    url: Option<&'a str>,
    /// Name of the service binding; null for a URL.
    service: Option<&'a str>,
    /// Path of requests to the service binding; null for a URL.
    path: Option<&'a str>,
    headers: Vec<EndpointHeader<'a>>,
    timeout_seconds: u32,
    /// Requests that one consumer invocation sends to the endpoint at once.
    connections: u32,
    schedule: RetrySchedule,
    max_attempts: u32,
    created_at: Time,
    updated_at: Time,
    failing_since: Option<Time>,
    last_success_at: Option<Time>,
    secret_rotated_at: Option<Time>,
    evidence: EvidencePolicy,
    /// True if a succeeded job keeps its payload, so that it can be sent again.
    keep_payload: bool,
    dead_letter_on: &'a [ErrorClass],
    redact: &'a Redaction,
}

impl<'a> From<&'a EndpointRow> for Endpoint<'a> {
    fn from(row: &'a EndpointRow) -> Self {
        let (url, path) =
            if row.service.is_some() { (None, Some(row.url.as_str())) } else { (Some(row.url.as_str()), None) };
        Endpoint {
            id: &row.id,
            tenant: &row.tenant,
            state: row.state,
            paused_reason: row.paused_reason,
            url,
            service: row.service.as_deref(),
            path,
            headers: row.headers.iter().map(|(name, _)| EndpointHeader { name, value: () }).collect(),
            timeout_seconds: row.timeout_seconds,
            connections: row.connections,
            schedule: row.backoff,
            max_attempts: row.max_attempts,
            created_at: Time(row.created_at),
            updated_at: Time(row.updated_at),
            failing_since: row.failing_since.map(Time),
            last_success_at: row.last_success_at.map(Time),
            secret_rotated_at: row.rotated_at.map(Time),
            evidence: row.evidence,
            keep_payload: row.keep_payload == 1,
            dead_letter_on: &row.dead_letter_on,
            redact: &row.redact,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_named_as_it_is_written() {
        for reason in [PausedReason::Operator, PausedReason::Gone, PausedReason::Config] {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.name());
        }
    }
}
