//! Cases of schedules: each occurrence makes one job, with any number of concurrent ticks and any change in between.

use futures_util::future::join_all;
use longshore::manage::endpoints::{EndpointChange, change_endpoint};
use longshore::model::origin::Origin;
use longshore::schedules::fire::{fire_due, read_due, tick};
use longshore::schedules::manage::{delete_schedule, list_schedules, put_schedule, read_schedule, run_schedule};
use longshore::schedules::schedule::{OccurrenceState, Schedule, ScheduleRow};
use longshore::wire::job_queue::JobQueue;
use longshore::wire::problem::Problem;
use longshore::wire::time::Time;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::stand::{Case, Stand, Store, operator};

/// Duration after which an occurrence of a schedule with one per minute is due, in milliseconds.
pub(super) const A_MINUTE_MS: i64 = 61_000;

pub(super) async fn put<S: Store>(case: &Case<'_, S>, more: Value) -> ScheduleRow {
    let mut body = json!({"cron": "* * * * *", "kind": "webhook", "payload": {"url": "https://example.com/hook"}});
    let (Value::Object(fields), Value::Object(more)) = (&mut body, more) else { unreachable!() };
    fields.extend(more);
    let (stand, body) = (case.stand, body.to_string());
    put_schedule(stand, &operator(stand), &stand.settings, &case.tenant, "report", body.as_bytes()).await.unwrap()
}

async fn row<S: Store>(case: &Case<'_, S>) -> ScheduleRow {
    read_schedule(case.stand, &case.tenant, "report").await.unwrap()
}

/// Returns the states of the schedule's occurrences, the newest first.
async fn states<S: Store>(case: &Case<'_, S>) -> Vec<OccurrenceState> {
    row(case).await.history.into_iter().map(|occurrence| occurrence.state).collect()
}

fn whole(row: &ScheduleRow) -> Value {
    json!(Schedule::whole(row, row.shown_payload().as_deref()))
}

async fn count<S: Store>(case: &Case<'_, S>) -> String {
    let sql = "SELECT count(*) FROM jobs WHERE tenant = ?1";
    case.stand.sql(sql, vec![case.tenant.as_str().into()]).await.pop().unwrap()
}

/// Deletes the schedule of a case: on a shared database it must not fire during another case.
async fn end<S: Store>(case: &Case<'_, S>) {
    delete_schedule(case.stand, &operator(case.stand), &case.tenant, "report").await.unwrap();
    assert_eq!(
        delete_schedule(case.stand, &operator(case.stand), &case.tenant, "report").await,
        Err(Problem::not_found("Schedule", "report"))
    );
}

/// Ten concurrent ticks and one more make one job, which knows its occurrence.
pub async fn an_occurrence_fires_once<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let made = put(&case, json!({"group": "reports", "metadata": {"a": 1}})).await;
    assert_eq!(tick(stand, &stand.settings).await.unwrap(), 0, "nothing is due yet");
    case.make_past(A_MINUTE_MS).await;
    let ticks = join_all((0..10).map(|_| tick(stand, &stand.settings))).await;
    assert_eq!(ticks.into_iter().map(Result::unwrap).sum::<usize>(), 1);
    assert_eq!(tick(stand, &stand.settings).await.unwrap(), 0);
    let schedule = row(&case).await;
    assert_eq!((schedule.history.len(), schedule.revision), (1, made.revision));
    let fired = &schedule.history[0];
    assert_eq!((fired.state, fired.scheduled_for), (OccurrenceState::Fired, Some(Time(schedule.last_occurrence))));
    let job = stand.row(&case.job(fired.job_id.as_deref().unwrap())).await;
    assert_eq!((job.schedule.as_deref(), job.scheduled_for), (Some("report"), Some(schedule.last_occurrence)));
    let metadata = job.metadata.as_deref().map(RawValue::get);
    assert_eq!((job.group.as_deref(), metadata), (Some("reports"), Some(r#"{"a":1}"#)));
    assert!(job.idempotency_key.is_some_and(|key| key.starts_with('\u{1}')));
    let hours = "SELECT count(*) FROM tenant_hours WHERE tenant = ?1";
    assert_eq!(stand.sql(hours, vec![case.tenant.as_str().into()]).await, ["1"], "the sweep finds its hour");
    assert_eq!(count(&case).await, "1");
    end(&case).await;
    assert_eq!(count(&case).await, "1", "its jobs stay");
}

/// Two ticks that read the same occurrence make one job; the later one creates nothing.
pub async fn a_late_tick_fires_nothing<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    put(&case, json!({})).await;
    case.make_past(A_MINUTE_MS).await;
    let (first, second) =
        (read_due(stand, &stand.settings).await.unwrap(), read_due(stand, &stand.settings).await.unwrap());
    assert_eq!(fire_due(stand, first).await.unwrap().len(), 1);
    assert_eq!(fire_due(stand, second).await.unwrap().len(), 0);
    assert_eq!((count(&case).await.as_str(), states(&case).await.len()), ("1", 1));
    end(&case).await;
}

/// A schedule put between the read and the write of a tick wins; a due occurrence is still decided once.
pub async fn a_put_in_between_wins<S: Store>(stand: &Stand<S>) {
    for (more, left) in
        [(json!({"group": "other"}), 1), (json!({"paused": true}), 0), (json!({"cron": "0 0 1 1 *"}), 0)]
    {
        let case = stand.case().await;
        put(&case, json!({})).await;
        case.make_past(A_MINUTE_MS).await;
        let due = read_due(stand, &stand.settings).await.unwrap();
        assert_eq!(due.len(), 1);
        put(&case, more.clone()).await;
        assert_eq!(fire_due(stand, due).await.unwrap().len(), 0, "{more}");
        assert_eq!(tick(stand, &stand.settings).await.unwrap(), left, "{more}");
        assert_eq!(count(&case).await, left.to_string(), "{more}");
        end(&case).await;
    }
    let case = stand.case().await;
    put(&case, json!({})).await;
    case.make_past(A_MINUTE_MS).await;
    let due = read_due(stand, &stand.settings).await.unwrap();
    end(&case).await;
    assert_eq!(fire_due(stand, due).await.unwrap().len(), 0, "deleted in between");
    assert_eq!(count(&case).await, "0");
}

/// Each policy after an outage decides which missed occurrences fire and how the others are recorded.
pub async fn missed_occurrences_follow_the_policy<S: Store>(stand: &Stand<S>) {
    for (catch_up, jobs) in [("latest", 1), ("all", 12), ("none", 5)] {
        let case = stand.case().await;
        put(&case, json!({"catch_up": catch_up})).await;
        case.make_past(12 * 60_000).await;
        let fired = tick(stand, &stand.settings).await.unwrap();
        // One occurrence more or less may fall between the two clocks.
        assert!((jobs - 1..=jobs + 1).contains(&fired), "{catch_up}: {fired}");
        assert_eq!(count(&case).await, fired.to_string(), "{catch_up}");
        let missed = states(&case).await.iter().filter(|state| **state == OccurrenceState::Missed).count();
        assert_eq!(missed, usize::from(catch_up != "all"), "{catch_up}: one entry for all missed ones");
        assert_eq!(tick(stand, &stand.settings).await.unwrap(), 0, "{catch_up}");
        end(&case).await;
    }
}

/// An occurrence with `overlap: skip` is skipped while the previous job is open, and the history records it.
pub async fn an_occurrence_is_skipped_while_a_job_is_open<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    put(&case, json!({"overlap": "skip", "catch_up": "all"})).await;
    case.make_past(2 * 60_000).await;
    assert_eq!(tick(stand, &stand.settings).await.unwrap(), 1);
    assert_eq!(states(&case).await.last(), Some(&OccurrenceState::Fired));
    case.make_past(A_MINUTE_MS).await;
    assert_eq!(tick(stand, &stand.settings).await.unwrap(), 0);
    assert_eq!(states(&case).await[0], OccurrenceState::Skipped);
    let jobs = row(&case).await.history.into_iter().filter_map(|occurrence| occurrence.job_id);
    let jobs: Vec<_> = jobs.map(|id| case.job(&id)).collect();
    assert_eq!(jobs.len(), 1);
    longshore::run::process::process(stand, &stand.settings, JobQueue::Webhooks, jobs).await;
    case.make_past(A_MINUTE_MS).await;
    assert_eq!(tick(stand, &stand.settings).await.unwrap(), 1, "the job before it has ended");
    end(&case).await;
}

/// An occurrence with a deleted endpoint is refused; after the endpoint is created again, the next one fires.
pub async fn a_deleted_endpoint_refuses_the_occurrence<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    case.endpoint("orders").await;
    put(&case, json!({"endpoint": "orders", "payload": {}})).await;
    change_endpoint(stand, &operator(stand), &case.tenant, "orders", EndpointChange::Delete).await.unwrap();
    case.make_past(A_MINUTE_MS).await;
    assert_eq!(tick(stand, &stand.settings).await.unwrap(), 0);
    let schedule = row(&case).await;
    assert_eq!((schedule.history[0].state, &schedule.history[0].job_id), (OccurrenceState::Refused, &None));
    let refusal =
        run_schedule(stand, &operator(stand), &case.tenant, "report", None, &Origin::default()).await.unwrap_err();
    assert!(matches!(refusal, Problem::InvalidRequest(_)), "{refusal:?}");
    case.endpoint("orders").await;
    case.make_past(A_MINUTE_MS).await;
    assert_eq!(tick(stand, &stand.settings).await.unwrap(), 1);
    assert_eq!(count(&case).await, "1");
    end(&case).await;
}

/// Run now makes a job outside the occurrences, one per key.
pub async fn run_now_makes_one_job_per_key<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let before = put(&case, json!({"paused": true})).await;
    let run = async |key| {
        run_schedule(stand, &operator(stand), &case.tenant, "report", key, &Origin::default()).await.unwrap()
    };
    let (first, second, other) = (run(Some("a")).await, run(Some("a")).await, run(None).await);
    assert_eq!((first.duplicate, second.duplicate, other.duplicate), (false, true, false));
    assert_eq!((&first.job, &first.body), (&second.job, &second.body));
    assert_ne!(first.job, other.job);
    let at_once = join_all((0..10).map(|_| run(Some("b")))).await;
    assert!(at_once.iter().all(|run| run.job == at_once[0].job));
    assert_eq!(count(&case).await, "3");
    let after = row(&case).await;
    assert_eq!((after.last_occurrence, after.next_at), (before.last_occurrence, None), "no occurrence is touched");
    assert_eq!(
        after.history.iter().filter(|occurrence| occurrence.state == OccurrenceState::RunNow).count(),
        after.history.len()
    );
    let unknown =
        run_schedule(stand, &operator(stand), &case.tenant, "nothing", None, &Origin::default()).await.unwrap_err();
    assert_eq!(unknown, Problem::not_found("Schedule", "nothing"));
    end(&case).await;
}

/// A full store fires nothing and loses no occurrence; run now is refused.
pub async fn a_full_store_fires_later<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    put(&case, json!({"catch_up": "all"})).await;
    case.make_past(A_MINUTE_MS).await;
    let due = read_due(stand, &stand.settings).await.unwrap();
    let set = "INSERT INTO meta (name, value) VALUES ('storage_full', ?1) ON CONFLICT (name) DO UPDATE SET value = ?1 RETURNING ''";
    stand.sql(set, vec![1.into()]).await;
    assert_eq!(tick(stand, &stand.settings).await.unwrap(), 0);
    assert_eq!(fire_due(stand, due).await.unwrap().len(), 0, "it was read before");
    assert_eq!(
        run_schedule(stand, &operator(stand), &case.tenant, "report", None, &Origin::default()).await.unwrap_err(),
        Problem::StorageFull
    );
    stand.sql(set, vec![0.into()]).await;
    assert_eq!(tick(stand, &stand.settings).await.unwrap(), 1);
    end(&case).await;
}

/// A history keeps the last 50 occurrences; lists show the newest one.
pub async fn a_history_is_bounded<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    put(&case, json!({"catch_up": "all"})).await;
    for _ in 0..6 {
        case.make_past(10 * 60_000).await;
        tick(stand, &stand.settings).await.unwrap();
    }
    let schedule = row(&case).await;
    assert_eq!(schedule.history.len(), 50);
    let occurrences: Vec<_> = schedule.history.iter().map(|occurrence| occurrence.scheduled_for.unwrap()).collect();
    assert!(occurrences.is_sorted_by(|one, next| one > next), "the newest first");
    let page = list_schedules(stand, &case.tenant, "", 10, false).await.unwrap();
    assert_eq!((page.len(), page[0].history.len(), page[0].shown_payload().is_none()), (1, 1, true));
    assert_eq!(page[0].history[0].scheduled_for, schedule.history[0].scheduled_for);
    let page = list_schedules(stand, &case.tenant, "", 10, true).await.unwrap();
    assert_eq!((page.len(), page[0].history.len()), (1, 50));
    assert_eq!(whole(&page[0]), whole(&schedule));
    end(&case).await;
}
