//! Rows and milliseconds of the hot statements and of what operators read, in a small and in a large table on real D1.

use std::time::Instant;

use longshore::manage::actions::preview::preview;
use longshore::manage::actions::request::ActionRequest;
use longshore::manage::causes::{CauseFilter, list_causes};
use longshore::manage::filter::JobFilter;
use longshore::manage::metrics::read_metrics;
use longshore::manage::query::{list_dead_letters, list_jobs};
use longshore::manage::status::read_status;
use longshore::run::process::process;
use longshore::wire::invalid::read;
use longshore::wire::job_queue::JobQueue;
use longshore_conformance::Case;
use longshore_conformance::stand::request;
use longshore_kit::runner::Runner;
use serde_json::json;

use crate::{D1, cost, on_d1};

/// Finished jobs of the large table, if `GROWTH` names no other number. A twentieth as many dead letters and waiting jobs
/// are beside them.
const JOBS: i64 = 100_000;
/// Finished jobs of the small table.
const FEW_JOBS: i64 = 10_000;
/// Rows of one statement that fills a table.
const FILLED_AT_ONCE: i64 = 10_000;
/// Time of the dead letters.
const DIED_AT: i64 = 1_750_000_000_000;

/// Inserts finished jobs; every hundredth is an open dead letter.
pub(crate) async fn fill(runner: &Runner, tenant: &str, count: i64) {
    let sql = "WITH RECURSIVE numbers(n) AS (SELECT ?2 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < ?3)
        INSERT INTO jobs (tenant, id, state, attempt, run_after, next_check_at, created_at, finished_at, kind, max_attempts,
          backoff, idempotency_key, key_until, digest, dead_state, dead_reason, log)
        SELECT ?1, 'job_0001K0' || printf('%022d', n), CASE WHEN n % 100 = 0 THEN 'dead' ELSE 'succeeded' END, 1,
          1750000000000, CASE WHEN n % 100 = 0 THEN 4000000000000 END, 1750000000000, 1750000000000 + CAST(n AS INTEGER),
          'webhook', 10, 'fast', 'filled-' || n, 4000000000000, 'digest', CASE WHEN n % 100 = 0 THEN 'open' END,
          CASE WHEN n % 100 = 0 THEN 'deadline' END, '[{\"started_at\":1,\"lease\":\"x\",\"state\":\"succeeded\"}]'
        FROM numbers";
    fill_by(runner, sql, tenant, count).await;
}

async fn fill_by(runner: &Runner, sql: &str, tenant: &str, count: i64) {
    for from in (0..count).step_by(usize::try_from(FILLED_AT_ONCE).unwrap()) {
        runner.query(sql, vec![json!(tenant), json!(from), json!(count.min(from + FILLED_AT_ONCE))]).await.unwrap();
    }
}

/// Inserts dead letters of 25 causes, and a cause for each.
pub(crate) async fn fill_dead(runner: &Runner, tenant: &str, count: i64) {
    let jobs = "WITH RECURSIVE numbers(n) AS (SELECT ?2 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < ?3)
        INSERT INTO jobs (tenant, id, state, attempt, run_after, next_check_at, created_at, finished_at, kind, max_attempts,
          backoff, digest, dead_state, dead_reason, cause, endpoint)
        SELECT ?1, 'job_0001K1' || printf('%022d', n), 'dead', 1, 1750000000000, 4000000000000, 1750000000000, 1750000000000,
          'webhook', 10, 'fast', 'digest', 'open', 'attempts_exhausted', printf('cause_%02d', n % 25), 'orders'
        FROM numbers";
    fill_by(runner, jobs, tenant, count).await;
    let causes = "WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < 25)
        INSERT INTO causes (tenant, id, kind, endpoint, class, text, first_seen, state, check_at)
        SELECT ?1, printf('cause_%02d', n), 'webhook', 'orders', 'http_5xx', 'down', 1750000000000, 'open', 4000000000000
        FROM numbers";
    runner.query(causes, vec![json!(tenant)]).await.unwrap();
}

/// Inserts held and retrying jobs of a paused endpoint and one cause.
async fn fill_waiting(runner: &Runner, tenant: &str, count: i64) {
    let sql = "WITH RECURSIVE numbers(n) AS (SELECT ?2 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < ?3)
        INSERT INTO jobs (tenant, id, state, attempt, run_after, next_check_at, dies_at, created_at, kind, max_attempts, backoff,
          digest, cause, endpoint)
        SELECT ?1, 'job_0001K2' || printf('%022d', n), iif(n % 2, 'held', 'retrying'), 1, 4000000000000,
          iif(n % 2, NULL, 4000000000000), 4000000000000, 1750000000000, 'webhook', 10, 'fast', 'digest', 'cause_00', 'paused'
        FROM numbers";
    fill_by(runner, sql, tenant, count).await;
    let pause = "UPDATE endpoints SET state = 'paused', paused_reason = 'operator' WHERE tenant = ?1 AND id = 'paused'";
    runner.query(pause, vec![json!(tenant)]).await.unwrap();
}

/// One operation: its name, and the rows and milliseconds that it read in a tenant.
type Read = (String, u64, u128);

/// Measures operations one after the other.
struct Measured<'a, 'b> {
    case: &'a Case<'b, D1<'b>>,
    reads: Vec<Read>,
}

impl Measured<'_, '_> {
    async fn of<T>(&mut self, what: impl Into<String>, operation: impl Future<Output = T>) -> T {
        let began = Instant::now();
        let (answer, _, read) = cost(self.case.stand, operation).await;
        self.reads.push((what.into(), read, began.elapsed().as_millis()));
        answer
    }
}

/// A filter of each kind that an index does not answer, and some that one does. None selects a job, except the last three.
fn filters() -> Vec<(&'static str, JobFilter)> {
    let some = |text: &str| Some(text.to_owned());
    vec![
        ("state", JobFilter { state: some("cancelled"), ..JobFilter::default() }),
        ("kind", JobFilter { kind: some("task"), ..JobFilter::default() }),
        ("endpoint", JobFilter { endpoint: some("none"), ..JobFilter::default() }),
        ("group", JobFilter { group: some("none"), ..JobFilter::default() }),
        ("event", JobFilter { event_id: some("none"), ..JobFilter::default() }),
        ("action", JobFilter { action: some("none"), ..JobFilter::default() }),
        ("reason", JobFilter { reason: some("crash_loop"), ..JobFilter::default() }),
        ("schedule", JobFilter { schedule: some("none"), ..JobFilter::default() }),
        ("metadata", JobFilter { metadata: vec![("$.\"a\"".into(), "b".into())], ..JobFilter::default() }),
        ("created", JobFilter { created_after: Some(DIED_AT), ..JobFilter::default() }),
        ("died", JobFilter { died_after: Some(DIED_AT), died_before: Some(DIED_AT + 1), ..JobFilter::default() }),
        ("cause", JobFilter { cause: some("cause_07"), ..JobFilter::default() }),
    ]
}

/// Measures the hot statements, and what operators read, for one tenant.
async fn reads<'b>(case: &Case<'b, D1<'b>>) -> Vec<Read> {
    let (stand, tenant) = (case.stand, case.tenant.as_str());
    let mut measured = Measured { case, reads: Vec::new() };
    let accepted = measured.of("accept", case.accept_one(request(json!({})), Some("new"))).await;
    let job = accepted.unwrap().job;
    measured.of("repeated accept", case.accept_one(request(json!({})), Some("new"))).await.unwrap();
    let run = |job| process(stand, &stand.settings, JobQueue::Webhooks, vec![job]);
    measured.of("claim and settle", run(job.clone())).await;
    measured.of("duplicate hint", run(job)).await;
    let (all, of_causes) = (JobFilter::default(), CauseFilter::default());
    let page = list_jobs(stand, tenant, &all, None, 50);
    assert_eq!(measured.of("jobs", page).await.unwrap().rows.len(), 50);
    let page = list_dead_letters(stand, tenant, &all, None, 50);
    assert_eq!(measured.of("dead letters", page).await.unwrap().rows.len(), 50);
    for (name, filter) in filters() {
        let jobs = list_jobs(stand, tenant, &filter, None, 50);
        assert!(measured.of(format!("jobs by {name}"), jobs).await.unwrap().rows.len() <= 50);
        if filter.state.is_none() {
            let dead = list_dead_letters(stand, tenant, &filter, None, 50);
            assert!(measured.of(format!("dead letters by {name}"), dead).await.unwrap().rows.len() <= 50);
        }
    }
    let causes = list_causes(stand, tenant, &of_causes, None, 50);
    assert_eq!(measured.of("causes", causes).await.unwrap().0.len(), 25);
    measured.of("status", read_status(stand, &stand.settings, Some(tenant), true)).await.unwrap();
    measured.of("metrics", read_metrics(stand, &stand.settings, Some(tenant), false)).await.unwrap();
    let plan = read::<ActionRequest>(br#"{"do": "replay", "filter": {}}"#, "#").unwrap().check().unwrap();
    measured.of("preview of an action", preview(stand, tenant, &plan)).await.unwrap();
    measured.of("sweep", longshore::sweep::sweep(stand, &stand.settings)).await.unwrap();
    measured.reads
}

/// Returns the maximum number of rows that an operation may read which counts or filters jobs, however large the table is; `None` for
/// one that reads as many in a small table.
fn most(what: &str) -> Option<u64> {
    Some(match what {
        // Each of 25 causes counts up to 1,000 dead letters, one of them as many retrying and held jobs. D1 counts a row twice: as
        // it is read and as it is counted.
        "causes" => (25 + 2) * 2 * 1_001 + 500,
        "status" => 7_100,
        // Dead, held and failing jobs, up to 1,000 each.
        "metrics" => 3 * 1_001 + 100,
        // A preview goes eleven times through the 5,000 dead letters that it counts, by endpoint and by cause.
        "preview of an action" => 11 * 5_001 + 500,
        // A filtered page that finds nothing reads on, up to 2,000 jobs: a dead letter is read by its time and by its id.
        _ if what.starts_with("dead letters by ") => 5 * 2_000 + 100,
        _ if what.contains(" by ") => 2 * 2_000 + 100,
        _ => return None,
    })
}

/// Checks that rows read grow with the answer and not with the table: 10,000 finished jobs and 100,000, and a twentieth as many
/// dead letters and waiting jobs.
#[tokio::test]
async fn reads_do_not_grow_with_the_table() {
    let jobs = std::env::var("GROWTH").map_or(JOBS, |jobs| jobs.parse().expect("GROWTH is a number of jobs"));
    on_d1("reads", async |stand, runner| {
        let (small, large) = (stand.case().await, stand.case().await);
        for case in [&small, &large] {
            case.endpoint("paused").await;
        }
        fill(runner, &small.tenant, FEW_JOBS).await;
        fill_dead(runner, &small.tenant, FEW_JOBS / 20).await;
        fill_waiting(runner, &small.tenant, FEW_JOBS / 20).await;
        // Boxed: the futures of all operations are large.
        let few = Box::pin(reads(&small)).await;
        fill(runner, &large.tenant, jobs).await;
        fill_dead(runner, &large.tenant, jobs / 20).await;
        fill_waiting(runner, &large.tenant, jobs / 20).await;
        let many = Box::pin(reads(&large)).await;
        println!("| | {FEW_JOBS} jobs: rows read | ms | {jobs} jobs: rows read | ms |\n|---|---|---|---|---|");
        for ((what, few, few_ms), (_, many, many_ms)) in few.iter().zip(&many) {
            println!("| {what} | {few} | {few_ms} | {many} | {many_ms} |");
        }
        for ((what, few, _), (_, many, _)) in few.iter().zip(&many) {
            // A sweep reads the series of both tenants the second time.
            let bound = most(what).unwrap_or((few + 8).min(1_100));
            assert!(*many <= bound, "{what}: {few} rows at {FEW_JOBS} jobs, {many} at {jobs}");
        }
    })
    .await;
}
