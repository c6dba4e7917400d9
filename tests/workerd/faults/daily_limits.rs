//! The account has spent a daily limit of the free plan: every request is refused at once with the reset time, no call
//! is repeated, and after midnight everything works again.

use std::future::Future;
use std::time::{SystemTime, UNIX_EPOCH};

use longshore::wire::daily_limit::RESET_GRACE_MS;
use longshore_kit::client::{Answer, eventually};
use longshore_kit::runner::{Faults, Mode, SpentRows};
use serde_json::{Value, json};

use crate::delivery::hints::until_dropped;
use crate::faults::crash::sweep_until_all_end;
use crate::support::ledger::assert_agrees;
use crate::support::route_table::{ROUTES, RouteExt};
use crate::support::tenant::{SOON, Tenant};
use crate::support::world::{World, with_faults};

/// Longest time in seconds between an answer and the test's reading of the clock.
const SLACK_SECONDS: u64 = 60;

/// Checks a refusal: it names the spent limit and the time until its reset by the machine's clock, which the Workers
/// share: midnight UTC, or the end of the grace period soon after midnight.
#[allow(clippy::disallowed_methods)]
fn assert_limited(answer: &Answer, what: &str) {
    assert_eq!(
        (answer.status, &answer.body["type"]),
        (503, &json!("urn:problem-type:longshore:daily-limit")),
        "{}",
        answer.text
    );
    assert!(answer.body["detail"].as_str().unwrap().contains(what), "{}", answer.body);
    let told: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let (day, grace) = (86_400, RESET_GRACE_MS.unsigned_abs() / 1_000);
    let into_day = (now + told) % day;
    let is_reset = [0, grace, day].iter().any(|at| into_day.abs_diff(*at) <= SLACK_SECONDS);
    assert!(told <= day && is_reset, "{told} s from {now}");
}

async fn spend(world: &World, d1_spent: SpentRows) {
    world.runner.faults(&Faults { d1_spent, ..Faults::default() }).await.unwrap();
}

/// Runs a future. Returns its output and the number of refused calls.
async fn refused<T>(world: &World, asks: impl Future<Output = T>) -> (T, u64) {
    let before = world.runner.injected().await.unwrap().spent;
    let answer = asks.await;
    (answer, world.runner.injected().await.unwrap().spent - before)
}

async fn until_refused(world: &World, calls: u64) {
    let reached = async || (world.runner.injected().await.unwrap().spent >= calls).then_some(());
    assert!(eventually(SOON, reached).await.is_some(), "{calls} calls are refused");
}

async fn ready(world: &World, named: &Value) -> Answer {
    let says = async || {
        let answer = world.anyone.get("/readyz").await.unwrap();
        (answer.body["daily_limit"] == *named).then_some(answer)
    };
    eventually(SOON, says).await.expect("readiness names the limit")
}

/// Lets a job run when the day's writes are spent, while another waits for its hint.
async fn a_spent_day(world: &World, tenant: &Tenant<'_>, d1_spent: SpentRows) -> (String, String) {
    world.runner.faults(&Faults { hints: Mode::Drop, ..Faults::default() }).await.unwrap();
    let waiting = tenant.accept(&tenant.webhook("/ok")).await;
    until_dropped(world, 1).await;
    world.runner.faults(&Faults::default()).await.unwrap();
    let running = tenant.accept(&tenant.webhook("/slow/2000")).await;
    assert!(eventually(SOON, async || (!tenant.received().is_empty()).then_some(())).await.is_some());
    spend(world, d1_spent).await;
    // Its outcome cannot be recorded; one try shows that.
    until_refused(world, 1).await;
    (running, waiting)
}

#[test]
fn a_day_without_writes_is_reported_and_loses_nothing() {
    with_faults("no-writes", async |world| {
        let tenant = world.tenant().await;
        tenant.endpoint("orders", "/ok", json!({})).await;
        world.runner.tick_producer().await.unwrap();
        let (running, waiting) = a_spent_day(world, &tenant, SpentRows::Writes).await;
        let (answer, calls) = refused(world, tenant.api.post("/v1/jobs", &tenant.webhook("/ok"))).await;
        assert_limited(&answer.unwrap(), "row writes");
        assert_eq!(calls, 1, "the call is not repeated");
        let batch = json!({"jobs": [tenant.webhook("/ok"), tenant.webhook("/ok")]});
        assert_limited(&tenant.api.post("/v1/jobs/batch", &batch).await.unwrap(), "row writes");
        let endpoint = json!({"url": tenant.url("/ok")});
        assert_limited(&tenant.api.put("/v1/endpoints/other", &endpoint).await.unwrap(), "row writes");
        assert_limited(&tenant.api.delete("/v1/endpoints/orders").await.unwrap(), "row writes");
        assert_limited(&tenant.act(&format!("/v1/jobs/{waiting}/cancel")).await, "row writes");
        let index = json!({"provider": "builtin"});
        assert_limited(&tenant.api.put("/v1/indexes/docs", &index).await.unwrap(), "row writes");
        assert_eq!(tenant.job(&running).await["state"], "running", "reads still work");
        // A hint causes one claim, and its message is not re-delivered.
        let hint = json!({"v": 1, "jobs": [[tenant.name, waiting]]}).to_string();
        let so_far = world.runner.injected().await.unwrap().spent;
        world.runner.queue_raw("hints", &hint).await.unwrap();
        until_refused(world, so_far + 1).await;
        let (swept, calls) = refused(world, world.runner.tick_consumer()).await;
        swept.unwrap();
        assert_eq!(calls, 1, "the sweep calls once");
        let (ticked, calls) = refused(world, world.runner.tick_producer()).await;
        ticked.unwrap();
        assert_eq!(calls, 1, "the tick calls once");
        assert_eq!(ready(world, &json!("rows_written")).await.status, 503);
        let status = tenant.read("/v1/status").await;
        let of_limit = |reason: &&Value| reason["code"] == "daily_limit";
        let reason = status["reasons"].as_array().unwrap().iter().find(of_limit).expect("the status names the limit");
        assert_eq!((&reason["level"], &reason["fault"]), (&json!("failing"), &json!("account_limit")));
        assert_resumed(world, &tenant, &running).await;
    });
}

#[test]
fn a_day_without_reads_is_reported_on_every_route() {
    with_faults("no-reads", async |world| {
        let tenant = world.tenant().await;
        let all = world.anyone.with_key(&world.key("*", &["admin"]).await.1);
        let (running, waiting) = a_spent_day(world, &tenant, SpentRows::All).await;
        let mut told = 0;
        for route in ROUTES.iter().filter(|route| route.scope().is_some()) {
            let path = route.path_of(&waiting);
            let headers = [("longshore-tenant", tenant.name.as_str()), ("content-type", "application/json")];
            let body = if route.method == "GET" { Vec::new() } else { b"{}".to_vec() };
            let (answer, calls) = refused(world, all.request(route.method, &path, &headers, body)).await;
            let answer = answer.unwrap();
            // Some wrong requests are refused before anything is read.
            if answer.status == 503 {
                assert_limited(&answer, "row reads");
                told += 1;
            } else {
                assert!((400..500).contains(&answer.status), "{} {path}: {}", route.method, answer.text);
            }
            assert!(calls <= 1, "{} {path}: {calls} calls", route.method);
        }
        assert!(told > 40, "{told} routes");
        let unready = ready(world, &json!("rows_read")).await;
        assert_eq!((unready.status, &unready.body["consumer_tick_age_seconds"]), (503, &Value::Null));
        // Writes alone may be left: statements that only write still run, and nothing is claimed.
        spend(world, SpentRows::Reads).await;
        let (swept, calls) = refused(world, world.runner.tick_consumer()).await;
        swept.unwrap();
        assert_eq!(calls, 1);
        assert_resumed(world, &tenant, &running).await;
    });
}

/// Checks that after midnight an interrupted attempt runs again, in quarantine, and no failure and no crash was
/// counted.
async fn assert_resumed(world: &World, tenant: &Tenant<'_>, running: &str) {
    assert_eq!(world.runner.injected().await.unwrap().retry, 0, "no message was retried");
    spend(world, SpentRows::None).await;
    sweep_until_all_end(tenant).await;
    assert_eq!(tenant.count_succeeded().await, 2);
    let attempts: Vec<_> = tenant.attempts(running).await.iter().map(|attempt| attempt["state"].clone()).collect();
    assert_eq!(attempts, ["outcome_unknown", "succeeded"]);
    assert_eq!(tenant.count_where("failures > 0 OR crashes > 0").await, 0);
    assert_agrees(tenant).await;
}

/// Jobs are accepted without queue operations, and the sweep runs them: it tries one send, and no more that day.
#[test]
fn a_spent_queue_leaves_its_jobs_to_the_sweep() {
    with_faults("no-queue", async |world| {
        let tenant = world.tenant().await;
        world.runner.faults(&Faults { hints: Mode::Spent, ..Faults::default() }).await.unwrap();
        let ids = tenant.accept_all(&vec![tenant.webhook("/ok"); 4]).await;
        until_refused(world, 1).await;
        assert_eq!(world.runner.injected().await.unwrap().spent, 1, "a refused send is not repeated");
        let due = "UPDATE jobs SET next_check_at = 1 WHERE tenant = ?1 AND finished_at IS NULL";
        world.runner.query(due, vec![json!(tenant.name)]).await.unwrap();
        world.runner.tick_producer().await.unwrap();
        let (swept, calls) = refused(world, world.runner.tick_consumer()).await;
        swept.unwrap();
        assert_eq!((calls, tenant.count_succeeded().await), (1, ids.len() as u64));
        let (more, calls) = refused(world, tenant.api.post("/v1/jobs", &tenant.webhook("/status/500"))).await;
        assert_eq!(more.unwrap().status, 202);
        assert!(calls <= 1);
        until_refused(world, 3).await;
        world.runner.query(due, vec![json!(tenant.name)]).await.unwrap();
        let (swept, calls) = refused(world, world.runner.tick_consumer()).await;
        swept.unwrap();
        // The hint of its retry is one that the sweep cannot suppress.
        assert!(calls <= 1, "{calls} sends");
        assert_eq!(tenant.count_where("attempt = 1").await, 5);
        assert_eq!(ready(world, &json!("queue_operations")).await.status, 200);
        assert_eq!(world.runner.injected().await.unwrap().retry, 0);
    });
}
