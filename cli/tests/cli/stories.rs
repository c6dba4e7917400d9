//! `why`, `wait`, `status` and `doctor`: what they tell, and their exit codes.

use serde_json::{Value, json};

use crate::support::{AT, Api, Reply, failed_job, job, page, run, run_at};

/// An API with one dead job of two attempts.
fn with_dead_job() -> Api {
    let attempt = |number: u32, evidence: &str| {
        json!({
            "job_id": "job_1", "attempt": number, "state": "failed", "ended_by": null, "started_at": AT, "duration_ms": 40,
            "retry_at": (number == 1).then_some("2026-11-02T08:00:05.040Z"), "version": "1", "request": null,
            "error": {"class": "http_5xx", "fault": "destination", "message": "answered 500", "retryable": true},
            "response": {"status": 500}, "evidence": {"state": evidence, "sha256": null},
        })
    };
    let record = json!({
        "v": 1, "tenant": "acme", "job_id": "job_1", "attempt": 1, "sent_at": AT, "duration_ms": 40, "version": "1",
        "error": null,
        "request": {"method": "POST", "url": "https://a.example/hook", "headers": [["webhook-id", "job_1"]],
            "body_bytes": 2, "body": "{}", "body_base64": null, "body_truncated": false},
        "response": {"status": 500, "headers": [["server", "nginx"]], "body_bytes": 4, "truncated": false,
            "body_error": null, "body": "oops", "body_base64": null, "body_truncated": false},
    });
    let attempts = [attempt(1, "stored"), attempt(2, "off")];
    Api::start(move |request, _| match request.target.as_str() {
        "/v1/jobs/job_1" => Reply::json(&failed_job("job_1", "dead", "answered 500")),
        "/v1/jobs/job_1/attempts" => page(&attempts, None),
        "/v1/jobs/job_1/attempts/1/evidence" => Reply::json(&record),
        _ => Reply::problem(404, "not-found", "not found", &json!([])),
    })
}

#[test]
fn the_story_of_a_dead_job_has_its_attempts_and_what_to_do() {
    let api = with_dead_job();
    let ran = run(&api, &["why", "job_1"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    for expected in [
        "job_1 is a webhook job to `orders`. It is dead: all attempts failed.\n",
        "failed, status 500, after 40 ms.\n  http_5xx, caused by the receiver: answered 500\n  Waits 5 s until",
        "\nAttempt 2, 2026-11-02T08:00:00.000Z (",
        "  longshore dead replay job_1\n",
    ] {
        assert!(ran.out.contains(expected), "{expected:?} is missing:\n{}", ran.out);
    }
    assert!(!ran.out.contains("nginx"), "bodies and headers need --full");
    let full = run(&api, &["why", "job_1", "--full"]);
    let sides =
        "  > POST https://a.example/hook\n  > webhook-id: job_1\n    {}\n  < 500\n  < server: nginx\n    oops\n";
    assert!(full.out.contains(sides) && full.out.contains("  No evidence (off)."), "{}", full.out);
    let whole = run(&api, &["why", "job_1", "--full", "-o", "json"]);
    let story: Value = serde_json::from_str(&whole.out).unwrap();
    assert_eq!((&story["job"]["id"], &story["attempts"][1]["attempt"]), (&json!("job_1"), &json!(2)));
    assert_eq!((&story["evidence"][0]["response"]["body"], &story["evidence"][1]), (&json!("oops"), &Value::Null));
}

#[test]
fn a_wait_ends_with_the_job_and_its_success() {
    let waits = |last: &'static str| {
        Api::start(move |_, number| Reply::json(&job("job_1", if number < 2 { "running" } else { last })))
    };
    for (last, code) in [("succeeded", 0), ("dead", 1), ("cancelled", 1)] {
        let api = waits(last);
        let ran = run(&api, &["jobs", "wait", "job_1", "--timeout", "600"]);
        assert_eq!((ran.code, api.received().len()), (code, 3), "{ran:?}");
        assert_eq!(api.received()[0].target, "/v1/jobs/job_1?wait=30");
    }
    let interrupted = Api::start(|_, number| match number {
        0 => Reply::new(502, "<html>"),
        _ => Reply::json(&job("job_1", "succeeded")),
    });
    let ran = run(&interrupted, &["jobs", "wait", "job_1"]);
    assert!(ran.code == 0 && ran.err.contains("answered 502"), "an interruption does not end the wait: {ran:?}");
    let late = run(&Api::of(Reply::json(&job("job_1", "running"))), &["jobs", "wait", "job_1", "--timeout", "0"]);
    assert!(late.code == 1 && late.err.contains("job_1 is still `running`"), "{late:?}");
}

/// An API with this readiness, whose key has the scopes `jobs:read` and `operate`.
fn deployment(change: &Value) -> Api {
    let mut readiness = json!({
        "ready": true, "consumer_tick_age_seconds": 20, "producer_tick_age_seconds": 30, "oldest_due_seconds": 0,
        "paused": false, "storage_full": false, "restoring": false, "daily_limit": null, "key_rotation": null,
    });
    readiness.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    let status = if readiness["ready"] == true { 200 } else { 503 };
    let forbidden =
        |scope: &str| Reply::problem(403, "forbidden", &format!("The key lacks the scope `{scope}`"), &json!([]));
    Api::start(move |request, _| match (request.method.as_str(), request.target.as_str()) {
        (_, "/healthz") => Reply::json(&json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")}))
            .header("Date", "Mon, 02 Nov 2026 08:00:00 GMT"),
        (_, "/readyz") => Reply::new(status, readiness.to_string()),
        (_, "/v1/jobs/batch") => forbidden("jobs:write"),
        ("GET", "/v1/jobs?limit=1") => page(&[], None),
        (_, "/v1/jobs/none/retry") => Reply::problem(404, "not-found", "Job `none` not found", &json!([])),
        _ => forbidden("admin"),
    })
}

#[test]
fn the_status_is_its_exit_code() {
    for (change, code, begin) in [
        (json!({}), 0, "ok: http://"),
        (json!({"paused": true}), 1, "degraded: http://"),
        (json!({"oldest_due_seconds": 400}), 1, "degraded: http://"),
        (json!({"ready": false, "storage_full": true}), 2, "failing: http://"),
    ] {
        let api = deployment(&change);
        let ran = run(&api, &["status"]);
        assert!(ran.code == code && ran.out.starts_with(begin), "{change}: {ran:?}");
        let as_json: Value = serde_json::from_str(&run(&api, &["status", "-o", "json"]).out).unwrap();
        assert_eq!(as_json["status"], begin.split(':').next().unwrap());
        assert_eq!(as_json["health"]["status"], "ok");
    }
    let nobody = run_at("http://127.0.0.1:1", &["status"]);
    assert!(nobody.code == 2 && nobody.out.contains("out of reach"), "{nobody:?}");
    let unavailable = Api::start(|request, _| match request.target.as_str() {
        "/healthz" => Reply::json(&json!({"status": "ok", "version": "0.1.0"})),
        _ => Reply::problem(503, "unavailable", "The database does not answer", &json!([])),
    });
    let ran = run(&unavailable, &["status"]);
    assert!(ran.code == 2 && ran.out.contains("The database does not answer"), "{ran:?}");
}

#[test]
fn the_doctor_finds_scopes_and_what_is_wrong() {
    let api = deployment(&json!({"ready": false, "consumer_tick_age_seconds": 900}));
    let ran = run(&api, &["doctor"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    for expected in [
        "ok    address: http://127.0.0.1:",
        "ok    version: ",
        "fail  clock: the clocks differ by ",
        "ok    key: key 0101010101010101 has jobs:read, operate\n",
        "fail  sweep: the cron ticked 15 min ago. See docs/operations.md",
        "ok    schedules: the cron ticked 30 s ago\n",
    ] {
        assert!(ran.out.contains(expected), "{expected:?} is missing:\n{}", ran.out);
    }
    let nobody = run_at("http://127.0.0.1:1", &["doctor"]);
    assert!(nobody.code == 3 && nobody.out.starts_with("fail  address: "), "{nobody:?}");
}
