//! Cases of quotas: accepted jobs count once, and a request over the quota is refused as a whole.

use longshore::accept::authorize::Caller;
use longshore::accept::insert::accept;
use longshore::accept::quotas::{put_quota, read_quota};
use longshore::accept::request::check;
use longshore::manage::erasures::request_erasure;
use longshore::manage::keys::{create_key, list_keys};
use longshore::model::origin::Origin;
use longshore::security::key::parse;
use longshore::wire::problem::Problem;
use serde_json::{Value, json};

use longshore_kit::client::early_in_a_day;

use super::stand::{Case, Stand, Store, operator, request};

async fn set<S: Store>(case: &Case<'_, S>, jobs_per_day: Value) {
    let body = json!({"jobs_per_day": jobs_per_day}).to_string();
    put_quota(case.stand, &operator(case.stand), &case.tenant, body.as_bytes()).await.unwrap();
}

async fn today<S: Store>(case: &Case<'_, S>) -> Value {
    json!(read_quota(case.stand, &case.tenant).await.unwrap().jobs_today)
}

/// Accepts jobs with these keys as a caller and returns how many were new, or the refusal.
async fn accept_as<S: Store>(case: &Case<'_, S>, caller: &Caller, keys: &[&str]) -> Result<usize, Problem> {
    let body = request(json!({"group": "import"})).to_string();
    let job = |(index, key): (usize, &&str)| {
        check(case.stand, &case.stand.settings, body.as_bytes(), index, Some((*key).to_owned())).unwrap()
    };
    let answers = accept(case.stand, caller, keys.iter().enumerate().map(job).collect()).await?;
    Ok(answers.into_iter().filter(|answer| answer.as_ref().is_ok_and(|accepted| !accepted.duplicate)).count())
}

/// A tenant's quota counts the jobs of all its keys; repeats count nothing and are answered; a new day starts at zero.
pub async fn a_quota_bounds_a_tenant<S: Store>(stand: &Stand<S>) {
    early_in_a_day();
    let (case, other) = (stand.case().await, stand.case().await);
    assert_eq!(accept_as(&case, &case.caller, &["before"]).await, Ok(1));
    set(&case, json!(3)).await;
    assert_eq!(today(&case).await, 0, "counted only while a quota is set");
    assert_eq!(accept_as(&case, &case.caller, &["a", "b"]).await, Ok(2));
    assert_eq!((accept_as(&case, &case.caller, &["a", "b"]).await, today(&case).await), (Ok(0), json!(2)));
    // The request that reaches the quota is accepted as a whole, also with another key.
    let second = stand.caller(&case.tenant).await;
    assert_eq!((accept_as(&case, &second, &["b", "c", "d"]).await, today(&case).await), (Ok(2), json!(4)));
    assert_eq!(accept_as(&case, &case.caller, &["e"]).await, Err(Problem::QuotaReached));
    assert_eq!(accept_as(&case, &second, &["a", "e"]).await, Ok(0), "repeats are answered, and no job is made");
    assert_eq!((accept_as(&case, &case.caller, &["a", "d"]).await, today(&case).await), (Ok(0), json!(4)));
    assert_eq!(accept_as(&other, &other.caller, &["e"]).await, Ok(1), "another tenant");
    let yesterday = "UPDATE quotas SET day = day - 1 WHERE tenant = ?1 RETURNING ''";
    stand.sql(yesterday, vec![case.tenant.as_str().into()]).await;
    assert_eq!(today(&case).await, 0);
    assert_eq!((accept_as(&case, &case.caller, &["e"]).await, today(&case).await), (Ok(1), json!(1)));
    set(&case, json!(1)).await;
    assert_eq!(accept_as(&case, &case.caller, &["f"]).await, Err(Problem::QuotaReached));
    set(&case, Value::Null).await;
    assert_eq!((accept_as(&case, &case.caller, &["f"]).await, today(&case).await), (Ok(1), json!(1)));
}

/// A repeated batch, as after a lost answer, counts nothing again: its ids are the same. Its jobs of yesterday do not
/// count for today.
pub async fn a_repeated_batch_counts_once<S: Store>(stand: &Stand<S>) {
    early_in_a_day();
    let case = stand.case().await;
    let body = request(json!({})).to_string();
    let job = |index| check(stand, &stand.settings, body.as_bytes(), index, None).unwrap();
    let earlier = vec![job(0)];
    accept(stand, &case.caller, earlier.clone()).await.unwrap();
    set(&case, json!(3)).await;
    accept(stand, &case.caller, earlier).await.unwrap();
    assert_eq!(today(&case).await, 0, "accepted before the quota was set");
    let jobs: Vec<_> = (0..3).map(job).collect();
    for _ in 0..3 {
        let answers = accept(stand, &case.caller, jobs.clone()).await.unwrap();
        assert!(answers.iter().all(Result::is_ok), "also the batch that reached the quota");
        assert_eq!(today(&case).await, 3);
    }
    for table in [
        "UPDATE quotas SET day = day - 1 WHERE tenant = ?1 RETURNING ''",
        "UPDATE jobs SET created_at = created_at - 86400000 WHERE tenant = ?1 RETURNING ''",
    ] {
        stand.sql(table, vec![case.tenant.as_str().into()]).await;
    }
    accept(stand, &case.caller, jobs).await.unwrap();
    assert_eq!(today(&case).await, 0);
}

/// A key's own quota limits only that key, over all tenants that it acts for.
pub async fn a_quota_bounds_a_key<S: Store>(stand: &Stand<S>) {
    early_in_a_day();
    let (one, two) = (stand.case().await, stand.case().await);
    let body = json!({"tenant": "*", "scopes": ["jobs:write"], "jobs_per_day": 2}).to_string();
    let made = create_key(stand, &operator(stand), None, body.as_bytes()).await.unwrap();
    assert_eq!(made.key.jobs_per_day, Some(2));
    let key = parse(&made.token).unwrap();
    let of = |case: &Case<'_, S>| Caller {
        token: key.clone(),
        tenant: Some(case.tenant.clone()),
        epoch: Some(0),
        origin: Origin::default(),
    };
    assert_eq!(accept_as(&one, &of(&one), &["a"]).await, Ok(1));
    assert_eq!(accept_as(&two, &of(&two), &["a"]).await, Ok(1));
    assert_eq!(accept_as(&one, &of(&one), &["b"]).await, Err(Problem::QuotaReached));
    assert_eq!(accept_as(&one, &of(&one), &["a"]).await, Ok(0), "a repeat");
    assert_eq!(accept_as(&one, &one.caller, &["b"]).await, Ok(1), "the tenant's own key");
    let mine = list_keys(stand, "*", "", 1_000).await.unwrap().into_iter().find(|row| row.id == key.id).unwrap();
    assert_eq!(mine.jobs_per_day, Some(2));
    let refused =
        create_key(stand, &operator(stand), None, br#"{"tenant":"a","scopes":["admin"],"jobs_per_day":0}"#).await.err();
    assert!(matches!(refused, Some(Problem::InvalidRequest(_))), "{refused:?}");
}

/// An erasure deletes the quotas of a tenant and of its keys.
pub async fn quotas_are_erased_with_their_tenant<S: Store>(stand: &Stand<S>) {
    let (case, other) = (stand.case().await, stand.case().await);
    for case in [&case, &other] {
        set(case, json!(5)).await;
        let body = json!({"tenant": case.tenant, "scopes": ["jobs:write"], "jobs_per_day": 2}).to_string();
        create_key(stand, &operator(stand), None, body.as_bytes()).await.unwrap();
    }
    request_erasure(stand, &operator(stand), &case.tenant, Some("someone")).await.unwrap();
    let count = "SELECT count(*) FROM quotas WHERE tenant = ?1";
    assert_eq!(stand.sql(count, vec![case.tenant.as_str().into()]).await, ["2"], "a subject has no quota");
    request_erasure(stand, &operator(stand), &case.tenant, None).await.unwrap();
    assert_eq!(stand.sql(count, vec![case.tenant.as_str().into()]).await, ["0"]);
    assert_eq!(stand.sql(count, vec![other.tenant.as_str().into()]).await, ["2"]);
}
