//! Checks of a job's history: its attempts, its outcome, its dead letter and its replay agree.

use longshore::model::attempt::AttemptState;
use longshore::model::state::{DeadLetterState, DeadReason, State};
use longshore_client::{Attempt, Job};
use serde::Serialize;

/// Kind of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FaultKind {
    /// Attempts are not numbered from 1 to the number that the job counts.
    AttemptsGap,
    /// The state of the job contradicts its attempts.
    OutcomeMismatch,
    /// A dead job has no dead letter, or another job has one.
    DeadLetterMismatch,
    /// A replay and its dead letter do not name each other.
    ReplayMismatch,
    /// An attempt that was sent names no evidence, and there is no reason for it.
    EvidenceUnrecorded,
    /// An attempt names evidence that does not exist.
    EvidenceMissing,
    /// A record, or a body in it, differs from its digest.
    EvidenceDamaged,
    /// A record belongs to another attempt.
    EvidenceForeign,
}

impl FaultKind {
    /// Returns the name, as in JSON.
    pub(crate) fn name(self) -> &'static str {
        match self {
            FaultKind::AttemptsGap => "attempts_gap",
            FaultKind::OutcomeMismatch => "outcome_mismatch",
            FaultKind::DeadLetterMismatch => "dead_letter_mismatch",
            FaultKind::ReplayMismatch => "replay_mismatch",
            FaultKind::EvidenceUnrecorded => "evidence_unrecorded",
            FaultKind::EvidenceMissing => "evidence_missing",
            FaultKind::EvidenceDamaged => "evidence_damaged",
            FaultKind::EvidenceForeign => "evidence_foreign",
        }
    }
}

/// Finding of a check.
pub(crate) type Finding = (FaultKind, String);

/// Checks that the attempts are numbered from 1 without gaps. The number that an open job counts may change between two
/// reads, so only that of an ended job is compared.
pub(crate) fn numbering(job: &Job, attempts: &[Attempt]) -> Option<Finding> {
    let gap = |text| Some((FaultKind::AttemptsGap, text));
    for (expected, attempt) in (1u32..).zip(attempts) {
        if attempt.attempt != expected {
            return gap(format!("attempt {} is in the position of attempt {expected}", attempt.attempt));
        }
    }
    let listed = attempts.len();
    if job.state.is_terminal() && usize::try_from(job.attempts).ok() != Some(listed) {
        return gap(format!("the job counts {} attempts, its history has {listed}", job.attempts));
    }
    None
}

/// Checks that the state of an ended job agrees with its last attempt, and that no attempt follows a success.
pub(crate) fn outcome(job: &Job, attempts: &[Attempt]) -> Option<Finding> {
    let mismatch = |text| Some((FaultKind::OutcomeMismatch, text));
    let followed = attempts.iter().rev().skip(1).find(|attempt| attempt.state == AttemptState::Succeeded);
    if let Some(attempt) = followed {
        return mismatch(format!("attempt {} succeeded, and another follows it", attempt.attempt));
    }
    let last = attempts.last().map(|attempt| attempt.state);
    let agrees = match (job.state, last) {
        (State::Succeeded, last) => last == Some(AttemptState::Succeeded),
        (State::Dead, None) => job.dead_reason == Some(DeadReason::Deadline),
        (State::Dead, Some(last)) => matches!(last, AttemptState::Failed | AttemptState::OutcomeUnknown),
        (State::Cancelled, last) => !matches!(last, Some(AttemptState::Succeeded | AttemptState::Running)),
        _ => true,
    };
    if agrees {
        return None;
    }
    let last = attempts.last().map_or("it has no attempt".to_owned(), |attempt| {
        format!("its last attempt, {}, {}", attempt.attempt, described(attempt.state))
    });
    mismatch(format!("the job is `{}`, but {last}", job.state.name()))
}

fn described(state: AttemptState) -> &'static str {
    match state {
        AttemptState::Running => "is under way",
        AttemptState::Succeeded => "succeeded",
        AttemptState::Failed => "failed",
        AttemptState::Deferred => "was deferred",
        AttemptState::OutcomeUnknown => "has no known outcome",
    }
}

/// Checks that dead jobs, and no others, have a dead letter with a reason, and that only a replayed one names a successor.
pub(crate) fn dead_letter(job: &Job) -> Option<Finding> {
    let mismatch = |text: &str| Some((FaultKind::DeadLetterMismatch, text.to_owned()));
    match (job.state, job.dead_letter_state) {
        (State::Dead, None) => mismatch("the job is dead and has no dead letter"),
        (State::Dead, Some(_)) if job.dead_reason.is_none() => mismatch("the dead letter has no reason"),
        (State::Dead, Some(state)) => {
            let is_replayed = state == DeadLetterState::Replayed;
            (is_replayed != job.replayed_by.is_some()).then(|| {
                let text = if is_replayed {
                    "the dead letter is replayed and names no successor"
                } else {
                    "the dead letter names a successor and is not replayed"
                };
                (FaultKind::ReplayMismatch, text.to_owned())
            })
        }
        (_, Some(_)) => mismatch("the job is not dead and has a dead letter"),
        (_, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn job(state: &str, attempts: u32, more: &Value) -> Job {
        let mut job = json!({
            "id": "job_1", "kind": "webhook", "state": state, "tenant": "acme", "created_at": "2026-11-02T08:00:00.000Z",
            "attempts": attempts, "max_attempts": 5, "event_id": "job_1",
        });
        job.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(job).unwrap()
    }

    fn history(states: &[&str]) -> Vec<Attempt> {
        let attempt = |(number, state): (u32, &&str)| {
            let at = "2026-11-02T08:00:00.000Z";
            json!({"attempt": number, "state": state, "started_at": at, "evidence": {"state": "off"}})
        };
        (1..).zip(states).map(attempt).map(|value| serde_json::from_value(value).unwrap()).collect()
    }

    #[test]
    fn the_state_agrees_with_the_last_attempt() {
        let late = json!({"dead_reason": "deadline"});
        for (state, attempts, more, agrees) in [
            ("succeeded", vec!["failed", "succeeded"], json!({}), true),
            ("succeeded", vec!["succeeded", "failed"], json!({}), false),
            ("succeeded", vec![], json!({}), false),
            ("dead", vec!["failed"], json!({}), true),
            ("dead", vec!["outcome_unknown"], json!({}), true),
            ("dead", vec!["succeeded"], json!({}), false),
            ("dead", vec!["deferred"], json!({}), false),
            ("dead", vec![], late, true),
            ("dead", vec![], json!({}), false),
            ("cancelled", vec![], json!({}), true),
            ("cancelled", vec!["failed"], json!({}), true),
            ("cancelled", vec!["running"], json!({}), false),
            ("retrying", vec!["failed"], json!({}), true),
            ("retrying", vec!["succeeded", "failed"], json!({}), false),
            ("running", vec!["failed", "running"], json!({}), true),
        ] {
            let found = outcome(&job(state, 0, &more), &history(&attempts));
            assert_eq!(found.is_none(), agrees, "{state} {attempts:?}: {found:?}");
        }
    }

    #[test]
    fn attempts_are_numbered_without_gaps() {
        let mut attempts = history(&["failed", "failed"]);
        assert_eq!(numbering(&job("dead", 2, &json!({})), &attempts), None);
        assert!(numbering(&job("dead", 3, &json!({})), &attempts).is_some());
        assert_eq!(numbering(&job("running", 3, &json!({})), &attempts), None, "it may have begun another one");
        attempts.remove(0);
        assert!(numbering(&job("running", 2, &json!({})), &attempts).is_some());
    }

    #[test]
    fn dead_jobs_alone_have_dead_letters() {
        let dead = |letter: &str, by: Value| json!({"dead_letter_state": letter, "dead_reason": "attempts_exhausted", "replayed_by": by});
        for (state, more, agrees) in [
            ("dead", dead("open", Value::Null), true),
            ("dead", dead("discarded", Value::Null), true),
            ("dead", dead("replayed", json!("job_2")), true),
            ("dead", dead("replayed", Value::Null), false),
            ("dead", dead("open", json!("job_2")), false),
            ("dead", json!({"dead_letter_state": "open"}), false),
            ("dead", json!({}), false),
            ("succeeded", json!({}), true),
            ("succeeded", json!({"dead_letter_state": "open"}), false),
        ] {
            assert_eq!(dead_letter(&job(state, 1, &more)).is_none(), agrees, "{state} {more}");
        }
    }
}
