//! Large payloads: a megabyte arrives byte for byte, is put once, and is deleted with its job.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use longshore::model::job::mint_id;
use longshore_kit::client::eventually;
use longshore_kit::runner::{Faults, Mode};
use serde_json::{Value, json};

use crate::support::refusal::{TOO_LARGE, assert_refused, refusal};
use crate::support::tenant::{SOON, Tenant, id_of, to_endpoint};
use crate::support::world::{each, shared, with_faults};

/// Largest payload in bytes on the plan of the tests.
const PAYLOAD_BYTES: usize = 1024 * 1024;

/// A text of this many bytes without long repetitions.
fn text_of(bytes: usize) -> String {
    let numbers: String = (0_u32..).map(|n| format!("{n} é ")).take(bytes / 4).collect();
    let mut text: String = numbers
        .chars()
        .scan(0, |used, c| {
            *used += c.len_utf8();
            (*used <= bytes).then_some(c)
        })
        .collect();
    text.push_str(&"x".repeat(bytes - text.len()));
    text
}

/// Adds a body to a job so that its payload has exactly this many bytes.
fn filled(mut job: Value, bytes: usize) -> Value {
    job["payload"]["body"] = json!("");
    let rest = bytes - job["payload"].to_string().len();
    job["payload"]["body"] = json!(text_of(rest));
    assert_eq!(job["payload"].to_string().len(), bytes);
    job
}

/// Keys of the tenant's objects.
async fn objects(tenant: &Tenant<'_>) -> Vec<String> {
    let end = format!("/{}", tenant.name);
    let keys = tenant.world.runner.r2_keys().await.unwrap();
    keys.into_iter().filter(|key| key.starts_with("payloads/") && key.ends_with(&end)).collect()
}

#[test]
fn a_megabyte_arrives_byte_for_byte() {
    shared(async |world| {
        let json_body = format!(r#"{{"b" : 1.10,"text":{}, "a":[ ]}}"#, json!(text_of(500_000)));
        let bytes: Vec<u8> = text_of(300_000).bytes().map(|byte| byte.wrapping_mul(7)).collect();
        let text = filled(json!({"payload": {"url": world.receiver.url("/ok/tenant-0000")}}), PAYLOAD_BYTES);
        let text = text["payload"]["body"].as_str().unwrap().to_owned();
        let cases = [
            (format!(r#""body":{json_body}"#), json_body.clone().into_bytes()),
            (format!(r#""body":{}"#, json!(text)), text.clone().into_bytes()),
            (format!(r#""body_base64":"{}""#, STANDARD.encode(&bytes)), bytes),
        ];
        each(cases, async |(body, expected)| {
            let tenant = world.tenant().await;
            let job = format!(r#"{{"kind":"webhook","payload":{{"url":"{}",{body}}}}}"#, tenant.url("/ok"));
            let headers = [("content-type", "application/json")];
            let answer = tenant.api.request("POST", "/v1/jobs", &headers, job.into_bytes()).await.unwrap();
            assert_eq!(answer.status, 202, "{}", answer.body);
            let id = id_of(&answer.body);
            let done = tenant.ended(&id).await;
            let object = world.runner.r2_get(&format!("payloads/{id}/{}", tenant.name)).await.unwrap().unwrap();
            assert_eq!((&done["state"], &done["payload_bytes"]), (&json!("succeeded"), &json!(object.len())), "{done}");
            assert!(object.len() > expected.len());
            let received = tenant.received();
            assert!(received.len() == 1 && received[0].body == expected, "{} bytes", received[0].body.len());
            let request = tenant.evidence(&id, 1).await["request"].clone();
            assert_eq!((&request["body_bytes"], &request["body_truncated"]), (&json!(expected.len()), &json!(true)));
        })
        .await;
    });
}

#[test]
fn a_large_task_is_posted_as_it_was_written() {
    shared(async |world| {
        let tenant = world.tenant().await;
        tenant.endpoint("handler", "/ok", json!({})).await;
        let payload = json!({"text": text_of(200_000)});
        let task = json!({"kind": "report.build", "endpoint": "handler", "payload": payload, "delay_seconds": 3_600});
        let id = tenant.accept(&task).await;
        let waiting = tenant.job(&id).await;
        let bytes = payload.to_string().len();
        assert_eq!((&waiting["payload"], &waiting["payload_bytes"]), (&Value::Null, &json!(bytes)), "{waiting}");
        assert_eq!(tenant.act(&format!("/v1/jobs/{id}/retry")).await.status, 202);
        assert_eq!(tenant.ended(&id).await["state"], "succeeded");
        assert_eq!(tenant.received()[0].body, payload.to_string());
    });
}

#[test]
fn a_payload_that_is_too_large_is_refused() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let webhook = || json!({"kind": "webhook", "payload": {"url": tenant.url("/ok")}});
        let post = async |job: &Value| tenant.api.post("/v1/jobs", job).await.unwrap();
        let answer = post(&filled(webhook(), PAYLOAD_BYTES + 1)).await;
        assert_refused("one byte more", &answer, TOO_LARGE);
        assert!(answer.body["detail"].as_str().unwrap().contains("1048576"), "{}", answer.body);
        let mut headed = filled(webhook(), 100_000);
        for n in 0..20 {
            headed["payload"]["headers"][format!("x-{n}")] = json!("h".repeat(4_000));
        }
        let answer = post(&headed).await;
        assert_refused("large without its body", &answer, TOO_LARGE);
        assert!(answer.body["detail"].as_str().unwrap().contains("without its body"), "{}", answer.body);
        let mut schedule = filled(webhook(), 70_000);
        schedule["cron"] = json!("@daily");
        let answer = tenant.api.put("/v1/schedules/large", &schedule).await.unwrap();
        assert_refused("a schedule", &answer, TOO_LARGE);
        assert!(answer.body["detail"].as_str().unwrap().contains("schedule"), "{}", answer.body);
        assert_eq!((tenant.count_jobs().await, objects(&tenant).await.len()), (0, 0));
    });
}

#[test]
fn repeats_of_a_large_job_put_once() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let job = filled(json!({"kind": "webhook", "payload": {"url": tenant.url("/ok")}}), PAYLOAD_BYTES);
        let post =
            async |job: &Value| tenant.api.post_with("/v1/jobs", &[("idempotency-key", "k")], job).await.unwrap();
        let first = post(&job).await;
        for _ in 0..3 {
            let again = post(&job).await;
            assert_eq!((again.status, &again.body), (202, &first.body));
            assert_eq!(again.header("idempotency-replayed"), Some("true"));
        }
        let mut other = job.clone();
        other["group"] = json!("other");
        assert_refused("another body", &post(&other).await, refusal(422, "idempotency-key-reused"));
        let stranger = tenant.api.with_key("ls_none").post("/v1/jobs", &job).await.unwrap();
        assert_eq!(stranger.status, 401);
        assert_eq!(objects(&tenant).await, [format!("payloads/{}/{}", id_of(&first.body), tenant.name)]);
        assert_eq!(tenant.ended(&id_of(&first.body)).await["state"], "succeeded");
        assert_eq!(tenant.received().len(), 1);
    });
}

/// A retry reads the object again; a replay gets a separate object, with the same bytes or with edited ones.
#[test]
fn a_large_job_is_retried_and_replayed() {
    shared(async |world| {
        let tenant = world.tenant().await;
        tenant.endpoint("orders", "/fail-times/1", json!({"schedule": "fast"})).await;
        let job = filled(to_endpoint("orders"), 300_000);
        let done = tenant.complete(&job).await;
        assert_eq!((&done["state"], &done["attempts"]), (&json!("succeeded"), &json!(2)));
        tenant.endpoint("orders", "/status/500", json!({"max_attempts": 1})).await;
        let dead = tenant.complete(&job).await;
        assert_eq!((&dead["state"], &dead["payload"]), (&json!("dead"), &json!({})));
        tenant.endpoint("orders", "/ok", json!({})).await;
        let answer = tenant.act(&format!("/v1/dead-letters/{}/replay", id_of(&dead))).await;
        assert_eq!(answer.status, 202, "{}", answer.body);
        let successor = tenant.ended(&id_of(&answer.body)).await;
        assert_eq!((&successor["state"], &successor["payload_bytes"]), (&json!("succeeded"), &dead["payload_bytes"]));
        let sent = job["payload"]["body"].as_str().unwrap();
        let received = tenant.received();
        assert_eq!(received.len(), 4);
        assert!(received.iter().all(|request| request.body == sent));
        assert_eq!(objects(&tenant).await.len(), 3, "one object for each job");
    });
}

/// A missing object store refuses large jobs, and accepted ones wait without spending an attempt.
#[test]
fn the_payload_store_fails() {
    with_faults("payloads", async |world| {
        let tenant = world.tenant().await;
        let mut job = filled(json!({"kind": "webhook", "payload": {"url": tenant.url("/ok")}}), 100_000);
        (job["max_attempts"], job["delay_seconds"]) = (json!(1), json!(3_600));
        world.runner.faults(&Faults { r2: Mode::Fail, ..Faults::default() }).await.unwrap();
        let answer = tenant.api.post("/v1/jobs", &job).await.unwrap();
        assert_refused("no object store", &answer, refusal(503, "unavailable"));
        assert_eq!(tenant.count_jobs().await, 0);
        world.runner.faults(&Faults::default()).await.unwrap();
        let id = tenant.accept(&job).await;
        world.runner.faults(&Faults { r2: Mode::Fail, ..Faults::default() }).await.unwrap();
        assert_eq!(tenant.act(&format!("/v1/jobs/{id}/retry")).await.status, 202);
        let waiting = tenant.until(&id, "retrying").await;
        let error = &waiting["error"];
        assert_eq!((&error["class"], &error["fault"]), (&json!("internal"), &json!("ours")), "{waiting}");
        world.runner.faults(&Faults::default()).await.unwrap();
        let done = tenant.ended(&id).await;
        assert_eq!((&done["state"], &done["attempts"]), (&json!("succeeded"), &json!(2)));
        assert_eq!(tenant.received().len(), 1);
    });
}

/// The object is deleted after its row; the walk deletes an object that never had a row, and no other.
#[test]
fn objects_are_deleted_after_their_rows() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let mut job = filled(json!({"kind": "webhook", "payload": {"url": tenant.url("/ok")}}), 100_000);
        job["delay_seconds"] = json!(3_600);
        let (leaves, stays) = (tenant.accept(&job).await, tenant.accept(&job).await);
        assert_eq!(tenant.act(&format!("/v1/jobs/{leaves}/cancel")).await.status, 200);
        let orphan = format!("payloads/{}/{}", mint_id(1_700_000_000_000, 7), tenant.name);
        world.runner.r2_put(&orphan, "x").await.unwrap();
        let query = async |sql: &str, params: Vec<Value>| drop(world.runner.query(sql, params).await.unwrap());
        query("DELETE FROM meta WHERE name LIKE 'payloads_walk%'", vec![]).await;
        query(
            "UPDATE jobs SET next_check_at = 1 WHERE tenant = ?1 AND id = ?2",
            vec![json!(tenant.name), json!(leaves)],
        )
        .await;
        let kept = vec![format!("payloads/{stays}/{}", tenant.name)];
        let left = eventually(SOON, async || (objects(&tenant).await == kept).then_some(()));
        assert!(left.await.is_some(), "{:?}", objects(&tenant).await);
        assert_eq!(tenant.count_jobs().await, 1);
    });
}
