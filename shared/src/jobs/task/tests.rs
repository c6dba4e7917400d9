//! Tests of the task kind: its names, its payloads, and what an answer means.

use super::*;

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

#[test]
fn a_json_answer_is_the_result() {
    let result = |outcome| match outcome {
        Outcome::Succeeded { result } => result,
        other => panic!("{other:?}"),
    };
    assert_eq!(result(judge(&answer(200, &[JSON], br#"{"pages":3}"#))), Some(serde_json::json!({"pages": 3})));
    assert_eq!(result(judge(&answer(204, &[], b""))), None);
    assert_eq!(result(judge(&answer(200, &[JSON], b""))), None);
    assert_eq!(result(judge(&answer(200, &[("content-type", "text/plain")], b"ok"))), None);
}

#[test]
fn an_answer_that_breaks_off_is_an_answer() {
    let broken_off = |status, headers: &[_], body: &[u8]| {
        judge(&HttpResponse { body_error: Some("Network connection lost.".into()), ..answer(status, headers, body) })
    };
    for body in [&b"{\"pages\":3}"[..], b"{\"pages\":", b"12", b""] {
        assert_eq!(broken_off(200, &[JSON], body), Outcome::Succeeded { result: None });
    }
    let deferred = broken_off(202, &[("longshore-completion", "deferred")], b"");
    assert!(matches!(deferred, Outcome::Deferred { .. }), "{deferred:?}");
}

#[test]
fn an_answer_that_cannot_be_kept_is_the_handlers_mistake() {
    let text = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
    let most = judge(&answer(200, &[JSON], text(RESULT_BYTES_MAX).as_bytes()));
    assert!(matches!(most, Outcome::Succeeded { result: Some(_) }));
    let cut = HttpResponse { truncated: true, ..answer(200, &[JSON], b"{}") };
    for response in [answer(200, &[JSON], text(RESULT_BYTES_MAX + 1).as_bytes()), answer(200, &[JSON], b"{"), cut] {
        assert!(matches!(judge(&response), Outcome::Failed { class: ErrorClass::Handler, .. }));
    }
}

#[test]
fn a_deferred_answer_says_when_its_completion_is_due() {
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
    assert_eq!(pointers("1", Some("no such")), ["#/endpoint"]);
    assert_eq!(pointers(r#""\ud800""#, Some("jobs")), ["#/payload"]);
    let checked = check(&raw(r#"{"a" : 1}"#), Some("jobs")).unwrap();
    assert_eq!((checked.endpoint.as_str(), checked.stored.as_str()), ("jobs", r#"{"a" : 1}"#));
    let odd = r#"{"b":1,"a":[1e400,-0,12345678901234567890123],"a":"\u00e9"}"#;
    assert_eq!(check(&raw(odd), Some("jobs")).unwrap().stored, odd);
}
