//! Cases of large payloads: the object is stored before its row, is sent, and is deleted after the row.

use longshore::accept::accepted::Accepted;
use longshore::limits::plan::PAID;
use longshore::limits::{HOUR_MS, PAYLOAD_INLINE_BYTES, PAYLOAD_WAIT_SECONDS};
use longshore::manage::operate::{cancel, replay};
use longshore::model::job::{JobRef, mint_id};
use longshore::model::outcome::{ErrorClass, Fault};
use longshore::model::state::{DeadLetterState, DeadReason, State};
use longshore::run::process::process;
use longshore::store::objects::key;
use longshore::wire::job_queue::JobQueue;
use longshore::wire::problem::Problem;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::stand::{Case, Stand, Store, operator, request};

/// Returns a text that is larger than an inline payload may be.
fn bulk(letter: char) -> String {
    letter.to_string().repeat(PAYLOAD_INLINE_BYTES + 1)
}

fn large(more: Value) -> Value {
    let mut job = request(more);
    job["payload"]["body"] = json!({"n": 1, "bulk": bulk('b')});
    job["payload"]["timeout_seconds"] = json!(7);
    job
}

impl<S: Store> Stand<S> {
    fn object(&self, job: &JobRef) -> Option<Vec<u8>> {
        self.objects.borrow().get(&key(job)).cloned()
    }

    fn count_objects(&self, tenant: &str) -> usize {
        self.objects.borrow().keys().filter(|key| key.starts_with("payloads/") && key.ends_with(tenant)).count()
    }

    /// Deletes the progress of earlier walks over the objects.
    async fn forget_walks(&self) {
        self.sql("DELETE FROM meta WHERE name LIKE 'payloads_walk%' RETURNING name", vec![]).await;
    }
}

impl<S: Store> Case<'_, S> {
    async fn large(&self) -> Accepted {
        self.accept_one(large(json!({})), None).await.unwrap()
    }

    async fn run(&self, job: &JobRef) {
        process(self.stand, &self.stand.settings, JobQueue::Webhooks, vec![job.clone()]).await;
    }

    async fn large_and_dead(&self) -> JobRef {
        let job = self.accept_one(large(json!({"max_attempts": 1})), None).await.unwrap().job;
        self.stand.status.set(500);
        self.run(&job).await;
        self.stand.status.set(200);
        assert_eq!(self.stand.row(&job).await.dead_state, Some(DeadLetterState::Open));
        job
    }
}

/// A large payload is sent byte for byte, as a webhook's body and as a task's payload; the row keeps the fields that
/// the claim needs.
pub async fn a_large_payload_is_sent_unchanged<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    case.endpoint("shop").await;
    let (webhook, payload) = (case.large().await.job, json!({"bulk": bulk('t')}).to_string());
    let task = json!({"kind": "report.build", "endpoint": "shop", "payload": {"bulk": bulk('t')}});
    let task = case.accept_one(task, None).await.unwrap().job;
    let (row, object) = (stand.row(&webhook).await, stand.object(&webhook).unwrap());
    assert_eq!(row.payload.as_deref(), Some(r#"{"timeout_seconds":7,"url":"https://example.com/hook"}"#));
    assert_eq!(row.payload_bytes, i64::try_from(object.len()).ok());
    let row = stand.row(&task).await;
    assert_eq!((row.payload, row.payload_bytes), (None, i64::try_from(payload.len()).ok()));
    let claimed = case.claim(&stand.token(), &[&webhook], false).await;
    assert_eq!(longshore::kinds::timeout_of(&claimed[0]), 7, "known without reading the object");
    let again = case.large().await.job;
    for (job, body) in [(&again, large(json!({}))["payload"]["body"].to_string()), (&task, payload)] {
        case.run(job).await;
        assert_eq!(stand.requests.borrow().last().unwrap().body, body.into_bytes());
        assert_eq!(stand.row(job).await.state, State::Succeeded);
        assert!(stand.object(job).is_some(), "it is deleted with its row");
    }
}

/// A repeated request with a key is answered from the row and puts no object again; neither does a refused request.
pub async fn a_repeat_puts_no_object<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let first = case.accept_one(large(json!({})), Some("a")).await.unwrap();
    let second = case.accept_one(large(json!({})), Some("a")).await.unwrap();
    assert_eq!((&first.job, first.body, first.duplicate), (&second.job, second.body, false));
    assert!(second.duplicate && second.hint.is_none());
    let other = case.accept_one(large(json!({"group": "other"})), Some("a")).await;
    assert_eq!(other.unwrap_err(), Problem::IdempotencyKeyReused);
    let mut unknown = large(json!({}));
    unknown["payload"].as_object_mut().unwrap().remove("url");
    unknown["endpoint"] = json!("nowhere");
    assert!(matches!(case.accept_one(unknown, None).await, Err(Problem::InvalidRequest(_))));
    assert_eq!(stand.count_objects(&case.tenant), 1);
    // Small and large jobs of one batch are answered in order, also when ids must be minted again.
    stand.clock_off_ms.set(60_000);
    let small = request(json!({}));
    let batch =
        [(small.clone(), Some("b")), (large(json!({})), Some("a")), (large(json!({})), Some("c")), (small, None)];
    let answers = case.accept(&batch).await.unwrap();
    stand.clock_off_ms.set(0);
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers.iter().map(|answer| answer.duplicate).collect::<Vec<_>>(), [false, true, false, false]);
    assert_eq!(answers[1].job, first.job);
    assert!(stand.object(&answers[2].job).is_some() && stand.row(&answers[2].job).await.payload_bytes.is_some());
    assert_eq!(stand.count_objects(&case.tenant), 2);
}

/// A failed put of an object answers 503 and writes nothing.
pub async fn a_failed_put_accepts_nothing<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    stand.objects_fail.set(true);
    let refused = case.accept_one(large(json!({})), Some("a")).await;
    let small = case.accept_one(request(json!({})), None).await;
    stand.objects_fail.set(false);
    assert_eq!(refused.unwrap_err(), Problem::Unavailable);
    assert!(small.is_ok(), "a small payload does not use the object store");
    let jobs = "SELECT count(*) FROM jobs WHERE tenant = ?1";
    assert_eq!(stand.sql(jobs, vec![case.tenant.as_str().into()]).await, ["1"]);
    assert!(!case.accept_one(large(json!({})), Some("a")).await.unwrap().duplicate);
}

/// An unreadable payload retries the job without counting a failure; a missing payload dead-letters the job.
pub async fn a_job_waits_for_an_unreadable_payload<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let job = case.accept_one(large(json!({"max_attempts": 1})), None).await.unwrap().job;
    let sent = stand.requests.borrow().len();
    for attempt in 1..=2 {
        stand.objects_fail.set(true);
        case.run(&job).await;
        stand.objects_fail.set(false);
        let row = stand.row(&job).await;
        let error = row.error.clone().unwrap();
        assert_eq!((row.state, row.attempt, row.failures), (State::Retrying, attempt, 0));
        assert_eq!((error.class, error.fault, error.retryable), (ErrorClass::Internal, Fault::Ours, true));
        let wait = i64::try_from(PAYLOAD_WAIT_SECONDS).unwrap() * 1_000 * i64::from(attempt);
        assert_eq!(row.log.last().unwrap().retry_in_ms, Some(wait));
        case.make_past(wait).await;
    }
    assert_eq!(stand.requests.borrow().len(), sent, "nothing was sent");
    case.run(&job).await;
    assert_eq!(stand.row(&job).await.state, State::Succeeded);
    let gone = case.large().await.job;
    stand.objects.borrow_mut().remove(&key(&gone));
    case.run(&gone).await;
    let row = stand.row(&gone).await;
    assert_eq!((row.dead_reason, row.attempt), (Some(DeadReason::NotRetryable), 1));
    assert!(row.error.unwrap().message.contains("no longer exists in the object store"));
    let refused = replay(stand, &operator(stand), &stand.settings, &gone, None).await;
    assert!(matches!(refused, Err(Problem::IllegalTransition(text)) if text.contains("replay it with a `payload`")));
    let edited = RawValue::from_string(r#"{"url":"https://example.com/other"}"#.into()).unwrap();
    assert!(replay(stand, &operator(stand), &stand.settings, &gone, Some(&edited)).await.is_ok());
}

/// A successor owns its object: a copy of the dead job's, or one of the edited payload, or none.
pub async fn a_replay_owns_its_payload<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let dead = case.large_and_dead().await;
    let successor = replay(stand, &operator(stand), &stand.settings, &dead, None).await.unwrap();
    assert_eq!(stand.object(&successor.job()), stand.object(&dead));
    assert_eq!((successor.payload_bytes, successor.payload), {
        let row = stand.row(&dead).await;
        (row.payload_bytes, row.payload)
    });
    stand.objects.borrow_mut().remove(&key(&dead));
    case.run(&case.job(&successor.id)).await;
    assert_eq!(stand.row(&case.job(&successor.id)).await.state, State::Succeeded);
    let edits = [json!({"url": "https://example.com/o", "body": bulk('e')}), json!({"url": "https://example.com/o"})];
    for (edited, is_large) in edits.into_iter().zip([true, false]) {
        let dead = case.large_and_dead().await;
        let edited = RawValue::from_string(edited.to_string()).unwrap();
        let successor = replay(stand, &operator(stand), &stand.settings, &dead, Some(&edited)).await.unwrap();
        let object = stand.object(&successor.job());
        assert_eq!(successor.payload_bytes, object.as_ref().and_then(|object| i64::try_from(object.len()).ok()));
        assert_eq!((object.is_some(), object != stand.object(&dead)), (is_large, true));
        assert_eq!(successor.payload.as_deref(), Some(r#"{"url":"https://example.com/o"}"#));
    }
    let dead = case.large_and_dead().await;
    stand.objects_fail.set(true);
    let refused = replay(stand, &operator(stand), &stand.settings, &dead, None).await;
    stand.objects_fail.set(false);
    assert_eq!(refused.unwrap_err(), Problem::Unavailable);
    assert!(
        replay(stand, &operator(stand), &stand.settings, &dead, None).await.is_ok(),
        "the dead letter is still open"
    );
}

/// The row is deleted first, then its object; the walk deletes an object whose own deletion failed.
pub async fn an_object_is_deleted_after_its_row<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let (cancelled, done) = (case.large().await.job, case.large().await.job);
    cancel(stand, &operator(stand), &stand.settings, &cancelled).await.unwrap();
    case.run(&done).await;
    case.make_past(PAID.retention_succeeded_ms - 60_000).await;
    case.sweep().await;
    assert_eq!(stand.count_objects(&case.tenant), 2, "their retention has not ended");
    case.make_past(2 * HOUR_MS).await;
    let renamed = case.age_id(&done, PAID.retention_succeeded_ms + 2 * HOUR_MS).await;
    let object = stand.objects.borrow_mut().remove(&key(&done)).unwrap();
    stand.objects.borrow_mut().insert(key(&renamed), object);
    case.sweep().await;
    assert!(stand.raw(&cancelled).await.is_null() && stand.raw(&renamed).await.is_null());
    assert_eq!(stand.count_objects(&case.tenant), 0);
    let late = case.large().await.job;
    cancel(stand, &operator(stand), &stand.settings, &late).await.unwrap();
    case.make_past(PAID.retention_succeeded_ms + 1).await;
    stand.objects_fail.set(true);
    case.sweep().await;
    stand.objects_fail.set(false);
    assert!(stand.raw(&late).await.is_null(), "a row is deleted even if its object is not");
    assert!(stand.object(&late).is_some());
}

/// An old object without a row is deleted within an hour of sweeps; young objects and those with a row stay.
pub async fn an_object_without_a_row_is_deleted<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let now = stand.store.now_ms();
    let place = |ms: i64| case.job(&mint_id(now - ms, longshore::ports::Clock::random(stand)));
    let (orphan, older, young) = (place(HOUR_MS + 60_000), place(40 * HOUR_MS), place(HOUR_MS - 60_000));
    let crowd: Vec<_> = (0..150).map(|_| place(20 * HOUR_MS)).collect();
    for job in crowd.iter().chain([&orphan, &older, &young]) {
        stand.objects.borrow_mut().insert(key(job), b"x".to_vec());
    }
    let kept = case.large().await.job;
    let aged = case.age_id(&kept, 3 * HOUR_MS).await;
    let object = stand.objects.borrow_mut().remove(&key(&kept)).unwrap();
    stand.objects.borrow_mut().insert(key(&aged), object);
    stand.forget_walks().await;
    for _ in 0..8 {
        case.sweep().await;
    }
    assert!(stand.object(&orphan).is_none() && stand.object(&older).is_none());
    assert!(stand.object(&young).is_some() && stand.object(&aged).is_some());
    let left = crowd.iter().filter(|job| stand.object(job).is_some()).count();
    assert_eq!(left, 0, "150 with the same millisecond");
    // The walk is complete: the next one starts an hour later, from the beginning.
    stand.objects.borrow_mut().insert(key(&older), b"x".to_vec());
    case.sweep().await;
    assert!(stand.object(&older).is_some());
    stand.forget_walks().await;
    for _ in 0..3 {
        case.sweep().await;
    }
    assert!(stand.object(&older).is_none());
}
