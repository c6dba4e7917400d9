//! Cases of the sweep: it finds jobs without a hint, and deletes jobs after their retention.

use longshore::limits::plan::PAID;
use longshore::limits::{CRASH_SEEN_MS_MAX, DATABASE_BYTES_PAID, DAY_MS, HOUR_MS, LEASE_MS, REDISPATCH_BACKOFF_MS};
use longshore::manage::endpoints::{EndpointChange, change_endpoint};
use longshore::manage::operate::{cancel, set_paused};
use longshore::model::job::{JobRef, first_id_at};
use longshore::model::state::{DeadLetterState, DeadReason};
use longshore::run::process::process;
use longshore::sweep::sweep;
use longshore::wire::job_queue::JobQueue;
use longshore::wire::problem::Problem;
use serde_json::json;

use longshore_kit::client::early_in_a_day;

use super::stand::{Case, Stand, Store, operator, request};

impl<S: Store> Case<'_, S> {
    pub(super) async fn sweep(&self) {
        sweep(self.stand, &self.stand.settings).await.unwrap();
    }

    /// Lets the lease of a running job end and sweeps: the watermark has passed the job.
    pub(super) async fn lose_lease(&self, job: &JobRef) {
        let pass = "UPDATE jobs SET next_check_at = lease_until WHERE tenant = ?1 AND id = ?2 RETURNING id";
        self.stand.sql(pass, vec![job.tenant.as_str().into(), job.id.as_str().into()]).await;
        self.make_past(10 * LEASE_MS).await;
        self.sweep().await;
    }

    /// Returns true if a hint since the last call names the job.
    fn hinted(&self, job: &JobRef) -> bool {
        self.stand.hints.borrow_mut().drain(..).any(|message| message.text.contains(&job.id))
    }
}

/// The watermark gives each open row below it a next check, once; finished rows stay as they are.
pub async fn the_watermark_passes_each_open_row_once<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    stand.set_watermark(120_000).await;
    let queued = case.age_id(&case.plain().await, 100_000).await;
    let running = case.age_id(&case.plain().await, 90_000).await;
    case.claim(&stand.token(), &[&running], false).await;
    let done = case.age_id(&case.plain().await, 80_000).await;
    process(stand, &stand.settings, JobQueue::Webhooks, vec![done.clone()]).await;
    let fresh = case.plain().await;
    case.hinted(&queued);
    case.sweep().await;
    assert!(case.hinted(&queued), "a queued row below the watermark is hinted");
    let raw = stand.raw(&running).await;
    assert_eq!(raw["next_check_at"], raw["lease_until"]);
    assert!(stand.raw(&done).await["next_check_at"].is_null() && stand.raw(&fresh).await["next_check_at"].is_null());
    let accepted = "SELECT sum(accepted) FROM tenant_hours WHERE tenant = ?1";
    assert_eq!(stand.sql(accepted, vec![case.tenant.as_str().into()]).await, ["3"]);
    let clear = "UPDATE jobs SET next_check_at = NULL WHERE tenant = ?1 AND id = ?2 RETURNING id";
    stand.sql(clear, vec![queued.tenant.as_str().into(), queued.id.as_str().into()]).await;
    case.sweep().await;
    assert!(stand.raw(&queued).await["next_check_at"].is_null(), "passed only once");
    assert_eq!(stand.sql(accepted, vec![case.tenant.as_str().into()]).await, ["3"]);
}

/// The watermark is 45 s behind now after a sweep, even with an old open row.
pub async fn the_watermark_is_never_pinned<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    stand.set_watermark(5 * HOUR_MS).await;
    let old = case.age_id(&case.plain().await, 5 * HOUR_MS - 1_000).await;
    let scheduled = case.accept_one(request(json!({"delay_seconds": 9_000})), None).await.unwrap().job;
    case.sweep().await;
    assert!(case.hinted(&old));
    let behind = "SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER) - value FROM meta WHERE name = 'watermark'";
    let behind: i64 = stand.sql(behind, vec![]).await[0].parse().unwrap();
    assert!((44_000..60_000).contains(&behind), "{behind}");
    let raw = stand.raw(&scheduled).await;
    assert_eq!(raw["next_check_at"], raw["run_after"]);
}

/// Every open job is found after ten days without a sweep, longer than any retention.
pub async fn a_long_gap_loses_nothing<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    stand.set_watermark(10 * DAY_MS).await;
    let mut jobs = Vec::new();
    for days in [9, 8, 5, 1] {
        jobs.push(case.age_id(&case.plain().await, days * DAY_MS).await);
    }
    for _ in 0..12 {
        case.sweep().await;
    }
    for job in &jobs {
        assert!(!stand.raw(job).await["next_check_at"].is_null(), "{}", job.id);
    }
}

/// A lease that ended unsettled is logged as an unknown outcome, and the job runs next in quarantine.
pub async fn an_ended_lease_quarantines_its_job<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    stand.set_watermark(120_000).await;
    let job = case.age_id(&case.plain().await, 100_000).await;
    case.claim(&stand.token(), &[&job], false).await;
    case.sweep().await;
    assert_eq!(stand.raw(&job).await["state"], "running");
    case.make_past(LEASE_MS).await;
    case.sweep().await;
    let raw = stand.raw(&job).await;
    assert_eq!(
        (raw["state"].as_str(), raw["quarantined"].as_i64(), raw["crashes"].as_i64()),
        (Some("retrying"), Some(1), Some(0))
    );
    assert_eq!(raw["log"][0]["state"], "outcome_unknown");
    assert!(case.hinted(&job));
    assert!(case.claim(&stand.token(), &[&job], false).await.is_empty());
    assert_eq!(case.claim(&stand.token(), &[&job], true).await[0].attempt, 2);
}

/// The crash that quarantines a job does not count; three crashes while it ran alone do.
pub async fn three_lone_crashes_are_a_loop<S: Store>(stand: &Stand<S>) {
    // A crash of the day before does not count.
    early_in_a_day();
    let case = stand.case().await;
    stand.set_watermark(120_000).await;
    let job = case.age_id(&case.plain().await, 100_000).await;
    case.sweep().await;
    for crash in 0..4 {
        assert_eq!(case.claim(&stand.token(), &[&job], crash > 0).await.len(), 1, "{crash}");
        case.make_past(LEASE_MS).await;
        case.sweep().await;
    }
    let row = stand.row(&job).await;
    assert_eq!((row.dead_state, row.dead_reason), (Some(DeadLetterState::Open), Some(DeadReason::CrashLoop)));
    assert_eq!((row.attempt, row.failures, row.log.len()), (4, 0, 4));
}

/// A sweep that runs late, or on the next day, cannot tell a crash from a worker that could not write: the job runs
/// alone again, and no crash is counted.
pub async fn a_lease_that_ended_during_an_outage_is_no_crash<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    stand.set_watermark(120_000).await;
    let job = case.age_id(&case.plain().await, 100_000).await;
    case.sweep().await;
    for (attempt, ms) in (0..).zip([LEASE_MS, DAY_MS, CRASH_SEEN_MS_MAX + LEASE_MS, DAY_MS, DAY_MS, HOUR_MS]) {
        assert_eq!(case.claim(&stand.token(), &[&job], attempt > 0).await.len(), 1, "{attempt}");
        case.make_past(ms).await;
        case.sweep().await;
        let raw = stand.raw(&job).await;
        let expected = (Some("retrying"), Some(1), Some(0), Some(0));
        let result =
            (raw["state"].as_str(), raw["quarantined"].as_i64(), raw["crashes"].as_i64(), raw["failures"].as_i64());
        assert_eq!(result, expected, "{attempt}");
    }
    assert_eq!(stand.row(&job).await.log.len(), 6);
}

/// A job whose deadline passed before it could run is dead-lettered with that reason; one with a cancel request is
/// cancelled.
pub async fn a_passed_deadline_dead_letters<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    stand.set_watermark(120_000).await;
    let at = longshore::wire::time::rfc3339(stand.store.now_ms() + 10_000);
    let late = case.accept_one(request(json!({"deadline_at": at})), None).await.unwrap().job;
    let late = case.age_id(&late, 100_000).await;
    let cancelling = case.age_id(&case.plain().await, 90_000).await;
    case.claim(&stand.token(), &[&cancelling], false).await;
    cancel(stand, &operator(stand), &stand.settings, &cancelling).await.unwrap();
    case.make_past(LEASE_MS).await;
    case.sweep().await;
    let row = stand.row(&late).await;
    assert_eq!((row.dead_reason, row.attempt), (Some(DeadReason::Deadline), 0));
    assert_eq!(stand.raw(&cancelling).await["state"], "cancelled");
}

/// A due job is hinted again after one minute, then two; then the sweep runs it itself.
pub async fn redispatch_backoff_doubles<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    stand.set_watermark(120_000).await;
    let job = case.age_id(&case.plain().await, 100_000).await;
    for dispatch in 0..2 {
        case.sweep().await;
        assert!(case.hinted(&job));
        let raw = stand.raw(&job).await;
        assert_eq!(raw["dispatches"], dispatch + 1);
        let wait = raw["next_check_at"].as_i64().unwrap() - raw["now"].as_i64().unwrap();
        let backoff = REDISPATCH_BACKOFF_MS << dispatch;
        assert!((backoff - 2_000..=backoff).contains(&wait), "{raw}");
        case.sweep().await;
        assert!(!case.hinted(&job), "left alone");
        case.make_past(backoff).await;
    }
    case.sweep().await;
    assert_eq!(stand.raw(&job).await["state"], "succeeded");
}

/// A job is deleted after its retention, but not before its idempotency key ends.
pub async fn a_job_is_deleted_after_its_key<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let days = |days: i64| json!({"idempotency_window_seconds": days * DAY_MS / 1_000});
    let short = case.accept_one(request(days(1)), Some("short")).await.unwrap().job;
    let long = case.accept_one(request(days(20)), Some("long")).await.unwrap().job;
    for job in [&short, &long] {
        cancel(stand, &operator(stand), &stand.settings, job).await.unwrap();
    }
    case.make_past(PAID.retention_succeeded_ms - 60_000).await;
    case.sweep().await;
    assert!(stand.raw(&short).await.is_object());
    case.make_past(120_000).await;
    case.sweep().await;
    assert!(stand.raw(&short).await.is_null(), "its retention has ended");
    let raw = stand.raw(&long).await;
    assert_eq!(raw["next_check_at"], raw["key_until"]);
    case.make_past(20 * DAY_MS - PAID.retention_succeeded_ms).await;
    case.sweep().await;
    assert!(stand.raw(&long).await.is_null());
}

/// Held jobs run again after their endpoint is resumed, but not while the whole pipeline is paused.
pub async fn resumed_endpoints_release<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    case.endpoint("shop").await;
    let job = case.to_endpoint("shop").await;
    change_endpoint(stand, &operator(stand), &case.tenant, "shop", EndpointChange::Pause).await.unwrap();
    case.claim(&stand.token(), &[&job], false).await;
    case.sweep().await;
    assert_eq!(stand.raw(&job).await["state"], "held");
    set_paused(stand, &operator(stand), true).await.unwrap();
    change_endpoint(stand, &operator(stand), &case.tenant, "shop", EndpointChange::Resume).await.unwrap();
    case.sweep().await;
    let still = stand.raw(&job).await["state"].clone();
    set_paused(stand, &operator(stand), false).await.unwrap();
    assert_eq!(still, "held");
    case.sweep().await;
    assert_eq!(stand.raw(&job).await["state"], "queued");
    assert!(case.hinted(&job));
}

/// Succeeded jobs are deleted hour by hour; those with a valid key get their own next check.
pub async fn succeeded_jobs_are_deleted_by_the_hour<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let age = PAID.retention_succeeded_ms + 2 * HOUR_MS;
    let window = json!({"idempotency_window_seconds": 30 * 86_400});
    let (plain, keyed) = (case.plain().await, case.accept_one(request(window), Some("k")).await.unwrap().job);
    process(stand, &stand.settings, JobQueue::Webhooks, vec![plain.clone(), keyed.clone()]).await;
    case.make_past(age).await;
    let now = stand.store.now_ms();
    let (plain, keyed) = (case.age_id(&plain, age).await, case.age_id(&keyed, age).await);
    assert!(plain.id < first_id_at(now));
    case.sweep().await;
    assert!(stand.raw(&plain).await.is_null());
    let raw = stand.raw(&keyed).await;
    assert_eq!(raw["next_check_at"], raw["key_until"]);
    let hours = "SELECT count(*) FROM tenant_hours WHERE tenant = ?1 AND hour <= ?2";
    let hour = (now - age).div_euclid(HOUR_MS);
    assert_eq!(stand.sql(hours, vec![case.tenant.as_str().into(), hour.into()]).await, ["0"]);
}

/// A store above 90 % of its size refuses new jobs, and accepts them again below.
pub async fn a_store_near_its_size_limit_refuses<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    stand.size.set(Some(DATABASE_BYTES_PAID / 100 * 91));
    case.sweep().await;
    let refused = case.accept_one(request(json!({})), None).await;
    stand.size.set(None);
    case.sweep().await;
    assert_eq!(refused.unwrap_err(), Problem::StorageFull);
    assert!(case.accept_one(request(json!({})), None).await.is_ok());
}
