//! Operators' actions: cancel, retry now, pause and resume an endpoint or everything.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use crate::support::refusal::{FORBIDDEN, assert_refused};
use crate::support::tenant::{id_of, in_ms, to_endpoint};
use crate::support::world::{alone, shared};

#[test]
fn a_waiting_job_is_cancelled_at_once() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let mut later = tenant.webhook("/ok");
        later["run_after"] = json!(in_ms(3_600_000));
        let scheduled = tenant.accept(&later).await;
        let retrying = tenant.accept(&tenant.webhook("/status/500")).await;
        tenant.until(&retrying, "retrying").await;
        tenant.endpoint("orders", "/ok", json!({})).await;
        tenant.act("/v1/endpoints/orders/pause").await;
        let held = tenant.accept(&to_endpoint("orders")).await;
        tenant.until(&held, "held").await;
        for id in [&scheduled, &retrying, &held] {
            let answer = tenant.act(&format!("/v1/jobs/{id}/cancel")).await;
            assert_eq!((answer.status, &answer.body["state"]), (200, &json!("cancelled")));
            assert!(answer.body["finished_at"].is_string());
            let again = tenant.act(&format!("/v1/jobs/{id}/cancel")).await;
            assert_eq!((again.status, again.body), (200, answer.body), "a repeat changes nothing");
        }
        tenant.act("/v1/endpoints/orders/resume").await;
        // A later job runs, and the cancelled ones do not.
        let sentinel = tenant.complete(&to_endpoint("orders")).await;
        assert_eq!(sentinel["state"], "succeeded");
        assert_eq!(tenant.received().len(), 2, "the first attempt of one, and the sentinel");
        assert_eq!(tenant.read("/v1/dead-letters").await["data"], json!([]));
    });
}

/// A running attempt cannot be interrupted; the job gets no further attempt.
#[test]
fn a_running_job_is_cancelled_after_its_attempt() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let payload = json!({"url": tenant.url("/hang-times/9"), "timeout_seconds": 2});
        let hanging = tenant.accept(&json!({"kind": "webhook", "payload": payload})).await;
        let slow = tenant.accept(&tenant.webhook("/slow/2000")).await;
        for id in [&hanging, &slow] {
            tenant.until(id, "running").await;
            let answer = tenant.act(&format!("/v1/jobs/{id}/cancel")).await;
            let asked = (answer.status, &answer.body["state"], &answer.body["cancel_requested"]);
            assert_eq!(asked, (200, &json!("running"), &json!(true)), "{}", answer.body);
            assert_eq!(tenant.act(&format!("/v1/jobs/{id}/cancel")).await.status, 200);
        }
        let cancelled = tenant.ended(&hanging).await;
        assert_eq!((&cancelled["state"], &cancelled["attempts"]), (&json!("cancelled"), &json!(1)), "{cancelled}");
        assert_eq!(tenant.ended(&slow).await["state"], "succeeded", "a delivered job succeeds");
    });
}

#[test]
fn a_retry_can_run_at_once() {
    shared(async |world| {
        let tenant = world.tenant().await;
        // The default schedule would wait 5 s, and then 5 minutes.
        let id = tenant.accept(&tenant.webhook("/fail-times/2")).await;
        for attempt in 1..=2 {
            let began = Instant::now();
            while tenant.until(&id, "retrying").await["attempts"] != attempt {
                assert!(began.elapsed() < Duration::from_mins(1));
            }
            let answer = tenant.act(&format!("/v1/jobs/{id}/retry")).await;
            assert_eq!(answer.status, 202, "{}", answer.body);
        }
        let done = tenant.ended(&id).await;
        assert_eq!((&done["state"], &done["attempts"]), (&json!("succeeded"), &json!(3)));
        let mut later = tenant.webhook("/ok");
        later["run_after"] = json!(in_ms(3_600_000));
        let scheduled = tenant.accept(&later).await;
        assert_eq!(tenant.act(&format!("/v1/jobs/{scheduled}/retry")).await.status, 202);
        assert_eq!(tenant.ended(&scheduled).await["state"], "succeeded");
    });
}

#[test]
fn a_paused_endpoint_holds_its_jobs() {
    shared(async |world| {
        let tenant = world.tenant().await;
        tenant.endpoint("orders", "/ok", json!({})).await;
        tenant.endpoint("other", "/elsewhere", json!({})).await;
        let paused = tenant.act("/v1/endpoints/orders/pause").await;
        assert_eq!((&paused.body["state"], &paused.body["paused_reason"]), (&json!("paused"), &json!("operator")));
        let jobs = json!({"jobs": [to_endpoint("orders"), to_endpoint("orders"), to_endpoint("other")]});
        let answer = tenant.api.post("/v1/jobs/batch", &jobs).await.unwrap();
        let ids: Vec<_> = answer.body["results"].as_array().unwrap().iter().map(id_of).collect();
        assert_eq!(tenant.ended(&ids[2]).await["state"], "succeeded", "another endpoint still works");
        for id in &ids[..2] {
            assert_eq!(tenant.until(id, "held").await["attempts"], 0);
        }
        assert_eq!(tenant.act("/v1/endpoints/orders/pause").await.status, 200, "a repeat changes nothing");
        assert_eq!(tenant.received().len(), 1);
        let resumed = tenant.act("/v1/endpoints/orders/resume").await;
        assert_eq!((&resumed.body["state"], &resumed.body["paused_reason"]), (&json!("active"), &json!(null)));
        for id in &ids[..2] {
            let done = tenant.ended(id).await;
            assert_eq!((&done["state"], &done["attempts"]), (&json!("succeeded"), &json!(1)));
        }
        assert_eq!(tenant.received().len(), 3);
    });
}

/// Jobs are still accepted while everything is paused.
#[test]
fn everything_can_be_paused() {
    alone(
        "paused",
        |options| options.tick_seconds = 1,
        async |world| {
            let (one, two) = (world.tenant().await, world.tenant().await);
            let all = world.anyone.with_key(&world.key("*", &["admin"]).await.1);
            let act = async |path: &str| all.request("POST", path, &[], Vec::new()).await.unwrap();
            for path in ["/v1/pause", "/v1/resume"] {
                assert_refused(path, &one.act(path).await, FORBIDDEN);
            }
            let paused = act("/v1/pause").await;
            assert_eq!((paused.status, &paused.body), (200, &json!({"paused": true})));
            let ids = [one.accept(&one.webhook("/ok")).await, two.accept(&two.webhook("/ok")).await];
            one.until(&ids[0], "held").await;
            two.until(&ids[1], "held").await;
            assert!(world.receiver.received().is_empty());
            let ready = world.anyone.get("/readyz").await.unwrap();
            assert_eq!(ready.body["paused"], true);
            assert_eq!(act("/v1/resume").await.body, json!({"paused": false}));
            assert_eq!(one.ended(&ids[0]).await["state"], "succeeded");
            assert_eq!(two.ended(&ids[1]).await["state"], "succeeded");
        },
    );
}
