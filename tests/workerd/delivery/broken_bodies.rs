//! Answers whose body cannot be read: the status and the headers decide, and the evidence keeps them with the bytes
//! read so far.

use longshore_kit::raw_receiver::{RawReceiver, Step};
use serde_json::{Value, json};

use crate::hostile::hostile_receivers::deliver;
use crate::support::tenant::{id_of, to_endpoint};
use crate::support::world::{each, shared};

/// Broken answers: a name, the bytes after the status line, and the part of the body that can be read.
const BREAKS: [(&str, &str, &str); 9] = [
    ("gzip without a byte", "content-encoding: gzip\r\ncontent-length: 0\r\n\r\n", ""),
    ("invalid gzip", "content-encoding: gzip\r\ncontent-length: 4\r\n\r\nwhat", ""),
    ("invalid brotli", "content-encoding: br\r\ncontent-length: 19\r\n\r\nwhat is this, then?", ""),
    ("less than announced", "content-length: 100\r\n\r\nhi", "hi"),
    ("nothing of what is announced", "content-length: 100\r\n\r\n", ""),
    ("an interrupted chunk", "transfer-encoding: chunked\r\n\r\nff\r\nhi", "hi"),
    ("chunks without the last", "transfer-encoding: chunked\r\n\r\n2\r\nhi\r\n", "hi"),
    ("a non-numeric chunk length", "transfer-encoding: chunked\r\n\r\nzz\r\nhi\r\n0\r\n\r\n", ""),
    ("interrupted gzip in chunks", "content-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\nff\r\nhi", ""),
];

fn class_of(status: u16) -> Value {
    match status {
        200..=299 => Value::Null,
        300..=399 => json!("http_3xx"),
        410 => json!("http_410"),
        429 => json!("http_429"),
        500..=599 => json!("http_5xx"),
        _ => json!("http_4xx"),
    }
}

#[test]
fn a_status_decides_even_if_the_body_breaks() {
    shared(async |world| {
        let tenant = world.tenant().await;
        for status in [200, 201, 206, 299, 302, 400, 404, 410, 429, 500, 503, 599] {
            each(BREAKS, async |(what, rest, read)| {
                let what = format!("{status}, {what}");
                let answer = format!("HTTP/1.1 {status} X\r\nx-told: yes\r\n{rest}");
                let (job, evidence) = deliver(&tenant, answer).await;
                assert_eq!(job["error"]["class"], class_of(status), "{what}: {job}");
                let response = &evidence["response"];
                assert_eq!(response["status"], status, "{what}: {evidence}");
                assert!(response["headers"].to_string().contains("x-told"), "{what}: {response}");
                assert!(response["body_error"].as_str().is_some_and(|text| !text.is_empty()), "{what}: {response}");
                assert_eq!((&response["body"], &response["body_bytes"]), (&json!(read), &json!(read.len())), "{what}");
                let attempt = &tenant.attempts(&id_of(&job)).await[0];
                assert_eq!(attempt["response"]["status"], status, "{what}: {attempt}");
                assert_eq!(attempt["response"]["body_error"], response["body_error"], "{what}: {attempt}");
            })
            .await;
        }
    });
}

/// Statuses without a body, with junk where the body would be.
#[test]
fn a_status_without_a_body_decides_too() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let breaks = BREAKS.into_iter().chain([("junk", "\r\nwhat is this?", "")]);
        each(breaks.flat_map(|way| [204, 205, 304].map(|status| (status, way))), async |(status, (what, rest, _))| {
            let (job, evidence) = deliver(&tenant, format!("HTTP/1.1 {status} X\r\n{rest}")).await;
            assert_eq!(job["error"]["class"], class_of(status), "{status}, {what}: {job}");
            assert_eq!(evidence["response"]["status"], status, "{status}, {what}: {evidence}");
        })
        .await;
    });
}

/// The deadline covers the body: a status that arrives before it decides nothing, and is shown.
#[test]
fn a_late_body_is_a_timeout_with_its_status() {
    shared(async |world| {
        let tenant = world.tenant().await;
        each([200, 410, 429, 503], async |status| {
            let head = format!("HTTP/1.1 {status} X\r\nretry-after: 40\r\ncontent-length: 9\r\n\r\nhi");
            let receiver = RawReceiver::play(vec![Step::Read, Step::Send(head.into()), Step::Hang]).await.unwrap();
            let payload = json!({"url": receiver.url("/"), "body": 1, "timeout_seconds": 1});
            let job = tenant.complete(&json!({"kind": "webhook", "payload": payload, "max_attempts": 1})).await;
            assert_eq!((&job["state"], &job["error"]["class"]), (&json!("dead"), &json!("timeout")), "{status}");
            let evidence = tenant.evidence(&id_of(&job), 1).await;
            let response = &evidence["response"];
            assert_eq!((&response["status"], &response["body"]), (&json!(status), &json!("hi")), "{evidence}");
            assert!(response["body_error"].is_string(), "{evidence}");
        })
        .await;
    });
}

#[test]
fn gone_and_busy_count_without_a_body() {
    shared(async |world| {
        let tenant = world.tenant().await;
        each(BREAKS, async |(what, rest, _)| {
            for status in [429, 503] {
                let answer = format!("HTTP/1.1 {status} X\r\nretry-after: 40\r\n{rest}");
                let receiver = RawReceiver::start(answer).await.unwrap();
                let payload = json!({"url": receiver.url("/"), "body": 1});
                let job = json!({"kind": "webhook", "payload": payload, "max_attempts": 1});
                let waiting = tenant.until(&tenant.accept(&job).await, "retrying").await;
                assert_eq!(waiting["error"]["class"], class_of(status), "{what}: {waiting}");
            }
        })
        .await;
        let gone = format!("HTTP/1.1 410 Gone\r\n{}", BREAKS[0].1);
        let receiver = RawReceiver::start(gone).await.unwrap();
        let made = tenant.api.put("/v1/endpoints/gone", &json!({"url": receiver.url("/")})).await.unwrap();
        assert_eq!(made.status, 200, "{}", made.text);
        let dead = tenant.complete(&to_endpoint("gone")).await;
        assert_eq!((&dead["state"], &dead["error"]["class"]), (&json!("dead"), &json!("http_410")), "{dead}");
        let endpoint = tenant.read("/v1/endpoints/gone").await;
        assert_eq!((&endpoint["state"], &endpoint["paused_reason"]), (&json!("paused"), &json!("gone")));
    });
}

/// The status and the headers of a task's answer succeed or defer it.
#[test]
fn a_task_ends_by_its_status() {
    shared(async |world| {
        let tenant = world.tenant().await;
        each(BREAKS.into_iter().enumerate(), async |(n, (what, rest, _))| {
            let task = async |name: &str, head: &str| {
                let answer = format!("HTTP/1.1 {head}\r\ncontent-type: application/json\r\n{rest}");
                let receiver = RawReceiver::start(answer).await.unwrap();
                let made = tenant.api.put(&format!("/v1/endpoints/{name}"), &json!({"url": receiver.url("/")})).await;
                assert_eq!(made.unwrap().status, 200);
                let job = json!({"kind": "text.count", "endpoint": name, "payload": {}, "max_attempts": 1});
                (tenant.accept(&job).await, receiver)
            };
            let (id, _receiver) = task(&format!("done-{n}"), "200 OK").await;
            let done = tenant.ended(&id).await;
            assert_eq!((&done["state"], &done["result"]), (&json!("succeeded"), &Value::Null), "{what}: {done}");
            assert_eq!(done["result_error"]["code"], "broken-off", "{what}: {done}");
            let deferred = "202 Accepted\r\nlongshore-completion: deferred";
            let (id, _receiver) = task(&format!("later-{n}"), deferred).await;
            let due = longshore_kit::client::eventually(crate::support::tenant::SOON, async || {
                let job = tenant.job(&id).await;
                (!job["completion_due_at"].is_null()).then_some(job)
            });
            assert_eq!(due.await.expect("it is deferred")["state"], "running", "{what}");
        })
        .await;
    });
}

/// A result that cannot be kept says why, and any other is shown token for token.
#[test]
fn a_task_succeeds_with_any_result() {
    let [deep, kept_deep] = [130, 100].map(|levels| "[".repeat(levels) + &"]".repeat(levels));
    let large = format!("\"{}\"", "x".repeat(16_384));
    let bodies: Vec<(&str, Result<&str, &str>)> = vec![
        (r#""\ud83d""#, Err("unreadable-value")),
        ("1e999", Err("unreadable-value")),
        (&deep, Err("too-deep")),
        ("<html>", Err("not-json")),
        (&large, Err("too-large")),
        ("\u{feff}{\"pages\":12}", Ok(r#"{"pages":12}"#)),
        (
            r#"{"b":117.63331139400017,"a":12345678901234567890123,"c":1.0}"#,
            Ok(r#"{"b":117.63331139400017,"a":12345678901234567890123,"c":1.0}"#),
        ),
        (&kept_deep, Ok(&kept_deep)),
    ];
    shared(async |world| {
        let tenant = world.tenant().await;
        each(bodies.iter().enumerate(), async |(n, (body, expected))| {
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
            let receiver = RawReceiver::start(head + body).await.unwrap();
            let name = format!("kept-{n}");
            let made = tenant.api.put(&format!("/v1/endpoints/{name}"), &json!({"url": receiver.url("/")})).await;
            assert_eq!(made.unwrap().status, 200);
            let job = json!({"kind": "text.count", "endpoint": name, "payload": {}, "max_attempts": 1});
            let done = tenant.complete(&job).await;
            assert_eq!((&done["state"], &done["attempts"]), (&json!("succeeded"), &json!(1)), "{body:.40}: {done}");
            match expected {
                Err(code) => {
                    assert_eq!(
                        (&done["result"], &done["result_error"]["code"]),
                        (&Value::Null, &json!(code)),
                        "{body:.40}"
                    );
                }
                Ok(json) => {
                    let shown = tenant.api.get(&format!("/v1/jobs/{}", id_of(&done))).await.unwrap().text;
                    assert!(shown.contains(&format!("\"result\":{json}")), "{json}: {shown}");
                    assert_eq!(done["result_error"], Value::Null);
                }
            }
        })
        .await;
    });
}

/// A bot challenge is a failure of the destination with advice; its Retry-After is ignored.
#[test]
fn a_bot_challenge_spends_a_failure() {
    shared(async |world| {
        let tenant = world.tenant().await;
        each([403, 429], async |status| {
            let answer =
                format!("HTTP/1.1 {status} X\r\ncf-mitigated: challenge\r\nretry-after: 40\r\n{}", BREAKS[0].1);
            let (job, evidence) = deliver(&tenant, answer).await;
            let error = &job["error"];
            assert_eq!((&job["state"], &error["class"]), (&json!("dead"), &json!("challenged")), "{status}: {job}");
            assert_eq!((&error["fault"], &error["retryable"]), (&json!("destination"), &json!(true)), "{status}");
            assert_eq!(evidence["response"]["status"], status);
        })
        .await;
        let dies_at_once = json!({"url": tenant.url("/ok"), "dead_letter_on": ["challenged"]});
        let made = tenant.api.put("/v1/endpoints/dead-letters", &dies_at_once).await.unwrap();
        assert_eq!((made.status, &made.body["dead_letter_on"]), (200, &json!(["challenged"])), "{}", made.text);
    });
}
