//! `longshore status`: with a key that may read it, what fails and whose fault it is; otherwise readiness.

use serde_json::{Value, json};

use crate::support::{AT, Api, Reply, run};

fn counted(count: u32) -> Value {
    json!({"count": count, "at_least": count == 1_000})
}

/// An estimate with these rows.
fn estimate(rows_written: u32) -> Value {
    json!({"jobs": 1, "rows_written": rows_written, "queue_operations": 3, "puts": 1, "requests": 2_882})
}

fn reason(level: &str, detail: &str) -> Value {
    json!({
        "level": level, "code": "endpoint_failing", "detail": detail, "fault": "receiver", "since": AT, "tenant": "acme",
        "endpoint": "orders", "cause": "cause_1", "count": counted(12), "runbook": "docs/operations.md#a-receiver-fails",
    })
}

/// A status as the API answers it.
fn status(level: &str, reasons: &[Value]) -> Value {
    let day = |amount: u32| json!({"amount": amount, "per": "day"});
    json!({
        "status": level, "version": "0.1.0", "at": AT, "tenant": null, "reasons": reasons,
        "crons": {"swept_at": AT, "ticked_at": AT, "paused": false, "restoring": false, "daily_limit": null},
        "oldest_due": {"since": AT, "job": null, "tenant": null}, "due": counted(7),
        "jobs": {
            "dead": counted(1_000), "retrying": counted(5), "held": counted(0),
            "recent": {"since": AT, "jobs": counted(3), "scheduled": 0, "queued": 1, "running": 2, "succeeded": 0},
        },
        "failing_endpoints": [], "paused_endpoints": [], "causes": [], "has_more": false,
        "queues": [{"queue": "HINTS", "messages": 4, "bytes": 99, "oldest_at": AT}],
        "storage": {"bytes": 350_000_000, "bytes_max": 500_000_000, "percent": 70, "full": false, "days_until_full": 12},
        "usage": {
            "estimated": true, "at_least": false, "plan": "free", "today": estimate(2_000),
            "allowances": {
                "rows_written": day(100_000), "queue_operations": day(10_000), "requests": day(100_000),
                "puts": {"amount": 1_000_000, "per": "month"},
            },
            "forecast": {"at_midnight": estimate(4_000), "bill_of_month_cents": 1_776},
        },
    })
}

fn deployment(answer: Reply) -> Api {
    Api::start(move |request, _| match request.target.as_str() {
        "/healthz" => Reply::json(&json!({"status": "ok", "version": "0.1.0"})),
        "/readyz" => Reply::json(&json!({
            "ready": true, "consumer_tick_age_seconds": 20, "producer_tick_age_seconds": 30, "oldest_due_seconds": 0,
            "paused": false, "storage_full": false, "restoring": false, "daily_limit": null, "key_rotation": null,
        })),
        "/v1/status" => answer.clone(),
        _ => Reply::problem(404, "not-found", "not found", &json!([])),
    })
}

#[test]
fn the_level_is_the_exit_code() {
    for (level, code) in [("ok", 0), ("degraded", 1), ("failing", 2), ("of a later version", 1)] {
        let api = deployment(Reply::json(&status(level, &[])));
        let ran = run(&api, &["status"]);
        assert!(ran.code == code && ran.out.starts_with(&format!("{level}: http://")), "{ran:?}");
        let json = run(&api, &["status", "-o", "json"]);
        let overview: Value = serde_json::from_str(&json.out).unwrap();
        assert_eq!((json.code, &overview["status"], &overview["error"]), (code, &json!(level), &Value::Null));
        assert_eq!((&overview["report"], &overview["readiness"]), (&status(level, &[]), &Value::Null));
    }
}

#[test]
fn a_reason_says_what_since_when_for_whom_and_whose_fault() {
    let failing = status("failing", &[reason("failing", "Jobs to endpoint `orders` fail: 503 \u{1b}[2J down")]);
    let ran = run(&deployment(Reply::json(&failing)), &["status"]);
    for expected in [
        "\n\nfailing endpoint_failing of tenant acme: Jobs to endpoint `orders` fail: 503 \\u{1b}[2J down\n",
        "\n  since 2026-11-02T08:00:00.000Z (",
        "; fault: the receiver\n",
        "\n  see docs/operations.md#a-receiver-fails; longshore causes show cause_1\n",
        "over 1000 dead, 5 retrying, 0 held\n",
        "3 in 10 min: 1 queued, 2 running, 0 succeeded\n",
        "7 rows, the oldest since 2026",
        "4 messages, the oldest from 2026",
        "350 MB, 70 %, full in 12 d\n",
        "100000 a day\n",
        "A month like the last 24 hours costs about $17.76 on the free plan.\n",
    ] {
        assert!(ran.out.contains(expected), "{expected:?} is missing:\n{}", ran.out);
    }
}

#[test]
fn a_key_without_the_scope_sees_readiness() {
    let forbidden = "The key lacks the scope `jobs:read`";
    for (code, slug, detail) in
        [(401, "unauthenticated", "Unknown key"), (403, "forbidden", forbidden), (404, "not-found", "No route")]
    {
        let ran = run(&deployment(Reply::problem(code, slug, detail, &json!([]))), &["status"]);
        assert!(ran.code == 0 && ran.out.starts_with("ok: http://"), "{ran:?}");
        assert!(ran.err.contains(detail) && ran.err.contains("only readiness"), "{ran:?}");
    }
    let unavailable = Reply::problem(503, "daily-limit", "The account has no row reads left today", &json!([]));
    let ran = run(&deployment(unavailable), &["status"]);
    assert!(ran.code == 2 && ran.out.starts_with("failing: 503"), "{ran:?}");
}
