//! Actions on all jobs that a filter selects: an incident from the status to the last success, by the API and by the command
//! line, and an action whose Workers are killed.

use std::collections::BTreeMap;
use std::process::Output;
use std::time::Duration;

use longshore_kit::client::eventually;
use longshore_kit::scratch::Scratch;
use serde_json::{Value, json};

use crate::faults::crash::sweep_until_all_end;
use crate::support::command::run;
use crate::support::refusal::{ILLEGAL, NOT_FOUND, assert_refused, invalid};
use crate::support::tenant::{SOON, Tenant, id_of};
use crate::support::world::{World, alone, block_on, options_in, shared};

/// Time within which the jobs of an action end.
const ENDS_WITHIN: Duration = Duration::from_mins(2);

/// Creates an action that has selected nothing and seems to run.
pub(crate) async fn running_action(tenant: &Tenant<'_>) -> String {
    let body = json!({"do": "discard", "filter": {"cause": "none"}});
    let id = id_of(&tenant.api.post("/v1/actions", &body).await.unwrap().body);
    let path = format!("/v1/actions/{id}?wait=10");
    assert_eq!(tenant.read(&path).await["state"], "done");
    let sql = "UPDATE actions SET state = 'running', ended_at = NULL WHERE id = ?1";
    tenant.world.runner.query(sql, vec![json!(id)]).await.unwrap();
    id
}

/// Makes 300 dead letters of two endpoints and one success of a third, then repairs the receivers.
async fn incident(tenant: &Tenant<'_>) {
    for (endpoint, behaviour) in [("orders", "/status/500"), ("invoices", "/status/404"), ("mails", "/ok")] {
        tenant.endpoint(endpoint, behaviour, json!({"max_attempts": 1})).await;
    }
    let job = |endpoint: &str| json!({"kind": "webhook", "endpoint": endpoint, "payload": {"body": {"n": 1}}});
    let endpoints = (0..301).map(|number| match number {
        0..200 => "orders",
        200..300 => "invoices",
        _ => "mails",
    });
    tenant.accept_all(&endpoints.map(job).collect::<Vec<_>>()).await;
    let all_died = async || (tenant.count_where("dead_state = 'open'").await == 300).then_some(());
    eventually(ENDS_WITHIN, all_died).await.expect("300 dead letters");
    for endpoint in ["orders", "invoices"] {
        tenant.endpoint(endpoint, "/ok", json!({"max_attempts": 1})).await;
    }
}

/// Someone who is called at night: what fails, how many, and all of it again, in six calls.
#[test]
fn an_incident_takes_six_calls() {
    shared(async |world| {
        let tenant = world.tenant().await;
        incident(&tenant).await;
        let status = tenant.read("/v1/status").await;
        assert_eq!(status["status"], "failing", "{status}");
        let causes = status["causes"].as_array().unwrap().iter();
        let failing: BTreeMap<_, _> =
            causes.map(|cause| (cause["endpoint"].as_str().unwrap(), &cause["dead"])).collect();
        let (many, hundred) = (json!({"count": 100, "at_least": true}), json!({"count": 100, "at_least": false}));
        assert_eq!(failing, BTreeMap::from([("orders", &many), ("invoices", &hundred)]));
        let body =
            json!({"do": "replay", "filter": {"reason": "attempts_exhausted"}, "canary": 2, "rate_per_second": 100});
        let mut dry = body.clone();
        dry["dry_run"] = json!(true);
        let preview = tenant.api.post("/v1/actions", &dry).await.unwrap();
        assert_eq!((preview.status, &preview.body["matched"]), (200, &json!({"count": 300, "at_least": false})));
        assert_eq!(
            (&preview.body["by_endpoint"][0], preview.body["by_cause"].as_array().unwrap().len()),
            (&json!({"endpoint": "orders", "jobs": 200}), 2)
        );
        let created = tenant.api.post("/v1/actions", &body).await.unwrap();
        assert_eq!(created.status, 202, "{}", created.body);
        let id = id_of(&created.body);
        assert_eq!(created.header("location"), Some(format!("/v1/actions/{id}").as_str()));
        let mut calls = 3;
        let done = loop {
            let action = tenant.read(&format!("/v1/actions/{id}?wait=30")).await;
            calls += 1;
            if !action["finished_at"].is_null() || calls == 6 {
                break action;
            }
        };
        assert_eq!(done["outcomes"], json!({"open": 0, "succeeded": 300, "failed_again": 0, "cancelled": 0}), "{done}");
        assert_eq!(
            (&done["state"], &done["done"], &done["canary"]["state"]),
            (&json!("done"), &json!(300), &json!("passed"))
        );
        assert_eq!(tenant.read("/v1/dead-letters").await["data"], json!([]));
        // Each dead letter has one successor, and its receiver got both.
        let jobs = tenant.read(&format!("/v1/actions/{id}/jobs?limit=100")).await;
        assert!(jobs["data"].as_array().unwrap().iter().all(|job| job["action"] == json!(id)), "{jobs}");
        assert_eq!((tenant.count_jobs().await, tenant.received().len()), (601, 601));
    });
}

/// The same incident with the command line alone.
#[test]
fn an_incident_takes_four_commands() {
    shared(async |world| {
        let tenant = world.tenant().await;
        incident(&tenant).await;
        let (_, key) = world.key(&tenant.name, &["jobs:read", "operate"]).await;
        let text = |output: Output| (output.status.code(), String::from_utf8(output.stdout).unwrap());
        let (code, out) = text(run(&tenant, &key, &["status"]));
        assert_eq!(code, Some(2), "failing: {out}");
        let (code, out) = text(run(&tenant, &key, &["causes", "list", "-o", "json"]));
        let causes: Value = serde_json::from_str(&out).unwrap();
        assert_eq!((code, causes["data"].as_array().unwrap().len()), (Some(0), 2), "{out}");
        let (code, out) = text(run(&tenant, &key, &["replay", "--dry-run"]));
        assert!(code == Some(0) && out.contains("jobs       300"), "{out}");
        let (code, out) = text(run(&tenant, &key, &["replay", "--canary", "1", "--rate", "200"]));
        assert!(code == Some(0) && out.contains("300 succeeded, 0 failed again, 0 open"), "{code:?}: {out}");
        assert_eq!(tenant.count_where("dead_state = 'open'").await, 0);
    });
}

/// A canary that fails stops the action with one job sent; it is aborted, and refuses to be resumed.
#[test]
fn a_failed_canary_stops_the_action() {
    shared(async |world| {
        let tenant = world.tenant().await;
        tenant.endpoint("orders", "/status/500", json!({"max_attempts": 1})).await;
        let job = json!({"kind": "webhook", "endpoint": "orders", "payload": {"body": {}}});
        for id in tenant.accept_all(&vec![job; 5]).await {
            tenant.ended(&id).await;
        }
        let body = json!({"do": "replay", "filter": {"endpoint": "orders"}, "canary": 1});
        let id = id_of(&tenant.api.post("/v1/actions", &body).await.unwrap().body);
        let paused = tenant.read(&format!("/v1/actions/{id}?wait=30")).await;
        assert_eq!(
            (&paused["state"], &paused["paused_reason"]),
            (&json!("paused"), &json!("canary_failed")),
            "{paused}"
        );
        assert_eq!((&paused["done"], tenant.received().len()), (&json!(1), 6));
        let dead = tenant.read(&format!("/v1/dead-letters?action={id}")).await;
        assert_eq!(dead["data"].as_array().unwrap().len(), 1, "those that failed again: {dead}");
        let aborted = tenant.act(&format!("/v1/actions/{id}/abort")).await;
        assert_eq!((aborted.status, &aborted.body["state"]), (200, &json!("aborted")));
        assert_refused("a resume", &tenant.act(&format!("/v1/actions/{id}/resume")).await, ILLEGAL);
        assert_refused("unknown", &tenant.act("/v1/actions/act_1/pause").await, NOT_FOUND);
        let wrong = tenant.api.post("/v1/actions", &json!({"do": "discard", "filter": {}, "canary": 1})).await.unwrap();
        assert_refused("a canary of a discard", &wrong, invalid("#/canary", "either-or"));
        let wrong = tenant.api.post("/v1/actions", &json!({"do": "replay", "filter": {"stat": "x"}})).await.unwrap();
        assert_refused("an unknown filter", &wrong, invalid("#/filter/stat", "unknown-field"));
    });
}

/// Both Workers are killed in the middle of a replay of 500 dead letters at a rate. The ticks finish it: each dead letter has one
/// successor, and all of them succeed.
#[test]
fn a_replay_survives_a_kill() {
    block_on(async {
        let scratch = Scratch::new("killed-replay").unwrap();
        let options = options_in(&scratch);
        let world = World::start(options.clone()).await;
        let tenant = world.tenant().await;
        let name = tenant.name.clone();
        tenant.endpoint("orders", "/status/500", json!({"max_attempts": 1})).await;
        let job = json!({"kind": "webhook", "endpoint": "orders", "payload": {"body": {}}});
        tenant.accept_all(&vec![job; 500]).await;
        let all_died = async || (tenant.count_where("dead_state = 'open'").await == 500).then_some(());
        eventually(ENDS_WITHIN, all_died).await.expect("500 dead letters");
        tenant.endpoint("orders", "/ok", json!({})).await;
        let body = json!({"do": "replay", "filter": {}, "canary": 100, "rate_per_second": 100});
        let id = id_of(&tenant.api.post("/v1/actions", &body).await.unwrap().body);
        let begun = async || (tenant.count_where("replay_of IS NOT NULL").await > 0).then_some(());
        eventually(SOON, begun).await.expect("the first step");
        let world = world.kill_and_start(options).await;
        let tenant = world.tenant_named(&name).await;
        let left = tenant.count_where("dead_state = 'open'").await;
        assert!(left > 0, "the kill came in the middle");
        let done = eventually(ENDS_WITHIN, async || {
            world.runner.tick_producer().await.unwrap();
            world.runner.tick_consumer().await.unwrap();
            let action = tenant.read(&format!("/v1/actions/{id}?wait=1")).await;
            assert_ne!(action["state"], "paused", "{action}");
            (action["state"] == "done").then_some(action)
        })
        .await;
        assert_eq!(done.expect("the action is done")["done"], 500);
        sweep_until_all_end(&tenant).await;
        let finished = tenant.read(&format!("/v1/actions/{id}")).await;
        assert_eq!(finished["outcomes"]["succeeded"], 500, "{finished}");
        let successors =
            "SELECT count(*) AS all_of, count(DISTINCT replay_of) AS different FROM jobs WHERE replay_of IS NOT NULL";
        let rows = world.runner.query(successors, vec![]).await.unwrap();
        assert_eq!(json!(rows), json!([{"all_of": 500, "different": 500}]));
        world.runner.stop().await.unwrap();
    });
}

/// Waiting jobs are cancelled by a filter, and dead letters discarded with a note; a second page of actions continues the first.
#[test]
fn actions_are_listed_by_pages() {
    alone(
        "actions",
        |_| {},
        async |world| {
            let tenant = world.tenant().await;
            let mut later = tenant.webhook("/ok");
            (later["delay_seconds"], later["group"]) = (json!(3_600), json!("import"));
            tenant.accept_all(&vec![later; 3]).await;
            let cancel = json!({"do": "cancel", "filter": {"group": "import", "state": "scheduled"}});
            for expected in [3, 0] {
                let id = id_of(&tenant.api.post("/v1/actions", &cancel).await.unwrap().body);
                let done = tenant.read(&format!("/v1/actions/{id}?wait=10")).await;
                assert_eq!((&done["done"], &done["outcomes"]), (&json!(expected), &Value::Null), "{done}");
            }
            let first = tenant.read("/v1/actions?limit=1").await;
            let cursor = first["next_cursor"].as_str().unwrap();
            let second = tenant.read(&format!("/v1/actions?limit=1&cursor={cursor}")).await;
            assert_ne!(first["data"][0]["id"], second["data"][0]["id"]);
            assert_eq!(tenant.read("/v1/actions?state=running").await["data"], json!([]));
        },
    );
}
