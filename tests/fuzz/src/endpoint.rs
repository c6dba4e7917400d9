//! Property of endpoints: a refused one never reaches the store; an accepted one seals its headers there and can be
//! sent to.

use futures_util::FutureExt;
use longshore::kinds::target::SERVICE_ORIGIN;
use longshore::kinds::webhook::prepare;
use longshore::limits::{MAX_ATTEMPTS_MAX, TASK_TIMEOUT_SECONDS_MAX, TIMEOUT_SECONDS_MAX};
use longshore::manage::endpoints::put_endpoint;
use longshore::model::claimed::ClaimedEndpoint;
use longshore::model::endpoint::{Endpoint, EndpointRow, EndpointState, EvidencePolicy};
use longshore::ports::Param;
use longshore::security::destination;
use longshore::security::redact::{Redaction, is_pointer};
use longshore::store::audit::Operator;
use serde_json::{Value, json};

use crate::stub::{NOW_MS, Stub, claimed, is_the_callers, settings};

/// Returns an endpoint without headers.
pub(crate) fn plain_endpoint() -> ClaimedEndpoint {
    ClaimedEndpoint {
        state: EndpointState::Active,
        url: "https://example.com/hook".into(),
        service: None,
        headers: Vec::new(),
        timeout_seconds: 20,
        evidence: EvidencePolicy::Full,
        connections: 2,
        keep_payload: 0,
        dead_letter_on: Vec::new(),
        redact: Redaction::default(),
        secret_version: 1,
        rotated_at: None,
    }
}

/// Checks the body of `PUT /v1/endpoints/orders`.
pub fn endpoint(bytes: &[u8]) -> bool {
    let (world, settings) = (Stub::default(), settings());
    let operator = Operator::new("00000000000000aa", None, "01KBJ3DW00ZX3VJ5T8M4QY6R7N");
    let put = || {
        put_endpoint(&world, &operator, &settings, "acme", "orders", bytes).now_or_never().expect("nothing to wait for")
    };
    match put() {
        Err(problem) if world.seen.borrow().is_empty() => return is_the_callers(&problem),
        answer => assert!(answer.is_err(), "the stub has no row yet"),
    }
    let row = stored(&world);
    world.answers.borrow_mut().push(("read_endpoint", vec![row.to_string()]));
    let row = put().expect("the store has the row");
    let requested: Value = serde_json::from_slice(bytes).unwrap();
    if row.service.is_none() {
        let again = destination::check(&row.url, &settings.private_destinations).expect("a stored url is allowed");
        assert_eq!(again.url.as_str(), row.url);
    }
    assert!((1..=TASK_TIMEOUT_SECONDS_MAX).contains(&row.timeout_seconds));
    assert!((1..=MAX_ATTEMPTS_MAX).contains(&row.max_attempts));
    assert!(row.redact.body_pointers.iter().all(|pointer| is_pointer(pointer)));
    are_sealed_and_sent(&requested, &row);
    true
}

/// Returns the row that the store would return for the parameter of the put.
fn stored(world: &Stub) -> Value {
    let seen = world.seen.borrow();
    let put = seen.iter().find(|statement| statement.name == "put_endpoint").expect("a put");
    let [Param::Text(text)] = put.params.as_slice() else { panic!("{:?}", put.params) };
    let mut row: Value = serde_json::from_str(text).unwrap();
    let rest =
        json!({"state": "active", "secret_version": 1, "created_at": NOW_MS, "updated_at": NOW_MS, "now": NOW_MS});
    row.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    // SQLite has no booleans: `->>` returns 0 or 1.
    row["keep_payload"] = json!(u8::from(row["keep_payload"] == true));
    row
}

fn are_sealed_and_sent(requested: &Value, row: &EndpointRow) {
    let shown = json!(Endpoint::from(row));
    let endpoint = ClaimedEndpoint {
        url: row.url.clone(),
        service: row.service.clone(),
        headers: row.headers.clone(),
        timeout_seconds: row.timeout_seconds,
        ..plain_endpoint()
    };
    let sent = prepare(&claimed("{}", Some(endpoint)), None, &settings(), NOW_MS).unwrap();
    assert_eq!(sent.timeout.as_secs(), u64::from(row.timeout_seconds.min(TIMEOUT_SECONDS_MAX)));
    if let Some(service) = &row.service {
        assert!(sent.service.as_ref() == Some(service) && service.starts_with("HANDLER_"));
        assert!(sent.url.strip_prefix(SERVICE_ORIGIN).is_some_and(|path| path.starts_with('/')));
    }
    let headers = requested["headers"].as_object().cloned().unwrap_or_default();
    assert_eq!(row.headers.len(), headers.len());
    for (name, value) in &headers {
        let name = name.to_ascii_lowercase();
        assert!(row.headers.iter().any(|(known, sealed)| *known == name && sealed != value));
        let found = sent.headers.iter().find(|(known, _)| *known == name);
        assert_eq!(found.map(|(_, value)| value.as_str()), value.as_str());
    }
    assert!(shown["headers"].as_array().unwrap().iter().all(|header| header["value"].is_null()));
}
