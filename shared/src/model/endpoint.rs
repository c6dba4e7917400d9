//! The endpoint: where jobs go, as callers write it, as the store keeps it and as the API shows it.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::model::backoff::Schedule;
use crate::model::outcome::ErrorClass;
use crate::security::redact::Redaction;
use crate::wire::time::rfc3339;

/// How much evidence an endpoint's attempts leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub enum EvidencePolicy {
    /// Every attempt.
    Full,
    /// Attempts that failed.
    Failures,
    /// None; the log entry stays.
    None,
}

/// How an endpoint is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub enum EndpointState {
    /// Its jobs run.
    Active,
    /// Its jobs are held.
    Paused,
    /// Its row alone is left: jobs that name it die. The API does not show it.
    #[cfg_attr(feature = "openapi", schemars(skip))]
    Deleted,
}

/// An endpoint's row. Times are milliseconds.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct EndpointRow {
    pub id: String,
    pub tenant: String,
    pub state: EndpointState,
    pub paused_reason: Option<String>,
    pub url: String,
    pub service: Option<String>,
    pub headers: Vec<(String, String)>,
    pub timeout_seconds: u32,
    pub backoff: Schedule,
    pub max_attempts: u32,
    pub evidence: EvidencePolicy,
    pub bury_on: Vec<ErrorClass>,
    pub redact: Redaction,
    pub generation: u32,
    pub rotated_at: Option<i64>,
    pub failing_since: Option<i64>,
    pub last_success_at: Option<i64>,
    pub created_at: i64,
    pub updated_at: i64,
    pub now: i64,
}

impl EndpointRow {
    /// The endpoint as the API shows it. Header values are sealed and never shown.
    pub fn to_json(&self) -> Value {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| json!({"name": name, "value": null})).collect();
        let (url, path) = if self.service.is_some() { (None, Some(&self.url)) } else { (Some(&self.url), None) };
        json!({
            "id": self.id, "tenant": self.tenant, "state": self.state, "paused_reason": self.paused_reason,
            "url": url, "service": self.service, "path": path, "headers": names, "timeout_seconds": self.timeout_seconds, "schedule": self.backoff,
            "max_attempts": self.max_attempts, "evidence": self.evidence, "bury_on": self.bury_on,
            "redact": self.redact, "failing_since": self.failing_since.map(rfc3339),
            "last_success_at": self.last_success_at.map(rfc3339),
            "secret_rotated_at": self.rotated_at.map(rfc3339),
            "created_at": rfc3339(self.created_at), "updated_at": rfc3339(self.updated_at),
        })
    }
}
