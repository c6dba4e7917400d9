//! Idempotency keys: one key is one job for all callers, as long as its window lasts.

use std::time::Duration;

use futures_util::future::join_all;
use longshore_kit::client::eventually;
use serde_json::{Value, json};

use crate::support::refusal::{KEY_REUSED, assert_problem, assert_refused, invalid};
use crate::support::tenant::{SOON, id_of, in_ms, to_endpoint};
use crate::support::world::shared;

#[test]
fn fifty_posts_with_one_key_are_one_job() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let (key, job) = ([("idempotency-key", "\"order-1\"")], tenant.webhook("/ok"));
        let answers = join_all((0..50).map(|_| tenant.api.post_with("/v1/jobs", &key, &job))).await;
        let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
        for answer in &answers {
            assert_eq!((answer.status, &answer.body), (202, &answers[0].body));
            assert_eq!(answer.header("location"), answers[0].header("location"));
        }
        let replayed = answers.iter().filter(|answer| answer.header("idempotency-replayed") == Some("true"));
        assert_eq!(replayed.count(), 49);
        let id = id_of(&answers[0].body);
        assert_eq!(tenant.ended(&id).await["state"], "succeeded");
        assert_eq!((tenant.count_jobs().await, tenant.received().len()), (1, 1));
        // The same answer after the job has ended, and with the other spelling of the key.
        let late = tenant.api.post_with("/v1/jobs", &[("idempotency-key", "order-1")], &job).await.unwrap();
        assert_eq!((late.status, &late.body), (202, &answers[0].body));
        let listed = tenant.read("/v1/jobs?idempotency_key=order-1").await;
        assert_eq!((listed["data"].as_array().unwrap().len(), &listed["data"][0]["id"]), (1, &json!(id)));
    });
}

/// The order of fields and the space between them do not matter; a header and a field are the same key.
#[test]
fn the_same_request_written_differently() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let url = tenant.url("/ok");
        let texts = [
            format!(
                r#"{{"kind":"webhook","payload":{{"url":"{url}","method":"PUT","headers":{{"a":"1","b":"2"}}}},"idempotency_key":"k"}}"#
            ),
            format!(
                r#"{{ "idempotency_key": "k", "payload": {{"headers": {{"b":"2","a":"1"}}, "method":"PUT", "url":"{url}"}}, "kind": "webhook" }}"#
            ),
        ];
        let mut ids = Vec::new();
        for text in texts {
            let headers = [("content-type", "application/json"), ("idempotency-key", "another")];
            let answer = tenant.api.request("POST", "/v1/jobs", &headers, text.into_bytes()).await.unwrap();
            assert_eq!(answer.status, 202, "{}", answer.body);
            ids.push(id_of(&answer.body));
        }
        assert_eq!(ids[0], ids[1], "the field overrides the header");
        assert_eq!(tenant.count_jobs().await, 1);
    });
}

/// Milliseconds from a request to its deadline: enough for a loaded machine to accept it in time.
const DEADLINE_MS: i64 = 10_000;

/// A repeat after its deadline gets its job, alone, in a batch and as lines; a new request is refused.
#[test]
fn a_repeat_is_answered_after_its_deadline() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let mut job = tenant.webhook("/ok");
        job["deadline_at"] = json!(in_ms(DEADLINE_MS));
        let post = async |path: &str, key: &str, media_type: &str, body: String| {
            let headers = [("content-type", media_type), ("idempotency-key", key)];
            tenant.api.request("POST", path, &headers, body.into_bytes()).await.unwrap()
        };
        let single = async || post("/v1/jobs", "k", "application/json", job.to_string()).await;
        let batch = async || {
            let body = json!({"jobs": [job, tenant.webhook("/ok")]}).to_string();
            post("/v1/jobs/batch", "b", "application/json", body).await
        };
        let lines = async || post("/v1/jobs/batch", "l", "application/x-ndjson", format!("{job}\n{job}\n")).await;
        let first = (single().await, batch().await, lines().await);
        assert_eq!((first.0.status, first.0.header("idempotency-replayed")), (202, None), "{}", first.0.text);
        assert_eq!(first.1.body["summary"], json!({"accepted": 2, "duplicates": 0, "rejected": 0}), "{}", first.1.text);
        assert!(first.2.text.contains(r#""accepted":2"#), "{}", first.2.text);
        let deadline = job["deadline_at"].as_str().unwrap();
        let passed = eventually(Duration::from_mins(1), async || (in_ms(0).as_str() > deadline).then_some(()));
        passed.await.expect("its deadline passes");
        let late = tenant.api.post("/v1/jobs", &job).await.unwrap();
        assert_refused("without a key", &late, invalid("#/deadline_at", "in-the-past"));
        let again = (single().await, batch().await, lines().await);
        assert_eq!((again.0.status, again.0.header("idempotency-replayed")), (202, Some("true")), "{}", again.0.text);
        assert_eq!(again.0.body, first.0.body);
        assert_eq!(again.1.body["summary"], json!({"accepted": 0, "duplicates": 2, "rejected": 0}), "{}", again.1.text);
        assert!(
            again.2.text.contains(r#""rejected":0"#) && again.2.text.contains(r#""duplicates":2"#),
            "{}",
            again.2.text
        );
        let counted = tenant.count_jobs().await;
        let mut other = job.clone();
        other["payload"]["body"] = json!("another");
        let reused = post("/v1/jobs", "k", "application/json", other.to_string()).await;
        assert_refused("another body", &reused, KEY_REUSED);
        let new = post("/v1/jobs", "new", "application/json", job.to_string()).await;
        assert_refused("a new key", &new, invalid("#/deadline_at", "in-the-past"));
        assert_eq!(tenant.count_jobs().await, counted);
    });
}

/// The body is compared as JSON, and sent byte for byte as it was first written.
#[test]
fn a_repeat_in_another_order_sends_the_first_bytes() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let url = tenant.url("/ok");
        let written = r#"{ "b" : [1.50, {"d":"x", "c":null}] ,"a": "\u0041" }"#;
        let post = async |body: &str| {
            let headers = [("content-type", "application/json"), ("idempotency-key", "k")];
            let text = format!(r#"{{"kind":"webhook","payload":{{"url":"{url}","body":{body}}}}}"#);
            tenant.api.request("POST", "/v1/jobs", &headers, text.into_bytes()).await.unwrap()
        };
        let first = post(written).await;
        let again = post(r#"{"a":"\u0041","b":[1.50,{"c":null,"d":"x"}]}"#).await;
        assert_eq!((again.status, again.header("idempotency-replayed")), (202, Some("true")), "{}", again.text);
        assert_eq!(again.body, first.body);
        for other in [
            r#"{"a":"\u0041","b":[1.5,{"c":null,"d":"x"}]}"#,
            r#"{"a":"A","b":[1.50,{"c":null,"d":"x"}]}"#,
            r#"{"a":"\u0041","b":[1.50,{"d":"x"}]}"#,
            r#"{"a":"\u0041","b":[{"c":null,"d":"x"},1.50]}"#,
        ] {
            assert_refused(other, &post(other).await, KEY_REUSED);
        }
        assert_eq!(tenant.ended(&id_of(&first.body)).await["state"], "succeeded");
        let received = tenant.received();
        assert_eq!((received.len(), &received[0].body[..]), (1, written.as_bytes()));
    });
}

/// The scope of a key is the tenant, the kind and the endpoint.
#[test]
fn a_key_is_unique_per_tenant_and_endpoint() {
    shared(async |world| {
        let (one, two) = (world.tenant().await, world.tenant().await);
        let key = [("idempotency-key", "k")];
        let mut ids = Vec::new();
        for tenant in [&one, &two] {
            tenant.endpoint("a", "/ok", json!({})).await;
            tenant.endpoint("b", "/ok", json!({})).await;
            for job in [to_endpoint("a"), to_endpoint("b"), tenant.webhook("/ok")] {
                let answer = tenant.api.post_with("/v1/jobs", &key, &job).await.unwrap();
                assert_eq!((answer.status, answer.header("idempotency-replayed")), (202, None));
                ids.push(id_of(&answer.body));
            }
        }
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 6);
        assert_eq!(one.read("/v1/jobs?idempotency_key=k").await["data"].as_array().unwrap().len(), 3);
    });
}

#[test]
fn a_key_is_free_when_its_window_has_ended() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let mut job = tenant.webhook("/ok");
        job["idempotency_key"] = json!("k");
        job["idempotency_window_seconds"] = json!(1);
        let first = tenant.accept(&job).await;
        let next = eventually(SOON, async || Some(tenant.accept(&job).await).filter(|id| *id != first)).await;
        let next = next.expect("the window ends after a second");
        assert_eq!(tenant.count_jobs().await, 2);
        // The old job still exists without its key; the key is free for another request too.
        assert_eq!(tenant.ended(&first).await["idempotency_key"], Value::Null);
        assert_eq!(tenant.ended(&next).await["state"], "succeeded");
    });
}

#[test]
fn one_key_twice_in_a_batch_is_one_job() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let mut job = tenant.webhook("/ok");
        job["idempotency_key"] = json!("k");
        let mut other = tenant.webhook("/elsewhere");
        other["idempotency_key"] = json!("k");
        let batch = json!({"jobs": [job, job, other, tenant.webhook("/ok")]});
        let answer = tenant.api.post("/v1/jobs/batch", &batch).await.unwrap();
        assert_eq!(answer.body["summary"], json!({"accepted": 2, "duplicates": 1, "rejected": 1}), "{}", answer.body);
        let results = answer.body["results"].as_array().unwrap();
        assert_eq!(results[0]["id"], results[1]["id"]);
        assert_eq!((&results[0]["duplicate"], &results[1]["duplicate"]), (&json!(false), &json!(true)));
        assert_problem("another request", &results[2]["problem"], KEY_REUSED);
        assert_eq!(tenant.count_jobs().await, 2);
        let answer = tenant.api.post("/v1/jobs/batch", &batch).await.unwrap();
        assert_eq!(
            answer.body["summary"],
            json!({"accepted": 1, "duplicates": 2, "rejected": 1}),
            "only the job without a key"
        );
    });
}

/// One key for a whole batch gives each of its jobs a key by its position.
#[test]
fn one_key_for_a_whole_batch() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let key = [("idempotency-key", "import-1")];
        let batch =
            json!({"jobs": [tenant.webhook("/ok"), tenant.webhook("/elsewhere"), {"kind": "none", "payload": 1}]});
        let post = async || tenant.api.post_with("/v1/jobs/batch", &key, &batch).await.unwrap();
        let answers = join_all((0..10).map(|_| post())).await;
        let ids = |answer: &longshore_kit::client::Answer| {
            answer.body["results"].as_array().unwrap().iter().map(|result| result["id"].clone()).collect::<Vec<_>>()
        };
        assert!(answers.iter().all(|answer| answer.status == 200 && ids(answer) == ids(&answers[0])));
        let accepted: u64 = answers.iter().map(|answer| answer.body["summary"]["accepted"].as_u64().unwrap()).sum();
        assert_eq!((accepted, tenant.count_jobs().await), (2, 2));
        // Key of the second job, spelt out.
        let single = tenant
            .api
            .post_with("/v1/jobs", &[("idempotency-key", "import-1:1")], &tenant.webhook("/elsewhere"))
            .await
            .unwrap();
        assert_eq!((single.status, &single.body["id"]), (202, &ids(&answers[0])[1]));
        let swapped = json!({"jobs": [tenant.webhook("/elsewhere")]});
        let answer = tenant.api.post_with("/v1/jobs/batch", &key, &swapped).await.unwrap();
        assert_problem("another job at its position", &answer.body["results"][0]["problem"], KEY_REUSED);
    });
}

/// A refused request does not take its key.
#[test]
fn a_refused_request_leaves_its_key_free() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let key = [("idempotency-key", "k")];
        let mut bad = tenant.webhook("/ok");
        bad["max_attempts"] = json!(0);
        let refused = tenant.api.post_with("/v1/jobs", &key, &bad).await.unwrap();
        assert_eq!(refused.status, 422);
        let unknown = tenant.api.post_with("/v1/jobs", &key, &to_endpoint("nowhere")).await.unwrap();
        assert_eq!(unknown.status, 422);
        let good = tenant.api.post_with("/v1/jobs", &key, &tenant.webhook("/ok")).await.unwrap();
        assert_eq!((good.status, good.header("idempotency-replayed")), (202, None));
        let other = tenant.api.post_with("/v1/jobs", &key, &tenant.webhook("/elsewhere")).await.unwrap();
        assert_refused("the key is taken now", &other, KEY_REUSED);
    });
}
