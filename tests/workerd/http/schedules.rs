//! Schedules: created, run by the real cron, run now, paused, and refused when they are wrong.

use futures_util::future::join_all;
use longshore_kit::client::{Answer, early_in_a_minute};
use serde_json::{Value, json};

use crate::support::refusal::{NOT_FOUND, assert_refused, invalid};
use crate::support::tenant::{Tenant, id_of, to_endpoint};
use crate::support::world::{World, alone, shared};

/// A schedule for each minute to an endpoint.
fn minutely() -> Value {
    let mut schedule = to_endpoint("orders");
    schedule["cron"] = json!("* * * * *");
    schedule
}

async fn put(tenant: &Tenant<'_>, schedule: &Value) -> Answer {
    tenant.api.put("/v1/schedules/report", schedule).await.unwrap()
}

/// Moves the tenant's schedules a minute back, and ticks the cron.
async fn a_minute_later(world: &World, tenant: &Tenant<'_>) {
    let sql =
        "UPDATE schedules SET last_occurrence = last_occurrence - 60000, next_at = next_at - 60000 WHERE tenant = ?1";
    world.runner.query(sql, vec![json!(tenant.name)]).await.unwrap();
    world.runner.tick_producer().await.unwrap();
}

async fn history(tenant: &Tenant<'_>) -> Vec<Value> {
    tenant.read("/v1/schedules/report/occurrences").await["data"].as_array().unwrap().clone()
}

#[test]
fn a_schedule_from_creation_to_deletion() {
    alone(
        "schedules",
        |_| {},
        async |world| {
            early_in_a_minute().await;
            let tenant = world.tenant().await;
            tenant.endpoint("orders", "/ok", json!({})).await;
            let made = put(&tenant, &minutely()).await;
            assert_eq!(made.status, 200, "{}", made.body);
            assert_eq!((made.body["next"].as_array().unwrap().len(), &made.body["last"]), (5, &Value::Null));
            assert_eq!(made.body["time_zone"], "UTC");
            world.runner.tick_producer().await.unwrap();
            assert_eq!(tenant.count_jobs().await, 0, "nothing is due yet");
            a_minute_later(world, &tenant).await;
            world.runner.tick_producer().await.unwrap();
            let fired = history(&tenant).await;
            assert_eq!((fired.len(), &fired[0]["state"]), (1, &json!("fired")), "{fired:?}");
            let done = tenant.ended(fired[0]["job_id"].as_str().unwrap()).await;
            assert_eq!((&done["state"], &done["schedule"]), (&json!("succeeded"), &json!("report")), "{done}");
            assert_eq!((&done["scheduled_for"], &done["idempotency_key"]), (&fired[0]["scheduled_for"], &Value::Null));
            let shown = tenant.read("/v1/schedules/report").await;
            assert_eq!((&shown["last"], &shown["payload"]["body"]), (&fired[0], &json!({"n": 1})));
            assert_eq!(tenant.received().len(), 1);
            tenant.api.delete("/v1/endpoints/orders").await.unwrap();
            a_minute_later(world, &tenant).await;
            assert_eq!(history(&tenant).await[0]["state"], "refused");
            assert_eq!(tenant.api.delete("/v1/schedules/report").await.unwrap().status, 204);
            assert_refused("gone", &tenant.api.get("/v1/schedules/report").await.unwrap(), NOT_FOUND);
            assert_eq!((tenant.read("/v1/schedules").await["data"].clone(), tenant.count_jobs().await), (json!([]), 1));
        },
    );
}

/// Concurrent puts of one schedule all succeed: the last one wins.
#[test]
fn many_put_one_schedule_at_once() {
    shared(async |world| {
        let tenant = world.tenant().await;
        tenant.endpoint("orders", "/ok", json!({})).await;
        let puts = (0..24).map(async |n| {
            let mut schedule = minutely();
            schedule["metadata"] = json!({"n": n});
            put(&tenant, &schedule).await
        });
        let answers = join_all(puts).await;
        let refused: Vec<_> = answers.iter().filter(|answer| answer.status != 200).map(|answer| &answer.body).collect();
        assert_eq!(refused, [&Value::Null; 0]);
        let shown = tenant.read("/v1/schedules/report").await;
        assert!(answers.iter().any(|answer| answer.body["metadata"] == shown["metadata"]), "{shown}");
    });
}

/// A paused schedule has no occurrences and can be run now; a paused pipeline accepts the jobs and holds them.
#[test]
fn paused_and_run_now() {
    alone(
        "schedules-paused",
        |_| {},
        async |world| {
            early_in_a_minute().await;
            let tenant = world.tenant().await;
            tenant.endpoint("orders", "/ok", json!({})).await;
            let mut paused = minutely();
            paused["paused"] = json!(true);
            let shown = put(&tenant, &paused).await.body;
            assert_eq!((&shown["next"], &shown["paused"]), (&json!([]), &json!(true)));
            a_minute_later(world, &tenant).await;
            assert_eq!(tenant.count_jobs().await, 0);
            let key = [("idempotency-key", "once")];
            let run = async || tenant.api.request("POST", "/v1/schedules/report/run", &key, vec![]).await.unwrap();
            let (first, second) = (run().await, run().await);
            assert_eq!((first.status, &first.body), (202, &second.body), "{}", second.body);
            assert_eq!(
                (first.header("idempotency-replayed"), second.header("idempotency-replayed")),
                (None, Some("true"))
            );
            let done = tenant.ended(&id_of(&first.body)).await;
            assert_eq!((&done["state"], &done["scheduled_for"]), (&json!("succeeded"), &Value::Null));
            assert_eq!(history(&tenant).await[0]["state"], "run_now");
            put(&tenant, &minutely()).await;
            let operator = world.anyone.with_key(&world.key("*", &["admin"]).await.1);
            assert_eq!(operator.request("POST", "/v1/pause", &[], vec![]).await.unwrap().status, 200);
            a_minute_later(world, &tenant).await;
            let job = history(&tenant).await[0]["job_id"].as_str().unwrap().to_owned();
            tenant.until(&job, "held").await;
            assert_eq!(operator.request("POST", "/v1/resume", &[], vec![]).await.unwrap().status, 200);
            world.runner.tick_consumer().await.unwrap();
            assert_eq!(tenant.ended(&job).await["state"], "succeeded");
        },
    );
}

#[test]
fn wrong_fields_of_a_schedule_are_named() {
    shared(async |world| {
        let tenant = world.tenant().await;
        tenant.endpoint("orders", "/ok", json!({})).await;
        for (field, value, refusal) in [
            ("cron", json!("* * * *"), invalid("#/cron", "cron-fields")),
            ("cron", json!("*/5 * * * * *"), invalid("#/cron", "cron-fields")),
            ("cron", json!("61 * * * *"), invalid("#/cron", "cron-field")),
            ("cron", json!("0 0 30 2 *"), invalid("#/cron", "cron-never")),
            ("cron", json!("x".repeat(300)), invalid("#/cron", "too-long")),
            ("cron", json!(5), invalid("#/cron", "invalid-type")),
            ("time_zone", json!("Mars/Olympus"), invalid("#/time_zone", "unknown-time-zone")),
            ("overlap", json!("maybe"), invalid("#/overlap", "unknown-value")),
            ("catch_up", json!("some"), invalid("#/catch_up", "unknown-value")),
            ("paused", json!("no"), invalid("#/paused", "invalid-type")),
            ("kind", json!("fax"), invalid("#/kind", "unknown-kind")),
            ("endpoint", json!("nowhere"), invalid("#/endpoint", "unknown-endpoint")),
            ("payload", json!({"url": "ftp://example.com"}), invalid("#/payload/url", "either-or")),
            ("max_attempts", json!(51), invalid("#/max_attempts", "out-of-range")),
            ("group", json!("a b"), invalid("#/group", "invalid-name")),
            ("run_after", json!("2030-01-01T00:00:00Z"), invalid("#/run_after", "unknown-field")),
        ] {
            let mut schedule = minutely();
            schedule[field] = value;
            assert_refused(field, &put(&tenant, &schedule).await, refusal);
        }
        let mut all = minutely();
        (all["cron"], all["group"], all["max_attempts"]) = (json!("0 25 * * *"), json!("a b"), json!(0));
        let errors = put(&tenant, &all).await.body["errors"].as_array().unwrap().len();
        assert_eq!(errors, 3, "all errors at once");
        let name = tenant.api.put("/v1/schedules/a.b", &minutely()).await.unwrap();
        assert_refused("a name", &name, invalid("#", "invalid-name"));
        assert_eq!(tenant.read("/v1/schedules").await["data"], json!([]));
    });
}
