//! Queue messages: malformed messages are kept, unknown versions are acknowledged, the platform's dead letters wake
//! jobs, and a job that comes alone is not kept waiting.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use longshore::limits::EXPRESS_QUIET_MS;
use longshore_kit::client::eventually;
use longshore_kit::runner::{Faults, Mode};
use serde_json::{Value, json};

use crate::support::tenant::{SOON, Tenant};
use crate::support::world::{World, alone, shared, with_faults};

/// List of malformed messages as an admin of all tenants sees it.
async fn malformed_messages(world: &World) -> Vec<Value> {
    let all = world.anyone.with_key(&world.key("*", &["admin"]).await.1);
    let answer = all.get("/v1/malformed-messages?limit=100").await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body["data"].as_array().unwrap().clone()
}

#[test]
fn a_malformed_message_is_kept_with_its_bytes() {
    shared(async |world| {
        let bodies = [
            "garbage ä",
            "{}",
            "{\"v\":1}",
            "{\"v\":1,\"jobs\":[[\"a\"]]}",
            "[]",
            "\u{1}",
            "{\"v\":\"1\",\"jobs\":[]}",
        ];
        for (queue, body) in bodies.iter().flat_map(|body| [("hints", body), ("dead", body)]) {
            world.runner.queue_raw(queue, body).await.unwrap();
        }
        let kept = eventually(SOON, async || {
            let kept = malformed_messages(world).await;
            let has = |body: &str, queue: &str| {
                kept.iter().any(|message| message["body_base64"] == STANDARD.encode(body) && message["queue"] == queue)
            };
            let all = bodies.iter().all(|body| has(body, "longshore-hints") && has(body, "longshore-hints-dead"));
            all.then_some(kept)
        });
        let kept = kept.await.expect("every malformed message is kept");
        for message in &kept {
            assert_eq!(message["reason"], "not a hint");
            assert!(message["id"].is_string() && message["created_at"].is_string());
        }
        // The other messages of the batch are not affected.
        let tenant = world.tenant().await;
        assert_eq!(tenant.complete(&tenant.webhook("/ok")).await["state"], "succeeded");
    });
}

/// A newer producer may send hints that an older consumer does not know: it acknowledges them, and the sweep finds the
/// jobs.
#[test]
fn an_unknown_version_is_acknowledged() {
    shared(async |world| {
        let said = || world.log().matches("hint_version_unknown").count();
        let before = said();
        world.runner.queue_raw("hints", "{\"v\":2,\"jobs\":[[\"a\",\"b\"]],\"more\":true}").await.unwrap();
        assert!(eventually(SOON, async || (said() > before).then_some(())).await.is_some());
        let version_2 = STANDARD.encode("{\"v\":2");
        let kept = malformed_messages(world).await;
        assert!(
            kept.iter().all(|message| !message["body_base64"].as_str().unwrap().starts_with(&version_2[..8])),
            "{kept:?}"
        );
    });
}

/// Hints of jobs that do not exist, have ended, belong to another tenant or arrive twice: each is acked and does
/// nothing.
#[test]
fn hints_that_claim_nothing() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let done = tenant.complete(&tenant.webhook("/ok")).await;
        let id = done["id"].as_str().unwrap();
        let mut later = tenant.webhook("/ok");
        later["delay_seconds"] = json!(3_600);
        let scheduled = tenant.accept(&later).await;
        let names = json!([
            [tenant.name, id],
            [tenant.name, id],
            [tenant.name, scheduled],
            ["unknown", id],
            [tenant.name, "job_0001JJJJJJJJJJJJJJJJJJJJJJJJ"],
            ["", ""],
            ["a'b", "%"],
        ]);
        for _ in 0..3 {
            world.runner.queue_raw("hints", &json!({"v": 1, "jobs": names}).to_string()).await.unwrap();
        }
        assert_eq!(tenant.complete(&tenant.webhook("/ok")).await["state"], "succeeded");
        assert_eq!(tenant.job(id).await, done);
        assert_eq!(tenant.job(&scheduled).await["state"], "scheduled");
        assert_eq!(tenant.received().len(), 2);
    });
}

/// A first job after a quiet second starts at once; the queue of the others waits a second for more.
#[test]
fn a_job_that_comes_alone_starts_at_once() {
    alone(
        "express",
        |_| {},
        async |world| {
            let (tenant, quiet_ms) = (world.tenant().await, EXPRESS_QUIET_MS.unsigned_abs());
            let mut waits = Vec::new();
            while waits.len() < 3 {
                // Of all waits, only this one is of a fixed time: nothing happens that it could wait for.
                tokio::time::sleep(Duration::from_millis(quiet_ms + 100)).await;
                let id = tenant.accept(&tenant.webhook("/ok")).await;
                assert_eq!(tenant.ended(&id).await["state"], "succeeded");
                let job = world.number(
                    "SELECT log ->> '$[0].started_at' - created_at AS waited FROM jobs WHERE id = ?1",
                    vec![json!(id)],
                );
                waits.push(job.await);
            }
            // One of them may have met a machine that is busy elsewhere.
            assert!(waits.iter().any(|waited| *waited < quiet_ms / 2), "{waits:?}");
        },
    );
}

/// Five copies of a job's hint cause a single request.
#[test]
fn duplicate_hints_are_one_attempt() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let id = tenant.accept(&tenant.webhook("/slow/500")).await;
        let hint = json!({"v": 1, "jobs": [[tenant.name, id]]}).to_string();
        for _ in 0..5 {
            world.runner.queue_raw("hints", &hint).await.unwrap();
        }
        assert_eq!(tenant.ended(&id).await["state"], "succeeded");
        let after = tenant.complete(&tenant.webhook("/ok")).await;
        assert_eq!(after["state"], "succeeded");
        let of_it = tenant.received().iter().filter(|request| request.webhook_id() == id).count();
        assert_eq!((of_it, tenant.attempts(&id).await.len()), (1, 1));
    });
}

/// Messages in the platform's dead-letter queue wake their jobs and do nothing else: only the ledger decides which jobs
/// are dead.
#[test]
fn the_platforms_dead_letters_wake_jobs() {
    with_faults("woken", async |world| {
        let tenant = world.tenant().await;
        world.runner.faults(&Faults { hints: Mode::Drop, ..Faults::default() }).await.unwrap();
        let id = tenant.accept(&tenant.webhook("/ok")).await;
        let dead = id_of_ended(&tenant, world).await;
        until_dropped(world, 2).await;
        world.runner.faults(&Faults::default()).await.unwrap();
        let named = json!([[tenant.name, id], [tenant.name, dead], ["unknown", "job_x"]]);
        world.runner.queue_raw("dead", &json!({"v": 1, "jobs": named}).to_string()).await.unwrap();
        // The next sweep finds the job long before the watermark would pass it.
        let sql = "SELECT next_check_at IS NOT NULL AS woken FROM jobs WHERE id = ?1";
        let woken = eventually(SOON, async || (world.number(sql, vec![json!(id)]).await == 1).then_some(()));
        assert!(woken.await.is_some());
        let before = tenant.job(&dead).await;
        world.runner.tick_consumer().await.unwrap();
        let done = tenant.ended(&id).await;
        assert_eq!((&done["state"], &done["attempts"]), (&json!("succeeded"), &json!(1)));
        assert_eq!(tenant.job(&dead).await, before, "an ended job does not change");
    });
}

/// Waits until `sends` sends of hints were dropped: they follow the answers.
pub(crate) async fn until_dropped(world: &World, sends: u64) {
    let reached = async || (world.runner.injected().await.unwrap().drop >= sends).then_some(());
    assert!(eventually(SOON, reached).await.is_some(), "{sends} sends are dropped");
}

/// A job that has ended although its hint was dropped: the test sends the hint itself.
async fn id_of_ended(tenant: &Tenant<'_>, world: &World) -> String {
    let id = tenant.accept(&tenant.webhook("/ok")).await;
    world.runner.queue_raw("hints", &json!({"v": 1, "jobs": [[tenant.name, id]]}).to_string()).await.unwrap();
    assert_eq!(tenant.ended(&id).await["state"], "succeeded");
    id
}
