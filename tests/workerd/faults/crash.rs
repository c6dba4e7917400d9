//! Crashes under load: every acknowledged job ends, and the ledger agrees with the receiver's log.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::future::pending;
use std::time::Duration;

use futures_util::future::join_all;
use longshore_kit::client::eventually;
use longshore_kit::scratch::Scratch;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::support::ledger::assert_agrees;
use crate::support::tenant::{SOON, Tenant};
use crate::support::world::{World, alone, block_on, options_in};

/// Time within which all jobs end: a lease lasts 30 s, the watermark trails by 45 s, then interrupted jobs run again,
/// one at a time.
const ENDS_WITHIN: Duration = Duration::from_mins(3);
/// Interval of the sweep here. A deployment sweeps every 20 s.
const SWEEP_EVERY: Duration = Duration::from_secs(2);
const RUNNING: &str = "state = 'running'";

/// Sweeps until every job of the tenant has ended.
pub(crate) async fn sweep_until_all_end(tenant: &Tenant<'_>) {
    let end = Instant::now() + ENDS_WITHIN;
    loop {
        tenant.world.runner.tick_consumer().await.unwrap();
        let open = tenant.count_open().await;
        if open == 0 {
            return;
        }
        assert!(Instant::now() < end, "{open} jobs have not ended; the log is {}", tenant.world.runner.log().display());
        sleep(SWEEP_EVERY).await;
    }
}

/// Posts one job with a unique key. Returns the id if it was acknowledged.
async fn post(tenant: &Tenant<'_>, number: usize) -> Option<String> {
    tenant.accept_with_key(&format!("single-{number}"), &tenant.webhook("/slow/20")).await
}

/// Posts a batch of jobs that are received at once, slowly, or at the second try.
async fn post_batch(tenant: &Tenant<'_>, jobs: usize) -> BTreeSet<String> {
    tenant.endpoint("orders", "/fail-times/1", json!({"schedule": "fast"})).await;
    let job = |index: usize| match index % 10 {
        0 => json!({"kind": "webhook", "endpoint": "orders", "payload": {"body": index}}),
        1 => tenant.webhook("/slow/400"),
        _ => tenant.webhook("/slow/20"),
    };
    tenant.accept_all(&(0..jobs).map(job).collect::<Vec<_>>()).await.into_iter().collect()
}

/// A power failure while 500 jobs are accepted and run: some are done, some run, some wait, some are being posted.
#[test]
fn kill_minus_nine_among_five_hundred_jobs() {
    block_on(async {
        let scratch = Scratch::new("kill").unwrap();
        let options = options_in(&scratch);
        let world = World::start(options.clone()).await;
        let tenant = world.tenant().await;
        let name = tenant.name.clone();
        let acknowledged = RefCell::new(post_batch(&tenant, 400).await);
        let posts = join_all((0..100).map(async |number| {
            sleep(Duration::from_millis(number as u64 * 50)).await;
            let posted = post(&tenant, number).await;
            acknowledged.borrow_mut().extend(posted);
        }));
        let middle = eventually(SOON, async || {
            let (done, running) = (tenant.count_succeeded().await, tenant.count_where(RUNNING).await);
            (done > 50 && running > 2).then_some(())
        });
        // Posts in flight at the power failure are dropped with their answers unread.
        tokio::select! {
            found = middle => found.expect("some are done and some run"),
            () = async { posts.await; pending().await } => {}
        }
        let world = world.kill_and_start(options).await;
        let tenant = world.tenant_named(&name).await;
        assert!(tenant.count_where(RUNNING).await > 0, "the power failed in the middle");
        // A client without an answer repeats its request with its key, and gets the one existing job.
        let again = join_all((0..100).map(|number| post(&tenant, number))).await;
        let mut acknowledged = acknowledged.into_inner();
        acknowledged.extend(again.into_iter().map(|id| id.expect("an answer")));
        assert_eq!(acknowledged.len(), 500);
        sweep_until_all_end(&tenant).await;
        assert_eq!((tenant.count_succeeded().await, tenant.count_jobs().await), (500, 500));
        let received: BTreeSet<String> = tenant.received().iter().map(|r| r.webhook_id().to_owned()).collect();
        assert_eq!(received, acknowledged);
        assert_agrees(&tenant).await;
        world.runner.stop().await.unwrap();
    });
}

/// Only workerd dies, while requests hang at the receiver, and its supervisor restarts it.
#[test]
fn a_crash_while_requests_are_in_flight() {
    alone(
        "crash",
        |_| {},
        async |world| {
            let tenant = world.tenant().await;
            // A hanging request is aborted after 3 s; jobs that were not sent before the crash hang once too.
            let hanging = json!({"url": tenant.url("/hang-times/1"), "timeout_seconds": 3});
            let hanging = json!({"kind": "webhook", "payload": hanging});
            let batch: Vec<Value> =
                (0..12).map(|index| if index % 3 == 0 { tenant.webhook("/ok") } else { hanging.clone() }).collect();
            tenant.accept_all(&batch).await;
            let hangs = format!("/hang-times/1/{}", tenant.name);
            let out = eventually(SOON, async || (world.receiver.count_at(&hangs) > 0).then_some(())).await;
            assert!(out.is_some(), "requests are in flight");
            world.runner.kill_workerd().await.unwrap();
            let back = eventually(SOON, async || world.anyone.get("/healthz").await.ok()).await;
            assert_eq!(back.expect("workerd is restarted").status, 200);
            sweep_until_all_end(&tenant).await;
            assert_eq!(tenant.count_succeeded().await, 12);
            assert!(tenant.count_unknown().await > 0);
            assert_agrees(&tenant).await;
        },
    );
}
