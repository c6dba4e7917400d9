//! The audit log over HTTP: each route that changes something writes one entry, and a read-only key changes nothing.

use std::collections::BTreeMap;

use longshore::routes::Operation as Op;
use longshore::security::key::Scope;
use longshore_kit::client::Answer;
use longshore_kit::options::ROOT_TOKEN;
use serde_json::{Value, json};

use crate::http::routes::{caller_of, send, walk};
use crate::support::refusal::{FORBIDDEN, assert_refused};
use crate::support::route_table::{ROUTES, RouteExt};
use crate::support::tenant::Tenant;
use crate::support::world::{World, alone, shared};

async fn entries_of(world: &World, answer: &Answer) -> Vec<Value> {
    let id = format!("aud_{}", answer.header("longshore-request-id").unwrap());
    let sql = "SELECT operation, tenant FROM audit WHERE id = ?1";
    world.runner.query(sql, vec![json!(id)]).await.unwrap().into_iter().map(|row| json!(row)).collect()
}

/// Uses each route once, in the order in which an operator would, and reads what it wrote.
#[test]
fn each_audited_route_writes_one_entry() {
    alone(
        "audit",
        |_| {},
        async |world| {
            let tenant = world.tenant().await;
            world.runner.tick_producer().await.unwrap();
            world.runner.tick_consumer().await.unwrap();
            let mut written = 0;
            for (method, path, status, id) in walk(world, &tenant).await {
                let route = ROUTES.iter().find(|route| (route.method, route.path) == (method, path)).unwrap();
                let caller = caller_of(route, &id, &tenant).await;
                let answer = if route.operation() == Some(Op::PutQuota) {
                    caller.put(&route.path_of(&id), &json!({"jobs_per_day": 1_000})).await.unwrap()
                } else {
                    send(&caller, route, &id, "", &tenant).await
                };
                assert_eq!(answer.status, status, "{method} {path}: {}", answer.body);
                let of = match route.operation() {
                    Some(Op::Pause | Op::Resume) => "*",
                    Some(Op::EraseTenant) => id.as_str(),
                    _ => tenant.name.as_str(),
                };
                let expected = match route.operation() {
                    // The epoch is the same already, and the erasure of that subject runs already.
                    Some(Op::Restored | Op::EraseSubject) => vec![],
                    Some(operation) if route.is_audited() => vec![json!({"operation": operation.name(), "tenant": of})],
                    _ => vec![],
                };
                assert_eq!(entries_of(world, &answer).await, expected, "{method} {path}");
                written += expected.len();
            }
            assert_eq!(written, ROUTES.iter().filter(|route| route.is_audited()).count() - 2);
            let listed = tenant.read("/v1/audit?limit=100").await;
            assert!(listed["data"].as_array().unwrap().len() > 20, "{listed}");
            let erased = tenant.api.delete(&format!("/v1/tenants/{}/subjects/another", tenant.name)).await.unwrap();
            let expected = json!({"operation": "EraseSubject", "tenant": tenant.name});
            assert_eq!(entries_of(world, &erased).await, [expected]);
        },
    );
}

/// All rows of both databases, by table, except the times at which keys were used.
async fn all_rows(world: &World) -> BTreeMap<String, Vec<Value>> {
    let tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\'
        AND name NOT LIKE 'sqlite%' AND name NOT LIKE 'd1%' AND name NOT LIKE 'words\\_%' ESCAPE '\\'";
    let name = |row: &serde_json::Map<String, Value>| row["name"].as_str().unwrap().to_owned();
    let mut all = BTreeMap::new();
    for table in world.runner.query(tables, vec![]).await.unwrap().iter().map(name) {
        let mut rows = world.runner.query(&format!("SELECT * FROM {table}"), vec![]).await.unwrap();
        for row in &mut rows {
            row.remove("last_used_at");
        }
        all.insert(table, rows.into_iter().map(|row| json!(row)).collect());
    }
    for table in world.runner.index_rows(tables, vec![]).await.unwrap().iter().map(name) {
        let rows = world.runner.index_rows(&format!("SELECT * FROM {table}"), vec![]).await.unwrap();
        all.insert(format!("index.{table}"), rows.into_iter().map(|row| json!(row)).collect());
    }
    all
}

/// A read-only key, of the tenant or of all tenants, gets 403 from every route that needs more, and no row changes.
#[test]
fn a_read_only_key_changes_nothing() {
    alone(
        "read-only",
        |_| {},
        async |world| {
            let tenant = world.tenant().await;
            world.runner.tick_producer().await.unwrap();
            world.runner.tick_consumer().await.unwrap();
            let steps = walk(world, &tenant).await;
            tenant.endpoint("orders", "/ok", json!({})).await;
            let keys = [world.key(&tenant.name, &["jobs:read"]).await.1, world.key("*", &["jobs:read"]).await.1];
            let before = all_rows(world).await;
            assert!(before.len() > 20 && before["jobs"].len() > 5, "{:?}", before.keys());
            let mut refused = 0;
            for key in keys {
                let reader = world.anyone.with_key(&key);
                for (method, path, _, id) in &steps {
                    let route = ROUTES.iter().find(|route| (route.method, route.path) == (*method, *path)).unwrap();
                    if matches!(route.scope(), None | Some(Scope::JobsRead)) {
                        continue;
                    }
                    let query = format!("?tenant={}", tenant.name);
                    let answer = send(&reader, route, id, &query, &tenant).await;
                    assert_refused(&format!("{method} {path}"), &answer, FORBIDDEN);
                    assert_eq!(all_rows(world).await, before, "{method} {path}");
                    refused += 1;
                }
            }
            let changing = ROUTES.iter().filter(|route| !matches!(route.scope(), None | Some(Scope::JobsRead))).count();
            assert_eq!(refused, 2 * changing, "every such route, with each key");
            assert!(
                ROUTES
                    .iter()
                    .filter(|route| route.method != "GET")
                    .all(|route| { route.operation() == Some(Op::Search) || route.scope() != Some(Scope::JobsRead) })
            );
        },
    );
}

async fn audit(tenant: &Tenant<'_>, query: &str) -> Vec<Value> {
    tenant.read(&format!("/v1/audit{query}")).await["data"].as_array().unwrap().clone()
}

/// An entry names the key, the address and the request. The list has filters, pages and lines.
#[test]
fn an_entry_names_the_key_the_address_and_the_request() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let (id, operator) = world.key(&tenant.name, &["operate"]).await;
        let operator = world.anyone.with_key(&operator);
        let body = json!({"url": tenant.url("/ok")}).to_string().into_bytes();
        let headers = [("content-type", "application/json"), ("cf-connecting-ip", "2001:db8::7")];
        let put = operator.request("PUT", "/v1/endpoints/orders", &headers, body).await.unwrap();
        assert_eq!(put.status, 200, "{}", put.body);
        for step in ["pause", "resume"] {
            operator.post(&format!("/v1/endpoints/orders/{step}"), &Value::Null).await.unwrap();
        }
        let of_key = audit(&tenant, &format!("?key={id}")).await;
        let operations: Vec<_> = of_key.iter().map(|entry| entry["operation"].as_str().unwrap()).collect();
        assert_eq!(operations, ["ResumeEndpoint", "PauseEndpoint", "PutEndpoint"]);
        let [entry] = &audit(&tenant, "?operation=PutEndpoint&target=orders").await[..] else { panic!("one entry") };
        assert_eq!(
            (&entry["key"], &entry["address"], &entry["before"]),
            (&json!(id), &json!("2001:db8::7"), &Value::Null)
        );
        assert_eq!(entry["request_id"], put.header("longshore-request-id").unwrap());
        assert_eq!(entry["target"], json!({"kind": "endpoint", "id": "orders"}));
        let at = entry["at"].as_str().unwrap();
        assert!(audit(&tenant, &format!("?before={at}")).await.iter().all(|entry| entry["operation"] == "CreateKey"));
        assert_eq!(audit(&tenant, &format!("?after={at}")).await.len(), 3);
        let by_root = audit(&tenant, "?key=root").await;
        assert_eq!(by_root.len(), 2, "both keys: {by_root:?}");
        let first = tenant.read("/v1/audit?limit=2").await;
        let next = first["next_cursor"].as_str().unwrap();
        assert_eq!(audit(&tenant, &format!("?limit=2&cursor={next}")).await[0]["operation"], "PutEndpoint");
        let lines =
            tenant.api.request("GET", "/v1/audit", &[("accept", "application/x-ndjson")], vec![]).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&lines.bytes).lines().count(), 5);
        let refused = operator.get("/v1/audit").await.unwrap();
        assert_refused("an operator", &refused, FORBIDDEN);
        let by_all = world.anyone.with_key(&world.key("*", &["admin"]).await.1);
        let made = by_all.get("/v1/audit?operation=CreateKey&key=root&limit=100").await.unwrap();
        assert!(made.body["data"].as_array().unwrap().iter().all(|entry| entry["tenant"] == "*"), "{}", made.body);
        assert_eq!(world.anyone.with_key(ROOT_TOKEN).get("/v1/audit").await.unwrap().status, 401);
    });
}
