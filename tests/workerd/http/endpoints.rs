//! Endpoints: created, changed, listed, deleted; their secrets, and the state of their receiver.

use serde_json::{Value, json};
use standardwebhooks::Webhook;

use crate::support::refusal::{NOT_FOUND, assert_refused, invalid};
use crate::support::tenant::to_endpoint;
use crate::support::world::shared;

#[test]
fn an_endpoint_from_creation_to_deletion() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let request = json!({
            "headers": {"X-Own": "canary"}, "timeout_seconds": 7, "connections": 5, "schedule": "fast", "max_attempts": 3, "evidence": "failures",
            "keep_payload": true, "dead_letter_on": ["http_4xx"], "redact": {"headers": ["x-a"], "body_pointers": ["/b"]},
        });
        let made = tenant.endpoint("orders", "/ok", request.clone()).await;
        let expected = json!({
            "id": "orders", "tenant": tenant.name, "state": "active", "paused_reason": null, "url": tenant.url("/ok"),
            "service": null, "path": null,
            "headers": [{"name": "x-own", "value": null}], "timeout_seconds": 7, "connections": 5, "schedule": "fast",
            "max_attempts": 3, "evidence": "failures", "keep_payload": true, "dead_letter_on": ["http_4xx"], "redact": request["redact"], "failing_since": null,
            "last_success_at": null, "secret_rotated_at": null, "created_at": made["created_at"], "updated_at": made["updated_at"],
        });
        assert_eq!(made, expected);
        assert_eq!(tenant.read("/v1/endpoints/orders").await, made);
        assert_eq!(tenant.read("/v1/endpoints").await["data"], json!([made]));
        // A field that is left out gets its default again.
        let changed = tenant.endpoint("orders", "/ok", json!({})).await;
        assert_eq!((&changed["headers"], &changed["timeout_seconds"]), (&json!([]), &json!(20)));
        assert_eq!((&changed["keep_payload"], &changed["connections"]), (&json!(false), &json!(2)));
        assert_eq!((&changed["schedule"], &changed["max_attempts"]), (&json!("webhook-standard"), &json!(10)));
        assert_eq!(changed["created_at"], made["created_at"]);
        let deleted = tenant.api.delete("/v1/endpoints/orders").await.unwrap();
        assert_eq!((deleted.status, deleted.body), (204, Value::Null));
        assert_refused("deleted", &tenant.api.get("/v1/endpoints/orders").await.unwrap(), NOT_FOUND);
        assert_refused("again", &tenant.api.delete("/v1/endpoints/orders").await.unwrap(), NOT_FOUND);
        assert_eq!(tenant.read("/v1/endpoints").await["data"], json!([]));
        let job = tenant.api.post("/v1/jobs", &to_endpoint("orders")).await.unwrap();
        assert_refused("a job for it", &job, invalid("#/endpoint", "unknown-endpoint"));
    });
}

/// A test delivery is a logged job whose answer comes back; a failed one leaves no dead letter.
#[test]
fn a_test_delivery_shows_what_came_back() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let test = async || tenant.act("/v1/endpoints/orders/test").await;
        assert_refused("no endpoint", &test().await, NOT_FOUND);
        tenant.endpoint("orders", "/says/200/thank-you", json!({})).await;
        let passed = test().await;
        assert_eq!(passed.status, 200, "{}", passed.body);
        let (job, answer) = (&passed.body["job"], &passed.body["evidence"]["response"]);
        assert_eq!(
            (&job["state"], &answer["status"], &answer["body"]),
            (&json!("succeeded"), &json!(200), &json!("thank you"))
        );
        let [received] = &tenant.received()[..] else { panic!("one request") };
        let body: Value = serde_json::from_slice(&received.body).unwrap();
        assert_eq!((&body["type"], &body["data"]["endpoint"]), (&json!("longshore.test"), &json!("orders")));
        assert!(received.header("webhook-signature").is_some());

        tenant.endpoint("orders", "/says/503/closed-today", json!({"max_attempts": 9})).await;
        let failed = test().await.body;
        let job = &failed["job"];
        assert_eq!(
            (&job["state"], &job["attempts"], &job["dead_letter_state"]),
            (&json!("dead"), &json!(1), &json!("discarded"))
        );
        assert_eq!(failed["evidence"]["response"]["body"], json!("closed today"));
        assert_eq!(tenant.read("/v1/dead-letters").await["data"], json!([]));
        assert_eq!(tenant.read("/v1/causes").await["data"], json!([]));

        assert_eq!(tenant.act("/v1/endpoints/orders/pause").await.status, 200);
        let held = test().await.body;
        assert_eq!((&held["job"]["state"], &held["evidence"]), (&json!("held"), &Value::Null));
    });
}

/// Jobs of a deleted endpoint die with an error that names it, and can be replayed once it exists again.
#[test]
fn the_jobs_of_a_deleted_endpoint_die() {
    shared(async |world| {
        let tenant = world.tenant().await;
        tenant.endpoint("orders", "/ok", json!({})).await;
        let before = tenant.read("/v1/endpoints/orders/secret").await;
        tenant.act("/v1/endpoints/orders/pause").await;
        let id = tenant.accept(&to_endpoint("orders")).await;
        tenant.until(&id, "held").await;
        assert_eq!(tenant.api.delete("/v1/endpoints/orders").await.unwrap().status, 204);
        let dead = tenant.ended(&id).await;
        assert_eq!((&dead["state"], &dead["error"]["class"]), (&json!("dead"), &json!("config")), "{dead}");
        assert!(tenant.received().is_empty());
        tenant.endpoint("orders", "/ok", json!({})).await;
        assert_ne!(tenant.read("/v1/endpoints/orders/secret").await["secret"], before["secret"]);
        let replay = tenant.act(&format!("/v1/dead-letters/{id}/replay")).await;
        let done = tenant.ended(replay.body["id"].as_str().unwrap()).await;
        assert_eq!((&done["state"], &done["event_id"]), (&json!("succeeded"), &json!(id)));
    });
}

/// Both secrets sign for 24 hours after a rotation, so that receivers can switch at any time.
#[test]
fn both_secrets_sign_after_a_rotation() {
    shared(async |world| {
        let tenant = world.tenant().await;
        tenant.endpoint("orders", "/ok", json!({})).await;
        let first = tenant.read("/v1/endpoints/orders/secret").await["secret"].clone();
        let rotated = tenant.act("/v1/endpoints/orders/secret/rotate").await;
        assert_eq!((rotated.status, &rotated.body["previous_secret"]), (200, &first));
        let second = rotated.body["secret"].clone();
        assert_ne!(second, first);
        assert_eq!(tenant.read("/v1/endpoints/orders/secret").await, rotated.body);
        assert!(tenant.read("/v1/endpoints/orders").await["secret_rotated_at"].is_string());
        tenant.complete(&to_endpoint("orders")).await;
        let received = tenant.received().pop().unwrap();
        assert_eq!(received.header("webhook-signature").unwrap().split(' ').count(), 2);
        for secret in [&first, &second] {
            let webhook = Webhook::new(secret.as_str().unwrap()).unwrap();
            webhook.verify(&received.body, &received.headers).unwrap();
        }
        let third = tenant.act("/v1/endpoints/orders/secret/rotate").await;
        tenant.complete(&to_endpoint("orders")).await;
        let received = tenant.received().pop().unwrap();
        let verifies = |secret: &Value| {
            Webhook::new(secret.as_str().unwrap()).unwrap().verify(&received.body, &received.headers).is_ok()
        };
        assert!(verifies(&third.body["secret"]) && verifies(&second) && !verifies(&first), "at most two secrets sign");
    });
}

/// Requests to a bare URL are signed too, with a secret of the tenant.
#[test]
fn a_bare_url_is_signed_with_the_tenants_secret() {
    shared(async |world| {
        let (one, two) = (world.tenant().await, world.tenant().await);
        let secret = one.read("/v1/secret").await;
        assert_eq!(secret["previous_secret"], Value::Null);
        assert_ne!(two.read("/v1/secret").await["secret"], secret["secret"]);
        one.complete(&one.webhook("/ok")).await;
        let received = one.received().pop().unwrap();
        let webhook = Webhook::new(secret["secret"].as_str().unwrap()).unwrap();
        webhook.verify(&received.body, &received.headers).unwrap();
    });
}

/// Endpoints of two tenants with the same name have different secrets.
#[test]
fn secrets_differ_between_tenants_and_endpoints() {
    shared(async |world| {
        let (one, two) = (world.tenant().await, world.tenant().await);
        let mut secrets = Vec::new();
        for (tenant, name) in [(&one, "orders"), (&one, "other"), (&two, "orders")] {
            tenant.endpoint(name, "/ok", json!({})).await;
            let secret = tenant.read(&format!("/v1/endpoints/{name}/secret")).await["secret"].clone();
            assert!(secret.as_str().unwrap().starts_with("whsec_"));
            assert!(!secrets.contains(&secret));
            secrets.push(secret);
        }
    });
}

#[test]
fn an_endpoint_shows_the_state_of_its_receiver() {
    shared(async |world| {
        let tenant = world.tenant().await;
        tenant.endpoint("orders", "/fail-times/1", json!({"schedule": "fast"})).await;
        let id = tenant.accept(&to_endpoint("orders")).await;
        tenant.until(&id, "retrying").await;
        let failing = tenant.read("/v1/endpoints/orders").await;
        assert!(failing["failing_since"].is_string() && failing["last_success_at"].is_null(), "{failing}");
        tenant.ended(&id).await;
        let well = tenant.read("/v1/endpoints/orders").await;
        assert!(well["failing_since"].is_null() && well["last_success_at"].is_string(), "{well}");
    });
}

#[test]
fn endpoints_are_listed_in_pages() {
    shared(async |world| {
        let tenant = world.tenant().await;
        for name in ["c", "a", "B", "b", "a-1"] {
            tenant.endpoint(name, "/ok", json!({})).await;
        }
        let (mut names, mut path) = (Vec::new(), "/v1/endpoints?limit=2".to_owned());
        loop {
            let page = tenant.read(&path).await;
            names.extend(page["data"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()));
            match page["next_cursor"].as_str() {
                Some(cursor) => path = format!("/v1/endpoints?limit=2&cursor={cursor}"),
                None => break,
            }
        }
        assert_eq!(names, ["B", "a", "a-1", "b", "c"]);
    });
}
