//! The wrong requests of `docs/errors.md`: each gets exactly the answer that the page shows.

use futures_util::future::join_all;
use longshore_kit::client::Client;
use longshore_tests::wrong_requests::{Refusal, WrongRequest, wrong_requests};
use serde_json::{Value, json};

use crate::http::keys::unknown_key;
use crate::http::routes::index;
use crate::support::tenant::{Tenant, id_of, in_ms, to_endpoint};
use crate::support::world::{World, shared};

/// Callers: the name in the table, and a client with that key.
type Callers = Vec<(&'static str, Client)>;

async fn callers(world: &World, tenant: &Tenant<'_>) -> Callers {
    let (revoked_id, revoked) = world.key(&tenant.name, &["admin"]).await;
    assert_eq!(tenant.api.delete(&format!("/v1/keys/{revoked_id}")).await.unwrap().status, 204);
    let with = |key: &str| world.anyone.with_key(key);
    vec![
        ("admin", tenant.api.clone()),
        ("none", world.anyone.clone()),
        ("malformed", with("ls_malformed")),
        ("unknown", with(&unknown_key())),
        ("revoked", with(&revoked)),
        ("reader", with(&world.key(&tenant.name, &["jobs:read"]).await.1)),
        ("all", with(&world.key("*", &["admin"]).await.1)),
    ]
}

/// Creates the resources that the requests refer to. Returns the values of the table's placeholders.
async fn given(tenant: &Tenant<'_>) -> Vec<(&'static str, String)> {
    tenant.endpoint("orders", "/ok", json!({})).await;
    index(tenant, "notes").await;
    assert!(tenant.accept_with_key("order-1", &to_endpoint("orders")).await.is_some());
    let task = json!({"kind": "image.resize", "endpoint": "orders", "payload": {}, "delay_seconds": 3_600});
    let dead = tenant.dead_letter().await;
    let replay = tenant.act(&format!("/v1/dead-letters/{dead}/replay")).await;
    assert_eq!(replay.status, 202, "{}", replay.body);
    vec![
        ("job_DONE", id_of(&tenant.complete(&to_endpoint("orders")).await)),
        ("job_TASK", tenant.accept(&task).await),
        ("job_REPLAYED", dead),
        ("job_SUCCESSOR", id_of(&replay.body)),
        ("NEXT_HOUR", in_ms(3_600_000)),
    ]
}

/// Members of a problem that the table shows.
fn told(problem: &Value) -> Value {
    json!({
        "type": problem["type"], "status": problem["status"], "detail": problem["detail"], "errors": problem["errors"],
    })
}

fn expected(refusal: &Refusal) -> Value {
    json!({
        "type": format!("urn:problem-type:longshore:{}", refusal.problem), "status": refusal.status,
        "detail": refusal.detail, "errors": refusal.errors(),
    })
}

async fn play(request: &WrongRequest, callers: &Callers, given: &[(&str, String)]) -> Result<(), String> {
    let filled = |text: String| given.iter().fold(text, |text, (name, value)| text.replace(name, value));
    let api = &callers.iter().find(|(name, _)| *name == request.key).expect("the caller is known").1;
    let (method, path) = request.route();
    let headers = request.all_headers();
    let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let body = filled(String::from_utf8(request.bytes()).unwrap()).into_bytes();
    let answer = api.request(method, &filled(path.to_owned()), &headers, body).await.unwrap();
    let (status, problem) = match request.line {
        None => (answer.status, answer.body.clone()),
        Some(line) => {
            assert_eq!(answer.status, 200, "{}: {}", request.what, answer.text);
            let lines = answer.text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
            let result = lines.into_iter().find(|result| result["line"] == line).expect("the line is answered");
            assert_eq!(result["index"], line - 1);
            (u16::try_from(result["status"].as_u64().unwrap()).unwrap(), result["problem"].clone())
        }
    };
    let expected: Value = serde_json::from_str(&filled(expected(&request.answer).to_string())).unwrap();
    if (status, told(&problem)) == (request.answer.status, expected.clone()) {
        return Ok(());
    }
    Err(format!("{}:\n  expected {expected}\n  answered {status} {problem}", request.what))
}

#[test]
fn every_wrong_request_gets_the_answer_of_the_page() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let (callers, given) = (callers(world, &tenant).await, given(&tenant).await);
        let requests = wrong_requests();
        assert!(requests.len() >= 100, "{}", requests.len());
        let played = join_all(requests.iter().map(|request| play(request, &callers, &given))).await;
        let wrong: Vec<_> = played.into_iter().filter_map(Result::err).collect();
        assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), requests.len(), wrong.join("\n"));
    });
}
