//! Both plans stay within the limits of the platform: every call that leaves a Worker is counted, and hints are
//! measured.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "plans/consumers.rs"]
mod consumers;
#[path = "plans/counted.rs"]
mod counted;
#[path = "plans/ticks.rs"]
mod ticks;

use std::time::Duration;

use counted::{Counted, NOW};
use futures_util::FutureExt;
use longshore::accept::authorize::{Caller, authorize};
use longshore::index::manage::put_index;
use longshore::limits::plan::{FREE, PAID, Plan};
use longshore::limits::{HOUR_MS, MESSAGE_BYTES_MAX, PAYLOAD_BYTES_MAX, SENDS_MAX, STATEMENTS_MAX};
use longshore::manage::export::{ExportStep, Position, TenantExport};
use longshore::manage::keys::create_key;
use longshore::manage::status::read_status;
use longshore::model::job::{JobRef, mint_id};
use longshore::model::origin::Origin;
use longshore::ports::Clock;
use longshore::run::process::{process, process_quarantined};
use longshore::security::key::{Scope, parse};
use longshore::settings::Settings;
use longshore::sweep::sweep;
use longshore::wire::job_queue::JobQueue;
use longshore_conformance::stand::operator;
use longshore_kit::options::MASTER_KEY;

fn settings(plan: Plan) -> Settings {
    Settings::parse(|name| match name {
        "MASTER_KEY" => Some(MASTER_KEY.to_owned()),
        // A rotation is under way; each sweep continues its walk.
        "MASTER_KEY_OLD" => Some("5a".repeat(32)),
        "PLAN" => Some(plan.name.to_owned()),
        _ => None,
    })
    .unwrap()
}

#[test]
fn a_free_batch_keeps_within_its_subrequests() {
    for quarantined in [0, 1] {
        let world = Counted::new();
        // Payloads accepted on another plan are still large.
        let jobs = world.insert(FREE.hint_jobs, ", quarantined, payload_bytes", &format!(", {quarantined}, 70000"));
        let report = process(&world, &settings(FREE), JobQueue::Webhooks, jobs).now_or_never().unwrap();
        let alone =
            process_quarantined(&world, &settings(FREE), JobQueue::Webhooks, &report.unclaimed).now_or_never().unwrap();
        assert_eq!(report.settled + alone.settled, FREE.hint_jobs, "all jobs were tried");
        let spent = world.subrequests.get();
        assert!(spent <= FREE.subrequests, "{spent} subrequests with quarantined = {quarantined}");
    }
}

#[test]
fn a_free_sweep_keeps_within_its_subrequests() {
    // The erasure of a subject, and that of a tenant, which uses the search database.
    for subject in ["'a'", "NULL"] {
        sweep_of_everything(subject);
    }
}

fn sweep_of_everything(subject: &str) {
    let world = Counted::new();
    // More of everything than one sweep takes: unclaimed, not yet passed by the watermark, purgeable, held and overdue
    // jobs.
    world.insert(600, ", next_check_at, dispatches, payload_bytes", &format!(", {NOW} - 1, 5, 70000"));
    world.insert(10, ", next_check_at, deadline_at", &format!(", {NOW} - 1, {NOW} - 1"));
    world.insert(10, "", "");
    let connection = world.store.connection();
    connection
        .execute("UPDATE jobs SET state = 'held', next_check_at = NULL WHERE deadline_at IS NOT NULL", [])
        .unwrap();
    let hours = "INSERT INTO tenant_hours (hour, tenant) VALUES (?1 / 3600000, 'acme'), (?1 / 3600000 - 2000, 'acme')";
    connection.execute(hours, [NOW - 60_000]).unwrap();
    connection.execute("UPDATE meta SET value = ?1 WHERE name = 'watermark'", [NOW - 5_000_000]).unwrap();
    // An erasure whose first job crashed: its evidence is somewhere among the packs of its lease.
    let crashed = world.insert(
        1,
        ", metadata, attempt, log",
        ", '{\"subject\":\"a\"}', 1, '[{\"started_at\":0,\"lease\":\"L\"}]'",
    );
    connection.execute("UPDATE jobs SET tenant = 'other' WHERE id = ?1", [&crashed[0].id]).unwrap();
    let record = format!("{{\"job_id\":\"{}\",\"tenant\":\"other\"}}\n", crashed[0].id);
    world.object.replace(record.into_bytes());
    let erasure = format!(
        "INSERT INTO erasures (tenant, id, subject, state, turn_at, counts, created_at)
        VALUES ('other', 'e', {subject}, 'running', ?1, '{{\"jobs\":0,\"attempts\":0}}', ?1)"
    );
    connection.execute(&erasure, [NOW]).unwrap();
    // Finished long ago; both purges of them delete objects.
    for next_check_at in ["1", "NULL"] {
        let ended = world.insert(1, ", finished_at, payload_bytes", ", NULL, 70000").remove(0);
        let id = mint_id(NOW - 2_000 * HOUR_MS, world.random());
        let sql = format!(
            "UPDATE jobs SET id = '{id}', state = 'succeeded', finished_at = 1, next_check_at = {next_check_at} WHERE id = '{}'",
            ended.id
        );
        connection.execute(&sql, []).unwrap();
    }
    let keys = settings(FREE).keys;
    let rotation =
        r#"INSERT INTO rotations (keys, since, began_at, place, at, found) VALUES (?1, 0, 0, 3, '["",""]', 0)"#;
    connection.execute(rotation, [keys.rotation()]).unwrap();
    let producer = "INSERT INTO meta (name, value) VALUES ('producer_key', ?1)";
    connection.execute(producer, [keys.sealing_number()]).unwrap();
    let swept = sweep(&world, &settings(FREE)).now_or_never().unwrap().unwrap();
    let walked: String = connection.query_row("SELECT at FROM rotations", [], |row| row.get(0)).unwrap();
    assert!(walked.contains("acme"), "{walked}");
    assert_eq!(swept.erased, 1, "{swept:?}");
    assert!(swept.dispatched > 0 && swept.run > 0 && swept.released > 0 && swept.marked > 0, "{swept:?}");
    assert!(swept.purged > 0 && swept.orphans > 0, "{swept:?}");
    let spent = world.subrequests.get();
    assert!(spent <= FREE.subrequests, "{spent} subrequests with subject {subject}: {swept:?}");
}

/// Runs one request for the export of a tenant. Returns its subrequests, its output, and where it stopped.
fn exported(world: &Counted, caller: &Caller, plan: Plan, from: Option<Position>) -> (usize, String, Option<Position>) {
    world.subrequests.set(0);
    authorize(world, caller, Scope::Admin).now_or_never().unwrap().unwrap();
    let mut export = TenantExport::new("acme".into(), caller.clone(), Scope::Admin, plan, true, from);
    let mut text = String::new();
    loop {
        match export.step(world).now_or_never().unwrap().unwrap() {
            ExportStep::Text(piece) => text.push_str(&piece),
            ExportStep::Spent(position) => return (world.subrequests.get(), text, Some(position)),
            ExportStep::Whole => return (world.subrequests.get(), text, None),
        }
    }
}

/// Exports jobs with the most attempts and with none, on pages that end among them.
#[test]
fn a_free_export_of_a_tenant_keeps_within_its_subrequests() {
    let world = Counted::new();
    let entry = r#"{"started_at":0,"lease":"L","evidence":{"state":"stored","n":0,"offset":0,"length":1,"sha256":""}}"#;
    let mut expected = Vec::new();
    for (jobs, attempts) in [(3, SENDS_MAX), (45, 0), (30, 1), (2, SENDS_MAX), (40, 0)] {
        let log = vec![entry; attempts as usize].join(",");
        expected.extend(world.insert(jobs, ", log, payload_bytes", &format!(", '[{log}]', 70000")));
    }
    expected.sort_by(|one, next| next.cmp(one));
    let key = create_key(&world, &operator(&world), None, br#"{"tenant":"acme","scopes":["admin"]}"#)
        .now_or_never()
        .unwrap()
        .unwrap();
    let token = parse(&key.token).unwrap();
    let caller = Caller { token, tenant: None, epoch: Some(0), origin: Origin::default() };
    let (_, whole, end) = exported(&world, &caller, PAID, None);
    assert!(end.is_none() && world.subrequests.get() > FREE.subrequests);
    let (mut text, mut from, mut requests) = (String::new(), None, 0);
    loop {
        let (spent, part, stopped) = exported(&world, &caller, FREE, from);
        assert!(spent <= FREE.subrequests, "{spent} subrequests");
        assert!(!part.is_empty() || stopped.is_none(), "each request makes progress");
        (text, from, requests) = (text + &part, stopped, requests + 1);
        if from.is_none() {
            break;
        }
    }
    assert!(requests > 5 && text == whole, "{requests} requests");
    let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let jobs: Vec<_> = lines.filter(|line| line["type"] == "job").map(|job| job["id"].clone()).collect();
    assert_eq!(jobs, expected.into_iter().map(|job| job.id).collect::<Vec<_>>());
}

#[test]
fn a_status_is_one_batch() {
    let world = Counted::new();
    world.insert(600, ", next_check_at", &format!(", {NOW} - 1"));
    let read = read_status(&world, &settings(FREE), None, true).now_or_never().unwrap().unwrap();
    assert_eq!((world.subrequests.get(), world.statements.get(), read.row.due), (1, 5, 600));
}

#[test]
fn a_paid_invocation_runs_its_jobs_and_hints_the_rest() {
    let world = Counted::new();
    let jobs = world.insert(PAID.jobs_per_invocation + 30, "", "");
    let report = process(&world, &settings(PAID), JobQueue::Webhooks, jobs).now_or_never().unwrap();
    assert_eq!(report.settled, PAID.jobs_per_invocation);
    assert!(world.subrequests.get() <= PAID.subrequests);
    assert!(world.statements.get() <= STATEMENTS_MAX, "{} statements", world.statements.get());
    let hints = world.hints.borrow();
    assert!(hints.iter().all(|hint| hint.text.len() <= MESSAGE_BYTES_MAX));
    assert_eq!(world.hinted(), PAID.jobs_per_invocation + 30, "each retry, and each job that was not tried");
}

/// D1 accepts 1,000 statements from one invocation; jobs of indexes need many.
#[test]
fn an_invocation_that_has_run_many_statements_hints_the_rest() {
    let world = Counted::new();
    let jobs = world.insert(500, "", "");
    world.statements.set(STATEMENTS_MAX - 6);
    let report = process(&world, &settings(PAID), JobQueue::Webhooks, jobs).now_or_never().unwrap();
    assert!((1..500).contains(&report.settled), "{report:?}");
    assert!(world.statements.get() <= 1_000, "{} statements", world.statements.get());
    assert_eq!(world.hinted(), 500, "each retry, and each job that was not tried");
}

/// A destination that is slow or hangs must not cost a claim and a release for each job that waits for it.
#[tokio::test(start_paused = true)]
async fn a_slow_destination_does_not_churn() {
    for seconds in [1, 5, 20] {
        let world = Counted::slow(Duration::from_secs(seconds));
        let jobs = world.insert(PAID.jobs_per_invocation, "", "");
        let report = process(&world, &settings(PAID), JobQueue::Webhooks, jobs).await;
        let (claimed, back) = (world.claimed.get(), world.released.get());
        assert_eq!(claimed, report.attempts + back, "each claimed job was tried or released");
        assert!(report.attempts >= 6, "two at once for a minute of {seconds} s attempts: {}", report.attempts);
        // 2 x 20 before the first release is seen, then 5 each 10 s of a minute: 70 of 4,500.
        assert!(back <= 70, "{back} jobs were released, {} tried, at {seconds} s an attempt", report.attempts);
    }
}

/// An endpoint takes as many requests at once as it asks for.
#[tokio::test(start_paused = true)]
async fn an_endpoint_gets_its_connections() {
    for (connections, milliseconds) in [(1, 4_000), (2, 2_000), (5, 800)] {
        let world = Counted { succeeds: true, ..Counted::slow(Duration::from_millis(200)) };
        let endpoint = format!(
            "INSERT INTO endpoints (tenant, id, state, url, timeout_seconds, connections, backoff, max_attempts, evidence, created_at, updated_at)
             VALUES ('acme', 'orders', 'active', 'https://a.example.com/', 20, {connections}, 'fast', 9, 'full', 0, 0)"
        );
        world.store.connection().execute(&endpoint, []).unwrap();
        let jobs = world.insert(20, ", endpoint", ", 'orders'");
        let began = world.now_ms();
        let report = process(&world, &settings(PAID), JobQueue::Webhooks, jobs).await;
        assert_eq!((report.settled, world.now_ms() - began), (20, milliseconds), "{connections} connections");
    }
}

/// Payloads in memory share an isolate: three of the largest at once, although five requests may run.
#[tokio::test(start_paused = true)]
async fn large_payloads_in_memory_are_bounded() {
    for (bytes, most) in [(PAYLOAD_BYTES_MAX, 3), (70_000, 5)] {
        let world = Counted::slow(Duration::from_millis(200));
        let jobs = world.insert(20, ", payload_bytes", &format!(", {bytes}"));
        world.spread_destinations();
        let report = process(&world, &settings(PAID), JobQueue::Webhooks, jobs).await;
        assert_eq!((report.attempts, report.settled), (20, 20));
        assert_eq!(world.large.get(), (0, most), "{bytes} bytes each");
    }
}

#[test]
fn a_watermark_that_cannot_pass_an_hour_passes_less_and_the_sweep_continues() {
    let world = Counted::new();
    world.watermark_ms_max.set(60_000);
    world.insert(7, ", next_check_at", &format!(", {NOW} - 1"));
    let from = "UPDATE meta SET value = ?1 WHERE name = 'watermark'";
    world.store.connection().execute(from, [NOW - 3_000_000]).unwrap();
    let swept = sweep(&world, &settings(PAID)).now_or_never().unwrap().unwrap();
    let read = "SELECT value FROM meta WHERE name = 'watermark'";
    let watermark: i64 = world.store.connection().query_row(read, [], |row| row.get(0)).unwrap();
    assert!(watermark > NOW - 3_000_000 + 600_000, "it moved in minutes: {}", watermark - NOW);
    assert_eq!(swept.dispatched, 7, "jobs passed before are still dispatched");
}

#[tokio::test(start_paused = true)]
async fn quarantined_jobs_stop_after_a_minute_and_are_hinted_again() {
    let world = Counted::slow(Duration::from_secs(20));
    let jobs = world.insert(10, ", quarantined", ", 1");
    let report = process_quarantined(&world, &settings(PAID), JobQueue::Webhooks, &jobs).await;
    assert!((1..=4).contains(&report.attempts), "{report:?}");
    let hinted: Vec<_> =
        world.hints.borrow().iter().flat_map(|hint| longshore::model::hint::decode(&hint.text).unwrap()).collect();
    let waiting = jobs.iter().filter(|job| hinted.contains(job)).count();
    assert_eq!(waiting, jobs.len(), "jobs that ran wait for a retry, the others for their first attempt");
}

/// Inserts a due job of kind `index`.
fn index_job(world: &Counted, change: &str) -> JobRef {
    let job = world.insert(1, "", "").remove(0);
    let payload = format!(r#"{{"index":"docs",{change}}}"#);
    let sql = "UPDATE jobs SET kind = 'index', payload = ?1 WHERE id = ?2";
    world.store.connection().execute(sql, [&payload, &job.id]).unwrap();
    job
}

/// The rebuild of an index with many documents, and the repair of one that differs in all of them, take several
/// attempts.
#[test]
fn a_free_rebuild_keeps_within_its_subrequests() {
    let (world, free) = (Counted::new(), settings(FREE));
    let put = |chars: u32| {
        let body = format!(r#"{{"provider":"builtin","chunk_chars":{chars},"overlap_chars":0}}"#);
        put_index(&world, &operator(&world), &free, "acme", "docs", body.as_bytes()).now_or_never().unwrap().unwrap().0
    };
    let run = |job: &JobRef| {
        world.subrequests.set(0);
        process(&world, &free, JobQueue::Webhooks, vec![job.clone()]).now_or_never().unwrap();
        let spent = world.subrequests.get();
        assert!(spent <= FREE.subrequests, "{spent} subrequests");
        let sql = "SELECT state FROM jobs WHERE id = ?1";
        let state: String = world.store.connection().query_row(sql, [&job.id], |row| row.get(0)).unwrap();
        world.store.connection().execute("UPDATE jobs SET run_after = 0 WHERE id = ?1", [&job.id]).unwrap();
        state == "succeeded"
    };
    put(200);
    for n in 0..10 {
        assert!(run(&index_job(&world, &format!(r#""put":{{"id":"{n}","text":"Text {n}."}}"#))));
    }
    let finish = |change: &str| {
        let job = index_job(&world, change);
        let attempts = (1..=10).find(|_| run(&job)).unwrap();
        assert!(attempts > 1, "{change} took one attempt");
    };
    put(400);
    finish(r#""rebuild":{}"#);
    world.index.connection().execute("UPDATE layouts SET hash = 'none'", []).unwrap();
    finish(r#""verify":{"repair":true}"#);
}

/// A full batch of removals, each of a source with more documents than one invocation deletes.
#[test]
fn free_removals_keep_within_their_subrequests() {
    let (world, free) = (Counted::new(), settings(FREE));
    put_index(&world, &operator(&world), &free, "acme", "docs", br#"{"provider":"builtin"}"#)
        .now_or_never()
        .unwrap()
        .unwrap();
    let run = |jobs: &[JobRef]| {
        world.subrequests.set(0);
        process(&world, &free, JobQueue::Webhooks, jobs.to_vec()).now_or_never().unwrap();
        let spent = world.subrequests.get();
        assert!(spent <= FREE.subrequests, "{spent} subrequests");
        world.store.connection().execute("UPDATE jobs SET run_after = 0", []).unwrap();
    };
    for n in 0..3 * FREE.hint_jobs {
        let source = n % FREE.hint_jobs;
        let put = format!(r#""put":{{"id":"{n}","text":"Text {n}.","source":"{source}"}}"#);
        run(&[index_job(&world, &put)]);
    }
    let removal = |source| index_job(&world, &format!(r#""remove":{{"source":"{source}"}}"#));
    let jobs: Vec<_> = (0..FREE.hint_jobs).map(removal).collect();
    let left = || {
        run(&jobs);
        let count = "SELECT count(*) FROM documents WHERE deleted = 0";
        world.index.connection().query_row(count, [], |row| row.get::<_, u32>(0)).unwrap()
    };
    assert_eq!((1..=20).find(|_| left() == 0), Some(5), "three documents an attempt");
}

/// A full batch of jobs whose texts become documents.
#[test]
fn free_texts_that_become_documents_keep_within_their_subrequests() {
    let (world, free) = (Counted::new(), settings(FREE));
    let body = br#"{"provider":"builtin"}"#;
    put_index(&world, &operator(&world), &free, "acme", "docs", body).now_or_never().unwrap().unwrap();
    let texts = |n: usize| format!(r#"{{"id":"{n}a","text":"Text {n}."}},{{"id":"{n}b","text":"Another {n}."}}"#);
    let job = |n| {
        let payload = format!(r#"{{"inputs":[{}],"output":{{"index":"docs"}}}}"#, texts(n));
        let job = index_job(&world, r#""rebuild":{}"#);
        let sql = "UPDATE jobs SET kind = 'embed', payload = ?1 WHERE id = ?2";
        world.store.connection().execute(sql, [&payload, &job.id]).unwrap();
        job
    };
    let jobs: Vec<_> = (0..FREE.hint_jobs).map(job).collect();
    let succeeded = || {
        world.subrequests.set(0);
        process(&world, &free, JobQueue::Webhooks, jobs.clone()).now_or_never().unwrap();
        let spent = world.subrequests.get();
        assert!(spent <= FREE.subrequests, "{spent} subrequests");
        let count = "SELECT count(*) FROM jobs WHERE state = 'succeeded'";
        world.store.connection().execute("UPDATE jobs SET run_after = 0", []).unwrap();
        world.store.connection().query_row(count, [], |row| row.get::<_, u32>(0)).unwrap() as usize
    };
    let attempts = (1..=10).find(|_| succeeded() == FREE.hint_jobs).unwrap();
    assert_eq!(attempts, (2 * FREE.hint_jobs).div_ceil(FREE.index_documents));
}
