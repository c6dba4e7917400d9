//! The attempt: one entry of a job's log, as the claim begins it and the settlement completes it.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::model::outcome::JobError;
use crate::wire::time::rfc3339;

/// One attempt in a job's log. The claim writes `started_at` and `lease` before anything is sent; the rest is the
/// settlement's, or, with state `outcome_unknown`, the sweep's. Of an attempt that a completion ended, `status` and
/// `evidence` are added when its request has been answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogEntry {
    /// When it was claimed, in ms by the database's clock.
    pub started_at: i64,
    /// The lease token under which it ran.
    pub lease: String,
    /// How it ended; `None` while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<AttemptState>,
    /// Who ended it, if not its own answer or the sweep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_by: Option<EndedBy>,
    /// From the first byte sent to the last byte read, in ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<i64>,
    /// The status of the response, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<JobError>,
    /// Until the next attempt, in ms from the settlement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_in_ms: Option<i64>,
    /// Where the evidence is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<EvidenceRef>,
    /// The version of the consumer that ran it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// What an attempt was like beside its outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured {
    /// From the first byte sent to the last byte read, in ms.
    pub duration_ms: i64,
    /// The status of the response, if there was one.
    pub status: Option<u16>,
    /// The version of the consumer that ran it.
    pub version: String,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum AttemptState {
    /// The destination accepted.
    Succeeded,
    /// It did not, or nothing could be sent.
    Failed,
    /// It was taken over, and its completion is awaited.
    Deferred,
    /// The worker stopped before it could say; the request may have been received.
    OutcomeUnknown,
}

/// Who ended an attempt, if not its own answer or the sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum EndedBy {
    /// A call of `/complete` or `/fail`.
    Completion,
}

/// Where an attempt's evidence is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum EvidenceRef {
    /// A byte range of the pack `evidence/{date}/{lease}-{n}`.
    Stored {
        /// Which pack of the lease.
        n: u32,
        /// First byte.
        offset: u64,
        /// Bytes.
        length: u64,
        /// SHA-256 of those bytes, base64url.
        sha256: String,
    },
    /// R2 failed: the first bytes are here, and stay here.
    Inline {
        /// Why it is not in R2.
        reason: String,
        /// The record, cut to 2 KiB.
        record: String,
        /// SHA-256 of the whole record, base64url.
        sha256: String,
    },
    /// The endpoint asks for none.
    Off,
}

impl LogEntry {
    /// The attempt as the API lists it: from the log what is always there, from its evidence, if that could be read, the
    /// headers and sizes. Bodies are in the evidence alone.
    pub fn to_json(&self, job_id: &str, number: usize, evidence: Option<&Value>) -> Value {
        let state = self.state.map_or_else(|| json!("running"), |state| json!(state));
        let retry_at = self.retry_in_ms.map(|wait| rfc3339(self.started_at + self.duration_ms.unwrap_or(0) + wait));
        let of_evidence = |part: &str, fields: &[&str]| {
            let part = evidence.and_then(|record| record.get(part)).filter(|part| !part.is_null())?;
            Some(Value::Object(fields.iter().map(|field| ((*field).to_owned(), part[*field].clone())).collect()))
        };
        let in_log = self.status.map(|status| {
            json!({"status": status, "headers": null, "body_bytes": null, "truncated": null,
                "body_error": null})
        });
        let (place, sha256) = match &self.evidence {
            None => ("none", None),
            Some(EvidenceRef::Off) => ("off", None),
            Some(EvidenceRef::Stored { sha256, .. }) => ("stored", Some(sha256)),
            Some(EvidenceRef::Inline { sha256, .. }) => ("inline", Some(sha256)),
        };
        json!({
            "job_id": job_id, "attempt": number, "state": state, "ended_by": self.ended_by,
            "started_at": rfc3339(self.started_at), "duration_ms": self.duration_ms,
            "request": of_evidence("request", &["method", "url", "headers", "body_bytes"]),
            "response": of_evidence("response", &["status", "headers", "body_bytes", "truncated", "body_error"]).or(in_log),
            "error": self.error, "retry_at": retry_at, "evidence": {"state": place, "sha256": sha256},
            "version": self.version,
        })
    }
}
