//! Cases of deferred tasks and their completions, and of jobs that are held for a missing binding.

use std::time::Duration;

use longshore::limits::plan::PAID;
use longshore::limits::{COMPLETION_GRACE_MS, CRASH_SEEN_MS_MAX, LEASE_COVERS_MS_MAX, LEASE_MS, LEASE_SLACK_MS};
use longshore::manage::endpoints::{EndpointChange, change_endpoint, read_endpoint};
use longshore::manage::groups::read_group;
use longshore::manage::operate::cancel;
use longshore::model::attempt::EndedBy;
use longshore::model::endpoint::{EndpointState, PausedReason};
use longshore::model::job::{Job, JobRef};
use longshore::model::outcome::{ErrorClass, Outcome};
use longshore::model::result::JobResult;
use longshore::model::state::{Decision, State};
use longshore::run::attempt::FinishedAttempt;
use longshore::run::claim::heartbeat;
use longshore::run::complete::complete;
use longshore::run::flush::{Flushed, flush};
use longshore::run::settle::{JobPlace, Settlement, settle};
use longshore::wire::job_queue::JobQueue;
use longshore::wire::problem::Problem;
use serde_json::{Value, json};

use super::stand::{Case, Stand, Store, measured, operator, place};
use longshore_kit::client::early_in_a_day;

/// Time until the completion of a case's task is due.
pub(super) const DUE_IN: Duration = Duration::from_mins(10);
const DUE_IN_MS: i64 = 600_000;

fn succeeded() -> Outcome {
    Outcome::Succeeded { result: json!({"pages": 12}).into() }
}

fn failed() -> Outcome {
    Outcome::Failed { class: ErrorClass::Provider, message: "out of memory".into(), retry_after: None }
}

impl<S: Store> Case<'_, S> {
    /// Returns a claimed task and its token.
    pub(super) async fn claimed_task(&self) -> (JobRef, String) {
        self.endpoint("tasks").await;
        let body = json!({"kind": "report.build", "endpoint": "tasks", "payload": {"timeout_seconds": 999_999}});
        let accepted = self.accept_one(body, None).await.unwrap();
        assert_eq!(accepted.hint.unwrap().queue, JobQueue::Tasks);
        let token = self.stand.token();
        assert_eq!(self.claim(&token, &[&accepted.job], false).await.len(), 1);
        (accepted.job, token)
    }

    async fn settle_task(&self, job: &JobRef, token: &str, outcome: Outcome, decision: Decision) -> usize {
        let entry = measured(12, Some(202));
        let place = JobPlace { queue: JobQueue::Tasks, ..place("tasks".to_owned()) };
        let settlement = Settlement::new(job.attempt(1), place, outcome, decision, entry);
        settle(self.stand, token, &PAID, &[settlement]).await.unwrap().len()
    }

    /// Returns a task whose handler answered 202 and completes it later, with its token.
    pub(super) async fn deferred(&self) -> (JobRef, String) {
        let (job, token) = self.claimed_task().await;
        let decision = Decision::Defer { due_in: DUE_IN, failures: 0 };
        // Settled twice, as after a lost answer.
        for _ in 0..2 {
            assert_eq!(self.settle_task(&job, &token, Outcome::Deferred { due_in: DUE_IN }, decision).await, 1);
        }
        (job, token)
    }
}

/// A lease covers the timeout of its attempt, up to a minute; the timeout in a task's own payload does not count.
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

/// A deferred attempt keeps its lease until its completion is due; heartbeats and sweeps do not change it.
pub async fn a_deferred_attempt_is_left_alone<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let (job, token) = case.deferred().await;
    let row = stand.row(&job).await;
    let due_in = row.completion_due_at.unwrap() - stand.raw(&job).await["now"].as_i64().unwrap();
    assert!((DUE_IN_MS - 5_000..=DUE_IN_MS).contains(&due_in), "{due_in}");
    assert_eq!((row.state, row.next_check_at, row.log.len()), (State::Running, row.completion_due_at, 1));
    let attempt = job.attempt(1);
    assert!(heartbeat(stand, &token, &[attempt]).await.unwrap().is_empty());
    case.sweep().await;
    case.make_past(LEASE_MS).await;
    case.sweep().await;
    assert_eq!(stand.row(&job).await.log, row.log);
}

/// One completion ends the attempt; a repeat returns the same result, and a different completion is refused.
pub async fn a_completion_is_recorded_once<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let (job, _) = case.deferred().await;
    let settings = &stand.settings;
    let stale = complete(stand, settings, &job, Some(2), succeeded()).await;
    assert!(matches!(stale, Err(Problem::IllegalTransition(_))));
    for _ in 0..2 {
        let (row, retry) = complete(stand, settings, &job, Some(1), succeeded()).await.unwrap();
        assert_eq!((row.state, row.result_value(), retry), (State::Succeeded, Some(json!({"pages": 12})), None));
        let entry = serde_json::to_value(&row.log).unwrap();
        assert_eq!((&entry[0]["state"], &entry[0]["status"]), (&json!("succeeded"), &json!(202)));
    }
    let late = complete(stand, settings, &job, None, failed()).await;
    assert!(matches!(late, Err(Problem::IllegalTransition(_))));
    let waiting = case.plain().await;
    let early = complete(stand, settings, &waiting, None, succeeded()).await;
    assert!(matches!(early, Err(Problem::IllegalTransition(_))), "nothing was deferred");
    let unknown = complete(stand, settings, &case.job("job_0001ARZ3NDEKTSV4RRFFQ69G5FAV"), None, succeeded()).await;
    assert!(matches!(unknown, Err(Problem::NotFound(_))));
}

/// Flushes an outcome that the executor learns after the completion, with `{}` as evidence record.
pub(super) async fn flush_late<S: Store>(
    stand: &Stand<S>,
    job: &JobRef,
    (token, attempt): (&str, u32),
    outcome: Outcome,
) -> Flushed {
    let due_in = Decision::Defer { due_in: DUE_IN, failures: 0 };
    let decision = if matches!(outcome, Outcome::Deferred { .. }) { due_in } else { Decision::Succeed };
    let place = JobPlace { queue: JobQueue::Tasks, ..place("tasks".to_owned()) };
    let entry = measured(99, Some(202));
    let settlement = Settlement::new(job.attempt(attempt), place, outcome, decision, entry);
    let finished = FinishedAttempt { settlement, record: Some(b"{}".to_vec()), ended_at: 0 };
    flush(stand, &stand.settings, token, 0, vec![finished]).await
}

/// Returns a row as JSON without the fields that a late outcome may add to that log entry, and the entry itself.
async fn beside_late<S: Store>(stand: &Stand<S>, job: &JobRef, attempt: usize) -> (Value, Value) {
    let mut raw = stand.raw(job).await;
    raw["now"] = Value::Null;
    let entry = raw["log"][attempt - 1].clone();
    for field in ["status", "evidence"] {
        raw["log"][attempt - 1][field] = Value::Null;
    }
    (raw, entry)
}

/// A completion that arrives before its attempt is settled is recorded at once; the attempt's own outcome then adds its
/// status and evidence once, and changes nothing else.
pub async fn a_completion_comes_before_its_deferral<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    for own in [Outcome::Deferred { due_in: DUE_IN }, Outcome::Succeeded { result: json!("its own").into() }, failed()]
    {
        let (job, token) = case.claimed_task().await;
        let (row, retry) = complete(stand, &stand.settings, &job, None, succeeded()).await.unwrap();
        assert_eq!((row.state, row.result_value(), retry), (State::Succeeded, Some(json!({"pages": 12})), None));
        assert_eq!((row.log[0].ended_by, row.log[0].status), (Some(EndedBy::Completion), None));
        let (before, _) = beside_late(stand, &job, 1).await;
        for _ in 0..2 {
            let flushed = flush_late(stand, &job, (&token, 1), own.clone()).await;
            assert_eq!((flushed.settled, flushed.lost), (0, 1));
            let (after, entry) = beside_late(stand, &job, 1).await;
            assert_eq!(after, before, "{own:?}");
            assert_eq!((&entry["status"], &entry["evidence"]["state"]), (&json!(202), &json!("stored")));
        }
        let late = [json!(Job::of(&stand.row(&job).await, None))["state"].clone(), before["log"][0]["state"].clone()];
        assert_eq!(late, ["succeeded", "succeeded"]);
    }
}

/// A failure reported before the attempt is settled leads to a retry; the late outcome of the first attempt goes to its
/// own log entry, in any state of the job.
pub async fn a_late_outcome_finds_its_entry<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    for later in ["retrying", "running", "succeeded"] {
        let (job, first) = case.claimed_task().await;
        let (row, retry) = complete(stand, &stand.settings, &job, Some(1), failed()).await.unwrap();
        assert_eq!((row.state, row.failures, retry.is_some()), (State::Retrying, 1, true));
        let second = stand.token();
        if later != "retrying" {
            case.make_past(LEASE_MS).await;
            assert_eq!(case.claim(&second, &[&job], false).await.len(), 1);
        }
        if later == "succeeded" {
            complete(stand, &stand.settings, &job, Some(2), succeeded()).await.unwrap();
        }
        let (before, _) = beside_late(stand, &job, 1).await;
        assert_eq!(before["state"], later);
        flush_late(stand, &job, (&first, 1), Outcome::Deferred { due_in: DUE_IN }).await;
        let (after, entry) = beside_late(stand, &job, 1).await;
        assert_eq!((after, &entry["status"]), (before, &json!(202)), "{later}");
        if later == "succeeded" {
            flush_late(stand, &job, (&second, 2), Outcome::Deferred { due_in: DUE_IN }).await;
            let (_, entry) = beside_late(stand, &job, 2).await;
            assert_eq!((&entry["status"], &entry["lease"]), (&json!(202), &json!(second)));
        }
    }
}

/// A late outcome is written only under the lease of its log entry, and only if a completion ended that attempt.
pub async fn a_late_outcome_is_guarded<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let deferred = || Outcome::Deferred { due_in: DUE_IN };
    let (job, _) = case.claimed_task().await;
    complete(stand, &stand.settings, &job, None, succeeded()).await.unwrap();
    let (before, _) = beside_late(stand, &job, 1).await;
    for (token, attempt) in [(stand.token(), 1), (stand.row(&job).await.log[0].lease.clone(), 2)] {
        flush_late(stand, &job, (&token, attempt), deferred()).await;
        let (after, entry) = beside_late(stand, &job, 1).await;
        assert_eq!((after, &entry["status"]), (before.clone(), &Value::Null), "{attempt}");
    }
    // The lease ended unsettled: the outcome is unknown.
    let (job, token) = case.claimed_task().await;
    case.lose_lease(&job).await;
    flush_late(stand, &job, (&token, 1), deferred()).await;
    let (_, entry) = beside_late(stand, &job, 1).await;
    assert_eq!((&entry["state"], &entry["evidence"]), (&json!("outcome_unknown"), &Value::Null));
}

/// A repeated completion is recognised by the outcome it recorded, as long as the job exists; a different one is
/// refused.
pub async fn a_repeated_completion_is_recognised<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let settings = &stand.settings;
    let completed =
        async |job: &JobRef, attempt, outcome: Outcome| match complete(stand, settings, job, attempt, outcome).await {
            Ok((row, _)) => row.state.name().to_owned(),
            Err(Problem::IllegalTransition(detail)) => detail,
            Err(other) => panic!("{other:?}"),
        };
    let with = |result: Option<Value>| Outcome::Succeeded { result: result.map_or(JobResult::Empty, JobResult::from) };
    let because =
        |message: &str| Outcome::Failed { class: ErrorClass::Provider, message: message.into(), retry_after: None };
    for result in [None, Some(json!(0)), Some(json!("é\n")), Some(json!({"b": [1.5, null], "a": {}}))] {
        let (job, _) = case.claimed_task().await;
        assert_eq!(completed(&job, None, with(result.clone())).await, "succeeded");
        for attempt in [None, Some(1)] {
            assert_eq!(completed(&job, attempt, with(result.clone())).await, "succeeded", "{result:?}");
            let other = completed(&job, attempt, with(Some(json!("another")))).await;
            assert_eq!(other, "Attempt 1 was completed with another outcome; the job is `succeeded`");
            assert_eq!(completed(&job, attempt, failed()).await, other);
        }
        let unknown = completed(&job, Some(2), with(result.clone())).await;
        assert_eq!(unknown, "The job has no attempt 2; it is `succeeded`, and its last attempt is 1");
    }
    // The failure of an attempt that was followed by another.
    let (job, _) = case.claimed_task().await;
    for attempt in [Some(1), None, Some(1)] {
        assert_eq!(completed(&job, attempt, because("no")).await, "retrying");
    }
    case.make_past(LEASE_MS).await;
    case.claim(&stand.token(), &[&job], false).await;
    assert_eq!(completed(&job, Some(1), because("no")).await, "running", "the repeat ends no other attempt");
    let other = "Attempt 1 was completed with another outcome; the job is `running`";
    assert_eq!(completed(&job, Some(1), because("yes")).await, other);
    assert_eq!(completed(&job, Some(1), succeeded()).await, other);
    assert_eq!((stand.row(&job).await.attempt, stand.row(&job).await.failures), (2, 1));
}

/// An attempt that ended without a completion cannot be completed, nor can a job that is no task or has never run.
pub async fn an_attempt_ended_without_a_completion_is_not_completed<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let refused = async |job: &JobRef| {
        let mut details = Vec::new();
        for outcome in [Outcome::Succeeded { result: JobResult::Empty }, succeeded(), failed()] {
            for attempt in [None, Some(1)] {
                match complete(stand, &stand.settings, job, attempt, outcome.clone()).await {
                    Err(Problem::IllegalTransition(detail)) => details.push(detail),
                    other => panic!("{other:?}"),
                }
            }
        }
        details[0].clone()
    };
    let ended =
        |state: &str| format!("Attempt 1 ended without a completion; the job is `{state}`, and its last attempt is 1");
    // Ended by its answer, success and failure, with the result and error that the completion reports.
    let (job, token) = case.claimed_task().await;
    case.settle_task(&job, &token, succeeded(), Decision::Succeed).await;
    assert_eq!(refused(&job).await, ended("succeeded"));
    let (job, token) = case.claimed_task().await;
    case.settle_task(&job, &token, failed(), Decision::Retry { delay: DUE_IN, failures: 1 }).await;
    assert_eq!(refused(&job).await, ended("retrying"));
    // Ended by a timeout, and by a crash.
    let (job, _) = case.deferred().await;
    case.make_past(DUE_IN_MS).await;
    case.sweep().await;
    assert_eq!(refused(&job).await, ended("retrying"));
    let (job, _) = case.claimed_task().await;
    case.lose_lease(&job).await;
    assert_eq!(refused(&job).await, ended("retrying"));
    // A task that never ran, and a webhook that is running, then succeeded.
    let body = json!({"kind": "report.build", "endpoint": "tasks", "payload": {}});
    let waiting = case.accept_one(body, None).await.unwrap().job;
    let none = complete(stand, &stand.settings, &waiting, None, succeeded()).await;
    assert!(matches!(none, Err(Problem::IllegalTransition(detail)) if detail.contains("has no attempt yet")));
    let webhook = case.plain().await;
    let token = stand.token();
    case.claim(&token, &[&webhook], false).await;
    assert_eq!(refused(&webhook).await, "Only a task can be completed; this job is of another kind");
    case.settle_task(&webhook, &token, succeeded(), Decision::Succeed).await;
    assert_eq!(stand.row(&webhook).await.state, State::Succeeded);
    assert_eq!(refused(&webhook).await, "Only a task can be completed; this job is of another kind");
}

/// A cancel request lets a running task succeed, and prevents the retry of one that fails.
pub async fn a_cancelled_task_may_still_be_completed<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    for (outcome, expected) in [(succeeded(), State::Succeeded), (failed(), State::Cancelled)] {
        let (job, token) = case.claimed_task().await;
        cancel(stand, &operator(stand), &stand.settings, &job).await.unwrap();
        for _ in 0..2 {
            assert_eq!(
                complete(stand, &stand.settings, &job, Some(1), outcome.clone()).await.unwrap().0.state,
                expected
            );
        }
        let (before, _) = beside_late(stand, &job, 1).await;
        flush_late(stand, &job, (&token, 1), Outcome::Deferred { due_in: DUE_IN }).await;
        assert_eq!(beside_late(stand, &job, 1).await.0, before);
    }
}

/// A group counts a completed task once, even if its own outcome and a repeat arrive later.
pub async fn a_completed_task_counts_once_in_its_group<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    case.endpoint("tasks").await;
    let body = json!({"kind": "report.build", "endpoint": "tasks", "payload": {}, "group": "reports"});
    let job = case.accept_one(body, None).await.unwrap().job;
    let token = stand.token();
    case.claim(&token, &[&job], false).await;
    for _ in 0..2 {
        complete(stand, &stand.settings, &job, None, succeeded()).await.unwrap();
        flush_late(stand, &job, (&token, 1), succeeded()).await;
        let group = read_group(stand, &case.tenant, "reports").await.unwrap();
        assert_eq!((group.total, group.succeeded, group.finished_at.is_some()), (1, 1, true));
    }
}

/// A failed completion leads to a retry, with a hint.
pub async fn a_failed_completion_is_retried<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let (job, _) = case.deferred().await;
    let (row, retry) = complete(stand, &stand.settings, &job, None, failed()).await.unwrap();
    assert_eq!((row.state, row.failures, row.completion_due_at), (State::Retrying, 1, None));
    assert_eq!(retry.unwrap().queue, JobQueue::Tasks);
}

/// An overdue completion counts as a timeout, and a later completion is refused.
pub async fn an_overdue_completion_is_a_timeout<S: Store>(stand: &Stand<S>) {
    early_in_a_day();
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

/// A completion that fell due during an outage could not be recorded: its caller gets one grace period to repeat it.
pub async fn a_completion_due_during_an_outage_gets_a_grace_period<S: Store>(stand: &Stand<S>) {
    early_in_a_day();
    let case = stand.case().await;
    let (job, _) = case.deferred().await;
    case.make_past(DUE_IN_MS + CRASH_SEEN_MS_MAX).await;
    case.sweep().await;
    assert_eq!((stand.row(&job).await.state, stand.raw(&job).await["failures"].as_i64()), (State::Running, Some(0)));
    assert!(complete(stand, &stand.settings, &job, Some(1), succeeded()).await.is_ok());
    let (late, _) = case.deferred().await;
    case.make_past(DUE_IN_MS + CRASH_SEEN_MS_MAX).await;
    case.sweep().await;
    case.make_past(COMPLETION_GRACE_MS).await;
    case.sweep().await;
    assert_eq!(stand.row(&late).await.error.map(|error| error.class), Some(ErrorClass::Timeout));
}

/// A job with a missing binding is held with its endpoint, and counts no failure.
pub async fn a_missing_binding_holds_the_job<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let (job, token) = case.claimed_task().await;
    let outcome = Outcome::Unconfigured { message: "no binding".into() };
    assert_eq!(case.settle_task(&job, &token, outcome, Decision::Hold { failures: 0 }).await, 1);
    let endpoint = read_endpoint(stand, &case.tenant, "tasks").await.unwrap();
    assert_eq!((endpoint.state, endpoint.paused_reason), (EndpointState::Paused, Some(PausedReason::Config)));
    case.sweep().await;
    let row = stand.row(&job).await;
    assert_eq!((row.state, row.failures, row.next_check_at), (State::Held, 0, None));
    change_endpoint(stand, &operator(stand), &case.tenant, "tasks", EndpointChange::Resume).await.unwrap();
    case.sweep().await;
    assert_eq!(stand.raw(&job).await["state"], "retrying");
}
