//! Evidence: the request and response of one attempt, redacted before they are written, and packed into one object per
//! flush.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use ulid::Ulid;

use crate::limits::{EVIDENCE_INLINE_BYTES, RESPONSE_HEADER_BYTES_MAX, RESPONSE_HEADERS_MAX};
use crate::model::attempt::{AttemptRequest, EvidenceRef, Exchanged};
use crate::model::outcome::JobError;
use crate::ports::{HttpRequest, HttpResponse};
use crate::security::keyring::Keyring;
use crate::security::redact::{Redaction, redact_url};
use crate::wire::idempotency::sha256;
use crate::wire::json_error::describe;
use crate::wire::time::{Time, date};

/// Request and response of one attempt.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// The request as it was sent.
    pub request: HttpRequest,
    /// The response as far as it was read; `None` if there was none.
    pub response: Option<HttpResponse>,
}

/// A body: text if it is UTF-8, otherwise base64.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
struct EvidenceBody {
    body: Option<String>,
    body_base64: Option<String>,
    /// True if the body was longer than the part that is stored.
    body_truncated: bool,
    /// SHA-256 of the whole body, base64url without padding; null if a part of it is redacted, or if it contains texts
    /// of other jobs.
    body_sha256: Option<String>,
    /// Keyed digest of a body with redacted parts: the id of the master key, a dot, and HMAC-SHA256 of the whole body
    /// under a key of the tenant, base64url without padding. Equal bodies have equal digests until the key is rotated.
    body_hmac_sha256: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
struct EvidenceRequest {
    #[serde(flatten)]
    request: AttemptRequest,
    #[serde(flatten)]
    body: EvidenceBody,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
struct EvidenceResponse {
    status: u16,
    #[cfg_attr(feature = "openapi", schemars(with = "Vec<crate::wire::schema::Header>"))]
    headers: Vec<(String, String)>,
    /// True if the response had more headers than are stored.
    headers_truncated: bool,
    /// Size in bytes of the body as far as it was read.
    body_bytes: usize,
    /// True if the body was longer than the part that was read or stored.
    truncated: bool,
    /// Reason why the body was interrupted: the connection broke, it could not be decompressed, or the deadline passed.
    body_error: Option<String>,
    #[serde(flatten)]
    body: EvidenceBody,
}

/// A call in a record: redacted, with truncated bodies. Calls to embedding providers before the last one have no
/// bodies, because they contain texts of other jobs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "EvidenceCall"))]
pub struct Wire {
    request: EvidenceRequest,
    response: Option<EvidenceResponse>,
}

/// Request and response of one attempt, redacted.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct EvidenceRecord<'a> {
    /// Version of the record format.
    #[cfg_attr(feature = "openapi", schemars(extend("const" = 1)))]
    v: u32,
    tenant: &'a str,
    job_id: &'a str,
    attempt: u32,
    sent_at: Time,
    duration_ms: i64,
    version: &'a str,
    error: Option<&'a JobError>,
    /// Request; null if nothing could be sent.
    request: Option<&'a EvidenceRequest>,
    /// Response; null if there was none.
    response: Option<&'a EvidenceResponse>,
    /// Calls before the last one, if the attempt made several.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    earlier: &'a [&'a Wire],
}

/// First bytes of a record that could not be written to R2.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct InlineEvidence<'a> {
    #[cfg_attr(feature = "openapi", schemars(extend("const" = true)))]
    inline: bool,
    /// Reason why the record is not in R2.
    reason: &'a str,
    /// The first 2 KiB of the record, as text.
    record: &'a str,
}

impl<'a> InlineEvidence<'a> {
    /// Creates the evidence from the reason and the stored part of the record.
    pub(crate) fn new(reason: &'a str, record: &'a str) -> InlineEvidence<'a> {
        InlineEvidence { inline: true, reason, record }
    }
}

/// Evidence of one attempt.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Evidence<'a> {
    /// The whole record.
    Record(#[cfg_attr(feature = "openapi", schemars(with = "EvidenceRecord<'a>"))] Box<RawValue>),
    /// The beginning of a record, because R2 failed.
    Inline(InlineEvidence<'a>),
}

impl Evidence<'_> {
    /// Returns the parts that a list of attempts shows.
    pub fn exchanged(&self) -> Exchanged {
        match self {
            Evidence::Inline(_) => Exchanged::default(),
            Evidence::Record(record) => serde_json::from_str(record.get()).unwrap_or_else(|error| {
                tracing::error!(error = describe(&error), "evidence_unreadable");
                Exchanged::default()
            }),
        }
    }
}

/// Kind of digest for bodies.
#[derive(Debug, Clone, Copy)]
pub enum Digests<'a> {
    /// SHA-256, which anyone can verify. A body with redacted parts gets an HMAC under a key of the tenant instead:
    /// from a plain digest, a redacted value with few possibilities could be guessed.
    Of(&'a Keyring, &'a str),
    /// None: the bodies contain texts of other jobs.
    None,
}

/// Purpose of keyed digests, from which their key is derived.
const DIGEST_PURPOSE: &str = "evidence";

impl Digests<'_> {
    /// Returns the plain and the keyed digest of a body; at most one is present.
    fn of(self, body: &[u8], is_whole: bool) -> (Option<String>, Option<String>) {
        match self {
            Digests::Of(..) if is_whole => (Some(sha256(body)), None),
            Digests::Of(keys, tenant) => (None, Some(keys.keyed_digest(DIGEST_PURPOSE, tenant, body))),
            Digests::None => (None, None),
        }
    }
}

/// Builds the redacted call of an exchange, with at most `body_bytes` of each body.
pub fn wire(exchange: &Exchange, redaction: &Redaction, body_bytes: usize, digests: Digests<'_>) -> Wire {
    let Exchange { request, response } = exchange;
    let response = response.as_ref().map(|response| {
        let kept = kept_headers(&response.headers);
        EvidenceResponse {
            status: response.status,
            headers: redaction.redact_headers(kept),
            headers_truncated: kept.len() < response.headers.len(),
            body_bytes: response.body.len(),
            truncated: response.truncated || response.body.len() > body_bytes,
            body_error: response.body_error.clone(),
            body: body_of(&response.body, redaction, body_bytes, digests),
        }
    });
    let body = body_of(&request.body, redaction, body_bytes, digests);
    let request = AttemptRequest {
        method: request.method.clone(),
        url: redact_url(&request.url),
        headers: redaction.redact_headers(&request.headers),
        body_bytes: request.body.len(),
    };
    Wire { request: EvidenceRequest { request, body }, response }
}

/// Attempt that a record belongs to.
#[derive(Debug, Clone)]
pub struct RecordHead<'a> {
    /// Tenant of the job.
    pub tenant: &'a str,
    /// Id of the job.
    pub job_id: &'a str,
    /// Number of the attempt, from 1.
    pub attempt: u32,
    /// Start of the attempt, in ms by the Worker's clock.
    pub sent_at: i64,
    /// Duration of the attempt, in ms.
    pub duration_ms: i64,
    /// Version of the Worker.
    pub version: &'a str,
}

/// Builds an attempt's record as one line of JSON: its last call, and the calls before it if there were any.
pub fn record(head: &RecordHead<'_>, calls: &[&Wire], error: Option<&JobError>) -> Vec<u8> {
    let (last, earlier) = calls.split_last().map_or((None, [].as_slice()), |(last, earlier)| (Some(*last), earlier));
    let record = EvidenceRecord {
        v: 1,
        tenant: head.tenant,
        job_id: head.job_id,
        attempt: head.attempt,
        sent_at: Time(head.sent_at),
        duration_ms: head.duration_ms,
        version: head.version,
        error,
        request: last.map(|wire| &wire.request),
        response: last.and_then(|wire| wire.response.as_ref()),
        earlier,
    };
    // All member names are texts, so serialising cannot fail.
    let mut line = serde_json::to_vec(&record).unwrap_or_default();
    line.push(b'\n');
    line
}

/// Returns the first headers of a response, up to the limits.
fn kept_headers(headers: &[(String, String)]) -> &[(String, String)] {
    let mut bytes = 0;
    let fits = |(name, value): &&(String, String)| {
        bytes += name.len() + value.len();
        bytes <= RESPONSE_HEADER_BYTES_MAX
    };
    let count = headers.iter().take(RESPONSE_HEADERS_MAX).take_while(fits).count();
    &headers[..count]
}

/// Builds the stored form of a body: text if it is UTF-8, otherwise base64, with its digest.
fn body_of(body: &[u8], redaction: &Redaction, body_bytes: usize, digests: Digests<'_>) -> EvidenceBody {
    let redacted = redaction.redact_body(body);
    let (plain, keyed) = digests.of(body, *redacted == *body);
    let kept = &redacted[..redacted.len().min(body_bytes)];
    let (text, base64) = match std::str::from_utf8(kept) {
        Ok(text) => (Some(text.to_owned()), None),
        // Truncation may split a character: the whole characters before it are still text.
        Err(error) if error.error_len().is_none() && kept.len() < redacted.len() => {
            (Some(String::from_utf8_lossy(&kept[..error.valid_up_to()]).into_owned()), None)
        }
        Err(_) => (None, Some(STANDARD.encode(kept))),
    };
    EvidenceBody {
        body: text,
        body_base64: base64,
        body_truncated: redacted.len() > body_bytes,
        body_sha256: plain,
        body_hmac_sha256: keyed,
    }
}

/// Returns the key of a pack. The date is that of the lease token, so the log entry determines the whole key.
pub fn pack_key(lease_token: &str, n: u32) -> String {
    let ms = Ulid::from_string(lease_token).map_or(0, |ulid| i64::try_from(ulid.timestamp_ms()).unwrap_or(0));
    format!("evidence/{}/{lease_token}-{n}", date(ms))
}

/// Returns the common prefix of the keys of all packs of a lease.
pub fn pack_prefix(lease_token: &str) -> String {
    let mut prefix = pack_key(lease_token, 0);
    prefix.pop();
    prefix
}

/// Overwrites a record with spaces, so that the offsets and hashes of all other records stay valid. Returns true if it
/// was not blank already.
pub fn overwrite_range(pack: &mut [u8], offset: u64, length: u64) -> bool {
    let at = |value: u64| usize::try_from(value).unwrap_or(usize::MAX).min(pack.len());
    let (from, to) = (at(offset), at(offset.saturating_add(length)));
    let mut was_there = false;
    for byte in pack.get_mut(from..to).into_iter().flatten().filter(|byte| !matches!(byte, b' ' | b'\n')) {
        (*byte, was_there) = (b' ', true);
    }
    was_there
}

/// Overwrites the records of these jobs of a tenant at any place in the pack. Returns true if there was one.
pub fn overwrite_lines(pack: &mut [u8], tenant: &str, jobs: &BTreeSet<String>) -> bool {
    #[derive(Deserialize)]
    struct Head {
        tenant: String,
        job_id: String,
    }
    let is_theirs = |line: &[u8]| {
        let head = serde_json::from_slice::<Head>(line);
        head.is_ok_and(|head| head.tenant == tenant && jobs.contains(&head.job_id))
    };
    let theirs = pack.split_mut(|byte| *byte == b'\n').filter(|line| is_theirs(line));
    theirs.fold(0, |count, line| {
        line.fill(b' ');
        count + 1
    }) > 0
}

/// Records of one flush, one after the other.
#[derive(Debug, Default, Clone)]
pub struct Pack {
    /// Bytes of the object.
    pub bytes: Vec<u8>,
}

impl Pack {
    /// Adds a record and returns its location.
    pub fn add(&mut self, n: u32, record: &[u8]) -> EvidenceRef {
        let offset = self.bytes.len() as u64;
        self.bytes.extend_from_slice(record);
        EvidenceRef::Stored { n, offset, length: record.len() as u64, sha256: sha256(record) }
    }
}

/// Creates the location of a record that is kept in the log entry because R2 failed.
pub fn inline(record: &[u8], reason: &str) -> EvidenceRef {
    let truncated = &record[..record.len().min(EVIDENCE_INLINE_BYTES)];
    EvidenceRef::Inline {
        reason: reason.chars().take(200).collect(),
        record: String::from_utf8_lossy(truncated).into_owned(),
        sha256: sha256(record),
    }
}

#[cfg(test)]
mod tests;
