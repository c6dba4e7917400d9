//! Rows that usage and failures cost on real D1.

use std::time::Duration;

use longshore::limits::{CAUSE_JOBS_COUNTED_MAX, STATUS_CAUSE_JOBS_COUNTED_MAX, STATUS_CAUSES_MAX};
use longshore::manage::endpoints::put_endpoint;
use longshore::manage::metrics::read_metrics;
use longshore::manage::resend::resend;
use longshore::manage::statistics::{Range, read_statistics};
use longshore::manage::status::read_status;
use longshore::model::attempt::Measured;
use longshore::model::job::JobRef;
use longshore::model::outcome::{ErrorClass, Outcome};
use longshore::model::state::{DeadReason, Decision};
use longshore::run::process::process;
use longshore::run::settle::{Settlement, settle};
use longshore::run::usage::ModelUsage;
use longshore::wire::job_queue::JobQueue;
use longshore_conformance::stand::{measured, operator, place};
use longshore_kit::client::early_in_a_day;
use longshore_kit::runner::Runner;
use serde_json::json;

use crate::{WITHOUT_STATISTICS, cost, fill, on_d1, success, without_statistics};

/// Usage costs a row per model and flush, and an index entry for the first row of a day.
#[tokio::test]
async fn usage_costs_a_row_for_each_model_of_a_flush() {
    on_d1("usage", async |stand, _| {
        early_in_a_day();
        let case = stand.case().await;
        let spent = |model: &str| ModelUsage { model: model.to_owned(), calls: 1, texts: 100, tokens: 9_000 };
        for expected in [2 + 2 * 2, 2 + 2] {
            let (token, mut settlements) = (stand.token(), Vec::new());
            for _ in 0..2 {
                let job = case.plain().await;
                assert_eq!(case.claim(&token, &[&job], false).await.len(), 1);
                let usage = vec![spent("own/small"), spent("own/large")];
                settlements.push(Settlement { usage, ..success(&job) });
            }
            for written_again in [expected, 0] {
                let (_, written, read) = cost(stand, settle(stand, &token, &WITHOUT_STATISTICS, &settlements)).await;
                println!("usage: {written} rows written, {read} read");
                assert_eq!(written, written_again);
            }
        }
    })
    .await;
}

/// A settlement of an attempt that failed with an answer.
fn failure(job: &JobRef, attempt: u32, decision: Decision) -> Settlement {
    let outcome = Outcome::failed(ErrorClass::Http5xx, "The destination answered 503.");
    let entry = Measured { answer: Some(b"database is down".to_vec()), ..measured(1, Some(503)) };
    Settlement {
        dies_in_ms: Some(60_000),
        ..Settlement::new(job.attempt(attempt), place(String::new()), outcome, decision, entry)
    }
}

/// A failure writes its job and two index entries, for its retry and for its cause; the first of a cause writes three rows
/// more. The next claim removes an entry, and so does the death, which adds two.
#[tokio::test]
async fn a_failure_costs_three_rows() {
    on_d1("failures", async |stand, _| {
        let case = stand.case().await;
        let retry = Decision::Retry { delay: Duration::from_secs(1), failures: 1 };
        let dead = Decision::DeadLetter { reason: DeadReason::AttemptsExhausted, failures: 2 };
        for (first, expected) in [(true, 3 + 3), (false, 3)] {
            let (job, token) = (case.plain().await, stand.token());
            assert_eq!(case.claim(&token, &[&job], false).await.len(), 1);
            for again in [expected, 0] {
                let (_, written, _) =
                    cost(stand, settle(stand, &token, &WITHOUT_STATISTICS, &[failure(&job, 1, retry)])).await;
                assert_eq!(written, again, "the first of its cause: {first}");
            }
            case.make_past(1_000).await;
            let token = stand.token();
            let (claimed, written, _) = cost(stand, case.claim(&token, &[&job], false)).await;
            println!("a claim of a retry: {written} rows written");
            assert_eq!((claimed.len(), written), (1, 2));
            let (_, written, _) =
                cost(stand, settle(stand, &token, &WITHOUT_STATISTICS, &[failure(&job, 2, dead)])).await;
            println!("a death: {written} rows written");
            assert_eq!(written, 4);
        }
    })
    .await;
}

/// Inserts dead letters of 25 causes, and a cause for each.
async fn fill_dead(runner: &Runner, tenant: &str, count: i64) {
    let jobs = "WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < ?2)
        INSERT INTO jobs (tenant, id, state, attempt, run_after, next_check_at, created_at, finished_at, kind, max_attempts,
          backoff, digest, dead_state, dead_reason, cause)
        SELECT ?1, 'job_0001K1' || printf('%022d', n), 'dead', 1, 1750000000000, 4000000000000, 1750000000000, 1750000000000,
          'webhook', 10, 'fast', 'digest', 'open', 'attempts_exhausted', printf('cause_%02d', n % 25)
        FROM numbers";
    runner.query(jobs, vec![json!(tenant), json!(count)]).await.unwrap();
    let causes = "WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < 25)
        INSERT INTO causes (tenant, id, kind, endpoint, class, text, first_seen, state, check_at)
        SELECT ?1, printf('cause_%02d', n), 'webhook', 'orders', 'http_5xx', 'down', 1750000000000, 'open', 4000000000000
        FROM numbers";
    runner.query(causes, vec![json!(tenant)]).await.unwrap();
}

/// The rows that a status reads are bounded by its limits and not by the table: with 20,000 finished and 5,000 dead jobs it
/// reads the counted dead letters and the counted jobs of its causes.
#[tokio::test]
async fn a_status_reads_a_bounded_number_of_rows() {
    on_d1("status", async |stand, runner| {
        let (idle, busy) = (stand.case().await, stand.case().await);
        let read = async |tenant: Option<&str>| {
            let (status, written, read) = cost(stand, read_status(stand, &stand.settings, tenant, true)).await;
            assert_eq!(written, 0);
            (status.unwrap(), read)
        };
        fill(runner, &busy.tenant, 20_000).await;
        fill_dead(runner, &busy.tenant, 5_000).await;
        let (_, few) = read(Some(&idle.tenant)).await;
        println!("the status of an idle tenant: {few} rows read");
        assert!(few <= 60, "{few}");
        // D1 counts a row of a bounded count twice: as it is read, and as it is counted.
        let counted = |most: i64| 2 * (most.unsigned_abs() + 1);
        let of_causes = STATUS_CAUSES_MAX as u64 * (counted(STATUS_CAUSE_JOBS_COUNTED_MAX) + 60);
        for tenant in [Some(busy.tenant.as_str()), None] {
            let (status, many) = read(tenant).await;
            println!("the status of {tenant:?}: {many} rows read");
            assert_eq!((status.row.dead, status.has_more), (CAUSE_JOBS_COUNTED_MAX + 1, true));
            assert_eq!(status.causes.len(), STATUS_CAUSES_MAX);
            assert!(status.causes.iter().all(|cause| cause.cause.dead == STATUS_CAUSE_JOBS_COUNTED_MAX + 1));
            assert!(many <= few + counted(CAUSE_JOBS_COUNTED_MAX) + of_causes, "{many}");
        }
    })
    .await;
}

/// Statistics look up a snapshot for each series and point, however many there are, and a scrape reads the totals.
#[tokio::test]
async fn statistics_read_a_row_for_each_series_and_point() {
    on_d1("statistics", async |stand, runner| {
        let case = stand.case().await;
        let now = longshore_conformance::Store::now_ms(&stand.store);
        let totals = "INSERT INTO totals (tenant, kind, endpoint, minute, counts, check_at)
            SELECT ?1, 'webhook', 'e' || value, ?2, '{\"succeeded\":9000}', 9000000000000 FROM json_each('[1,2,3,4]')";
        runner.query(totals, vec![json!(case.tenant), json!(now / 60_000)]).await.unwrap();
        let snapshots = "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 4000)
            INSERT INTO snapshots (tenant, kind, endpoint, minute, counts)
            SELECT ?1, 'webhook', 'e' || value, ?2 - n, json_object('succeeded', 9000 - n) FROM numbers CROSS JOIN json_each('[1,2,3,4]')";
        runner.query(snapshots, vec![json!(case.tenant), json!(now / 60_000)]).await.unwrap();
        for step in ["minute", "hour"] {
            let range = Range::parse([None, None, Some(step), None], now).unwrap();
            let (read, written, rows) = cost(stand, read_statistics(stand, Some(&case.tenant), &range)).await;
            let points = read.unwrap().series[0].points.len();
            println!("statistics of {points} points by {step} and 4 series: {rows} rows read");
            assert_eq!((written, points), (0, 60));
            // The snapshot, three rows of lists and of a materialized table, and the four series.
            assert!(rows <= 4 * (61 * 4 + 2), "{rows}");
        }
        let (metrics, written, rows) = cost(stand, read_metrics(stand, &stand.settings, Some(&case.tenant), false)).await;
        println!("a scrape of 4 series: {rows} rows read");
        assert!(metrics.is_ok() && written == 0 && rows <= 60, "{rows}");
    })
    .await;
}

/// A kept payload costs no row written or read. A resend writes a job, one row more for its key, and two for its entry in the
/// audit log.
#[tokio::test]
async fn a_kept_payload_costs_no_row() {
    on_d1("kept", async |stand, _| {
        let (case, off) = (stand.case().await, without_statistics(stand));
        // A range in the index of secrets reads one row beyond its end: another endpoint follows each measured one.
        let endpoints = [("a-plain", false), ("b-keeps", true), ("c-last", false)];
        for (id, keep_payload) in endpoints {
            let body = json!({"url": "https://example.com/hook", "keep_payload": keep_payload}).to_string();
            put_endpoint(stand, &operator(stand), &stand.settings, &case.tenant, id, body.as_bytes()).await.unwrap();
        }
        let mut costs = Vec::new();
        for (endpoint, keep_payload) in &endpoints[..2] {
            let jobs = vec![(json!({"kind": "webhook", "endpoint": endpoint, "payload": {"body": "x"}}), None); 21];
            let mut jobs: Vec<_> = case.accept(&jobs).await.unwrap().into_iter().map(|job| job.unwrap().job).collect();
            // The first success writes to the endpoint.
            process(stand, &off, JobQueue::Webhooks, jobs.split_off(20)).await;
            let (report, written, read) = cost(stand, process(stand, &off, JobQueue::Webhooks, jobs.clone())).await;
            assert_eq!((report.settled, stand.row(&jobs[0]).await.payload.is_some()), (20, *keep_payload));
            costs.push((written, read));
            for (key, rows) in [(None, 3), (Some("again"), 4), (Some("again"), 0)] {
                let (answer, written, _) =
                    cost(stand, resend(stand, &operator(stand), &stand.settings, &jobs[0], key)).await;
                assert_eq!((answer.is_ok(), written), (*keep_payload, if *keep_payload { rows } else { 0 }), "{key:?}");
            }
        }
        assert_eq!((costs[0].0, costs[0]), (40, costs[1]), "20 jobs, rows written and read");
    })
    .await;
}
