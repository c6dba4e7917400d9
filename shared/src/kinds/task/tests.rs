//! Tests of the task kind: names, payloads, and the outcome of a response.

use super::*;
use crate::model::result::ResultError;

fn answer(status: u16, headers: &[(&str, &str)], body: &[u8]) -> HttpResponse {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    HttpResponse { status, headers, body: body.to_vec(), truncated: false, body_error: None }
}

const JSON: (&str, &str) = ("Content-Type", "application/json; charset=utf-8");

#[test]
fn a_task_has_a_dotted_name() {
    for name in ["image.thumbnail", "a.b", "billing.invoice.send_2", "a.b-c"] {
        assert!(is_task_name(name), "{name}");
    }
    let long = format!("a.{}", "b".repeat(TASK_NAME_BYTES_MAX - 1));
    for name in ["", "webhook", "image", ".a", "a.", "a..b", "A.b", "a.B", "1.a", "a.1", "a. b", "a.ü", &long] {
        assert!(!is_task_name(name), "{name}");
    }
}

fn result_of(response: &HttpResponse) -> JobResult {
    match judge(response) {
        Outcome::Succeeded { result } => result,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_json_answer_is_the_result() {
    let written = br#"{"pages":12345678901234567890123,"a":1.0}"#;
    assert_eq!(result_of(&answer(200, &[JSON], written)), JobResult::of(written));
    assert_eq!(result_of(&answer(200, &[JSON], b"\xef\xbb\xbf{}")), JobResult::of(b"{}"));
    for response in
        [answer(204, &[], b""), answer(200, &[JSON], b""), answer(200, &[("content-type", "text/plain")], b"ok")]
    {
        assert_eq!(result_of(&response), JobResult::Empty);
    }
}

#[test]
fn every_2xx_is_a_success_with_any_body() {
    let large = format!("\"{}\"", "x".repeat(RESULT_BYTES_MAX));
    let deep = "[".repeat(130) + &"]".repeat(130);
    for (body, error) in [
        (large.as_str(), ResultError::TooLarge),
        ("{", ResultError::NotJson),
        ("", ResultError::BrokenOff),
        (r#"{"pages":12}"#, ResultError::BrokenOff),
        (r#""\ud83d""#, ResultError::UnreadableValue),
        ("1e999", ResultError::UnreadableValue),
        (&deep, ResultError::TooDeep),
    ] {
        for status in [200, 201, 202, 226, 299] {
            let body_error = (error == ResultError::BrokenOff).then(|| "Network connection lost.".to_owned());
            let response = HttpResponse { body_error, ..answer(status, &[JSON], body.as_bytes()) };
            assert_eq!(result_of(&response), JobResult::Lost(error), "{body:.40}");
        }
    }
    let truncated = HttpResponse { truncated: true, ..answer(200, &[JSON], b"{}") };
    assert_eq!(result_of(&truncated), JobResult::Lost(ResultError::TooLarge));
    let broken_off = HttpResponse {
        body_error: Some("Network connection lost.".into()),
        ..answer(202, &[("longshore-completion", "deferred")], b"")
    };
    assert!(matches!(judge(&broken_off), Outcome::Deferred { .. }));
}

#[test]
fn a_deferred_answer_sets_when_the_completion_is_due() {
    let due = |status, headers: &[(&str, &str)]| match judge(&answer(status, headers, b"")) {
        Outcome::Deferred { due_in } => Some(due_in.as_secs()),
        _ => None,
    };
    let deferred = ("Longshore-Completion", "deferred");
    assert_eq!(due(202, &[deferred]), Some(u64::from(COMPLETION_SECONDS_DEFAULT)));
    for (asked, seconds) in [("90", 90), ("0", 1), ("99999999", u64::from(COMPLETION_SECONDS_MAX)), ("soon", 3_600)] {
        assert_eq!(due(202, &[deferred, ("longshore-completion-seconds", asked)]), Some(seconds), "{asked}");
    }
    assert_eq!(due(200, &[deferred]), None, "only a 202 is deferred");
    assert_eq!(due(202, &[("longshore-completion", "now")]), None);
    assert_eq!(due(202, &[]), None);
}

#[test]
fn a_task_needs_an_endpoint_and_a_payload_that_can_be_shown() {
    let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
    let pointers = |payload: &str, endpoint| {
        let problem = check(&raw(payload), endpoint).unwrap_err();
        problem.errors().iter().map(|error| error.pointer.clone()).collect::<Vec<_>>()
    };
    assert_eq!(pointers(r#"{"\ud800":1}"#, None), ["#/endpoint", "#/payload"]);
    assert_eq!(pointers(r#""\ud800""#, Some("jobs")), ["#/payload"]);
    let checked = check(&raw(r#"{"a" : 1}"#), Some("jobs")).unwrap();
    assert_eq!(checked.stored, r#"{"a" : 1}"#);
    let odd = r#"{"b":1,"a":[1e400,-0,12345678901234567890123],"a":"\u00e9"}"#;
    assert_eq!(check(&raw(odd), Some("jobs")).unwrap().stored, odd);
}
