//! Properties of requests for jobs: an accepted job means the same in every spelling, its secrets are sealed at rest,
//! and the sent request matches it.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use longshore::accept::batch::read_batch;
use longshore::accept::request::{NewJob, check};
use longshore::kinds::shown;
use longshore::kinds::webhook::prepare;
use longshore::limits::{ACCEPT_PARAMETER_BYTES, BATCH_JOBS_MAX, METADATA_BYTES_MAX, RUN_AFTER_MS_MAX};
use longshore::model::job::is_id;
use longshore::security::destination;
use longshore::security::redact::is_secret_name;
use longshore::wire::idempotency::check_key;
use longshore::wire::problem::Problem;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::endpoint::plain_endpoint;
use crate::stub::{NOW_MS, Stub, claimed, is_the_callers, settings};

type Fields = BTreeMap<String, Box<RawValue>>;

/// Returns a checked job of tenant `acme` as it is stored, with a key that no other job has.
fn checked(bytes: &[u8]) -> Result<NewJob, Problem> {
    let (world, settings) = (Stub::default(), settings());
    let mut job = check(&world, &settings, bytes, 0, None)?;
    if let Some(problem) = job.refused_if_new {
        return Err(problem);
    }
    job.seal_secrets(&world, &settings, "acme")?;
    Ok(job)
}

/// Checks the body of `POST /v1/jobs`.
pub fn request(bytes: &[u8]) -> bool {
    let job = match checked(bytes) {
        Ok(job) => serde_json::to_value(job).unwrap(),
        Err(problem) => return is_the_callers(&problem),
    };
    assert!(is_id(job["id"].as_str().unwrap()));
    assert!(job.to_string().len() < ACCEPT_PARAMETER_BYTES);
    assert!(job["idempotency_key"].as_str().is_none_or(|key| check_key(key).is_ok()));
    assert!(job["metadata"].as_str().is_none_or(|metadata| metadata.len() <= METADATA_BYTES_MAX));
    let within = |name: &str, from: i64| {
        let at = job[name].as_i64();
        assert!(at.is_none_or(|at| at > from && at <= NOW_MS + RUN_AFTER_MS_MAX), "{name}: {at:?}");
    };
    within("scheduled_at", NOW_MS);
    within("deadline_at", job["scheduled_at"].as_i64().unwrap_or(NOW_MS));
    let fields: Fields = serde_json::from_slice(bytes).unwrap();
    let mut expected = job.clone();
    expected["idempotency_key"] = json!("another");
    let stored = job["payload"].as_str().unwrap();
    // A number beyond all doubles is kept, but has no value to compare.
    let (Ok(payload), Ok(at_rest)) = (fields["payload"].get().parse::<Value>(), stored.parse::<Value>()) else {
        return true;
    };
    let mut respelled = respelled(&fields);
    let other: Value = respelled["payload"].as_str().unwrap().parse().unwrap();
    // The payload is kept as it was written: only the order differs.
    (expected["payload"], respelled["payload"]) = (at_rest, other);
    assert_eq!(respelled, expected, "the order of fields, spaces and the key must not matter");
    is_hidden(&payload, stored);
    is_sent_as_requested(&payload, stored);
    true
}

/// Returns the job accepted from the same request with another order of fields, other spaces and another key.
fn respelled(fields: &Fields) -> Value {
    let written = |fields: &Fields, space: &str| {
        let fields = fields.iter().rev().map(|(name, value)| format!("{}:{space}{}", json!(name), value.get()));
        format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
    };
    let payload: Fields = serde_json::from_str(fields["payload"].get()).unwrap();
    let mut fields = fields.clone();
    fields.insert("payload".into(), RawValue::from_string(written(&payload, "")).unwrap());
    fields.insert("idempotency_key".into(), RawValue::from_string("\"another\"".into()).unwrap());
    let job = checked(format!(" {}\n", written(&fields, "\t")).as_bytes());
    serde_json::to_value(job.expect("another spelling of an accepted request")).unwrap()
}

fn headers_of(payload: &Value) -> impl Iterator<Item = (&String, &str)> {
    payload["headers"].as_object().into_iter().flatten().map(|(name, value)| (name, value.as_str().unwrap()))
}

/// Checks that secret headers are neither stored in plain text nor shown.
fn is_hidden(payload: &Value, stored: &str) {
    let at_rest: Value = serde_json::from_str(stored).unwrap();
    let shown = json!(shown("webhook", stored).expect("what is stored can be shown"));
    for (name, value) in headers_of(payload) {
        if is_secret_name(name) {
            assert_ne!(at_rest["headers"][name], *value);
            assert_eq!(shown["headers"][name], "[sealed]");
        } else {
            assert_eq!(shown["headers"][name], *value);
        }
    }
    assert!(!shown.to_string().contains("\\u0001"), "{shown}");
}

/// Checks that the request of the stored payload has the requested headers, target and body.
fn is_sent_as_requested(payload: &Value, stored: &str) {
    let settings = settings();
    let endpoint = payload["url"].is_null().then(plain_endpoint);
    let url = payload["url"].as_str().map_or_else(|| plain_endpoint().url, str::to_owned);
    let sent = prepare(&claimed(stored, endpoint), None, &settings, NOW_MS).expect("what was accepted can be sent");
    assert_eq!(sent.url, destination::check(&url, &settings.private_destinations).unwrap().url.as_str());
    assert_eq!(sent.method, payload["method"].as_str().unwrap_or("POST"));
    let value = |name: &str| {
        let mut found = sent.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        let value = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "{name} is sent twice");
        value
    };
    for (name, requested) in headers_of(payload) {
        assert_eq!(value(name), Some(requested));
    }
    assert!(["webhook-id", "webhook-timestamp", "webhook-signature"].into_iter().all(|name| value(name).is_some()));
    if let Some(body) = payload["body_base64"].as_str() {
        assert_eq!(STANDARD.encode(&sent.body), body);
    } else if let Some(body) = payload["body"].as_str() {
        assert_eq!(sent.body, body.as_bytes());
    } else {
        let null = || Value::Null;
        assert_eq!(serde_json::from_slice(&sent.body).unwrap_or_else(|_| null()), payload["body"]);
    }
}

/// Checks the body of `POST /v1/jobs/batch`: the jobs keep their order and their bytes, and are refused one by one.
pub fn batch(bytes: &[u8]) -> bool {
    let jobs = match read_batch(bytes) {
        Ok(jobs) => jobs,
        Err(problem) => return is_the_callers(&problem),
    };
    assert!((1..=BATCH_JOBS_MAX).contains(&jobs.len()));
    let mut rest = std::str::from_utf8(bytes).unwrap();
    for (index, job) in jobs.iter().enumerate() {
        let at = rest.find(job.get()).expect("the bytes of each job, in order");
        rest = &rest[at + job.get().len()..];
        match check(&Stub::default(), &settings(), job.get().as_bytes(), index, Some(format!("key:{index}"))) {
            Ok(checked) => assert_eq!(serde_json::to_value(checked).unwrap()["index"], index),
            Err(problem) => assert!(!is_the_callers(&problem)),
        }
    }
    true
}
