//! Resends of finished jobs: the receiver gets the same event again, as long as its payload was kept.

use longshore::limits::PAYLOAD_INLINE_BYTES;
use serde_json::{Value, json};

use crate::support::refusal::{BAD_KEY, FORBIDDEN, ILLEGAL, KEY_REUSED, NOT_FOUND, Refusal, assert_refused, refusal};
use crate::support::tenant::{Tenant, id_of, to_endpoint};
use crate::support::world::shared;

const PAYLOAD_GONE: Refusal = refusal(409, "payload-gone");

fn resend_of(id: &str) -> String {
    format!("/v1/jobs/{id}/resend")
}

/// Resends a job and waits until the new one has ended.
async fn resent(tenant: &Tenant<'_>, id: &str) -> Value {
    let answer = tenant.act(&resend_of(id)).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    let new = id_of(&answer.body);
    assert_eq!(answer.header("location"), Some(&*format!("/v1/jobs/{new}")));
    assert_eq!(answer.header("idempotency-replayed"), None);
    assert_eq!((&answer.body["state"], &answer.body["replay_of"]), (&json!("queued"), &json!(id)));
    tenant.ended(&new).await
}

#[test]
fn a_delivered_webhook_is_resent() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let endpoint = tenant.endpoint("orders", "/ok", json!({"keep_payload": true})).await;
        assert_eq!(endpoint["keep_payload"], true);
        assert_eq!(tenant.read("/v1/endpoints/orders").await["keep_payload"], true);
        let mut job = to_endpoint("orders");
        job["payload"]["headers"] = json!({"authorization": "Bearer canary", "x-plain": "plain"});
        (job["group"], job["metadata"]) = (json!("import"), json!({"order": 17}));
        let first = tenant.complete(&job).await;
        let id = id_of(&first);
        assert_eq!(first["payload"]["headers"], json!({"authorization": "[sealed]", "x-plain": "plain"}));
        assert_eq!((&first["state"], &first["payload"]["body"]), (&json!("succeeded"), &json!({"n": 1})));
        for _ in 0..2 {
            let again = resent(&tenant, &id).await;
            assert_eq!((&again["state"], &again["event_id"]), (&json!("succeeded"), &json!(id)));
            for field in ["kind", "endpoint", "payload", "metadata", "group", "max_attempts"] {
                assert_eq!(again[field], first[field], "{field}");
            }
        }
        assert_eq!(tenant.job(&id).await, first, "the job itself does not change");
        let received = tenant.received();
        assert_eq!(received.len(), 3);
        for request in &received {
            assert_eq!((request.webhook_id(), &request.body[..]), (id.as_str(), &b"{\"n\":1}"[..]));
            assert_eq!(request.header("authorization"), Some("Bearer canary"));
        }
        let group = tenant.read("/v1/groups/import").await;
        assert_eq!((&group["total"], &group["succeeded"]), (&json!(3), &json!(3)));
    });
}

#[test]
fn a_large_payload_is_resent() {
    shared(async |world| {
        let tenant = world.tenant().await;
        tenant.endpoint("orders", "/ok", json!({"keep_payload": true})).await;
        let mut job = to_endpoint("orders");
        let body = "é".repeat(PAYLOAD_INLINE_BYTES);
        (job["payload"]["body"], job["payload"]["method"]) = (json!(body), json!("PUT"));
        let first = tenant.complete(&job).await;
        let id = id_of(&first);
        assert!(
            first["payload_bytes"].as_u64().is_some_and(|bytes| bytes > 2 * PAYLOAD_INLINE_BYTES as u64),
            "{first}"
        );
        let again = resent(&tenant, &id).await;
        assert_eq!((&again["state"], &again["payload_bytes"]), (&json!("succeeded"), &first["payload_bytes"]));
        let received = tenant.received();
        assert_eq!(received.len(), 2);
        for request in &received {
            assert!(request.body == body && request.method == "PUT" && request.webhook_id() == id);
        }
        let keys = world.runner.r2_keys().await.unwrap();
        for owner in [&id, &id_of(&again)] {
            assert!(keys.contains(&format!("payloads/{owner}/{}", tenant.name)), "every job owns its object");
        }
    });
}

#[test]
fn a_job_without_its_payload_is_not_resent() {
    shared(async |world| {
        let (tenant, other) = (world.tenant().await, world.tenant().await);
        let endpoint = tenant.endpoint("orders", "/ok", json!({})).await;
        assert_eq!(endpoint["keep_payload"], false);
        let done = tenant.complete(&to_endpoint("orders")).await;
        assert_eq!(done["payload"], Value::Null);
        let answer = tenant.act(&resend_of(&id_of(&done))).await;
        assert_refused("no payload was kept", &answer, PAYLOAD_GONE);
        assert!(answer.body["detail"].as_str().unwrap().contains("`keep_payload: true` on its endpoint"));
        let bare = id_of(&tenant.complete(&tenant.webhook("/ok")).await);
        assert_refused("a bare url", &tenant.act(&resend_of(&bare)).await, PAYLOAD_GONE);
        let dead = tenant.dead_letter().await;
        let answer = tenant.act(&resend_of(&dead)).await;
        assert_refused("a dead letter", &answer, ILLEGAL);
        assert!(answer.body["detail"].as_str().unwrap().contains(&format!("/v1/dead-letters/{dead}/replay")));
        let mut later = to_endpoint("orders");
        later["delay_seconds"] = json!(3_600);
        let waiting = tenant.accept(&later).await;
        let answer = tenant.act(&resend_of(&waiting)).await;
        assert_refused("what waits", &answer, ILLEGAL);
        assert!(answer.body["detail"].as_str().unwrap().contains("is `scheduled`; only a finished job"));
        for (what, api) in [("a stranger's", &other.api), ("an unknown", &tenant.api)] {
            let id = if what == "an unknown" { "job_0001ARZ3NDEKTSV4RRFFQ69G5FAV" } else { &waiting };
            let answer = api.request("POST", &resend_of(id), &[], Vec::new()).await.unwrap();
            assert_refused(what, &answer, NOT_FOUND);
        }
        let writer = tenant.api.with_key(&world.key(&tenant.name, &["jobs:write", "jobs:read"]).await.1);
        let answer = writer.request("POST", &resend_of(&waiting), &[], Vec::new()).await.unwrap();
        assert_refused("without the scope", &answer, FORBIDDEN);
        // A cancelled job was never sent: its payload exists even if its endpoint keeps none.
        assert_eq!(tenant.act(&format!("/v1/jobs/{waiting}/cancel")).await.status, 200);
        assert_eq!(resent(&tenant, &waiting).await["state"], "succeeded");
        assert_eq!(tenant.count_jobs().await, 5);
    });
}

#[test]
fn a_key_resends_a_job_once() {
    shared(async |world| {
        let tenant = world.tenant().await;
        tenant.endpoint("orders", "/ok", json!({"keep_payload": true})).await;
        let [one, other] = [(); 2].map(|()| to_endpoint("orders"));
        let (one, other) = (id_of(&tenant.complete(&one).await), id_of(&tenant.complete(&other).await));
        let ask = async |id: &str, key: &str| {
            tenant.api.request("POST", &resend_of(id), &[("idempotency-key", key)], Vec::new()).await.unwrap()
        };
        let first = ask(&one, "again").await;
        assert_eq!((first.status, first.header("idempotency-replayed")), (202, None), "{}", first.body);
        let new = id_of(&first.body);
        assert_eq!(first.body["idempotency_key"], "again");
        tenant.ended(&new).await;
        for key in ["again", "\"again\""] {
            let repeat = ask(&one, key).await;
            assert_eq!((repeat.status, repeat.header("idempotency-replayed")), (202, Some("true")), "{}", repeat.body);
            assert_eq!(repeat.header("location"), first.header("location"));
            assert_eq!((id_of(&repeat.body), &repeat.body["state"]), (new.clone(), &json!("succeeded")));
        }
        assert_refused("another job", &ask(&other, "again").await, KEY_REUSED);
        assert_refused("no key", &ask(&one, "\"\"").await, BAD_KEY);
        let post = tenant.api.post_with("/v1/jobs", &[("idempotency-key", "again")], &to_endpoint("orders")).await;
        assert_refused("another request", &post.unwrap(), KEY_REUSED);
        assert_eq!((tenant.count_jobs().await, tenant.received().len()), (3, 3));
    });
}
