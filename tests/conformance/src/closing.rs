//! Cases of closed groups: a group makes one webhook job when it is closed and all its jobs have ended.

use futures_util::future::{join, join3};
use longshore::manage::groups::{CloseGroup, Group, close_group, read_group};
use longshore::manage::operate::replay;
use longshore::model::hint::Hint;
use longshore::model::job::{JobRef, is_id, time_of};
use longshore::model::origin::Origin;
use longshore::model::state::{Decision, State};
use longshore::run::process::process;
use longshore::store::counted::{GroupRow, OnFinishedError};
use longshore::sweep::sweep;
use longshore::wire::job_queue::JobQueue;
use longshore::wire::problem::Problem;
use serde_json::{Value, json};

use super::erasing::AGE_MS;
use super::grouping::of;
use super::stand::{Case, DEAD_LETTER, Stand, Store, operator, request};

impl<S: Store> Case<'_, S> {
    async fn close(&self, id: &str, endpoint: Option<&str>) -> Result<(GroupRow, Option<Hint>), Problem> {
        let body = json!({"on_finished": endpoint.map(|endpoint| json!({"endpoint": endpoint}))});
        let request: CloseGroup = serde_json::from_value(body).unwrap();
        let origin = Origin { hops: 2, ..Origin::default() };
        close_group(self.stand, &self.tenant, id, &request, &origin).await
    }

    /// Returns the jobs that finished groups have made.
    async fn made(&self) -> Vec<JobRef> {
        let sql = "SELECT id FROM jobs WHERE tenant = ?1 AND endpoint = 'done' ORDER BY id";
        let rows = self.stand.sql(sql, vec![self.tenant.as_str().into()]).await;
        rows.iter().map(|id| self.job(id)).collect()
    }
}

/// The batch that ends the last job makes one webhook job, however often it is repeated and although another batch runs
/// at the same time. The job is as if it had been accepted, and belongs to no group.
pub async fn a_closed_group_makes_one_job<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    case.endpoint("done").await;
    let jobs = case.grouped("import", 3).await;
    let (closed, hint) = case.close("import", Some("done")).await.unwrap();
    assert!(closed.closed_at.is_some() && closed.finished_at.is_none() && hint.is_none());
    case.settle_twice(&[(&jobs[0], DEAD_LETTER)]).await;
    assert_eq!(case.made().await, []);
    let (second, third) = ([(&jobs[1], Decision::Succeed)], [(&jobs[2], Decision::Succeed)]);
    join(case.settle_twice(&second), case.settle_twice(&third)).await;
    let [made] = &case.made().await[..] else { panic!("one job") };
    let (row, group) = (stand.row(made).await, case.group("import").await);
    assert_eq!((row.state, row.kind.as_str(), &row.group), (State::Queued, "webhook", &None));
    assert_eq!((Some(made.id.as_str()), Some(row.created_at)), (group.made_job(), group.finished_at));
    assert!(is_id(&made.id) && time_of(&made.id) == Some(row.created_at), "{made:?}");
    assert_eq!(case.counts("import").await, ([3, 2, 1, 0, 0], true));
    let hour = "SELECT json_array(hour) FROM tenant_hours WHERE tenant = ?1 AND hour = CAST(?2 / 3600000 AS INTEGER)";
    assert_eq!(stand.sql(hour, vec![case.tenant.as_str().into(), row.created_at.into()]).await.len(), 1);
    process(stand, &stand.settings, JobQueue::Webhooks, vec![made.clone()]).await;
    let request = stand.requests.borrow().iter().rfind(|request| request.url.contains("done")).cloned().unwrap();
    let event: Value = serde_json::from_slice(&request.body).unwrap();
    let data = json!({"group": "import", "total": 3, "succeeded": 2, "dead": 1, "replayed": 0, "cancelled": 0});
    let timestamp = &json!(Group::from(&group))["finished_at"];
    assert_eq!(event, json!({"type": "longshore.group.finished", "timestamp": timestamp, "data": data}));
    let hops = request.headers.iter().find(|(name, _)| name == "longshore-hops").map(|(_, value)| value.as_str());
    assert_eq!(hops, Some("3"), "the chain of jobs is counted on");
    assert_eq!(stand.row(made).await.state, State::Succeeded);
}

/// The Worker that ends the last job sends the hint of the webhook job.
pub async fn a_finished_group_sends_a_hint<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    case.endpoint("done").await;
    let jobs = case.grouped("import", 2).await;
    case.close("import", Some("done")).await.unwrap();
    process(stand, &stand.settings, JobQueue::Webhooks, jobs).await;
    let made = case.made().await.pop().unwrap();
    assert!(format!("{:?}", stand.hints.borrow()).contains(&made.id));
}

/// A close after the end makes the job at once. The first close decides; a repeat changes nothing, and another
/// `on_finished` is refused.
pub async fn a_group_is_closed_after_its_end<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    case.endpoint("done").await;
    case.endpoint("other").await;
    let jobs = case.grouped("import", 1).await;
    case.settle_twice(&[(&jobs[0], Decision::Succeed)]).await;
    assert!(
        matches!(case.close(":import", None).await, Err(Problem::InvalidRequest(_))),
        "the name of an action's counts"
    );
    let unknown = Problem::unknown_endpoint_at("#/on_finished/endpoint", "unknown");
    for id in ["import", "empty"] {
        assert_eq!(case.close(id, Some("unknown")).await.unwrap_err(), unknown);
    }
    assert_eq!(case.group("import").await.closed_at, None);
    assert_eq!(read_group(stand, &case.tenant, "empty").await.unwrap_err(), Problem::not_found("Group", "empty"));
    let (closed, hint) = case.close("import", Some("done")).await.unwrap();
    assert_eq!(case.made().await, [hint.unwrap().job]);
    let shown = json!(Group::from(&closed));
    let on_finished = json!({"endpoint": "done", "job": closed.made_job(), "error": null});
    assert_eq!((&shown["finished"], &shown["on_finished"]), (&json!(true), &on_finished));
    for endpoint in [Some("done"), None] {
        assert_eq!(case.close("import", endpoint).await.unwrap(), (closed.clone(), None));
    }
    assert!(matches!(case.close("import", Some("other")).await, Err(Problem::IllegalTransition(_))));
    case.grouped("plain", 1).await;
    let (plain, _) = case.close("plain", None).await.unwrap();
    assert_eq!((plain.finished_at, plain.on_finished), (None, None));
    assert!(matches!(case.close("plain", Some("done")).await, Err(Problem::IllegalTransition(_))));
    assert_eq!(case.made().await.len(), 1);
}

/// A group without jobs finishes in the batch of its close. A job that comes later reopens it, and makes no second webhook job.
pub async fn an_empty_group_finishes_when_it_is_closed<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    case.endpoint("done").await;
    let (closed, hint) = case.close("empty", Some("done")).await.unwrap();
    assert_eq!(case.made().await, [hint.unwrap().job]);
    assert_eq!((closed.total, closed.finished_at, closed.made_job().is_some()), (0, closed.closed_at, true));
    assert_eq!(case.close("empty", Some("done")).await.unwrap(), (closed, None));
    let jobs = case.grouped("empty", 1).await;
    assert_eq!(case.counts("empty").await, ([1, 0, 0, 0, 0], false));
    case.settle_twice(&[(&jobs[0], Decision::Succeed)]).await;
    assert_eq!(case.counts("empty").await, ([1, 1, 0, 0, 0], true));
    assert_eq!(case.made().await.len(), 1);
}

/// The first job of a group and its close at the same time: whichever is first, the group ends with one webhook job.
pub async fn a_close_races_the_last_job<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    case.endpoint("done").await;
    let jobs = case.grouped("import", 1).await;
    let last = [(&jobs[0], Decision::Succeed)];
    let (closed, (), again) =
        join3(case.close("import", Some("done")), case.settle_twice(&last), case.close("import", Some("done"))).await;
    assert!(closed.is_ok() && again.is_ok());
    assert_eq!(case.counts("import").await, ([1, 1, 0, 0, 0], true));
    assert_eq!(case.made().await.len(), 1);
}

/// A later job and a replay reopen a closed group; its webhook job is made once.
pub async fn a_reopened_group_makes_no_second_job<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    case.endpoint("done").await;
    let jobs = case.grouped("import", 1).await;
    case.close("import", Some("done")).await.unwrap();
    case.settle_twice(&[(&jobs[0], DEAD_LETTER)]).await;
    assert_eq!(case.made().await.len(), 1);
    let late = case.accept_one(of("import"), None).await.unwrap().job;
    assert_eq!(case.counts("import").await, ([2, 0, 1, 0, 0], false));
    assert_eq!(json!(Group::from(&case.group("import").await))["finished"], json!(false));
    let again = replay(stand, &operator(stand), &stand.settings, &jobs[0], None).await.unwrap().job();
    case.settle_twice(&[(&late, Decision::Succeed), (&again, Decision::Succeed)]).await;
    assert_eq!(case.counts("import").await, ([3, 2, 0, 1, 0], true));
    assert_eq!(case.made().await.len(), 1);
}

/// The sweep finishes a group as an attempt does.
pub async fn a_sweep_finishes_a_closed_group<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    case.endpoint("done").await;
    let jobs = case.grouped("import", 1).await;
    case.close("import", Some("done")).await.unwrap();
    let sent_too_often = "UPDATE jobs SET attempt = 100, next_check_at = 1 WHERE tenant = ?1 AND id = ?2 RETURNING id";
    stand.sql(sent_too_often, vec![case.tenant.as_str().into(), jobs[0].id.as_str().into()]).await;
    for _ in 0..2 {
        sweep(stand, &stand.settings).await.unwrap();
    }
    assert_eq!(case.counts("import").await, ([1, 0, 1, 0, 0], true));
    assert_eq!(case.made().await.len(), 1);
}

/// The erasure of the last open job of a group finishes the group. A group that loses all its jobs is deleted, and makes no job.
pub async fn an_erasure_finishes_a_closed_group<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    case.endpoint("done").await;
    let mut jobs = Vec::new();
    for (subject, group) in [("another", "import"), ("someone", "import"), ("someone", "alone")] {
        let body = request(json!({"metadata": {"subject": subject}, "group": group}));
        let job = case.accept_one(body, None).await.unwrap().job;
        jobs.push(case.age_id(&job, AGE_MS).await);
    }
    case.settle_twice(&[(&jobs[0], Decision::Succeed)]).await;
    for group in ["import", "alone"] {
        assert_eq!(case.close(group, Some("done")).await.unwrap().1, None);
    }
    case.finish(&case.erasure(Some("someone")).await).await;
    assert_eq!(case.counts("import").await, ([1, 1, 0, 0, 0], true));
    let [made] = &case.made().await[..] else { panic!("one job") };
    assert_eq!(case.group("import").await.made_job(), Some(made.id.as_str()));
    assert!(read_group(stand, &case.tenant, "alone").await.is_err());
}

/// A group whose endpoint was deleted, or whose tenant is being erased, makes no job and shows why.
pub async fn a_group_shows_why_it_made_no_job<S: Store>(stand: &Stand<S>) {
    let delete = "UPDATE endpoints SET state = 'deleted' WHERE tenant = ?1 RETURNING id";
    let erase = "INSERT INTO erasures (tenant, id, state, turn_at, counts, created_at)
        VALUES (?1, 'era_test', 'running', 9e15, '{}', 0) RETURNING id";
    for (sql, error, shown) in
        [(delete, OnFinishedError::EndpointDeleted, "endpoint_deleted"), (erase, OnFinishedError::Erasure, "erasure")]
    {
        let case = stand.case().await;
        case.endpoint("done").await;
        let jobs = case.grouped("import", 1).await;
        case.close("import", Some("done")).await.unwrap();
        stand.sql(sql, vec![case.tenant.as_str().into()]).await;
        case.settle_twice(&[(&jobs[0], Decision::Succeed)]).await;
        let group = case.group("import").await;
        assert_eq!((case.made().await, group.made_job(), group.on_finished_error), (vec![], None, Some(error)));
        let on_finished = json!({"endpoint": "done", "job": null, "error": shown});
        assert_eq!(json!(Group::from(&group))["on_finished"], on_finished);
        let end = "DELETE FROM erasures WHERE tenant = ?1 RETURNING id";
        stand.sql(end, vec![case.tenant.as_str().into()]).await;
    }
}
