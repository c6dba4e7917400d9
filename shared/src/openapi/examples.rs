//! Examples: requests as a caller writes them, and answers as their types write them.

pub(super) mod actions;
mod answers;
mod indexes;
mod shown;
mod statistics;
mod status;

use serde_json::{Value, json};

use crate::wire::ndjson::as_lines;

pub(super) use answers::*;
pub(super) use indexes::{document_lines, document_results, index, indexes, search_result, searches, whole_index};
pub(super) use statistics::statistics;
pub(super) use status::status;

/// Time of all examples: 2026-11-02T08:00:00Z.
const AT: i64 = 1_793_606_400_000;

pub(super) fn jobs() -> Vec<(&'static str, Value)> {
    vec![
        (
            "endpoint",
            json!({"kind": "webhook", "endpoint": "orders", "payload": {"body": {"order": 1234, "state": "paid"}}}),
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

pub(super) fn closed_groups() -> Vec<(&'static str, Value)> {
    vec![("webhook", json!({"on_finished": {"endpoint": "orders"}}))]
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
                "connections": 5, "keep_payload": true, "dead_letter_on": ["http_3xx"], "redact": {"headers": ["x-card"], "body_pointers": ["/card/number"]},
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

pub(super) fn restored_requests() -> Vec<(&'static str, Value)> {
    vec![("hold", json!({"jobs": "hold"})), ("resend", json!({"jobs": "resend"}))]
}

pub(super) fn replays() -> Vec<(&'static str, Value)> {
    vec![("edited", json!({"payload": {"body": {"order": 1234, "state": "paid"}}}))]
}

pub(super) fn discards() -> Vec<(&'static str, Value)> {
    vec![("note", json!({"note": "The order was cancelled by hand."}))]
}

/// The body of a bulk request.
pub(super) fn job_lines() -> String {
    as_lines(jobs().into_iter().map(|(_, job)| job))
}

pub(super) fn schedules() -> Vec<(&'static str, Value)> {
    let payload = json!({"body": {"report": "daily"}});
    vec![
        ("least", json!({"cron": "0 8 * * *", "kind": "webhook", "endpoint": "orders", "payload": payload})),
        (
            "all",
            json!({
                "cron": "30 2 * * 1-5", "time_zone": "Europe/Berlin", "overlap": "skip", "catch_up": "all",
                "paused": false, "kind": "webhook", "endpoint": "orders", "payload": payload, "max_attempts": 3,
                "retry_schedule": "fast", "group": "reports", "metadata": {"team": "shop"},
            }),
        ),
    ]
}
