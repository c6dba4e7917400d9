//! A caller without rights learns nothing else: without a key, or with a malformed, unknown, revoked or expired one,
//! the answer is 401, and without the scope 403, even if more is wrong with the request.

use futures_util::future::join_all;
use longshore::security::key::Scope;
use longshore::wire::ndjson::NDJSON;
use longshore_kit::client::Client;
use serde_json::json;

use crate::http::keys::unknown_key;
use crate::support::refusal::{FORBIDDEN, Refusal, UNAUTHENTICATED, assert_refused};
use crate::support::route_table::{ROUTES, Route, RouteExt};
use crate::support::world::shared;

/// Possible mistakes of a request: a query, headers, a body.
type Wrong = (&'static str, &'static [(&'static str, &'static str)], &'static [u8]);

const JSON: (&str, &str) = ("content-type", "application/json");
/// More than any route reads, and more than a route without a job does.
const LARGE: &[u8] = &[b' '; 70_000];
const WRONG: [Wrong; 22] = [
    ("?x=1&x=2", &[JSON], b"{}"),
    ("?tenant=a%20b", &[JSON], b"{}"),
    ("?tenant=one", &[JSON, ("longshore-tenant", "two")], b"{}"),
    ("?misspelt=1", &[JSON], b"{}"),
    ("?limit=0&cursor=none&wait=x&group=a%20b", &[JSON], b"{}"),
    ("", &[JSON, ("longshore-tenant", "*")], b"{}"),
    ("", &[JSON, ("idempotency-key", "\"")], b"{}"),
    ("", &[JSON, ("longshore-hops", "99")], b"{}"),
    ("", &[JSON], b"{"),
    ("", &[JSON], b"[]"),
    ("", &[("content-type", "text/plain")], b"{}"),
    ("", &[JSON, ("content-encoding", "br")], b"{}"),
    ("", &[JSON, ("content-encoding", "gzip")], b"no gzip"),
    ("", &[("content-type", NDJSON), ("content-encoding", "br")], b"{"),
    ("", &[JSON], b""),
    ("", &[JSON], b"{\"misspelt\": 1}"),
    ("", &[JSON], b"{\"kind\": \"webhook\", \"endpoint\": \"nowhere\", \"payload\": {}}"),
    ("", &[JSON], LARGE),
    ("", &[], b"{}"),
    ("", &[JSON, ("idempotency-key", "two words")], b"{}"),
    ("?replace=%00&group=a%20b", &[("content-type", NDJSON)], b"{}\n{"),
    ("?cursor=none", &[("accept", NDJSON)], b""),
];

/// Maximum number of connections that a request may lose.
const RESETS_MAX: usize = 3;

async fn assert_all(api: &Client, route: &Route, expected: Refusal) {
    let path = route.path_of("job_0001JJJJJJJJJJJJJJJJJJJJJJJJ");
    for (query, headers, body) in WRONG {
        // A library sends no body with GET; such a body would be a different test.
        let body = if route.method == "GET" { Vec::new() } else { body.to_vec() };
        let target = format!("{path}{query}");
        let mut answer = api.request(route.method, &target, headers, body.clone()).await;
        // A refusal does not read the body, so workerd may reset the connection while a large one is still being sent.
        for _ in 0..RESETS_MAX {
            if answer.is_ok() {
                break;
            }
            answer = api.request(route.method, &target, headers, body.clone()).await;
        }
        let answer = answer.unwrap();
        assert_refused(&format!("{} {path}{query} {headers:?}", route.method), &answer, expected);
    }
}

#[test]
fn a_caller_without_rights_learns_nothing_else() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let (revoked_id, revoked) = world.key(&tenant.name, &["admin"]).await;
        assert_eq!(tenant.api.delete(&format!("/v1/keys/{revoked_id}")).await.unwrap().status, 204);
        let (expired_id, expired) = world.key(&tenant.name, &["admin"]).await;
        let sql = "UPDATE api_keys SET expires_at = 1 WHERE id = ?1";
        world.runner.query(sql, vec![json!(expired_id)]).await.unwrap();
        let keys = [unknown_key(), "ls_malformed".to_owned(), revoked, expired, String::new()];
        let refused = keys.map(|key| world.anyone.with_key(&key));
        let reader = world.anyone.with_key(&world.key(&tenant.name, &["jobs:read"]).await.1);
        let writer = world.anyone.with_key(&world.key(&tenant.name, &["jobs:write"]).await.1);
        let rows = ROUTES.iter().filter_map(|route| route.scope().map(|scope| (route, scope)));
        let rows = rows.map(async |(route, scope)| {
            for caller in &refused {
                assert_all(caller, route, UNAUTHENTICATED).await;
            }
            let without = if scope == Scope::JobsRead { &writer } else { &reader };
            assert_all(without, route, FORBIDDEN).await;
        });
        join_all(rows).await;
        assert_eq!(tenant.count_jobs().await, 0);
    });
}
