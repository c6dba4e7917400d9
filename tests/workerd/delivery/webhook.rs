//! One delivery: the request at the receiver, the resulting job, and the evidence.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use longshore_kit::client::eventually;
use longshore_kit::receiver::Signature;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::support::refusal::{NOT_FOUND, assert_refused};
use crate::support::tenant::{SOON, in_ms, to_endpoint};
use crate::support::world::{each, shared};

/// The answer to an accept shows the whole job, and so does the job after its end.
#[test]
fn a_job_from_its_accept_to_its_end() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let mut job = tenant.webhook("/ok");
        job["metadata"] = json!({"order": 17, "text": "漢"});
        job["group"] = json!("imports");
        job["event_id"] = json!("evt_1");
        let answer = tenant.api.post("/v1/jobs", &job).await.unwrap();
        let id = answer.body["id"].as_str().unwrap();
        assert_eq!(answer.header("location"), Some(format!("/v1/jobs/{id}").as_str()));
        assert_eq!(answer.body["state"], "queued");
        let mut fields: Vec<_> = answer.body.as_object().unwrap().keys().collect();
        fields.sort_unstable();
        assert_eq!(fields, ["created_at", "event_id", "id", "kind", "run_after", "state"]);
        let done = tenant.ended(id).await;
        let expected = json!({
            "id": id, "kind": "webhook", "state": "succeeded", "tenant": tenant.name, "endpoint": null,
            "group": "imports", "schedule": null, "scheduled_for": null, "completion_due_at": null, "event_id": "evt_1", "idempotency_key": null,
            "metadata": {"order": 17, "text": "漢"}, "traceparent": null, "payload": null, "payload_bytes": null, "attempts": 1, "max_attempts": 10,
            "created_at": answer.body["created_at"], "next_attempt_at": null, "started_at": done["started_at"], "deadline_at": null,
            "finished_at": done["finished_at"], "cancel_requested": false, "error": null, "cause": null, "dies_at": null, "action": null, "result": {"status": 200}, "result_error": null,
            "replay_of": null, "replayed_by": null, "dead_reason": null, "dead_letter_state": null,
        });
        assert_eq!(done, expected);
        assert_eq!(done["started_at"], tenant.attempts(id).await[0]["started_at"]);
        assert_eq!(tenant.received().len(), 1);
        assert_eq!(tenant.received()[0].webhook_id(), "evt_1");
    });
}

/// Bodies are sent byte for byte: JSON as it was written, a string as its text, base64 as its bytes.
#[test]
fn bodies_arrive_as_they_were_sent() {
    shared(async |world| {
        let binary: Vec<u8> = (0..=255).collect();
        let cases = [
            (r#""body": {"b" : 1.10, "a":[ ]}"#.to_owned(), br#"{"b" : 1.10, "a":[ ]}"#.to_vec(), "application/json"),
            (r#""body": "text \u00e4\n""#.to_owned(), "text ä\n".as_bytes().to_vec(), "text/plain; charset=utf-8"),
            (r#""body": 12345678901234567890123"#.to_owned(), b"12345678901234567890123".to_vec(), "application/json"),
            (format!(r#""body_base64": "{}""#, STANDARD.encode(&binary)), binary, "application/octet-stream"),
            (
                r#""body": {}, "headers": {"Content-Type": "application/x-own"}"#.to_owned(),
                b"{}".to_vec(),
                "application/x-own",
            ),
        ];
        each(cases, async |(fields, bytes, content_type)| {
            let tenant = world.tenant().await;
            let job = format!(r#"{{"kind": "webhook", "payload": {{"url": "{}", {fields}}}}}"#, tenant.url("/ok"));
            let headers = [("content-type", "application/json")];
            let answer = tenant.api.request("POST", "/v1/jobs", &headers, job.into_bytes()).await.unwrap();
            let done = tenant.ended(answer.body["id"].as_str().expect("accepted")).await;
            assert_eq!(done["state"], "succeeded", "{fields}");
            let received = &tenant.received()[0];
            assert_eq!(received.body, bytes, "{fields}");
            assert_eq!(received.header("content-type"), Some(content_type), "{fields}");
        })
        .await;
    });
}

#[test]
fn methods_headers_and_no_body() {
    shared(async |world| {
        each(["POST", "PUT", "PATCH", "DELETE", "GET"], async |method| {
            let tenant = world.tenant().await;
            let payload = json!({"url": tenant.url("/ok"), "method": method, "headers": {"X-Own": "a  b\tc", "authorization": "Bearer hush"}});
            let done = tenant.complete(&json!({"kind": "webhook", "payload": payload})).await;
            assert_eq!(done["state"], "succeeded", "{method}");
            let received = &tenant.received()[0];
            assert_eq!(received.method, method);
            assert_eq!(received.header("x-own"), Some("a  b\tc"));
            assert_eq!(received.header("authorization"), Some("Bearer hush"));
            assert!(received.body.is_empty() && received.header("content-type").is_none(), "{method}");
            assert!(received.header("user-agent").unwrap().starts_with("Longshore/"));
            // Seconds of this attempt, as in Standard Webhooks.
            let at: u128 = received.header("webhook-timestamp").unwrap().parse().unwrap();
            assert!(received.at_ms.abs_diff(at * 1_000) < 5_000, "{at}");
        }).await;
    });
}

/// Every attempt is signed as Standard Webhooks requires: their library verifies it.
#[test]
fn signatures_are_those_of_the_endpoint() {
    shared(async |world| {
        let tenant = world.tenant().await;
        tenant.endpoint("orders", "/fail-times/1/signed", json!({"schedule": "fast"})).await;
        let secret = tenant.read("/v1/endpoints/orders/secret").await;
        assert_eq!(secret["previous_secret"], Value::Null);
        world.receiver.trust(&format!("/fail-times/1/signed/{}", tenant.name), secret["secret"].as_str().unwrap());
        let done = tenant.complete(&to_endpoint("orders")).await;
        assert_eq!((&done["state"], &done["attempts"]), (&json!("succeeded"), &json!(2)), "{done}");
        let received = tenant.received();
        assert!(received.iter().all(|request| request.signature == Signature::Valid), "{received:?}");
        assert_eq!(received[0].webhook_id(), received[1].webhook_id());
        assert_eq!(received[0].webhook_id(), done["id"], "the first job's id is the event's");
    });
}

/// A request that waits is answered as soon as the job has ended.
#[test]
fn a_waiting_request_ends_with_the_job() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let id = tenant.accept(&tenant.webhook("/slow/1500")).await;
        let began = Instant::now();
        let done = tenant.read(&format!("/v1/jobs/{id}?wait=30")).await;
        assert_eq!(done["state"], "succeeded");
        let took = began.elapsed();
        assert!(took > Duration::from_secs(1) && took < Duration::from_secs(15), "{took:?}");
        let mut later = tenant.webhook("/ok");
        later["run_after"] = json!(in_ms(3_600_000));
        let id = tenant.accept(&later).await;
        let began = Instant::now();
        assert_eq!(tenant.read(&format!("/v1/jobs/{id}?wait=1")).await["state"], "scheduled");
        assert!(began.elapsed() >= Duration::from_secs(1));
    });
}

#[test]
fn a_scheduled_job_waits_for_its_time() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let mut job = tenant.webhook("/ok");
        let at = in_ms(4_000);
        job["run_after"] = json!(at);
        let answer = tenant.api.post("/v1/jobs", &job).await.unwrap();
        assert_eq!((&answer.body["state"], &answer.body["run_after"]), (&json!("scheduled"), &json!(at)));
        let id = answer.body["id"].as_str().unwrap();
        let waiting = tenant.job(id).await;
        assert_eq!((&waiting["state"], &waiting["next_attempt_at"]), (&json!("scheduled"), &json!(at)));
        assert_eq!(tenant.ended(id).await["state"], "succeeded");
        let received = &tenant.received()[0];
        // A claim may be 2 s early, because queues round to seconds.
        let arrived = longshore::wire::time::rfc3339(i64::try_from(received.at_ms).unwrap() + 2_000);
        assert!(arrived >= at, "it ran at {arrived}, before {at}");
    });
}

/// Evidence shows everything that was sent and received, except secrets.
#[test]
fn evidence_shows_everything_except_secrets() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let hidden = json!({"headers": ["X-Batch"], "body_pointers": ["/card/number"]});
        // The headers of an endpoint are sealed, and hidden under any name.
        let headers = json!({"authorization": "Bearer canary-1", "x-plain": "canary-5"});
        tenant
            .endpoint("orders", "/status/418", json!({"max_attempts": 1, "headers": headers, "redact": hidden}))
            .await;
        let body = json!({"card": {"number": "canary-3", "name": "Ada"}});
        let headers = json!({"x-api-key": "canary-4", "x-batch": "canary-2", "x-seen": "yes"});
        let payload = json!({"body": body, "headers": headers});
        let dead = tenant.complete(&json!({"kind": "webhook", "endpoint": "orders", "payload": payload})).await;
        let id = dead["id"].as_str().unwrap();
        assert_eq!(dead["payload"]["headers"]["x-api-key"], "[sealed]");
        let evidence = tenant.evidence(id, 1).await;
        let (request, response) = (&evidence["request"], &evidence["response"]);
        let header = |of: &Value, name: &str| {
            let all = of["headers"].as_array().unwrap();
            all.iter().find(|pair| pair[0] == name).map(|pair| pair[1].clone()).unwrap_or_default()
        };
        for name in ["authorization", "x-plain", "x-batch", "x-api-key", "webhook-signature"] {
            assert_eq!(header(request, name), "[redacted]", "{name}");
        }
        assert_eq!(header(request, "x-seen"), "yes");
        assert_eq!(header(request, "webhook-id"), id);
        assert_eq!((&request["method"], &request["url"]), (&json!("POST"), &json!(tenant.url("/status/418"))));
        let kept: Value = serde_json::from_str(request["body"].as_str().unwrap()).unwrap();
        assert_eq!(kept, json!({"card": {"name": "Ada", "number": "[redacted]"}}));
        let received = &tenant.received()[0];
        // Anybody could find a hidden card number by trying all numbers against a plain digest.
        assert!(!evidence.to_string().contains(&URL_SAFE_NO_PAD.encode(Sha256::digest(&received.body))));
        assert!(request["body_sha256"].is_null() && request["body_hmac_sha256"].is_string(), "{request}");
        assert_eq!(request["body_bytes"], received.body.len());
        assert_eq!((&response["status"], &response["body_truncated"]), (&json!(418), &json!(false)));
        // The receiver's answer is not JSON, so all of it is hidden when pointers must be.
        assert_eq!(response["body"], "[redacted]");
        assert_eq!(evidence["error"]["class"], "http_4xx");
        assert_no_canary(world, &tenant.name, id).await;
    });
}

/// Checks that no secret is in a row, in evidence, in a log or in an answer.
async fn assert_no_canary(world: &crate::support::world::World, tenant: &str, id: &str) {
    let sql = "SELECT payload, log, error, result FROM jobs WHERE tenant = ?1";
    let rows = world.runner.query(sql, vec![json!(tenant)]).await.unwrap();
    let rows = serde_json::to_string(&rows).unwrap();
    // The body is the job's payload and must be stored; the header is sealed.
    assert!(rows.contains("canary-3") && !rows.contains("canary-4"), "{rows}");
    let endpoints = world.runner.query("SELECT * FROM endpoints WHERE tenant = ?1", vec![json!(tenant)]).await.unwrap();
    let mut texts = vec![serde_json::to_string(&endpoints).unwrap(), world.log()];
    for key in world.runner.r2_keys().await.unwrap() {
        let pack = String::from_utf8_lossy(&world.runner.r2_get(&key).await.unwrap().unwrap()).into_owned();
        texts.extend(pack.contains(id).then_some(pack));
    }
    assert!(texts.len() > 2, "the evidence is in a pack");
    for text in texts {
        let at = text.find("canary-").unwrap_or(text.len());
        assert!(at == text.len(), "…{}", &text[at.saturating_sub(200)..text.len().min(at + 20)]);
    }
}

/// An endpoint sets how much evidence is kept.
#[test]
fn evidence_follows_the_setting_of_the_endpoint() {
    shared(async |world| {
        let cases = [
            ("none", "/status/500", "off"),
            ("failures", "/ok", "off"),
            ("failures", "/status/500", "stored"),
            ("full", "/ok", "stored"),
        ];
        each(cases, async |(policy, behaviour, state)| {
            let tenant = world.tenant().await;
            tenant.endpoint("orders", behaviour, json!({"evidence": policy, "max_attempts": 1})).await;
            let done = tenant.complete(&to_endpoint("orders")).await;
            let id = done["id"].as_str().unwrap();
            assert_eq!(tenant.attempts(id).await[0]["evidence"]["state"], state, "{policy} {behaviour}");
            let path = format!("/v1/jobs/{id}/attempts/1/evidence");
            let answer = tenant.api.get(&path).await.unwrap();
            if state == "off" {
                assert_refused(&path, &answer, NOT_FOUND);
            } else {
                assert_eq!(answer.status, 200);
                assert_eq!(answer.header("content-security-policy"), Some("sandbox; default-src 'none'"));
            }
        })
        .await;
    });
}

/// Each attempt can be read: its end, its duration, and the version that ran it.
#[test]
fn attempts_are_listed() {
    shared(async |world| {
        let tenant = world.tenant().await;
        tenant.endpoint("orders", "/fail-times/1", json!({"schedule": "fast"})).await;
        let id = tenant.accept(&to_endpoint("orders")).await;
        let waiting = tenant.until(&id, "retrying").await;
        assert_eq!(waiting["error"]["class"], "http_5xx");
        tenant.ended(&id).await;
        let attempts = tenant.attempts(&id).await;
        assert_eq!(attempts.len(), 2);
        for (index, attempt) in attempts.iter().enumerate() {
            assert_eq!((&attempt["job_id"], &attempt["attempt"]), (&json!(id), &json!(index + 1)));
            assert!(attempt["duration_ms"].as_u64().is_some_and(|ms| ms < 20_000), "{attempt}");
            assert!(attempt["version"].as_str().is_some_and(|version| !version.is_empty()), "{attempt}");
            assert_eq!(attempt["evidence"]["state"], "stored", "{attempt}");
        }
        assert_eq!((&attempts[0]["state"], &attempts[0]["response"]["status"]), (&json!("failed"), &json!(500)));
        let error = json!({"class": "http_5xx", "fault": "destination", "message": "The destination answered 500.", "retryable": true});
        assert_eq!(attempts[0]["error"], error);
        assert!(attempts[0]["retry_at"].as_str().is_some());
        assert_eq!((&attempts[1]["state"], &attempts[1]["error"]), (&json!("succeeded"), &Value::Null));
        assert_eq!(attempts[1]["retry_at"], Value::Null);
    });
}

/// A running attempt is listed.
#[test]
fn a_running_attempt_is_listed() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let id = tenant.accept(&tenant.webhook("/slow/2000")).await;
        let seen = eventually(SOON, async || tenant.attempts(&id).await.pop()).await.unwrap();
        assert_eq!((&seen["state"], &seen["duration_ms"]), (&json!("running"), &Value::Null));
        assert_refused(
            "no evidence yet",
            &tenant.api.get(&format!("/v1/jobs/{id}/attempts/1/evidence")).await.unwrap(),
            NOT_FOUND,
        );
        assert_eq!(tenant.ended(&id).await["state"], "succeeded");
    });
}
