//! Evidence: what was sent and received in one attempt, redacted before it is written, packed into one object per flush.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use ulid::Ulid;

use crate::attempt::EvidenceRef;
use crate::limits::{EVIDENCE_INLINE_BYTES, RESPONSE_HEADER_BYTES_MAX, RESPONSE_HEADERS_MAX};
use crate::outcome::JobError;
use crate::ports::{HttpRequest, HttpResponse};
use crate::redact::{Redaction, redact_url};
use crate::time::{date, rfc3339};

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

/// What a record shows of an exchange, at most `body_bytes` of each body.
pub fn wire(exchange: &Exchange, redaction: &Redaction, body_bytes: usize) -> Wire {
    let Exchange { request, response } = exchange;
    let mut shown = body_json(&request.body, redaction, body_bytes);
    shown["method"] = json!(request.method);
    shown["url"] = json!(redact_url(&request.url));
    shown["headers"] = json!(redaction.redact_headers(&request.headers));
    let response = response.as_ref().map(|response| {
        let mut value = body_json(&response.body, redaction, body_bytes);
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
fn body_json(body: &[u8], redaction: &Redaction, body_bytes: usize) -> Value {
    let redacted = redaction.redact_body(body);
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
        "body": text, "body_base64": base64, "body_bytes": body.len(), "body_sha256": sha256(body),
        "body_truncated": redacted.len() > body_bytes,
    })
}

/// SHA-256, base64url without padding: 43 characters.
pub fn sha256(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(bytes))
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
mod tests {
    use super::*;
    use std::time::Duration;

    fn exchange(body: &[u8]) -> Exchange {
        let request = HttpRequest {
            method: "POST".into(),
            url: "https://example.com/hook?token=abc".into(),
            service: None,
            headers: vec![("authorization".into(), "Bearer hush".into()), ("x-plain".into(), "seen".into())],
            body: body.to_vec(),
            timeout: Duration::from_secs(1),
            response_bytes_max: 100,
        };
        let response = HttpResponse {
            status: 500,
            headers: vec![("set-cookie".into(), "hush".into())],
            body: b"\xff\xfe".to_vec(),
            truncated: false,
            body_error: None,
        };
        Exchange { request, response: Some(response) }
    }

    fn head() -> RecordHead<'static> {
        RecordHead { tenant: "acme", job_id: "job_1", attempt: 2, sent_at: 0, duration_ms: 3, version: "0" }
    }

    #[test]
    fn a_record_holds_everything_but_secrets() {
        let line = record(&head(), &[&wire(&exchange(b"{\"a\":1}"), &Redaction::default(), 1_000)], None);
        let text = String::from_utf8(line).unwrap();
        assert!(text.ends_with('\n') && !text.contains("hush") && text.contains("seen"));
        assert!(!text.contains("token=abc"));
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["request"]["body"], "{\"a\":1}");
        assert_eq!(value["response"]["body_base64"], "//4=");
        assert_eq!(value["request"]["body_sha256"], sha256(b"{\"a\":1}"));
    }

    #[test]
    fn a_long_body_is_cut_between_characters_and_its_digest_is_of_the_whole() {
        let body = "ä".repeat(50);
        let line = record(&head(), &[&wire(&exchange(body.as_bytes()), &Redaction::default(), 51)], None);
        let value: Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(value["request"]["body"], "ä".repeat(25));
        assert_eq!(value["request"]["body_truncated"], true);
        assert_eq!(value["request"]["body_bytes"], 100);
        assert_eq!(value["request"]["body_sha256"], sha256(body.as_bytes()));
    }

    #[test]
    fn calls_before_the_last_are_shown_if_there_were_any() {
        let [first, last] = [b"first", b"final"].map(|body| wire(&exchange(body), &Redaction::default(), 1_000));
        let shown = |calls: &[&Wire]| serde_json::from_slice::<Value>(&record(&head(), calls, None)).unwrap();
        let alone = shown(&[&last]);
        assert_eq!((&alone["request"]["body"], alone.get("earlier")), (&json!("final"), None));
        let both = shown(&[&first, &last]);
        assert_eq!((&both["request"], &both["response"]), (&alone["request"], &alone["response"]));
        assert_eq!(both["earlier"], json!([{"request": first.request, "response": first.response}]));
        assert_eq!(shown(&[])["request"], Value::Null);
    }

    /// The example of FIPS 180-2, appendix B.1.
    #[test]
    fn a_digest_is_that_of_the_standard() {
        assert_eq!(sha256(b"abc"), "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0");
    }

    #[test]
    fn headers_beyond_the_cap_are_not_kept() {
        let kept = |count: usize, bytes: usize| {
            let mut exchange = exchange(b"");
            exchange.response.as_mut().unwrap().headers = vec![("x".to_owned(), "v".repeat(bytes - 1)); count];
            let line = record(&head(), &[&wire(&exchange, &Redaction::default(), 1_000)], None);
            let value: Value = serde_json::from_slice(&line).unwrap();
            let response = &value["response"];
            (response["headers"].as_array().unwrap().len(), response["headers_truncated"].as_bool().unwrap())
        };
        assert_eq!(kept(RESPONSE_HEADERS_MAX, 10), (RESPONSE_HEADERS_MAX, false));
        assert_eq!(kept(100_000, 10), (RESPONSE_HEADERS_MAX, true));
        assert_eq!(kept(1, RESPONSE_HEADER_BYTES_MAX), (1, false));
        assert_eq!(kept(2, RESPONSE_HEADER_BYTES_MAX), (1, true));
        assert_eq!(kept(1, RESPONSE_HEADER_BYTES_MAX + 1), (0, true));
    }

    #[test]
    fn a_pack_says_where_each_record_is() {
        let mut pack = Pack::default();
        let places = [pack.add(3, b"first\n"), pack.add(3, b"second\n")];
        for (place, expected) in places.iter().zip(["first\n", "second\n"]) {
            let EvidenceRef::Stored { n: 3, offset, length, sha256: digest } = place else { panic!("stored") };
            let range = usize::try_from(*offset).unwrap()..usize::try_from(offset + length).unwrap();
            assert_eq!(&pack.bytes[range], expected.as_bytes());
            assert_eq!(*digest, sha256(expected.as_bytes()));
        }
    }

    #[test]
    fn what_is_cut_says_so() {
        let cut = |body: &[u8], kept: usize| {
            let line = record(&head(), &[&wire(&exchange(body), &Redaction::default(), kept)], None);
            let value: Value = serde_json::from_slice(&line).unwrap();
            let [request, response] = ["request", "response"].map(|part| value[part].clone());
            (request["body_truncated"] == true, response["truncated"] == true, request["body"].clone())
        };
        assert_eq!(cut(b"abc", 3), (false, false, json!("abc")), "the response has two bytes");
        assert_eq!(cut(b"abc", 2), (true, false, json!("ab")));
        assert_eq!(cut(b"abc", 1), (true, true, json!("a")));
        assert_eq!(cut(b"a\xffbc", 3), (true, false, Value::Null), "what is no text is not cut into one");
        assert_eq!(cut(b"a\xc3", 2), (false, false, Value::Null), "what ends inside a character was so");
        let mut broken = exchange(b"");
        broken.response.iter_mut().for_each(|response| response.body_error = Some("Network connection lost.".into()));
        let line = record(&head(), &[&wire(&broken, &Redaction::default(), 1_000)], None);
        let response = serde_json::from_slice::<Value>(&line).unwrap()["response"].clone();
        let expected = (&json!("Network connection lost."), &json!(2), &json!(false));
        assert_eq!((&response["body_error"], &response["body_bytes"], &response["truncated"]), expected);
        let mut more = exchange(b"");
        more.response.iter_mut().for_each(|response| response.truncated = true);
        let line = record(&head(), &[&wire(&more, &Redaction::default(), 1_000)], None);
        assert_eq!(serde_json::from_slice::<Value>(&line).unwrap()["response"]["truncated"], true);
    }

    #[test]
    fn inline_evidence_is_cut_and_keeps_the_digest_of_all() {
        let long = vec![b'x'; EVIDENCE_INLINE_BYTES + 1];
        let EvidenceRef::Inline { reason, record, sha256: digest } = inline(&long, &"r".repeat(300)) else {
            panic!("inline")
        };
        assert_eq!((reason.len(), record.len()), (200, EVIDENCE_INLINE_BYTES));
        assert_eq!(digest, sha256(&long));
    }

    #[test]
    fn overwriting_leaves_all_others_as_they_were() {
        let line =
            |tenant: &str, job: &str| format!("{{\"job_id\":\"{job}\",\"request\":{{}},\"tenant\":\"{tenant}\"}}\n");
        let lines = [line("acme", "job_1"), line("bolt", "job_1"), line("acme", "job_2"), "no json\n".to_owned()];
        let pack = lines.concat().into_bytes();
        let blank = |line: &str| " ".repeat(line.len() - 1) + "\n";
        let mut first = pack.clone();
        assert!(overwrite_lines(&mut first, "acme", &BTreeSet::from(["job_1".to_owned()])));
        assert_eq!(String::from_utf8_lossy(&first), blank(&lines[0]) + &lines[1..].concat());
        assert!(!overwrite_lines(&mut first, "acme", &BTreeSet::from(["job_1".to_owned()])), "nothing is left of it");
        let mut second = pack.clone();
        let (offset, length) = (lines[0].len() as u64, lines[1].len() as u64);
        assert!(overwrite_range(&mut second, offset, length) && !overwrite_range(&mut second, offset, length));
        assert_eq!(String::from_utf8_lossy(&second), lines[0].clone() + &blank(&lines[1]) + &lines[2..].concat());
        for (offset, length) in [(0, u64::MAX), (pack.len() as u64, 1), (u64::MAX, u64::MAX)] {
            let mut beyond = pack.clone();
            assert_eq!(overwrite_range(&mut beyond, offset, length), offset == 0);
            assert_eq!(beyond.len(), pack.len());
        }
    }

    #[test]
    fn the_key_is_told_by_the_token() {
        let token = crate::job::mint_ulid(1_762_070_400_123, 5);
        assert_eq!(pack_key(&token, 7), format!("evidence/2025-11-02/{token}-7"));
        assert_eq!(pack_prefix(&token), format!("evidence/2025-11-02/{token}-"));
    }
}
