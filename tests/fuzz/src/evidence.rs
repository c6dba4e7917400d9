//! Properties of evidence: a record is one line without planted secrets, and a read returns only what was written.

use std::time::Duration;

use futures_util::FutureExt;
use longshore::limits::EVIDENCE_INLINE_BYTES;
use longshore::manage::query::read_evidence;
use longshore::model::attempt::{EvidenceRef, LogEntry};
use longshore::model::evidence::{Digests, Exchange, Pack, RecordHead, inline, pack_key, record as write, wire};
use longshore::ports::{HttpRequest, HttpResponse};
use longshore::security::redact::Redaction;
use longshore::wire::idempotency::sha256;
use serde_json::{Value, json};

use crate::redact::{CANARY, plant};
use crate::stub::{NOW_MS, Stub, keys};
use crate::{head, texts};

/// Checks a record of a number of kept body bytes, pointers, a body, a URL, and the name and value of a header.
pub fn record(bytes: &[u8]) -> bool {
    let ([kept], rest) = head::<1>(bytes);
    if String::from_utf8_lossy(rest).contains(CANARY) {
        return false;
    }
    let [pointers, body, url, name, value] = texts::<5>(rest);
    let redaction =
        Redaction { headers: vec![name.clone()], body_pointers: pointers.lines().map(Into::into).collect() };
    // With pointers, a body that is not JSON is hidden completely.
    let hidden = if redaction.body_pointers.is_empty() { "" } else { CANARY };
    let body = plant(&redaction, &body).unwrap_or(body + hidden);
    let headers =
        vec![("Authorization".to_owned(), CANARY.to_owned()), (name, CANARY.to_owned()), ("x-b".into(), value)];
    let url = format!("https://user:{CANARY}@example.com/?{}&token={CANARY}#{CANARY}", url.replace('#', ""));
    let timeout = Duration::from_secs(1);
    let request = HttpRequest {
        method: "POST".into(),
        url,
        service: None,
        headers: headers.clone(),
        body: body.clone().into(),
        timeout,
        response_bytes_max: 1,
    };
    let response = HttpResponse { status: 500, headers, body: rest.to_vec(), truncated: false, body_error: None };
    let exchange = Exchange { request, response: Some(response) };
    let head = RecordHead { tenant: "acme", job_id: "job", attempt: 1, sent_at: NOW_MS, duration_ms: 1, version: "0" };
    let keys = keys();
    let line = write(&head, &[&wire(&exchange, &redaction, usize::from(kept), Digests::Of(&keys, "acme"))], None);
    let text = std::str::from_utf8(&line).expect("a record is text");
    assert_eq!((text.matches('\n').count(), text.ends_with('\n')), (1, true));
    assert!(!text.contains(CANARY), "{text}");
    let value: Value = serde_json::from_str(text).unwrap();
    let is_whole = *redaction.redact_body(body.as_bytes()) == *body.as_bytes();
    let keyed = value["request"]["body_hmac_sha256"].as_str();
    assert_eq!((value["request"]["body_sha256"] == sha256(body.as_bytes()), keyed.is_some()), (is_whole, !is_whole));
    assert_eq!(value["response"]["body_bytes"], rest.len());
    let shown = value["request"]["body"].as_str().map_or(0, str::len);
    assert!(shown <= usize::from(kept), "{shown} bytes of a body, and {kept} are kept");
    is_read_as_written(&line);
    true
}

fn entry(evidence: &EvidenceRef) -> LogEntry {
    let lease = longshore::model::job::mint_ulid(NOW_MS, 3);
    let begun = json!({"started_at": NOW_MS, "lease": lease, "evidence": evidence});
    serde_json::from_value(begun).unwrap()
}

/// Checks that a record between two others is read by its position alone, and that a changed byte is detected.
fn is_read_as_written(line: &[u8]) {
    let mut pack = Pack::default();
    pack.add(0, b"{\"before\":1}\n");
    let place = pack.add(0, line);
    pack.add(0, b"{\"after\":1}\n");
    let mut stub = Stub { object: pack.bytes, ..Stub::default() };
    let entry = entry(&place);
    let read = |stub: &Stub| read_evidence(stub, &entry).now_or_never().expect("nothing to wait for");
    assert_eq!(json!(read(&stub).expect("it was written")), serde_json::from_slice::<Value>(line).unwrap());
    let middle = stub.object.len() / 2;
    stub.object[middle] ^= 1;
    assert!(read(&stub).is_err());
    let EvidenceRef::Inline { record, sha256: digest, .. } = inline(line, "R2 is down") else { panic!("inline") };
    // A truncated character becomes a replacement of three bytes.
    assert!(record.len() <= EVIDENCE_INLINE_BYTES + 3 && digest == sha256(line));
}

/// Checks any log entry as the store has it, and any object.
pub fn read(bytes: &[u8]) -> bool {
    let [entry, object] = texts::<2>(bytes);
    let Ok(entry) = serde_json::from_str::<LogEntry>(&entry) else { return false };
    let again: LogEntry = serde_json::from_value(serde_json::to_value(&entry).unwrap()).unwrap();
    assert_eq!(again, entry);
    assert!(pack_key(&entry.lease, 0).starts_with("evidence/"));
    let stub = Stub { object: object.into_bytes(), ..Stub::default() };
    let read = read_evidence(&stub, &entry).now_or_never().expect("nothing to wait for");
    if let (Ok(_), Some(EvidenceRef::Stored { offset, length, sha256: digest, .. })) = (&read, &entry.evidence) {
        let [from, to] = [*offset, offset.saturating_add(*length)].map(|at| usize::try_from(at).unwrap());
        assert_eq!(sha256(&stub.object[from..to.min(stub.object.len())]), *digest);
    }
    read.is_ok()
}
