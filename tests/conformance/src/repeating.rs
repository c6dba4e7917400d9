//! Cases of repeats: a request that the current time or settings would refuse is refused only if its key has no job.

use longshore::accept::accepted::Accepted;
use longshore::accept::insert::accept;
use longshore::accept::quotas::put_quota;
use longshore::accept::request::check;
use longshore::limits::{HOUR_MS, PAYLOAD_INLINE_BYTES};
use longshore::settings::Settings;
use longshore::wire::problem::Problem;
use longshore::wire::time::rfc3339;
use longshore_kit::client::early_in_a_day;
use serde_json::{Value, json};

use super::stand::{Case, Stand, Store, operator, request};

impl<S: Store> Case<'_, S> {
    /// Accepts jobs under these settings, as requests `ms` milliseconds from now, each with its key.
    async fn accept_later(
        &self,
        settings: &Settings,
        ms: i64,
        requests: &[(&str, &Value)],
    ) -> Result<Vec<Result<Accepted, Problem>>, Problem> {
        self.stand.clock_off_ms.set(ms);
        let new_job = |(index, (key, body)): (usize, &(&str, &Value))| {
            check(self.stand, settings, body.to_string().as_bytes(), index, Some((*key).to_owned())).unwrap()
        };
        let answers = accept(self.stand, &self.caller, requests.iter().enumerate().map(new_job).collect()).await;
        self.stand.clock_off_ms.set(0);
        answers
    }

    async fn count_jobs(&self) -> i64 {
        let count = "SELECT count(*) FROM jobs WHERE tenant = ?1";
        self.stand.sql(count, vec![self.tenant.as_str().into()]).await[0].parse().unwrap()
    }

    fn count_objects(&self) -> usize {
        self.stand.objects.borrow().keys().filter(|key| key.ends_with(&self.tenant)).count()
    }
}

/// Returns the time one minute from now.
fn soon<S: Store>(stand: &Stand<S>) -> String {
    rfc3339(stand.store.now_ms() + 60_000)
}

fn slug(answer: &Result<Accepted, Problem>) -> &'static str {
    match answer {
        Ok(accepted) if accepted.duplicate => "duplicate",
        Ok(_) => "accepted",
        Err(problem) => problem.slug(),
    }
}

fn slugs(answers: Result<Vec<Result<Accepted, Problem>>, Problem>) -> Vec<&'static str> {
    answers.unwrap().iter().map(slug).collect()
}

/// A repeat returns its job even after its times have passed, its provider was removed, or its payload exceeds the
/// current limit.
pub async fn a_late_repeat_returns_its_job<S: Store>(stand: &Stand<S>) {
    let (case, settings) = (stand.case().await, stand.settings.clone());
    let mut narrow = settings.clone();
    narrow.plan.payload_bytes_max = 10;
    narrow.providers = Settings::parse(|name| (name == "MASTER_KEY").then(|| "00".repeat(32))).unwrap().providers;
    let mut large = request(json!({}));
    large["payload"]["body"] = json!("b".repeat(PAYLOAD_INLINE_BYTES + 1));
    let jobs = [
        ("deadline", request(json!({"deadline_at": soon(stand)}))),
        ("delay", request(json!({"deadline_at": soon(stand), "delay_seconds": 30}))),
        ("time", request(json!({"run_after": soon(stand)}))),
        ("small", request(json!({}))),
        ("large", large),
    ];
    let jobs: Vec<(&str, &Value)> = jobs.iter().map(|(key, job)| (*key, job)).collect();
    let first = case.accept_later(&settings, 0, &jobs).await.unwrap();
    assert!(first.iter().all(|answer| slug(answer) == "accepted"), "{first:?}");
    let objects = case.count_objects();
    for later in [1, HOUR_MS] {
        let again = case.accept_later(&narrow, later, &jobs).await.unwrap();
        for (first, again) in first.iter().zip(&again) {
            let (first, again) = (first.as_ref().unwrap(), again.as_ref().unwrap());
            assert_eq!((&again.job, &again.body, again.duplicate), (&first.job, &first.body, true));
            assert!(again.hint.is_none());
        }
    }
    assert_eq!((case.count_jobs().await, objects, case.count_objects()), (5, 1, 1));
    // Another request with the same key gets `idempotency-key-reused`, not an error about its times.
    let other = request(json!({"deadline_at": soon(stand), "group": "other"}));
    assert_eq!(
        slugs(case.accept_later(&narrow, HOUR_MS, &[("deadline", &other), ("small", jobs[3].1)]).await),
        ["idempotency-key-reused", "duplicate"]
    );
}

/// Each job of a request is answered separately. Jobs refused because they are new are not inserted, their ids are not
/// minted again, and their payloads are not put.
pub async fn a_refused_new_job_writes_nothing<S: Store>(stand: &Stand<S>) {
    let (case, settings) = (stand.case().await, stand.settings.clone());
    let known = request(json!({"deadline_at": soon(stand)}));
    let good = request(json!({}));
    assert_eq!(slugs(case.accept_later(&settings, 0, &[("known", &known)]).await), ["accepted"]);
    let mut large = request(json!({"deadline_at": soon(stand), "group": "late"}));
    large["payload"]["body"] = json!("b".repeat(PAYLOAD_INLINE_BYTES + 1));
    let late = request(json!({"deadline_at": soon(stand), "group": "late"}));
    let nowhere = json!({"kind": "webhook", "endpoint": "nowhere", "payload": {}, "deadline_at": soon(stand)});
    let mut big = good.clone();
    big["payload"]["body"] = json!("g".repeat(PAYLOAD_INLINE_BYTES + 1));
    let jobs =
        [("new", &late), ("known", &known), ("large", &large), ("good", &good), ("off", &nowhere), ("big", &big)];
    // The clock is an hour off, too: the ids of the good ones are minted again.
    let answers = case.accept_later(&settings, HOUR_MS, &jobs).await.unwrap();
    let answered: Vec<_> = answers.iter().map(slug).collect();
    assert_eq!(
        answered,
        ["invalid-request", "duplicate", "invalid-request", "accepted", "invalid-request", "accepted"]
    );
    for refused in [0, 2, 4] {
        let problem = answers[refused].as_ref().unwrap_err();
        assert_eq!((problem.errors()[0].pointer.as_str(), problem.errors()[0].code), ("#/deadline_at", "in-the-past"));
    }
    assert_eq!((case.count_jobs().await, case.count_objects()), (3, 1));
    let groups = "SELECT count(*) FROM groups WHERE tenant = ?1";
    assert_eq!(stand.sql(groups, vec![case.tenant.as_str().into()]).await, ["0"]);
    // Each alone, as a first request.
    for (key, job) in [("new", &late), ("large", &large), ("off", &nowhere)] {
        assert_eq!(slugs(case.accept_later(&settings, HOUR_MS, &[(key, job)]).await), ["invalid-request"], "{key}");
    }
    // A refused job that is twice in one request gets the same answer twice: the first one did not take the key.
    for (first, second) in [("new", "new"), ("large", "large"), ("off", "off")] {
        let body = |key| jobs.iter().find(|(known, _)| *known == key).unwrap().1;
        let twice = [(first, body(first)), ("neighbour", &good), (second, body(second))];
        let answers = case.accept_later(&settings, HOUR_MS, &twice).await.unwrap();
        assert_eq!([0, 2].map(|at| slug(&answers[at])), ["invalid-request"; 2], "{first}");
        assert_eq!(answers[0].as_ref().err(), answers[2].as_ref().err(), "{first}");
    }
    // The key is still free.
    assert_eq!(slugs(case.accept_later(&settings, 0, &[("new", &good)]).await), ["accepted"]);
    assert_eq!((case.count_jobs().await, case.count_objects()), (5, 1));
}

/// A key that has ended returns no job: the request is refused like a new one.
pub async fn an_ended_key_returns_no_job<S: Store>(stand: &Stand<S>) {
    let (case, settings) = (stand.case().await, stand.settings.clone());
    let job = request(json!({"deadline_at": soon(stand), "idempotency_window_seconds": 60}));
    assert_eq!(slugs(case.accept_later(&settings, 0, &[("k", &job)]).await), ["accepted"]);
    case.make_past(30_000).await;
    assert_eq!(slugs(case.accept_later(&settings, HOUR_MS, &[("k", &job)]).await), ["duplicate"]);
    case.make_past(31_000).await;
    assert_eq!(slugs(case.accept_later(&settings, HOUR_MS, &[("k", &job)]).await), ["invalid-request"]);
    assert_eq!(case.count_jobs().await, 1);
}

/// A tenant over its quota still gets the jobs it has, also beside new ones; requests with other errors get those
/// errors.
pub async fn a_reached_quota_still_answers_repeats<S: Store>(stand: &Stand<S>) {
    early_in_a_day();
    let (case, settings) = (stand.case().await, stand.settings.clone());
    let (good, mut large) = (request(json!({})), request(json!({})));
    large["payload"]["body"] = json!("b".repeat(PAYLOAD_INLINE_BYTES + 1));
    let late = request(json!({"deadline_at": soon(stand)}));
    put_quota(stand, &operator(stand), &case.tenant, br#"{"jobs_per_day":2}"#).await.unwrap();
    assert_eq!(slugs(case.accept_later(&settings, 0, &[("a", &good), ("b", &large)]).await), ["accepted", "accepted"]);
    let jobs = [("a", &good), ("c", &good), ("b", &large), ("d", &large), ("e", &late)];
    assert_eq!(
        slugs(case.accept_later(&settings, HOUR_MS, &jobs).await),
        ["duplicate", "quota-reached", "duplicate", "quota-reached", "invalid-request"]
    );
    for jobs in [&jobs[1..2], &jobs[3..4]] {
        assert_eq!(case.accept_later(&settings, 0, jobs).await.unwrap_err(), Problem::QuotaReached);
    }
    assert_eq!((case.count_jobs().await, case.count_objects()), (2, 1));
}
