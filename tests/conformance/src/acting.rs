//! Cases of actions: all jobs that a filter selects are replayed, retried, cancelled or discarded, once each.

use std::collections::BTreeSet;

use longshore::limits::plan::PAID;
use longshore::limits::{ACTION_STEP_REPLAYS, PAYLOAD_INLINE_BYTES};
use longshore::manage::actions::preview::{ActionPreview, preview};
use longshore::manage::actions::request::{ActionPlan, ActionRequest};
use longshore::manage::actions::steps::{drive, tick};
use longshore::manage::actions::{create, list_action_jobs, read_action};
use longshore::manage::operate::{cancel, replay};
use longshore::model::action::{Action, ActionRow, ActionState};
use longshore::model::job::{JobRef, JobRow};
use longshore::model::outcome::{ErrorClass, Outcome};
use longshore::model::result::JobResult;
use longshore::model::state::{DeadLetterState, Decision, State};
use longshore::run::process::process;
use longshore::run::settle::{JobPlace, Settlement, settle};
use longshore::settings::Settings;
use longshore::store::objects::key;
use longshore::sweep::sweep;
use longshore::wire::invalid::read;
use longshore::wire::job_queue::JobQueue;
use longshore::wire::problem::Problem;
use serde_json::{Value, json};

use super::erasing::AGE_MS;
use super::stand::{Case, DEAD_LETTER, Stand, Store, measured, operator, place, request};

fn plan(body: &Value) -> ActionPlan {
    read::<ActionRequest>(body.to_string().as_bytes(), "#").unwrap().check().unwrap()
}

/// Returns the settings of the stand with so many steps, and without looking at a canary after a request.
pub(super) fn steps<S: Store>(stand: &Stand<S>, steps: usize) -> Settings {
    let mut settings = stand.settings.clone();
    (settings.plan.action_steps, settings.plan.action_canary_polls) = (steps, 0);
    settings
}

impl<S: Store> Case<'_, S> {
    pub(super) async fn dead_jobs(&self, count: usize) -> Vec<JobRef> {
        let mut jobs = Vec::new();
        for _ in 0..count {
            jobs.push(self.dead(None).await);
        }
        jobs
    }

    pub(super) async fn create(&self, body: Value) -> ActionRow {
        create(self.stand, &operator(self.stand), &self.tenant, &plan(&body)).await.unwrap()
    }

    /// Takes so many steps of an action and returns it.
    pub(super) async fn drive(&self, row: &ActionRow, count: usize) -> ActionRow {
        drive(self.stand, &steps(self.stand, count), row.clone()).await;
        self.action(row).await
    }

    pub(super) async fn action(&self, row: &ActionRow) -> ActionRow {
        read_action(self.stand, &self.tenant, &row.id).await.unwrap()
    }

    /// Returns the jobs of an action.
    pub(super) async fn jobs_of(&self, row: &ActionRow) -> Vec<JobRow> {
        let jobs = list_action_jobs(self.stand, &self.tenant, &row.id, None, 100).await.unwrap();
        jobs.into_iter().map(|listed| listed.0).collect()
    }

    /// Claims jobs and settles each with this decision.
    pub(super) async fn settle_all(&self, jobs: &[JobRow], decision: Decision) {
        let token = self.stand.token();
        let refs: Vec<_> = jobs.iter().map(JobRow::job).collect();
        let claimed = self.claim(&token, &refs.iter().collect::<Vec<_>>(), false).await;
        assert_eq!(claimed.len(), jobs.len());
        let settlements = claimed.iter().map(|job| {
            let outcome = match decision {
                Decision::Succeed => Outcome::Succeeded { result: JobResult::Empty },
                _ => Outcome::Failed { class: ErrorClass::Http5xx, message: "no".into(), retry_after: None },
            };
            let place = JobPlace { counted: job.counted == 1, ..place(String::new()) };
            Settlement::new(job.job().attempt(job.attempt), place, outcome, decision, measured(1, None))
        });
        let settlements: Vec<_> = settlements.collect();
        assert_eq!(settle(self.stand, &token, &PAID, &settlements).await.unwrap().len(), jobs.len());
    }
}

fn counts(row: &ActionRow) -> [i64; 6] {
    [row.matched, row.done, row.open(), row.succeeded, row.failed, row.cancelled]
}

/// A replay gives each dead letter that died before it one successor, in the order of deaths; it is followed until all of them have
/// ended.
pub async fn an_action_replays_and_is_followed<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let dead = case.dead_jobs(3).await;
    let action = case.create(json!({"do": "replay", "filter": {}})).await;
    assert_eq!((action.expected, action.expects_more, action.state), (3, 0, ActionState::Running));
    case.make_past(2).await;
    let later = case.dead(None).await;
    let done = case.drive(&action, 9).await;
    assert_eq!((done.state, counts(&done)), (ActionState::Done, [3, 3, 3, 0, 0, 0]));
    assert_eq!(done.finished_at(), None, "its jobs are open");
    let jobs = case.jobs_of(&action).await;
    let originals: BTreeSet<_> = jobs.iter().map(|job| job.replay_of.clone().unwrap()).collect();
    assert_eq!(originals, dead.iter().map(|job| job.id.clone()).collect());
    assert!(jobs.iter().all(|job| job.action.as_ref() == Some(&action.id) && job.state == State::Queued));
    assert_eq!(stand.row(&later).await.dead_state, Some(DeadLetterState::Open));
    case.settle_all(&jobs[..2], Decision::Succeed).await;
    case.settle_all(&jobs[2..], DEAD_LETTER).await;
    let ended = case.action(&action).await;
    assert_eq!(counts(&ended), [3, 3, 0, 2, 1, 0]);
    assert!(ended.finished_at() >= ended.ended_at && ended.is_settled());
    let shown = json!(Action::from(&ended));
    assert_eq!(shown["outcomes"], json!({"open": 0, "succeeded": 2, "failed_again": 1, "cancelled": 0}));
    // The dead letter of the action is replayed by another one, which has other jobs.
    let second = case.create(json!({"do": "replay", "filter": {"action": action.id}})).await;
    assert_eq!(counts(&case.drive(&second, 9).await), [1, 1, 1, 0, 0, 0]);
    assert_eq!(counts(&case.action(&action).await), [3, 3, 0, 2, 1, 0]);
}

/// A step that is done twice, by two calls or after a lost answer, changes nothing the second time.
pub async fn a_step_is_done_once<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let count = usize::try_from(ACTION_STEP_REPLAYS).unwrap() + 20;
    let jobs: Vec<_> = vec![(request(json!({"metadata": {"n": 1.0}})), None); count];
    let accepted = case.accept(&jobs).await.unwrap();
    let rows = futures_util::future::join_all(accepted.into_iter().map(async |job| stand.row(&job.unwrap().job).await));
    let rows = rows.await;
    for rows in rows.chunks(100) {
        case.settle_all(rows, DEAD_LETTER).await;
    }
    let first = case.create(json!({"do": "replay", "filter": {}})).await;
    let second = case.drive(&first, 1).await;
    assert_eq!((second.step, second.done, second.state), (1, i64::from(ACTION_STEP_REPLAYS), ActionState::Running));
    // The step of the row that was read before is done already.
    assert_eq!(counts(&case.drive(&first, 1).await), counts(&second));
    tick(stand, &steps(stand, 1_000)).await.unwrap();
    let done = case.action(&first).await;
    let all = i64::try_from(count).unwrap();
    assert_eq!((done.state, counts(&done)), (ActionState::Done, [all, all, all, 0, 0, 0]));
    assert_eq!(counts(&case.drive(&second, 1).await), counts(&done));
    let sql = "SELECT json_array(count(*), count(DISTINCT replay_of)) FROM jobs WHERE tenant = ?1 AND id > '' AND replay_of IS NOT NULL";
    assert_eq!(stand.sql(sql, vec![case.tenant.as_str().into()]).await, [format!("[{all},{all}]")]);
    // Pages of its jobs continue across steps.
    let (mut listed, mut after) = (0, None);
    loop {
        let page = list_action_jobs(stand, &case.tenant, &first.id, after, 50).await.unwrap();
        listed += page.len();
        let Some(last) = page.last() else { break };
        after = Some(last.position());
    }
    assert_eq!(listed, count);
}

/// Jobs are retried, cancelled and discarded, each if its state allows it, and the rest is skipped.
pub async fn an_action_retries_cancels_and_discards<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let mut rows = Vec::new();
    for _ in 0..2 {
        rows.push(stand.row(&case.plain().await).await);
    }
    // Only failures of receivers have a cause, which lists what waits to be retried.
    stand.status.set(503);
    let refs: Vec<_> = rows.iter().map(JobRow::job).collect();
    process(stand, &stand.settings, JobQueue::Webhooks, refs.clone()).await;
    stand.status.set(200);
    assert!(stand.row(&refs[0]).await.run_after > stand.store.now_ms());
    let action = case.create(json!({"do": "retry", "filter": {}})).await;
    let done = case.drive(&action, 9).await;
    assert_eq!(counts(&done), [2, 2, 2, 0, 0, 0]);
    assert!(stand.row(&refs[0]).await.run_after <= stand.store.now_ms());
    process(stand, &stand.settings, JobQueue::Webhooks, refs.clone()).await;
    assert_eq!(counts(&case.action(&action).await), [2, 2, 0, 2, 0, 0]);

    let (waiting, running) = (case.plain().await, case.plain().await);
    let token = stand.token();
    case.claim(&token, &[&running], false).await;
    let action = case.create(json!({"do": "cancel", "filter": {}})).await;
    let done = case.drive(&action, 9).await;
    assert_eq!((done.state, done.matched, done.done), (ActionState::Done, 2, 2));
    assert_eq!(stand.row(&waiting).await.state, State::Cancelled);
    assert_eq!(stand.row(&running).await.cancel_requested, 1);
    assert_eq!(done.finished_at(), done.ended_at);

    let (dead, other) = (case.dead(Some("key")).await, case.dead(None).await);
    let action = case.create(json!({"do": "discard", "filter": {}, "note": "known"})).await;
    // Somebody replays one between the preview and the step.
    replay(stand, &operator(stand), &stand.settings, &other, None).await.unwrap();
    let done = case.drive(&action, 9).await;
    assert_eq!((done.matched, done.done), (1, 1), "the replayed one is no open dead letter");
    let row = stand.row(&dead).await;
    assert_eq!((row.dead_state, row.note.as_deref()), (Some(DeadLetterState::Discarded), Some("known")));
    assert_eq!(row.idempotency_key, None);
}

/// A replay of a cause may include the jobs that wait for another attempt. A filter selects among both, and the preview counts both.
pub async fn a_cause_is_replayed_whole<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    case.endpoint("orders").await;
    case.endpoint("other").await;
    let (dies, waits) = (case.to_endpoint("orders").await, case.to_endpoint("orders").await);
    let other = case.to_endpoint("other").await;
    stand.status.set(503);
    process(stand, &stand.settings, JobQueue::Webhooks, vec![dies.clone(), waits.clone(), other.clone()]).await;
    stand.status.set(200);
    let sql = "UPDATE jobs SET state = 'dead', dead_state = 'open', finished_at = 1 WHERE tenant = ?1 AND id = ?2 RETURNING id";
    stand.sql(sql, vec![case.tenant.as_str().into(), dies.id.as_str().into()]).await;
    let shared = stand.row(&waits).await.cause.unwrap();
    let body = json!({"do": "replay", "filter": {"cause": shared}, "include_retrying": true, "rate_per_second": 100});
    let found = preview(stand, &case.tenant, &plan(&body)).await.unwrap();
    let shown = json!(ActionPreview::from(&found));
    assert_eq!(shown["matched"], json!({"count": 2, "at_least": false}));
    assert_eq!(shown["by_endpoint"], json!([{"endpoint": "orders", "jobs": 2}]));
    assert_eq!(shown["by_cause"], json!([{"cause": shared, "jobs": 2}]));
    assert_eq!((&shown["sample_jobs"], &shown["seconds"]), (&json!([dies.id, waits.id]), &json!(1)));
    let action = case.create(body).await;
    let done = case.drive(&action, 9).await;
    assert_eq!((done.state, done.matched, done.done), (ActionState::Done, 2, 2));
    let jobs = case.jobs_of(&action).await;
    assert_eq!(jobs.iter().map(|job| job.state).collect::<Vec<_>>(), [State::Queued, State::Retrying]);
    assert_eq!(stand.row(&other).await.action, None);
    for filter in
        [json!({"endpoint": "none"}), json!({"metadata.a": "1"}), json!({"died_before": "1970-01-01T00:00:00Z"})]
    {
        let none = plan(&json!({"do": "replay", "filter": filter}));
        assert_eq!(preview(stand, &case.tenant, &none).await.unwrap().matched.count, 0);
    }
}

/// A full store stops a replay and passes over no dead letter; a payload that is missing is passed over.
pub async fn a_replay_passes_over_no_dead_letter<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let body = "b".repeat(PAYLOAD_INLINE_BYTES + 1);
    let large = request(json!({"payload": {"url": "https://example.com/hook", "body": body}}));
    let mut dead = Vec::new();
    for _ in 0..2 {
        let job = case.accept_one(large.clone(), None).await.unwrap().job;
        case.settle_all(&[stand.row(&job).await], DEAD_LETTER).await;
        dead.push(job);
    }
    stand.objects.borrow_mut().remove(&key(&dead[0]));
    let action = case.create(json!({"do": "replay", "filter": {}})).await;
    // Each case has its own tenants, but one database: a wrong clock stops the action as a full store would.
    stand.clock_off_ms.set(120_000);
    let stopped = case.drive(&action, 9).await;
    stand.clock_off_ms.set(0);
    assert_eq!((stopped.step, stopped.done, stopped.state), (0, 0, ActionState::Running));
    stand.objects_fail.set(true);
    assert_eq!(case.drive(&action, 9).await.step, 0);
    stand.objects_fail.set(false);
    let done = case.drive(&action, 9).await;
    assert_eq!((done.state, done.matched, done.done), (ActionState::Done, 2, 1));
    assert_eq!(stand.row(&dead[0]).await.dead_state, Some(DeadLetterState::Open));
    let [successor] = &case.jobs_of(&action).await[..] else { panic!("one successor") };
    assert!(stand.objects.borrow().contains_key(&key(&successor.job())), "it has a copy of the payload");
}

/// A job counts for the action that ran it last, and a cancelled job of an action is counted as cancelled.
pub async fn a_job_counts_for_one_action<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let job = case.plain().await;
    stand.status.set(503);
    process(stand, &stand.settings, JobQueue::Webhooks, vec![job.clone()]).await;
    stand.status.set(200);
    let first = case.create(json!({"do": "retry", "filter": {}})).await;
    assert_eq!(counts(&case.drive(&first, 9).await), [1, 1, 1, 0, 0, 0]);
    let second = case.create(json!({"do": "retry", "filter": {}})).await;
    assert_eq!(counts(&case.drive(&second, 9).await), [1, 1, 1, 0, 0, 0]);
    let left = case.action(&first).await;
    assert_eq!((counts(&left), left.is_settled()), ([1, 1, 0, 0, 0, 0], true));
    cancel(stand, &operator(stand), &stand.settings, &job).await.unwrap();
    assert_eq!(counts(&case.action(&second).await), [1, 1, 0, 0, 0, 1]);
}

/// Actions are deleted with their tenant and by age; the erasure of a subject empties filters that may name it.
pub async fn actions_are_erased<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let job = case.plain().await;
    let job = case.age_id(&job, AGE_MS).await;
    let body = json!({"do": "cancel", "filter": {"metadata.subject": "ann"}});
    let named = case.create(body).await;
    let plain = case.create(json!({"do": "cancel", "filter": {}})).await;
    case.drive(&plain, 9).await;
    assert_eq!(case.jobs_of(&plain).await.len(), 1);
    let erasure = case.erasure(Some("ann")).await;
    let sql_past = "UPDATE actions SET created_at = 1 WHERE tenant = ?1 AND id > '' RETURNING id";
    stand.sql(sql_past, vec![case.tenant.as_str().into()]).await;
    case.finish(&erasure).await;
    let blank = case.action(&named).await;
    assert_eq!((blank.filter.0.len(), blank.state), (0, ActionState::Aborted));
    assert_eq!(case.action(&plain).await.state, ActionState::Done);
    // By age.
    let sql = "UPDATE actions SET ended_at = 1 WHERE tenant = ?1 AND id = ?2 RETURNING id";
    stand.sql(sql, vec![case.tenant.as_str().into(), plain.id.as_str().into()]).await;
    for _ in 0..20 {
        sweep(stand, &stand.settings).await.unwrap();
    }
    let gone = read_action(stand, &case.tenant, &plain.id).await.unwrap_err();
    assert_eq!(gone, Problem::not_found("Action", &plain.id));
    assert_eq!(stand.row(&job).await.action, Some(plain.id));
    let again = case.plain().await;
    case.age_id(&again, AGE_MS).await;
    let last = case.create(json!({"do": "cancel", "filter": {}})).await;
    assert_eq!(case.drive(&last, 9).await.done, 1);
    let erasure = case.erasure(None).await;
    stand.sql(sql_past, vec![case.tenant.as_str().into()]).await;
    case.finish(&erasure).await;
    for table in [
        "SELECT id FROM actions WHERE tenant = ?1 AND id > ''",
        "SELECT jobs FROM action_steps WHERE tenant = ?1 AND action > ''",
        "SELECT id FROM groups WHERE tenant = ?1 AND id > ''",
    ] {
        assert_eq!(stand.sql(table, vec![case.tenant.as_str().into()]).await, [""; 0], "{table}");
    }
}
