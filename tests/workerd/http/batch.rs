//! Batches, and the lists that show their jobs.

use std::collections::BTreeSet;
use std::time::Duration;

use longshore_kit::client::eventually;
use serde_json::{Value, json};

use crate::support::refusal::{TOO_LARGE, assert_problem, assert_refused, invalid};
use crate::support::tenant::{Tenant, id_of};
use crate::support::world::shared;

#[test]
fn good_and_bad_jobs_in_one_batch() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let bad = json!({"kind": "webhook", "payload": {"url": "https://10.0.0.1/"}});
        let batch = json!({"jobs": [tenant.webhook("/ok"), bad, 7, tenant.webhook("/ok"), {"kind": "webhook"}]});
        let answer = tenant.api.post("/v1/jobs/batch", &batch).await.unwrap();
        assert_eq!(answer.status, 200);
        assert_eq!(answer.body["summary"], json!({"accepted": 2, "duplicates": 0, "rejected": 3}));
        let results = answer.body["results"].as_array().unwrap();
        for (index, result) in results.iter().enumerate() {
            assert_eq!(result["index"], index);
            let accepted = index == 0 || index == 3;
            assert_eq!(
                (result["status"] == 202, result["id"].is_string(), result["problem"].is_null()),
                (accepted, accepted, accepted)
            );
        }
        assert_problem("1", &results[1]["problem"], invalid("#/payload/url", "destination-blocked"));
        assert_problem("2", &results[2]["problem"], invalid("#", "invalid-type"));
        assert_problem("4", &results[4]["problem"], invalid("#/payload", "missing-field"));
        for index in [0, 3] {
            assert_eq!(tenant.ended(&id_of(&results[index])).await["state"], "succeeded");
        }
        assert_eq!((tenant.count_jobs().await, tenant.received().len()), (2, 2));
    });
}

#[test]
fn a_batch_has_one_to_a_thousand_jobs() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let range = invalid("#/jobs", "out-of-range");
        for jobs in [vec![], vec![tenant.webhook("/ok"); 1_001]] {
            let answer = tenant.api.post("/v1/jobs/batch", &json!({"jobs": jobs})).await.unwrap();
            assert_refused("batch", &answer, range);
        }
        let mut large = tenant.webhook("/ok");
        large["payload"]["body"] = json!("x".repeat(60_000));
        let answer = tenant.api.post("/v1/jobs/batch", &json!({"jobs": vec![large.clone(); 80]})).await.unwrap();
        assert_refused("4.8 MB", &answer, TOO_LARGE);
        assert_eq!(tenant.count_jobs().await, 0);
        // 3.6 MB are more than one parameter of a statement takes.
        let answer = tenant.api.post("/v1/jobs/batch", &json!({"jobs": vec![large; 60]})).await.unwrap();
        assert_eq!(answer.body["summary"], json!({"accepted": 60, "duplicates": 0, "rejected": 0}), "{}", answer.body);
        assert_all_end(&tenant, 60).await;
    });
}

/// A thousand jobs in one batch are delivered once each, and listed page by page.
#[test]
fn a_thousand_jobs() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let batch = json!({"jobs": vec![tenant.webhook("/ok"); 1_000]});
        let answer = tenant.api.post("/v1/jobs/batch", &batch).await.unwrap();
        assert_eq!(answer.body["summary"], json!({"accepted": 1_000, "duplicates": 0, "rejected": 0}));
        let ids: BTreeSet<String> = answer.body["results"].as_array().unwrap().iter().map(id_of).collect();
        assert_eq!(ids.len(), 1_000);
        assert_all_end(&tenant, 1_000).await;
        let received: BTreeSet<String> =
            tenant.received().iter().map(|request| request.webhook_id().to_owned()).collect();
        assert_eq!((tenant.received().len(), &received), (1_000, &ids));
        let listed = list(&tenant, "/v1/jobs?limit=100").await;
        assert!(listed.is_sorted_by(|one, next| one > next), "the newest first, each once");
        assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), ids);
    });
}

async fn assert_all_end(tenant: &Tenant<'_>, jobs: u64) {
    let done = eventually(Duration::from_mins(2), async || (tenant.count_succeeded().await == jobs).then_some(()));
    assert!(done.await.is_some(), "all {jobs} end");
}

async fn list(tenant: &Tenant<'_>, path: &str) -> Vec<String> {
    let (mut ids, mut next) = (Vec::new(), path.to_owned());
    loop {
        let page = tenant.read(&next).await;
        let data = page["data"].as_array().unwrap();
        assert!(data.iter().all(|job| job["payload"] == Value::Null), "lists have no payloads");
        ids.extend(data.iter().map(id_of));
        match page["next_cursor"].as_str() {
            Some(cursor) => next = format!("{path}&cursor={cursor}"),
            None => return ids,
        }
    }
}

#[test]
fn filters_narrow_a_list() {
    shared(async |world| {
        let tenant = world.tenant().await;
        tenant.endpoint("orders", "/status/500", json!({"max_attempts": 1})).await;
        let mut grouped = tenant.webhook("/ok");
        grouped["group"] = json!("g");
        let mut event = json!({"kind": "webhook", "endpoint": "orders", "payload": {}});
        event["event_id"] = json!("evt");
        let mut ids = Vec::new();
        for job in [tenant.webhook("/ok"), grouped, event] {
            ids.push(tenant.accept(&job).await);
        }
        for id in &ids {
            tenant.ended(id).await;
        }
        let time = |id: &str| {
            let at = longshore::wire::time::parse_rfc3339(id).unwrap();
            longshore::wire::time::rfc3339(at + 1)
        };
        let second = tenant.job(&ids[1]).await["created_at"].as_str().unwrap().to_owned();
        let cases = [
            ("state=dead".to_owned(), vec![2]),
            ("state=succeeded".to_owned(), vec![1, 0]),
            ("group=g".to_owned(), vec![1]),
            ("endpoint=orders".to_owned(), vec![2]),
            ("event_id=evt".to_owned(), vec![2]),
            ("kind=webhook".to_owned(), vec![2, 1, 0]),
            ("kind=webhook&state=succeeded&group=g".to_owned(), vec![1]),
            ("state=running".to_owned(), vec![]),
            (format!("created_after={second}"), vec![2, 1]),
            (format!("created_before={}", time(&second)), vec![1, 0]),
        ];
        for (filter, expected) in cases {
            let expected: Vec<_> = expected.into_iter().map(|index: usize| ids[index].clone()).collect();
            assert_eq!(list(&tenant, &format!("/v1/jobs?limit=2&{filter}")).await, expected, "{filter}");
        }
    });
}
