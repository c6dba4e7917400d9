//! Tests of the webhook kind: the request of a payload, and which payloads are refused.

use proptest::prelude::*;

use super::*;
use crate::kinds::target::endpoint_header;
use crate::model::claimed::ClaimedEndpoint;
use crate::model::endpoint::EndpointState;
use crate::model::endpoint::EvidencePolicy;
use crate::model::outcome::RetryAfter;
use crate::model::outcome::{ErrorClass, JobError};
use crate::ports::HttpError;
use crate::security::redact::Redaction;
use crate::security::signing::{SealedSecret, SigningSecret};
use crate::store::secrets;
use crate::store::secrets::Owner;

fn settings() -> Settings {
    Settings::parse(|name| match name {
        "MASTER_KEY" => Some("ab".repeat(32)),
        "PRIVATE_DESTINATIONS" => Some("127.0.0.1:*".into()),
        _ => None,
    })
    .unwrap()
}

fn checked(payload: &str) -> Result<CheckedPayload, Problem> {
    let raw = RawValue::from_string(payload.to_owned()).unwrap();
    let endpoint = (!payload.contains("\"url\"")).then_some("orders");
    let mut checked = check(&raw, endpoint, &settings())?;
    checked.stored = seal_secrets(&checked.stored, &settings(), "acme", &mut || [7; 12]).unwrap();
    Ok(checked)
}

proptest! {
    /// A split payload is joined byte for byte, and its inline part has no body.
    #[test]
    fn a_split_payload_is_joined_again(
        body in prop::option::of(r#"\{"a": ?-?[1-9][0-9]{0,30},"b":\[("[a-zé漢\u{1f6a2}]{0,9}"|null|1\.[0-9]{1,9}e[1-9])( )?\]\}|"[ -!#-\[\]-~é]{0,40}""#),
        bytes in prop::collection::vec(any::<u8>(), 0..40), with_base64: bool, secret in "[a-z]{0,20}", seconds in 1u32..30,
    ) {
        let mut payload = serde_json::json!({
            "url": "https://example.com/hook", "timeout_seconds": seconds, "headers": {"authorization": secret},
        }).to_string();
        payload.pop();
        let more = match &body {
            Some(body) => format!(",\"body\": {body}}}"),
            None if with_base64 => format!(r#","body_base64":"{}"}}"#, STANDARD.encode(&bytes)),
            None => "}".to_owned(),
        };
        payload.push_str(&more);
        let stored = checked(&payload).unwrap().stored;
        let Split { inline, object } = split(stored.clone());
        let inline = inline.unwrap();
        prop_assert!(!inline.contains("body"));
        prop_assert_eq!(object.is_some(), body.is_some() || with_base64);
        let joined = object.map_or(Some(inline.clone()), |object| join(&inline, &object));
        prop_assert_eq!(joined, Some(stored));
    }
}

fn codes(payload: &str) -> Vec<(String, &'static str)> {
    let wrong = checked(payload).map_or_else(|problem| problem.errors().to_vec(), |checked| checked.refused_if_new);
    wrong.into_iter().map(|field| (field.pointer, field.code)).collect()
}

fn claimed(payload: &str, endpoint: Option<ClaimedEndpoint>) -> Claimed {
    Claimed {
        tenant: "acme".into(),
        id: "job_1".into(),
        kind: "webhook".into(),
        endpoint_id: endpoint.as_ref().map_or("", |_| "orders").into(),
        group: None,
        counted: 0,
        event_id: Some("evt_7".into()),
        attempt: 1,
        failures: 0,
        quarantined: 0,
        max_attempts: 3,
        backoff: crate::model::backoff::RetrySchedule::Fast,
        deadline_at: None,
        due_at: 0,
        lease: std::rc::Rc::default(),
        lease_until: 0,
        now: 0,
        payload: Some(checked(payload).unwrap().stored),
        payload_bytes: None,
        traceparent: None,
        tracestate: None,
        hops: 0,
        secrets: vec![sealed_secret(1, endpoint.as_ref().map_or("", |_| "orders"))],
        opened: std::rc::Rc::default(),
        endpoint,
    }
}

/// Returns the signing secret of every endpoint: 32 bytes of 5.
fn sealed_secret(secret_version: u32, endpoint: &str) -> SealedSecret {
    let place = secrets::place(Owner { tenant: "acme", endpoint });
    SealedSecret { secret_version, sealed: seal(&settings().keys, place, [2; 12], &[5; 32]) }
}

fn endpoint(settings: &Settings) -> ClaimedEndpoint {
    let place = SealedFor { purpose: SEAL_PURPOSE, tenant: "acme", context: &endpoint_header("orders", "x-team") };
    let sealed = seal(&settings.keys, place, [1; 12], b"blue");
    ClaimedEndpoint {
        state: EndpointState::Active,
        url: "https://example.com/hook".into(),
        service: None,
        headers: vec![("x-team".into(), sealed)],
        timeout_seconds: 9,
        evidence: EvidencePolicy::Full,
        connections: 2,
        keep_payload: 0,
        dead_letter_on: vec![],
        redact: Redaction::default(),
        secret_version: 1,
        rotated_at: None,
    }
}

fn header<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    request.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
}

#[test]
fn a_body_is_sent_exactly_as_it_was_written() {
    for (payload, body, content_type) in [
        (
            r#"{"url":"https://a.example/","body":{ "b" : [1.50, "ä"] }}"#,
            r#"{ "b" : [1.50, "ä"] }"#,
            "application/json",
        ),
        (r#"{"url":"https://a.example/","body":null}"#, "null", "application/json"),
        (r#"{"url":"https://a.example/","body":"plain \u00e4"}"#, "plain ä", "text/plain; charset=utf-8"),
        (r#"{"url":"https://a.example/","body_base64":"AAH/"}"#, "", "application/octet-stream"),
        (r#"{"url":"https://a.example/","body":1,"headers":{"Content-Type":"text/x"}}"#, "1", "text/x"),
    ] {
        let request = prepare(&claimed(payload, None), None, &settings(), 1_000).unwrap();
        let expected = if body.is_empty() { b"\x00\x01\xff".to_vec() } else { body.as_bytes().to_vec() };
        assert_eq!(request.body, expected, "{payload}");
        assert_eq!(header(&request, "content-type"), Some(content_type));
    }
    let empty =
        prepare(&claimed(r#"{"url":"https://a.example/","method":"GET"}"#, None), None, &settings(), 0).unwrap();
    assert!(empty.body.is_empty() && header(&empty, "content-type").is_none());
}

#[test]
fn a_request_is_signed_with_the_endpoints_secret_and_carries_its_headers() {
    let settings = settings();
    let job = claimed(r#"{"body":{"a":1}}"#, Some(endpoint(&settings)));
    let request = prepare(&job, None, &settings, 1_700_000_000_999).unwrap();
    assert_eq!((request.url.as_str(), request.timeout), ("https://example.com/hook", Duration::from_secs(9)));
    assert_eq!(header(&request, "x-team"), Some("blue"));
    assert_eq!(header(&request, "webhook-id"), Some("evt_7"));
    assert_eq!(header(&request, "webhook-timestamp"), Some("1700000000"));
    let expected = SigningSecret::of_random([5; 32]).sign("evt_7", 1_700_000_000, b"{\"a\":1}");
    assert_eq!(header(&request, "webhook-signature"), Some(expected.as_str()));
}

#[test]
fn secret_headers_are_sealed_and_never_shown() {
    let payload = r#"{"url":"https://a.example/","headers":{"Authorization":"Bearer hush","X-Plain":"seen"}}"#;
    let payload_checked = checked(payload).unwrap();
    assert!(!payload_checked.stored.contains("hush") && payload_checked.stored.contains("seen"));
    let text = shown(&payload_checked.stored).unwrap();
    assert!(text.contains("[sealed]") && text.contains("seen"), "{text}");
    let request = prepare(&claimed(payload, None), None, &settings(), 0).unwrap();
    assert_eq!(header(&request, "authorization"), Some("Bearer hush"));
}

#[test]
fn a_payload_is_kept_as_it_was_written() {
    let written = |secret: &str| {
        format!(
            r#"{{"headers":{{"x-b":"\u0041\/","Authorization":"{secret}","x-a":"1"}},"body":{{"b":[12345678901234567890123,1E5,1e400],"a":1.0,"a":-0}},"timeout_seconds":null,"url":"https:\/\/a.example\/"}}"#
        )
    };
    let checked = checked(&written("hush")).unwrap();
    assert_eq!(shown(&checked.stored).unwrap(), written("[sealed]"));
    let Split { inline, object } = split(checked.stored.clone());
    let (inline, object) = (inline.unwrap(), object.unwrap());
    assert!(!inline.contains("body") && object.starts_with(r#"{"at":1,"body":{"b":[12345678901234567890123,"#));
    assert_eq!(join(&inline, &object), Some(checked.stored));
    assert_eq!(join("{}", &object).unwrap(), object.replace(r#""at":1,"#, ""), "also when success has emptied the row");
}

fn refusal(job: &Claimed, settings: &Settings) -> JobError {
    prepare(job, None, settings, 0).unwrap_err().error().unwrap()
}

#[test]
fn nothing_is_sent_when_a_check_fails() {
    let strict = Settings { private_destinations: destination::PrivateDestinations::default(), ..settings() };
    let private = claimed(r#"{"url":"http://127.0.0.1:9/"}"#, None);
    assert!(prepare(&private, None, &settings(), 0).is_ok(), "the destination is on the allow-list");
    assert_eq!(refusal(&private, &strict).class, ErrorClass::Blocked, "checked again at send");
    let mut gone = endpoint(&strict);
    gone.state = EndpointState::Deleted;
    let job = claimed("{}", Some(gone));
    assert_eq!(refusal(&job, &strict).class, ErrorClass::Config);
    let mut moved = endpoint(&strict);
    moved.headers[0].0 = "x-other".into();
    let job = claimed("{}", Some(moved));
    assert_eq!(refusal(&job, &strict).class, ErrorClass::Internal, "a sealed value fits one place");
    for secrets in [vec![], vec![sealed_secret(2, "orders")], vec![sealed_secret(1, "other")]] {
        let job = Claimed { secrets, ..claimed("{}", Some(endpoint(&strict))) };
        assert_eq!(refusal(&job, &strict).class, ErrorClass::Internal, "nothing is sent unsigned");
        let waits = matches!(prepare(&job, None, &strict, 0), Err(Outcome::Failed { retry_after: Some(_), .. }));
        assert_eq!(waits, !job.has_secret(), "the database failed, not the job");
    }
    let other = Claimed {
        tenant: "other".into(),
        secrets: Vec::new(),
        ..claimed(r#"{"url":"http://127.0.0.1:9/","headers":{"token":"x"}}"#, None)
    };
    assert!(
        refusal(&other, &settings()).message.starts_with("A sealed header"),
        "the value was sealed for another tenant"
    );
}

#[test]
fn every_wrong_field_is_named() {
    let at = |pointer: &str, code| vec![(pointer.to_owned(), code)];
    let to = |endpoint, payload: &str| {
        let refusal = check(&RawValue::from_string(payload.to_owned()).unwrap(), endpoint, &settings()).unwrap_err();
        refusal.errors().iter().map(|field| (field.pointer.clone(), field.code)).collect::<Vec<_>>()
    };
    assert_eq!(to(None, "{}"), at("#/endpoint", "missing-field"));
    assert_eq!(to(Some("a"), r#"{"url":"https://a.example/"}"#), at("#/payload/url", "either-or"));
    assert_eq!(codes(r#"{"url":"https://10.0.0.1/"}"#), at("#/payload/url", "destination-blocked"));
    assert!(checked(r#"{"url":"https://10.0.0.1/"}"#).is_ok(), "only the current settings refuse it");
    assert_eq!(
        checked(r#"{"url":"https://10.0.0.1/","timeout_seconds":31}"#).unwrap_err().errors().len(),
        2,
        "all at once"
    );
    assert_eq!(codes(r#"{"method":"PROPFIND"}"#), at("#/payload/method", "unknown-value"));
    assert_eq!(codes(r#"{"body":1,"body_base64":""}"#), at("#/payload/body_base64", "either-or"));
    assert_eq!(codes(r#"{"body_base64":"%"}"#), at("#/payload/body_base64", "invalid-base64"));
    assert_eq!(codes(r#"{"timeout_seconds":31}"#), at("#/payload/timeout_seconds", "out-of-range"));
    assert_eq!(codes(r#"{"headers":{"Host":"x"}}"#), at("#/payload/headers/Host", "header-forbidden"));
    assert_eq!(codes(r#"{"headers":{"x":"a\r\nb"}}"#), at("#/payload/headers/x", "header-value"));
    assert_eq!(codes(r#"{"timeout_seconds":"7"}"#), at("#/payload/timeout_seconds", "invalid-type"));
    assert_eq!(codes(r#"{"endpoint":"a"}"#), at("#/payload/endpoint", "unknown-field"));
    assert_eq!(codes(r#"{"metod":"POST"}"#), at("#/payload/metod", "unknown-field"));
    for body in [r#""\udc00""#, r#"{"a":["\ud800"]}"#] {
        assert_eq!(codes(&format!(r#"{{"body":{body}}}"#)), at("#/payload/body", "unreadable-value"));
    }
    let twice = r#"{"headers":{"x-a":"1","X-A":"2","x~b":"","x~b":""},"method":"POST"}"#;
    let expected = ["#/payload/headers/X-A", "#/payload/headers/x~0b"].map(|at| (at.to_owned(), "duplicate-field"));
    assert_eq!(codes(twice), expected);
    assert_eq!(
        codes(r#"{"url":"https://a.example/","url":"https://b.example/"}"#),
        at("#/payload/url", "duplicate-field")
    );
    assert_eq!(codes("[]").len(), 1);
}

#[test]
fn answers_are_judged_by_status_only() {
    let answer = |status, headers: &[(&str, &str)]| {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let job = claimed(r#"{"url":"https://example.com/"}"#, None);
        let whole = HttpResponse { status, headers, body: vec![], truncated: false, body_error: None };
        let broken_off = HttpResponse { body_error: Some("Network connection lost.".into()), ..whole.clone() };
        let unfinished = HttpError::Unfinished { ms: 9, received: Box::new(broken_off.clone()) };
        let [whole, broken_off, unfinished] =
            [Ok(whole), Ok(broken_off), Err(unfinished)].map(|answer| crate::kinds::judge(&job, &answer, 0));
        assert_eq!(whole, broken_off, "{status}");
        assert_eq!(unfinished, crate::kinds::judge(&job, &Err(HttpError::Timeout(9)), 0), "{status}");
        whole
    };
    for status in 100..=999 {
        let succeeded = matches!(answer(status, &[]), Outcome::Succeeded { .. });
        assert_eq!(succeeded, (200..300).contains(&status), "{status}");
    }
    for (status, expected) in [
        (503, RetryAfter::Deferral(Duration::from_mins(2))),
        (429, RetryAfter::Deferral(Duration::from_mins(2))),
        (500, RetryAfter::AtLeast(Duration::from_mins(2))),
    ] {
        let Outcome::Failed { retry_after, .. } = answer(status, &[("Retry-After", "120")]) else { panic!("failed") };
        assert_eq!(retry_after, Some(expected), "{status}");
    }
}

#[test]
fn a_challenge_is_a_failure_and_not_a_snooze() {
    let judged = |status, headers: &[(&str, &str)]| {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let answer = HttpResponse { status, headers, body: vec![], truncated: false, body_error: None };
        match crate::kinds::judge(&claimed(r#"{"url":"https://example.com/"}"#, None), &Ok(answer), 0) {
            Outcome::Failed { class, message, retry_after } => (class, message, retry_after),
            other => panic!("{other:?}"),
        }
    };
    for status in [403, 429] {
        for value in ["challenge", "Challenge", " challenge "] {
            let (class, message, wait) = judged(status, &[("CF-Mitigated", value), ("retry-after", "120")]);
            assert_eq!(class, ErrorClass::Challenged, "{status}, {value:?}");
            assert_eq!(wait, Some(RetryAfter::AtLeast(Duration::from_mins(2))), "{status}");
            assert!(message.contains(&status.to_string()) && message.contains("skip"), "{message}");
        }
        assert_eq!(judged(status, &[("cf-mitigated", "challenge")]).2, None, "{status}");
        for value in ["", "block", "challenged", "challenge, challenge"] {
            assert_ne!(judged(status, &[("cf-mitigated", value)]).0, ErrorClass::Challenged, "{status}, {value:?}");
        }
    }
    for status in [302, 401, 404, 410, 500, 503] {
        assert_ne!(judged(status, &[("cf-mitigated", "challenge")]).0, ErrorClass::Challenged, "{status}");
    }
}

#[test]
fn a_null_body_is_a_body() {
    let at = |pointer: &str, code| vec![(pointer.to_owned(), code)];
    let both = codes(r#"{"body":null,"body_base64":"AAH/"}"#);
    assert_eq!(both, at("#/payload/body_base64", "either-or"));
    assert_eq!(codes(r#"{"method":"GET","body":null}"#), at("#/payload/body", "either-or"));
    let stored = checked(r#"{"url":"https://a.example/","body":null}"#).unwrap().stored;
    assert_eq!(shown(&stored).unwrap(), r#"{"url":"https://a.example/","body":null}"#);
    let Split { inline, object } = split(stored.clone());
    let joined = object.map_or(inline.clone(), |object| join(&inline.unwrap(), &object));
    assert_eq!(joined, Some(stored));
}

#[test]
fn trace_headers_are_sent() {
    const TRACE: &str = "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff";
    let sent = |headers: &str| {
        let mut job = claimed(&format!(r#"{{"url":"https://a.example/","headers":{headers}}}"#), None);
        (job.traceparent, job.tracestate) = (Some(TRACE.into()), Some("a=1,b=2".into()));
        let request = prepare(&job, None, &settings(), 0).unwrap();
        ["traceparent", "tracestate"].map(|name| header(&request, name).map(str::to_owned))
    };
    let [traceparent, tracestate] = sent("{}");
    assert!(
        traceparent.is_some_and(|text| text.starts_with(&TRACE.replacen("01", "00", 1)[..36]) && text.ends_with("-03"))
    );
    assert_eq!(tracestate.as_deref(), Some("a=1,b=2"));
    let own = "00-5bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let [traceparent, tracestate] = sent(&format!(r#"{{"Traceparent":"{own}"}}"#));
    assert_eq!((traceparent.as_deref(), tracestate), (Some(own), None), "the state belongs to another trace");
    let both = sent(&format!(r#"{{"traceparent":"{own}","tracestate":"c=3"}}"#));
    assert_eq!(both, [Some(own.to_owned()), Some("c=3".to_owned())]);
}

#[test]
fn a_body_in_an_object_is_sent_without_a_copy() {
    let cases = [(r#"{"b":[1, 2]}"#, "body", true), (r#""plain""#, "body", true), (r#""a\n\"b\"""#, "body", false)];
    for (written, member, is_part) in cases.into_iter().chain([(r#""AAH/""#, "body_base64", false)]) {
        let stored = checked(&format!(r#"{{"url":"https://a.example/","{member}":{written}}}"#)).unwrap().stored;
        let inline = prepare(&claimed(&stored, None), None, &settings(), 0).unwrap();
        let Split { inline: rest, object } = split(stored);
        let object = Bytes::from(object.unwrap());
        let request = prepare(&claimed(&rest.unwrap(), None), Some(&object), &settings(), 0).unwrap();
        assert_eq!((&request.body, &request.headers), (&inline.body, &inline.headers), "{written}");
        assert_eq!(object.as_ptr_range().contains(&request.body.as_ptr()), is_part, "{written}");
    }
}
