//! Erasing a tenant and a subject through the API: no store has their data afterwards, and other tenants keep theirs.

use std::time::Duration;

use longshore_kit::client::{Client, eventually};
use longshore_kit::scratch::Scratch;
use serde_json::{Value, json};

use crate::http::routes::yearly;
use crate::support::refusal::{NOT_FOUND, UNAUTHENTICATED, assert_refused, parameter};
use crate::support::sinks::{Sink, forms, stores};
use crate::support::tenant::{Tenant, id_of};
use crate::support::world::{World, block_on, options_in, shared};

/// Longest erasure: ids may be minted 20 s off, and be accepted 20 s off that, and no erasure ends before.
const DONE_WITHIN: Duration = Duration::from_mins(2);

/// Text in all data of the erased tenant, and nowhere else.
const OF_THE_ERASED: &str = "canary-of-the-erased";
const OF_THE_SUBJECT: &str = "canary-of-the-subject";
const OF_THE_OTHERS: &str = "canary-of-the-others";

/// A job with a canary in every member that a caller may write.
fn job(tenant: &Tenant<'_>, behaviour: &str, canary: &str, subject: &str) -> Value {
    let mut job = tenant.webhook(behaviour);
    job["payload"]["body"] = json!({"said": canary});
    job["metadata"] = json!({"subject": subject, "note": canary});
    job["group"] = json!(canary);
    job["event_id"] = json!(format!("{canary}-{}", tenant.name));
    job["max_attempts"] = json!(1);
    job
}

/// Creates delivered, dead and scheduled jobs, an endpoint and a schedule. Returns the ids of the first two jobs.
async fn fill(tenant: &Tenant<'_>, canary: &str, subject: &str) -> [String; 2] {
    tenant.endpoint("orders", "/ok", json!({"headers": {"x-canary": canary}})).await;
    let mut schedule = yearly(tenant);
    (schedule["metadata"], schedule["payload"]["body"]) = (json!({"subject": subject}), json!(canary));
    assert_eq!(tenant.api.put("/v1/schedules/report", &schedule).await.unwrap().status, 200);
    let delivered = tenant.complete(&job(tenant, "/ok", canary, subject)).await;
    let dead = tenant.complete(&job(tenant, "/status/500", canary, subject)).await;
    assert_eq!((&delivered["state"], &dead["state"]), (&json!("succeeded"), &json!("dead")));
    let mut later = job(tenant, "/ok", canary, subject);
    (later["delay_seconds"], later["idempotency_key"]) = (json!(3_600), json!(canary));
    tenant.accept(&later).await;
    [id_of(&delivered), id_of(&dead)]
}

/// Sweeps until the erasure is done. Returns its receipt.
async fn done(world: &World, api: &Client, erasure: &Value) -> Value {
    let path = format!("/v1/erasures/{}", id_of(erasure));
    let found = eventually(DONE_WITHIN, async || {
        world.runner.tick_consumer().await.unwrap();
        let receipt = api.get(&path).await.unwrap();
        assert_eq!(receipt.status, 200, "{}", receipt.body);
        (receipt.body["state"] == "done").then_some(receipt.body)
    });
    found.await.expect("it is done within two minutes")
}

/// Places of these texts: in a column of D1, in an object or in the log.
async fn find(world: &World, folder: &std::path::Path, texts: &[&str]) -> Vec<String> {
    let forms: Vec<Vec<String>> = texts.iter().map(|text| forms(text.as_bytes())).collect();
    let mut sinks = stores(world, folder).await;
    // A file of SQLite keeps the bytes of deleted rows until their pages are reused; the rows are read instead.
    sinks.retain(|sink| !sink.name.contains("/d1/") && !sink.name.contains("-wal"));
    let tables =
        world.runner.query("SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB '[a-z]*'", vec![]);
    for table in tables.await.unwrap() {
        let name = table["name"].as_str().unwrap();
        if name.starts_with("sqlite_") {
            continue;
        }
        for row in world.runner.query(&format!("SELECT * FROM {name}"), vec![]).await.unwrap() {
            sinks.push(Sink::new(format!("table {name}"), json!(row).to_string().as_bytes()));
        }
    }
    sinks.iter().flat_map(|sink| forms.iter().filter_map(|forms| sink.find(forms))).collect()
}

#[test]
fn erased_data_is_in_no_store() {
    block_on(async {
        let scratch = Scratch::new("erasures").unwrap();
        let world = World::start(options_in(&scratch)).await;
        let (erased, other) = (world.tenant().await, world.tenant().await);
        world.runner.tick_producer().await.unwrap();
        world.runner.tick_consumer().await.unwrap();
        let gone = fill(&erased, OF_THE_ERASED, "someone").await;
        let person = fill(&other, OF_THE_SUBJECT, "a person/7").await;
        let kept = [
            id_of(&other.complete(&job(&other, "/ok", OF_THE_OTHERS, "another")).await),
            id_of(&other.complete(&job(&other, "/status/500", OF_THE_OTHERS, "another")).await),
        ];
        for canary in [OF_THE_ERASED, OF_THE_SUBJECT] {
            let found = find(&world, scratch.path(), &[canary]).await;
            assert!(found.iter().any(|text| text.starts_with("evidence/")), "{found:?}");
            assert!(found.iter().any(|text| text.starts_with("table jobs")), "{found:?}");
        }
        let before = [other.evidence(&kept[0], 1).await, other.evidence(&kept[1], 1).await];

        let subject = other.api.delete(&format!("/v1/tenants/{}/subjects/a%20person%2F7", other.name)).await.unwrap();
        assert_eq!((subject.status, &subject.body["subject"]), (202, &json!("a person/7")), "{}", subject.body);
        let path = format!("/v1/tenants/{}", erased.name);
        let all = world.anyone.with_key(&world.key("*", &["admin"]).await.1);
        let whole = erased.api.delete(&path).await.unwrap();
        assert_eq!((whole.status, &whole.body["state"]), (202, &json!("running")), "{}", whole.body);
        assert_eq!(whole.header("location"), Some(format!("/v1/erasures/{}", id_of(&whole.body)).as_str()));
        assert_refused("its keys are gone", &erased.api.get("/v1/jobs").await.unwrap(), UNAUTHENTICATED);
        let again = all.delete(&format!("{path}?tenant={}", erased.name)).await.unwrap();
        assert_eq!((again.status, &again.body["id"]), (202, &whole.body["id"]), "one run for both");

        let receipt = done(&world, &other.api, &subject.body).await;
        let counts = json!({"jobs": 3, "attempts": 2, "endpoints": 0, "schedules": 1, "keys": 0});
        assert_eq!(receipt["counts"], counts, "{receipt}");
        assert!(receipt["subject"].as_str().unwrap().starts_with("sha256:"), "{receipt}");
        let whole = again.body;
        let world_of = world.tenant_named(&erased.name).await;
        let receipt = done(&world, &world_of.api, &whole).await;
        let counts = json!({"jobs": 3, "attempts": 2, "endpoints": 1, "schedules": 1, "keys": 1});
        assert_eq!((&receipt["counts"], &receipt["subject"]), (&counts, &Value::Null), "{receipt}");

        let mut texts = vec![OF_THE_ERASED, "a person/7"];
        texts.extend(gone.iter().chain(&person).map(String::as_str));
        let found = find(&world, scratch.path(), &texts).await;
        // Log lines name the tenant and the job of a request; the platform keeps them for days.
        let found: Vec<_> = found.iter().filter(|text| !text.starts_with("the log")).collect();
        assert!(found.is_empty(), "{found:#?}");
        // The endpoint belongs to the tenant, and its header did not belong to the subject.
        let found = find(&world, scratch.path(), &[OF_THE_SUBJECT]).await;
        assert!(found.is_empty(), "{found:#?}");
        for (id, before) in kept.iter().zip(before) {
            assert_eq!(other.evidence(id, 1).await, before, "its hash still matches");
        }
        assert_eq!((other.count_jobs().await, erased.count_jobs().await), (2, 0));
        assert_refused("it is gone", &other.api.get(&format!("/v1/jobs/{}", person[0])).await.unwrap(), NOT_FOUND);
        assert_eq!(id_of(&other.read("/v1/endpoints/orders").await), "orders");
        world.runner.stop().await.unwrap();
    });
}

#[test]
fn subjects_that_no_job_can_have() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let long = "x".repeat(2_049);
        for subject in ["%00", "%ff", &long] {
            let answer = tenant.api.delete(&format!("/v1/tenants/{}/subjects/{subject}", tenant.name)).await.unwrap();
            assert_refused(subject, &answer, parameter("subject", "invalid-subject"));
        }
        assert_eq!(
            world.number("SELECT count(*) AS n FROM erasures WHERE tenant = ?1", vec![json!(tenant.name)]).await,
            0
        );
    });
}
