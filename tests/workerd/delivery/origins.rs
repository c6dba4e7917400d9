//! Origin of a job: its trace continues to its destination, and a chain of jobs that create one another ends.

use longshore::limits::HOPS_MAX;
use longshore_kit::client::eventually;
use serde_json::{Value, json};

use crate::support::refusal::{assert_refused, invalid};
use crate::support::tenant::{SOON, id_of};
use crate::support::world::shared;

const GIVEN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// Each attempt is a separate span in the caller's trace; an unreadable header starts no trace.
#[test]
fn each_attempt_is_in_the_trace_of_its_request() {
    shared(async |world| {
        let tenant = world.tenant().await;
        tenant.endpoint("orders", "/fail-times/1", json!({"schedule": "fast"})).await;
        let job = json!({"kind": "webhook", "endpoint": "orders", "payload": {"body": 1}});
        let accepted = tenant.api.post_with("/v1/jobs", &[("traceparent", GIVEN)], &job).await.unwrap();
        assert_eq!(accepted.status, 202, "{}", accepted.text);
        let done = tenant.ended(&id_of(&accepted.body)).await;
        assert_eq!(done["traceparent"], GIVEN);
        let sent: Vec<String> =
            tenant.received().iter().map(|request| request.header("traceparent").unwrap().to_owned()).collect();
        assert_eq!(sent.len(), 2);
        assert!(sent.iter().all(|sent| sent[..36] == GIVEN[..36] && sent[52..] == GIVEN[52..]), "{sent:?}");
        assert!(sent[0] != sent[1] && !sent.contains(&GIVEN.to_owned()), "{sent:?}");
        assert!(tenant.received().iter().all(|request| request.header("longshore-hops") == Some("1")));
        let evidence = tenant.evidence(&id_of(&done), 1).await;
        assert!(evidence.to_string().contains(&sent[0]), "{evidence}");
    });
}

/// The field `traceparent` overrides the header. A wrong field is refused, a wrong header is ignored.
#[test]
fn a_job_names_its_trace() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let own = GIVEN.replace("4bf9", "5bf9");
        let mut job = tenant.webhook("/ok");
        job["traceparent"] = json!(own);
        let batch = json!({"jobs": [job, tenant.webhook("/ok")]});
        let answer = tenant.api.post_with("/v1/jobs/batch", &[("traceparent", GIVEN)], &batch).await.unwrap();
        let ids: Vec<String> = answer.body["results"].as_array().unwrap().iter().map(id_of).collect();
        assert_eq!(tenant.ended(&ids[0]).await["traceparent"], own.as_str());
        assert_eq!(tenant.ended(&ids[1]).await["traceparent"], GIVEN);
        let headers = [("traceparent", "00-00-00-00"), ("tracestate", "a=1"), ("longshore-hops", "0")];
        let answer = tenant.api.post_with("/v1/jobs", &headers, &tenant.webhook("/ok")).await.unwrap();
        assert_eq!(tenant.ended(&id_of(&answer.body)).await["traceparent"], Value::Null);
        let untraced: Vec<_> = tenant.received();
        let untraced: Vec<_> = untraced.iter().filter(|request| request.header("traceparent").is_none()).collect();
        assert_eq!((untraced.len(), untraced[0].header("tracestate")), (1, None));
        job["traceparent"] = json!(&own[1..]);
        let answer = tenant.api.post("/v1/jobs", &job).await.unwrap();
        assert_refused("a traceparent", &answer, invalid("#/traceparent", "invalid-traceparent"));
    });
}

/// A webhook to Longshore itself that creates another such webhook, and so on, with real requests.
#[test]
fn a_loop_of_jobs_ends() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let (_, key) = world.key(&tenant.name, &["jobs:write"]).await;
        let circle = json!({
            "url": format!("{}/v1/jobs", world.runner.url()), "headers": {"Authorization": format!("Bearer {key}")},
            "dead_letter_on": ["http_4xx"],
        });
        let made = tenant.api.put("/v1/endpoints/circle", &circle).await.unwrap();
        assert_eq!(made.status, 200, "{}", made.text);
        let around = |body: Value| json!({"kind": "webhook", "endpoint": "circle", "payload": {"body": body}});
        let job = (0..HOPS_MAX + 3).fold(tenant.webhook("/ok"), |job, _| around(job));
        tenant.accept(&job).await;
        let dead = eventually(SOON, async || {
            tenant.read("/v1/dead-letters").await["data"].as_array().unwrap().first().cloned()
        });
        let dead = dead.await.expect("the chain ends");
        assert_eq!((&dead["reason"], &dead["error"]["class"]), (&json!("not_retryable"), &json!("http_4xx")));
        assert_eq!(u64::from(HOPS_MAX), tenant.count_jobs().await);
        assert_eq!((tenant.count_succeeded().await, tenant.received().len()), (u64::from(HOPS_MAX) - 1, 0));
        let evidence = tenant.evidence(&id_of(&dead), 1).await.to_string();
        assert!(evidence.contains("loop-detected"), "{evidence}");
    });
}

/// The trace keeps its `tracestate`; a later version of the header is sent as version 00 with the known flags.
#[test]
fn a_trace_keeps_its_tracestate() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let later = format!("cc{}ff-a-later-member", &GIVEN[2..53]);
        let headers = [("traceparent", later.as_str()), ("tracestate", "rojo=00f067aa0ba902b7, congo=t61rcWkgMzE")];
        let answer = tenant.api.post_with("/v1/jobs", &headers, &tenant.webhook("/ok")).await.unwrap();
        let done = tenant.ended(&id_of(&answer.body)).await;
        assert_eq!(done["traceparent"], format!("{}03", &GIVEN[..53]));
        let sent = &tenant.received()[0];
        let traceparent = sent.header("traceparent").unwrap();
        assert!(traceparent[..36] == GIVEN[..36] && traceparent.ends_with("-03"), "{traceparent}");
        assert_eq!(sent.header("tracestate"), Some("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"));
        let malformed = [("traceparent", GIVEN), ("tracestate", "A=1")];
        let answer = tenant.api.post_with("/v1/jobs", &malformed, &tenant.webhook("/ok")).await.unwrap();
        tenant.ended(&id_of(&answer.body)).await;
        let sent = &tenant.received()[1];
        assert_eq!(
            (sent.header("tracestate"), sent.header("traceparent").map(|text| &text[..36])),
            (None, Some(&GIVEN[..36]))
        );
    });
}

/// An unreadable hop count is refused, because such a chain would never end.
#[test]
fn unreadable_hops_are_refused() {
    shared(async |world| {
        let tenant = world.tenant().await;
        for hops in ["ten", "10.5", "4294967296", "9, 10", "+5", "-1"] {
            let headers = [("longshore-hops", hops)];
            let answer = tenant.api.post_with("/v1/jobs", &headers, &tenant.webhook("/ok")).await.unwrap();
            let kind = &answer.body["type"];
            assert_eq!((answer.status, kind), (400, &json!("urn:problem-type:longshore:invalid-header")), "{hops}");
        }
        assert_eq!(tenant.count_jobs().await, 0);
    });
}
