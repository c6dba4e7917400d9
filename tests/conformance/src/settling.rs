//! Cases of the settlement: one winner per attempt, and every field that follows from it.

use std::time::Duration;

use longshore::limits::plan::PAID;
use longshore::limits::{RESULT_BYTES_MAX, RESULT_DEPTH_MAX};
use longshore::manage::endpoints::read_endpoint;
use longshore::model::dead_letter::DeadLetter;
use longshore::model::endpoint::{EndpointState, PausedReason};
use longshore::model::job::{Job, JobRef};
use longshore::model::outcome::{ErrorClass, Outcome};
use longshore::model::result::{JobResult, ResultError};
use longshore::model::state::{DeadLetterState, DeadReason, Decision, State};
use longshore::run::process::process;
use longshore::run::settle::{Settlement, settle};
use longshore::wire::job_queue::JobQueue;
use serde_json::{Value, json};

use super::stand::{Case, DEAD_LETTER, Stand, Store, measured, place, request};

fn failed(class: ErrorClass) -> Outcome {
    Outcome::Failed { class, message: "It failed.".into(), retry_after: None }
}

fn succeeded() -> Outcome {
    Outcome::Succeeded { result: json!({"status": 200}).into() }
}

fn retry(seconds: u64) -> Decision {
    Decision::Retry { delay: Duration::from_secs(seconds), failures: 1 }
}

impl<S: Store> Case<'_, S> {
    /// Settles one attempt under a token; returns how many rows it wrote.
    async fn settle(&self, token: &str, (job, attempt): (&JobRef, u32), outcome: Outcome, decision: Decision) -> usize {
        let endpoint = self.stand.row(job).await.endpoint;
        let entry = measured(12, Some(503));
        let settlement = Settlement::new(job.attempt(attempt), place(endpoint), outcome, decision, entry);
        settle(self.stand, token, &PAID, &[settlement]).await.unwrap().len()
    }

    /// Returns the stored result of a job, and the reason why there is none.
    async fn result(&self, job: &JobRef) -> (Option<String>, Option<String>) {
        let sql = "SELECT json_array(result, result_error) FROM jobs WHERE tenant = ?1 AND id = ?2";
        let rows = self.stand.sql(sql, vec![job.tenant.as_str().into(), job.id.as_str().into()]).await;
        serde_json::from_str(&rows[0]).unwrap()
    }

    /// Returns a claimed job and its token.
    async fn claimed(&self, job: JobRef) -> (JobRef, String) {
        let token = self.stand.token();
        assert_eq!(self.claim(&token, &[&job], false).await.len(), 1);
        (job, token)
    }
}

fn wait(raw: &Value, column: &str) -> i64 {
    raw[column].as_i64().unwrap() - raw["now"].as_i64().unwrap()
}

/// A success ends the job, empties its payload and leaves the sweep no work; a repeat writes nothing.
pub async fn a_success_is_recorded_once<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let (job, token) = case.claimed(case.plain().await).await;
    assert_eq!(case.settle(&token, (&job, 1), succeeded(), Decision::Succeed).await, 1);
    let (row, raw) = (stand.row(&job).await, stand.raw(&job).await);
    assert_eq!((raw["state"].as_str(), row.result_value()), (Some("succeeded"), Some(json!({"status": 200}))));
    assert!(raw["payload"].is_null() && raw["next_check_at"].is_null() && raw["lease_token"].is_null());
    assert!(row.finished_at.is_some() && row.error.is_none());
    let entry = serde_json::to_value(&row.log[0]).unwrap();
    assert_eq!(
        (&entry["state"], &entry["duration_ms"], &entry["lease"]),
        (&json!("succeeded"), &json!(12), &json!(token))
    );
    assert_eq!(case.settle(&token, (&job, 1), succeeded(), Decision::Succeed).await, 0);
    let mut after = stand.raw(&job).await;
    after["now"] = raw["now"].clone();
    assert_eq!(after, raw);
}

/// A settlement with another token or another attempt number writes nothing.
pub async fn a_settlement_without_the_lease_writes_nothing<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let (job, token) = case.claimed(case.plain().await).await;
    let before = stand.raw(&job).await;
    assert_eq!(case.settle(&stand.token(), (&job, 1), succeeded(), Decision::Succeed).await, 0);
    assert_eq!(case.settle(&token, (&job, 2), succeeded(), Decision::Succeed).await, 0);
    let mut after = stand.raw(&job).await;
    after["now"] = before["now"].clone();
    assert_eq!(after, before);
}

/// A retry is due after its delay; the sweep waits one minute longer if a hint was sent, and no longer after a long
/// delay, which has no hint.
pub async fn a_retry_has_its_times<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    for (seconds, redispatch_backoff_ms) in [(30, 60_000), (7_200, 0)] {
        let (job, token) = case.claimed(case.plain().await).await;
        assert_eq!(case.settle(&token, (&job, 1), failed(ErrorClass::Http5xx), retry(seconds)).await, 1);
        let (raw, row) = (stand.raw(&job).await, stand.row(&job).await);
        let delay_ms = i64::try_from(seconds).unwrap() * 1_000;
        assert_eq!((raw["state"].as_str(), row.failures), (Some("retrying"), 1));
        assert!((delay_ms - 2_000..=delay_ms).contains(&wait(&raw, "run_after")), "{raw}");
        assert_eq!(wait(&raw, "next_check_at") - wait(&raw, "run_after"), redispatch_backoff_ms);
        assert_eq!(row.log[0].retry_in_ms, Some(delay_ms));
        assert!(row.payload.is_some() && row.finished_at.is_none());
        assert!(case.claim(&stand.token(), &[&job], false).await.is_empty(), "not due");
        case.make_past(delay_ms).await;
        assert_eq!(case.claim(&stand.token(), &[&job], false).await[0].attempt, 2);
    }
}

/// A dead letter records its reason, keeps its payload and stays for its retention.
pub async fn a_dead_letter_has_its_fields<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let (job, token) = case.claimed(case.plain().await).await;
    case.settle(&token, (&job, 1), failed(ErrorClass::Timeout), DEAD_LETTER).await;
    let (row, raw) = (stand.row(&job).await, stand.raw(&job).await);
    let dead = (Some(DeadLetterState::Open), Some(DeadReason::AttemptsExhausted));
    assert_eq!((row.dead_state, row.dead_reason), dead);
    assert_eq!((raw["state"].as_str(), row.error.as_ref().unwrap().class), (Some("dead"), ErrorClass::Timeout));
    assert!(row.payload.is_some() && row.finished_at.is_some());
    assert_eq!(row.next_check_at, row.finished_at.map(|at| at + PAID.retention_dead_ms));
    let letter = json!(DeadLetter::of(&row));
    assert_eq!((&letter["state"], &letter["attempts"]), (&json!("open"), &json!(1)));
    let job = json!(Job::of(&row, None));
    let shown = [&job["attempts"], &job["dead_reason"], &job["dead_letter_state"], &job["next_attempt_at"]];
    assert_eq!(shown, [&json!(1), &json!("attempts_exhausted"), &json!("open"), &Value::Null]);
    assert_eq!(row.started_at, Some(row.log[0].started_at));
}

/// A cancel request prevents further attempts of a running job; a success stays a success.
pub async fn a_cancel_request_wins_over_a_retry<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let request_cancel = "UPDATE jobs SET cancel_requested = 1 WHERE tenant = ?1 AND id = ?2 RETURNING id";
    for (outcome, decision, expected) in [
        (failed(ErrorClass::Http5xx), retry(5), "cancelled"),
        (failed(ErrorClass::Http5xx), DEAD_LETTER, "dead"),
        (succeeded(), Decision::Succeed, "succeeded"),
    ] {
        let (job, token) = case.claimed(case.plain().await).await;
        stand.sql(request_cancel, vec![job.tenant.as_str().into(), job.id.as_str().into()]).await;
        assert_eq!(case.settle(&token, (&job, 1), outcome, decision).await, 1);
        let raw = stand.raw(&job).await;
        assert_eq!(raw["state"], expected);
        assert!(raw["finished_at"].is_i64());
    }
}

/// An endpoint records when it began to fail and when it last succeeded, only on a change.
pub async fn an_endpoint_remembers_failing<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    case.endpoint("shop").await;
    let endpoint = || async { read_endpoint(stand, &case.tenant, "shop").await.unwrap() };
    let mut seen = Vec::new();
    for outcome in [failed(ErrorClass::Http5xx), failed(ErrorClass::Http5xx), succeeded(), succeeded()] {
        let decision = if outcome == succeeded() { Decision::Succeed } else { DEAD_LETTER };
        let (job, token) = case.claimed(case.to_endpoint("shop").await).await;
        case.settle(&token, (&job, 1), outcome, decision).await;
        let row = endpoint().await;
        seen.push((row.failing_since, row.last_success_at));
        case.make_past(60_000).await;
    }
    assert!(seen[0].0.is_some() && seen[0].1.is_none());
    assert!(seen[1].0.is_some());
    assert!(seen[2].0.is_none() && seen[2].1.is_some());
    assert!(seen[3].0.is_none() && seen[3].1.is_some());
}

/// A settlement without the lease does not change the endpoint: it neither fails nor is paused.
pub async fn a_settlement_without_the_lease_changes_no_endpoint<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    case.endpoint("shop").await;
    let (job, token) = case.claimed(case.to_endpoint("shop").await).await;
    case.settle(&stand.token(), (&job, 1), failed(ErrorClass::Http410), DEAD_LETTER).await;
    case.settle(&token, (&job, 2), failed(ErrorClass::Http410), DEAD_LETTER).await;
    let row = read_endpoint(stand, &case.tenant, "shop").await.unwrap();
    assert_eq!((row.state, row.failing_since), (EndpointState::Active, None));
}

/// An endpoint that answers 410 Gone is paused.
pub async fn a_410_pauses_its_endpoint<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    case.endpoint("gone").await;
    let (job, token) = case.claimed(case.to_endpoint("gone").await).await;
    let dies = Decision::DeadLetter { reason: DeadReason::NotRetryable, failures: 1 };
    case.settle(&token, (&job, 1), failed(ErrorClass::Http410), dies).await;
    let row = read_endpoint(stand, &case.tenant, "gone").await.unwrap();
    assert_eq!((row.state, row.paused_reason), (EndpointState::Paused, Some(PausedReason::Gone)));
}

/// An attempt runs from its hint to its outcome: requests, evidence, rows and hints agree.
pub async fn an_attempt_runs_end_to_end<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    case.endpoint("shop").await;
    let jobs = vec![case.to_endpoint("shop").await, case.accept_one(request(json!({})), None).await.unwrap().job];
    let report = process(stand, &stand.settings, JobQueue::Webhooks, jobs.clone()).await;
    assert_eq!((report.attempts, report.settled, report.lost), (2, 2, 0));
    for job in &jobs {
        let row = stand.row(job).await;
        assert_eq!(stand.raw(job).await["state"], "succeeded");
        let record = json!(longshore::manage::query::read_evidence(stand, &row.log[0]).await.unwrap());
        assert_eq!((&record["job_id"], &record["response"]["status"]), (&json!(job.id), &json!(200)));
        let sent =
            |request: &longshore::ports::HttpRequest| request.headers.contains(&("webhook-id".into(), job.id.clone()));
        assert_eq!(stand.requests.borrow().iter().filter(|request| sent(request)).count(), 1);
    }
    stand.status.set(503);
    let job = case.plain().await;
    process(stand, &stand.settings, JobQueue::Webhooks, vec![job.clone()]).await;
    stand.status.set(200);
    assert_eq!(stand.raw(&job).await["state"], "retrying");
    let hinted = format!(r#"{{"v":1,"jobs":[["{}","{}"]]}}"#, job.tenant, job.id);
    let hints = stand.hints.borrow();
    let delay = &hints.iter().find(|message| message.text == hinted).unwrap().delay_seconds;
    assert!((4..=6).contains(delay), "5 s with a fifth of jitter, rounded up: {delay}");
}

/// A result is kept token for token, up to the nesting limit; one that cannot be kept is replaced by a reason.
pub async fn a_result_is_kept_as_it_was_written<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let deep = "[".repeat(RESULT_DEPTH_MAX) + &"]".repeat(RESULT_DEPTH_MAX);
    let long = format!("\"{}\"", "x".repeat(RESULT_BYTES_MAX - 4));
    for json in [
        "117.63331139400017",
        "12345678901234567890123",
        "[1.0,-0,1E+2,0.10,1e-999]",
        r#"{"b":1,"a":{"z":"\u00e9\/\u0000","y":"\ud83d\udea2"},"b":2,"":""}"#,
        r#""null""#,
        "false",
        &deep,
        &long,
    ] {
        let (job, token) = case.claimed(case.plain().await).await;
        let outcome = Outcome::Succeeded { result: JobResult::of(format!("\u{feff} {json}\n").as_bytes()) };
        assert_eq!(case.settle(&token, (&job, 1), outcome, Decision::Succeed).await, 1);
        assert_eq!(case.result(&job).await, (Some(json.to_owned()), None));
        assert_eq!(stand.row(&job).await.state, State::Succeeded, "it can be read");
    }
    for error in ResultError::ALL {
        let (job, token) = case.claimed(case.plain().await).await;
        let outcome = Outcome::Succeeded { result: JobResult::Lost(*error) };
        assert_eq!(case.settle(&token, (&job, 1), outcome, Decision::Succeed).await, 1);
        let row = stand.row(&job).await;
        assert_eq!((row.state, row.result.is_none(), row.result_error), (State::Succeeded, true, Some(*error)));
    }
}
