//! Receivers that answer as no server should: each attempt ends in time, with a class, and does not affect other jobs.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use longshore_kit::raw_receiver::{RawReceiver, Step};
use serde_json::{Value, json};

use crate::support::hostile_kinds::gzip_bomb;
use crate::support::tenant::Tenant;
use crate::support::world::{each, shared};

/// Delivers once to a receiver that answers with these bytes. Returns the job and its evidence.
pub(crate) async fn deliver(tenant: &Tenant<'_>, answer: impl Into<Vec<u8>>) -> (Value, Value) {
    let receiver = RawReceiver::start(answer).await.unwrap();
    let result = deliver_to(tenant, &receiver.url("/x")).await;
    assert_eq!(receiver.requests().len(), 1, "exactly one request");
    result
}

async fn deliver_to(tenant: &Tenant<'_>, url: &str) -> (Value, Value) {
    let payload = json!({"url": url, "body": {"n": 1}, "timeout_seconds": 2});
    let job = tenant.complete(&json!({"kind": "webhook", "payload": payload, "max_attempts": 1})).await;
    let evidence = tenant.evidence(job["id"].as_str().unwrap(), 1).await;
    (job, evidence)
}

fn assert_failed(what: &str, (job, evidence): &(Value, Value), class: &str) {
    assert_eq!((&job["state"], &job["error"]["class"]), (&json!("dead"), &json!(class)), "{what}: {job}");
    assert_eq!(evidence["error"]["class"], class, "{what}: {evidence}");
}

fn assert_succeeded(what: &str, (job, evidence): &(Value, Value), body: &str) {
    assert_eq!(job["state"], "succeeded", "{what}: {job}");
    assert_eq!(evidence["response"]["body"], body, "{what}: {evidence}");
}

#[test]
fn odd_answers_that_count() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let cases = [
            ("a byte 0x01 in a header", "HTTP/1.1 200 OK\r\nx-odd: a\u{1}b\r\ncontent-length: 2\r\n\r\nhi", "hi"),
            ("no reason", "HTTP/1.1 200\r\ncontent-length: 2\r\n\r\nhi", "hi"),
            ("no length", "HTTP/1.1 200 OK\r\n\r\nhi", "hi"),
            ("204 without a body", "HTTP/1.1 204 No Content\r\n\r\n", ""),
            ("more than announced", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi there", "hi"),
            ("chunks", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", "hi"),
            ("a header twice", "HTTP/1.1 200 OK\r\nx-a: 1\r\nx-a: 2\r\ncontent-length: 0\r\n\r\n", ""),
        ];
        each(cases, async |(what, answer, body)| {
            assert_succeeded(what, &deliver(&tenant, answer).await, body);
        })
        .await;
        let mut latin = b"HTTP/1.1 200 OK\r\nx-latin: caf\xe9\r\ncontent-length: 2\r\n\r\n".to_vec();
        latin.extend(b"\xff\xfe");
        let (job, evidence) = deliver(&tenant, latin).await;
        assert_eq!(job["state"], "succeeded");
        assert_eq!(
            (&evidence["response"]["body"], &evidence["response"]["body_base64"]),
            (&Value::Null, &json!("//4="))
        );
    });
}

#[test]
fn answers_that_fail() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let cases = [
            ("status 999", "HTTP/1.1 999 Odd\r\ncontent-length: 2\r\n\r\nhi", "http_4xx"),
            ("nothing at all", "", "connect"),
            ("another protocol", "SSH-2.0-OpenSSH_9.6\r\n", "connect"),
            ("a non-numeric status", "HTTP/1.1 abc OK\r\ncontent-length: 0\r\n\r\n", "connect"),
            ("half a head", "HTTP/1.1 200 OK\r\nx-a", "connect"),
            ("a negative length", "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\nhi", "connect"),
            (
                "a redirect",
                "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
                "http_3xx",
            ),
            ("a redirect to nowhere", "HTTP/1.1 307 X\r\nlocation: ://\r\ncontent-length: 0\r\n\r\n", "http_3xx"),
        ];
        each(cases, async |(what, answer, class)| {
            assert_failed(what, &deliver(&tenant, answer).await, class);
        })
        .await;
        let head = format!("HTTP/1.1 200 OK\r\nx-large: {}\r\ncontent-length: 0\r\n\r\n", "x".repeat(1_000_000));
        assert_failed("a head of a megabyte", &deliver(&tenant, head).await, "connect");
        assert_eq!(tenant.complete(&tenant.webhook("/ok")).await["state"], "succeeded", "the next job succeeds");
    });
}

/// A redirect is a failure; its target is kept as evidence and gets no request.
#[test]
fn redirects_are_not_followed() {
    shared(async |world| {
        let tenant = world.tenant().await;
        each([301, 302, 303, 307, 308], async |status| {
            let target = tenant.url(&format!("/target-{status}"));
            let answer = format!("HTTP/1.1 {status} X\r\nlocation: {target}\r\ncontent-length: 0\r\n\r\n");
            let (job, evidence) = deliver(&tenant, answer).await;
            assert_eq!(
                (&job["error"]["class"], &job["error"]["retryable"]),
                (&json!("http_3xx"), &json!(true)),
                "{status}"
            );
            assert!(evidence["response"]["headers"].to_string().contains(&target), "{status}: {evidence}");
        })
        .await;
        assert!(tenant.received().is_empty());
    });
}

/// A compressed body is read up to the limit of every body, not up to its uncompressed size.
#[test]
fn compressed_bodies() {
    let compressed = |body: Vec<u8>| {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n", body.len());
        [head.into_bytes(), body].concat()
    };
    shared(async |world| {
        let tenant = world.tenant().await;
        let small = compressed(STANDARD.decode("H4sIAAAAAAAC/6tWys9WsiopKk2tBQCQX9SnCwAAAA==").unwrap());
        assert_succeeded("gzip", &deliver(&tenant, small).await, r#"{"ok":true}"#);
        let (job, evidence) = deliver(&tenant, compressed(gzip_bomb(1))).await;
        assert_eq!(job["state"], "succeeded");
        assert_eq!(
            (&evidence["response"]["truncated"], &evidence["response"]["body_bytes"]),
            (&json!(true), &json!(65_536))
        );
    });
}

/// Sends `first`, and then `again` after each pause until the connection is closed.
fn dripping(first: &str, again: Vec<u8>, pause: Duration) -> Vec<Step> {
    vec![Step::Read, Step::Send(first.into()), Step::Repeat(again, pause)]
}

/// One deadline covers everything from the first byte sent to the last byte read.
#[test]
fn receivers_that_drip() {
    shared(async |world| {
        let pause = Duration::from_secs(1);
        let cases = [
            ("a body, a byte a second", "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n"),
            ("headers, a byte a second", "HTTP/1.1 200 OK\r\nx-a: "),
            ("nothing, a byte a second", ""),
        ];
        each(cases, async |(what, first)| {
            let tenant = world.tenant().await;
            let receiver = RawReceiver::play(dripping(first, b"x".to_vec(), pause)).await.unwrap();
            let result = deliver_to(&tenant, &receiver.url("/")).await;
            let attempt = &tenant.attempts(result.0["id"].as_str().unwrap()).await[0];
            if first.is_empty() {
                // Bytes that cannot start an answer may end the attempt before the deadline.
                assert_eq!(result.0["state"], "dead", "{what}");
                return;
            }
            assert_failed(what, &result, "timeout");
            let duration = attempt["duration_ms"].as_u64().unwrap();
            assert!((1_900..4_000).contains(&duration), "{what}: {duration} ms");
        })
        .await;
    });
}

/// A body without an end is read up to the limit, and the answer counts.
#[test]
fn a_body_without_an_end() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let steps = dripping("HTTP/1.1 200 OK\r\n\r\n", vec![b'x'; 65_536], Duration::ZERO);
        let receiver = RawReceiver::play(steps).await.unwrap();
        let (job, evidence) = deliver_to(&tenant, &receiver.url("/")).await;
        assert_eq!((&job["state"], &job["result"]["status"]), (&json!("succeeded"), &json!(200)), "{job}");
        let response = &evidence["response"];
        assert_eq!((&response["truncated"], &response["body_bytes"]), (&json!(true), &json!(65_536)));
        assert_eq!(response["body"].as_str().unwrap().len(), 65_536);
        let large = tenant.complete(&tenant.webhook("/large/5000000")).await;
        assert_eq!(large["state"], "succeeded");
    });
}
