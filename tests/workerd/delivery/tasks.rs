//! Tasks: job types that users define, run by the example Worker over a real service binding, and by an HTTP handler.

use longshore_kit::client::eventually;
use serde_json::{Value, json};

use crate::support::tenant::{SOON, Tenant};
use crate::support::world::{alone, shared};

/// Body of a task.
fn task(kind: &str, endpoint: &str, payload: &Value) -> Value {
    json!({"kind": kind, "endpoint": endpoint, "payload": payload, "retry_schedule": "fast"})
}

async fn put(tenant: &Tenant<'_>, id: &str, endpoint: &Value) -> Value {
    let answer = tenant.api.put(&format!("/v1/endpoints/{id}"), endpoint).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body
}

async fn add_example(tenant: &Tenant<'_>) {
    put(tenant, "example", &json!({"service": "HANDLER_EXAMPLE", "timeout_seconds": 120})).await;
}

/// Waits until the attempt of a job was deferred.
async fn deferred(tenant: &Tenant<'_>, id: &str) -> Value {
    let due = async || Some(tenant.job(id).await).filter(|job| !job["completion_due_at"].is_null());
    eventually(SOON, due).await.expect("a deferred attempt")
}

/// A job whose attempt was deferred.
pub(crate) async fn deferred_job(tenant: &Tenant<'_>) -> String {
    add_example(tenant).await;
    let id = tenant.accept(&task("report.build", "example", &json!({}))).await;
    deferred(tenant, &id).await;
    id
}

#[test]
fn a_service_runs_a_task_and_its_answer_is_the_result() {
    shared(async |world| {
        let tenant = world.tenant().await;
        add_example(&tenant).await;
        let done = tenant.complete(&task("text.count", "example", &json!({"text": "three little words"}))).await;
        assert_eq!((&done["state"], &done["endpoint"]), (&json!("succeeded"), &json!("example")));
        assert_eq!(done["result"], json!({"words": 3, "characters": 18}));
        let attempts = tenant.attempts(done["id"].as_str().unwrap()).await;
        assert_eq!(attempts[0]["request"]["url"], "https://service.longshore.internal/");
        let headers = attempts[0]["request"]["headers"].to_string();
        assert!(headers.contains("longshore-kind") && headers.contains("text.count"), "{headers}");
    });
}

#[test]
fn an_http_handler_gets_the_task_it_runs() {
    shared(async |world| {
        let tenant = world.tenant().await;
        put(&tenant, "http", &json!({"url": tenant.url("/ok"), "timeout_seconds": 300})).await;
        let done = tenant.complete(&task("image.thumbnail", "http", &json!({"timeout_seconds": "mine"}))).await;
        assert_eq!((&done["state"], &done["result"]), (&json!("succeeded"), &Value::Null));
        let received = tenant.received();
        let header = |name: &str| received[0].headers[name].to_str().unwrap().to_owned();
        assert_eq!(received.len(), 1);
        assert_eq!(received[0].body.as_ref(), br#"{"timeout_seconds":"mine"}"#);
        let id = done["id"].as_str().unwrap();
        for (name, value) in [
            ("webhook-id", id),
            ("longshore-job", id),
            ("longshore-kind", "image.thumbnail"),
            ("longshore-attempt", "1"),
        ] {
            assert_eq!(header(name), value, "{name}");
        }
        assert!(header("webhook-signature").starts_with("v1,") && header("longshore-deadline").ends_with('Z'));
    });
}

#[test]
fn a_deferred_task_is_completed_once() {
    shared(async |world| {
        let tenant = world.tenant().await;
        add_example(&tenant).await;
        let id = tenant.accept(&task("report.build", "example", &json!({}))).await;
        let job = deferred(&tenant, &id).await;
        assert_eq!((&job["state"], &job["attempts"]), (&json!("running"), &json!(1)));
        assert_eq!(tenant.attempts(&id).await[0]["state"], "deferred");
        // A sweep in between does not touch it.
        world.runner.tick_consumer().await.unwrap();
        let complete = format!("/v1/jobs/{id}/complete");
        let other = tenant.api.post(&complete, &json!({"attempt": 2})).await.unwrap();
        assert_eq!((other.status, &other.body["type"]), (409, &json!("urn:problem-type:longshore:illegal-transition")));
        for _ in 0..2 {
            let answer = tenant.api.post(&complete, &json!({"result": {"pages": 12}, "attempt": 1})).await.unwrap();
            assert_eq!((answer.status, &answer.body["state"]), (200, &json!("succeeded")), "{}", answer.body);
            assert_eq!(answer.body["result"], json!({"pages": 12}));
        }
        let late = tenant.api.post(&format!("/v1/jobs/{id}/fail"), &json!({"message": "no"})).await.unwrap();
        assert_eq!(late.status, 409);
        let attempts = tenant.attempts(&id).await;
        assert_eq!((attempts.len(), &attempts[0]["state"]), (1, &json!("succeeded")));
        assert_eq!(attempts[0]["evidence"]["state"], "stored", "the handler's answer is kept");
    });
}

/// Starts two tasks in one batch: the handler defers one after this many milliseconds, and still runs the other when
/// the first is answered. Returns the id of the first once its request has arrived.
async fn beside_a_slow_one(tenant: &Tenant<'_>, defers_after_ms: u32) -> String {
    let (slow, deferring) = (tenant.url("/slow/20000"), tenant.url(&format!("/defer/{defers_after_ms}")));
    put(tenant, "slow", &json!({"url": slow, "timeout_seconds": 60})).await;
    put(tenant, "deferring", &json!({"url": deferring, "timeout_seconds": 60})).await;
    let jobs = ["slow", "deferring"].map(|endpoint| task("report.build", endpoint, &json!({})));
    let ids = tenant.accept_all(&jobs).await;
    eventually(SOON, async || (tenant.received().len() == 2).then_some(())).await.expect("both requests");
    ids[1].clone()
}

/// Returns the first attempt of a job once the answer to its request is recorded.
async fn answered(tenant: &Tenant<'_>, id: &str) -> Value {
    let first = async || Some(tenant.attempts(id).await.remove(0)).filter(|attempt| !attempt["response"].is_null());
    eventually(SOON, first).await.expect("an attempt with its response")
}

#[test]
fn a_task_is_completed_before_its_deferral_is_settled() {
    shared(async |world| {
        // The handler calls before it answers, and just after.
        for defers_after_ms in [5_000, 0] {
            let tenant = world.tenant().await;
            let id = beside_a_slow_one(&tenant, defers_after_ms).await;
            let complete = format!("/v1/jobs/{id}/complete");
            let body = json!({"result": {"pages": 12}, "attempt": 1});
            for _ in 0..2 {
                let answer = tenant.api.post(&complete, &body).await.unwrap();
                assert_eq!((answer.status, &answer.body["state"]), (200, &json!("succeeded")), "{}", answer.body);
                assert_eq!(answer.body["result"], json!({"pages": 12}));
            }
            let attempt = answered(&tenant, &id).await;
            assert_eq!((&attempt["state"], &attempt["ended_by"]), (&json!("succeeded"), &json!("completion")));
            assert_eq!(
                (&attempt["response"]["status"], &attempt["evidence"]["state"]),
                (&json!(202), &json!("stored"))
            );
            assert_eq!(tenant.evidence(&id, 1).await["response"]["status"], 202);
            // The handler's answer changed nothing, and the completion is still known.
            let again = tenant.api.post(&complete, &body).await.unwrap();
            assert_eq!((again.status, &again.body["state"]), (200, &json!("succeeded")), "{}", again.body);
            for (path, other) in [("complete", json!({"result": {"pages": 13}})), ("fail", json!({"message": "no"}))] {
                let answer = tenant.api.post(&format!("/v1/jobs/{id}/{path}"), &other).await.unwrap();
                assert_eq!(answer.status, 409, "{}", answer.body);
                assert_eq!(
                    answer.body["detail"],
                    "Attempt 1 was completed with another outcome; the job is `succeeded`"
                );
            }
            assert_eq!(tenant.attempts(&id).await.len(), 1);
        }
    });
}

#[test]
fn a_task_that_fails_before_it_answers_is_tried_again() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let id = beside_a_slow_one(&tenant, 15_000).await;
        let fail = format!("/v1/jobs/{id}/fail");
        let body = json!({"message": "out of memory", "attempt": 1});
        let failed = tenant.api.post(&fail, &body).await.unwrap();
        assert_eq!((failed.status, &failed.body["state"]), (200, &json!("retrying")), "{}", failed.body);
        // The next attempt is sent while the first one waits for its answer.
        let second = async || Some(tenant.job(&id).await).filter(|job| job["attempts"] == 2);
        eventually(SOON, second).await.expect("a second attempt");
        let again = tenant.api.post(&fail, &body).await.unwrap();
        assert_eq!((again.status, &again.body["attempts"]), (200, &json!(2)), "{}", again.body);
        let done = tenant.api.post(&format!("/v1/jobs/{id}/complete"), &json!({"attempt": 2})).await.unwrap();
        assert_eq!((done.status, &done.body["state"]), (200, &json!("succeeded")), "{}", done.body);
        let first = answered(&tenant, &id).await;
        assert_eq!((&first["state"], &first["response"]["status"]), (&json!("failed"), &json!(202)));
        assert_eq!((&first["ended_by"], &first["error"]["message"]), (&json!("completion"), &json!("out of memory")));
        let job = tenant.job(&id).await;
        assert_eq!((&job["state"], &job["attempts"], &job["result"]), (&json!("succeeded"), &json!(2), &Value::Null));
    });
}

#[test]
fn an_attempt_ended_without_a_completion_is_not_completed() {
    shared(async |world| {
        let tenant = world.tenant().await;
        add_example(&tenant).await;
        put(&tenant, "broken", &json!({"url": tenant.url("/status/500"), "timeout_seconds": 5})).await;
        put(&tenant, "hanging", &json!({"url": tenant.url("/slow/30000"), "timeout_seconds": 1})).await;
        let once = |endpoint: &str| {
            let mut body = task("report.build", endpoint, &json!({}));
            body["max_attempts"] = json!(1);
            body
        };
        let counted = task("text.count", "example", &json!({"text": "a"}));
        for (job, state, why) in [
            (counted, "succeeded", "ended without a completion"),
            (once("broken"), "dead", "ended without a completion"),
            (once("hanging"), "dead", "ended without a completion"),
            (tenant.webhook("/ok"), "succeeded", "Only a task can be completed"),
        ] {
            let done = tenant.complete(&job).await;
            assert_eq!(done["state"], state);
            let id = done["id"].as_str().unwrap();
            // Refused even with the result or the error that the job already has.
            let message = &done["error"]["message"];
            for (path, body) in [
                ("complete", json!({})),
                ("complete", json!({"result": done["result"], "attempt": 1})),
                ("fail", json!({})),
                ("fail", json!({"message": message.as_str().unwrap_or("no")})),
            ] {
                let answer = tenant.api.post(&format!("/v1/jobs/{id}/{path}"), &body).await.unwrap();
                assert_eq!(answer.status, 409, "{body}: {}", answer.body);
                assert!(answer.body["detail"].as_str().unwrap().contains(why), "{}", answer.body);
            }
            assert_eq!(tenant.attempts(id).await[0]["ended_by"], Value::Null);
        }
    });
}

#[test]
fn a_deferred_task_that_fails_is_tried_again_or_dies() {
    shared(async |world| {
        let tenant = world.tenant().await;
        add_example(&tenant).await;
        let id = tenant.accept(&task("report.build", "example", &json!({}))).await;
        deferred(&tenant, &id).await;
        let fail = format!("/v1/jobs/{id}/fail");
        let bad = tenant.api.post(&fail, &json!({"message": "", "retry_after_seconds": 0})).await.unwrap();
        let pointers: Vec<_> = bad.body["errors"].as_array().unwrap().iter().map(|e| e["pointer"].clone()).collect();
        assert_eq!((bad.status, pointers), (422, vec![json!("#/message"), json!("#/retry_after_seconds")]));
        let first = tenant.api.post(&fail, &json!({"message": "out of memory"})).await.unwrap();
        assert_eq!((first.status, &first.body["state"]), (200, &json!("retrying")));
        assert_eq!(first.body["error"]["message"], "out of memory");
        let second = async || {
            Some(tenant.job(&id).await).filter(|job| job["attempts"] == 2 && job["completion_due_at"] != Value::Null)
        };
        eventually(SOON, second).await.expect("a second attempt");
        let last = tenant.api.post(&fail, &json!({"message": "no such report", "retryable": false})).await.unwrap();
        assert_eq!((&last.body["state"], &last.body["error"]["class"]), (&json!("dead"), &json!("handler")));
        let letter = tenant.api.get(&format!("/v1/dead-letters/{id}")).await.unwrap();
        assert_eq!(letter.body["reason"], "not_retryable");
    });
}

#[test]
fn a_completion_that_never_comes_is_a_timeout() {
    shared(async |world| {
        let tenant = world.tenant().await;
        add_example(&tenant).await;
        let body = json!({"max_attempts": 1, "kind": "report.build", "endpoint": "example", "payload": {}});
        let id = tenant.accept(&body).await;
        deferred(&tenant, &id).await;
        // Ten minutes later; a row that is long overdue is due again.
        let sql = "UPDATE jobs SET lease_until = CAST(unixepoch('subsec') * 1000 AS INTEGER) - 1, next_check_at = 1 WHERE id = ?1";
        world.runner.query(sql, vec![json!(id)]).await.unwrap();
        world.runner.tick_consumer().await.unwrap();
        let job = tenant.job(&id).await;
        assert_eq!((&job["state"], &job["error"]["class"]), (&json!("dead"), &json!("timeout")));
        assert_eq!(tenant.attempts(&id).await[0]["state"], "failed");
        let late = tenant.api.post(&format!("/v1/jobs/{id}/complete"), &json!({})).await.unwrap();
        assert_eq!(late.status, 409);
    });
}

#[test]
fn a_task_with_a_retry_after_spends_no_failure() {
    shared(async |world| {
        let tenant = world.tenant().await;
        add_example(&tenant).await;
        let body = json!({"max_attempts": 1, "kind": "quota.spend", "endpoint": "example", "payload": {}});
        let done = tenant.complete(&body).await;
        assert_eq!((&done["state"], &done["attempts"]), (&json!("succeeded"), &json!(2)));
    });
}

#[test]
fn a_long_task_does_not_block_webhooks() {
    // A separate runner: locally one batch of tasks runs at a time, and tasks of other tests would wait for this one.
    alone(
        "long-task",
        |_| {},
        async |world| {
            let tenant = world.tenant().await;
            add_example(&tenant).await;
            let long = tenant.accept(&task("file.convert", "example", &json!({"seconds": 45}))).await;
            let running = async || Some(tenant.job(&long).await).filter(|job| job["state"] == "running");
            eventually(SOON, running).await.expect("a running task");
            for _ in 0..3 {
                assert_eq!(tenant.complete(&tenant.webhook("/ok")).await["state"], "succeeded");
            }
            assert_eq!(tenant.job(&long).await["state"], "running", "the webhooks overtook it");
            // Longer than a lease: heartbeats keep it, and no second attempt is made.
            let done = tenant.ended(&long).await;
            assert_eq!((&done["state"], &done["attempts"]), (&json!("succeeded"), &json!(1)));
        },
    );
}

#[test]
fn a_missing_binding_holds_its_jobs() {
    shared(async |world| {
        let tenant = world.tenant().await;
        put(&tenant, "absent", &json!({"service": "HANDLER_ABSENT", "path": "/x?y=1"})).await;
        let id = tenant.accept(&task("text.count", "absent", &json!({"text": "a"}))).await;
        let held = async || Some(tenant.job(&id).await).filter(|job| job["state"] == "held");
        let job = eventually(SOON, held).await.expect("a held job");
        assert_eq!((&job["error"]["class"], &job["error"]["retryable"]), (&json!("config"), &json!(true)));
        let endpoint = tenant.api.get("/v1/endpoints/absent").await.unwrap().body;
        assert_eq!((&endpoint["state"], &endpoint["paused_reason"]), (&json!("paused"), &json!("config")));
        assert_eq!((&endpoint["url"], &endpoint["path"]), (&Value::Null, &json!("/x?y=1")));
        // A sweep does not release it until the endpoint is repaired and resumed.
        world.runner.tick_consumer().await.unwrap();
        assert_eq!(tenant.job(&id).await["state"], "held");
        put(&tenant, "absent", &json!({"service": "HANDLER_EXAMPLE"})).await;
        tenant.api.post("/v1/endpoints/absent/resume", &json!({})).await.unwrap();
        world.runner.tick_consumer().await.unwrap();
        let done = tenant.ended(&id).await;
        assert_eq!((&done["state"], &done["attempts"]), (&json!("succeeded"), &json!(2)));
        let failures = world.number("SELECT failures FROM jobs WHERE id = ?1", vec![json!(id)]).await;
        assert_eq!(failures, 0, "a hold spends no failure");
    });
}

#[test]
fn invalid_tasks_are_refused() {
    shared(async |world| {
        let tenant = world.tenant().await;
        add_example(&tenant).await;
        let refused = [
            (json!({"kind": "text", "endpoint": "example", "payload": {}}), "#/kind", "unknown-kind"),
            (json!({"kind": "Text.count", "endpoint": "example", "payload": {}}), "#/kind", "unknown-kind"),
            (json!({"kind": "text.count", "payload": {}}), "#/endpoint", "missing-field"),
            (json!({"kind": "text.count", "endpoint": "a b", "payload": {}}), "#/endpoint", "invalid-name"),
            (json!({"kind": "text.count", "endpoint": "none", "payload": {}}), "#/endpoint", "unknown-endpoint"),
            (
                json!({"kind": "webhook", "endpoint": "example", "payload": {"url": "https://example.com"}}),
                "#/payload/url",
                "either-or",
            ),
        ];
        for (body, pointer, code) in refused {
            let answer = tenant.api.post("/v1/jobs", &body).await.unwrap();
            let error = &answer.body["errors"][0];
            assert_eq!(
                (answer.status, &error["pointer"], &error["code"]),
                (422, &json!(pointer), &json!(code)),
                "{body}"
            );
        }
        let endpoints = [
            (json!({"service": "DB"}), "#/service", "invalid-name"),
            (json!({"service": "HANDLER_"}), "#/service", "invalid-name"),
            (json!({"service": "HANDLER_A", "url": "https://example.com"}), "#/service", "either-or"),
            (json!({"url": "https://example.com", "path": "/a"}), "#/path", "either-or"),
            (json!({"service": "HANDLER_A", "path": "a"}), "#/path", "invalid-path"),
            (json!({"service": "HANDLER_A", "path": "//evil.example/x"}), "#/path", "invalid-path"),
            (json!({"service": "HANDLER_A", "path": "/\\evil.example/x"}), "#/path", "invalid-path"),
            (json!({"service": "HANDLER_A", "timeout_seconds": 601}), "#/timeout_seconds", "out-of-range"),
            (json!({}), "#/url", "missing-field"),
        ];
        for (body, pointer, code) in endpoints {
            let answer = tenant.api.put("/v1/endpoints/bad", &body).await.unwrap();
            let error = &answer.body["errors"][0];
            assert_eq!(
                (answer.status, &error["pointer"], &error["code"]),
                (422, &json!(pointer), &json!(code)),
                "{body}"
            );
        }
        assert_eq!(tenant.count_jobs().await, 0);
    });
}
