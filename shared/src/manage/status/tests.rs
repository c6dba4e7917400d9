//! Tests of the judgement: each reason with its level, its fault and its runbook.

use serde_json::{Value, json};

use super::*;
use crate::limits::{DAY_MS, DEATH_FRESH_MS, DUE_AGE_MS_MAX, ENDPOINT_FAILING_MS, TICK_AGE_MS_MAX};
use crate::settings::Settings;
use crate::wire::daily_limit::DailyLimit;
use crate::wire::time::Time;

const NOW: i64 = 20_000 * DAY_MS + DAY_MS / 2;
/// Page with the runbooks.
const OPERATIONS: &str = include_str!("../../../../docs/operations.md");

fn settings(plan: &'static str) -> Settings {
    Settings::parse(|name| match name {
        "MASTER_KEY" => Some("ab".repeat(32)),
        "PLAN" => Some(plan.to_owned()),
        _ => None,
    })
    .unwrap()
}

fn read() -> StatusRead {
    let health = json!({
        "now": NOW, "swept_at": NOW - TICK_AGE_MS_MAX, "ticked_at": NOW, "epoch": 0, "paused": 0, "storage_full": 0,
        "queue_spent_until": 0,
    });
    let row = json!({
        "now": NOW, "dead": 0, "held": 0, "failing": [0, 0], "due": 1,
        "oldest_due": {"tenant": "acme", "id": "job_1", "at": NOW - DUE_AGE_MS_MAX}, "recent": {},
    });
    StatusRead {
        health: serde_json::from_value(health).unwrap(),
        row: serde_json::from_value(row).unwrap(),
        causes: Vec::new(),
        has_more: false,
        held: Vec::new(),
        usage: None,
        size_bytes: Some(1_000_000),
    }
}

/// Reads a cause of an endpoint with one dead letter that died now, changed by `change`.
fn cause(change: Value) -> StatusCause {
    let mut cause = json!({
        "id": "cause_1", "tenant": "acme", "kind": "webhook", "endpoint": "orders", "class": "http_5xx", "status": 503,
        "text": "database is down", "first_seen": NOW - 1_000, "state": "open", "dead": 1, "retrying": 0, "held": 0,
        "died_at": NOW,
    });
    let (Value::Object(fields), Value::Object(more)) = (&mut cause, change) else { unreachable!() };
    fields.extend(more);
    serde_json::from_value(cause).unwrap()
}

fn status(read: &StatusRead) -> Value {
    status_with(read, None, None)
}

fn status_with(read: &StatusRead, spent: Option<DailyLimit>, queues: Option<&[QueueBacklog]>) -> Value {
    json!(StatusOf { read, settings: &settings("free"), tenant: None, spent, queues }.status())
}

/// Checks that there is one reason, and returns it.
#[track_caller]
fn assert_only(status: &Value, level: &str, code: &str, fault: &str) -> Value {
    let [reason] = &status["reasons"].as_array().unwrap()[..] else { panic!("{}", status["reasons"]) };
    assert_eq!(
        (&status["status"], &reason["level"], &reason["code"], &reason["fault"]),
        (&json!(level), &json!(level), &json!(code), &json!(fault)),
        "{reason}"
    );
    reason.clone()
}

#[test]
fn a_deployment_without_a_reason_is_ok() {
    let ok = status(&read());
    assert_eq!((&ok["status"], &ok["reasons"], &ok["usage"]), (&json!("ok"), &json!([]), &Value::Null));
    assert_eq!((&ok["due"]["count"], &ok["oldest_due"]["job"]), (&json!(1), &json!("job_1")));
}

#[test]
fn each_part_of_the_deployment_has_its_reason() {
    type Change = fn(&mut StatusRead);
    let cases: [(Change, &str, &str, &str); 11] = [
        (|it| it.health.swept_at = Some(NOW - TICK_AGE_MS_MAX - 1), "failing", "sweep_late", "platform"),
        (|it| it.health.swept_at = None, "failing", "sweep_late", "platform"),
        (|it| it.health.ticked_at = Some(NOW - TICK_AGE_MS_MAX - 1), "failing", "tick_late", "platform"),
        (|it| it.row.oldest_due.as_mut().unwrap().at -= 1, "degraded", "due_jobs_late", "longshore"),
        (|it| it.health.epoch = 1, "failing", "restoring", "operator"),
        (|it| it.health.paused = 1, "degraded", "pipeline_paused", "operator"),
        (|it| it.health.storage_full = 1, "failing", "storage_full", "account_limit"),
        (|it| it.size_bytes = Some(350_000_000), "degraded", "storage_filling", "account_limit"),
        (
            |it| {
                (it.size_bytes, it.row.size_before) = (Some(200_000_000), Some(150_000_000));
                it.row.size_before_at = Some(NOW - DAY_MS);
            },
            "degraded",
            "storage_filling",
            "account_limit",
        ),
        (
            |it| it.usage = Some(UsageRow { pairs: 1, today: 1_700, day: 3_400, recent: 0 }),
            "degraded",
            "allowance_forecast",
            "account_limit",
        ),
        (
            |it| it.causes = vec![cause(json!({"failing_since": NOW - 60_000}))],
            "failing",
            "endpoint_failing",
            "receiver",
        ),
    ];
    for (change, level, code, fault) in cases {
        let mut read = read();
        change(&mut read);
        assert_only(&status(&read), level, code, fault);
    }
    for (limit, level) in [
        (DailyLimit::RowsWritten, "failing"),
        (DailyLimit::RowsRead, "failing"),
        (DailyLimit::QueueOperations, "degraded"),
    ] {
        assert_only(&status_with(&read(), Some(limit), None), level, "daily_limit", "account_limit");
    }
    let queue = |age: i64| QueueBacklog { queue: "HINTS", messages: 2, bytes: 9, oldest_at: Some(Time(NOW - age)) };
    let late = status_with(&read(), None, Some(&[queue(DUE_AGE_MS_MAX + 1)]));
    assert_only(&late, "degraded", "queue_late", "platform");
    assert_eq!(status_with(&read(), None, Some(&[queue(DUE_AGE_MS_MAX)]))["status"], "ok");
}

#[test]
fn an_endpoint_fails_once_jobs_die_or_after_five_minutes() {
    let alive = |since: i64| json!({"dead": 0, "retrying": 3, "died_at": null, "failing_since": since});
    let of = |change: Value| status(&StatusRead { causes: vec![cause(change)], ..read() });
    let degraded = of(alive(NOW - ENDPOINT_FAILING_MS + 1));
    assert_only(&degraded, "degraded", "endpoint_failing", "receiver");
    let failing = of(alive(NOW - ENDPOINT_FAILING_MS));
    let reason = assert_only(&failing, "failing", "endpoint_failing", "receiver");
    assert_eq!(
        (&reason["endpoint"], &reason["tenant"], &reason["cause"], &reason["count"]),
        (&json!("orders"), &json!("acme"), &json!("cause_1"), &json!({"count": 3, "at_least": false}))
    );
    assert_eq!(reason["detail"], "Jobs to endpoint `orders` fail: 503 database is down; 0 dead, 3 waiting");
    assert_eq!(reason["since"], json!(Time(NOW - ENDPOINT_FAILING_MS)));
    assert_eq!(failing["failing_endpoints"][0]["id"], "orders");
    // After a success only the dead letters are left.
    let recovered = of(json!({"failing_since": null}));
    assert_only(&recovered, "degraded", "dead_letters", "receiver");
    assert_eq!(recovered["failing_endpoints"], json!([]));
}

#[test]
fn a_death_without_an_endpoint_fails_for_an_hour() {
    let of = |change: Value| status(&StatusRead { causes: vec![cause(change)], ..read() });
    let at = |died_at: i64| json!({"endpoint": "", "host": "a.example", "died_at": died_at});
    assert_only(&of(at(NOW - DEATH_FRESH_MS + 1)), "failing", "dead_letters", "receiver");
    assert_only(&of(at(NOW - DEATH_FRESH_MS)), "degraded", "dead_letters", "receiver");
    let retrying = of(json!({"endpoint": "", "dead": 0, "retrying": 1, "died_at": null}));
    assert_only(&retrying, "degraded", "jobs_retrying", "receiver");
}

#[test]
fn the_class_of_an_error_is_somebodys_fault() {
    for (class, code, fault) in [
        ("timeout", "dead_letters", json!("receiver")),
        ("crash", "worker_crashes", json!("longshore")),
        ("internal", "dead_letters", json!("longshore")),
        ("config", "dead_letters", json!("operator")),
        ("daily_limit", "daily_limit", json!("account_limit")),
        ("provider", "provider_failing", json!("provider")),
        ("blocked", "dead_letters", json!("caller")),
    ] {
        let read = StatusRead { causes: vec![cause(json!({"class": class, "endpoint": ""}))], ..read() };
        let reason = status(&read)["reasons"][0].clone();
        assert_eq!((&reason["code"], &reason["fault"]), (&json!(code), &fault), "{class}");
    }
    let late =
        cause(json!({"class": null, "endpoint": null, "kind": null, "status": null, "text": "a deadline passed"}));
    let reason = status(&StatusRead { causes: vec![late], ..read() })["reasons"][0].clone();
    assert_eq!((&reason["fault"], &reason["level"]), (&Value::Null, &json!("failing")), "{reason}");
}

#[test]
fn a_paused_endpoint_is_the_fault_of_its_pause() {
    for (why, level, fault) in
        [("operator", "degraded", "operator"), ("gone", "failing", "receiver"), ("config", "failing", "operator")]
    {
        let held =
            json!({"tenant": "acme", "endpoint": "orders", "paused_reason": why, "paused_at": NOW - 5, "held": 101});
        let read = StatusRead { held: vec![serde_json::from_value(held).unwrap()], ..read() };
        let reason = assert_only(&status(&read), level, "endpoint_paused", fault);
        assert_eq!(reason["count"], json!({"count": 100, "at_least": true}));
    }
}

#[test]
fn the_worst_reason_is_first_and_is_the_status() {
    let mut read = StatusRead {
        causes: vec![cause(json!({"dead": 0, "retrying": 2})), cause(json!({"dead": 7, "failing_since": NOW - 1}))],
        ..read()
    };
    read.health.paused = 1;
    let status = status(&read);
    let codes: Vec<_> = status["reasons"].as_array().unwrap().iter().map(|reason| &reason["code"]).collect();
    assert_eq!(codes, ["endpoint_failing", "pipeline_paused", "jobs_retrying"]);
    assert_eq!((&status["status"], &status["causes"][0]["dead"]["count"]), (&json!("failing"), &json!(7)));
}

#[test]
fn counts_stop_at_their_limits() {
    let mut read = read();
    (read.row.dead, read.row.failing, read.row.due) = (1_001, (1_001, 400), 1_000);
    let status = status(&read);
    assert_eq!(status["jobs"]["dead"], json!({"count": 1_000, "at_least": true}));
    assert_eq!(status["jobs"]["retrying"], json!({"count": 400, "at_least": true}), "some were not looked at");
    assert_eq!(status["due"], json!({"count": 1_000, "at_least": false}));
}

#[test]
fn another_tenants_due_job_has_no_name() {
    let (read, settings) = (read(), settings("paid"));
    for (tenant, job) in [("acme", json!("job_1")), ("other", Value::Null)] {
        let of = StatusOf { read: &read, settings: &settings, tenant: Some(tenant), spent: None, queues: None };
        let due = json!(of.status())["oldest_due"].clone();
        assert_eq!((&due["job"], due["tenant"].is_null()), (&job, job.is_null()), "{tenant}");
    }
}

#[test]
fn every_runbook_exists() {
    let slug = |heading: &str| heading.to_lowercase().replace(' ', "-");
    let sections: Vec<_> = OPERATIONS.lines().filter_map(|line| line.strip_prefix("### ")).map(slug).collect();
    for code in ReasonCode::ALL {
        let section = code.runbook().strip_prefix("docs/operations.md#").unwrap();
        assert!(sections.iter().any(|one| one == section), "{code:?}: {section}");
    }
}
