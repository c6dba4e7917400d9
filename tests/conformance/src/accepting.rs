//! Cases of the accept: one job per idempotency key, one round trip, and no writes when it refuses.

use futures_util::future::join_all;
use longshore::accept::authorize::Caller;
use longshore::accept::insert::accept;
use longshore::accept::quotas::put_quota;
use longshore::accept::request::check;
use longshore::manage::operate::{replay, set_paused};
use longshore::model::origin::Origin;
use longshore::wire::problem::Problem;
use serde_json::json;

use super::stand::{Stand, Store, delay, operator, request};

/// A second request with the same key and body returns the first job.
pub async fn one_key_is_one_job<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let first = case.accept_one(request(json!({})), Some("a")).await.unwrap();
    let second = case.accept_one(request(json!({})), Some("a")).await.unwrap();
    assert_eq!((first.duplicate, delay(&first)), (false, Some(0)));
    assert_eq!((second.duplicate, delay(&second)), (true, None));
    assert_eq!(first.body, second.body);
    let other = case.accept_one(request(json!({})), Some("b")).await.unwrap();
    assert_ne!(first.job, other.job);
}

/// Fifty concurrent requests with one key create one job.
pub async fn fifty_repeats_are_one_job<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let answers = join_all((0..50).map(|_| case.accept_one(request(json!({})), Some("same")))).await;
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers.iter().filter(|answer| !answer.duplicate).count(), 1);
    assert!(answers.iter().all(|answer| answer.body == answers[0].body));
}

/// The same key with another body is refused, and the first job stays.
pub async fn another_digest_is_refused<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let first = case.accept_one(request(json!({})), Some("a")).await.unwrap();
    let other = case.accept_one(request(json!({"group": "other"})), Some("a")).await;
    assert_eq!(other.unwrap_err(), Problem::IdempotencyKeyReused);
    assert!(case.accept_one(request(json!({})), Some("a")).await.unwrap().job == first.job);
}

/// A key becomes free when its window ends; the old job keeps its row.
pub async fn a_key_whose_window_ended_is_free<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let body = request(json!({"idempotency_window_seconds": 60}));
    let first = case.accept_one(body.clone(), Some("a")).await.unwrap();
    case.make_past(30_000).await;
    assert_eq!(case.accept_one(body.clone(), Some("a")).await.unwrap().job, first.job);
    case.make_past(31_000).await;
    let second = case.accept_one(body, Some("a")).await.unwrap();
    assert!(!second.duplicate && second.job != first.job);
    assert_eq!(stand.row(&first.job).await.idempotency_key, None);
    assert_eq!(stand.row(&second.job).await.idempotency_key.as_deref(), Some("a"));
}

/// An accept is one batch of three statements. A second one follows for the first job of an hour, a key whose window ended
/// and a caller with a quota.
pub async fn a_usual_accept_is_three_statements<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let usual = ["authorize", "accept", "read_accepted"];
    let ran = async |key| {
        stand.statements.take();
        let body = request(json!({"idempotency_window_seconds": 60}));
        assert!(!case.accept_one(body, Some(key)).await.unwrap().duplicate, "{key}");
        let ran = stand.statements.take();
        ran.into_iter().filter(|name| *name != "note_key_use").collect::<Vec<_>>()
    };
    let with_all =
        |first: &[&'static str]| [first, &["authorize", "free_keys", "accept", "note_hour", "read_accepted"]].concat();
    let without_counts =
        |ran: Vec<&'static str>| ran.into_iter().filter(|name| *name != "count_quota").collect::<Vec<_>>();
    assert_eq!(without_counts(ran("first of the hour").await), with_all(&usual));
    assert_eq!(ran("a").await, usual);
    case.make_past(61_000).await;
    assert_eq!(without_counts(ran("a").await), with_all(&usual), "the window of the key has ended");
    assert_eq!(ran("b").await, usual);
    put_quota(stand, &operator(stand), &case.tenant, json!({"jobs_per_day": 100}).to_string().as_bytes())
        .await
        .unwrap();
    let ran_with_quota = ran("c").await;
    assert_eq!(ran_with_quota.iter().filter(|name| **name == "count_quota").count(), 2);
    assert_eq!(without_counts(ran_with_quota), with_all(&usual));
}

/// Two items of one request with the same key are one job; a third with another body is refused alone.
pub async fn duplicates_inside_one_batch<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let same = || (request(json!({})), Some("a"));
    let jobs = [same(), same(), (request(json!({"group": "x"})), Some("a")), (request(json!({})), None)];
    let answers = case.accept(&jobs).await.unwrap();
    let job = |at: usize| answers[at].as_ref().unwrap().job.clone();
    assert_eq!(job(0), job(1));
    assert_eq!(answers[2].as_ref().unwrap_err(), &Problem::IdempotencyKeyReused);
    assert_ne!(job(0), job(3));
}

/// A job for an unknown or deleted endpoint is refused; the other jobs of its request are accepted.
pub async fn an_unknown_endpoint_accepts_nothing<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    case.endpoint("known").await;
    let to = |endpoint: &str| (json!({"kind": "webhook", "endpoint": endpoint, "payload": {}}), None);
    let answers = case.accept(&[to("known"), to("unknown")]).await.unwrap();
    assert!(answers[0].is_ok());
    assert!(matches!(answers[1], Err(Problem::InvalidRequest(_))));
    let count = "SELECT count(*) FROM jobs WHERE tenant = ?1";
    assert_eq!(stand.sql(count, vec![case.tenant.as_str().into()]).await, ["1"]);
}

/// Ids from a skewed clock are minted again by the database's clock.
pub async fn a_skewed_clock_mints_again<S: Store>(stand: &Stand<S>) {
    for off in [-300_000, -21_000, 21_000, 300_000] {
        let case = stand.case().await;
        stand.clock_off_ms.set(off);
        let accepted = case.accept_one(request(json!({})), Some("a")).await.unwrap();
        stand.clock_off_ms.set(0);
        let raw = stand.raw(&accepted.job).await;
        let age = raw["now"].as_i64().unwrap() - raw["created_at"].as_i64().unwrap();
        assert!((-100..5_000).contains(&age), "{off}: {age}");
    }
}

/// A request with some refused ids keeps the accepted ones: no job is inserted twice.
pub async fn only_refused_ids_are_minted_again<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let mut jobs = Vec::new();
    for (index, off) in [0, 60_000].into_iter().enumerate() {
        stand.clock_off_ms.set(off);
        let body = request(json!({})).to_string();
        jobs.push(check(stand, &stand.settings, body.as_bytes(), index, None).unwrap());
    }
    stand.clock_off_ms.set(0);
    let answers = accept(stand, &case.caller, jobs).await.unwrap();
    assert!(answers.iter().all(|answer| answer.as_ref().is_ok_and(|accepted| delay(accepted) == Some(0))));
    let count = "SELECT count(*) FROM jobs WHERE tenant = ?1";
    assert_eq!(stand.sql(count, vec![case.tenant.as_str().into()]).await, ["2"]);
}

/// A producer whose clock is up to 20 s ahead makes jobs that can be claimed at once.
pub async fn a_clock_ahead_delays_nothing<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    stand.clock_off_ms.set(15_000);
    let job = case.plain().await;
    stand.clock_off_ms.set(0);
    assert_eq!(case.claim(&stand.token(), &[&job], false).await.len(), 1);
}

/// A full store refuses new jobs, and still returns existing ones.
pub async fn a_full_store_refuses<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let first = case.accept_one(request(json!({})), Some("a")).await.unwrap();
    let set = "INSERT INTO meta (name, value) VALUES ('storage_full', ?1)
        ON CONFLICT (name) DO UPDATE SET value = excluded.value RETURNING value";
    stand.sql(set, vec![1.into()]).await;
    let refused = case.accept_one(request(json!({})), Some("b")).await;
    let repeated = case.accept_one(request(json!({})), Some("a")).await;
    stand.sql(set, vec![0.into()]).await;
    assert_eq!(refused.unwrap_err(), Problem::StorageFull);
    assert_eq!(repeated.unwrap().job, first.job);
    assert!(!case.accept_one(request(json!({})), Some("b")).await.unwrap().duplicate);
}

/// A key writes only for its own tenant, and a wrong secret writes nothing.
pub async fn a_key_may_only_write_its_tenant<S: Store>(stand: &Stand<S>) {
    let (case, other) = (stand.case().await, stand.case().await);
    let body = request(json!({})).to_string();
    let job = || vec![check(stand, &stand.settings, body.as_bytes(), 0, None).unwrap()];
    let foreign = Caller { tenant: Some(other.tenant.clone()), ..case.caller.clone() };
    assert!(matches!(accept(stand, &foreign, job()).await, Err(Problem::Forbidden(_))));
    let mut forged = other.caller.token.clone();
    forged.id.clone_from(&case.caller.token.id);
    let forged = Caller { token: forged, ..case.caller.clone() };
    assert!(matches!(accept(stand, &forged, job()).await, Err(Problem::Unauthenticated(_))));
    let count = "SELECT count(*) FROM jobs WHERE tenant IN (?1, ?2)";
    let both = vec![case.tenant.as_str().into(), other.tenant.as_str().into()];
    assert_eq!(stand.sql(count, both).await, ["0"]);
    // A paused pipeline accepts as usual.
    set_paused(stand, &operator(stand), true).await.unwrap();
    let accepted = case.accept_one(request(json!({})), None).await;
    set_paused(stand, &operator(stand), false).await.unwrap();
    assert!(accepted.is_ok());
}

/// A job keeps the trace and hop count of its request, or the trace in its own fields; its replay keeps them, too.
pub async fn a_job_keeps_its_trace<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let [given, own] = ["a", "b"].map(|digit| format!("00-{}-00f067aa0ba902b7-01", digit.repeat(32)));
    let origin = Origin { traceparent: Some(given.clone()), tracestate: Some("a=1".into()), hops: 3 };
    let caller = Caller { origin, ..case.caller.clone() };
    let job = |fields| check(stand, &stand.settings, request(fields).to_string().as_bytes(), 0, None).unwrap();
    let jobs = vec![job(json!({})), job(json!({"traceparent": own}))];
    let jobs: Vec<_> =
        accept(stand, &caller, jobs).await.unwrap().into_iter().map(|accepted| accepted.unwrap().job).collect();
    let plain = case.plain().await;
    let token = stand.token();
    let mut claimed = case.claim(&token, &[&jobs[0], &jobs[1], &plain], false).await;
    claimed.sort_by(|one, other| one.id.cmp(&other.id));
    let trace = |id: &str| {
        claimed
            .iter()
            .find(|job| job.id == id)
            .map(|job| (job.traceparent.clone(), job.tracestate.clone(), job.hops))
            .unwrap()
    };
    assert_eq!(trace(&jobs[0].id), (Some(given.clone()), Some("a=1".into()), 3));
    assert_eq!((trace(&jobs[1].id), trace(&plain.id)), ((Some(own), None, 3), (None, None, 0)));
    assert_eq!(stand.row(&jobs[0]).await.traceparent.as_ref(), Some(&given));
    let die = "UPDATE jobs SET state = 'dead', dead_state = 'open', dead_reason = 'not_retryable', lease_token = NULL,
        lease_until = NULL, finished_at = CAST(unixepoch('subsec') * 1000 AS INTEGER) WHERE tenant = ?1 AND id = ?2 RETURNING ''";
    stand.sql(die, vec![case.tenant.as_str().into(), jobs[0].id.as_str().into()]).await;
    let successor = replay(stand, &operator(stand), &stand.settings, &jobs[0], None).await.unwrap().job();
    let sent = case.claim(&stand.token(), &[&successor], false).await;
    let traced = (sent[0].traceparent.as_ref(), sent[0].tracestate.as_deref(), sent[0].hops);
    assert_eq!(traced, (Some(&given), Some("a=1"), 3));
}
