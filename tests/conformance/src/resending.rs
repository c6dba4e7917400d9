//! Cases of sending finished jobs again: which payloads an endpoint keeps, what is sent again, and one job per
//! idempotency key.

use futures_util::future::join_all;
use longshore::limits::plan::PAID;
use longshore::limits::{HOUR_MS, KEY_WINDOW_SECONDS_DEFAULT, PAYLOAD_INLINE_BYTES};
use longshore::manage::endpoints::{put_endpoint, read_endpoint};
use longshore::manage::groups::read_group;
use longshore::manage::operate::cancel;
use longshore::manage::resend::{Resent, resend};
use longshore::model::job::{JobRef, JobRow};
use longshore::model::outcome::Outcome;
use longshore::model::result::JobResult;
use longshore::model::state::State;
use longshore::run::complete::complete;
use longshore::run::process::process;
use longshore::store::objects::key;
use longshore::wire::job_queue::JobQueue;
use longshore::wire::problem::Problem;
use serde_json::{Value, json};

use super::erasing::AGE_MS;
use super::stand::{Case, Stand, Store, operator, request};

/// Endpoint of these cases that keeps payloads.
const KEEPER: &str = "keeper";
/// Endpoint of these cases that keeps no payloads.
const OTHER: &str = "other";

/// Returns a webhook to an endpoint, with more fields.
fn to(endpoint: &str, more: &Value) -> Value {
    let mut job = json!({"kind": "webhook", "endpoint": endpoint, "payload": {"body": {"n": 1}}});
    job.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    job
}

/// Returns a webhook whose body is larger than an inline payload may be.
fn large_to(endpoint: &str, more: &Value) -> Value {
    let mut job = to(endpoint, more);
    job["payload"]["body"] = json!("b".repeat(PAYLOAD_INLINE_BYTES + 1));
    job
}

impl<S: Store> Case<'_, S> {
    /// Creates or changes an endpoint of a case.
    async fn keeper(&self, id: &str, keep_payload: bool) {
        let body = json!({"url": "https://example.com/hook", "schedule": "fast", "keep_payload": keep_payload});
        let body = body.to_string();
        put_endpoint(self.stand, &operator(self.stand), &self.stand.settings, &self.tenant, id, body.as_bytes())
            .await
            .unwrap();
    }

    async fn ran(&self, job: &JobRef) -> JobRow {
        process(self.stand, &self.stand.settings, JobQueue::Webhooks, vec![job.clone()]).await;
        self.stand.row(job).await
    }

    /// Returns a job that succeeded.
    async fn succeeded(&self, body: Value) -> JobRef {
        let job = self.accept_one(body, None).await.unwrap().job;
        assert_eq!(self.ran(&job).await.state, State::Succeeded);
        job
    }

    async fn resend(&self, job: &JobRef, key: Option<&str>) -> Result<Resent, Problem> {
        resend(self.stand, &operator(self.stand), &self.stand.settings, job, key).await
    }

    fn object_of(&self, job: &JobRef) -> Option<Vec<u8>> {
        self.stand.objects.borrow().get(&key(job)).cloned()
    }

    async fn refusal(&self, job: &JobRef) -> Problem {
        self.resend(job, None).await.unwrap_err()
    }
}

/// A resend has the same content, endpoint and event id as the first job, which stays unchanged.
pub async fn a_finished_job_is_sent_again<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    case.keeper(KEEPER, true).await;
    assert_eq!(read_endpoint(stand, &case.tenant, KEEPER).await.unwrap().keep_payload, 1);
    let more = json!({"group": "import", "metadata": {"order": 1.50}, "max_attempts": 3, "retry_schedule": "once"});
    let job = case.succeeded(to(KEEPER, &more)).await;
    let before = stand.raw(&job).await;
    assert!(before["payload"].as_str().unwrap().contains(r#""body":{"n":1}"#));
    let mut ids = vec![job.id.clone()];
    for _ in 0..2 {
        let Resent { row, duplicate } = case.resend(&job, None).await.unwrap();
        assert!(!duplicate && !ids.contains(&row.id));
        let first = stand.row(&job).await;
        assert_eq!((row.event_id(), row.replay_of.as_ref()), (job.id.as_str(), Some(&job.id)));
        assert_eq!((row.state, row.attempt, row.failures), (State::Queued, 0, 0));
        let said = |row: &JobRow| {
            let metadata = row.metadata.as_ref().map(|metadata| metadata.get().to_owned());
            let names = (row.kind.clone(), row.endpoint.clone(), row.group.clone());
            (names, metadata, row.payload.clone(), row.max_attempts, row.traceparent.clone())
        };
        assert_eq!(said(&row), said(&first));
        assert_eq!((row.idempotency_key.as_ref(), first.replayed_by.as_ref()), (None, None));
        assert_eq!(case.ran(&row.job()).await.state, State::Succeeded);
        let requests = stand.requests.borrow();
        let sent: Vec<_> = requests.iter().rev().take(2).map(|request| (&request.url, &request.body)).collect();
        assert_eq!(sent[0], sent[1]);
        ids.push(row.id);
    }
    let mut after = stand.raw(&job).await;
    after["now"] = before["now"].clone();
    assert_eq!(after, before);
    let group = read_group(stand, &case.tenant, "import").await.unwrap();
    assert_eq!((group.total, group.succeeded, group.finished_at.is_some()), (3, 3, true));
    // A resent job is a finished job like any other, of the same event.
    let last = case.resend(&case.job(&ids[2]), None).await.unwrap().row;
    assert_eq!((last.event_id(), last.replay_of.as_ref()), (job.id.as_str(), Some(&ids[2])));
}

/// A resend is refused, each with its own reason, if the job has not finished, is dead, is unknown or has no payload
/// left.
pub async fn an_impossible_resend_is_refused<S: Store>(stand: &Stand<S>) {
    let (case, stranger) = (stand.case().await, stand.case().await);
    case.keeper(KEEPER, true).await;
    case.keeper(OTHER, false).await;
    let illegal = |problem: Problem| match problem {
        Problem::IllegalTransition(detail) => detail,
        other => panic!("{other:?}"),
    };
    let waiting = case.accept_one(to(KEEPER, &json!({})), None).await.unwrap().job;
    assert!(illegal(case.refusal(&waiting).await).contains("is `queued`; only a finished job"));
    case.claim(&stand.token(), &[&waiting], false).await;
    assert!(illegal(case.refusal(&waiting).await).contains("is `running`; only a finished job"));
    let dead = case.dead(None).await;
    assert!(illegal(case.refusal(&dead).await).contains(&format!("POST /v1/dead-letters/{}/replay", dead.id)));
    let unknown = case.job("job_0001ARZ3NDEKTSV4RRFFQ69G5FAV");
    assert!(matches!(case.refusal(&unknown).await, Problem::NotFound(_)));
    let done = case.succeeded(to(KEEPER, &json!({}))).await;
    assert!(matches!(stranger.refusal(&stranger.job(&done.id)).await, Problem::NotFound(_)));
    // A cancelled job has its payload, with any setting of its endpoint.
    let cancelled = case.accept_one(to(OTHER, &json!({})), None).await.unwrap().job;
    cancel(stand, &operator(stand), &stand.settings, &cancelled).await.unwrap();
    assert!(case.resend(&cancelled, None).await.is_ok());
    let gone = |problem: Problem| match problem {
        Problem::PayloadGone(detail) => detail,
        other => panic!("{other:?}"),
    };
    let emptied = case.succeeded(to(OTHER, &json!({}))).await;
    assert!(stand.raw(&emptied).await["payload"].is_null());
    assert!(gone(case.refusal(&emptied).await).contains("`keep_payload: true` on its endpoint"));
    let bare = case.succeeded(request(json!({}))).await;
    assert!(gone(case.refusal(&bare).await).contains("only endpoints keep payloads"));
    // The setting counts when an attempt begins.
    let token = stand.token();
    let begun = case.accept_one(to(OTHER, &json!({})), None).await.unwrap().job;
    let claimed = case.claim(&token, &[&begun], false).await;
    case.keeper(OTHER, true).await;
    assert_eq!(claimed[0].endpoint.as_ref().unwrap().keep_payload, 0);
    let kept = case.succeeded(to(OTHER, &json!({}))).await;
    case.keeper(OTHER, false).await;
    assert!(case.resend(&kept, None).await.is_ok());
    let jobs = "SELECT count(*) FROM jobs WHERE tenant = ?1 AND replay_of IS NOT NULL";
    assert_eq!(stand.sql(jobs, vec![case.tenant.as_str().into()]).await, ["2"]);
}

/// One key makes one resend, with any number of repeats; no other request may use that key.
pub async fn a_key_makes_one_resend<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    case.keeper(KEEPER, true).await;
    let (job, other) = (case.succeeded(to(KEEPER, &json!({}))).await, case.succeeded(to(KEEPER, &json!({}))).await);
    let answers = join_all((0..20).map(|_| case.resend(&job, Some("again")))).await;
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers.iter().filter(|answer| !answer.duplicate).count(), 1);
    let first = &answers[0].row;
    assert!(answers.iter().all(|answer| answer.row.id == first.id));
    assert_eq!(first.idempotency_key.as_deref(), Some("again"));
    let until = stand.raw(&first.job()).await["key_until"].as_i64().unwrap();
    let window = i64::from(KEY_WINDOW_SECONDS_DEFAULT) * 1_000;
    assert!((until - stand.store.now_ms() - window).abs() < HOUR_MS);
    // Another job, another kind of request, and the key of the resend at the accept.
    assert_eq!(case.resend(&other, Some("again")).await.unwrap_err(), Problem::IdempotencyKeyReused);
    case.accept_one(to(KEEPER, &json!({})), Some("accepted")).await.unwrap();
    assert_eq!(case.resend(&job, Some("accepted")).await.unwrap_err(), Problem::IdempotencyKeyReused);
    let reused = case.accept_one(to(KEEPER, &json!({})), Some("again")).await;
    assert_eq!(reused.unwrap_err(), Problem::IdempotencyKeyReused);
    assert_ne!(case.resend(&job, Some("another")).await.unwrap().row.id, first.id);
    // A repeat is answered even if the payload was deleted since.
    assert_eq!(case.ran(&first.job()).await.state, State::Succeeded);
    let empty = "UPDATE jobs SET payload = NULL WHERE tenant = ?1 AND id = ?2 RETURNING id";
    stand.sql(empty, vec![case.tenant.as_str().into(), job.id.as_str().into()]).await;
    let repeated = case.resend(&job, Some("again")).await.unwrap();
    assert_eq!((repeated.row.id.as_str(), repeated.duplicate), (first.id.as_str(), true));
    assert!(matches!(case.resend(&job, None).await, Err(Problem::PayloadGone(_))));
    // After its window has ended, the key makes another job.
    let again = case.succeeded(to(KEEPER, &json!({}))).await;
    let early = case.resend(&again, Some("daily")).await.unwrap().row;
    case.make_past(window + 1_000).await;
    let late = case.resend(&again, Some("daily")).await.unwrap();
    assert!(!late.duplicate && late.row.id != early.id);
    assert_eq!(stand.row(&early.job()).await.idempotency_key, None);
}

/// A full store, a running erasure and a skewed clock have the same effect on a resend as on a replay.
pub async fn a_resend_is_refused_like_a_replay<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    case.keeper(KEEPER, true).await;
    let someone = json!({"metadata": {"subject": "someone"}});
    let (job, personal) = (case.succeeded(to(KEEPER, &json!({}))).await, case.succeeded(to(KEEPER, &someone)).await);
    let set = "INSERT INTO meta (name, value) VALUES ('storage_full', ?1)
        ON CONFLICT (name) DO UPDATE SET value = excluded.value RETURNING value";
    let first = case.resend(&job, Some("first")).await.unwrap().row;
    stand.sql(set, vec![1.into()]).await;
    let refused = case.resend(&job, None).await;
    let repeated = case.resend(&job, Some("first")).await;
    stand.sql(set, vec![0.into()]).await;
    assert_eq!(refused.unwrap_err(), Problem::StorageFull);
    assert_eq!(repeated.unwrap().row.id, first.id);
    stand.clock_off_ms.set(120_000);
    let skewed = case.resend(&job, Some("skewed")).await;
    stand.clock_off_ms.set(0);
    assert!((skewed.unwrap().row.created_at - stand.store.now_ms()).abs() < 20_000, "minted by the database's clock");
    let erasure = case.erasure(Some("someone")).await;
    assert_eq!(case.refusal(&personal).await, Problem::Unavailable, "no copy of it");
    assert!(case.resend(&job, None).await.is_ok(), "it has no subject");
    assert_eq!(case.finish(&erasure).await.subject.map(|subject| subject.starts_with("sha256:")), Some(true));
}

/// A task that is completed from outside keeps its payload too, if its endpoint keeps payloads.
pub async fn a_completed_task_keeps_its_payload<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    case.keeper(KEEPER, true).await;
    case.keeper(OTHER, false).await;
    for (endpoint, keeps) in [(KEEPER, true), (OTHER, false)] {
        let task = json!({"kind": "report.build", "endpoint": endpoint, "payload": {"pages": 3}});
        let job = case.accept_one(task, None).await.unwrap().job;
        case.claim(&stand.token(), &[&job], false).await;
        let outcome = Outcome::Succeeded { result: JobResult::Empty };
        let (row, _) = complete(stand, &stand.settings, &job, None, outcome).await.unwrap();
        assert_eq!((row.state, row.payload.is_some()), (State::Succeeded, keeps));
        let answer = case.resend(&job, None).await;
        assert_eq!(answer.map(|resent| resent.row.payload).ok(), keeps.then(|| row.payload.clone()));
    }
}

/// A large payload is copied: each job owns its object, and the walk does not delete that of a finished job.
pub async fn a_large_payload_is_sent_again<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    case.keeper(KEEPER, true).await;
    case.keeper(OTHER, false).await;
    let job = case.succeeded(large_to(KEEPER, &json!({}))).await;
    let row = stand.row(&job).await;
    assert!(row.payload.is_some() && row.payload_bytes.is_some());
    let aged = case.age_id(&job, 3 * HOUR_MS).await;
    let object = stand.objects.borrow_mut().remove(&key(&job)).unwrap();
    stand.objects.borrow_mut().insert(key(&aged), object.clone());
    stand.sql("DELETE FROM meta WHERE name LIKE 'payloads_walk%' RETURNING name", vec![]).await;
    for _ in 0..8 {
        case.sweep().await;
    }
    assert_eq!(case.object_of(&aged), Some(object), "the walk keeps it");
    let again = case.resend(&aged, Some("again")).await.unwrap().row;
    assert_eq!(case.object_of(&again.job()), case.object_of(&aged));
    assert_eq!((again.payload, again.payload_bytes), (row.payload, row.payload_bytes));
    let objects = |stand: &Stand<S>| stand.objects.borrow().keys().filter(|key| key.ends_with(&case.tenant)).count();
    let count = objects(stand);
    assert!(case.resend(&aged, Some("again")).await.unwrap().duplicate);
    assert_eq!(objects(stand), count, "a repeat puts no object");
    stand.objects.borrow_mut().remove(&key(&aged));
    assert_eq!(case.ran(&case.job(&again.id)).await.state, State::Succeeded);
    assert_eq!(stand.requests.borrow().last().unwrap().body, "b".repeat(PAYLOAD_INLINE_BYTES + 1).into_bytes());
    assert!(matches!(case.resend(&aged, None).await, Err(Problem::PayloadGone(_))), "its object is gone");
    stand.objects_fail.set(true);
    let refused = case.resend(&case.job(&again.id), None).await;
    stand.objects_fail.set(false);
    assert_eq!(refused.unwrap_err(), Problem::Unavailable);
    // Without `keep_payload` the object of a finished job cannot be sent again.
    let emptied = case.succeeded(large_to(OTHER, &json!({}))).await;
    assert!(matches!(case.resend(&emptied, None).await, Err(Problem::PayloadGone(_))));
}

/// A kept payload is deleted with its row: by retention, or by an erasure of its subject.
pub async fn a_kept_payload_is_deleted_with_its_row<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    case.keeper(KEEPER, true).await;
    let someone = json!({"metadata": {"subject": "someone"}});
    let mut erased = Vec::new();
    for body in [to(KEEPER, &someone), large_to(KEEPER, &someone)] {
        let job = case.succeeded(body).await;
        let again = case.resend(&job, None).await.unwrap().row.job();
        assert_eq!(case.ran(&again).await.state, State::Succeeded);
        for job in [job, again] {
            let aged = case.age_id(&job, AGE_MS).await;
            let object = stand.objects.borrow_mut().remove(&key(&job));
            if let Some(object) = object {
                stand.objects.borrow_mut().insert(key(&aged), object);
            }
            erased.push(aged);
        }
    }
    let stays = case.succeeded(large_to(KEEPER, &json!({}))).await;
    let erasure = case.erasure(Some("someone")).await;
    assert_eq!(case.finish(&erasure).await.counts.jobs, 4);
    for job in &erased {
        assert!(stand.raw(job).await.is_null() && case.object_of(job).is_none(), "{}", job.id);
    }
    assert!(case.object_of(&stays).is_some());
    case.make_past(PAID.retention_succeeded_ms + 2 * HOUR_MS).await;
    let old = case.age_id(&stays, PAID.retention_succeeded_ms + 2 * HOUR_MS).await;
    let object = stand.objects.borrow_mut().remove(&key(&stays)).unwrap();
    stand.objects.borrow_mut().insert(key(&old), object);
    case.sweep().await;
    assert!(stand.raw(&old).await.is_null() && case.object_of(&old).is_none());
}
