//! The attempt: one entry of a job's log, as the claim begins it and the settlement completes it, and as the API shows it.

use serde::{Deserialize, Serialize};

use crate::model::outcome::JobError;
use crate::wire::time::Time;

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

/// The measurements of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured {
    /// From the first byte sent to the last byte read, in ms.
    pub duration_ms: i64,
    /// The status of the response, if there was one.
    pub status: Option<u16>,
    /// The version of the consumer that ran it.
    pub version: String,
}

/// The state of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum AttemptState {
    /// It has not ended.
    Running,
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

/// The request of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct AttemptRequest {
    pub(crate) method: String,
    /// With secrets redacted.
    pub(crate) url: String,
    #[cfg_attr(feature = "openapi", schemars(with = "Vec<crate::wire::schema::Header>"))]
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body_bytes: usize,
}

/// The response of an attempt; only its status is known where the evidence could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct AttemptResponse {
    status: u16,
    #[cfg_attr(feature = "openapi", schemars(with = "Option<Vec<crate::wire::schema::Header>>"))]
    headers: Option<Vec<(String, String)>>,
    body_bytes: Option<u64>,
    /// Whether more came than was read.
    truncated: Option<bool>,
    /// Why the body ended before its end; the status and the headers decided all the same.
    body_error: Option<String>,
}

/// What a list of attempts shows of the evidence of one.
#[derive(Debug, Default, Deserialize)]
pub struct Exchanged {
    request: Option<AttemptRequest>,
    response: Option<AttemptResponse>,
}

/// Where an attempt's evidence is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum EvidencePlace {
    /// There is none yet, or nobody could write it.
    None,
    /// The endpoint asks for none.
    Off,
    /// In R2.
    Stored,
    /// Its first 2 KiB are in the log, because R2 failed.
    Inline,
}

/// An attempt's evidence.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct AttemptEvidence<'a> {
    state: EvidencePlace,
    /// Of the whole record, base64url without padding.
    sha256: Option<&'a str>,
}

impl<'a> AttemptEvidence<'a> {
    /// Where the evidence of an entry is.
    pub(crate) fn of(entry: &'a LogEntry) -> AttemptEvidence<'a> {
        let (state, sha256) = match &entry.evidence {
            None => (EvidencePlace::None, None),
            Some(EvidenceRef::Off) => (EvidencePlace::Off, None),
            Some(EvidenceRef::Stored { sha256, .. }) => (EvidencePlace::Stored, Some(sha256.as_str())),
            Some(EvidenceRef::Inline { sha256, .. }) => (EvidencePlace::Inline, Some(sha256.as_str())),
        };
        AttemptEvidence { state, sha256 }
    }
}

/// What is told of an attempt beside its evidence.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct AttemptFields<'a> {
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = crate::wire::schema::JOB_ID)))]
    job_id: &'a str,
    /// Its number, from 1.
    attempt: usize,
    state: AttemptState,
    /// `completion` if a call of `/complete` or `/fail` ended it; null if its own answer or the sweep did, or it runs.
    ended_by: Option<EndedBy>,
    started_at: Time,
    duration_ms: Option<i64>,
    /// When the next attempt is due.
    retry_at: Option<Time>,
    error: Option<&'a JobError>,
    request: Option<AttemptRequest>,
    response: Option<AttemptResponse>,
    /// The version of the consumer that ran it.
    version: Option<&'a str>,
}

impl<'a> AttemptFields<'a> {
    /// An entry of a job's log: from the log what is always there; from its evidence, if that could be read, the headers and
    /// sizes. Bodies are in the evidence alone.
    pub(crate) fn of(job_id: &'a str, number: usize, entry: &'a LogEntry, exchanged: Exchanged) -> AttemptFields<'a> {
        let retry_at = entry.retry_in_ms.map(|wait| Time(entry.started_at + entry.duration_ms.unwrap_or(0) + wait));
        let in_log = entry.status.map(|status| AttemptResponse {
            status,
            headers: None,
            body_bytes: None,
            truncated: None,
            body_error: None,
        });
        AttemptFields {
            job_id,
            attempt: number,
            state: entry.state.unwrap_or(AttemptState::Running),
            ended_by: entry.ended_by,
            started_at: Time(entry.started_at),
            duration_ms: entry.duration_ms,
            retry_at,
            error: entry.error.as_ref(),
            request: exchanged.request,
            response: exchanged.response.or(in_log),
            version: entry.version.as_deref(),
        }
    }
}

/// An attempt, an entry of its job's log.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Attempt<'a> {
    #[serde(flatten)]
    fields: AttemptFields<'a>,
    evidence: AttemptEvidence<'a>,
}

impl<'a> Attempt<'a> {
    /// An entry of a job's log with that number, from 1, and what could be read of its evidence.
    pub fn of(job_id: &'a str, number: usize, entry: &'a LogEntry, exchanged: Exchanged) -> Attempt<'a> {
        let fields = AttemptFields::of(job_id, number, entry, exchanged);
        Attempt { fields, evidence: AttemptEvidence::of(entry) }
    }
}
