//! Cases of causes: what failed attempts have in common, counted while their jobs wait or are dead.

use longshore::limits::CAUSES_MAX;
use longshore::limits::plan::PAID;
use longshore::manage::causes::{
    CauseChange, CauseFilter, CauseRow, CauseState, change_cause, list_causes, read_cause,
};
use longshore::manage::endpoints::put_endpoint;
use longshore::manage::filter::JobFilter;
use longshore::manage::operate::{discard, replay};
use longshore::manage::query::list_dead_letters;
use longshore::model::attempt::{EvidenceRef, Measured};
use longshore::model::cause::{CRASHED, LATE, OTHER};
use longshore::model::job::JobRef;
use longshore::model::outcome::{ErrorClass, Outcome};
use longshore::model::state::Decision;
use longshore::run::process::process;
use longshore::run::settle::{Settlement, settle};
use longshore::wire::job_queue::JobQueue;
use longshore::wire::problem::Problem;
use serde_json::json;

use super::erasing::AGE_MS;
use super::stand::{Case, DEAD_LETTER, RETRY, Stand, Store, measured, operator, place, request};

impl<S: Store> Case<'_, S> {
    async fn fail(&self, job: &JobRef, answer: &str, decision: Decision) {
        self.fail_with(job, (503, answer), decision).await;
    }

    /// Claims a job and fails its attempt with an answer: its status and its body.
    pub(super) async fn fail_with(&self, job: &JobRef, (status, answer): (u16, &str), decision: Decision) {
        let token = self.stand.token();
        let attempt = self.claim(&token, &[job], false).await[0].attempt;
        let outcome = Outcome::failed(ErrorClass::Http5xx, format!("The destination answered {status}."));
        let answered = Measured { answer: Some(answer.as_bytes().to_vec()), ..measured(12, Some(status)) };
        let endpoint = self.stand.row(job).await.endpoint;
        let settled = Settlement::new(job.attempt(attempt), place(endpoint), outcome, decision, answered);
        let mut settled = Settlement { dies_in_ms: Some(60_000), ..settled };
        settled.entry.evidence = Some(EvidenceRef::Off);
        assert_eq!(settle(self.stand, &token, &PAID, &[settled]).await.unwrap().len(), 1);
    }

    async fn causes(&self, state: Option<CauseState>) -> Vec<CauseRow> {
        let filter = CauseFilter { state, ..CauseFilter::default() };
        list_causes(self.stand, &self.tenant, &filter, None, 50).await.unwrap().0
    }

    async fn cause_of(&self, job: &JobRef) -> Option<String> {
        self.stand.row(job).await.cause
    }
}

fn counts(row: &CauseRow) -> [i64; 3] {
    [row.retrying, row.held, row.dead]
}

/// Failures that differ only in numbers have one cause, which counts its jobs as they retry, die, are held, succeed and
/// are replayed.
pub async fn failures_alike_have_one_cause<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    case.endpoint("orders").await;
    let (first, second) = (case.to_endpoint("orders").await, case.to_endpoint("orders").await);
    case.fail(&first, "order 17 is locked", RETRY).await;
    case.fail(&second, "order 18 is locked", RETRY).await;
    let [row] = &case.causes(None).await[..] else { panic!("one cause") };
    assert_eq!(
        (row.text.as_str(), row.status, row.endpoint.as_deref()),
        ("order # is locked", Some(503), Some("orders"))
    );
    assert_eq!((counts(row), row.sample.is_some(), row.died_at), ([2, 0, 0], true, None));
    let dies_at = stand.row(&first).await.dies_at.unwrap();
    assert!(row.next_dies_at == Some(dies_at) && row.failed_at.is_some());
    assert_eq!(case.cause_of(&first).await.as_ref(), Some(&row.id));

    case.make_past(30_000).await;
    case.fail(&first, "order 17 is locked", DEAD_LETTER).await;
    let now = read_cause(stand, &case.tenant, &row.id).await.unwrap();
    assert_eq!((counts(&now), now.sample.as_ref()), ([1, 0, 1], Some(&first.id)));
    let of_cause = async |cause: &str| {
        let filter = JobFilter { cause: Some(cause.to_owned()), ..JobFilter::default() };
        list_dead_letters(stand, &case.tenant, &filter, None, 10).await.unwrap().rows
    };
    assert_eq!(of_cause(&row.id).await.iter().map(|job| &job.id).collect::<Vec<_>>(), [&first.id]);
    assert!(of_cause(OTHER).await.is_empty());

    // A pause keeps its jobs in their group, and so does the attempt that runs.
    let pause = "UPDATE endpoints SET state = ?2 WHERE tenant = ?1 RETURNING id";
    stand.sql(pause, vec![case.tenant.as_str().into(), "paused".into()]).await;
    assert!(case.claim(&stand.token(), &[&second], false).await.is_empty());
    assert_eq!(counts(&read_cause(stand, &case.tenant, &row.id).await.unwrap()), [0, 1, 1]);
    replay(stand, &operator(stand), &stand.settings, &first, None).await.unwrap();
    assert_eq!(counts(&read_cause(stand, &case.tenant, &row.id).await.unwrap()), [0, 1, 0]);
    let (last, seconds) = (case.plain().await, 30);
    case.fail(&last, "order 19 is locked", RETRY).await;
    assert_eq!(case.causes(None).await.len(), 2, "a bare URL is another place");
    case.make_past(seconds * 1_000).await;
    let token = stand.token();
    case.claim(&token, &[&last], false).await;
    let outcome = Outcome::Succeeded { result: json!({"status": 200}).into() };
    let done =
        Settlement::new(last.attempt(2), place(String::new()), outcome, Decision::Succeed, measured(5, Some(200)));
    settle(stand, &token, &PAID, &[done]).await.unwrap();
    assert_eq!(case.cause_of(&last).await, None);
    assert_eq!(case.causes(None).await.len(), 1, "nothing waits for the other one");
    assert_eq!(case.causes(Some(CauseState::Open)).await.len(), 2);
}

/// A resolved cause that is seen again is open and has come back; an ignored one stays ignored until its time is over.
pub async fn a_resolved_cause_comes_back<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let jobs = [case.plain().await, case.plain().await, case.plain().await];
    case.fail(&jobs[0], "down", DEAD_LETTER).await;
    let id = case.cause_of(&jobs[0]).await.unwrap();
    let changed = change_cause(stand, &operator(stand), &case.tenant, &id, CauseChange::Resolve).await.unwrap();
    assert_eq!((changed.state, changed.came_back_at), (CauseState::Resolved, None));
    assert!(case.causes(None).await.is_empty() && case.causes(Some(CauseState::Resolved)).await.len() == 1);
    case.fail(&jobs[1], "down", DEAD_LETTER).await;
    let back = read_cause(stand, &case.tenant, &id).await.unwrap();
    assert!(back.state == CauseState::Open && back.came_back_at.is_some() && back.dead == 2);

    change_cause(stand, &operator(stand), &case.tenant, &id, CauseChange::Ignore(3_600)).await.unwrap();
    case.fail(&jobs[2], "down", DEAD_LETTER).await;
    let ignored = read_cause(stand, &case.tenant, &id).await.unwrap();
    assert!(ignored.state == CauseState::Ignored && ignored.until.is_some(), "seen again, and still ignored");
    assert_eq!(case.causes(Some(CauseState::Ignored)).await.len(), 1);
    let over = "UPDATE causes SET until = until - 3600000 WHERE tenant = ?1 RETURNING id";
    stand.sql(over, vec![case.tenant.as_str().into()]).await;
    assert_eq!(read_cause(stand, &case.tenant, &id).await.unwrap().state, CauseState::Open);
    change_cause(stand, &operator(stand), &case.tenant, &id, CauseChange::Resolve).await.unwrap();
    assert_eq!(
        change_cause(stand, &operator(stand), &case.tenant, &id, CauseChange::Reopen).await.unwrap().state,
        CauseState::Open
    );
    let unknown = change_cause(stand, &operator(stand), &case.tenant, "cause_unknown", CauseChange::Resolve).await;
    assert!(matches!(unknown, Err(Problem::NotFound(_))));
}

/// A tenant with many causes gets no more rows: its further failures have the cause `cause_other`.
pub async fn causes_are_bounded<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let fill = "INSERT INTO causes (tenant, id, text, first_seen, state, check_at)
        SELECT ?1, 'cause_' || value, '', 0, 'open', 1e15 FROM json_each(?2) WHERE true RETURNING id";
    let names: Vec<i64> = (1..CAUSES_MAX).collect();
    stand.sql(fill, vec![case.tenant.as_str().into(), json!(names).to_string().into()]).await;
    let [last, over, known] = [case.plain().await, case.plain().await, case.plain().await];
    case.fail(&last, "the last one", DEAD_LETTER).await;
    case.fail(&over, "one more", DEAD_LETTER).await;
    case.fail(&known, "the last one", DEAD_LETTER).await;
    assert_eq!(case.cause_of(&over).await.as_deref(), Some(OTHER));
    assert_eq!(case.cause_of(&known).await, case.cause_of(&last).await);
    assert_eq!(read_cause(stand, &case.tenant, OTHER).await.unwrap().dead, 1);
    let count = "SELECT count(*) FROM causes WHERE tenant = ?1";
    assert_eq!(stand.sql(count, vec![case.tenant.as_str().into()]).await, [(CAUSES_MAX + 1).to_string()]);
}

/// Jobs that the sweep ends have fixed causes: a crash, and a deadline that passed.
pub async fn the_sweep_names_its_causes<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let crashed = case.plain().await;
    case.claim(&stand.token(), &[&crashed], false).await;
    case.lose_lease(&crashed).await;
    assert_eq!(case.cause_of(&crashed).await.as_deref(), Some(CRASHED));
    stand.set_watermark(120_000).await;
    let at = longshore::wire::time::rfc3339(stand.store.now_ms() + 10_000);
    let late = case.accept_one(request(json!({"deadline_at": at})), None).await.unwrap().job;
    let late = case.age_id(&late, 100_000).await;
    case.make_past(30_000).await;
    case.sweep().await;
    assert_eq!(case.cause_of(&late).await.as_deref(), Some(LATE));
    let row = read_cause(stand, &case.tenant, LATE).await.unwrap();
    assert_eq!((row.dead, row.class, row.text.contains("deadline")), (1, None, true));
    let row = read_cause(stand, &case.tenant, CRASHED).await.unwrap();
    assert_eq!((row.retrying, row.class), (1, Some(ErrorClass::Crash)));
    assert!(row.failed_at.is_some(), "an attempt without an end was seen too");
    // Another hint for the waiting job is no new crash.
    change_cause(stand, &operator(stand), &case.tenant, CRASHED, CauseChange::Resolve).await.unwrap();
    let due = "UPDATE jobs SET next_check_at = 1 WHERE tenant = ?1 AND id = ?2 RETURNING id";
    stand.sql(due, vec![crashed.tenant.as_str().into(), crashed.id.as_str().into()]).await;
    case.sweep().await;
    assert_eq!(read_cause(stand, &case.tenant, CRASHED).await.unwrap().state, CauseState::Resolved);
}

/// A page of causes that a filter leaves out is short and continues.
pub async fn a_filtered_page_of_causes_continues<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    for endpoint in ["rare", "usual"] {
        case.endpoint(endpoint).await;
        case.fail(&case.to_endpoint(endpoint).await, "down", DEAD_LETTER).await;
    }
    let older = "UPDATE causes SET first_seen = 1 WHERE tenant = ?1 AND endpoint = 'rare' RETURNING id";
    stand.sql(older, vec![case.tenant.as_str().into()]).await;
    let filter = CauseFilter { endpoint: Some("rare".to_owned()), ..CauseFilter::default() };
    let (rows, next) = list_causes(stand, &case.tenant, &filter, None, 1).await.unwrap();
    assert!(rows.is_empty() && next.is_some());
    let (rows, _) = list_causes(stand, &case.tenant, &filter, next, 1).await.unwrap();
    assert_eq!(rows.len(), 1);
}

/// An endpoint without evidence keeps nothing of an answer, also not in the text of a cause.
pub async fn no_evidence_is_no_text<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let body = json!({"url": "https://example.com/hook", "evidence": "none", "max_attempts": 1}).to_string();
    put_endpoint(stand, &operator(stand), &stand.settings, &case.tenant, "quiet", body.as_bytes()).await.unwrap();
    let job = case.to_endpoint("quiet").await;
    stand.status.set(503);
    process(stand, &stand.settings, JobQueue::Webhooks, vec![job.clone()]).await;
    stand.status.set(200);
    let shown = read_cause(stand, &case.tenant, &case.cause_of(&job).await.unwrap()).await.unwrap();
    assert_eq!((shown.text.as_str(), shown.status), ("The destination answered #", Some(503)));
}

/// A cause without jobs is deleted after the retention of dead letters; one with jobs stays. An erased tenant has none.
pub async fn old_causes_are_deleted<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let (gone, kept) = (case.plain().await, case.age_id(&case.plain().await, AGE_MS).await);
    case.fail(&gone, "gone", DEAD_LETTER).await;
    case.fail(&kept, "kept", DEAD_LETTER).await;
    discard(stand, &operator(stand), &gone, None).await.unwrap();
    let gone = case.age_id(&gone, AGE_MS).await;
    let ignored = case.plain().await;
    case.fail(&ignored, "ignored", DEAD_LETTER).await;
    change_cause(
        stand,
        &operator(stand),
        &case.tenant,
        &case.cause_of(&ignored).await.unwrap(),
        CauseChange::Ignore(60),
    )
    .await
    .unwrap();
    discard(stand, &operator(stand), &ignored, None).await.unwrap();
    case.age_id(&ignored, AGE_MS).await;
    let old = "UPDATE causes SET check_at = 1 WHERE tenant = ?1 RETURNING id";
    stand.sql(old, vec![case.tenant.as_str().into()]).await;
    case.sweep().await;
    let left = case.causes(Some(CauseState::Open)).await;
    assert_eq!(left.iter().map(|row| row.text.as_str()).collect::<Vec<_>>(), ["kept"]);
    assert_eq!(case.causes(Some(CauseState::Ignored)).await.len(), 1, "it is ignored for a minute");
    let check_at = "SELECT check_at FROM causes WHERE tenant = ?1";
    let later = stand.sql(check_at, vec![case.tenant.as_str().into()]).await;
    assert!(later[0].parse::<i64>().unwrap() > 1, "it is not checked at each sweep");
    let erasure = case.erasure(None).await;
    case.finish(&erasure).await;
    let left = [case.causes(Some(CauseState::Open)).await, case.causes(Some(CauseState::Ignored)).await].concat();
    assert!(left.is_empty() && stand.raw(&gone).await.is_null(), "{left:?}");
}
