//! Drill of a point-in-time restore: the files of D1 are reset to an earlier time, R2 and the receiver are not.

use std::path::Path;
use std::process::Command;

use longshore_kit::client::eventually;
use longshore_kit::scratch::Scratch;
use serde_json::{Value, json};

use crate::faults::crash::sweep_until_all_end;
use crate::http::routes::index;
use crate::support::refusal::{NOT_FOUND, RESTORING, assert_refused};
use crate::support::tenant::{SOON, Tenant, to_endpoint};
use crate::support::world::{World, block_on, options_in};

/// Copies the files of D1 while nothing runs.
fn copy(from: &Path, to: &Path) {
    let _ = std::fs::remove_dir_all(to);
    assert!(Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
}

/// Sends a decision about the jobs to the restored store. Returns the answer's body.
async fn decide(world: &World, jobs: &str) -> Value {
    let (_, key) = world.key("*", &["admin"]).await;
    let answer = world.anyone.with_key(&key).post("/v1/restored", &json!({"jobs": jobs})).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.body
}

async fn sweep_twice(world: &World) {
    for _ in 0..2 {
        world.runner.tick_producer().await.unwrap();
        world.runner.tick_consumer().await.unwrap();
    }
}

/// Checks that a deployment of the next epoch accepts and sends nothing until an operator has decided what happens to
/// the jobs.
async fn assert_nothing_moves(tenant: &Tenant<'_>, waiting: &str) {
    let sent = tenant.world.receiver.received().len();
    assert_refused("an accept", &tenant.api.post("/v1/jobs", &to_endpoint("orders")).await.unwrap(), RESTORING);
    assert_refused("a retry", &tenant.act(&format!("/v1/jobs/{waiting}/retry")).await, RESTORING);
    assert_eq!(tenant.job(waiting).await["state"], "scheduled", "it can be read");
    assert_eq!(tenant.api.get("/v1/endpoints/orders/secret").await.unwrap().status, 200, "an existing secret");
    let search = tenant.api.post("/v1/indexes/notes/search", &json!({"query": "words"})).await.unwrap();
    assert_eq!((search.status, &search.body["hits"]), (200, &json!([])), "and searched: {}", search.text);
    let index = tenant.api.put("/v1/indexes/others", &json!({"provider": "builtin"})).await.unwrap();
    assert_refused("an index", &index, RESTORING);
    sweep_twice(tenant.world).await;
    let ready = tenant.world.anyone.get("/readyz").await.unwrap();
    assert_eq!((ready.status, &ready.body["restoring"]), (503, &json!(true)), "{}", ready.text);
    assert_eq!(tenant.world.receiver.received().len(), sent);
}

#[test]
fn a_restored_store_waits_for_a_decision() {
    block_on(async {
        let scratch = Scratch::new("restore").unwrap();
        let options = options_in(&scratch);
        let (d1, earlier) = (scratch.path().join("data/v3/d1"), scratch.path().join("earlier"));

        // One job is done, one waits, one attempt is out: the moment that the store will be restored to.
        let world = World::start(options.clone()).await;
        let tenant = world.tenant().await;
        let name = tenant.name.clone();
        tenant.endpoint("orders", "/ok", json!({})).await;
        index(&tenant, "notes").await;
        let done = tenant.complete(&to_endpoint("orders")).await;
        let mut later = tenant.webhook("/ok");
        later["delay_seconds"] = json!(3_600);
        let later = tenant.accept(&later).await;
        let out = tenant.accept(&tenant.webhook("/hang-times/1")).await;
        let hangs = format!("/hang-times/1/{name}");
        eventually(SOON, async || (world.receiver.count_at(&hangs) > 0).then_some(()))
            .await
            .expect("a request is in flight");
        let World { runner, receiver, .. } = world;
        runner.kill_hard().await.unwrap();
        copy(&d1, &earlier);

        // After the copy a waiting job is sent, which will wait again, and another is accepted, which will be lost.
        let world = World::start_beside(receiver, options.clone()).await;
        let tenant = world.tenant_named(&name).await;
        assert_eq!(tenant.act(&format!("/v1/jobs/{later}/retry")).await.status, 202);
        assert_eq!(tenant.ended(&later).await["state"], "succeeded");
        let since = tenant.complete(&to_endpoint("orders")).await;
        let World { runner, receiver, .. } = world;
        runner.stop().await.unwrap();

        copy(&earlier, &d1);
        let world = World::start_beside(receiver, options.clone().var("EPOCH", "1")).await;
        let tenant = world.tenant_named(&name).await;
        assert_nothing_moves(&tenant, &later).await;

        assert_eq!(decide(&world, "hold").await, json!({"epoch": 1, "paused": true}));
        assert_eq!(decide(&world, "resend").await, json!({"epoch": 1, "paused": true}), "a repeat changes nothing");
        let sent = world.receiver.received().len();
        let held = tenant.accept(&to_endpoint("orders")).await;
        tenant.until(&held, "held").await;
        sweep_twice(&world).await;
        assert_eq!(world.receiver.received().len(), sent);
        // The operator knows that this one was sent.
        assert_eq!(tenant.act(&format!("/v1/jobs/{later}/cancel")).await.body["state"], "cancelled");
        let (_, key) = world.key("*", &["admin"]).await;
        let resumed = world.anyone.with_key(&key).post("/v1/resume", &json!({})).await.unwrap();
        assert_eq!(resumed.status, 200, "{}", resumed.text);

        sweep_until_all_end(&tenant).await;
        assert_eq!(tenant.job(&held).await["state"], "succeeded");
        let attempts = tenant.attempts(&out).await;
        let outcomes: Vec<&Value> = attempts.iter().map(|attempt| &attempt["state"]).collect();
        assert_eq!(outcomes, ["outcome_unknown", "succeeded"], "{attempts:?}");
        assert_eq!(tenant.job(done["id"].as_str().unwrap()).await, done);
        let gone = tenant.api.get(&format!("/v1/jobs/{}", since["id"].as_str().unwrap())).await.unwrap();
        assert_refused("a job accepted since", &gone, NOT_FOUND);
        world.runner.stop().await.unwrap();
    });
}
