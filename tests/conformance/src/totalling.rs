//! Cases of totals: what happens to jobs is counted once, by kind and endpoint, also after repeats and lost leases.

use std::collections::BTreeMap;
use std::time::Duration;

use longshore::limits::plan::{PAID, Plan};
use longshore::manage::operate::cancel;
use longshore::model::attempt::EvidenceRef;
use longshore::model::job::JobRef;
use longshore::model::outcome::{ErrorClass, Outcome};
use longshore::model::result::JobResult;
use longshore::model::state::Decision;
use longshore::model::totals::{Counts, Waits};
use longshore::run::complete::complete;
use longshore::run::process::process;
use longshore::run::settle::{Settlement, settle};
use longshore::settings::Settings;
use longshore::wire::job_queue::JobQueue;
use longshore::wire::time::rfc3339;
use serde_json::json;

use super::stand::{Case, DEAD_LETTER, RETRY, Stand, Store, measured, operator, place, request};

/// Lease of a claim in ms, and some more.
const LEASE_MS: i64 = 90_000;

/// Counters of a series that tests compare.
type Named<'a> = &'a [(&'a str, i64)];

impl<S: Store> Case<'_, S> {
    /// Reads the totals of each series of the tenant, without counters at 0.
    pub(crate) async fn totals(&self) -> BTreeMap<(String, String), Counts> {
        let sql = "SELECT json_array(kind, endpoint, json(counts)) FROM totals WHERE tenant = ?1";
        let rows = self.stand.sql(sql, vec![self.tenant.as_str().into()]).await;
        let series = rows.iter().map(|row| serde_json::from_str(row).unwrap());
        let clean = |counts: Counts| counts.into_iter().filter(|(_, number)| *number != 0).collect();
        series.map(|(kind, endpoint, counts)| ((kind, endpoint), clean(counts))).collect()
    }

    /// Checks the totals of the jobs to bare URLs.
    async fn assert_totals(&self, expected: Named<'_>, when: &str) {
        let totals = self.totals().await.remove(&("webhook".to_owned(), String::new())).unwrap_or_default();
        let expected: Counts = expected.iter().map(|(name, number)| ((*name).to_owned(), *number)).collect();
        assert_eq!(totals, expected, "{when}");
    }

    /// Settles an attempt, twice, as after a lost answer.
    pub(crate) async fn end_attempt(&self, job: &JobRef, attempt: u32, endpoint: &str, decision: Decision) {
        let token = self.stand.token();
        assert_eq!(self.claim(&token, &[job], false).await.len(), 1);
        let settlement = settlement(job, attempt, endpoint, decision);
        for settled in [1, 0] {
            let settlements = std::slice::from_ref(&settlement);
            assert_eq!(settle(self.stand, &token, &PAID, settlements).await.unwrap().len(), settled);
        }
    }
}

fn settlement(job: &JobRef, attempt: u32, endpoint: &str, decision: Decision) -> Settlement {
    let outcome = match decision {
        Decision::Succeed => Outcome::Succeeded { result: JobResult::Empty },
        Decision::Defer { due_in, .. } => Outcome::Deferred { due_in },
        _ => Outcome::failed(ErrorClass::Http5xx, "no"),
    };
    let place = place(endpoint.to_owned());
    let mut settled = Settlement::new(job.attempt(attempt), place, outcome, decision, measured(70, None));
    settled.entry.evidence = Some(EvidenceRef::Off);
    Settlement { waits: Waits::of(attempt, 0, 20, 2_000), ..settled }
}

/// Attempts count once in the series of their job; a repeat, a lost lease and another attempt number count nothing.
pub async fn attempts_count_once<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    case.endpoint("orders").await;
    case.end_attempt(&case.plain().await, 1, "", Decision::Succeed).await;
    case.end_attempt(&case.plain().await, 1, "", DEAD_LETTER).await;
    let retried = case.to_endpoint("orders").await;
    case.end_attempt(&retried, 1, "orders", RETRY).await;
    case.make_past(40_000).await;
    case.end_attempt(&retried, 2, "orders", Decision::Succeed).await;
    let ended = [("attempt:3", 2), ("attempt_ms", 140), ("class:http_5xx", 1), ("class:succeeded", 1)];
    let expected: Vec<_> = ended
        .into_iter()
        .chain([("dead", 1), ("start:1", 2), ("start_ms", 40), ("succeeded", 1)])
        .chain([("success:7", 1), ("success_ms", 2_000)])
        .collect();
    case.assert_totals(&expected, "one success, one death").await;
    let orders = case.totals().await.remove(&("webhook".to_owned(), "orders".to_owned())).unwrap();
    let of = |name: &str| orders.get(name).copied().unwrap_or(0);
    assert_eq!([of("retried"), of("succeeded"), of("class:http_5xx"), of("class:succeeded")], [1, 1, 1, 1]);
    assert_eq!([of("start:1"), of("attempt:3"), of("success:7")], [1, 2, 1], "only the first attempt has a start");
    // Without the lease, and with the number of another attempt.
    let (job, token) = (case.plain().await, stand.token());
    assert_eq!(case.claim(&token, &[&job], false).await.len(), 1);
    for (token, attempt) in [(stand.token(), 1), (token, 2)] {
        let lost = settlement(&job, attempt, "", Decision::Succeed);
        assert_eq!(settle(stand, &token, &PAID, &[lost]).await.unwrap(), []);
        case.assert_totals(&expected, "a lost lease").await;
    }
}

/// One flush adds its jobs to each series at once.
pub async fn a_flush_is_added_by_series<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    case.endpoint("orders").await;
    let mut jobs = Vec::new();
    for _ in 0..6 {
        jobs.push((case.plain().await, ""));
        jobs.push((case.to_endpoint("orders").await, "orders"));
    }
    let token = stand.token();
    let claimed: Vec<_> = jobs.iter().map(|(job, _)| job).collect();
    assert_eq!(case.claim(&token, &claimed, false).await.len(), 12);
    let of = |(job, endpoint): &(JobRef, &str)| settlement(job, 1, endpoint, Decision::Succeed);
    let settlements: Vec<_> = jobs.iter().map(of).collect();
    for times in [1, 2] {
        settle(stand, &token, &PAID, &settlements[times - 1..]).await.unwrap();
        let totals = case.totals().await;
        let counted: Vec<_> = totals.values().map(|counts| (counts["succeeded"], counts["success:7"])).collect();
        assert_eq!(counted, [(6, 6), (6, 6)], "{times} times");
    }
}

/// A job that is cancelled or dies without a settlement counts once, and so does a crash.
pub async fn ends_without_a_settlement_count<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    stand.set_watermark(120_000).await;
    let at = rfc3339(stand.store.now_ms() + 60_000);
    let late = case.accept_one(request(json!({"deadline_at": at})), None).await.unwrap().job;
    let waiting = case.accept_one(request(json!({"delay_seconds": 600})), None).await.unwrap().job;
    for _ in 0..2 {
        cancel(stand, &operator(stand), &stand.settings, &waiting).await.unwrap();
        case.assert_totals(&[("cancelled", 1)], "a cancel and its repeat").await;
    }
    let running = case.plain().await;
    let token = stand.token();
    assert_eq!(case.claim(&token, &[&running], false).await.len(), 1);
    cancel(stand, &operator(stand), &stand.settings, &running).await.unwrap();
    case.assert_totals(&[("cancelled", 1)], "a requested cancel").await;
    settle(stand, &token, &PAID, &[settlement(&running, 1, "", RETRY)]).await.unwrap();
    assert_eq!(stand.raw(&running).await["state"], "cancelled");
    let totals = case.totals().await.into_values().next().unwrap();
    assert_eq!((totals["cancelled"], totals.get("retried"), totals["class:http_5xx"]), (2, None, 1));
    let crashing = case.plain().await;
    assert_eq!(case.claim(&stand.token(), &[&crashing], false).await.len(), 1);
    // The watermark gives the jobs a time for their check.
    let checked = "UPDATE jobs SET next_check_at = coalesce(lease_until, deadline_at) WHERE tenant = ?1 AND finished_at IS NULL RETURNING id";
    stand.sql(checked, vec![case.tenant.as_str().into()]).await;
    case.make_past(LEASE_MS).await;
    for _ in 0..2 {
        case.sweep().await;
        assert_eq!(stand.raw(&late).await["state"], "dead");
        let totals = case.totals().await.into_values().next().unwrap();
        assert_eq!((totals["dead"], totals["cancelled"], totals["class:crash"]), (1, 2, 1));
    }
}

/// New jobs are counted as the watermark passes them, each once.
pub async fn accepted_jobs_count_as_the_watermark_passes<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    case.endpoint("orders").await;
    stand.set_watermark(120_000).await;
    for _ in 0..3 {
        case.age_id(&case.plain().await, 100_000).await;
    }
    case.age_id(&case.to_endpoint("orders").await, 100_000).await;
    case.plain().await;
    for _ in 0..2 {
        case.sweep().await;
        let totals = case.totals().await;
        let accepted: Vec<_> =
            totals.iter().map(|((_, endpoint), counts)| (endpoint.as_str(), counts["accepted"])).collect();
        assert_eq!(accepted, [("", 3), ("orders", 1)], "the last job is above the watermark");
    }
}

/// A deferral counts nothing; the completion of the attempt counts it once.
pub async fn a_deferred_attempt_counts_with_its_completion<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    case.endpoint("worker").await;
    let task = json!({"kind": "text.count", "endpoint": "worker", "payload": {}});
    let (job, token) = (case.accept_one(task, None).await.unwrap().job, stand.token());
    assert_eq!(case.claim(&token, &[&job], false).await.len(), 1);
    let decision = Decision::Defer { due_in: Duration::from_mins(10), failures: 0 };
    settle(stand, &token, &PAID, &[settlement(&job, 1, "worker", decision)]).await.unwrap();
    assert_eq!(case.totals().await, BTreeMap::new());
    let outcome = Outcome::Succeeded { result: JobResult::Empty };
    for _ in 0..2 {
        complete(stand, &stand.settings, &job, Some(1), outcome.clone()).await.unwrap();
        let totals = case.totals().await.remove(&("text.count".to_owned(), "worker".to_owned())).unwrap();
        let times: i64 =
            totals.iter().filter(|(name, _)| name.contains(':') && !name.starts_with("class")).map(|(_, n)| n).sum();
        assert_eq!((totals["succeeded"], totals["class:succeeded"], times), (1, 1, 3), "{totals:?}");
    }
}

/// The setting `STATISTICS=off` turns counting off.
pub async fn statistics_may_be_off<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let settings = Settings { plan: Plan { statistics: false, ..PAID }, ..stand.settings.clone() };
    stand.set_watermark(120_000).await;
    let old = case.age_id(&case.plain().await, 100_000).await;
    process(stand, &settings, JobQueue::Webhooks, vec![old]).await;
    let waiting = case.accept_one(request(json!({"delay_seconds": 600})), None).await.unwrap().job;
    cancel(stand, &operator(stand), &settings, &waiting).await.unwrap();
    longshore::sweep::sweep(stand, &settings).await.unwrap();
    assert_eq!(case.totals().await, BTreeMap::new());
    process(stand, &stand.settings, JobQueue::Webhooks, vec![case.plain().await]).await;
    assert_eq!(case.totals().await.len(), 1, "counted again from now on");
}
