//! Parts that fail: the queue loses, refuses or hangs; R2 refuses or hangs. Jobs end all the same.

use std::time::Duration;

use longshore_kit::runner::{Faults, Mode};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::support::command::run;
use crate::support::ledger::assert_agrees;
use crate::support::tenant::{Tenant, id_of, to_endpoint};
use crate::support::world::{World, with_faults};

/// Time that the sweep waits after its first hint; it waits longer after the second.
const REDISPATCH_BACKOFF_MS: i64 = 60_000;

/// Every hint is lost, including those of retries: the sweeps alone end every job.
#[test]
fn every_hint_is_lost() {
    with_faults("hints", async |world| {
        let tenant = world.tenant().await;
        tenant.endpoint("orders", "/fail-times/1", json!({"schedule": "fast"})).await;
        let mut later = tenant.webhook("/ok");
        later["delay_seconds"] = json!(5);
        for mode in [Mode::Drop, Mode::Hang, Mode::Fail] {
            world.runner.faults(&Faults { hints: mode, ..Faults::default() }).await.unwrap();
            let jobs = [vec![tenant.webhook("/ok"); 4], vec![to_endpoint("orders"); 2], vec![later.clone()]].concat();
            let began = Instant::now();
            tenant.accept(&jobs[0]).await;
            assert_eq!(tenant.accept_all(&jobs).await.len(), 7);
            // The answers do not wait for the queue, which times out after 2 s.
            assert!(began.elapsed() < Duration::from_secs(2), "{mode:?}: {:?}", began.elapsed());
        }
        sweep_without_hints(world, &tenant).await;
        assert_eq!(tenant.count_succeeded().await, 24);
        assert_agrees(&tenant).await;
    });
}

/// Sweeps until all jobs have ended. The watermark takes its 45 s; rows that the sweep would skip for minutes are made
/// due by moving their times, because a test cannot move the database's clock here.
async fn sweep_without_hints(world: &World, tenant: &Tenant<'_>) {
    let end = Instant::now() + Duration::from_mins(3);
    let pass_time = "UPDATE jobs SET next_check_at = next_check_at - ?1 WHERE finished_at IS NULL AND state <> 'running' \
                     AND dispatches > 0 AND next_check_at IS NOT NULL";
    let mut modes = [Mode::Drop, Mode::Fail, Mode::Hang].into_iter().cycle();
    while tenant.count_open().await > 0 {
        assert!(Instant::now() < end, "not all have ended; the log is {}", world.runner.log().display());
        let hints = modes.next().unwrap();
        world.runner.faults(&Faults { hints, ..Faults::default() }).await.unwrap();
        world.runner.tick_consumer().await.unwrap();
        world.runner.query(pass_time, vec![json!(2 * REDISPATCH_BACKOFF_MS)]).await.unwrap();
        sleep(Duration::from_secs(1)).await;
    }
}

/// Deliveries never wait for R2. Evidence that it does not take is kept inline, truncated, with the reason.
#[test]
fn the_evidence_store_fails_and_hangs() {
    with_faults("evidence", async |world| {
        let tenant = world.tenant().await;
        let (_, key) = world.key(&tenant.name, &["jobs:read"]).await;
        for (mode, reason) in [(Mode::Fail, "injected fault"), (Mode::Hang, "did not answer within 5000 ms")] {
            world.runner.faults(&Faults { r2: mode, ..Faults::default() }).await.unwrap();
            let mut large = tenant.webhook("/ok");
            large["payload"]["body"] = json!("x".repeat(10_000));
            let began = Instant::now();
            let ids = tenant.accept_all(&[tenant.webhook("/ok"), large, tenant.webhook("/status/500")]).await;
            for id in &ids[..2] {
                assert_eq!(tenant.ended(id).await["state"], "succeeded", "{mode:?}");
            }
            assert_eq!(tenant.until(&ids[2], "retrying").await["attempts"], 1);
            assert!(began.elapsed() < Duration::from_secs(20), "{mode:?}: {:?}", began.elapsed());
            for id in &ids {
                assert_eq!(tenant.attempts(id).await[0]["evidence"]["state"], "inline");
                let evidence = tenant.evidence(id, 1).await;
                assert_eq!(evidence["inline"], true);
                assert!(evidence["reason"].as_str().unwrap().contains(reason), "{evidence}");
                let record = evidence["record"].as_str().unwrap();
                assert!(record.len() <= 2_048 && record.contains(id.as_str()), "{record}");
            }
            // A record that fits is whole and matches its digest; of the large one only the beginning is known.
            let verified = run(&tenant, &key, &["verify", &ids[0], &ids[1]]);
            let expected =
                "Attempts without whole evidence: 1 truncated.\n2 jobs, 2 attempts, 1 with evidence, 0 faults\n";
            assert_eq!(String::from_utf8(verified.stdout).unwrap(), expected);
        }
        assert_eq!(world.runner.r2_keys().await.unwrap(), Vec::<String>::new());
        world.runner.faults(&Faults::default()).await.unwrap();
        let done = tenant.complete(&tenant.webhook("/ok")).await;
        assert_eq!(tenant.attempts(&id_of(&done)).await[0]["evidence"]["state"], "stored");
    });
}
