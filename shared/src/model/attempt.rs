//! The attempt: one entry of a job's log. The claim begins it, the settlement completes it, and the API shows it.

use serde::{Deserialize, Serialize};

use crate::model::outcome::JobError;
use crate::wire::time::Time;

/// One attempt in a job's log. The claim writes `started_at` and `lease` before anything is sent. The settlement writes
/// the rest, or the sweep does, with the state `outcome_unknown`. If a completion ended the attempt, `status` and
/// `evidence` are added when its request is answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogEntry {
    /// Time of the claim, in ms by the database's clock.
    pub started_at: i64,
    /// Lease token under which it ran.
    pub lease: String,
    /// State of the ended attempt; `None` while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<AttemptState>,
    /// Actor that ended the attempt, if it was neither the attempt's own answer nor the sweep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_by: Option<EndedBy>,
    /// Duration of the attempt, in ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<i64>,
    /// HTTP status of the response, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Error of a failed attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<JobError>,
    /// Wait until the next attempt, in ms from the settlement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_in_ms: Option<i64>,
    /// Location of the evidence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<EvidenceRef>,
    /// Version of the consumer that ran it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// The measurements of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured {
    /// Duration of the attempt, in ms.
    pub duration_ms: i64,
    /// HTTP status of the response, if there was one.
    pub status: Option<u16>,
    /// Version of the consumer that ran it.
    pub version: String,
    /// Body of the answer of a failed attempt, redacted, if there was one.
    pub answer: Option<Vec<u8>>,
}

/// State of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum AttemptState {
    /// The attempt has not ended.
    Running,
    /// The destination accepted the request.
    Succeeded,
    /// The destination did not accept the request, or nothing could be sent.
    Failed,
    /// The handler accepted the task and reports its end later with a completion.
    Deferred,
    /// The Worker stopped before it recorded an outcome; the request may have been received.
    OutcomeUnknown,
}

/// Actor that ended an attempt, if it was neither the attempt's own answer nor the sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum EndedBy {
    /// A call of `/complete` or `/fail`.
    Completion,
}

/// Location of an attempt's evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum EvidenceRef {
    /// A byte range of the pack `evidence/{date}/{lease}-{n}`.
    Stored {
        /// Number of the pack under this lease, from 0.
        n: u32,
        /// Offset of the first byte.
        offset: u64,
        /// Number of bytes.
        length: u64,
        /// SHA-256 of those bytes, base64url.
        sha256: String,
    },
    /// R2 failed: the first bytes of the record are stored here permanently.
    Inline {
        /// Reason why the record is not in R2.
        reason: String,
        /// The record, truncated to 2 KiB.
        record: String,
        /// SHA-256 of the whole record, base64url.
        sha256: String,
    },
    /// The endpoint's evidence policy excludes this attempt.
    Off,
}

/// Request of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct AttemptRequest {
    pub(crate) method: String,
    /// The URL, with secrets redacted.
    pub(crate) url: String,
    #[cfg_attr(feature = "openapi", schemars(with = "Vec<crate::wire::schema::Header>"))]
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body_bytes: usize,
}

/// Response of an attempt. Only its status is known if the evidence could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct AttemptResponse {
    status: u16,
    #[cfg_attr(feature = "openapi", schemars(with = "Option<Vec<crate::wire::schema::Header>>"))]
    headers: Option<Vec<(String, String)>>,
    body_bytes: Option<u64>,
    /// True if the body was longer than the part that was read.
    truncated: Option<bool>,
    /// Reason why the body was interrupted. The status still decides the outcome, unless the timeout passed.
    body_error: Option<String>,
}

/// Request and response of an attempt, as a list of attempts shows them.
#[derive(Debug, Default, Deserialize)]
pub struct Exchanged {
    request: Option<AttemptRequest>,
    response: Option<AttemptResponse>,
}

/// Location of an attempt's evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum EvidencePlace {
    /// No evidence yet, or it could not be written.
    None,
    /// The endpoint's evidence policy excludes this attempt.
    Off,
    /// The record is in R2.
    Stored,
    /// The first 2 KiB of the record are in the log, because R2 failed.
    Inline,
}

/// Evidence of an attempt.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct AttemptEvidence<'a> {
    state: EvidencePlace,
    /// SHA-256 of the whole record, base64url without padding.
    sha256: Option<&'a str>,
}

impl<'a> AttemptEvidence<'a> {
    /// Returns the location of an entry's evidence.
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

/// Fields of an attempt, without its evidence.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct AttemptFields<'a> {
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = crate::wire::schema::JOB_ID)))]
    job_id: &'a str,
    /// Number of the attempt, from 1.
    attempt: usize,
    state: AttemptState,
    /// `completion` if a call of `/complete` or `/fail` ended it; null if its own answer or the sweep did, or it runs.
    ended_by: Option<EndedBy>,
    started_at: Time,
    duration_ms: Option<i64>,
    /// Time at which the next attempt is due.
    retry_at: Option<Time>,
    error: Option<&'a JobError>,
    request: Option<AttemptRequest>,
    response: Option<AttemptResponse>,
    /// Version of the consumer that ran it.
    version: Option<&'a str>,
}

impl<'a> AttemptFields<'a> {
    /// Creates the fields from an entry of a job's log, and from its evidence if it could be read: the request, and the
    /// headers and sizes of the response. Bodies are only in the evidence itself.
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

/// An attempt, which is an entry of its job's log.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Attempt<'a> {
    #[serde(flatten)]
    fields: AttemptFields<'a>,
    evidence: AttemptEvidence<'a>,
}

impl<'a> Attempt<'a> {
    /// Creates the attempt from entry `number` (from 1) of a job's log, and from what could be read of its evidence.
    pub fn of(job_id: &'a str, number: usize, entry: &'a LogEntry, exchanged: Exchanged) -> Attempt<'a> {
        let fields = AttemptFields::of(job_id, number, entry, exchanged);
        Attempt { fields, evidence: AttemptEvidence::of(entry) }
    }
}
