//! Examples of answers, written by the types of the answers.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use super::AT;
use super::actions::action_line;
use super::shown::shown;
use crate::accept::accepted::{Accepted, AcceptedJob, AcceptedState};
use crate::accept::bulk::Summary;
use crate::accept::quotas::Quota;
use crate::accept::results::{BatchAnswer, BatchResult, Tally};
use crate::manage::audit::{AuditEntry, AuditRow};
use crate::manage::causes::{CauseRow, ShownCause};
use crate::manage::endpoints::Secrets;
use crate::manage::erasures::Erasure;
use crate::manage::export_line::{ExportLine, ExportedAttempt};
use crate::manage::groups::Group;
use crate::manage::health::Readiness;
use crate::manage::keys::{CreatedKey, Key};
use crate::manage::malformed_messages::MalformedMessage;
use crate::manage::operate::{Paused, Restored};
use crate::manage::test_delivery::TestDelivery;
use crate::manage::usage::{Usage, UsageRow};
use crate::model::attempt::{Attempt, LogEntry};
use crate::model::dead_letter::DeadLetter;
use crate::model::endpoint::{Endpoint, EndpointRow};
use crate::model::evidence::{Digests, Evidence, Exchange, RecordHead, record, wire};
use crate::model::job::{Job, JobRef, JobRow};
use crate::model::outcome::{ErrorClass, JobError};
use crate::ports::{HttpRequest, HttpResponse};
use crate::schedules::schedule::{Occurrence, Schedule, ScheduleRow};
use crate::security::key::mint;
use crate::security::keyring::Keyring;
use crate::security::redact::Redaction;
use crate::security::signing::MasterKey;
use crate::store::counted::GroupRow;
use crate::wire::ndjson::as_lines;
use crate::wire::page::{NextCursor, Page};
use crate::wire::problem::Problem;
use crate::wire::time::Time;

const JOB: &str = "job_0001KBJ3DW00ZX3VJ5T8M4QY6R7N";
const DEAD: &str = "job_0001KBJ3DW00H2C9D7E5F3G1A8B6";
const REQUEST: &str = "01KBJ3DW00ZX3VJ5T8M4QY6R7N";

/// Renders a row that the API shows unchanged.
fn as_read<R: DeserializeOwned + Serialize>(row: Value) -> Value {
    shown(row, |row: &R| json!(row))
}

/// Converts a value to stored JSON.
pub(super) fn kept(json: &Value) -> Box<RawValue> {
    to_raw_value(json).unwrap_or_default()
}

pub(in crate::openapi) fn quota() -> Value {
    json!(Quota { tenant: "acme", jobs_per_day: Some(10_000), jobs_today: 1_204 })
}

fn usage_row() -> Value {
    json!({"day": AT / 86_400_000, "model": "openai/text-embedding-3-small", "calls": 12, "texts": 1_104, "tokens": 98_230})
}

pub(in crate::openapi) fn usage() -> Value {
    shown(usage_row(), |row: &UsageRow| json!(Usage::from(row)))
}

pub(in crate::openapi) fn restored() -> Value {
    json!(Restored { epoch: 1, paused: true })
}

pub(in crate::openapi) fn paused(paused: bool) -> Value {
    json!(Paused { paused })
}

pub(in crate::openapi) fn page(item: &Value) -> Value {
    json!(Page { data: vec![item], next_cursor: None, searched_to: None })
}

fn accepted_job(kind: &str) -> AcceptedJob {
    let (id, event_id, at) = (JOB.to_owned(), JOB.to_owned(), Time(AT));
    AcceptedJob { id, kind: kind.to_owned(), state: AcceptedState::Queued, created_at: at, run_after: at, event_id }
}

pub(in crate::openapi) fn accepted() -> Value {
    accepted_for("webhook")
}

/// An accepted job of another kind.
pub(in crate::openapi) fn accepted_for(kind: &str) -> Value {
    json!(accepted_job(kind))
}

/// The results of two jobs: one is accepted, the other one refused.
fn results() -> [Result<Accepted, Problem>; 2] {
    let job = JobRef { tenant: "acme".to_owned(), id: JOB.to_owned() };
    let accepted = Accepted { job, body: accepted_job("webhook"), duplicate: false, hint: None };
    [Ok(accepted), Err(Problem::StorageFull)]
}

pub(in crate::openapi) fn batch_answer() -> Value {
    json!(BatchAnswer::of(&results(), REQUEST, false))
}

/// The results of a batch, one by one.
pub(super) fn batch_results() -> Vec<Value> {
    results().iter().enumerate().map(|(index, result)| json!(BatchResult::of_line(index, result, REQUEST))).collect()
}

/// The last line of an answer in lines.
pub(super) fn last_line(documents: Option<crate::accept::documents::Documents>) -> String {
    let mut tally = Tally::default();
    tally.count(&results());
    Summary { tally, removal: None, problem: None, documents }.line(Tally::default(), REQUEST)
}

/// An answer in lines.
pub(in crate::openapi) fn batch_lines() -> String {
    as_lines(batch_results()) + &last_line(None)
}

pub(in crate::openapi) fn group() -> Value {
    shown(group_row(), |row: &GroupRow| json!(Group::from(row)))
}

fn group_row() -> Value {
    json!({
        "tenant": "acme", "id": "import", "total": 1_000, "succeeded": 996, "dead": 3, "replayed": 1, "cancelled": 0,
        "created_at": AT, "finished_at": AT + 8_000, "closed_at": AT + 2_000, "on_finished": "orders", "on_finished_job": JOB,
    })
}

fn job_row() -> Value {
    json!({
        "tenant": "acme", "id": JOB, "state": "succeeded", "attempt": 1, "failures": 0, "max_attempts": 10,
        "kind": "webhook", "endpoint": "orders", "idempotency_key": "order-1234", "created_at": AT, "run_after": AT,
        "started_at": AT + 374, "finished_at": AT + 412, "cancel_requested": 0, "result": {"status": 200},
    })
}

fn job_payload() -> Box<RawValue> {
    kept(&json!({"body": {"order": 1234, "state": "paid"}}))
}

pub(in crate::openapi) fn job() -> Value {
    shown(job_row(), |row: &JobRow| json!(Job::of(row, Some(&job_payload()))))
}

/// The job as a list shows it.
pub(in crate::openapi) fn listed_job() -> Value {
    shown(job_row(), |row: &JobRow| json!(Job::of(row, None)))
}

pub(in crate::openapi) fn waiting_job(state: &str) -> Value {
    let mut row = job_row();
    row["state"] = json!(state);
    (row["attempt"], row["started_at"], row["result"]) = (json!(0), Value::Null, Value::Null);
    row["finished_at"] = if state == "cancelled" { json!(AT + 412) } else { Value::Null };
    shown(row, |row: &JobRow| json!(Job::of(row, Some(&job_payload()))))
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

pub(in crate::openapi) fn dead_letter(state: &str) -> Value {
    let mut row = job_row();
    row["id"] = json!(DEAD);
    (row["state"], row["dead_state"], row["dead_reason"]) = (json!("dead"), json!(state), json!("attempts_exhausted"));
    (row["error"], row["log"], row["next_check_at"]) =
        (json!(error()), json!([log_entry()]), json!(AT + 14 * 86_400_000));
    row["cause"] = json!("cause_q8sJ2mB0r5LkXw1v");
    row["metadata"] = json!({"customer": 77});
    row["note"] = if state == "discarded" { json!("The order was cancelled by hand.") } else { Value::Null };
    shown(row, |row: &JobRow| json!(DeadLetter::of(row)))
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

fn stored_evidence() -> Evidence<'static> {
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
    Evidence::Record(serde_json::from_slice(&line).unwrap_or_default())
}

pub(in crate::openapi) fn evidence() -> Value {
    json!(stored_evidence())
}

pub(in crate::openapi) fn attempt() -> Value {
    shown(log_entry(), |entry: &LogEntry| json!(Attempt::of(JOB, 1, entry, stored_evidence().exchanged())))
}

fn endpoint_row(state: &str) -> Value {
    json!({
        "id": "orders", "tenant": "acme", "state": state,
        "paused_reason": (state == "paused").then_some("operator"),
        "url": "https://receiver.example.com/orders", "headers": [["authorization", "sealed"]], "timeout_seconds": 15,
        "connections": 5, "backoff": "fast", "max_attempts": 4, "evidence": "failures", "keep_payload": 1,
        "dead_letter_on": ["http_3xx"],
        "redact": {"headers": ["x-card"], "body_pointers": ["/card/number"]}, "secret_version": 1,
        "last_success_at": AT, "created_at": AT, "updated_at": AT, "now": AT,
    })
}

pub(in crate::openapi) fn endpoint(state: &str) -> Value {
    shown(endpoint_row(state), |row: &EndpointRow| json!(Endpoint::from(row)))
}

fn occurrence_row() -> Value {
    json!({"scheduled_for": AT, "fired_at": AT + 900, "state": "fired", "job_id": JOB})
}

pub(in crate::openapi) fn occurrence() -> Value {
    as_read::<Occurrence>(occurrence_row())
}

fn schedule_row() -> Value {
    json!({
        "tenant": "acme", "id": "daily", "revision": "r", "cron": "0 8 * * *", "time_zone": "UTC", "overlap": "allow",
        "catch_up": "latest", "paused": 0, "last_occurrence": AT, "next_at": AT + 86_400_000, "endpoint": "orders",
        "job": {
            "kind": "webhook", "digest": "d", "max_attempts_default": 10, "backoff_default": "webhook-standard",
            "payload": json!({"body": {"report": "daily"}}).to_string(),
        },
        "history": [occurrence_row()], "created_at": AT, "updated_at": AT,
    })
}

pub(in crate::openapi) fn schedule() -> Value {
    shown(schedule_row(), |row: &ScheduleRow| json!(Schedule::whole(row, row.shown_payload().as_deref())))
}

/// A line of each type in the export of a tenant.
pub(in crate::openapi) fn export_lines() -> Vec<(&'static str, Value)> {
    let endpoint =
        shown(endpoint_row("active"), |row: &EndpointRow| json!(ExportLine::Endpoint { endpoint: row.into() }));
    let schedule = shown(schedule_row(), |row: &ScheduleRow| {
        let payload = row.shown_payload();
        let schedule = Box::new(Schedule::whole(row, payload.as_deref()));
        json!(ExportLine::Schedule { schedule, occurrences: &row.history })
    });
    let job = shown(job_row(), |row: &JobRow| {
        shown(log_entry(), |entry: &LogEntry| {
            let payload = job_payload();
            let attempt_log = vec![ExportedAttempt::of(JOB, 1, entry, Some(stored_evidence()))];
            json!(ExportLine::Job { job: Box::new(Job::of(row, Some(&payload))), attempt_log, dead_letter: None })
        })
    });
    let usage = |row: &UsageRow| json!(ExportLine::Usage { tenant: "acme", usage: row.into() });
    vec![
        ("endpoint", endpoint),
        ("schedule", schedule),
        ("key", shown(key_row(), |key: &Key| json!(ExportLine::Key { key }))),
        ("group", shown(group_row(), |row: &GroupRow| json!(ExportLine::Group { group: row.into() }))),
        ("cause", shown(cause_row("open"), |row: &CauseRow| json!(ExportLine::Cause { cause: Box::new(row.into()) }))),
        ("action", action_line(|row| json!(ExportLine::Action { action: Box::new(row.into()) }))),
        ("job", job),
        ("usage", shown(usage_row(), usage)),
        ("audit", shown(audit_row(), |row: &AuditRow| json!(ExportLine::Audit { entry: row.into() }))),
        ("next", json!(ExportLine::Next(NextCursor { next_cursor: "AbCdEf" }))),
    ]
}

pub(in crate::openapi) fn secrets(rotated: bool) -> Value {
    let secret = |letter: &str| format!("whsec_{}", letter.repeat(43) + "=");
    json!(Secrets { secret: secret("A"), previous_secret: rotated.then(|| secret("B")) })
}

fn key_row() -> Value {
    json!({
        "id": mint([0x1a; 8], [1; 32]).0, "tenant": "acme", "scopes": ["jobs:write", "jobs:read"], "name": "shop",
        "created_at": AT,
    })
}

pub(in crate::openapi) fn key() -> Value {
    as_read::<Key>(key_row())
}

pub(in crate::openapi) fn created_key() -> Value {
    shown(key_row(), |key: &Key| json!(CreatedKey { token: mint([0x1a; 8], [1; 32]).1, key: key.clone() }))
}

pub(in crate::openapi) fn erasure(state: &str, subject: Option<&str>) -> Value {
    as_read::<Erasure>(json!({
        "id": "era_01KBJ3DW004QY6R7NZX3VJ5T8M", "tenant": "acme", "subject": subject, "state": state,
        "counts": {"jobs": 120, "attempts": 131, "endpoints": 0, "schedules": 1, "keys": 0},
        "created_at": AT, "finished_at": (state == "done").then_some(AT + 61_000),
    }))
}

pub(in crate::openapi) fn test_delivery() -> Value {
    shown(job_row(), |row: &JobRow| json!(TestDelivery::of(row, Some(stored_evidence()))))
}

pub(super) fn cause_row(state: &str) -> Value {
    json!({
        "id": "cause_q8sJ2mB0r5LkXw1v", "tenant": "acme", "kind": "webhook", "endpoint": "orders", "class": "http_5xx",
        "status": 503, "text": "database is down", "first_seen": AT, "state": state, "until": AT + 3_600_000,
        "dead": 12, "retrying": 1_001, "held": 0, "next_dies_at": AT + 720_000, "died_at": AT + 60_000,
        "failed_at": AT + 61_000, "last_success_at": AT - 3_600_000, "sample": DEAD,
    })
}

pub(in crate::openapi) fn cause(state: &str) -> Value {
    shown(cause_row(state), |row: &CauseRow| json!(ShownCause::from(row)))
}

fn audit_row() -> Value {
    json!({
        "tenant": "acme", "id": format!("aud_{REQUEST}"), "at": AT, "key": mint([0x1a; 8], [1; 32]).0,
        "operation": "DiscardDeadLetter", "kind": "dead_letter", "target": DEAD, "address": "192.0.2.7",
        "before": {"state": "open"}, "after": {"state": "discarded"},
    })
}

pub(in crate::openapi) fn audit_entry() -> Value {
    shown(audit_row(), |row: &AuditRow| json!(AuditEntry::from(row)))
}

pub(in crate::openapi) fn malformed_message() -> Value {
    as_read::<MalformedMessage>(json!({
        "id": "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a", "queue": "longshore-hints", "reason": "It is not a list of pairs.",
        "body_base64": "e30=", "created_at": AT,
    }))
}

pub(in crate::openapi) fn readiness(ready: bool) -> Value {
    json!(Readiness {
        ready,
        consumer_tick_age_seconds: Some(if ready { 12 } else { 600 }),
        producer_tick_age_seconds: Some(12),
        oldest_due_seconds: Some(0),
        paused: Some(false),
        storage_full: Some(false),
        restoring: Some(false),
        daily_limit: None,
        key_rotation: None,
    })
}
