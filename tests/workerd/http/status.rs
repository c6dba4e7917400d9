//! Status: an endpoint that fails is found with its cause and whose fault it is, until it has recovered.

use serde_json::{Value, json};

use crate::support::tenant::{Tenant, id_of, to_endpoint};
use crate::support::world::alone;

async fn status(tenant: &Tenant<'_>) -> Value {
    tenant.read("/v1/status").await
}

/// The only reason of a status.
#[track_caller]
fn only_reason(status: &Value) -> &Value {
    let reasons = status["reasons"].as_array().unwrap();
    assert_eq!(reasons.len(), 1, "{}", status["reasons"]);
    &reasons[0]
}

#[test]
fn a_failing_endpoint_is_found_and_recovers() {
    alone(
        "status",
        |_| {},
        async |world| {
            let (tenant, other) = (world.tenant().await, world.tenant().await);
            let never = status(&tenant).await;
            let codes: Vec<_> = never["reasons"].as_array().unwrap().iter().map(|reason| &reason["code"]).collect();
            assert_eq!((&never["status"], codes), (&json!("failing"), vec![&json!("sweep_late"), &json!("tick_late")]));
            world.runner.tick_producer().await.unwrap();
            world.runner.tick_consumer().await.unwrap();
            let well = status(&tenant).await;
            assert_eq!((&well["status"], &well["reasons"], &well["usage"]), (&json!("ok"), &json!([]), &Value::Null));

            tenant.endpoint("orders", "/status/500", json!({"max_attempts": 1})).await;
            let dead = id_of(&tenant.complete(&to_endpoint("orders")).await);
            let failing = status(&tenant).await;
            let reason = only_reason(&failing);
            for (name, expected) in [
                ("level", json!("failing")),
                ("code", json!("endpoint_failing")),
                ("fault", json!("receiver")),
                ("tenant", json!(tenant.name)),
                ("endpoint", json!("orders")),
                ("cause", json!(tenant.cause_of(&dead).await)),
                ("count", json!({"count": 1, "at_least": false})),
                ("runbook", json!("docs/operations.md#a-receiver-fails")),
            ] {
                assert_eq!(reason[name], expected, "{name}");
            }
            assert_eq!((&failing["status"], &failing["causes"][0]["status"]), (&json!("failing"), &json!(500)));
            assert_eq!(failing["failing_endpoints"][0]["failing_since"], reason["since"]);
            let ready = world.anyone.get("/readyz").await.unwrap();
            assert_eq!((ready.status, &ready.body["ready"]), (200, &json!(true)), "readiness is no status");
            assert_eq!(status(&other).await["status"], "ok", "another tenant");

            let all = world.anyone.with_key(&world.key("*", &["jobs:read"]).await.1).get("/v1/status").await.unwrap();
            assert_eq!(only_reason(&all.body)["tenant"], json!(tenant.name));
            assert_eq!((&all.body["tenant"], &all.body["usage"]["estimated"]), (&Value::Null, &json!(true)));
            let queues: Vec<_> = all.body["queues"]
                .as_array()
                .expect("this runtime reports them")
                .iter()
                .map(|it| &it["queue"])
                .collect();
            assert_eq!(queues, ["HINTS", "EXPRESS_HINTS", "TASK_HINTS"]);

            tenant.endpoint("orders", "/ok", json!({})).await;
            assert_eq!(tenant.complete(&to_endpoint("orders")).await["state"], "succeeded");
            let recovered = status(&tenant).await;
            let reason = only_reason(&recovered);
            assert_eq!((&reason["level"], &reason["code"]), (&json!("degraded"), &json!("dead_letters")));
            let replay = tenant.act(&format!("/v1/dead-letters/{dead}/replay")).await;
            assert_eq!(tenant.ended(&id_of(&replay.body)).await["state"], "succeeded");
            assert_eq!(status(&tenant).await["status"], "ok");
        },
    );
}
