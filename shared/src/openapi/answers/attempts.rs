//! The shapes of attempts and of their evidence.
#![allow(dead_code, reason = "only the schemas are used")]
#![allow(clippy::struct_field_names, reason = "fields are named as they are written")]

use schemars::JsonSchema;

use crate::model::attempt::{AttemptState, EndedBy};
use crate::model::outcome::JobError;
use crate::wire::schema::JOB_ID;
use crate::wire::time::Time;

/// How an attempt is.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum AttemptStateShown {
    Ended(AttemptState),
    Running(#[schemars(extend("const" = "running"))] String),
}

/// Name and value, in the order of the wire.
type Header = [String; 2];

/// The request of an attempt.
#[derive(JsonSchema)]
struct AttemptRequest {
    method: String,
    /// With secrets redacted.
    url: String,
    headers: Vec<Header>,
    body_bytes: u64,
}

/// The response of an attempt; only its status is known where the evidence could not be read.
#[derive(JsonSchema)]
struct AttemptResponse {
    status: u16,
    headers: Option<Vec<Header>>,
    body_bytes: Option<u64>,
    /// Whether more came than was read.
    truncated: Option<bool>,
    /// Why the body ended before its end; the status and the headers decided all the same.
    body_error: Option<String>,
}

/// Where an attempt's evidence is.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum EvidencePlace {
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
#[derive(JsonSchema)]
pub(super) struct AttemptEvidence {
    state: EvidencePlace,
    /// Of the whole record, base64url without padding.
    sha256: Option<String>,
}

/// An attempt, an entry of its job's log.
#[derive(JsonSchema)]
pub(in crate::openapi) struct Attempt {
    #[schemars(flatten)]
    of: AttemptFields,
    evidence: AttemptEvidence,
}

/// What is told of an attempt beside its evidence.
#[derive(JsonSchema)]
pub(super) struct AttemptFields {
    #[schemars(regex(pattern = JOB_ID))]
    job_id: String,
    /// Its number, from 1.
    attempt: u32,
    state: AttemptStateShown,
    /// `completion` if a call of `/complete` or `/fail` ended it; null if its own answer or the sweep did, or it runs.
    ended_by: Option<EndedBy>,
    started_at: Time,
    duration_ms: Option<i64>,
    request: Option<AttemptRequest>,
    response: Option<AttemptResponse>,
    error: Option<JobError>,
    /// When the next attempt is due.
    retry_at: Option<Time>,
    /// The version of the consumer that ran it.
    version: Option<String>,
}

/// A body: text if it is UTF-8, else base64.
#[derive(JsonSchema)]
struct EvidenceBody {
    body: Option<String>,
    body_base64: Option<String>,
    /// Its whole length.
    body_bytes: u64,
    /// Of the whole body, base64url without padding; null where a part of it is hidden or it had the texts of other jobs.
    body_sha256: Option<String>,
    /// Where a part of the body is hidden: the id of the master key, a dot, and HMAC-SHA256 of the whole body under a key of
    /// the tenant, base64url without padding. Equal bodies have equal ones until the key is rotated.
    body_hmac_sha256: Option<String>,
    /// Whether more of it was there than is kept.
    body_truncated: bool,
}

#[derive(JsonSchema)]
struct EvidenceRequest {
    method: String,
    url: String,
    headers: Vec<Header>,
    #[schemars(flatten)]
    body: EvidenceBody,
}

#[derive(JsonSchema)]
struct EvidenceResponse {
    status: u16,
    headers: Vec<Header>,
    /// Whether more headers came than are kept.
    headers_truncated: bool,
    /// Whether more of the body came than was read or is kept.
    truncated: bool,
    /// Why the body ended before its end: it broke off, could not be decompressed, or the deadline passed.
    body_error: Option<String>,
    #[schemars(flatten)]
    body: EvidenceBody,
}

/// What crossed the wire, redacted.
#[derive(JsonSchema)]
pub(in crate::openapi) struct EvidenceRecord {
    /// The version of this form.
    #[schemars(extend("const" = 1))]
    v: u32,
    tenant: String,
    job_id: String,
    attempt: u32,
    sent_at: Time,
    duration_ms: i64,
    version: String,
    error: Option<JobError>,
    /// Null if nothing could be sent.
    request: Option<EvidenceRequest>,
    /// Null if nothing came back.
    response: Option<EvidenceResponse>,
    /// The calls before the last one, where an attempt made several.
    #[schemars(skip_serializing_if = "Vec::is_empty")]
    earlier: Vec<EvidenceCall>,
}

/// A call before the last one. Those of embeddings have no bodies: they had the texts of other jobs.
#[derive(JsonSchema)]
struct EvidenceCall {
    request: EvidenceRequest,
    response: Option<EvidenceResponse>,
}

/// The first bytes of a record that R2 did not take.
#[derive(JsonSchema)]
pub(in crate::openapi) struct InlineEvidence {
    #[schemars(extend("const" = true))]
    inline: bool,
    /// Why it is not in R2.
    reason: String,
    /// The first 2 KiB of the record as text.
    record: String,
}

/// The evidence of one attempt.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub(in crate::openapi) enum Evidence {
    Record(Box<EvidenceRecord>),
    Inline(InlineEvidence),
}
