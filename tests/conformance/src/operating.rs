//! Cases of operator actions: cancel, retry now, replay, discard, wake.

use futures_util::future::join_all;
use longshore::limits::plan::PAID;
use longshore::manage::operate::{cancel, discard, replay, retry_now, wake};
use longshore::model::job::JobRef;
use longshore::model::outcome::{ErrorClass, Outcome};
use longshore::model::state::{DeadLetterState, DeadReason, Decision, State};
use longshore::run::settle::{Settlement, settle};
use longshore::wire::problem::Problem;
use serde_json::json;
use serde_json::value::RawValue;

use super::stand::{Case, Stand, Store, measured, operator, place, request};

impl<S: Store> Case<'_, S> {
    /// Returns a job that was dead-lettered at its first attempt.
    pub async fn dead(&self, key: Option<&str>) -> JobRef {
        let job = self.accept_one(request(json!({})), key).await.unwrap().job;
        let token = self.stand.token();
        self.claim(&token, &[&job], false).await;
        let outcome = Outcome::Failed { class: ErrorClass::Http5xx, message: "no".into(), retry_after: None };
        let decision = Decision::DeadLetter { reason: DeadReason::AttemptsExhausted, failures: 1 };
        let entry = measured(1, None);
        let settlement = Settlement::new(job.attempt(1), place(String::new()), outcome, decision, entry);
        assert_eq!(settle(self.stand, &token, &PAID, &[settlement]).await.unwrap().len(), 1);
        job
    }

    async fn put_state(&self, job: &JobRef, sql: &'static str) {
        self.stand.sql(sql, vec![job.tenant.as_str().into(), job.id.as_str().into()]).await;
    }
}

/// A cancel ends a waiting job at once, asks a running one to stop, and is refused for an ended job; a repeat changes
/// nothing.
pub async fn a_cancel_in_every_state<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    for sql in [
        "UPDATE jobs SET state = 'queued' WHERE tenant = ?1 AND id = ?2 RETURNING id",
        "UPDATE jobs SET state = 'scheduled' WHERE tenant = ?1 AND id = ?2 RETURNING id",
        "UPDATE jobs SET state = 'retrying' WHERE tenant = ?1 AND id = ?2 RETURNING id",
        "UPDATE jobs SET state = 'held' WHERE tenant = ?1 AND id = ?2 RETURNING id",
    ] {
        let job = case.plain().await;
        case.put_state(&job, sql).await;
        for _ in 0..2 {
            let row = cancel(stand, &operator(stand), &stand.settings, &job).await.unwrap();
            assert_eq!(row.state, State::Cancelled, "{sql}");
            assert_eq!(row.next_check_at, row.finished_at.map(|at| at + PAID.retention_succeeded_ms));
        }
        assert!(case.claim(&stand.token(), &[&job], false).await.is_empty());
    }
    let running = case.plain().await;
    case.claim(&stand.token(), &[&running], false).await;
    for _ in 0..2 {
        let row = cancel(stand, &operator(stand), &stand.settings, &running).await.unwrap();
        assert_eq!((row.state, row.cancel_requested), (State::Running, 1));
    }
    let dead = case.dead(None).await;
    assert!(matches!(
        cancel(stand, &operator(stand), &stand.settings, &dead).await,
        Err(Problem::IllegalTransition(_))
    ));
    let unknown = case.job("job_0001ARZ3NDEKTSV4RRFFQ69G5FAV");
    assert_eq!(
        cancel(stand, &operator(stand), &stand.settings, &unknown).await.unwrap_err(),
        Problem::not_found("Job", &unknown.id)
    );
}

/// Retry now makes a waiting job due; it is refused for running and ended jobs.
pub async fn retry_now_makes_due<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let job = case.accept_one(request(json!({"delay_seconds": 3_600})), None).await.unwrap().job;
    assert!(case.claim(&stand.token(), &[&job], false).await.is_empty());
    assert_eq!(retry_now(stand, &operator(stand), &job).await.unwrap().state, State::Queued);
    assert_eq!(case.claim(&stand.token(), &[&job], false).await.len(), 1);
    assert!(matches!(retry_now(stand, &operator(stand), &job).await, Err(Problem::IllegalTransition(_))));
    let dead = case.dead(None).await;
    assert!(matches!(retry_now(stand, &operator(stand), &dead).await, Err(Problem::IllegalTransition(_))));
}

/// Fifty replays of one dead letter make one successor with the same event id; the other answers name that successor.
pub async fn fifty_replays_are_one<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let dead = case.dead(Some("key")).await;
    let answers =
        join_all((0..50).map(async |_| replay(stand, &operator(stand), &stand.settings, &dead, None).await)).await;
    let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert_eq!((won.len(), lost.len()), (1, 49));
    let successor = won.into_iter().next().unwrap().unwrap();
    assert!(
        lost.iter()
            .all(|answer| matches!(answer, Err(Problem::IllegalTransition(text)) if text.contains(&successor.id)))
    );
    let row = stand.row(&dead).await;
    assert_eq!((row.dead_state, row.replayed_by.as_ref()), (Some(DeadLetterState::Replayed), Some(&successor.id)));
    assert_eq!((successor.event_id(), successor.replay_of.as_ref()), (dead.id.as_str(), Some(&dead.id)));
    assert_eq!((successor.attempt, successor.failures, successor.state), (0, 0, State::Queued));
    assert_eq!(successor.idempotency_key, None);
    assert_eq!(case.claim(&stand.token(), &[&case.job(&successor.id)], false).await[0].event_id(), dead.id);
    // An edited payload is sent with the successor, also with a skewed clock.
    let second = case.dead(None).await;
    let edited = RawValue::from_string(r#"{"url":"https://example.com/other","body":2}"#.into()).unwrap();
    stand.clock_off_ms.set(120_000);
    let successor = replay(stand, &operator(stand), &stand.settings, &second, Some(&edited)).await;
    stand.clock_off_ms.set(0);
    assert!(successor.unwrap().payload.unwrap().contains("example.com/other"));
}

/// A discarded dead letter frees its key and cannot be replayed.
pub async fn a_discard_frees_the_key<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let dead = case.dead(Some("key")).await;
    assert_eq!(case.accept_one(request(json!({})), Some("key")).await.unwrap().job, dead);
    let row = discard(stand, &operator(stand), &dead, Some("known".into())).await.unwrap();
    assert_eq!((row.dead_state, row.note.as_deref()), (Some(DeadLetterState::Discarded), Some("known")));
    assert_eq!(row.state, State::Dead);
    assert_ne!(case.accept_one(request(json!({})), Some("key")).await.unwrap().job, dead);
    assert!(matches!(
        replay(stand, &operator(stand), &stand.settings, &dead, None).await,
        Err(Problem::IllegalTransition(_))
    ));
    assert!(discard(stand, &operator(stand), &dead, None).await.is_err());
}

/// A wake makes the sweep check due waiting jobs at once, and changes no others.
pub async fn a_wake_makes_the_sweep_check_due_jobs<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let (due, running) = (case.plain().await, case.plain().await);
    case.make_past(1_000).await;
    let later = case.accept_one(request(json!({"delay_seconds": 60})), None).await.unwrap().job;
    case.claim(&stand.token(), &[&running], false).await;
    assert_eq!(wake(stand, &[due.clone(), running.clone(), later]).await.unwrap(), 1);
    let raw = stand.raw(&due).await;
    assert!(raw["next_check_at"].as_i64().unwrap() <= raw["now"].as_i64().unwrap());
    assert!(stand.raw(&running).await["next_check_at"].is_null());
}
