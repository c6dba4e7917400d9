//! Who may not ask learns nothing else: an unknown caller is 401 and one without the scope 403, whatever is wrong with the
//! request beside that.

use futures_util::future::join_all;
use longshore::security::key::Scope;
use longshore::wire::ndjson::NDJSON;
use longshore_kit::client::Client;

use crate::http::keys::unknown_key;
use crate::support::refusal::{FORBIDDEN, Refusal, UNAUTHENTICATED, assert_refused};
use crate::support::route_table::{ROUTES, Route, RouteExt};
use crate::support::world::shared;

/// Everything that may be wrong with a request: a query, headers, a body.
type Wrong = (&'static str, &'static [(&'static str, &'static str)], &'static [u8]);

const JSON: (&str, &str) = ("content-type", "application/json");
const WRONG: [Wrong; 14] = [
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
];

async fn assert_all(api: &Client, route: &Route, expected: Refusal) {
    let path = route.path_of("job_0001JJJJJJJJJJJJJJJJJJJJJJJJ");
    for (query, headers, body) in WRONG {
        // A library sends no body with GET, and one that did would be another test.
        let body = if route.method == "GET" { Vec::new() } else { body.to_vec() };
        let answer = api.request(route.method, &format!("{path}{query}"), headers, body).await.unwrap();
        assert_refused(&format!("{} {path}{query} {headers:?}", route.method), &answer, expected);
    }
}

#[test]
fn who_may_not_ask_learns_nothing_else() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let unknown = world.anyone.with_key(&unknown_key());
        let reader = world.anyone.with_key(&world.key(&tenant.name, &["jobs:read"]).await.1);
        let writer = world.anyone.with_key(&world.key(&tenant.name, &["jobs:write"]).await.1);
        let rows = ROUTES.iter().filter_map(|route| route.scope().map(|scope| (route, scope)));
        let rows = rows.map(async |(route, scope)| {
            assert_all(&unknown, route, UNAUTHENTICATED).await;
            assert_all(&world.anyone, route, UNAUTHENTICATED).await;
            let without = if scope == Scope::JobsRead { &writer } else { &reader };
            assert_all(without, route, FORBIDDEN).await;
        });
        join_all(rows).await;
        assert_eq!(tenant.count_jobs().await, 0);
    });
}
