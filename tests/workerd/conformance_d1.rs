//! The conformance suite, the row budget and the query plans on real D1, in workerd. Needs a build of both Workers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]

mod costs;

use std::panic::AssertUnwindSafe;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::FutureExt;
use longshore::limits::plan::{PAID, Plan};
use longshore::manage::filter::JobFilter;
use longshore::manage::groups::close_group;
use longshore::manage::query::{list_dead_letters, list_jobs};
use longshore::model::job::JobRef;
use longshore::model::origin::Origin;
use longshore::model::outcome::Outcome;
use longshore::model::state::Decision;
use longshore::ports::{Database, DatabaseError, IndexDatabase, Param, Rows, Statement};
use longshore::run::process::process;
use longshore::run::settle::{Settlement, settle};
use longshore::schedules::fire::tick;
use longshore::schedules::manage::put_schedule;
use longshore::settings::Settings;
use longshore::wire::job_queue::JobQueue;
use longshore_conformance::stand::{measured, operator, place, request};
use longshore_conformance::{Case, Stand, Store};
use longshore_kit::client::early_in_a_minute;
use longshore_kit::runner::{Options, Runner};
use longshore_kit::scratch::Scratch;
use longshore_kit::statements::statements;
use longshore_stand_ins::bridge::BridgeDatabase;
use serde_json::{Value, json};

struct D1<'a>(BridgeDatabase<'a>);

impl Database for D1<'_> {
    async fn batch(&self, statements: &[Statement]) -> Result<Vec<Rows>, DatabaseError> {
        self.0.batch(statements).await
    }

    fn size_bytes(&self) -> Option<i64> {
        self.0.size_bytes()
    }
}

impl IndexDatabase for D1<'_> {
    async fn index_batch(&self, statements: &[Statement]) -> Result<Vec<Rows>, DatabaseError> {
        self.0.index_batch(statements).await
    }
}

impl Store for D1<'_> {
    fn now_ms(&self) -> i64 {
        i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
    }

    async fn make_past(&self, tenant: &str, ms: i64) {
        let sql = "UPDATE jobs SET run_after = run_after - ?2, next_check_at = next_check_at - ?2, lease_until = lease_until - ?2,
            scheduled_at = scheduled_at - ?2, deadline_at = deadline_at - ?2, finished_at = finished_at - ?2,
            key_until = key_until - ?2 WHERE tenant = ?1 RETURNING id";
        let params: Vec<Param> = vec![tenant.into(), ms.into()];
        // Occurrences that have run, and the keys that prevent a second run, move back too.
        let keys = "UPDATE jobs SET idempotency_key = char(1) || 'past ' || id, scheduled_for = scheduled_for - ?2
            WHERE tenant = ?1 AND scheduled_for IS NOT NULL RETURNING id";
        let schedules = "UPDATE schedules SET last_occurrence = last_occurrence - ?2, next_at = next_at - ?2, history = (
            SELECT json_group_array(json_set(value, '$.scheduled_for', CAST((value ->> 'scheduled_for') - ?2 AS INTEGER)))
            FROM json_each(history)) WHERE tenant = ?1 RETURNING id";
        let statement = |sql| Statement { name: "make_past", sql, params: params.clone() };
        self.batch(&[statement(sql), statement(keys), statement(schedules)]).await.unwrap();
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// Runs a test on a new D1.
async fn on_d1<T>(name: &str, test: impl AsyncFnOnce(&Stand<D1<'_>>, &Runner) -> T) -> T {
    let scratch = Scratch::new(name).unwrap();
    let runner = Runner::start(Options::at(scratch.path().join("state"))).await.unwrap();
    let stand = Stand::new(D1(BridgeDatabase::new(&runner)), 11);
    let answer = test(&stand, &runner).await;
    drop(stand);
    runner.stop().await.unwrap();
    answer
}

macro_rules! run_on_d1 {
    ($($module:ident: $($case:ident),+ $(,)?;)+) => {
        #[tokio::test]
        async fn every_case_holds_on_d1() {
            let failed = on_d1("conformance", async |stand, _| {
                let mut failed = Vec::new();
                $($(
                    if stringify!($module) == "occurring" {
                        early_in_a_minute().await;
                    }
                    // Boxed: all futures together are larger than a thread's stack.
                    let case = AssertUnwindSafe(Box::pin(longshore_conformance::$module::$case(stand)));
                    if case.catch_unwind().await.is_err() {
                        failed.push(concat!(stringify!($module), "::", stringify!($case)));
                    }
                )+)+
                failed
            }).await;
            assert!(failed.is_empty(), "on D1 these failed: {failed:?}");
        }
    };
}

longshore_conformance::for_each_case!(run_on_d1);

/// Runs a future and returns its output, the rows written and the rows read.
async fn cost<T>(stand: &Stand<D1<'_>>, what: impl Future<Output = T>) -> (T, u64, u64) {
    let d1 = &stand.store.0;
    let (written, read) = (d1.rows_written.get(), d1.rows_read.get());
    let answer = what.await;
    (answer, d1.rows_written.get() - written, d1.rows_read.get() - read)
}

/// A plan with `STATISTICS=off`.
const WITHOUT_STATISTICS: Plan = Plan { statistics: false, ..PAID };

/// The settings of the stand with `STATISTICS=off`.
fn without_statistics(stand: &Stand<D1<'_>>) -> Settings {
    Settings { plan: WITHOUT_STATISTICS, ..stand.settings.clone() }
}

/// Jobs that succeed at their first attempt cost four rows each; repeats cost none. Statistics cost one row more for 100.
#[tokio::test]
async fn a_job_costs_four_rows() {
    on_d1("budget", async |stand, _| {
        let (case, off) = (stand.case().await, without_statistics(stand));
        let first = case.accept_one(request(json!({})), Some("the hour's roll-up")).await.unwrap().job;
        // The first claim creates the signing secret for the tenant's jobs to bare URLs.
        process(stand, &off, JobQueue::Webhooks, vec![first]).await;
        let (_, written, _) = cost(stand, case.accept_one(request(json!({})), None)).await;
        assert_eq!(written, 1, "an accept without a key");
        let mut jobs = Vec::new();
        for n in 0..100 {
            let (accepted, written, _) = cost(stand, case.accept_one(request(json!({})), Some(&format!("k{n}")))).await;
            assert_eq!(written, 2, "an accept with a key");
            jobs.push(accepted.unwrap().job);
        }
        let (_, written, _) = cost(stand, case.accept_one(request(json!({})), Some("k7"))).await;
        assert_eq!(written, 0, "a duplicate accept");
        let (report, written, _) = cost(stand, process(stand, &off, JobQueue::Webhooks, jobs.clone())).await;
        assert_eq!((report.attempts, report.settled), (100, 100));
        assert_eq!(written, 200, "a claim is one row, a settlement is one row");
        let (report, written, _) = cost(stand, process(stand, &off, JobQueue::Webhooks, jobs.clone())).await;
        assert_eq!((report.attempts, written), (0, 0), "a duplicate hint");
        early_in_a_minute().await;
        for expected in [None, Some(201)] {
            let jobs = vec![(request(json!({})), None); 100];
            let jobs: Vec<_> = case.accept(&jobs).await.unwrap().into_iter().map(|job| job.unwrap().job).collect();
            let (report, written, read) = cost(stand, process(stand, &stand.settings, JobQueue::Webhooks, jobs)).await;
            println!("100 jobs with statistics: {written} rows written, {read} read");
            assert_eq!(report.settled, 100);
            // The first flush of a series writes the index entry for its check.
            assert_eq!(written, expected.unwrap_or(202));
        }
        let lease = stand.row(&jobs[0]).await.log[0].lease.clone();
        let (settled, written, _) = cost(stand, late_settlement(stand, &jobs[0], &lease)).await;
        assert_eq!((settled, written), (0, 0), "a late settlement");
    })
    .await;
}

/// An occurrence writes its job, key, schedule and due index entry; idle and repeated ticks write nothing.
#[tokio::test]
async fn an_occurrence_costs_four_rows() {
    on_d1("occurrence", async |stand, _| {
        let case = stand.case().await;
        case.accept_one(request(json!({})), None).await.unwrap();
        let body = request(json!({"cron": "* * * * *"})).to_string();
        put_schedule(stand, &operator(stand), &stand.settings, &case.tenant, "report", body.as_bytes()).await.unwrap();
        let (made, written, read) = cost(stand, tick(stand, &stand.settings)).await;
        println!("an idle tick: {read} rows read");
        assert_eq!((made.unwrap(), written), (0, 0));
        assert!(read <= 3, "{read}");
        for _ in 0..3 {
            case.make_past(60_000).await;
            let (made, written, read) = cost(stand, tick(stand, &stand.settings)).await;
            println!("an occurrence: {written} rows written, {read} read");
            assert_eq!(made.unwrap(), 1);
            assert!(written <= 5, "{written}");
            assert!(read <= 40, "{read}");
        }
        let (_, written, _) = cost(stand, tick(stand, &stand.settings)).await;
        assert_eq!(written, 0, "a repeated tick");
    })
    .await;
}

/// A group costs one row per batch: 50 jobs and the group, 50 claims, 50 settlements and the group.
#[tokio::test]
async fn a_group_costs_a_row_for_each_batch_and_flush() {
    on_d1("groups", async |stand, _| {
        let (case, off) = (stand.case().await, without_statistics(stand));
        let first = case.accept_one(request(json!({})), Some("the hour's roll-up")).await.unwrap().job;
        // The first claim creates the signing secret for the tenant's jobs to bare URLs.
        process(stand, &off, JobQueue::Webhooks, vec![first]).await;
        let jobs = vec![(request(json!({"group": "import"})), None); 50];
        let (accepted, written, _) = cost(stand, case.accept(&jobs)).await;
        assert_eq!(written, 51, "an accept");
        let jobs: Vec<_> = accepted.unwrap().into_iter().map(|job| job.unwrap().job).collect();
        let (report, written, _) = cost(stand, process(stand, &off, JobQueue::Webhooks, jobs)).await;
        assert_eq!(report.settled, 50);
        // Another row is the index entry of the finished group.
        println!("50 grouped jobs in one flush: {written} rows");
        assert_eq!(written, 102, "claims and settlements");
        // The groups have ended: the close, the job, and its id in the group's row.
        case.endpoint("done").await;
        for (on_finished, expected) in [(Some("done"), 3), (None, 0)] {
            let body = json!({"on_finished": on_finished.map(|endpoint| json!({"endpoint": endpoint}))});
            let (request, origin) = (serde_json::from_value(body).unwrap(), Origin::default());
            let closing = close_group(stand, &case.tenant, "import", &request, &origin);
            let (closed, written, read) = cost(stand, closing).await;
            assert!(closed.unwrap().0.made_job().is_some());
            println!("a close: {written} rows written, {read} read");
            assert_eq!(written, expected, "a close, and its repeat");
        }
    })
    .await;
}

fn success(job: &JobRef) -> Settlement {
    let entry = measured(1, Some(200));
    let outcome = Outcome::Succeeded { result: longshore::model::result::JobResult::Empty };
    Settlement::new(job.attempt(1), place(String::new()), outcome, Decision::Succeed, entry)
}

async fn late_settlement(stand: &Stand<D1<'_>>, job: &JobRef, lease: &str) -> usize {
    settle(stand, lease, &PAID, &[success(job)]).await.unwrap().len()
}

/// Checks that a finished row has at most 700 bytes, including the place of its evidence.
#[tokio::test]
async fn a_finished_row_is_small() {
    on_d1("size", async |stand, runner| {
        let case = stand.case().await;
        case.endpoint("a-name-of-usual-length").await;
        let to = json!({"kind": "webhook", "endpoint": "a-name-of-usual-length", "payload": {"body": {"order": "x".repeat(4_000)}}});
        let key = "8e03978e-40d5-43dd-bc93-6894a57f9324";
        let job = case.accept_one(request(to), Some(key)).await.unwrap().job;
        process(stand, &stand.settings, JobQueue::Webhooks, vec![job.clone()]).await;
        let columns = runner.query("SELECT name FROM pragma_table_info('jobs')", vec![]).await.unwrap();
        // The bytes of each column and two for its type; numbers count as their digits, which is more than they take.
        let terms: Vec<_> = columns
            .iter()
            .map(|column| format!("coalesce(octet_length({}), 0) + 2", column["name"].as_str().unwrap()))
            .collect();
        let sql = format!("SELECT {} AS bytes FROM jobs WHERE tenant = ?1", terms.join(" + "));
        let rows = runner.query(&sql, vec![json!(case.tenant)]).await.unwrap();
        let bytes = rows[0]["bytes"].as_i64().unwrap();
        println!("a finished row has {bytes} bytes");
        assert!(bytes <= 700, "{bytes}");
    })
    .await;
}

/// Statements that read all rows of a tenant, once in an erasure.
const OF_ALL: [&str; 10] = [
    "request_erasure",
    "erase_keys",
    "erase_quotas",
    "erase_endpoints",
    "erase_schedules",
    "erase_groups",
    "erase_hours",
    "erase_usage",
    "erase_audit",
    "erase_secrets",
];

/// Returns true if a line of a plan reads a whole table, or a whole tenant.
fn is_scan(detail: &str) -> bool {
    // Allowed: lists in parameters, also as materialized tables, a schedule's history, the one rotation, and rows that a
    // statement found before. The first step of find_held.sql and the last of read_sweep.sql read one index entry.
    let small = [
        "SCAN held",
        "SCAN rotations",
        "SCAN i",
        "SCAN v",
        "SCAN t",
        "SCAN (subquery-1)",
        "SCAN (subquery-3)",
        "SCAN (subquery-4)",
        "SCAN jobs USING COVERING INDEX jobs_held",
        "SCAN erasures USING INDEX erasures_by_turn",
        "SCAN actions USING INDEX actions_by_turn",
    ];
    let is_small = detail.contains("VIRTUAL TABLE") || detail == "SCAN CONSTANT ROW" || small.contains(&detail);
    (detail.starts_with("SCAN") && !is_small) || detail.contains("(tenant=?)")
}

/// Checks that no statement reads more rows than it needs.
#[tokio::test]
async fn no_statement_scans_a_table() {
    on_d1("plans", async |_, runner| {
        let mut scans = Vec::new();
        let shipped = statements("store").into_iter().map(|shipped| (shipped.name, shipped.text));
        for (name, sql) in shipped.filter(|(name, _)| !OF_ALL.contains(&name.as_str())) {
            let most = (1..=9).rev().find(|n| sql.contains(&format!("?{n}"))).unwrap_or(0);
            let params = vec![Value::Null; most];
            let plan = runner.query(&format!("EXPLAIN QUERY PLAN {sql}"), params).await;
            for line in plan.unwrap_or_else(|error| panic!("{name}: {error}")) {
                let detail = line["detail"].as_str().unwrap_or_default();
                if is_scan(detail) {
                    scans.push(format!("{name}: {detail}"));
                }
            }
        }
        assert!(scans.is_empty(), "{scans:#?}");
    })
    .await;
}

/// Inserts finished jobs with one statement per ten thousand; every hundredth is an open dead letter.
async fn fill(runner: &Runner, tenant: &str, count: i64) {
    let sql = "WITH RECURSIVE numbers(n) AS (SELECT ?2 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < ?3)
        INSERT INTO jobs (tenant, id, state, attempt, run_after, next_check_at, created_at, finished_at, kind, max_attempts,
          backoff, idempotency_key, key_until, digest, dead_state, dead_reason, log)
        SELECT ?1, 'job_0001K0' || printf('%022d', n), CASE WHEN n % 100 = 0 THEN 'dead' ELSE 'succeeded' END, 1,
          1750000000000, CASE WHEN n % 100 = 0 THEN 4000000000000 END, 1750000000000, 1750000000000 + CAST(n AS INTEGER),
          'webhook', 10, 'fast', 'filled-' || n, 4000000000000, 'digest', CASE WHEN n % 100 = 0 THEN 'open' END,
          CASE WHEN n % 100 = 0 THEN 'deadline' END, '[{\"started_at\":1,\"lease\":\"x\",\"state\":\"succeeded\"}]'
        FROM numbers";
    for from in (0..count).step_by(10_000) {
        runner.query(sql, vec![json!(tenant), json!(from), json!(count.min(from + 10_000))]).await.unwrap();
    }
}

/// Rows read by the hot statements and by pages of lists, for one tenant.
async fn reads(case: &Case<'_, D1<'_>>) -> Vec<(&'static str, u64)> {
    let stand = case.stand;
    let (accepted, _, accept) = cost(stand, case.accept_one(request(json!({})), Some("new"))).await;
    let job = accepted.unwrap().job;
    let (_, _, repeat) = cost(stand, case.accept_one(request(json!({})), Some("new"))).await;
    let (_, _, run) = cost(stand, process(stand, &stand.settings, JobQueue::Webhooks, vec![job.clone()])).await;
    let (_, _, again) = cost(stand, process(stand, &stand.settings, JobQueue::Webhooks, vec![job])).await;
    let page = async |filter: JobFilter| {
        let (page, _, read) = cost(stand, list_jobs(stand, &case.tenant, &filter, None, 50)).await;
        assert!(page.unwrap().rows.len() <= 50);
        read
    };
    let list = page(JobFilter::default()).await;
    let filtered = page(JobFilter { state: Some("cancelled".into()), ..JobFilter::default() }).await;
    let (_, _, dead) = cost(stand, list_dead_letters(stand, &case.tenant, &JobFilter::default(), None, 5)).await;
    let (_, _, sweep) = cost(stand, longshore::sweep::sweep(stand, &stand.settings)).await;
    vec![
        ("accept", accept),
        ("repeated accept", repeat),
        ("claim and settle", run),
        ("duplicate hint", again),
        ("page", list),
        ("filtered page", filtered),
        ("dead letters", dead),
        ("sweep", sweep),
    ]
}

/// Checks that rows read grow with the answer and not with the table: the same at 10,000 and at 100,000 finished jobs.
#[tokio::test]
async fn reads_do_not_grow_with_the_table() {
    on_d1("reads", async |stand, runner| {
        let (small, large) = (stand.case().await, stand.case().await);
        fill(runner, &small.tenant, 10_000).await;
        let few = reads(&small).await;
        fill(runner, &large.tenant, 100_000).await;
        for ((what, few), (_, many)) in few.into_iter().zip(reads(&large).await) {
            println!("{what:<20} {few:>6} {many:>6}");
            assert!(many <= few + 4, "{what}: {few} rows at 10,000 jobs, {many} at 100,000");
            // A filtered page that finds nothing reads on.
            let most = if what == "filtered page" { 4_100 } else { 1_100 };
            assert!(many <= most, "{what}: {many}");
        }
    })
    .await;
}
