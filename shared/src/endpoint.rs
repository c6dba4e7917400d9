//! The endpoint: where jobs go, as callers write it, as the store keeps it and as the API shows it.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::backoff::Schedule;
use crate::limits::ROTATION_OVERLAP_MS;
use crate::outcome::ErrorClass;
use crate::redact::Redaction;
use crate::signing::{MasterKey, SigningSecret, derive};
use crate::time::rfc3339;

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

/// An endpoint's row. Times are milliseconds.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct EndpointRow {
    pub id: String,
    pub tenant: String,
    pub state: String,
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

/// The secrets that sign for an endpoint now, the newest first: two for a day after a rotation.
pub fn signing_secrets(
    master: &MasterKey,
    tenant: &str,
    endpoint: &str,
    generation: u32,
    rotated_at: Option<i64>,
    now_ms: i64,
) -> Vec<SigningSecret> {
    let mut secrets = vec![derive(master, tenant, endpoint, generation)];
    if generation > 1 && rotated_at.is_some_and(|at| now_ms - at < ROTATION_OVERLAP_MS) {
        secrets.push(derive(master, tenant, endpoint, generation - 1));
    }
    secrets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_secrets_sign_for_a_day_after_a_rotation() {
        let master = MasterKey::parse(&"ab".repeat(32)).unwrap();
        let whsec = |secrets: Vec<SigningSecret>| secrets.iter().map(SigningSecret::to_whsec).collect::<Vec<_>>();
        let first = whsec(signing_secrets(&master, "acme", "orders", 1, None, 0));
        assert_eq!(first.len(), 1);
        let both = whsec(signing_secrets(&master, "acme", "orders", 2, Some(1_000), 1_000 + ROTATION_OVERLAP_MS - 1));
        assert_eq!(both.len(), 2);
        assert_eq!(both[1], first[0]);
        assert_ne!(both[0], first[0]);
        let after = whsec(signing_secrets(&master, "acme", "orders", 2, Some(1_000), 1_000 + ROTATION_OVERLAP_MS));
        assert_eq!(after, both[..1]);
    }
}
