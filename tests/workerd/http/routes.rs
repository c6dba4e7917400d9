//! Every route of the table: its answer on success, and the callers that it refuses.

use std::collections::BTreeSet;

use longshore::routes::Operation as Op;
use longshore::wire::ndjson::NDJSON;
use longshore_kit::client::{Answer, Client};
use serde_json::{Value, json};

use crate::delivery::tasks::deferred_job;
use crate::http::actions::running_action;
use crate::support::refusal::{NOT_FOUND, assert_refused};
use crate::support::route_table::{ROUTES, Route, RouteExt};
use crate::support::tenant::{Tenant, id_of, to_endpoint};
use crate::support::world::{World, alone, shared};

/// Sends a route's request, with a valid body for routes that read one.
pub(crate) async fn send(api: &Client, route: &Route, id: &str, query: &str, tenant: &Tenant<'_>) -> Answer {
    let path = format!("{}{query}", route.path_of(id));
    let body = match (route.method, route.path) {
        ("POST", "/v1/jobs") => tenant.webhook("/ok"),
        ("POST", "/v1/jobs/batch") => json!({"jobs": [tenant.webhook("/ok")]}),
        ("POST", "/v1/actions") => json!({"do": "discard", "filter": {"cause": "none"}}),
        ("PUT", "/v1/schedules/{id}") => yearly(tenant),
        ("PUT", "/v1/tenants/{id}/quota") => json!({"jobs_per_day": null}),
        ("PUT", "/v1/indexes/{name}") => json!({"provider": "builtin"}),
        ("POST", "/v1/indexes/{name}/search") => json!({"query": "some words"}),
        ("POST", "/v1/indexes/{name}/documents") => {
            let line = json!({"id": "a", "text": "some words"}).to_string().into_bytes();
            return api.request(route.method, &path, &[("content-type", NDJSON)], line).await.unwrap();
        }
        ("PUT", _) => json!({"url": tenant.url("/ok")}),
        ("POST", "/v1/jobs/{id}/fail") => json!({"message": "no"}),
        ("POST", "/v1/causes/{id}/ignore") => json!({"seconds": 60}),
        ("POST", "/v1/keys") => json!({"tenant": tenant.name, "scopes": ["jobs:read"]}),
        ("POST", "/v1/restored") => json!({"jobs": "hold"}),
        _ => return api.request(route.method, &path, &[], Vec::new()).await.unwrap(),
    };
    let headers = [("content-type", "application/json")];
    api.request(route.method, &path, &headers, body.to_string().into_bytes()).await.unwrap()
}

/// A schedule that does not run during the tests.
pub(crate) fn yearly(tenant: &Tenant<'_>) -> Value {
    let mut schedule = tenant.webhook("/ok");
    schedule["cron"] = json!("@yearly");
    schedule
}

/// Creates an index with the builtin provider.
pub(crate) async fn index(tenant: &Tenant<'_>, name: &str) {
    let made = tenant.api.put(&format!("/v1/indexes/{name}"), &json!({"provider": "builtin"})).await.unwrap();
    assert_eq!(made.status, 201, "{}", made.body);
}

/// A tenant's resources do not exist for another tenant, whose requests do not change them.
#[test]
fn no_route_shows_another_tenants_resources() {
    shared(async |world| {
        let (owner, stranger) = (world.tenant().await, world.tenant().await);
        owner.endpoint("orders", "/ok", json!({})).await;
        assert_eq!(owner.api.put("/v1/schedules/orders", &yearly(&owner)).await.unwrap().status, 200);
        index(&owner, "orders").await;
        let done = id_of(&owner.complete(&to_endpoint("orders")).await);
        let dead = owner.dead_letter().await;
        let mut later = owner.webhook("/ok");
        (later["delay_seconds"], later["group"]) = (json!(3_600), json!("orders"));
        let scheduled = owner.accept(&later).await;
        let (key, _) = world.key(&owner.name, &["jobs:read"]).await;
        let cause = owner.cause_of(&dead).await;
        let things = [&done, &dead, &scheduled, "orders", &key, &cause];
        let before = everything(&owner, &things[..3]).await;
        for route in ROUTES.iter().filter(|route| route.names_resource() && !route.creates_resource()) {
            for id in things {
                let answer = send(&stranger.api, route, id, "", &stranger).await;
                assert_refused(&format!("{} {}", route.method, route.path_of(id)), &answer, NOT_FOUND);
            }
        }
        // The stranger's endpoint of that name is a different one.
        stranger.endpoint("orders", "/elsewhere", json!({})).await;
        assert_eq!(everything(&owner, &things[..3]).await, before);
        for list in ["/v1/jobs", "/v1/dead-letters"] {
            assert_eq!(stranger.read(list).await["data"], json!([]), "{list}");
        }
        for filter in ["endpoint=orders", &format!("event_id={done}"), "kind=webhook"] {
            assert_eq!(stranger.read(&format!("/v1/jobs?{filter}")).await["data"], json!([]), "{filter}");
        }
    });
}

/// Everything that a tenant can read of its data.
pub(crate) async fn everything(tenant: &Tenant<'_>, jobs: &[&str]) -> Vec<Value> {
    let mut all = Vec::new();
    for job in jobs {
        all.push(tenant.job(job).await);
    }
    for list in [
        "/v1/dead-letters",
        "/v1/causes",
        "/v1/endpoints",
        "/v1/keys",
        "/v1/schedules",
        "/v1/indexes",
        "/v1/endpoints/orders/secret",
    ] {
        all.push(tenant.read(list).await);
    }
    all
}

/// Uses each route once, in the order in which an operator would.
#[test]
fn every_route_answers() {
    alone(
        "routes",
        |_| {},
        async |world| {
            let tenant = world.tenant().await;
            world.runner.tick_producer().await.unwrap();
            world.runner.tick_consumer().await.unwrap();
            let mut seen = Vec::new();
            for (method, path, status, id) in walk(world, &tenant).await {
                let route =
                    ROUTES.iter().find(|route| route.method == method && route.path == path).expect("in the table");
                let answer = send(&caller_of(route, &id, &tenant).await, route, &id, "", &tenant).await;
                assert_eq!(answer.status, status, "{method} {path}: {}", answer.body);
                assert_eq!(answer.header("cache-control"), Some("no-store"), "{method} {path}");
                assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{method} {path}");
                assert!(answer.header("longshore-request-id").is_some(), "{method} {path}");
                if matches!(route.operation(), Some(Op::ExportTenant | Op::WriteDocuments)) {
                    assert_eq!(answer.header("content-type"), Some(NDJSON), "{method} {path}");
                } else if route.operation() == Some(Op::ReadVectors) {
                    assert_eq!(answer.header("content-type"), Some("application/octet-stream"), "{method} {path}");
                } else if route.operation() == Some(Op::ReadMetrics) {
                    let media = answer.header("content-type").unwrap();
                    assert!(media.starts_with("text/plain; version=0.0.4"), "{media}");
                } else if status != 204 {
                    assert_eq!(answer.header("content-type"), Some("application/json"), "{method} {path}");
                    assert!(answer.body.is_object(), "{method} {path}");
                }
                if method == "GET" {
                    assert_head(&caller_of(route, &id, &tenant).await, &route.path_of(&id)).await;
                }
                seen.push((method, path));
            }
            for route in ROUTES {
                assert!(seen.contains(&(route.method, route.path)), "{} {} is not used", route.method, route.path);
            }
        },
    );
}

/// Checks that HEAD answers like GET, without the body. A resource may change between two requests, as a group does when
/// one of its jobs ends: HEAD is compared once a GET before it and a GET after it answer alike.
async fn assert_head(api: &Client, path: &str) {
    const TRIES_MAX: usize = 20;
    for _ in 0..TRIES_MAX {
        let before = described(&api.get(path).await.unwrap());
        let head = api.request("HEAD", path, &[], Vec::new()).await.unwrap();
        let after = described(&api.get(path).await.unwrap());
        if before == after {
            assert_eq!(head.bytes, b"", "HEAD {path}");
            return assert_eq!(described(&head), before, "HEAD {path}");
        }
    }
    panic!("{path} changed between each of {TRIES_MAX} pairs of requests");
}

/// Parts of an answer that are the same for HEAD and GET: the status, headers that describe the body, and all names.
fn described(answer: &Answer) -> (u16, Vec<Option<String>>, BTreeSet<String>) {
    let values = ["content-type", "content-length", "cache-control", "x-content-type-options"]
        .map(|name| answer.header(name).map(str::to_owned));
    let names = answer.headers.keys().map(|name| name.as_str().to_owned());
    // Only the length, where it is known, describes the framing of the body.
    (answer.status, values.into(), names.filter(|name| name != "transfer-encoding").collect())
}

/// Caller of a step: after a tenant's erasure its keys are deleted too.
pub(crate) async fn caller_of(route: &Route, id: &str, tenant: &Tenant<'_>) -> Client {
    let owner = match route.operation() {
        Some(Op::EraseTenant) => id,
        _ if route.is_for_all_tenants() => "*",
        _ => return tenant.api.clone(),
    };
    tenant.world.anyone.with_key(&tenant.world.key(owner, &["admin"]).await.1)
}

/// Creates an erasure of a subject that no job has.
pub(crate) async fn erasure_of(tenant: &Tenant<'_>) -> String {
    let path = format!("/v1/tenants/{}/subjects/unknown", tenant.name);
    id_of(&tenant.api.delete(&path).await.unwrap().body)
}

pub(crate) type Step = (&'static str, &'static str, u16, String);

/// All routes in an order in which each finds the resources that it needs.
pub(crate) async fn walk(world: &World, tenant: &Tenant<'_>) -> Vec<Step> {
    let done = id_of(&tenant.complete(&tenant.webhook("/ok")).await);
    let (dead, other) = (tenant.dead_letter().await, tenant.dead_letter().await);
    let mut later = tenant.webhook("/ok");
    (later["delay_seconds"], later["group"]) = (json!(3_600), json!("import"));
    let (scheduled, waiting) = (tenant.accept(&later).await, tenant.accept(&later).await);
    let (key, _) = world.key(&tenant.name, &["jobs:read"]).await;
    let (parked, overtaken) = (deferred_job(tenant).await, deferred_job(tenant).await);
    let erasure = erasure_of(tenant).await;
    let vectors = id_of(&tenant.complete(&crate::delivery::embeds::job("builtin", "r2", &["some words"])).await);
    let steps: [(&str, &str, u16, &str); 55] = [
        ("POST", "/v1/jobs", 202, ""),
        ("POST", "/v1/jobs/batch", 200, ""),
        ("GET", "/v1/jobs", 200, ""),
        ("GET", "/v1/jobs/{id}", 200, &done),
        ("GET", "/v1/jobs/{id}/attempts", 200, &done),
        ("GET", "/v1/jobs/{id}/attempts/{n}/evidence", 200, &done),
        ("GET", "/v1/jobs/{id}/vectors", 200, &vectors),
        ("POST", "/v1/jobs/{id}/retry", 202, &waiting),
        ("POST", "/v1/jobs/{id}/cancel", 200, &scheduled),
        ("POST", "/v1/jobs/{id}/complete", 200, &parked),
        ("POST", "/v1/jobs/{id}/fail", 200, &overtaken),
        ("GET", "/v1/groups/{id}", 200, "import"),
        // After its group was read: the new job changes it.
        ("POST", "/v1/jobs/{id}/resend", 202, &scheduled),
        ("GET", "/v1/dead-letters", 200, ""),
        ("GET", "/v1/dead-letters/{id}", 200, &dead),
        ("POST", "/v1/dead-letters/{id}/replay", 202, &dead),
        ("POST", "/v1/dead-letters/{id}/discard", 200, &other),
        ("PUT", "/v1/endpoints/{id}", 200, "orders"),
        ("GET", "/v1/endpoints", 200, ""),
        ("GET", "/v1/endpoints/{id}", 200, "orders"),
        ("GET", "/v1/endpoints/{id}/secret", 200, "orders"),
        ("POST", "/v1/endpoints/{id}/secret/rotate", 200, "orders"),
        ("POST", "/v1/endpoints/{id}/pause", 200, "orders"),
        ("POST", "/v1/endpoints/{id}/resume", 200, "orders"),
        ("POST", "/v1/endpoints/{id}/test", 200, "orders"),
        ("DELETE", "/v1/endpoints/{id}", 204, "orders"),
        ("GET", "/v1/secret", 200, ""),
        ("PUT", "/v1/schedules/{id}", 200, "report"),
        ("GET", "/v1/schedules", 200, ""),
        ("GET", "/v1/schedules/{id}", 200, "report"),
        ("POST", "/v1/schedules/{id}/run", 202, "report"),
        ("GET", "/v1/schedules/{id}/occurrences", 200, "report"),
        ("DELETE", "/v1/schedules/{id}", 204, "report"),
        ("PUT", "/v1/indexes/{name}", 201, "notes"),
        ("GET", "/v1/indexes", 200, ""),
        ("GET", "/v1/indexes/{name}", 200, "notes"),
        ("POST", "/v1/indexes/{name}/documents", 200, "notes"),
        ("POST", "/v1/indexes/{name}/search", 200, "notes"),
        ("POST", "/v1/indexes/{name}/verify", 202, "notes"),
        ("DELETE", "/v1/indexes/{name}", 204, "notes"),
        ("GET", "/v1/usage", 200, ""),
        ("GET", "/v1/audit", 200, ""),
        ("POST", "/v1/keys", 201, ""),
        ("GET", "/v1/keys", 200, ""),
        ("DELETE", "/v1/keys/{id}", 204, &key),
        ("GET", "/v1/malformed-messages", 200, ""),
        ("POST", "/v1/pause", 200, ""),
        ("POST", "/v1/resume", 200, ""),
        ("POST", "/v1/restored", 200, ""),
        ("PUT", "/v1/tenants/{id}/quota", 200, &tenant.name),
        ("GET", "/v1/tenants/{id}/quota", 200, &tenant.name),
        ("GET", "/v1/tenants/{id}/export", 200, &tenant.name),
        ("GET", "/v1/erasures/{id}", 200, &erasure),
        ("DELETE", "/v1/tenants/{id}/subjects/{subject}", 202, &tenant.name),
        ("DELETE", "/v1/tenants/{id}", 202, "leaving"),
    ];
    let steps = steps.map(|(method, path, status, id)| (method, path, status, id.to_owned()));
    [first_steps(tenant, &dead).await, steps.to_vec()].concat()
}

/// Routes that change no job: health, status, causes, the close of an empty group, and actions that select none.
async fn first_steps(tenant: &Tenant<'_>, dead: &str) -> Vec<Step> {
    let cause = &tenant.cause_of(dead).await;
    let steps = [
        ("GET", "/healthz", ""),
        ("GET", "/readyz", ""),
        ("GET", "/v1/status", ""),
        ("GET", "/v1/stats", ""),
        ("GET", "/metrics", ""),
        ("GET", "/v1/causes", ""),
        ("GET", "/v1/causes/{id}", cause),
        ("POST", "/v1/causes/{id}/resolve", cause),
        ("POST", "/v1/causes/{id}/ignore", cause),
        ("POST", "/v1/causes/{id}/reopen", cause),
        ("POST", "/v1/groups/{id}/close", "empty"),
    ]
    .map(|(method, path, id)| (method, path, 200, id.to_owned()));
    [steps.to_vec(), action_steps(&running_action(tenant).await)].concat()
}

/// Routes of actions.
fn action_steps(action: &str) -> Vec<Step> {
    [
        ("POST", "/v1/actions", 202),
        ("GET", "/v1/actions", 200),
        ("GET", "/v1/actions/{id}", 200),
        ("GET", "/v1/actions/{id}/jobs", 200),
        ("POST", "/v1/actions/{id}/pause", 200),
        ("POST", "/v1/actions/{id}/resume", 200),
        ("POST", "/v1/actions/{id}/abort", 200),
    ]
    .map(|(method, path, status)| (method, path, status, action.to_owned()))
    .to_vec()
}

/// Health requires no key. Readiness shows when the crons last ran, and that they never ran.
#[test]
fn health_and_readiness() {
    alone(
        "ready",
        |_| {},
        async |world| {
            let healthy = world.anyone.get("/healthz").await.unwrap();
            assert_eq!((healthy.status, &healthy.body["status"]), (200, &json!("ok")));
            let unready = world.anyone.get("/readyz").await.unwrap();
            let ages = (&unready.body["producer_tick_age_seconds"], &unready.body["consumer_tick_age_seconds"]);
            assert_eq!((unready.status, ages), (503, (&Value::Null, &Value::Null)), "{}", unready.body);
        },
    );
}
