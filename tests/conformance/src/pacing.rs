//! Cases of the pace of actions: a canary, a rate, a pause.

use std::time::Duration;

use longshore::manage::actions::steps::tick;
use longshore::manage::actions::{ActionChange, change_action, list_actions};
use longshore::model::action::{ActionPausedReason, ActionRow, ActionState, CanaryState};
use longshore::model::state::{Decision, State};
use longshore::wire::problem::Problem;
use serde_json::json;

use super::acting::steps;
use super::stand::{Stand, Store, operator};

/// A canary holds the action back until its jobs have succeeded. The action is paused when one of them fails, and continues when it is
/// resumed.
pub async fn a_canary_decides<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    case.dead_jobs(3).await;
    let action = case.create(json!({"do": "replay", "filter": {}, "canary": 1, "canary_seconds": 60})).await;
    let tested = case.drive(&action, 9).await;
    assert_eq!((tested.done, tested.canary_state, tested.state), (1, Some(CanaryState::Testing), ActionState::Running));
    assert_eq!(case.drive(&tested, 9).await.done, 1, "the canary has not ended");
    let retry = Decision::Retry { delay: Duration::from_secs(5), failures: 1 };
    case.settle_all(&case.jobs_of(&action).await, retry).await;
    let failed = case.drive(&tested, 9).await;
    assert_eq!((failed.done, failed.canary_state, failed.state), (1, Some(CanaryState::Failed), ActionState::Paused));
    assert_eq!(failed.paused_reason, Some(ActionPausedReason::CanaryFailed));
    let resumed = change_action(stand, &operator(stand), &case.tenant, &action.id, ActionChange::Resume).await.unwrap();
    assert_eq!((resumed.canary_state, resumed.paused_reason), (Some(CanaryState::Ignored), None));
    assert_eq!(case.drive(&resumed, 9).await.done, 3);

    let case = stand.case().await;
    case.dead_jobs(3).await;
    let action = case.create(json!({"do": "replay", "filter": {}, "canary": 2})).await;
    let tested = case.drive(&action, 9).await;
    case.settle_all(&case.jobs_of(&action).await, Decision::Succeed).await;
    let passed = case.drive(&tested, 9).await;
    assert_eq!((passed.done, passed.canary_state, passed.state), (3, Some(CanaryState::Passed), ActionState::Done));

    let case = stand.case().await;
    case.dead_jobs(2).await;
    let action = case.create(json!({"do": "replay", "filter": {}, "canary": 1})).await;
    let tested = case.drive(&action, 9).await;
    let sql = "UPDATE actions SET canary_until = 1 WHERE tenant = ?1 AND id = ?2 RETURNING id";
    stand.sql(sql, vec![case.tenant.as_str().into(), action.id.as_str().into()]).await;
    let late = case.drive(&tested, 9).await;
    assert_eq!((late.done, late.paused_reason), (1, Some(ActionPausedReason::CanaryLate)));
}

/// A rate spaces the starts of the jobs, and a step goes two minutes ahead at most.
pub async fn a_rate_spaces_the_jobs<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    case.dead_jobs(5).await;
    stand.hints.borrow_mut().clear();
    let action = case.create(json!({"do": "replay", "filter": {}, "rate_per_second": 1})).await;
    assert_eq!(case.drive(&action, 9).await.done, 5);
    let jobs = case.jobs_of(&action).await;
    let states: Vec<_> = jobs.iter().map(|job| job.state).collect();
    assert_eq!((states[0], &states[1..]), (State::Queued, &[State::Scheduled; 4][..]));
    for pair in jobs[1..].windows(2) {
        assert_eq!(pair[1].run_after - pair[0].run_after, 1_000);
    }
    assert_eq!(jobs[1].next_check_at, Some(jobs[1].run_after), "the sweep finds it if its hint is lost");
    let delays: Vec<_> = stand.hints.borrow().iter().map(|hint| hint.delay_seconds).collect();
    assert_eq!(delays, [0, 1, 2, 3, 4]);
    // A step schedules no job for later than two minutes ahead.
    case.dead_jobs(2).await;
    let slow = case.create(json!({"do": "replay", "filter": {}, "rate_per_second": 1})).await;
    let sql = "UPDATE actions SET next_start_at = created_at + 119500 WHERE tenant = ?1 AND id = ?2 RETURNING id";
    stand.sql(sql, vec![case.tenant.as_str().into(), slow.id.as_str().into()]).await;
    assert_eq!(case.drive(&case.action(&slow).await, 9).await.done, 0);
}

/// An action that waits for its rate does not take the turn of another, in a tick with one step.
pub async fn a_waiting_action_holds_up_no_other<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    case.dead_jobs(1).await;
    let waiting = case.create(json!({"do": "replay", "filter": {}, "rate_per_second": 1})).await;
    let sql = "UPDATE actions SET next_start_at = created_at + 600000, turn_at = 0 WHERE tenant = ?1 AND id = ?2 RETURNING id";
    stand.sql(sql, vec![case.tenant.as_str().into(), waiting.id.as_str().into()]).await;
    let other = case.create(json!({"do": "discard", "filter": {}})).await;
    let sql = "UPDATE actions SET turn_at = 1 WHERE tenant = ?1 AND id = ?2 RETURNING id";
    stand.sql(sql, vec![case.tenant.as_str().into(), other.id.as_str().into()]).await;
    tick(stand, &steps(stand, 1)).await.unwrap();
    assert_eq!((case.action(&waiting).await.done, case.action(&other).await.done), (0, 1));
}

/// An action is paused, resumed and aborted, and refuses what its state does not allow.
pub async fn an_action_is_paused_and_aborted<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    case.dead_jobs(2).await;
    let change =
        async |row: &ActionRow, change| change_action(stand, &operator(stand), &case.tenant, &row.id, change).await;
    let action = case.create(json!({"do": "replay", "filter": {}})).await;
    for _ in 0..2 {
        let paused = change(&action, ActionChange::Pause).await.unwrap();
        assert_eq!((paused.state, paused.paused_reason), (ActionState::Paused, Some(ActionPausedReason::Operator)));
    }
    // The row was read before the pause.
    assert_eq!(case.drive(&action, 9).await.done, 0);
    let resumed = change(&action, ActionChange::Resume).await.unwrap();
    assert_eq!((resumed.state, resumed.paused_reason), (ActionState::Running, None));
    let aborted = change(&action, ActionChange::Abort).await.unwrap();
    assert!(aborted.state == ActionState::Aborted && aborted.ended_at.is_some() && aborted.is_settled());
    assert_eq!(case.drive(&resumed, 9).await.done, 0);
    let refused = change(&action, ActionChange::Resume).await.unwrap_err();
    let detail = "Only an action that is `paused` can be resumed; this one is `aborted`";
    assert_eq!(refused, Problem::IllegalTransition(detail.into()));
    let unknown = change_action(stand, &operator(stand), &case.tenant, "act_x", ActionChange::Pause).await.unwrap_err();
    assert_eq!(unknown, Problem::not_found("Action", "act_x"));
    let of = async |state: Option<ActionState>| {
        let state = state.map(|state| state.name().to_owned());
        list_actions(stand, &case.tenant, state, None, 10).await.unwrap().len()
    };
    assert_eq!([of(None).await, of(Some(ActionState::Aborted)).await, of(Some(ActionState::Done)).await], [1, 1, 0]);
}
