//! Checks of every refusal: its form, and that nothing was written.

use longshore_kit::client::Answer;
use serde_json::Value;

/// A refusal that a test expects: its status, the end of its type, and the field it names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) slug: &'static str,
    /// Pointer and code.
    pub(crate) field: Option<(&'static str, &'static str)>,
}

/// A refusal without a field.
pub(crate) const fn refusal(status: u16, slug: &'static str) -> Refusal {
    let field = None;
    Refusal { status, slug, field }
}

/// A wrong field.
pub(crate) const fn invalid(pointer: &'static str, code: &'static str) -> Refusal {
    Refusal { status: 422, slug: "invalid-request", field: Some((pointer, code)) }
}

/// A wrong query parameter.
pub(crate) const fn parameter(name: &'static str, code: &'static str) -> Refusal {
    Refusal { status: 400, slug: "invalid-parameter", field: Some((name, code)) }
}

pub(crate) const NOT_JSON: Refusal = refusal(400, "not-json");
pub(crate) const TOO_DEEP: Refusal = refusal(400, "too-deep");
pub(crate) const TOO_LARGE: Refusal = refusal(413, "too-large");
pub(crate) const WRONG_TYPE: Refusal = refusal(415, "unsupported-media-type");
pub(crate) const WRONG_CODING: Refusal = refusal(415, "unsupported-encoding");
pub(crate) const BAD_KEY: Refusal = refusal(400, "invalid-idempotency-key");
pub(crate) const KEY_REUSED: Refusal = refusal(422, "idempotency-key-reused");
pub(crate) const UNAUTHENTICATED: Refusal = refusal(401, "unauthenticated");
pub(crate) const FORBIDDEN: Refusal = refusal(403, "forbidden");
pub(crate) const NOT_FOUND: Refusal = refusal(404, "not-found");
pub(crate) const WRONG_METHOD: Refusal = refusal(405, "method-not-allowed");
pub(crate) const ILLEGAL: Refusal = refusal(409, "illegal-transition");
pub(crate) const RATE_LIMITED: Refusal = refusal(429, "rate-limited");
pub(crate) const QUOTA_REACHED: Refusal = refusal(429, "quota-reached");
pub(crate) const BAD_CURSOR: Refusal = refusal(400, "invalid-cursor");
pub(crate) const BAD_HEADER: Refusal = refusal(400, "invalid-header");
pub(crate) const RESTORING: Refusal = refusal(503, "restoring");
pub(crate) const STORAGE_FULL: Refusal = refusal(503, "storage-full");

/// Checks a whole problem document and the headers around it.
#[track_caller]
pub(crate) fn assert_refused(what: &str, answer: &Answer, expected: Refusal) {
    let got = format!("{what}: {} {}", answer.status, answer.body);
    assert_eq!(answer.status, expected.status, "{got}");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{got}");
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{got}");
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{got}");
    assert_problem(&got, &answer.body, expected);
    assert_eq!(answer.header("longshore-request-id"), answer.body["request_id"].as_str(), "{got}");
    let header = match expected.status {
        401 => "www-authenticate",
        405 => "allow",
        429 | 503 => "retry-after",
        _ => return,
    };
    assert!(answer.header(header).is_some_and(|value| !value.is_empty()), "{header} is missing; {got}");
}

/// Checks a problem document, which may be inside the answer of a batch.
#[track_caller]
pub(crate) fn assert_problem(what: &str, problem: &Value, expected: Refusal) {
    let kind = format!("urn:problem-type:longshore:{}", expected.slug);
    assert_eq!(problem["type"], Value::from(kind), "{what}");
    assert_eq!(problem["status"], expected.status, "{what}");
    for field in ["title", "detail", "request_id"] {
        assert!(problem[field].as_str().is_some_and(|text| !text.is_empty()), "no {field}: {what}");
    }
    let errors = problem["errors"].as_array().unwrap_or_else(|| panic!("no errors: {what}"));
    let Some((pointer, code)) = expected.field else {
        assert!(errors.is_empty(), "{what}");
        return;
    };
    let named = errors.iter().any(|error| error["pointer"] == pointer && error["code"] == code);
    assert!(named, "{pointer} {code} is not named; {what}");
    // The detail is a sentence: a wrong value must not be logged or reflected.
    assert!(errors.iter().all(|error| error["detail"].as_str().is_some_and(|text| !text.is_empty())), "{what}");
}
