//! Checks of an evidence record: its digest, the attempt that it names, and the digests of its bodies.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use longshore::model::attempt::AttemptState;
use longshore::wire::idempotency::sha256;
use longshore_client::{Answer, Attempt, Evidence, EvidenceCall, EvidenceMessage, Job};

use crate::commands::history::{FaultKind, Finding};

/// Evidence that an attempt should have.
pub(crate) enum Expected {
    /// The API has it.
    Kept,
    /// No evidence, or a part of it, for this reason.
    Without(&'static str),
}

/// Returns the evidence that an attempt should have.
///
/// # Errors
/// The fault of an attempt that names none without a reason.
pub(crate) fn expected(attempt: &Attempt) -> Result<Expected, Finding> {
    match attempt.evidence.state.as_str() {
        "stored" | "inline" => Ok(Expected::Kept),
        // An erasure that is under way has the same state.
        "off" => Ok(Expected::Without("off")),
        "none" if attempt.state == AttemptState::Running => Ok(Expected::Without("running")),
        "none" if attempt.state == AttemptState::OutcomeUnknown => Ok(Expected::Without("outcome_unknown")),
        // A completion ends an attempt before its request is answered, and that answer may never come.
        "none" if attempt.ended_by.is_some() => Ok(Expected::Without("completed_first")),
        _ => Err((FaultKind::EvidenceUnrecorded, "the attempt has ended and names no evidence".to_owned())),
    }
}

/// Checks evidence. `Without` means that only a part of the record is kept, so its digest cannot be computed.
///
/// # Errors
/// The first fault.
pub(crate) fn check(job: &Job, attempt: &Attempt, evidence: &Answer<Evidence>) -> Result<Expected, Finding> {
    let Some(digest) = &attempt.evidence.sha256 else {
        return Err((FaultKind::EvidenceUnrecorded, "the attempt names no digest of its evidence".to_owned()));
    };
    let damaged = |text: &str| Err((FaultKind::EvidenceDamaged, text.to_owned()));
    let differs_from_attempt = || damaged("the record differs from the digest of the attempt");
    match &evidence.value {
        // A whole record ends with the line break that it has in its pack.
        Evidence::Inline { record, .. } if !record.ends_with('\n') => Ok(Expected::Without("truncated")),
        Evidence::Inline { record, .. } if sha256(record.as_bytes()) == *digest => Ok(Expected::Kept),
        Evidence::Inline { .. } => differs_from_attempt(),
        Evidence::Whole(_) if sha256(format!("{}\n", evidence.json.get()).as_bytes()) != *digest => {
            differs_from_attempt()
        }
        Evidence::Whole(record) => {
            let named = (record.tenant.as_deref(), record.job_id.as_deref(), record.attempt);
            if named != (Some(&job.tenant), Some(&job.id), Some(attempt.attempt)) {
                let of = record.job_id.as_deref().unwrap_or("no job");
                let number = record.attempt.unwrap_or_default();
                return Err((FaultKind::EvidenceForeign, format!("the record is that of {of}, attempt {number}")));
            }
            match differing_body(record) {
                Some(side) => damaged(&format!("the body of the {side} differs from its digest")),
                None => Ok(Expected::Kept),
            }
        }
    }
}

/// Returns the side with a whole body that differs from its digest. A body that is truncated or partly redacted has nothing
/// to compare.
fn differing_body(record: &EvidenceCall) -> Option<&'static str> {
    record.earlier.iter().chain([record]).find_map(|call| {
        let sides = [("request", &call.request), ("response", &call.response)];
        sides.into_iter().find_map(|(side, message)| message.as_ref().is_some_and(differs).then_some(side))
    })
}

fn differs(message: &EvidenceMessage) -> bool {
    let Some(digest) = message.body_sha256.as_ref().filter(|_| !message.body_truncated) else { return false };
    let body = match (&message.body, &message.body_base64) {
        (Some(text), _) => Some(text.clone().into_bytes()),
        (None, Some(base64)) => STANDARD.decode(base64).ok(),
        (None, None) => None,
    };
    body.is_none_or(|body| sha256(&body) != *digest)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn message(body: &Value) -> EvidenceMessage {
        serde_json::from_value(body.clone()).unwrap()
    }

    #[test]
    fn only_whole_bodies_are_compared() {
        let digest = sha256(b"hello");
        for (body, is_wrong) in [
            (json!({"body": "hello", "body_sha256": digest}), false),
            (json!({"body": "Hello", "body_sha256": digest}), true),
            (json!({"body_base64": "aGVsbG8=", "body_sha256": digest}), false),
            (json!({"body_base64": "aGVsbG8h", "body_sha256": digest}), true),
            (json!({"body_base64": "?", "body_sha256": digest}), true),
            (json!({"body_sha256": digest}), true),
            (json!({"body": "hel", "body_truncated": true, "body_sha256": digest}), false),
            (json!({"body": "[redacted]", "body_sha256": null}), false),
        ] {
            assert_eq!(differs(&message(&body)), is_wrong, "{body}");
        }
    }
}
