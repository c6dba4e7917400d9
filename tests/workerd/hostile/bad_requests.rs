//! Bad input beside the body: methods, paths, parameters, ids, keys, states that do not allow it, a full store.

use longshore::routes::Operation;
use serde_json::{Value, json};

use crate::support::raw;
use crate::support::refusal::{
    ILLEGAL, KEY_REUSED, NOT_FOUND, STORAGE_FULL, WRONG_METHOD, assert_refused, invalid, parameter,
};
use crate::support::route_table::{ROUTES, RouteExt};
use crate::support::tenant::{Tenant, id_of};
use crate::support::world::{alone, shared};

#[test]
fn methods_that_are_not_offered() {
    shared(async |world| {
        let tenant = world.tenant().await;
        for route in ROUTES {
            let path = route.path_of("job_0001JJJJJJJJJJJJJJJJJJJJJJJJ");
            let mut offered: Vec<_> =
                ROUTES.iter().filter(|other| other.path == route.path).map(|other| other.method).collect();
            if offered.contains(&"GET") {
                offered.push("HEAD");
            }
            offered.sort_unstable();
            for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"] {
                if offered.contains(&method) {
                    continue;
                }
                let answer = tenant.api.request(method, &path, &[], Vec::new()).await.unwrap();
                assert_refused(&format!("{method} {path}"), &answer, WRONG_METHOD);
                let mut allowed: Vec<_> = answer.header("allow").unwrap().split(", ").collect();
                allowed.sort_unstable();
                assert_eq!(allowed, offered, "{method} {path}");
            }
        }
        // Sent as raw bytes: neither a library nor the runtime may turn it into a GET.
        let head = "PROPFIND /v1/jobs HTTP/1.1\r\nhost: localhost\r\ndepth: 1\r\n\r\n";
        let answer = raw::send(world.runner.url(), head, []).await;
        assert_refused("PROPFIND", &answer, WRONG_METHOD);
        assert_eq!(tenant.count_jobs().await, 0);
    });
}

#[test]
fn unknown_paths() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let paths = [
            "/",
            "/v1",
            "/v1/",
            "/v2/jobs",
            "/v1/job",
            "/v1/jobs/",
            "/v1/jobs/a/b",
            "/v1//jobs",
            "/V1/jobs",
            "/v1/jobs%2f",
            "/v1/endpoints/",
            "/v1/keys/a/b",
            "/healthz/",
            "/.git/config",
            "/v1/jobs/a/attempts/1",
            "/v1/%00",
            "/v1/jobs/a/evidence",
        ];
        for path in paths {
            for caller in [&tenant.api, &world.anyone] {
                assert_refused(path, &caller.get(path).await.unwrap(), NOT_FOUND);
            }
        }
    });
}

#[test]
fn unknown_ids() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let ids = [
            "job_0001JJJJJJJJJJJJJJJJJJJJJJJJ",
            "job_",
            "x",
            "1",
            "%00",
            "'%20OR%201=1--",
            "job_00%FF",
            &"x".repeat(5_000),
        ];
        for id in ids {
            for route in ROUTES.iter().filter(|route| route.names_resource() && !route.creates_resource()) {
                let path = route.path_of(id);
                // Two routes read their bodies before they know if the resource exists.
                let answer = match route.operation() {
                    Some(Operation::Search) => tenant.api.post(&path, &json!({"query": "x"})).await.unwrap(),
                    Some(Operation::IgnoreCause) => tenant.api.post(&path, &json!({"seconds": 1})).await.unwrap(),
                    _ => tenant.api.request(route.method, &path, &[], Vec::new()).await.unwrap(),
                };
                assert_refused(&format!("{} {path}", route.method), &answer, NOT_FOUND);
            }
        }
        let done = tenant.complete(&tenant.webhook("/ok")).await;
        let id = id_of(&done);
        for number in ["0", "2", "-1", "x", "18446744073709551616", "1.0"] {
            let path = format!("/v1/jobs/{id}/attempts/{number}/evidence");
            assert_refused(&path, &tenant.api.get(&path).await.unwrap(), NOT_FOUND);
        }
        assert_refused("not dead", &tenant.api.get(&format!("/v1/dead-letters/{id}")).await.unwrap(), NOT_FOUND);
        let replay = tenant.act(&format!("/v1/dead-letters/{id}/replay")).await;
        assert_refused("not dead", &replay, NOT_FOUND);
    });
}

#[test]
fn parameters() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let id = tenant.accept(&tenant.webhook("/ok")).await;
        let job = format!("/v1/jobs/{id}");
        let range = |name| parameter(name, "out-of-range");
        let cases = [
            ("/v1/jobs?limit=0", range("limit")),
            ("/v1/jobs?limit=101", range("limit")),
            ("/v1/jobs?limit=ten", range("limit")),
            ("/v1/endpoints?limit=-1", range("limit")),
            ("/v1/dead-letters?limit=", range("limit")),
            ("/v1/keys?limit=1e1", range("limit")),
            ("/v1/jobs?state=done", parameter("state", "unknown-value")),
            ("/v1/jobs?created_after=yesterday", parameter("created_after", "invalid-time")),
            ("/v1/jobs?created_before=2026", parameter("created_before", "invalid-time")),
            ("/v1/usage?from=2026-02-30", parameter("from", "invalid-date")),
            ("/v1/usage?to=today", parameter("to", "invalid-date")),
            ("/v1/audit?after=today", parameter("after", "invalid-time")),
            ("/v1/audit?operation=CancelJobs", parameter("operation", "unknown-value")),
            ("/v1/audit?since=2026-11-26", parameter("since", "unknown-parameter")),
            ("/v1/usage?since=2026-11-26", parameter("since", "unknown-parameter")),
            ("/v1/jobs?sate=dead", parameter("sate", "unknown-parameter")),
            ("/v1/endpoints?state=paused", parameter("state", "unknown-parameter")),
            ("/v1/jobs?idempotency_key=k&state=dead", parameter("state", "unknown-parameter")),
            ("/v1/jobs?tenant=a%20b", parameter("tenant", "invalid-name")),
        ];
        for (path, expected) in cases {
            assert_refused(path, &tenant.api.get(path).await.unwrap(), expected);
        }
        for wait in ["31", "-1", "x", "1.5"] {
            for path in [format!("{job}?wait={wait}"), format!("/v1/groups/none?wait={wait}")] {
                assert_refused(&path, &tenant.api.get(&path).await.unwrap(), range("wait"));
            }
        }
        // SQL syntax has no effect in a value.
        for value in ["'%20OR%201=1--", "%25", "%00", "*", "null"] {
            for filter in ["kind", "endpoint", "group", "event_id", "idempotency_key"] {
                let page = tenant.read(&format!("/v1/jobs?{filter}={value}")).await;
                assert_eq!(page["data"], json!([]), "{filter}={value}");
            }
        }
    });
}

/// A parameter that is given twice is refused on every route, because one value would be ignored.
#[test]
fn a_parameter_given_twice() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let all = world.anyone.with_key(&world.key("*", &["admin"]).await.1);
        for route in ROUTES {
            let path = route.path_of("job_0001JJJJJJJJJJJJJJJJJJJJJJJJ");
            let named = format!("tenant={}", tenant.name);
            for (query, name) in [
                ("x=1&x=1", "x"),
                ("limit=1&%6Cimit=2", "limit"),
                ("state=dead&limit=1&state=", "state"),
                (&format!("{named}&{named}"), "tenant"),
            ] {
                let path = format!("{path}?{query}");
                let answer = all.request(route.method, &path, &[], Vec::new()).await.unwrap();
                let what = format!("{} {path}", route.method);
                assert_refused(&what, &answer, parameter(name, "duplicate-parameter"));
            }
        }
        assert_eq!(tenant.count_jobs().await, 0);
    });
}

/// The header and the parameter may both name the tenant if they agree.
#[test]
fn a_tenant_is_named_once() {
    shared(async |world| {
        let (tenant, other) = (world.tenant().await, world.tenant().await);
        let all = world.anyone.with_key(&world.key("*", &["admin"]).await.1);
        let header = [("longshore-tenant", tenant.name.as_str())];
        for (named, api, status) in [(&tenant, &all, 200), (&tenant, &tenant.api, 200), (&other, &all, 400)] {
            let path = format!("/v1/jobs?tenant={}", named.name);
            let answer = api.request("GET", &path, &header, Vec::new()).await.unwrap();
            assert_eq!(answer.status, status, "{path}: {}", answer.body);
        }
        let path = format!("/v1/jobs?tenant={}", other.name);
        let job = tenant.webhook("/ok");
        for (api, method) in [(&all, "GET"), (&all, "POST"), (&tenant.api, "GET"), (&tenant.api, "POST")] {
            let headers = [header[0], ("content-type", "application/json")];
            let answer = api.request(method, &path, &headers, job.to_string().into_bytes()).await.unwrap();
            assert_refused(method, &answer, parameter("tenant", "either-or"));
        }
        assert_eq!((tenant.count_jobs().await, other.count_jobs().await), (0, 0));
    });
}

/// A refusal answers HEAD with its headers and without a body.
#[test]
fn a_refusal_answers_head_without_a_body() {
    shared(async |world| {
        let tenant = world.tenant().await;
        for (api, path, status, header) in [
            (&world.anyone, "/v1/jobs", 401, "www-authenticate"),
            (&tenant.api, "/v1/jobs/nothing", 404, "longshore-request-id"),
            (&tenant.api, "/nothing", 404, "longshore-request-id"),
            (&tenant.api, "/v1/jobs?limit=0", 400, "longshore-request-id"),
            (&tenant.api, "/v1/jobs/batch", 405, "allow"),
        ] {
            let answer = api.request("HEAD", path, &[], Vec::new()).await.unwrap();
            assert_eq!((answer.status, answer.bytes.as_slice()), (status, &b""[..]), "{path}");
            assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{path}");
            assert!(answer.header(header).is_some(), "{path}: {header}");
        }
    });
}

#[test]
fn a_key_that_belongs_to_another_request() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let key = [("idempotency-key", "order-1")];
        let first = tenant.webhook("/ok");
        assert_eq!(tenant.api.post_with("/v1/jobs", &key, &first).await.unwrap().status, 202);
        let mut others = vec![tenant.webhook("/elsewhere")];
        for (field, value) in [
            ("max_attempts", json!(3)),
            ("group", json!("g")),
            ("event_id", json!("e")),
            ("metadata", json!({"a": 1})),
            ("delay_seconds", json!(1)),
            ("retry_schedule", json!("fast")),
            ("idempotency_window_seconds", json!(60)),
        ] {
            let mut job = first.clone();
            job[field] = value;
            others.push(job);
        }
        for other in others {
            let answer = tenant.api.post_with("/v1/jobs", &key, &other).await.unwrap();
            assert_refused(&other.to_string(), &answer, KEY_REUSED);
        }
        assert_eq!(tenant.count_jobs().await, 1);
    });
}

/// Transitions that a state does not allow.
#[test]
fn transitions_that_are_illegal() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let succeeded = id_of(&tenant.complete(&tenant.webhook("/ok")).await);
        let dead = tenant.dead_letter().await;
        let mut later = tenant.webhook("/ok");
        later["delay_seconds"] = json!(3_600);
        let cancelled = tenant.accept(&later).await;
        assert_eq!(tenant.act(&format!("/v1/jobs/{cancelled}/cancel")).await.status, 200);
        let running = tenant.accept(&tenant.webhook("/slow/3000")).await;
        tenant.until(&running, "running").await;
        for (id, actions) in [
            (&succeeded, &["cancel", "retry"][..]),
            (&dead, &["cancel", "retry"]),
            (&cancelled, &["retry"]),
            (&running, &["retry"]),
        ] {
            let before = tenant.job(id).await;
            for action in actions {
                let answer = tenant.act(&format!("/v1/jobs/{id}/{action}")).await;
                assert_refused(&format!("{action} of {}", before["state"]), &answer, ILLEGAL);
            }
            if id != &running {
                assert_eq!(tenant.job(id).await, before, "nothing has changed");
            }
        }
        assert_discarded_stays(&tenant, &dead).await;
    });
}

async fn assert_discarded_stays(tenant: &Tenant<'_>, dead: &str) {
    let edited = json!({"endpoint": "elsewhere"});
    let answer = tenant.api.post(&format!("/v1/dead-letters/{dead}/replay"), &edited).await.unwrap();
    assert_refused("another endpoint", &answer, invalid("#/endpoint", "unknown-field"));
    assert_eq!(tenant.act(&format!("/v1/dead-letters/{dead}/discard")).await.status, 200);
    let answer = tenant.act(&format!("/v1/dead-letters/{dead}/replay")).await;
    assert_refused("replay of a discarded one", &answer, ILLEGAL);
}

/// Above 90 % new jobs are refused, with a date; accepted jobs can still be read, and the sweep ends them.
#[test]
fn a_store_that_is_full() {
    alone(
        "full",
        |_| {},
        async |world| {
            let tenant = world.tenant().await;
            let key = [("idempotency-key", "before")];
            let job = tenant.webhook("/ok");
            let before = tenant.api.post_with("/v1/jobs", &key, &job).await.unwrap();
            world.runner.query("INSERT INTO meta (name, value) VALUES ('storage_full', 1)", vec![]).await.unwrap();
            assert_refused("one", &tenant.api.post("/v1/jobs", &job).await.unwrap(), STORAGE_FULL);
            let batch = json!({"jobs": [job, job]});
            assert_refused("batch", &tenant.api.post("/v1/jobs/batch", &batch).await.unwrap(), STORAGE_FULL);
            assert_eq!(tenant.count_jobs().await, 1);
            let again = tenant.api.post_with("/v1/jobs", &key, &job).await.unwrap();
            assert_eq!((again.status, &again.body), (202, &before.body));
            let ready = world.anyone.get("/readyz").await.unwrap();
            assert_eq!((ready.status, &ready.body["storage_full"]), (503, &Value::Bool(true)));
            world.runner.tick_consumer().await.unwrap();
            assert_eq!(
                tenant.api.post("/v1/jobs", &job).await.unwrap().status,
                202,
                "the sweep sees that there is room"
            );
        },
    );
}
