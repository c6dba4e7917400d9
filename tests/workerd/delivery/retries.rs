//! Failures: which ones are retried and when, what ends a job, and what the dead letter then shows.

use serde_json::{Value, json};

use crate::support::tenant::{in_ms, to_endpoint};
use crate::support::world::{each, shared};

#[test]
fn a_failing_job_is_retried_until_it_succeeds() {
    shared(async |world| {
        let tenant = world.tenant().await;
        tenant.endpoint("orders", "/fail-times/2", json!({"schedule": "fast"})).await;
        let done = tenant.complete(&to_endpoint("orders")).await;
        assert_eq!((&done["state"], &done["attempts"], &done["error"]), (&json!("succeeded"), &json!(3), &Value::Null));
        let received = tenant.received();
        assert_eq!(received.len(), 3);
        assert!(received.iter().all(|request| request.webhook_id() == done["id"]));
        // The schedule waits 1 s and 5 s with 20 % of jitter; a claim may be 2 s early, because queues round to
        // seconds.
        let waited = received[2].at_ms - received[1].at_ms;
        assert!(waited >= 2_000, "{waited} ms");
    });
}

#[test]
fn a_failing_job_dies_when_its_attempts_are_spent() {
    shared(async |world| {
        let tenant = world.tenant().await;
        tenant.endpoint("orders", "/status/503", json!({"schedule": "fast", "max_attempts": 2})).await;
        let dead = tenant.complete(&to_endpoint("orders")).await;
        let id = dead["id"].as_str().unwrap();
        assert_eq!((&dead["state"], &dead["attempts"]), (&json!("dead"), &json!(2)));
        let told = (&dead["dead_reason"], &dead["dead_letter_state"]);
        assert_eq!(told, (&json!("attempts_exhausted"), &json!("open")));
        let error = json!({"class": "http_5xx", "fault": "destination", "message": "The destination answered 503.", "retryable": true});
        let letter = tenant.read(&format!("/v1/dead-letters/{id}")).await;
        let attempts = tenant.attempts(id).await;
        assert_eq!(
            letter,
            json!({
                "id": id, "state": "open", "reason": "attempts_exhausted",
                "cause": dead["cause"], "kind": "webhook",
                "tenant": tenant.name, "endpoint": "orders", "error": error, "attempts": 2, "metadata": null,
                "first_failed_at": attempts[0]["started_at"], "died_at": dead["finished_at"],
                "expires_at": letter["expires_at"], "replayed_by": null, "note": null,
            })
        );
        let days =
            |field: &str| longshore::wire::time::parse_rfc3339(letter[field].as_str().unwrap()).unwrap() / 86_400_000;
        assert_eq!(days("expires_at") - days("died_at"), 30);
        assert_eq!(tenant.read("/v1/dead-letters").await["data"], json!([letter]));
        assert_eq!(dead["payload"]["body"], json!({"n": 1}), "a dead letter keeps its payload");
    });
}

/// Each status has its class; every class except that of 410 is retried.
#[test]
fn every_answer_but_2xx_is_a_failure() {
    shared(async |world| {
        let cases = [
            (400, "http_4xx"),
            (401, "http_4xx"),
            (404, "http_4xx"),
            (418, "http_4xx"),
            (429, "http_429"),
            (500, "http_5xx"),
            (502, "http_5xx"),
            (504, "http_5xx"),
            (304, "http_3xx"),
            (600, "http_4xx"),
        ];
        let tenant = world.tenant().await;
        each(cases, async |(status, class)| {
            let mut job = tenant.webhook(&format!("/status/{status}"));
            job["max_attempts"] = json!(1);
            let dead = tenant.complete(&job).await;
            let error = &dead["error"];
            assert_eq!(
                (&dead["state"], &error["class"], &error["retryable"]),
                (&json!("dead"), &json!(class), &json!(true)),
                "{status}"
            );
        })
        .await;
        each([200, 201, 202, 204, 206, 299], async |status| {
            let done = tenant.complete(&tenant.webhook(&format!("/status/{status}"))).await;
            assert_eq!((&done["state"], &done["result"]["status"]), (&json!("succeeded"), &json!(status)));
        })
        .await;
    });
}

/// A 410 ends the job at once and pauses the endpoint.
#[test]
fn gone_dead_letters_the_job_and_pauses_the_endpoint() {
    shared(async |world| {
        let tenant = world.tenant().await;
        tenant.endpoint("orders", "/gone", json!({})).await;
        let dead = tenant.complete(&to_endpoint("orders")).await;
        assert_eq!((&dead["state"], &dead["attempts"]), (&json!("dead"), &json!(1)));
        let letter = tenant.read(&format!("/v1/dead-letters/{}", dead["id"].as_str().unwrap())).await;
        assert_eq!((&letter["reason"], &letter["error"]["class"]), (&json!("not_retryable"), &json!("http_410")));
        let endpoint = tenant.read("/v1/endpoints/orders").await;
        assert_eq!((&endpoint["state"], &endpoint["paused_reason"]), (&json!("paused"), &json!("gone")));
        let id = tenant.accept(&to_endpoint("orders")).await;
        tenant.until(&id, "held").await;
        assert_eq!(tenant.received().len(), 1, "no further request is sent");
        // A resume after a change of the address sends the held jobs.
        tenant.endpoint("orders", "/ok", json!({})).await;
        assert_eq!(tenant.act("/v1/endpoints/orders/resume").await.body["paused_reason"], Value::Null);
        assert_eq!(tenant.ended(&id).await["state"], "succeeded");
    });
}

/// A Retry-After delays the next attempt, and does not spend the job's only attempt.
#[test]
fn retry_after_is_honoured_and_spends_no_failure() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let mut job = tenant.webhook("/retry-after/4/1");
        job["max_attempts"] = json!(1);
        let id = tenant.accept(&job).await;
        let waiting = tenant.until(&id, "retrying").await;
        assert_eq!(waiting["error"]["class"], "http_429");
        let done = tenant.ended(&id).await;
        assert_eq!((&done["state"], &done["attempts"]), (&json!("succeeded"), &json!(2)));
        let received = tenant.received();
        let waited = received[1].at_ms - received[0].at_ms;
        assert!(waited >= 2_000, "4 s less the tolerance of a claim: {waited} ms");
    });
}

/// A 429 without a Retry-After is a failure like any other.
#[test]
fn too_many_requests_without_a_time_spends_a_failure() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let mut job = tenant.webhook("/status/429");
        job["max_attempts"] = json!(1);
        assert_eq!(tenant.complete(&job).await["state"], "dead");
    });
}

/// A retry that would come after the deadline is not made.
#[test]
fn a_deadline_ends_the_retries() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let mut job = tenant.webhook("/status/500");
        // The first retry of the default schedule comes after 4 to 6 s.
        job["deadline_at"] = json!(in_ms(3_500));
        let dead = tenant.complete(&job).await;
        assert_eq!((&dead["state"], &dead["attempts"]), (&json!("dead"), &json!(1)), "{dead}");
        let letter = tenant.read(&format!("/v1/dead-letters/{}", dead["id"].as_str().unwrap())).await;
        assert_eq!(letter["reason"], "deadline");
    });
}

/// A job that waits past its deadline dies without having been sent.
#[test]
fn a_deadline_passes_while_a_job_is_held() {
    shared(async |world| {
        let tenant = world.tenant().await;
        tenant.endpoint("orders", "/ok", json!({})).await;
        tenant.act("/v1/endpoints/orders/pause").await;
        let mut job = to_endpoint("orders");
        job["deadline_at"] = json!(in_ms(1_500));
        let id = tenant.accept(&job).await;
        tenant.until(&id, "held").await;
        let deadline = longshore::wire::time::parse_rfc3339(job["deadline_at"].as_str().unwrap()).unwrap();
        let wait = u64::try_from(deadline - longshore::wire::time::parse_rfc3339(&in_ms(0)).unwrap()).unwrap_or(0);
        tokio::time::sleep(std::time::Duration::from_millis(wait + 100)).await;
        tenant.act("/v1/endpoints/orders/resume").await;
        let dead = tenant.ended(&id).await;
        assert_eq!((&dead["state"], &dead["attempts"]), (&json!("dead"), &json!(0)));
        assert_eq!(tenant.read(&format!("/v1/dead-letters/{id}")).await["reason"], "deadline");
        assert!(tenant.received().is_empty());
    });
}

/// An endpoint may list classes that are not retried.
#[test]
fn an_endpoint_dead_letters_the_classes_it_lists() {
    shared(async |world| {
        let tenant = world.tenant().await;
        tenant.endpoint("orders", "/status/404", json!({"dead_letter_on": ["http_4xx"]})).await;
        let dead = tenant.complete(&to_endpoint("orders")).await;
        assert_eq!((&dead["state"], &dead["attempts"]), (&json!("dead"), &json!(1)));
        let letter = tenant.read(&format!("/v1/dead-letters/{}", dead["id"].as_str().unwrap())).await;
        assert_eq!(letter["reason"], "not_retryable");
    });
}

/// A job's settings override its endpoint's.
#[test]
fn a_job_may_have_fewer_attempts_than_its_endpoint() {
    shared(async |world| {
        let tenant = world.tenant().await;
        tenant.endpoint("orders", "/status/500", json!({"schedule": "fast", "max_attempts": 5})).await;
        let mut job = to_endpoint("orders");
        job["max_attempts"] = json!(1);
        let dead = tenant.complete(&job).await;
        assert_eq!((&dead["state"], &dead["attempts"], &dead["max_attempts"]), (&json!("dead"), &json!(1), &json!(1)));
        job["max_attempts"] = json!(null);
        job["retry_schedule"] = json!("once");
        let dead = tenant.complete(&job).await;
        assert_eq!((&dead["state"], &dead["attempts"]), (&json!("dead"), &json!(1)), "{dead}");
    });
}

/// A refused connection, and an address that is not allowed any longer: no request arrives, and the job shows the
/// reason.
#[test]
fn destinations_that_cannot_be_reached() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let refusing = json!({"kind": "webhook", "max_attempts": 1, "payload": {"url": "http://127.0.0.1:9/"}});
        let dead = tenant.complete(&refusing).await;
        assert_eq!((&dead["state"], &dead["error"]["class"]), (&json!("dead"), &json!("connect")), "{dead}");
        let id = dead["id"].as_str().unwrap();
        let evidence = tenant.evidence(id, 1).await;
        assert_eq!(evidence["response"], Value::Null);
        assert_eq!(evidence["request"]["url"], "http://127.0.0.1:9/");
    });
}

/// The attempt ends at its deadline, even if the receiver keeps the connection open.
#[test]
fn a_receiver_that_never_answers() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let payload = json!({"url": tenant.url("/hang-times/9"), "timeout_seconds": 1});
        let dead = tenant.complete(&json!({"kind": "webhook", "max_attempts": 1, "payload": payload})).await;
        assert_eq!((&dead["state"], &dead["error"]["class"]), (&json!("dead"), &json!("timeout")), "{dead}");
        let duration = tenant.attempts(dead["id"].as_str().unwrap()).await[0]["duration_ms"].as_u64().unwrap();
        assert!((900..3_000).contains(&duration), "{duration} ms");
    });
}
