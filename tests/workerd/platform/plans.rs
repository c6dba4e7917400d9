//! The profile of the free plan, which is the shipped default. All other tests run the paid plan.

use serde_json::json;

use crate::support::refusal::{TOO_LARGE, assert_refused};
use crate::support::tenant::id_of;
use crate::support::world::alone;

#[test]
fn the_free_plan() {
    alone(
        "free",
        |options| "free".clone_into(&mut options.plan),
        async |world| {
            let tenant = world.tenant().await;
            let mut large = tenant.webhook("/ok");
            large["payload"]["body"] = json!("x".repeat(64 * 1024));
            assert_refused("64 KiB and its quotes", &tenant.api.post("/v1/jobs", &large).await.unwrap(), TOO_LARGE);
            large["payload"]["body"] = json!("x".repeat(65_000));
            let batch = json!({"jobs": [large, tenant.webhook("/ok"), tenant.webhook("/ok"), tenant.webhook("/ok"), tenant.webhook("/ok")]});
            let answer = tenant.api.post("/v1/jobs/batch", &batch).await.unwrap();
            assert_eq!(
                answer.body["summary"],
                json!({"accepted": 5, "duplicates": 0, "rejected": 0}),
                "{}",
                answer.body
            );
            let ids: Vec<_> = answer.body["results"].as_array().unwrap().iter().map(id_of).collect();
            for id in &ids {
                assert_eq!(tenant.ended(id).await["state"], "succeeded");
            }
            assert_eq!(tenant.received().len(), 5);
            // On this plan, evidence keeps 16 KiB of a body, and its true length.
            let evidence = tenant.evidence(&ids[0], 1).await;
            let request = &evidence["request"];
            assert_eq!(request["body"].as_str().unwrap().len(), 16 * 1024);
            assert_eq!((&request["body_bytes"], &request["body_truncated"]), (&json!(65_000), &json!(true)));
            world.runner.tick_consumer().await.unwrap();
            // More jobs than one invocation takes: the rest is hinted again and again.
            let many = json!({"jobs": vec![tenant.webhook("/ok"); 23]});
            let answer = tenant.api.post("/v1/jobs/batch", &many).await.unwrap();
            for result in answer.body["results"].as_array().unwrap() {
                assert_eq!(tenant.ended(&id_of(result)).await["state"], "succeeded");
            }
            assert_eq!(tenant.received().len(), 28);
            let dead = tenant.dead_letter().await;
            let letter = tenant.read(&format!("/v1/dead-letters/{dead}")).await;
            let days = |field: &str| {
                longshore::wire::time::parse_rfc3339(letter[field].as_str().unwrap()).unwrap() / 86_400_000
            };
            assert_eq!(days("expires_at") - days("died_at"), 14);
        },
    );
}
