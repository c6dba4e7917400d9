//! Story of a job in words: what each attempt met, how long the job waited, and what to do next.

use longshore::model::attempt::AttemptState;
use longshore::model::state::{DeadLetterState, DeadReason, State};
use longshore::wire::time::parse_rfc3339;
use longshore_client::{Attempt, Endpoint, Evidence, EvidenceCall, EvidenceMessage, Job, JobError};

use crate::escape::{escaped, escaped_lines};
use crate::times::{shown_at, span};

/// Indentation of the text of others.
const INDENT: &str = "    ";

/// Describes the job: its state and the reason for it.
pub(crate) fn beginning(job: &Job, endpoint: Option<&Endpoint>, now: i64) -> String {
    let target = job.endpoint.as_ref().map_or(String::new(), |endpoint| format!(" to `{}`", escaped(endpoint)));
    let state = match &job.state {
        State::Scheduled => "It is scheduled and has not been sent yet.".to_owned(),
        State::Queued => "It is due and waits for a worker.".to_owned(),
        State::Running if job.completion_due_at.is_some() => "Its handler has deferred the completion.".to_owned(),
        State::Running => "An attempt is under way.".to_owned(),
        State::Retrying => "An attempt failed or was interrupted; the job will be tried again.".to_owned(),
        State::Held => held(endpoint),
        State::Succeeded => "It succeeded.".to_owned(),
        State::Cancelled => "It was cancelled.".to_owned(),
        State::Dead => format!("It is dead: {}.", job.dead_reason.map_or("no reason is recorded", death)),
    };
    let mut lines = vec![format!("{} is a {} job{target}. {state}", escaped(&job.id), escaped(&job.kind))];
    for (what, at) in [
        ("Accepted", Some(&job.created_at)),
        ("Ended", job.finished_at.as_ref()),
        ("Next attempt", job.next_attempt_at.as_ref()),
        ("The completion is due", job.completion_due_at.as_ref()),
        ("No attempt starts after", job.deadline_at.as_ref()),
    ] {
        lines.extend(at.map(|at| format!("{what} {}.", shown_at(at, now))));
    }
    lines.push(format!("Attempts so far: {}; {} may fail.", job.attempts, job.max_attempts));
    lines.join("\n")
}

/// Explains why a job is held.
fn held(endpoint: Option<&Endpoint>) -> String {
    let Some(endpoint) = endpoint.filter(|endpoint| endpoint.state == "paused") else {
        return "It is held, because its endpoint or the pipeline is paused.".to_owned();
    };
    let why = match endpoint.paused_reason.as_deref() {
        Some("gone") => "the receiver answered 410 Gone",
        Some("config") => "the deployment lacks its service binding",
        _ => "an operator paused it",
    };
    let name = escaped(&endpoint.id);
    format!("It is held, because the endpoint `{name}` is paused: {why}. To resume: longshore endpoints resume {name}")
}

/// Explains why a job died.
fn death(reason: DeadReason) -> &'static str {
    match reason {
        DeadReason::AttemptsExhausted => "all attempts failed",
        DeadReason::NotRetryable => {
            "the error cannot be fixed by another attempt, or the endpoint dead-letters it at once"
        }
        DeadReason::Deadline => "its deadline passed",
        DeadReason::CrashLoop => "the Worker crashed three times while the job ran alone",
    }
}

/// Describes an attempt: its time, its result, its error, and the wait after it.
pub(crate) fn attempt(attempt: &Attempt, now: i64) -> String {
    let mut results = vec![state(attempt).to_owned()];
    let status = attempt.response.as_ref().and_then(|response| response.status);
    results.extend(status.map(|status| format!("status {status}")));
    results.extend(attempt.duration_ms.map(|ms| format!("after {}", span(ms.unsigned_abs()))));
    results.extend(attempt.ended_by.as_ref().map(|actor| format!("ended by a {}", escaped(actor))));
    let (number, started) = (attempt.attempt, shown_at(&attempt.started_at, now));
    let mut lines = vec![format!("Attempt {number}, {started}: {}.", results.join(", "))];
    lines.extend(attempt.error.as_ref().map(|error| format!("  {}", failure(error))));
    if let Some(retry_at) = &attempt.retry_at {
        let ended = parse_rfc3339(&attempt.started_at).map(|at| at + attempt.duration_ms.unwrap_or(0));
        let wait = ended.zip(parse_rfc3339(retry_at)).map(|(ended, retry)| span(ended.abs_diff(retry)));
        lines.push(format!("  Waits {} until {}.", wait.unwrap_or_default(), shown_at(retry_at, now)));
    }
    lines.join("\n")
}

fn state(attempt: &Attempt) -> &'static str {
    match attempt.state {
        AttemptState::Running => "running",
        AttemptState::Succeeded => "succeeded",
        AttemptState::Failed => "failed",
        AttemptState::Deferred => "deferred by the handler",
        AttemptState::OutcomeUnknown => "unknown, because the Worker stopped; the request may have been received",
    }
}

fn failure(error: &JobError) -> String {
    let side = match error.fault.as_str() {
        "destination" => "the receiver",
        "ours" => "Longshore or its deployment",
        "provider" => "the embedding provider",
        "payload" => "the content of the job",
        other => other,
    };
    format!("{}, caused by {}: {}", escaped(&error.class), escaped(side), escaped(&error.message))
}

/// Says what to do next; empty if there is nothing to do.
pub(crate) fn advice(job: &Job) -> String {
    let id = escaped(&job.id);
    match (job.state, job.dead_letter_state, &job.replayed_by) {
        (State::Dead, Some(DeadLetterState::Open), _) => format!(
            "Fix the cause, then send it again or discard it:\n  \
             longshore dead replay {id}\n  longshore dead discard {id}"
        ),
        (State::Dead, _, Some(by)) => format!("It was replayed by {}.", escaped(by)),
        (State::Dead, ..) => "Its dead letter was discarded.".to_owned(),
        (State::Retrying | State::Scheduled, ..) => format!("To send it now: longshore jobs retry {id}"),
        _ => String::new(),
    }
}

/// Shows both sides of an attempt.
pub(crate) fn evidence(evidence: &Evidence) -> String {
    match evidence {
        Evidence::Inline { reason, record } => {
            let record = escaped_lines(record, INDENT);
            format!("  The record could not be stored: {}. It begins:\n{record}", escaped(reason))
        }
        Evidence::Whole(call) => {
            let calls: Vec<_> = call.earlier.iter().chain([&**call]).map(exchange).collect();
            calls.join("\n")
        }
    }
}

fn exchange(call: &EvidenceCall) -> String {
    let request = call.request.as_ref().map_or("  Nothing was sent.".to_owned(), |request| message(request, '>'));
    let response = call.response.as_ref().map_or("  No response came.".to_owned(), |response| message(response, '<'));
    format!("{request}\n{response}")
}

/// Shows a request or a response; `side` begins the lines of its head.
fn message(message: &EvidenceMessage, side: char) -> String {
    let first = match (&message.method, &message.url, message.status) {
        (Some(method), Some(url), _) => format!("{} {}", escaped(method), escaped(url)),
        (.., Some(status)) => status.to_string(),
        _ => String::new(),
    };
    let mut lines = vec![format!("  {side} {first}")];
    let headers = message.headers.iter().flatten();
    lines.extend(headers.map(|(name, value)| format!("  {side} {}: {}", escaped(name), escaped(value))));
    match (&message.body, &message.body_base64) {
        (Some(text), _) if !text.is_empty() => lines.push(escaped_lines(text, INDENT)),
        (None, Some(base64)) => lines.push(format!("{INDENT}(base64) {}", escaped(base64))),
        _ => {}
    }
    if message.body_truncated {
        let bytes = message.body_bytes.map_or(String::new(), |bytes| format!(" of {bytes} bytes"));
        lines.push(format!("{INDENT}(the beginning{bytes})"));
    }
    if let Some(error) = &message.body_error {
        lines.push(format!("  The body was interrupted: {}", escaped(error)));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOW: &str = "2026-11-02T09:00:00.000Z";

    fn job(state: &str, more: &Value) -> Job {
        let mut job = json!({
            "id": "job_1", "kind": "webhook", "state": state, "tenant": "acme", "endpoint": "orders",
            "created_at": "2026-11-02T08:00:00.000Z", "attempts": 2, "max_attempts": 2, "event_id": "job_1",
        });
        job.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(job).unwrap()
    }

    #[test]
    fn a_dead_job_says_why_and_what_to_do() {
        let now = parse_rfc3339(NOW).unwrap();
        let dead = job("dead", &json!({"dead_reason": "attempts_exhausted", "dead_letter_state": "open"}));
        let text = beginning(&dead, None, now);
        assert!(text.starts_with("job_1 is a webhook job to `orders`. It is dead: all attempts failed."), "{text}");
        assert!(text.contains("Accepted 2026-11-02T08:00:00.000Z (1 h ago)."), "{text}");
        assert!(advice(&dead).contains("longshore dead replay job_1"));
        let replayed = job("dead", &json!({"dead_letter_state": "replayed", "replayed_by": "job_2"}));
        assert_eq!(advice(&replayed), "It was replayed by job_2.");
    }

    #[test]
    fn a_held_job_names_its_endpoint_and_the_reason() {
        let mut endpoint = json!({
            "id": "orders", "tenant": "acme", "state": "paused", "paused_reason": "gone", "timeout_seconds": 30,
            "connections": 2, "schedule": "fast", "max_attempts": 5, "created_at": NOW, "updated_at": NOW,
            "evidence": "full", "keep_payload": false,
        });
        let shown = |endpoint: &Value| {
            let endpoint = serde_json::from_value(endpoint.clone()).unwrap();
            beginning(&job("held", &json!({})), Some(&endpoint), 0)
        };
        assert!(shown(&endpoint).contains("is paused: the receiver answered 410 Gone. To resume:"));
        endpoint["state"] = json!("active");
        assert!(shown(&endpoint).contains("its endpoint or the pipeline is paused."));
    }

    #[test]
    fn an_attempt_shows_its_error_and_its_wait() {
        let failed: Attempt = serde_json::from_value(json!({
            "attempt": 1, "state": "failed", "started_at": "2026-11-02T08:00:00.000Z", "duration_ms": 120,
            "retry_at": "2026-11-02T08:00:05.120Z", "response": {"status": 500}, "evidence": {"state": "stored"},
            "error": {"class": "http_5xx", "fault": "destination", "message": "answered 500\u{1b}", "retryable": true},
        }))
        .unwrap();
        let expected = "Attempt 1, 2026-11-02T08:00:00.000Z (1 h ago): failed, status 500, after 120 ms.\n  \
                        http_5xx, caused by the receiver: answered 500\\u{1b}\n  \
                        Waits 5 s until 2026-11-02T08:00:05.120Z (59 min ago).";
        assert_eq!(attempt(&failed, parse_rfc3339(NOW).unwrap()), expected);
    }

    #[test]
    fn evidence_shows_both_sides_and_escapes_bodies() {
        let record = json!({
            "v": 1,
            "request": {"method": "POST", "url": "https://a/", "headers": [["a", "b"]], "body_bytes": 1, "body": "x"},
            "response": {
                "status": 500, "headers": [], "body_bytes": 9, "body": "no\nlongshore: \u{1b}[2J", "body_truncated": true,
            },
        });
        let expected = "  > POST https://a/\n  > a: b\n    x\n  < 500\n    no\n    \
                        longshore: \\u{1b}[2J\n    (the beginning of 9 bytes)";
        assert_eq!(evidence(&serde_json::from_value(record).unwrap()), expected);
        let unsent = json!({"v": 1, "request": null, "response": null});
        assert_eq!(evidence(&serde_json::from_value(unsent).unwrap()), "  Nothing was sent.\n  No response came.");
        let inline = json!({"inline": true, "reason": "r", "record": "{"});
        assert!(evidence(&serde_json::from_value(inline).unwrap()).contains("could not be stored: r"));
    }
}
