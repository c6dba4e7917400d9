//! Examples: requests as a caller would write them, and answers as the functions that write answers write them.

mod indexes;

use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use crate::manage::erasures::ErasureRow;
use crate::manage::keys::KeyRow;
use crate::manage::strays::StrayRow;
use crate::manage::usage::UsageRow;
use crate::model::attempt::LogEntry;
use crate::model::endpoint::EndpointRow;
use crate::model::evidence::{Digests, Exchange, RecordHead, record, wire};
use crate::model::job::JobRow;
use crate::model::outcome::{ErrorClass, JobError};
use crate::ports::{HttpRequest, HttpResponse};
use crate::schedules::schedule::{Firing, ScheduleRow};
use crate::security::key::mint;
use crate::security::keyring::Keyring;
use crate::security::redact::Redaction;
use crate::security::signing::MasterKey;
use crate::store::counted::GroupRow;
use crate::wire::ndjson::as_lines;
use crate::wire::time::rfc3339;

pub(super) use indexes::{document_lines, document_results, index, indexes, searched, searches, whole_index};

/// 2026-11-02T08:00:00Z
const AT: i64 = 1_793_606_400_000;
const JOB: &str = "job_0001KBJ3DW00ZX3VJ5T8M4QY6R7N";
const DEAD: &str = "job_0001KBJ3DW00H2C9D7E5F3G1A8B6";

pub(super) fn jobs() -> Vec<(&'static str, Value)> {
    vec![
        (
            "endpoint",
            json!({"kind": "webhook", "payload": {"endpoint": "orders", "body": {"order": 1234, "state": "paid"}}}),
        ),
        (
            "url",
            json!({
                "kind": "webhook", "idempotency_key": "order-1234-shipped", "idempotency_window_seconds": 86_400,
                "delay_seconds": 60, "max_attempts": 6, "retry_schedule": "fast", "event_id": "order-1234",
                "group": "shop", "metadata": {"customer": 77},
                "payload": {
                    "url": "https://receiver.example.com/hook", "method": "PUT", "headers": {"x-shop": "one"},
                    "body_base64": "AAEC", "timeout_seconds": 10,
                },
            }),
        ),
        ("task", json!({"kind": "image.thumbnail", "endpoint": "orders", "payload": {"image": 7, "width": 200}})),
    ]
}

pub(super) fn completions() -> Vec<(&'static str, Value)> {
    vec![("result", json!({"result": {"pages": 12}, "attempt": 1}))]
}

pub(super) fn failures() -> Vec<(&'static str, Value)> {
    vec![("retry", json!({"message": "The converter is out of memory.", "retry_after_seconds": 60, "attempt": 1}))]
}

pub(super) fn batch() -> Vec<(&'static str, Value)> {
    vec![("two", json!({"jobs": jobs().into_iter().map(|(_, job)| job).collect::<Vec<_>>()}))]
}

pub(super) fn endpoints() -> Vec<(&'static str, Value)> {
    vec![
        ("least", json!({"url": "https://receiver.example.com/orders"})),
        ("service", json!({"service": "HANDLER_IMAGES", "path": "/tasks", "timeout_seconds": 300})),
        (
            "all",
            json!({
                "url": "https://receiver.example.com/orders", "headers": {"authorization": "Bearer of-the-receiver"},
                "timeout_seconds": 15, "schedule": "fast", "max_attempts": 4, "evidence": "failures",
                "bury_on": ["http_3xx"], "redact": {"headers": ["x-card"], "body_pointers": ["/card/number"]},
            }),
        ),
    ]
}

pub(super) fn keys() -> Vec<(&'static str, Value)> {
    vec![("writer", json!({"tenant": "acme", "scopes": ["jobs:write", "jobs:read"], "name": "shop"}))]
}

pub(super) fn quotas() -> Vec<(&'static str, Value)> {
    vec![("bound", json!({"jobs_per_day": 10_000})), ("lifted", json!({"jobs_per_day": null}))]
}

pub(super) fn quota() -> Value {
    json!({"tenant": "acme", "jobs_per_day": 10_000, "jobs_today": 1_204})
}

pub(super) fn usage() -> Value {
    let row = json!({"day": AT / 86_400_000, "model": "openai/text-embedding-3-small", "calls": 12, "texts": 1_104, "tokens": 98_230});
    shown(row, |row: UsageRow| row.to_json())
}

pub(super) fn restored() -> Vec<(&'static str, Value)> {
    vec![("hold", json!({"jobs": "hold"})), ("resend", json!({"jobs": "resend"}))]
}

pub(super) fn replays() -> Vec<(&'static str, Value)> {
    vec![("edited", json!({"payload": {"endpoint": "orders", "body": {"order": 1234, "state": "paid"}}}))]
}

pub(super) fn discards() -> Vec<(&'static str, Value)> {
    vec![("note", json!({"note": "The order was cancelled by hand."}))]
}

pub(super) fn page(item: &Value) -> Value {
    json!({"data": [item], "next_cursor": null})
}

pub(super) fn accepted() -> Value {
    accepted_for("webhook")
}

/// The same for another kind.
pub(super) fn accepted_for(kind: &str) -> Value {
    json!({
        "id": JOB, "kind": kind, "event_id": JOB, "created_at": rfc3339(AT), "run_after": rfc3339(AT),
        "accepted": "queued",
    })
}

pub(super) fn batch_answer(problem: &Value) -> Value {
    json!({
        "summary": {"accepted": 1, "replayed": 0, "rejected": 1},
        "results": [
            {"index": 0, "status": 202, "id": JOB, "replayed": false, "problem": null},
            {"index": 1, "status": problem["status"], "id": null, "replayed": false, "problem": problem},
        ],
    })
}

/// A bulk request.
pub(super) fn job_lines() -> String {
    as_lines(jobs().into_iter().map(|(_, job)| job))
}

/// Counts of lines without an answer: none.
fn none_unreported() -> Value {
    json!({"accepted": 0, "replayed": 0, "rejected": 0})
}

/// The answer to one.
pub(super) fn batch_lines(problem: &Value) -> String {
    let answer = batch_answer(problem);
    let last = json!({"summary": answer["summary"], "unreported": none_unreported(), "problem": null});
    as_lines(answer["results"].as_array().into_iter().flatten().chain([&last]))
}

pub(super) fn group() -> Value {
    let row = json!({
        "tenant": "acme", "id": "import", "total": 1_000, "succeeded": 996, "dead": 3, "replayed": 1, "cancelled": 0,
        "created_at": AT, "finished_at": AT + 8_000,
    });
    shown(row, |row: GroupRow| row.to_json())
}

/// Reads a row as the store would answer it; a row that does not fit its type is null, which fits no schema.
fn shown<R: serde::de::DeserializeOwned, S: serde::Serialize>(row: Value, show: impl FnOnce(R) -> S) -> Value {
    serde_json::from_value(row).map_or(Value::Null, |row| json!(show(row)))
}

/// JSON as it is kept.
fn kept(json: &Value) -> Box<RawValue> {
    to_raw_value(json).unwrap_or_default()
}

fn job_row() -> Value {
    json!({
        "tenant": "acme", "id": JOB, "state": "succeeded", "attempt": 1, "failures": 0, "max_attempts": 10,
        "kind": "webhook", "endpoint": "orders", "idempotency_key": "order-1234", "created_at": AT, "run_after": AT,
        "finished_at": AT + 412, "cancel_requested": 0, "result": {"status": 200},
    })
}

pub(super) fn job() -> Value {
    let payload = json!({"endpoint": "orders", "body": {"order": 1234, "state": "paid"}});
    let payload = kept(&payload);
    shown(job_row(), |row: JobRow| row.to_json(Some(&payload)))
}

/// The same as a list shows it.
pub(super) fn listed_job() -> Value {
    shown(job_row(), |row: JobRow| row.to_json(None))
}

pub(super) fn waiting_job(state: &str) -> Value {
    let mut row = job_row();
    row["state"] = json!(state);
    (row["attempt"], row["finished_at"], row["result"]) = (json!(0), Value::Null, Value::Null);
    let payload = json!({"endpoint": "orders", "body": {"order": 1234, "state": "paid"}});
    let payload = kept(&payload);
    shown(row, |row: JobRow| row.to_json(Some(&payload)))
}

fn error() -> JobError {
    JobError::new(ErrorClass::Http5xx, "The destination answered 500.")
}

fn log_entry() -> Value {
    json!({
        "started_at": AT, "lease": "01KBJ3DW004QY6R7NZX3VJ5T8M", "state": "failed", "duration_ms": 38, "status": 500,
        "error": error(), "retry_in_ms": 5_000,
        "evidence": {
            "state": "stored", "n": 0, "offset": 0, "length": 912,
            "sha256": "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU",
        },
        "version": env!("CARGO_PKG_VERSION"),
    })
}

pub(super) fn dead_letter(state: &str) -> Value {
    let mut row = job_row();
    row["id"] = json!(DEAD);
    (row["state"], row["dead_state"], row["dead_reason"]) = (json!("dead"), json!(state), json!("attempts_exhausted"));
    (row["error"], row["log"], row["look_at"]) = (json!(error()), json!([log_entry()]), json!(AT + 14 * 86_400_000));
    row["note"] = if state == "discarded" { json!("The order was cancelled by hand.") } else { Value::Null };
    shown(row, |row: JobRow| row.to_dead_letter_json().unwrap_or_default())
}

fn exchange() -> Exchange {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Exchange {
        request: HttpRequest {
            method: "POST".into(),
            url: "https://receiver.example.com/orders".into(),
            service: None,
            headers: vec![header("content-type", "application/json"), header("webhook-id", JOB)],
            body: br#"{"order":1234}"#[..].into(),
            timeout: std::time::Duration::from_secs(20),
            response_bytes_max: 16_384,
        },
        response: Some(HttpResponse {
            status: 500,
            headers: vec![header("content-type", "text/plain")],
            body: b"out of order".to_vec(),
            truncated: false,
            body_error: None,
        }),
    }
}

pub(super) fn evidence() -> Value {
    let head = RecordHead {
        tenant: "acme",
        job_id: JOB,
        attempt: 1,
        sent_at: AT,
        duration_ms: 38,
        version: env!("CARGO_PKG_VERSION"),
    };
    let keys = MasterKey::parse(&"0".repeat(64)).map(Keyring::of);
    let digests = keys.as_ref().map_or(Digests::None, |keys| Digests::Of(keys, "acme"));
    let line = record(&head, &[&wire(&exchange(), &Redaction::default(), 16_384, digests)], Some(&error()));
    serde_json::from_slice(&line).unwrap_or_default()
}

pub(super) fn attempt() -> Value {
    shown(log_entry(), |entry: LogEntry| entry.to_json(JOB, 1, Some(&evidence())))
}

pub(super) fn endpoint(state: &str) -> Value {
    let row = json!({
        "id": "orders", "tenant": "acme", "state": state,
        "paused_reason": (state == "paused").then_some("operator"),
        "url": "https://receiver.example.com/orders", "headers": [["authorization", "sealed"]], "timeout_seconds": 15,
        "backoff": "fast", "max_attempts": 4, "evidence": "failures", "bury_on": ["http_3xx"],
        "redact": {"headers": ["x-card"], "body_pointers": ["/card/number"]}, "generation": 1,
        "last_success_at": AT, "created_at": AT, "updated_at": AT, "now": AT,
    });
    shown(row, |row: EndpointRow| row.to_json())
}

pub(super) fn schedules() -> Vec<(&'static str, Value)> {
    let payload = json!({"endpoint": "orders", "body": {"report": "daily"}});
    vec![
        ("least", json!({"cron": "0 6 * * *", "kind": "webhook", "payload": payload})),
        (
            "all",
            json!({
                "cron": "30 2 * * 1-5", "time_zone": "Europe/Berlin", "overlap": "skip", "catch_up": "all",
                "paused": false, "kind": "webhook", "payload": payload, "max_attempts": 3, "retry_schedule": "fast",
                "group": "reports", "metadata": {"team": "shop"},
            }),
        ),
    ]
}

fn firing_row() -> Value {
    json!({"scheduled_for": AT, "fired_at": AT + 900, "state": "fired", "job_id": JOB})
}

pub(super) fn firing() -> Value {
    shown(firing_row(), |row: Firing| row.to_json())
}

pub(super) fn schedule() -> Value {
    let row = json!({
        "tenant": "acme", "id": "daily", "revision": "r", "cron": "0 6 * * *", "time_zone": "UTC", "overlap": "allow",
        "catch_up": "latest", "paused": 0, "last_slot": AT, "next_at": AT + 86_400_000, "endpoint": "orders",
        "job": {"kind": "webhook", "digest": "d", "max_attempts_default": 10, "backoff_default": "webhook-standard"},
        "history": [firing_row()], "created_at": AT, "updated_at": AT,
    });
    let payload = json!({"endpoint": "orders", "body": {"report": "daily"}});
    let payload = kept(&payload);
    shown(row, |row: ScheduleRow| row.to_json(row.next_at.as_slice(), Some(&payload)))
}

/// A line of each type of the export of a tenant.
pub(super) fn export_lines() -> Vec<(&'static str, Value)> {
    let with = |mut thing: Value, more: Value| {
        if let (Value::Object(thing), Value::Object(more)) = (&mut thing, more) {
            thing.extend(more);
        }
        thing
    };
    let mut attempt = attempt();
    attempt["evidence"]["record"] = evidence();
    vec![
        ("endpoint", with(endpoint("active"), json!({"type": "endpoint"}))),
        ("schedule", with(schedule(), json!({"type": "schedule", "history": [firing()]}))),
        ("key", with(key(), json!({"type": "key"}))),
        ("group", with(group(), json!({"type": "group"}))),
        ("job", with(job(), json!({"type": "job", "attempts": [attempt], "dead_letter": null}))),
        ("usage", with(usage(), json!({"type": "usage", "tenant": "acme"}))),
        ("next", json!({"next_cursor": "AbCdEf"})),
    ]
}

pub(super) fn secrets(rotated: bool) -> Value {
    let secret = |letter: &str| format!("whsec_{}", letter.repeat(43) + "=");
    json!({"secret": secret("A"), "previous_secret": rotated.then(|| secret("B"))})
}

pub(super) fn key() -> Value {
    let row = json!({
        "id": mint([0x1a; 8], [1; 32]).0, "tenant": "acme", "scopes": ["jobs:write", "jobs:read"], "name": "shop",
        "created_at": AT,
    });
    shown(row, |row: KeyRow| row.to_json())
}

pub(super) fn made_key() -> Value {
    let mut made = key();
    made["key"] = json!(mint([0x1a; 8], [1; 32]).1);
    made
}

pub(super) fn erasure(state: &str, subject: Option<&str>) -> Value {
    let row = json!({
        "id": "era_01KBJ3DW004QY6R7NZX3VJ5T8M", "tenant": "acme", "subject": subject, "state": state,
        "counts": {"jobs": 120, "attempts": 131, "endpoints": 0, "schedules": 1, "keys": 0},
        "created_at": AT, "finished_at": (state == "done").then_some(AT + 61_000),
    });
    shown(row, |row: ErasureRow| row.to_json())
}

pub(super) fn stray() -> Value {
    let row = json!({
        "id": "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a", "queue": "longshore-hints", "reason": "It is not a list of pairs.",
        "body_base64": "e30=", "created_at": AT,
    });
    shown(row, |row: StrayRow| row.to_json())
}

pub(super) fn readiness(ready: bool) -> Value {
    json!({
        "ready": ready, "consumer_tick_age_seconds": if ready { 12 } else { 600 }, "producer_tick_age_seconds": 12,
        "oldest_due_seconds": 0, "paused": false, "storage_full": false, "restoring": false,
        "daily_limit": null, "key_rotation": null,
    })
}
