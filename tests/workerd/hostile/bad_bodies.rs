//! Bad input: bodies that are not JSON, of the wrong type, too large or too deep. Each gets its problem and creates no
//! row.

use futures_util::stream;
use longshore_kit::client::Answer;
use reqwest::Body;
use serde_json::{Value, json};

use crate::support::raw;
use crate::support::refusal::{NOT_JSON, Refusal, TOO_DEEP, TOO_LARGE, WRONG_TYPE, assert_refused, invalid};
use crate::support::tenant::Tenant;
use crate::support::world::shared;

/// Every route that reads a body.
const ROUTES: [(&str, &str); 6] = [
    ("POST", "/v1/jobs"),
    ("POST", "/v1/jobs/batch"),
    ("PUT", "/v1/endpoints/orders"),
    ("POST", "/v1/keys"),
    ("POST", "/v1/dead-letters/job_0001JJJJJJJJJJJJJJJJJJJJJJJJ/replay"),
    ("POST", "/v1/dead-letters/job_0001JJJJJJJJJJJJJJJJJJJJJJJJ/discard"),
];

/// Sends a body. workerd closes the connection of an answer to a body that it has not read to its end; a caller that is
/// still sending may then lose the answer, and tries again.
async fn send(tenant: &Tenant<'_>, (method, path): (&str, &str), content_type: &str, body: &[u8]) -> Answer {
    const TRIES_MAX: usize = 10;
    let headers = [("content-type", content_type)];
    let mut tries = 0;
    loop {
        tries += 1;
        match tenant.api.request(method, path, &headers, body.to_vec()).await {
            Ok(answer) => return answer,
            Err(error) if tries < TRIES_MAX && error.is_request() => {}
            Err(error) => panic!("{method} {path}: {error:?}"),
        }
    }
}

/// Sends each body to each route: all are refused in the same way, and the tenant has no rows afterwards.
async fn assert_all_refused(tenant: &Tenant<'_>, content_type: &str, bodies: &[&[u8]], expected: Refusal) {
    for route in ROUTES {
        for body in bodies {
            let what = format!("{route:?} {content_type:?} {:?}", String::from_utf8_lossy(&body[..body.len().min(60)]));
            let answer = send(tenant, route, content_type, body).await;
            assert_refused(&what, &answer, expected);
        }
    }
    assert_nothing_written(tenant).await;
}

/// Checks that the tenant has no row in any table except the key that the test calls with.
async fn assert_nothing_written(tenant: &Tenant<'_>) {
    for (table, rows) in [("jobs", 0), ("endpoints", 0), ("api_keys", 1)] {
        let sql = format!("SELECT count(*) AS n FROM {table} WHERE tenant = ?1");
        assert_eq!(tenant.world.number(&sql, vec![json!(tenant.name)]).await, rows, "{table}");
    }
}

#[test]
fn bodies_that_are_not_json() {
    shared(async |world| {
        let bodies: [&[u8]; 7] =
            [b"{", b"nul", b"{,}", b"{'kind': 'webhook'}", b"\xff\xfe{}", b"\"\xc3\x28\"", b"kind=webhook&payload=x"];
        assert_all_refused(&world.tenant().await, "application/json", &bodies, NOT_JSON).await;
    });
}

#[test]
fn an_empty_body_where_one_is_needed() {
    shared(async |world| {
        let tenant = world.tenant().await;
        for route in &ROUTES[..4] {
            assert_refused(&format!("{route:?}"), &send(&tenant, *route, "application/json", b"").await, NOT_JSON);
        }
        assert_nothing_written(&tenant).await;
    });
}

#[test]
fn the_wrong_content_type() {
    shared(async |world| {
        let tenant = world.tenant().await;
        for content_type in
            ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", "json", "text/json"]
        {
            assert_all_refused(&tenant, content_type, &[b"{}"], WRONG_TYPE).await;
        }
        // Without a content type: curl -d always sends one, a browser's form may not.
        for (method, path) in ROUTES {
            let answer = tenant.api.request(method, path, &[], b"{}".to_vec()).await.unwrap();
            assert_refused(path, &answer, WRONG_TYPE);
        }
        let mut job = tenant.webhook("/ok");
        job["max_attempts"] = json!(1);
        for content_type in ["application/json; charset=utf-8", "Application/JSON", "application/json ;a=b"] {
            let answer = send(&tenant, ROUTES[0], content_type, job.to_string().as_bytes()).await;
            assert_eq!(answer.status, 202, "{content_type}: {}", answer.body);
        }
    });
}

#[test]
fn json_that_nests_too_deep() {
    shared(async |world| {
        let lists = "[".repeat(10_000);
        let objects = "{\"a\":".repeat(5_000);
        let job = |depth: usize| {
            let body = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
            format!(r#"{{"kind":"webhook","payload":{{"url":"http://127.0.0.1:9/","body":{body}}}}}"#)
        };
        let closed = job(63);
        let bodies = [lists.as_bytes(), objects.as_bytes(), closed.as_bytes()];
        assert_all_refused(&world.tenant().await, "application/json", &bodies, TOO_DEEP).await;
        // The request, the payload and 62 lists are 64 deep, which is allowed.
        let tenant = world.tenant().await;
        let answer = send(&tenant, ROUTES[0], "application/json", job(62).as_bytes()).await;
        assert_eq!(answer.status, 202, "{}", answer.body);
    });
}

#[test]
fn json_of_another_shape() {
    shared(async |world| {
        let tenant = world.tenant().await;
        for body in ["null", "1", "\"webhook\"", "true"] {
            for route in &ROUTES[..4] {
                let answer = send(&tenant, *route, "application/json", body.as_bytes()).await;
                assert_refused(&format!("{route:?} {body}"), &answer, invalid("#", "invalid-type"));
            }
        }
        assert_nothing_written(&tenant).await;
    });
}

/// A list is not an object, even if its items have the order of the fields.
#[test]
fn a_list_instead_of_an_object() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let payload = json!({"url": tenant.url("/ok")});
        let mut job = vec![json!("webhook"), payload];
        job.extend(vec![Value::Null; 10]);
        let listed = json!([null, tenant.url("/ok"), null, {}, {"n": 1}, null, null]);
        let cases = [
            (ROUTES[0], json!(job), "#"),
            (ROUTES[0], json!({"kind": "webhook", "payload": listed}), "#/payload"),
            (ROUTES[1], json!([[]]), "#"),
            (ROUTES[2], json!([tenant.url("/ok"), {}, null, null, null, null, [], {}]), "#"),
            (ROUTES[3], json!([tenant.name, ["admin"], "", null]), "#"),
        ];
        for (route, body, pointer) in cases {
            let answer = send(&tenant, route, "application/json", body.to_string().as_bytes()).await;
            assert_refused(&format!("{route:?} {body}"), &answer, invalid(pointer, "invalid-type"));
        }
        assert_nothing_written(&tenant).await;
    });
}

fn job_of(tenant: &Tenant<'_>, body_bytes: usize) -> Vec<u8> {
    let mut job = tenant.webhook("/ok");
    job["payload"]["body"] = Value::from("x".repeat(body_bytes));
    job.to_string().into_bytes()
}

#[test]
fn a_body_that_is_too_large() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let endpoint = json!({"url": tenant.url("/ok"), "headers": {"x-a": "x".repeat(70_000)}}).to_string();
        let batch = json!({"jobs": [{"kind": "x".repeat(4 * 1024 * 1024)}]}).to_string();
        let cases = [
            (ROUTES[0], job_of(&tenant, 1024 * 1024)), // The body alone fits, the payload around it does not.
            (ROUTES[0], job_of(&tenant, 2_000_000)),
            (ROUTES[1], batch.into_bytes()),
            (ROUTES[2], endpoint.into_bytes()),
            (ROUTES[3], vec![b' '; 70_000]),
            (ROUTES[4], vec![b' '; 1_100_000]),
            (ROUTES[5], vec![b' '; 70_000]),
        ];
        for (route, body) in cases {
            let what = format!("{route:?} {} bytes", body.len());
            assert_refused(&what, &send(&tenant, route, "application/json", &body).await, TOO_LARGE);
        }
        assert_nothing_written(&tenant).await;
    });
}

/// A payload of a batch that is too large refuses its job only.
#[test]
fn a_payload_that_is_too_large_in_a_batch() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let large: Value = serde_json::from_slice(&job_of(&tenant, 1024 * 1024)).unwrap();
        let batch = json!({"jobs": [large, tenant.webhook("/ok")]});
        let answer = tenant.api.post("/v1/jobs/batch", &batch).await.unwrap();
        assert_eq!(answer.body["summary"], json!({"accepted": 1, "duplicates": 0, "rejected": 1}));
        assert_eq!(answer.body["results"][0]["status"], 413, "{}", answer.body);
        assert_eq!(tenant.count_jobs().await, 1);
    });
}

/// A body without a length and without an end: the answer arrives while it is still being sent.
#[test]
fn a_body_that_grows_too_large_while_it_streams() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let token = world.key(&tenant.name, &["jobs:write"]).await.1;
        let endless = stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b' '; 16 * 1024]));
        let capped = futures_util::StreamExt::take(endless, 4_000);
        let response = reqwest::Client::new()
            .post(format!("{}/v1/jobs", world.runner.url()))
            .bearer_auth(token)
            .header("content-type", "application/json")
            .body(Body::wrap_stream(capped))
            .send()
            .await
            .unwrap();
        assert_eq!(response.status().as_u16(), 413);
        let problem: Value = response.json().await.unwrap();
        assert_eq!(problem["type"], "urn:problem-type:longshore:too-large");
        assert_nothing_written_but_keys(&tenant).await;
    });
}

async fn assert_nothing_written_but_keys(tenant: &Tenant<'_>) {
    assert_eq!(tenant.count_jobs().await, 0);
}

#[test]
fn a_wrong_content_length() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let token = world.key(&tenant.name, &["jobs:write"]).await.1;
        let head = |length: usize| {
            format!(
                "POST /v1/jobs HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\
                 content-type: application/json\r\ncontent-length: {length}\r\n\r\n"
            )
        };
        // The announced length is too large: only received bytes count, and the answer does not wait for the rest.
        let parts = std::iter::repeat_n(vec![b' '; 16 * 1024], 80);
        let answer = raw::send(world.runner.url(), &head(10_000_000), parts).await;
        assert_refused("more is announced than sent", &answer, TOO_LARGE);
        // The announced length is too small: bytes beyond it do not belong to this request.
        let job = job_of(&tenant, 100);
        let answer = raw::send(world.runner.url(), &head(job.len() - 20), [job]).await;
        assert_refused("less is announced than sent", &answer, NOT_JSON);
        assert_nothing_written_but_keys(&tenant).await;
    });
}

/// A caller who disconnects in the middle of a body has created no job.
#[test]
fn an_interrupted_body() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let broken = stream::iter([Ok(b"{\"kind\":\"webhook\",".to_vec()), Err(std::io::Error::other("gone"))]);
        let sent = reqwest::Client::new()
            .post(format!("{}/v1/jobs", world.runner.url()))
            .header("content-type", "application/json")
            .body(Body::wrap_stream(broken))
            .send()
            .await;
        assert!(sent.is_err(), "the connection is closed");
        // The Worker serves the next caller.
        let accepted = tenant.complete(&tenant.webhook("/ok")).await;
        assert_eq!(accepted["state"], "succeeded");
        assert_eq!(tenant.count_jobs().await, 1);
    });
}
