//! Evidence: what was sent and received in one attempt, redacted before it is written, packed into one object per flush.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use ulid::Ulid;

use crate::limits::{EVIDENCE_INLINE_BYTES, RESPONSE_HEADER_BYTES_MAX, RESPONSE_HEADERS_MAX};
use crate::model::attempt::EvidenceRef;
use crate::model::outcome::JobError;
use crate::ports::{HttpRequest, HttpResponse};
use crate::security::keyring::Keyring;
use crate::security::redact::{Redaction, redact_url};
use crate::wire::idempotency::sha256;
use crate::wire::time::{date, rfc3339};

/// What crossed the wire in one attempt.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// The request as it left.
    pub request: HttpRequest,
    /// The response as far as it was read; `None` if there was none.
    pub response: Option<HttpResponse>,
}

/// A call as a record shows it: redacted, and with no more of its bodies than is kept.
#[derive(Debug, Clone)]
pub struct Wire {
    request: Value,
    response: Value,
}

/// What the digests of bodies are made with.
#[derive(Debug, Clone, Copy)]
pub enum Digests<'a> {
    /// SHA-256, which anybody can check; of a body with hidden parts an HMAC under a key of the tenant, or a hidden value that
    /// is one of few could be guessed.
    Of(&'a Keyring, &'a str),
    /// None: the bodies have the texts of other jobs.
    None,
}

/// What keyed digests are for.
const DIGEST_PURPOSE: &str = "evidence";

impl Digests<'_> {
    /// The plain and the keyed digest of a body, of which one is there at most.
    fn of(self, body: &[u8], is_whole: bool) -> (Option<String>, Option<String>) {
        match self {
            Digests::Of(..) if is_whole => (Some(sha256(body)), None),
            Digests::Of(keys, tenant) => (None, Some(keys.keyed_digest(DIGEST_PURPOSE, tenant, body))),
            Digests::None => (None, None),
        }
    }
}

/// What a record shows of an exchange, at most `body_bytes` of each body.
pub fn wire(exchange: &Exchange, redaction: &Redaction, body_bytes: usize, digests: Digests<'_>) -> Wire {
    let Exchange { request, response } = exchange;
    let mut shown = body_json(&request.body, redaction, body_bytes, digests);
    shown["method"] = json!(request.method);
    shown["url"] = json!(redact_url(&request.url));
    shown["headers"] = json!(redaction.redact_headers(&request.headers));
    let response = response.as_ref().map(|response| {
        let mut value = body_json(&response.body, redaction, body_bytes, digests);
        value["status"] = json!(response.status);
        let kept = kept_headers(&response.headers);
        value["headers"] = json!(redaction.redact_headers(kept));
        value["headers_truncated"] = json!(kept.len() < response.headers.len());
        value["truncated"] = json!(response.truncated || response.body.len() > body_bytes);
        value["body_error"] = json!(response.body_error);
        value
    });
    Wire { request: shown, response: json!(response) }
}

/// Which attempt a record is of.
#[derive(Debug, Clone)]
pub struct RecordHead<'a> {
    /// Whose job.
    pub tenant: &'a str,
    /// Which job.
    pub job_id: &'a str,
    /// Its number.
    pub attempt: u32,
    /// When the request left, in ms by the worker's clock.
    pub sent_at: i64,
    /// How long it took.
    pub duration_ms: i64,
    /// The version of the worker.
    pub version: &'a str,
}

/// One attempt's record as one line of JSON: the last call that it made, and those before it, if there were any.
pub fn record(head: &RecordHead<'_>, calls: &[&Wire], error: Option<&JobError>) -> Vec<u8> {
    let last = calls.last();
    let mut value = json!({
        "v": 1, "tenant": head.tenant, "job_id": head.job_id, "attempt": head.attempt,
        "sent_at": rfc3339(head.sent_at), "duration_ms": head.duration_ms, "version": head.version,
        "error": error, "request": last.map(|wire| &wire.request), "response": last.map(|wire| &wire.response),
    });
    if let [earlier @ .., _] = calls
        && !earlier.is_empty()
    {
        let shown = |wire: &&Wire| json!({"request": wire.request, "response": wire.response});
        value["earlier"] = earlier.iter().map(shown).collect();
    }
    let mut line = value.to_string().into_bytes();
    line.push(b'\n');
    line
}

/// The first headers of a response, as many as are kept.
fn kept_headers(headers: &[(String, String)]) -> &[(String, String)] {
    let mut bytes = 0;
    let fits = |(name, value): &&(String, String)| {
        bytes += name.len() + value.len();
        bytes <= RESPONSE_HEADER_BYTES_MAX
    };
    let count = headers.iter().take(RESPONSE_HEADERS_MAX).take_while(fits).count();
    &headers[..count]
}

/// A body as text if it is UTF-8, else as base64; its true length and digest are beside it.
fn body_json(body: &[u8], redaction: &Redaction, body_bytes: usize, digests: Digests<'_>) -> Value {
    let redacted = redaction.redact_body(body);
    let (plain, keyed) = digests.of(body, *redacted == *body);
    let kept = &redacted[..redacted.len().min(body_bytes)];
    let (text, base64) = match std::str::from_utf8(kept) {
        Ok(text) => (Some(text.to_owned()), None),
        // A cut may fall inside a character: what is whole is still text.
        Err(error) if error.error_len().is_none() && kept.len() < redacted.len() => {
            (Some(String::from_utf8_lossy(&kept[..error.valid_up_to()]).into_owned()), None)
        }
        Err(_) => (None, Some(STANDARD.encode(kept))),
    };
    json!({
        "body": text, "body_base64": base64, "body_bytes": body.len(), "body_sha256": plain,
        "body_hmac_sha256": keyed, "body_truncated": redacted.len() > body_bytes,
    })
}

/// The key of a pack. The date is the one in the lease token, so the log entry tells the whole key.
pub fn pack_key(lease_token: &str, n: u32) -> String {
    let ms = Ulid::from_string(lease_token).map_or(0, |ulid| i64::try_from(ulid.timestamp_ms()).unwrap_or(0));
    format!("evidence/{}/{lease_token}-{n}", date(ms))
}

/// How the keys of all packs of a lease begin.
pub fn pack_prefix(lease_token: &str) -> String {
    let mut prefix = pack_key(lease_token, 0);
    prefix.pop();
    prefix
}

/// Overwrites a record with spaces, so that the offsets and the hashes of all others hold. Says whether anything was there.
pub fn overwrite_range(pack: &mut [u8], offset: u64, length: u64) -> bool {
    let at = |value: u64| usize::try_from(value).unwrap_or(usize::MAX).min(pack.len());
    let (from, to) = (at(offset), at(offset.saturating_add(length)));
    let mut was_there = false;
    for byte in pack.get_mut(from..to).into_iter().flatten().filter(|byte| !matches!(byte, b' ' | b'\n')) {
        (*byte, was_there) = (b' ', true);
    }
    was_there
}

/// Overwrites the records of these jobs of a tenant, wherever they are. Says whether there was one.
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

/// The records of one flush, one after the other.
#[derive(Debug, Default, Clone)]
pub struct Pack {
    /// The object's bytes.
    pub bytes: Vec<u8>,
}

impl Pack {
    /// Adds a record and says where it is.
    pub fn add(&mut self, n: u32, record: &[u8]) -> EvidenceRef {
        let offset = self.bytes.len() as u64;
        self.bytes.extend_from_slice(record);
        EvidenceRef::Stored { n, offset, length: record.len() as u64, sha256: sha256(record) }
    }
}

/// A record kept in the log entry because R2 failed.
pub fn inline(record: &[u8], reason: &str) -> EvidenceRef {
    let cut = &record[..record.len().min(EVIDENCE_INLINE_BYTES)];
    EvidenceRef::Inline {
        reason: reason.chars().take(200).collect(),
        record: String::from_utf8_lossy(cut).into_owned(),
        sha256: sha256(record),
    }
}

#[cfg(test)]
mod tests;
