//! The API's document against the running Workers: their answers match the documented ones, and they accept every
//! documented request.

use std::collections::{BTreeMap, BTreeSet};

use longshore::limits::plan::PAID;
use longshore::limits::{BATCH_BYTES_MAX, ENVELOPE_BYTES_MAX, REQUEST_BYTES_MAX};
use longshore::routes::Operation as Op;
use longshore::wire::ndjson::NDJSON;
use longshore_kit::client::{Answer, Client};
use longshore_tests::api_document::ApiDocument;
use serde_json::{Value, json};

use crate::delivery::tasks::deferred_job;
use crate::http::routes::{caller_of, send, walk};
use crate::support::route_table::{ROUTES, Route, RouteExt};
use crate::support::tenant::{Tenant, id_of};
use crate::support::world::{World, alone};

/// Answers so far, by operation.
struct Seen {
    document: ApiDocument,
    statuses: BTreeMap<(&'static str, &'static str), BTreeSet<u16>>,
}

impl Seen {
    /// Checks an answer against the document.
    #[track_caller]
    fn check(&mut self, route: &Route, answer: &Answer) {
        let Route { method, path, .. } = *route;
        let media = answer.header("content-type").and_then(|media| media.split(';').next());
        let bodies = match media {
            Some(NDJSON) => answer.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
            _ => vec![answer.body.clone()],
        };
        for body in bodies {
            let errors = self.document.errors_of_answer(method, path, answer.status, media, &body);
            assert!(errors.is_empty(), "{method} {path} {}: {errors:#?} in {body}", answer.status);
        }
        self.statuses.entry((method, path)).or_default().insert(answer.status);
    }

    /// Sends a request that must be refused with this status, as documented.
    async fn refused(&mut self, api: &Client, route: &Route, query: &str, body: &Request<'_>, status: u16) {
        let path = format!("{}{query}", route.path_of(body.id));
        let headers: &[_] = if body.media.is_empty() { &[] } else { &[("content-type", body.media)] };
        let send = || api.request(route.method, &path, headers, body.body.as_bytes().to_vec());
        let answer = match send().await {
            // A refusal may be sent before the body is read, and close the connection while the caller still writes.
            Err(error) if error.is_request() && status >= 400 => send().await.unwrap(),
            answer => answer.unwrap(),
        };
        assert_eq!(answer.status, status, "{} {path}: {}", route.method, answer.body);
        self.check(route, &answer);
    }
}

/// A request that must be refused.
#[derive(Debug, Clone, Copy)]
struct Request<'a> {
    id: &'a str,
    media: &'a str,
    body: &'a str,
}

#[test]
fn answers_match_the_document() {
    alone(
        "openapi",
        |_| {},
        async |world| {
            let tenant = world.tenant().await;
            world.runner.tick_producer().await.unwrap();
            world.runner.tick_consumer().await.unwrap();
            let mut seen = Seen { document: ApiDocument::generated(), statuses: BTreeMap::new() };
            let all = world.anyone.with_key(&world.key("*", &["admin"]).await.1);
            see_answers(&mut seen, world, &tenant).await;
            let reader = world.anyone.with_key(&world.key(&tenant.name, &["jobs:read"]).await.1);
            let writer = world.anyone.with_key(&world.key(&tenant.name, &["jobs:write"]).await.1);
            for route in ROUTES.iter().filter(|route| route.scope().is_some()) {
                let other =
                    if route.scope().is_some_and(|scope| scope.name() == "jobs:read") { &writer } else { &reader };
                see_refusals(&mut seen, route, world, other, &all).await;
            }
            see_conflicts(&mut seen, &tenant).await;
            let answers: usize = seen.statuses.values().map(BTreeSet::len).sum();
            println!("{} operations, {answers} pairs of operation and status", seen.statuses.len());
            for route in ROUTES {
                let statuses = &seen.statuses[&(route.method, route.path)];
                assert!(statuses.iter().any(|status| *status < 300), "{} {}", route.method, route.path);
                let refusals = statuses.iter().filter(|status| **status >= 400).count();
                assert!(route.scope().is_none() || refusals >= 3, "{} {}: {statuses:?}", route.method, route.path);
            }
        },
    );
}

/// Uses each route once; a paused endpoint and pages with a cursor are included.
async fn see_answers(seen: &mut Seen, world: &World, tenant: &Tenant<'_>) {
    let (_, dead) = (tenant.complete(&tenant.webhook("/ok")).await, tenant.dead_letter().await);
    for (path, id) in
        [("/v1/jobs/{id}", &dead), ("/v1/jobs/{id}/attempts", &dead), ("/v1/jobs/{id}/attempts/{n}/evidence", &dead)]
    {
        let route = find("GET", path);
        seen.check(route, &tenant.api.get(&route.path_of(id)).await.unwrap());
    }
    let page = tenant.api.get("/v1/jobs?limit=1").await.unwrap();
    assert!(page.body["next_cursor"].is_string(), "{}", page.body);
    seen.check(find("GET", "/v1/jobs"), &page);
    for (method, path, status, id) in walk(world, tenant).await {
        let route = find(method, path);
        let answer = send(&caller_of(route, &id, tenant).await, route, &id, "", tenant).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.body);
        seen.check(route, &answer);
    }
    let wrong = json!({"jobs": [tenant.webhook("/ok"), {"kind": "webhook", "payload": {"url": "x"}}, 7]});
    let batch = tenant.api.post("/v1/jobs/batch", &wrong).await.unwrap();
    assert_eq!((batch.status, &batch.body["summary"]["rejected"]), (200, &json!(2)), "{}", batch.body);
    seen.check(find("POST", "/v1/jobs/batch"), &batch);
}

fn find(method: &str, path: &str) -> &'static Route {
    ROUTES.iter().find(|route| route.method == method && route.path == path).expect("in the table")
}

/// Sends the requests that every operation of this form refuses.
async fn see_refusals(seen: &mut Seen, route: &Route, world: &World, other: &Client, all: &Client) {
    let nothing = Request { id: "nothing", media: "", body: "" };
    seen.refused(&world.anyone, route, "", &nothing, 401).await;
    seen.refused(other, route, "", &nothing, 403).await;
    seen.refused(all, route, "?tenant=a%20b", &nothing, 400).await;
    // Their bodies are required, and checked before the resource is looked up.
    let required = match route.operation() {
        Some(Op::Search) => r#"{"query": "words"}"#,
        Some(Op::IgnoreCause) => r#"{"seconds": 60}"#,
        _ => "",
    };
    if !required.is_empty() {
        let request = Request { media: "application/json", body: required, ..nothing };
        seen.refused(all, route, "?tenant=unknown", &request, 404).await;
    } else if route.names_resource() && !route.creates_resource() {
        seen.refused(all, route, "?tenant=unknown", &nothing, 404).await;
    }
    let operation = seen.document.operation(route.method, route.path).clone();
    let parameters = operation["parameters"].to_string();
    if parameters.contains("/cursor\"") {
        // The tenant must be the caller's where the path names one.
        let unknown = Request { id: "unknown", ..nothing };
        for query in ["?tenant=unknown&cursor=x", "?tenant=unknown&limit=0", "?tenant=unknown&misspelt=1"] {
            seen.refused(all, route, query, &unknown, 400).await;
        }
    }
    let Some(content) = operation.get("requestBody") else { return };
    if content["required"] == json!(false) || route.operation() == Some(Op::WriteDocuments) {
        // The resource in the path is looked up before a body is read: without it, 404 comes first.
        return;
    }
    let deep = "[".repeat(100);
    // A little more than the limit: the answer to much more may arrive before the body is written.
    let read = match route.path {
        "/v1/jobs/batch" => BATCH_BYTES_MAX,
        "/v1/jobs" => PAID.payload_bytes_max + ENVELOPE_BYTES_MAX,
        _ => REQUEST_BYTES_MAX + ENVELOPE_BYTES_MAX,
    };
    let large = format!("\"{}\"", "x".repeat(read));
    let json = "application/json";
    let id = "name";
    for (media, body, status) in [
        ("text/plain", "{}", 415),
        ("", "{}", 415),
        (json, "", 400),
        (json, "{", 400),
        (json, deep.as_str(), 400),
        (json, r#"{"unknown":1}"#, 422),
        (json, "7", 422),
        (json, large.as_str(), 413),
    ] {
        seen.refused(all, route, "?tenant=unknown", &Request { id, media, body }, status).await;
    }
}

/// Sends requests that depend on the state of a resource.
async fn see_conflicts(seen: &mut Seen, tenant: &Tenant<'_>) {
    let done = id_of(&tenant.complete(&tenant.webhook("/ok")).await);
    let gone = tenant.dead_letter().await;
    assert_eq!(tenant.act(&format!("/v1/dead-letters/{gone}/replay")).await.status, 202);
    for (path, id) in [
        ("/v1/jobs/{id}/cancel", &done),
        ("/v1/jobs/{id}/retry", &done),
        ("/v1/jobs/{id}/resend", &done),
        ("/v1/jobs/{id}/resend", &gone),
        ("/v1/jobs/{id}/complete", &gone),
        ("/v1/dead-letters/{id}/replay", &gone),
        ("/v1/dead-letters/{id}/discard", &gone),
    ] {
        let request = Request { id, media: "", body: "" };
        seen.refused(&tenant.api, find("POST", path), "", &request, 409).await;
    }
    let open = tenant.dead_letter().await;
    for (path, body) in
        [("/v1/dead-letters/{id}/replay", r#"{"paylod":{}}"#), ("/v1/dead-letters/{id}/discard", r#"{"note":7}"#)]
    {
        for (media, body, status) in
            [("application/json", body, 422), ("application/json", "{", 400), ("text/plain", "{}", 415)]
        {
            let request = Request { id: &open, media, body };
            seen.refused(&tenant.api, find("POST", path), "", &request, status).await;
        }
    }
    see_indexes(seen, tenant).await;
    let route = find("POST", "/v1/jobs");
    let (one, other) = (tenant.webhook("/ok"), tenant.webhook("/ok?other"));
    for (key, job, status) in [("k", &one, 202), ("k", &one, 202), ("k", &other, 422), ("\"\"", &one, 400)] {
        let answer = tenant.api.post_with(route.path, &[("idempotency-key", key)], job).await.unwrap();
        assert_eq!(answer.status, status, "{key}: {}", answer.body);
        seen.check(route, &answer);
    }
    let batch =
        tenant.api.post_with("/v1/jobs/batch", &[("idempotency-key", "\"\"")], &json!({"jobs": [one]})).await.unwrap();
    seen.check(find("POST", "/v1/jobs/batch"), &batch);
}

/// Sends requests that an existing index refuses.
async fn see_indexes(seen: &mut Seen, tenant: &Tenant<'_>) {
    let json = "application/json";
    for (body, status) in [(r#"{"provider":"builtin"}"#, 201), (r#"{"provider":"builtin"}"#, 200)] {
        let request = Request { id: "handbook", media: json, body };
        seen.refused(&tenant.api, find("PUT", "/v1/indexes/{name}"), "", &request, status).await;
    }
    for (method, path, query, media, body, status) in [
        ("PUT", "/v1/indexes/{name}", "", json, r#"{"provider":"builtin","chunk_chars":300}"#, 202),
        ("POST", "/v1/indexes/{name}/documents", "", json, "{}", 415),
        ("POST", "/v1/indexes/{name}/documents", "?group=a%20b", NDJSON, "{}", 400),
        ("POST", "/v1/indexes/{name}/documents", "?group=b", NDJSON, "{\"id\":\"a\",\"text\":\"b\"}\n{}", 200),
        ("POST", "/v1/indexes/{name}/search", "", json, r#"{"query":"b"}"#, 200),
        ("POST", "/v1/indexes/{name}/verify", "", json, r#"{"unknown":true}"#, 422),
        ("POST", "/v1/indexes/{name}/verify", "", "text/plain", "{}", 415),
    ] {
        seen.refused(&tenant.api, find(method, path), query, &Request { id: "handbook", media, body }, status).await;
    }
}

/// Each example of a request, sent as written. The pipeline is paused, so no job runs.
#[test]
fn every_example_of_a_request_is_accepted() {
    alone(
        "openapi-examples",
        |_| {},
        async |world| {
            let tenant = world.tenant().await;
            tenant.endpoint("orders", "/status/500", json!({"max_attempts": 1})).await;
            let to_orders = json!({"kind": "webhook", "endpoint": "orders", "payload": {}});
            let dead = id_of(&tenant.complete(&to_orders).await);
            let mut grouped = to_orders.clone();
            grouped["group"] = json!("example");
            tenant.accept(&grouped).await;
            let other = id_of(&tenant.complete(&to_orders).await);
            let (parked, overtaken) = (deferred_job(&tenant).await, deferred_job(&tenant).await);
            let cause = tenant.cause_of(&dead).await;
            let all = world.anyone.with_key(&world.key("*", &["admin"]).await.1);
            assert_eq!(all.request("POST", "/v1/pause", &[], Vec::new()).await.unwrap().status, 200);
            let document = ApiDocument::generated();
            let mut sent = 0;
            for route in ROUTES {
                for (name, example) in document.request_examples(route.method, route.path) {
                    let (id, api) = match route.path {
                        "/v1/dead-letters/{id}/replay" => (dead.as_str(), &tenant.api),
                        "/v1/dead-letters/{id}/discard" => (other.as_str(), &tenant.api),
                        "/v1/causes/{id}/ignore" => (cause.as_str(), &tenant.api),
                        "/v1/jobs/{id}/complete" => (parked.as_str(), &tenant.api),
                        "/v1/jobs/{id}/fail" => (overtaken.as_str(), &tenant.api),
                        "/v1/keys" | "/v1/restored" | "/v1/tenants/{id}/quota" => ("example", &all),
                        _ => ("example", &tenant.api),
                    };
                    let headers = [("content-type", "application/json")];
                    let body = example.to_string().into_bytes();
                    let answer = api.request(route.method, &route.path_of(id), &headers, body).await.unwrap();
                    let accepted = (200..300).contains(&answer.status)
                        && answer.body["summary"]["rejected"].as_u64().unwrap_or(0) == 0;
                    assert!(accepted, "{} {} {name}: {}", route.method, route.path, answer.body);
                    assert!(
                        document.operation(route.method, route.path)["responses"][answer.status.to_string()]
                            != Value::Null
                    );
                    sent += 1;
                }
            }
            assert!(sent >= 8, "{sent}");
            println!("{sent} examples of requests were accepted");
        },
    );
}
