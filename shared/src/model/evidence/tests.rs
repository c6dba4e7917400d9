//! Tests of evidence: the content of a record, its redaction, and its location in a pack.

use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::security::signing::MasterKey;

fn exchange(body: &[u8]) -> Exchange {
    let request = HttpRequest {
        method: "POST".into(),
        url: "https://example.com/hook?token=abc".into(),
        service: None,
        headers: vec![("authorization".into(), "Bearer hush".into()), ("x-plain".into(), "seen".into())],
        body: body.to_vec().into(),
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

static KEYS: LazyLock<Keyring> = LazyLock::new(|| keys("a"));

fn keys(digit: &str) -> Keyring {
    Keyring::of(MasterKey::parse(&digit.repeat(64)).unwrap())
}

fn plain() -> Digests<'static> {
    Digests::Of(&KEYS, "acme")
}

fn head() -> RecordHead<'static> {
    RecordHead { tenant: "acme", job_id: "job_1", attempt: 2, sent_at: 0, duration_ms: 3, version: "0" }
}

#[test]
fn a_record_holds_everything_but_secrets() {
    let line = record(&head(), &[&wire(&exchange(b"{\"a\":1}"), &Redaction::default(), 1_000, plain())], None);
    let text = String::from_utf8(line).unwrap();
    assert!(text.ends_with('\n') && !text.contains("hush") && text.contains("seen"));
    assert!(!text.contains("token=abc"));
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["request"]["body"], "{\"a\":1}");
    assert_eq!(value["response"]["body_base64"], "//4=");
    assert_eq!(value["request"]["body_sha256"], sha256(b"{\"a\":1}"));
}

/// A redacted value with few possibilities must not be revealed by a digest that anyone can compute.
#[test]
fn a_body_with_hidden_parts_has_a_digest_that_needs_the_key() {
    let body = br#"{"pin":"1234","order":7}"#;
    let hiding = Redaction { body_pointers: vec!["/pin".to_owned()], ..Redaction::default() };
    let digests = |redaction: &Redaction, digests: Digests<'_>| {
        let line = record(&head(), &[&wire(&exchange(body), redaction, 1_000, digests)], None);
        assert!(redaction.body_pointers.is_empty() || !String::from_utf8_lossy(&line).contains(&sha256(body)));
        let value: Value = serde_json::from_slice(&line).unwrap();
        (value["request"]["body_sha256"].clone(), value["request"]["body_hmac_sha256"].clone())
    };
    assert_eq!(digests(&Redaction::default(), plain()), (json!(sha256(body)), Value::Null));
    let (none, keyed) = digests(&hiding, plain());
    assert_eq!((none, keyed.clone()), (Value::Null, json!(KEYS.keyed_digest("evidence", "acme", body))));
    for other in [Digests::Of(&KEYS, "other"), Digests::Of(&keys("b"), "acme")] {
        assert_ne!(digests(&hiding, other).1, keyed);
    }
    // A body that cannot be searched is redacted as a whole.
    let whole = Redaction { body_pointers: vec![String::new()], ..Redaction::default() };
    assert_eq!(digests(&whole, plain()), (Value::Null, keyed));
    assert_eq!(digests(&Redaction::default(), Digests::None), (Value::Null, Value::Null));
}

#[test]
fn a_long_body_is_truncated_between_characters_and_its_digest_is_of_the_whole() {
    let body = "ä".repeat(50);
    let line = record(&head(), &[&wire(&exchange(body.as_bytes()), &Redaction::default(), 51, plain())], None);
    let value: Value = serde_json::from_slice(&line).unwrap();
    assert_eq!(value["request"]["body"], "ä".repeat(25));
    assert_eq!(value["request"]["body_truncated"], true);
    assert_eq!(value["request"]["body_bytes"], 100);
    assert_eq!(value["request"]["body_sha256"], sha256(body.as_bytes()));
}

#[test]
fn calls_before_the_last_are_shown_if_there_were_any() {
    let [first, last] = [b"first", b"final"].map(|body| wire(&exchange(body), &Redaction::default(), 1_000, plain()));
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
        let line = record(&head(), &[&wire(&exchange, &Redaction::default(), 1_000, plain())], None);
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
fn a_pack_returns_the_location_of_each_record() {
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
fn truncation_is_reported() {
    let truncated = |body: &[u8], kept: usize| {
        let line = record(&head(), &[&wire(&exchange(body), &Redaction::default(), kept, plain())], None);
        let value: Value = serde_json::from_slice(&line).unwrap();
        let [request, response] = ["request", "response"].map(|part| value[part].clone());
        (request["body_truncated"] == true, response["truncated"] == true, request["body"].clone())
    };
    assert_eq!(truncated(b"abc", 3), (false, false, json!("abc")), "the response has two bytes");
    assert_eq!(truncated(b"abc", 2), (true, false, json!("ab")));
    assert_eq!(truncated(b"abc", 1), (true, true, json!("a")));
    assert_eq!(truncated(b"a\xffbc", 3), (true, false, Value::Null), "truncation does not turn bytes into text");
    assert_eq!(truncated(b"a\xc3", 2), (false, false, Value::Null), "this body itself ends inside a character");
    let mut broken = exchange(b"");
    broken.response.iter_mut().for_each(|response| response.body_error = Some("Network connection lost.".into()));
    let line = record(&head(), &[&wire(&broken, &Redaction::default(), 1_000, plain())], None);
    let response = serde_json::from_slice::<Value>(&line).unwrap()["response"].clone();
    let expected = (&json!("Network connection lost."), &json!(2), &json!(false));
    assert_eq!((&response["body_error"], &response["body_bytes"], &response["truncated"]), expected);
    let mut more = exchange(b"");
    more.response.iter_mut().for_each(|response| response.truncated = true);
    let line = record(&head(), &[&wire(&more, &Redaction::default(), 1_000, plain())], None);
    assert_eq!(serde_json::from_slice::<Value>(&line).unwrap()["response"]["truncated"], true);
}

#[test]
fn inline_evidence_is_truncated_and_keeps_the_digest_of_all() {
    let long = vec![b'x'; EVIDENCE_INLINE_BYTES + 1];
    let EvidenceRef::Inline { reason, record, sha256: digest } = inline(&long, &"r".repeat(300)) else {
        panic!("inline")
    };
    assert_eq!((reason.len(), record.len()), (200, EVIDENCE_INLINE_BYTES));
    assert_eq!(digest, sha256(&long));
}

#[test]
fn overwriting_leaves_all_others_as_they_were() {
    let line = |tenant: &str, job: &str| format!("{{\"job_id\":\"{job}\",\"request\":{{}},\"tenant\":\"{tenant}\"}}\n");
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
fn the_token_determines_the_key() {
    let token = crate::model::job::mint_ulid(1_762_070_400_123, 5);
    assert_eq!(pack_key(&token, 7), format!("evidence/2025-11-02/{token}-7"));
    assert_eq!(pack_prefix(&token), format!("evidence/2025-11-02/{token}-"));
}
