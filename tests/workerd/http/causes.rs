//! Causes: an incident of many jobs is one line for each thing that went wrong, until it is dealt with.

use serde_json::{Value, json};

use crate::support::refusal::{NOT_FOUND, assert_refused, invalid, parameter};
use crate::support::tenant::{Tenant, id_of, to_endpoint};
use crate::support::world::shared;

/// Lets three jobs fail with texts that differ in a number, and one with another text. Returns the first three.
async fn incident(tenant: &Tenant<'_>) -> Vec<String> {
    let mut failed = Vec::new();
    for words in ["order-17-is-locked", "order-18-is-locked", "order-19-is-locked"] {
        let mut job = tenant.webhook(&format!("/says/409/{words}"));
        job["max_attempts"] = json!(1);
        failed.push(id_of(&tenant.complete(&job).await));
    }
    tenant.endpoint("pay", "/says/402/no-funds", json!({"max_attempts": 1})).await;
    assert_eq!(tenant.complete(&to_endpoint("pay")).await["state"], "dead");
    failed
}

fn texts(page: &Value) -> Vec<&str> {
    page["data"].as_array().unwrap().iter().map(|cause| cause["text"].as_str().unwrap()).collect()
}

#[test]
fn an_incident_is_a_line_for_each_cause() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let failed = incident(&tenant).await;
        let page = tenant.read("/v1/causes").await;
        assert_eq!(texts(&page), ["no funds", "order # is locked"], "the newest first");
        let locked = &page["data"][1];
        assert_eq!(locked["dead"], json!({"count": 3, "at_least": false}));
        assert_eq!(locked["retrying"]["count"], 0);
        for (name, expected) in [
            ("kind", json!("webhook")),
            ("endpoint", Value::Null),
            ("host", json!("127.0.0.1")),
            ("class", json!("http_4xx")),
            ("fault", json!("destination")),
            ("status", json!(409)),
            ("state", json!("open")),
            ("sample_job", json!(failed[2])),
        ] {
            assert_eq!(locked[name], expected, "{name}");
        }
        let id = locked["id"].as_str().unwrap();
        assert_eq!(tenant.job(&failed[0]).await["cause"], json!(id));
        for list in ["dead-letters", "jobs"] {
            let listed = tenant.read(&format!("/v1/{list}?cause={id}")).await;
            let mut ids: Vec<_> = listed["data"].as_array().unwrap().iter().map(id_or_job).collect();
            ids.sort();
            let mut all = failed.clone();
            all.sort();
            assert_eq!(ids, all, "{list}");
        }
        assert_eq!(texts(&tenant.read("/v1/causes?endpoint=pay").await), ["no funds"]);
        assert_eq!(texts(&tenant.read("/v1/causes?kind=image.resize").await), Vec::<&str>::new());
        assert_eq!(texts(&tenant.read("/v1/causes?since=2099-01-01T00:00:00Z").await), Vec::<&str>::new());
    });
}

/// The id of a job, or of the job of a dead letter.
fn id_or_job(item: &Value) -> String {
    item.get("job_id").unwrap_or(&item["id"]).as_str().unwrap().to_owned()
}

#[test]
fn a_cause_is_resolved_comes_back_and_is_ignored() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let dead = tenant.dead_letter().await;
        let path = format!("/v1/causes/{}", tenant.cause_of(&dead).await);
        let resolved = tenant.act(&format!("{path}/resolve")).await;
        assert_eq!((resolved.status, &resolved.body["state"]), (200, &json!("resolved")));
        assert_eq!(tenant.read("/v1/causes").await["data"], json!([]));
        assert_eq!(tenant.read("/v1/causes?state=resolved").await["data"][0], resolved.body);
        tenant.dead_letter().await;
        let back = tenant.read(&path).await;
        assert!(back["state"] == "open" && back["came_back_at"].is_string(), "{back}");
        let ignored = tenant.api.post(&format!("{path}/ignore"), &json!({"seconds": 3_600})).await.unwrap();
        assert!(ignored.body["state"] == "ignored" && ignored.body["ignored_until"].is_string(), "{}", ignored.body);
        assert_eq!(tenant.act(&format!("{path}/reopen")).await.body["state"], "open");
    });
}

#[test]
fn wrong_requests_about_causes_are_refused() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let dead = tenant.dead_letter().await;
        let path = format!("/v1/causes/{}/ignore", tenant.cause_of(&dead).await);
        for (body, code) in [(json!({"seconds": 0}), "out-of-range"), (json!({"seconds": 31_622_401}), "out-of-range")]
        {
            let answer = tenant.api.post(&path, &body).await.unwrap();
            assert_refused(&body.to_string(), &answer, invalid("#/seconds", code));
        }
        for (query, name, code) in [
            ("state=gone", "state", "unknown-value"),
            ("since=yesterday", "since", "invalid-time"),
            ("job=1", "job", "unknown-parameter"),
        ] {
            let answer = tenant.api.get(&format!("/v1/causes?{query}")).await.unwrap();
            assert_refused(query, &answer, parameter(name, code));
        }
        for path in ["/v1/causes/cause_unknown", "/v1/causes/%00"] {
            assert_refused(path, &tenant.api.get(path).await.unwrap(), NOT_FOUND);
        }
        assert_refused("resolve", &tenant.act("/v1/causes/cause_unknown/resolve").await, NOT_FOUND);
    });
}
