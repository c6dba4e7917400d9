//! Cases of erasures: everything accepted for a tenant or a subject is deleted, and nothing else.

use std::time::Duration;

use longshore::index::manage::{put_index, read_index};
use longshore::limits::plan::FREE;
use longshore::limits::{HOUR_MS, LEASE_MS, WALL_MS_MAX};
use longshore::manage::endpoints::list_endpoints;
use longshore::manage::erasures::{Erasure, ErasureCounts, ErasureState, read_erasure, request_erasure};
use longshore::manage::groups::read_group;
use longshore::manage::operate::replay;
use longshore::manage::query::read_evidence;
use longshore::model::evidence::{RecordHead, pack_key, record};
use longshore::model::job::JobRef;
use longshore::model::outcome::Outcome;
use longshore::model::state::Decision;
use longshore::run::process::process;
use longshore::run::settle::{Settlement, settle};
use longshore::schedules::manage::{list_schedules, put_schedule};
use longshore::settings::Settings;
use longshore::sweep::sweep;
use longshore::wire::idempotency::sha256;
use longshore::wire::job_queue::JobQueue;
use longshore::wire::problem::Problem;
use serde_json::json;

use super::stand::{Case, Stand, Store, measured, operator, place, request};

/// Age of the jobs of a case in milliseconds. Their ids are below the limit of an erasure that is requested now, even
/// when that limit is moved two minutes back.
pub(super) const AGE_MS: i64 = 200_000;
/// Maximum number of sweeps for one erasure: the cases of this file may share one database and take turns.
const SWEEPS_MAX: usize = 60;

impl<S: Store> Case<'_, S> {
    /// Returns an aged job with this subject, if any.
    async fn of_subject(&self, subject: Option<&str>) -> JobRef {
        let more = subject.map_or(json!({}), |subject| json!({"metadata": {"subject": subject}}));
        let accepted = self.accept_one(request(more), None).await.unwrap();
        self.age_id(&accepted.job, AGE_MS).await
    }

    pub(super) async fn erasure(&self, subject: Option<&str>) -> Erasure {
        request_erasure(self.stand, &operator(self.stand), &self.tenant, subject).await.unwrap()
    }

    async fn receipt(&self, erasure: &Erasure) -> Erasure {
        read_erasure(self.stand, &self.tenant, &erasure.id).await.unwrap()
    }

    /// Moves the erasure 60 s into the past: no id below its limit can be accepted any longer.
    async fn wait_for_ids(&self, erasure: &Erasure) {
        let sql = "UPDATE erasures SET created_at = created_at - 60000 WHERE tenant = ?1 AND id = ?2 RETURNING id";
        self.stand.sql(sql, vec![self.tenant.as_str().into(), erasure.id.as_str().into()]).await;
    }

    /// Sweeps until the erasure is done.
    pub(super) async fn finish(&self, erasure: &Erasure) -> Erasure {
        self.wait_for_ids(erasure).await;
        for _ in 0..SWEEPS_MAX {
            self.sweep().await;
            let receipt = self.receipt(erasure).await;
            if receipt.state == ErasureState::Done {
                return receipt;
            }
        }
        panic!("not done: {:?}", self.receipt(erasure).await);
    }

    async fn exists(&self, job: &JobRef) -> bool {
        !self.stand.raw(job).await.is_null()
    }

    /// Replaces the log of a job with these ended attempts; each names its lease and evidence.
    async fn set_log(&self, job: &JobRef, log: &serde_json::Value) {
        let sql =
            "UPDATE jobs SET log = ?3, attempt = json_array_length(?3) WHERE tenant = ?1 AND id = ?2 RETURNING id";
        let params = vec![job.tenant.as_str().into(), job.id.as_str().into(), log.to_string().into()];
        assert_eq!(self.stand.sql(sql, params).await.len(), 1);
    }

    /// Returns an evidence record as a worker would have written it.
    fn record(&self, job: &JobRef) -> Vec<u8> {
        let (tenant, job_id) = (self.tenant.as_str(), job.id.as_str());
        let head = RecordHead { tenant, job_id, attempt: 1, sent_at: 0, duration_ms: 1, version: "0" };
        record(&head, &[], None)
    }
}

impl<S: Store> Stand<S> {
    /// Returns true if an object contains this text.
    fn is_stored(&self, text: &str) -> bool {
        self.objects.borrow().values().any(|bytes| String::from_utf8_lossy(bytes).contains(text))
    }
}

/// Keys, endpoints and schedules are deleted at the request, jobs in any state soon after; another tenant, whose
/// evidence is in the same pack, loses nothing.
pub async fn a_tenant_is_erased_whole<S: Store>(stand: &Stand<S>) {
    let (case, neighbour) = (stand.case().await, stand.case().await);
    case.endpoint("shop").await;
    let body = request(json!({"cron": "@yearly"})).to_string();
    put_schedule(stand, &operator(stand), &stand.settings, &case.tenant, "yearly", body.as_bytes()).await.unwrap();
    let (done, other) = (case.of_subject(None).await, neighbour.of_subject(None).await);
    process(stand, &stand.settings, JobQueue::Webhooks, vec![done.clone(), other.clone()]).await;
    stand.status.set(410);
    let dead = case.of_subject(Some("someone")).await;
    process(stand, &stand.settings, JobQueue::Webhooks, vec![dead.clone()]).await;
    stand.status.set(200);
    let later = case.accept_one(request(json!({"delay_seconds": 9_000})), Some("key")).await.unwrap().job;
    let later = case.age_id(&later, AGE_MS).await;
    assert!(stand.is_stored(&done.id) && stand.is_stored(&dead.id));

    let erasure = case.erasure(None).await;
    assert_eq!((erasure.state, erasure.subject.as_ref(), erasure.counts.jobs), (ErasureState::Running, None, 0));
    assert!(matches!(case.accept_one(request(json!({})), None).await, Err(Problem::Unauthenticated(_))));
    assert!(list_endpoints(stand, &case.tenant, "", 9).await.unwrap().is_empty());
    assert!(list_schedules(stand, &case.tenant, "", 9, false).await.unwrap().is_empty());
    assert!(
        matches!(replay(stand, &operator(stand), &stand.settings, &dead, None).await, Err(Problem::Unavailable)),
        "no copy of it"
    );
    let receipt = case.finish(&erasure).await;
    let counts = ErasureCounts { jobs: 3, attempts: 2, endpoints: 1, schedules: 1, keys: 1 };
    assert_eq!((&receipt.counts, receipt.subject), (&counts, None));
    assert!(receipt.finished_at.is_some());
    for job in [&done, &dead, &later] {
        assert!(!case.exists(job).await && !stand.is_stored(&job.id), "{}", job.id);
    }
    let hours = "SELECT hour FROM tenant_hours WHERE tenant = ?1";
    assert!(stand.sql(hours, vec![case.tenant.as_str().into()]).await.is_empty());
    let entry = stand.row(&other).await.log.remove(0);
    assert_eq!(json!(read_evidence(stand, &entry).await.unwrap())["job_id"], other.id, "its hash holds");
    assert!(neighbour.accept_one(request(json!({})), None).await.is_ok());
}

/// An erasure of a subject deletes its jobs and the schedules that create such jobs; the receipt then keeps only a hash
/// of the subject.
pub async fn a_subject_is_erased_alone<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    case.endpoint("shop").await;
    for (id, subject) in [("theirs", "someone"), ("other", "else")] {
        let body = request(json!({"cron": "@yearly", "metadata": {"subject": subject}})).to_string();
        put_schedule(stand, &operator(stand), &stand.settings, &case.tenant, id, body.as_bytes()).await.unwrap();
    }
    let (one, two) = (case.of_subject(Some("someone")).await, case.of_subject(Some("someone")).await);
    let (other, without) = (case.of_subject(Some("someone else")).await, case.of_subject(None).await);
    let all = vec![one.clone(), two.clone(), other.clone(), without.clone()];
    process(stand, &stand.settings, JobQueue::Webhooks, all).await;
    let erasure = case.erasure(Some("someone")).await;
    assert_eq!(erasure.subject.as_deref(), Some("someone"));
    // Jobs accepted afterwards, with ids above the erasure's limit, stay.
    let after = case.accept_one(request(json!({"metadata": {"subject": "someone"}})), None).await.unwrap().job;
    let receipt = case.finish(&erasure).await;
    let counts = ErasureCounts { jobs: 2, attempts: 2, endpoints: 0, schedules: 1, keys: 0 };
    assert_eq!(receipt.counts, counts);
    assert_eq!(receipt.subject, Some(format!("sha256:{}", sha256(b"someone"))));
    for job in [&one, &two] {
        assert!(!case.exists(job).await && !stand.is_stored(&job.id), "{}", job.id);
    }
    for job in [&other, &without] {
        let entry = stand.row(job).await.log.remove(0);
        assert_eq!(json!(read_evidence(stand, &entry).await.unwrap())["job_id"], job.id, "its hash holds");
    }
    assert!(case.exists(&after).await);
    let left = list_schedules(stand, &case.tenant, "", 9, false).await.unwrap();
    assert_eq!((left.len(), left[0].id.as_str()), (1, "other"));
    assert_eq!(list_endpoints(stand, &case.tenant, "", 9).await.unwrap().len(), 1);
}

/// A repeated request returns the running erasure; after it is done, a new one starts.
pub async fn two_requests_are_one_run<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let first = case.erasure(Some("someone")).await;
    assert_eq!(case.erasure(Some("someone")).await.id, first.id);
    let other = case.erasure(Some("else")).await;
    assert_ne!(other.id, first.id);
    let stranger = stand.case().await;
    assert_eq!(
        read_erasure(stand, &stranger.tenant, &first.id).await.unwrap_err(),
        Problem::not_found("Erasure", &first.id)
    );
    case.finish(&first).await;
    case.finish(&other).await;
    assert_ne!(case.erasure(Some("someone")).await.id, first.id);
}

/// A running job is asked to stop and erased in a later sweep; a deferred one is erased at once.
pub async fn a_running_job_is_erased_later<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let (running, parked) = (case.of_subject(None).await, case.of_subject(None).await);
    let token = stand.token();
    assert_eq!(case.claim(&token, &[&running, &parked], false).await.len(), 2);
    let due_in = Duration::from_mins(10);
    let defer = Decision::Defer { due_in, failures: 0 };
    let mut deferred = Settlement::new(
        parked.attempt(1),
        place(String::new()),
        Outcome::Deferred { due_in },
        defer,
        measured(1, Some(202)),
    );
    deferred.entry.evidence = Some(longshore::model::attempt::EvidenceRef::Off);
    settle(stand, &token, &stand.settings.plan, &[deferred]).await.unwrap();
    let erasure = case.erasure(None).await;
    case.wait_for_ids(&erasure).await;
    for _ in 0..SWEEPS_MAX {
        case.sweep().await;
    }
    assert!(!case.exists(&parked).await, "its request has ended");
    assert!(case.exists(&running).await, "its worker may still write evidence");
    assert_eq!(
        (case.receipt(&erasure).await.state, case.receipt(&erasure).await.counts.jobs),
        (ErasureState::Running, 1)
    );
    let retry = Decision::Retry { delay: due_in, failures: 1 };
    let outcome = Outcome::Failed {
        class: longshore::model::outcome::ErrorClass::Http5xx,
        message: String::new(),
        retry_after: None,
    };
    let mut failed = Settlement::new(running.attempt(1), place(String::new()), outcome, retry, measured(1, Some(500)));
    failed.entry.evidence = Some(longshore::model::attempt::EvidenceRef::Off);
    settle(stand, &token, &stand.settings.plan, &[failed]).await.unwrap();
    assert_eq!(stand.raw(&running).await["state"], "cancelled");
    assert_eq!(case.finish(&erasure).await.counts.jobs, 2);
}

/// Evidence that a worker stored before it crashed is found by its lease, once that worker can no longer be running.
pub async fn evidence_without_a_log_entry_is_erased<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    stand.set_watermark(2 * AGE_MS).await;
    let (crashed, other) = (case.of_subject(Some("someone")).await, case.of_subject(None).await);
    let token = stand.token();
    case.claim(&token, &[&crashed], false).await;
    let (record, others) = (case.record(&crashed), case.record(&other));
    let pack = [others.clone(), record.clone()].concat();
    stand.objects.borrow_mut().insert(pack_key(&token, 3), pack.clone());
    case.make_past(2 * LEASE_MS).await;
    let erasure = case.erasure(Some("someone")).await;
    case.wait_for_ids(&erasure).await;
    for _ in 0..SWEEPS_MAX {
        case.sweep().await;
    }
    assert!(case.exists(&crashed).await && stand.is_stored(&crashed.id), "its worker may still be running");
    let raw = stand.raw(&crashed).await;
    assert_eq!(raw["log"][0]["state"], "outcome_unknown", "{raw}");
    let mut log = raw["log"].clone();
    log[0]["started_at"] = json!(raw["now"].as_i64().unwrap() - WALL_MS_MAX - HOUR_MS);
    case.set_log(&crashed, &log).await;
    assert_eq!(case.finish(&erasure).await.counts.jobs, 1);
    let object = stand.objects.borrow()[&pack_key(&token, 3)].clone();
    let blank = [vec![b' '; record.len() - 1], vec![b'\n']].concat();
    assert_eq!(object, [others, blank].concat(), "every other byte is unchanged");
}

/// A job with more packs than one sweep may rewrite is erased over several sweeps, on the plan with the fewest calls.
pub async fn many_packs_take_many_sweeps<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let (job, first) = (case.of_subject(None).await, case.of_subject(None).await);
    let (mut entries, mut keys) = (Vec::new(), Vec::new());
    for _ in 0..21 {
        let lease = stand.token();
        let record = case.record(&job);
        let evidence =
            json!({"state": "stored", "n": 0, "offset": 0, "length": record.len(), "sha256": sha256(&record)});
        keys.push(pack_key(&lease, 0));
        stand.objects.borrow_mut().insert(pack_key(&lease, 0), record);
        entries.push(json!({"started_at": 0, "lease": lease, "state": "failed", "evidence": evidence}));
    }
    case.set_log(&job, &json!(entries)).await;
    let free = Settings { plan: FREE, ..stand.settings.clone() };
    let erasure = case.erasure(None).await;
    case.wait_for_ids(&erasure).await;
    let mut last = keys.len();
    for _ in 0..SWEEPS_MAX {
        sweep(stand, &free).await.unwrap();
        let left = keys.iter().filter(|key| stand.objects.borrow()[*key].contains(&b'{')).count();
        assert!(last - left <= FREE.erase_calls / 2, "{last} and then {left}");
        last = left;
    }
    assert!(!case.exists(&job).await && !case.exists(&first).await);
    assert_eq!(last, 0);
    let receipt = case.receipt(&erasure).await;
    assert_eq!((receipt.state, receipt.counts.jobs, receipt.counts.attempts), (ErasureState::Done, 2, 21));
}

/// A group no longer counts erased jobs, and finishes when none of the others is open; a tenant's groups are erased
/// with it.
pub async fn a_group_forgets_erased_jobs<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let mut jobs = Vec::new();
    for (subject, group) in [("someone", "import"), ("someone", "import"), ("another", "import"), ("someone", "alone")]
    {
        let body = request(json!({"metadata": {"subject": subject}, "group": group}));
        let accepted = case.accept_one(body, None).await.unwrap();
        jobs.push(case.age_id(&accepted.job, AGE_MS).await);
    }
    process(stand, &stand.settings, JobQueue::Webhooks, vec![jobs[0].clone(), jobs[2].clone()]).await;
    let counts = async || {
        let group = read_group(stand, &case.tenant, "import").await?;
        Ok((group.total, group.succeeded, group.finished_at.is_some()))
    };
    assert_eq!(counts().await, Ok((3, 2, false)));
    case.finish(&case.erasure(Some("someone")).await).await;
    assert_eq!(counts().await, Ok((1, 1, true)), "the open job is erased, so none is open");
    let alone = read_group(stand, &case.tenant, "alone").await;
    assert_eq!(alone, Err(Problem::not_found("Group", "alone")), "a group name may identify a person");
    case.finish(&case.erasure(None).await).await;
    assert_eq!(counts().await, Err(Problem::not_found("Group", "import")));
    let left = stand.sql("SELECT id FROM groups WHERE tenant = ?1", vec![case.tenant.as_str().into()]).await;
    assert!(left.is_empty(), "{left:?}");
}

/// An index created during the erasure of its tenant, by a request already under way, is erased too; one created later
/// stays.
pub async fn an_index_is_erased_with_its_tenant<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let make = async || {
        let body = br#"{"provider":"builtin"}"#;
        put_index(stand, &operator(stand), &stand.settings, &case.tenant, "late", body).await.unwrap();
    };
    let erasure = case.erasure(None).await;
    make().await;
    // A sweep processes one erasure at a time; on a shared store another case's erasure may come first.
    for _ in 0..SWEEPS_MAX {
        case.sweep().await;
        if read_index(stand, &case.tenant, "late").await.is_err() {
            break;
        }
    }
    assert_eq!(read_index(stand, &case.tenant, "late").await, Err(Problem::not_found("Index", "late")));
    case.finish(&erasure).await;
    make().await;
    case.sweep().await;
    assert!(read_index(stand, &case.tenant, "late").await.is_ok());
}
