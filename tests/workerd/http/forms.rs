//! The document's request schemas against the Workers: a request that a schema allows is not refused for its form, and
//! any other is refused.

use longshore::routes::{ActionOperation, Operation as Op, Route};
use longshore_kit::client::Client;
use longshore_tests::api_document::ApiDocument;
use longshore_tests::variants::{Variant, variants};
use serde_json::{Value, json};

use crate::support::route_table::{ROUTES, RouteExt};
use crate::support::world::alone;

/// Codes for a wrong form. All others report what no schema can express: a bad cron expression, a past time, an unknown
/// endpoint.
const OF_FORM: [&str; 9] = [
    "invalid-type",
    "missing-field",
    "unknown-field",
    "unknown-value",
    "out-of-range",
    "either-or",
    "invalid-name",
    "unknown-kind",
    "too-long",
];
const KEY_IS_OF_FORM: &str = "urn:problem-type:longshore:invalid-idempotency-key";

#[test]
fn a_request_is_refused_for_its_form_exactly_when_its_schema_does_not_allow_it() {
    alone(
        "forms",
        |_| {},
        async |world| {
            let tenant = world.tenant().await;
            tenant.endpoint("orders", "/ok", json!({})).await;
            let all = world.anyone.with_key(&world.key("*", &["admin"]).await.1);
            assert_eq!(all.request("POST", "/v1/pause", &[], Vec::new()).await.unwrap().status, 200);
            let document = ApiDocument::generated();
            let (mut sent, mut wrong) = (0, Vec::new());
            for route in ROUTES.iter().filter(|route| is_repeatable(route)) {
                let api = if matches!(route.path, "/v1/keys" | "/v1/tenants/{id}/quota") { &all } else { &tenant.api };
                let operation = document.operation(route.method, route.path);
                let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
                let validator = document.validator(schema).unwrap();
                for (name, example) in document.request_examples(route.method, route.path) {
                    for variant in variants(&document, schema, &example) {
                        let found = send(api, route, &variant).await;
                        sent += 1;
                        let is_wrong = match &found {
                            Found::Accepted => !validator.is_valid(&variant.body),
                            Found::OfForm(_) => validator.is_valid(&variant.body),
                            Found::Otherwise => false,
                        };
                        if is_wrong {
                            wrong.push(format!("{} {} {name}: {}: {found:?}", route.method, route.path, variant.what));
                        }
                    }
                }
            }
            println!("{sent} variants of requests were sent");
            assert!(sent > 1_000, "{sent}");
            assert!(wrong.is_empty(), "{} of {sent}:\n{}", wrong.len(), wrong.join("\n"));
        },
    );
}

/// Returns true if a route takes a body that can be sent repeatedly. The others act on a state that the first request
/// ends, and batches are lists of the same bodies.
fn is_repeatable(route: &Route) -> bool {
    !matches!(
        route.operation(),
        Some(
            Op::CreateJobs
                | Op::ReplayDeadLetter
                | Op::DiscardDeadLetter
                | Op::CompleteJob
                | Op::FailJob
                | Op::Restored
        )
    )
}

/// Result of a request.
#[derive(Debug)]
enum Found {
    Accepted,
    /// Refused for its form; the error is shown when the test fails.
    OfForm(#[allow(dead_code, reason = "it is shown as Debug")] String),
    /// Refused for something that no schema can express.
    Otherwise,
}

async fn send(api: &Client, route: &Route, variant: &Variant) -> Found {
    let headers = [("content-type", "application/json")];
    let body = variant.body.to_string().into_bytes();
    let answer = api.request(route.method, &route.path_of("forms"), &headers, body).await.unwrap();
    assert!(answer.status < 500, "{}: {}", variant.what, answer.body);
    let mut errors = answer.body["errors"].as_array().into_iter().flatten();
    // Which fields and filters an action may have depends on what it does, which its schema does not say.
    let is_action = route.operation() == Some(Op::Actions(ActionOperation::CreateAction));
    let is_of_form = |error: &Value| {
        let code = OF_FORM.iter().find(|code| error["code"] == **code);
        code.is_some_and(|code| !is_action || *code != "either-or")
    };
    match errors.find(|error| is_of_form(error)) {
        _ if answer.status < 300 => Found::Accepted,
        _ if answer.body["type"] == KEY_IS_OF_FORM => Found::OfForm(answer.body["detail"].to_string()),
        Some(error) => Found::OfForm(error.to_string()),
        None => Found::Otherwise,
    }
}
