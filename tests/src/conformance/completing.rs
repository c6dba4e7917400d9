//! Cases of deferred attempts and of jobs that wait for the deployment: parked, completed, overdue, held.

use std::time::Duration;

use longshore::claim::heartbeat;
use longshore::complete::complete;
use longshore::endpoints::{EndpointChange, change_endpoint, read_endpoint};
use longshore::job::{JobRef, Lane};
use longshore::limits::{LEASE_COVERS_MS_MAX, LEASE_MS, LEASE_SLACK_MS};
use longshore::outcome::{ErrorClass, Outcome};
use longshore::plan::PAID;
use longshore::problem::Problem;
use longshore::settle::{Place, Settlement, settle};
use longshore::state::{Decision, State};
use serde_json::json;

use super::stand::{Case, Stand, Store, place};

/// Until the completion of a case's task is due.
const DUE_IN: Duration = Duration::from_mins(10);
const DUE_IN_MS: i64 = 600_000;

fn succeeded() -> Outcome {
    Outcome::Succeeded { result: Some(json!({"pages": 12})) }
}

fn failed() -> Outcome {
    Outcome::Failed { class: ErrorClass::Provider, message: "out of memory".into(), retry_after: None }
}

impl<S: Store> Case<'_, S> {
    /// A task that was claimed, with its token.
    async fn claimed_task(&self) -> (JobRef, String) {
        self.endpoint("tasks").await;
        let body = json!({"kind": "report.build", "endpoint": "tasks", "payload": {"timeout_seconds": 999_999}});
        let accepted = self.accept_one(body, None).await.unwrap();
        assert_eq!(accepted.hint.unwrap().lane, Lane::Tasks);
        let token = self.stand.token();
        assert_eq!(self.claim(&token, &[&accepted.job], false).await.len(), 1);
        (accepted.job, token)
    }

    async fn settle_task(&self, job: &JobRef, token: &str, outcome: Outcome, decision: Decision) -> usize {
        let entry = (12, Some(202), "0.1.0".to_owned());
        let place = Place { lane: Lane::Tasks, ..place("tasks".to_owned()) };
        let settlement = Settlement::new((job.clone(), 1), place, outcome, decision, entry);
        settle(self.stand, token, &PAID, &[settlement]).await.unwrap().len()
    }

    /// A task whose handler took it over, with its token.
    async fn deferred(&self) -> (JobRef, String) {
        let (job, token) = self.claimed_task().await;
        let decision = Decision::Defer { due_in: DUE_IN, failures: 0 };
        // Twice, as after an answer that was lost.
        for _ in 0..2 {
            assert_eq!(self.settle_task(&job, &token, Outcome::Deferred { due_in: DUE_IN }, decision).await, 1);
        }
        (job, token)
    }
}

/// A lease covers its attempt's timeout, but not a task's of minutes, whose payload says nothing of it.
pub async fn a_lease_covers_a_minute<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    case.endpoint("tasks").await;
    let slow = "UPDATE endpoints SET timeout_seconds = 600 WHERE tenant = ?1 RETURNING id";
    let (job, _) = case.claimed_task().await;
    let lease = |raw: &serde_json::Value| raw["lease_until"].as_i64().unwrap() - raw["now"].as_i64().unwrap();
    let raw = stand.raw(&job).await;
    assert!((LEASE_MS - 5_000..=LEASE_MS).contains(&lease(&raw)), "20 seconds and the slack: {raw}");
    stand.sql(slow, vec![case.tenant.as_str().into()]).await;
    let body = json!({"kind": "report.build", "endpoint": "tasks", "payload": null});
    let long = case.accept_one(body, None).await.unwrap().job;
    case.claim(&stand.token(), &[&long], false).await;
    let (raw, most) = (stand.raw(&long).await, LEASE_COVERS_MS_MAX + LEASE_SLACK_MS);
    assert!((most - 5_000..=most).contains(&lease(&raw)), "{raw}");
}

/// A deferred attempt keeps its lease until its completion is due; neither heartbeats nor sweeps change that.
pub async fn a_deferred_attempt_is_left_alone<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let (job, token) = case.deferred().await;
    let row = stand.row(&job).await;
    let due_in = row.completion_due_at.unwrap() - stand.raw(&job).await["now"].as_i64().unwrap();
    assert!((DUE_IN_MS - 5_000..=DUE_IN_MS).contains(&due_in), "{due_in}");
    assert_eq!((row.state, row.look_at, row.log.len()), (State::Running, row.completion_due_at, 1));
    let attempt = (job.tenant.clone(), job.id.clone(), 1);
    assert!(heartbeat(stand, &token, &[attempt]).await.unwrap().is_empty());
    case.sweep().await;
    case.make_past(LEASE_MS).await;
    case.sweep().await;
    assert_eq!(stand.row(&job).await.log, row.log);
}

/// One completion ends the attempt; the same again is answered again, another is refused.
pub async fn a_completion_is_recorded_once<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let (job, _) = case.deferred().await;
    let settings = &stand.settings;
    let stale = complete(stand, settings, &job, Some(2), succeeded()).await;
    assert!(matches!(stale, Err(Problem::IllegalTransition(_))));
    for _ in 0..2 {
        let (row, retry) = complete(stand, settings, &job, Some(1), succeeded()).await.unwrap();
        assert_eq!((row.state, row.result, retry), (State::Succeeded, Some(json!({"pages": 12})), None));
        let entry = serde_json::to_value(&row.log).unwrap();
        assert_eq!((&entry[0]["state"], &entry[0]["status"]), (&json!("succeeded"), &json!(202)));
    }
    let late = complete(stand, settings, &job, None, failed()).await;
    assert!(matches!(late, Err(Problem::IllegalTransition(_))));
    let waiting = case.plain().await;
    let early = complete(stand, settings, &waiting, None, succeeded()).await;
    assert!(matches!(early, Err(Problem::IllegalTransition(_))), "nothing was deferred");
    let unknown = complete(stand, settings, &case.job("job_0001ARZ3NDEKTSV4RRFFQ69G5FAV"), None, succeeded()).await;
    assert!(matches!(unknown, Err(Problem::NotFound)));
}

/// A failure that is told later is a failure: the job is tried again, with a hint for it.
pub async fn a_failure_told_later_is_retried<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let (job, _) = case.deferred().await;
    let (row, retry) = complete(stand, &stand.settings, &job, None, failed()).await.unwrap();
    assert_eq!((row.state, row.failures, row.completion_due_at), (State::Retrying, 1, None));
    assert_eq!(retry.unwrap().lane, Lane::Tasks);
}

/// A completion that never comes is a timeout, and then nothing is awaited any more.
pub async fn an_overdue_completion_is_a_timeout<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let (job, _) = case.deferred().await;
    case.make_past(DUE_IN_MS).await;
    case.sweep().await;
    let row = stand.row(&job).await;
    assert_eq!((row.state, row.failures, row.log.len()), (State::Retrying, 1, 1));
    assert_eq!(row.error.map(|error| error.class), Some(ErrorClass::Timeout));
    let late = complete(stand, &stand.settings, &job, Some(1), succeeded()).await;
    assert!(matches!(late, Err(Problem::IllegalTransition(_))));
}

/// A job whose binding is missing waits with its endpoint, and spends no failure.
pub async fn a_missing_binding_holds_the_job<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let (job, token) = case.claimed_task().await;
    let outcome = Outcome::Unconfigured { message: "no binding".into() };
    assert_eq!(case.settle_task(&job, &token, outcome, Decision::Hold { failures: 0 }).await, 1);
    let endpoint = read_endpoint(stand, &case.tenant, "tasks").await.unwrap();
    assert_eq!((endpoint.state.as_str(), endpoint.paused_reason.as_deref()), ("paused", Some("config")));
    case.sweep().await;
    let row = stand.row(&job).await;
    assert_eq!((row.state, row.failures, row.look_at), (State::Held, 0, None));
    change_endpoint(stand, &case.tenant, "tasks", EndpointChange::Resume).await.unwrap();
    case.sweep().await;
    assert_eq!(stand.raw(&job).await["state"], "retrying");
}
