//! Bad input: each wrong field of a job is named by its pointer and a code, and nothing is written.

use serde_json::{Value, json};

use crate::support::refusal::{Refusal, assert_problem, assert_refused, invalid};
use crate::support::tenant::{Tenant, in_ms};
use crate::support::world::shared;

const DAY_MS: i64 = 86_400_000;

/// Checks that each job is refused, alone and in a batch beside a good one, and that only the good ones exist
/// afterwards.
pub(crate) async fn assert_jobs_refused(tenant: &Tenant<'_>, cases: &[(Value, Refusal)]) {
    for (job, expected) in cases {
        let what = job.to_string();
        let answer = tenant.api.post("/v1/jobs", job).await.unwrap();
        assert_refused(&what, &answer, *expected);
    }
    assert_eq!(tenant.count_jobs().await, 0);
    let mut jobs: Vec<&Value> = cases.iter().map(|(job, _)| job).collect();
    let good = tenant.webhook("/ok");
    jobs.push(&good);
    let answer = tenant.api.post("/v1/jobs/batch", &json!({"jobs": jobs})).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.body["summary"], json!({"accepted": 1, "duplicates": 0, "rejected": cases.len()}));
    for ((job, expected), result) in cases.iter().zip(answer.body["results"].as_array().unwrap()) {
        assert_eq!(result["status"], expected.status, "{job}");
        assert_eq!(result["id"], Value::Null, "{job}");
        assert_problem(&job.to_string(), &result["problem"], *expected);
    }
    assert_eq!(tenant.count_jobs().await, 1);
}

/// The tenant's good job with one more field.
pub(crate) fn with(tenant: &Tenant<'_>, field: &str, value: Value) -> Value {
    let mut job = tenant.webhook("/ok");
    job[field] = value;
    job
}

/// The tenant's good job with one more field in its payload.
pub(crate) fn with_payload(tenant: &Tenant<'_>, field: &str, value: Value) -> Value {
    let mut job = tenant.webhook("/ok");
    job["payload"][field] = value;
    job
}

#[test]
fn kinds_and_unknown_fields() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let cases = [
            (with(&tenant, "kind", json!("webhooks")), invalid("#/kind", "unknown-kind")),
            (with(&tenant, "kind", json!("")), invalid("#/kind", "unknown-kind")),
            (with(&tenant, "kind", json!("a\u{0}b")), invalid("#/kind", "unknown-kind")),
            (with(&tenant, "priority", json!(1)), invalid("#/priority", "unknown-field")),
            (with(&tenant, "id", json!("job_1")), invalid("#/id", "unknown-field")),
            (with(&tenant, "tenant", json!("other")), invalid("#/tenant", "unknown-field")),
            (with_payload(&tenant, "retries", json!(1)), invalid("#/payload/retries", "unknown-field")),
            (with_payload(&tenant, "a/b~c", json!(1)), invalid("#/payload/a~1b~0c", "unknown-field")),
            (json!({"kind": "webhook"}), invalid("#/payload", "missing-field")),
            (json!({"payload": {}}), invalid("#/kind", "missing-field")),
            (json!({"kind": "webhook", "payload": {}}), invalid("#/endpoint", "missing-field")),
        ];
        assert_jobs_refused(&tenant, &cases).await;
    });
}

#[test]
fn wrong_types() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let invalid_type = |pointer| invalid(pointer, "invalid-type");
        let cases = [
            (with(&tenant, "kind", json!(1)), invalid_type("#/kind")),
            (with(&tenant, "payload", json!("text")), invalid_type("#/payload")),
            (with(&tenant, "payload", json!(null)), invalid_type("#/payload")),
            (with(&tenant, "idempotency_key", json!(7)), invalid_type("#/idempotency_key")),
            (with(&tenant, "max_attempts", json!("3")), invalid_type("#/max_attempts")),
            (with(&tenant, "max_attempts", json!(1.5)), invalid_type("#/max_attempts")),
            (with(&tenant, "max_attempts", json!({"most": 3})), invalid_type("#/max_attempts")),
            (with(&tenant, "retry_schedule", json!(7)), invalid_type("#/retry_schedule")),
            (with(&tenant, "run_after", json!(1_700_000_000)), invalid_type("#/run_after")),
            (with(&tenant, "metadata", json!([1])), invalid_type("#/metadata")),
            (with(&tenant, "group", json!({})), invalid_type("#/group")),
            (with(&tenant, "retry_schedule", json!("daily")), invalid("#/retry_schedule", "unknown-value")),
            (with_payload(&tenant, "url", json!(null)), invalid("#/endpoint", "missing-field")),
            (with_payload(&tenant, "url", json!(["x"])), invalid_type("#/payload/url")),
            (with_payload(&tenant, "headers", json!({"x-a": 1})), invalid_type("#/payload/headers/x-a")),
            (with_payload(&tenant, "headers", json!([])), invalid_type("#/payload/headers")),
            (with_payload(&tenant, "timeout_seconds", json!(true)), invalid_type("#/payload/timeout_seconds")),
        ];
        assert_jobs_refused(&tenant, &cases).await;
    });
}

#[test]
fn contradictory_fields() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let mut both_times = with(&tenant, "run_after", json!(in_ms(60_000)));
        both_times["delay_seconds"] = json!(60);
        let mut get = with_payload(&tenant, "method", json!("GET"));
        get["payload"]["body"] = json!("x");
        let cases = [
            (both_times, invalid("#/delay_seconds", "either-or")),
            (get, invalid("#/payload/body", "either-or")),
            (with(&tenant, "endpoint", json!("orders")), invalid("#/payload/url", "either-or")),
            (with_payload(&tenant, "body_base64", json!("AA==")), invalid("#/payload/body_base64", "either-or")),
            (with_payload(&tenant, "body_base64", json!("A")), invalid("#/payload/body_base64", "invalid-base64")),
            (with_payload(&tenant, "method", json!("TRACE")), invalid("#/payload/method", "unknown-value")),
            (with_payload(&tenant, "method", json!("post")), invalid("#/payload/method", "unknown-value")),
        ];
        assert_jobs_refused(&tenant, &cases).await;
    });
}

#[test]
fn times_out_of_bounds() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let at = |field: &str, ms: i64| with(&tenant, field, json!(in_ms(ms)));
        let past = |pointer| invalid(pointer, "in-the-past");
        let far = |pointer| invalid(pointer, "too-far-ahead");
        let mut late = at("deadline_at", 60_000);
        late["delay_seconds"] = json!(120);
        let cases = [
            (at("run_after", -120_000), past("#/run_after")),
            (at("run_after", -400 * DAY_MS), past("#/run_after")),
            (at("run_after", 367 * DAY_MS), far("#/run_after")),
            (with(&tenant, "run_after", json!("9999-12-31T23:59:59Z")), far("#/run_after")),
            (at("deadline_at", -1_000), past("#/deadline_at")),
            (at("deadline_at", 367 * DAY_MS), far("#/deadline_at")),
            (late, past("#/deadline_at")),
            (with(&tenant, "run_after", json!("tomorrow")), invalid("#/run_after", "invalid-time")),
            (with(&tenant, "run_after", json!("2026-02-30T00:00:00Z")), invalid("#/run_after", "invalid-time")),
            (with(&tenant, "run_after", json!("2026-11-02 08:00")), invalid("#/run_after", "invalid-time")),
            (with(&tenant, "deadline_at", json!("")), invalid("#/deadline_at", "invalid-time")),
        ];
        assert_jobs_refused(&tenant, &cases).await;
    });
}

#[test]
fn numbers_and_names_out_of_range() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let range = |pointer| invalid(pointer, "out-of-range");
        let name = |pointer| invalid(pointer, "invalid-name");
        let window = "idempotency_window_seconds";
        let cases = [
            (with(&tenant, "max_attempts", json!(0)), range("#/max_attempts")),
            (with(&tenant, "max_attempts", json!(-1)), range("#/max_attempts")),
            (with(&tenant, "max_attempts", json!(1e20)), range("#/max_attempts")),
            (with(&tenant, "max_attempts", json!(51)), range("#/max_attempts")),
            (with(&tenant, "delay_seconds", json!(-5)), range("#/delay_seconds")),
            (with(&tenant, "delay_seconds", json!(367 * 86_400)), range("#/delay_seconds")),
            (with(&tenant, window, json!(0)), range("#/idempotency_window_seconds")),
            (with(&tenant, window, json!(30 * 86_400 + 1)), range("#/idempotency_window_seconds")),
            (with_payload(&tenant, "timeout_seconds", json!(0)), range("#/payload/timeout_seconds")),
            (with_payload(&tenant, "timeout_seconds", json!(31)), range("#/payload/timeout_seconds")),
            (with(&tenant, "event_id", json!("a.b")), name("#/event_id")),
            (with(&tenant, "event_id", json!("")), name("#/event_id")),
            (with(&tenant, "event_id", json!("x".repeat(65))), name("#/event_id")),
            (with(&tenant, "group", json!("a\u{0}b")), name("#/group")),
            (with(&tenant, "group", json!("ä")), name("#/group")),
            (with(&tenant, "metadata", json!({"a": "x".repeat(2_048)})), invalid("#/metadata", "too-long")),
            (json!({"kind": "webhook", "endpoint": "a b", "payload": {}}), name("#/endpoint")),
            (
                json!({"kind": "webhook", "endpoint": "nowhere", "payload": {}}),
                invalid("#/endpoint", "unknown-endpoint"),
            ),
        ];
        assert_jobs_refused(&tenant, &cases).await;
    });
}

#[test]
fn all_wrong_fields_are_reported_at_once() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let mut job = with(&tenant, "max_attempts", json!(0));
        job["run_after"] = json!("soon");
        job["payload"] = json!({"url": "https://10.0.0.1/", "timeout_seconds": 99, "headers": {"host": "x"}});
        let answer = tenant.api.post("/v1/jobs", &job).await.unwrap();
        let errors = answer.body["errors"].as_array().unwrap();
        let mut pointers: Vec<_> = errors.iter().map(|error| error["pointer"].as_str().unwrap()).collect();
        pointers.sort_unstable();
        let payload = ["#/payload/headers/host", "#/payload/timeout_seconds", "#/payload/url"];
        assert_eq!(pointers, [&["#/max_attempts"], &payload[..], &["#/run_after"]].concat());
        assert_eq!(tenant.count_jobs().await, 0);
    });
}
