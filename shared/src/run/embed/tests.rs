//! Tests of the result of a batch of texts.

use std::cell::Cell;

use proptest::prelude::*;

use super::*;
use crate::embed::ask::{NO_CALLS, wait_a_while};
use crate::kinds::embed::Input;
use crate::limits::{EMBED_REASON_CHARS, RESULT_BYTES_MAX};
use crate::model::outcome::RetryAfter;

fn text_of(embedded: Embedded, call: &Rc<Call>) -> EmbeddedText {
    (embedded, vec![call.clone()])
}

fn choice() -> Choice {
    Choice { provider: "own".into(), model: "small".into() }
}

#[test]
fn a_sum_has_vectors_refusals_and_its_part_of_the_tokens() {
    let (call, ids) = (Call::answered(Some(200), 10, 95), ["a", "b", "c"].map(str::to_owned));
    let all = vec![
        text_of(Embedded::Vector(vec![1.0, -0.5]), &call),
        text_of(Embedded::Refused("too long".into()), &call),
        text_of(Embedded::Vector(vec![0.0, 2.0]), &call),
    ];
    let calls = calls_in(&all, fails_batch);
    assert_eq!(calls.len(), 1, "one call, though three texts were in it");
    let sum = sum_up(&choice(), Model::new(2), &ids, all.clone(), &calls).unwrap();
    let object = sum.object();
    let line = object.iter().position(|byte| *byte == b'\n').unwrap();
    let index: Value = serde_json::from_slice(&object[..line]).unwrap();
    assert_eq!(index, json!({"dimensions": 2, "ids": ["a", "c"]}));
    let read = |four: &[u8]| f32::from_le_bytes(four.try_into().unwrap());
    assert_eq!(object[line + 1..].chunks(4).map(read).collect::<Vec<_>>(), [1.0, -0.5, 0.0, 2.0]);
    let about = json!({
        "provider": "own", "model": "small", "dimensions": 2, "embedded": 2,
        "refused": [{"id": "b", "message": "too long"}], "refused_count": 1, "usage": {"calls": 1, "tokens": 29},
    });
    let mut stored = about.clone();
    stored["vectors"] = json!({"bytes": object.len(), "sha256": sha256(&object)});
    assert_eq!(sum.in_object(), (object, stored));
    let mut inline = about;
    inline["embeddings"] = json!([{"id": "a", "embedding": "AACAPwAAAL8="}, {"id": "c", "embedding": "AAAAAAAAAEA="}]);
    assert_eq!(sum_up(&choice(), Model::new(2), &ids, all, &calls).unwrap().inline(), inline);
}

#[test]
fn one_failed_text_fails_the_attempt_and_a_batch_without_vectors_fails_by_its_payload() {
    let (call, ids) = (Call::answered(Some(200), 2, 0), ["a", "b"].map(str::to_owned));
    let wait = Some(RetryAfter::Deferral(std::time::Duration::from_secs(3)));
    let failure = Outcome::Failed { class: ErrorClass::Provider, message: "later".into(), retry_after: wait };
    let some = vec![text_of(Embedded::Vector(vec![1.0]), &call), text_of(Embedded::Failed(failure.clone()), &call)];
    let sum = |texts: Vec<EmbeddedText>| sum_up(&choice(), Model::new(1), &ids, texts, &[]).map(Sum::inline);
    assert_eq!(sum(some), Err(failure));
    for (count, expected) in [(1, ErrorClass::Handler), (2, ErrorClass::Provider)] {
        let none = vec![text_of(Embedded::Refused("no".into()), &call); count];
        let Err(Outcome::Failed { class, message, .. }) = sum(none) else { panic!("no vector is no success") };
        assert_eq!((class, message.as_str()), (expected, "The provider refuses every text: no"));
    }
}

#[test]
fn the_call_that_decided_is_the_last_one() {
    let [refused, busy, well] = [None, Some(429), Some(200)].map(|status| Call::answered(status, 1, 0));
    let failed = |message: &str| Embedded::Failed(Outcome::failed(ErrorClass::Provider, message));
    let all = [
        text_of(Embedded::Vector(vec![1.0]), &well),
        text_of(failed("The connection failed."), &refused),
        text_of(failed("The provider answered 429."), &busy),
    ];
    // A text that was not sent because of an earlier failure gets the same failure, from the earlier call.
    let same =
        [text_of(failed("The provider answered 401."), &well), text_of(failed("The provider answered 401."), &busy)];
    assert_eq!(calls_in(&same, fails_batch).last().unwrap().status, Some(429));
    let statuses =
        |decides: fn(&Embedded) -> bool| calls_in(&all, decides).iter().map(|call| call.status).collect::<Vec<_>>();
    assert_eq!(statuses(fails_batch), [Some(200), Some(429), None], "the first failure is the attempt's");
    assert_eq!(statuses(|_| false), [Some(200), None, Some(429)], "in the order of the calls");
}

#[test]
fn waits_grow_and_a_job_that_spent_all_calls_by_itself_spends_a_failure() {
    let seconds = |message: &str, attempt, was_asked_for| {
        let retry_after = Some(wait_a_while());
        let outcome = Outcome::Failed { class: ErrorClass::Provider, message: message.into(), retry_after };
        match waiting(outcome, attempt, was_asked_for) {
            Outcome::Failed { retry_after: Some(RetryAfter::Deferral(wait)), .. } => Some(wait.as_secs()),
            Outcome::Failed { retry_after: None, .. } => None,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!([1, 2, 7, 99].map(|attempt| seconds("429", attempt, true)), [20, 40, 1_280, 1_280].map(Some));
    assert_eq!((seconds(NO_CALLS, 1, false), seconds(NO_CALLS, 1, true)), (Some(20), None));
}

proptest! {
    /// Checks that every batch that is accepted inline fits into a result.
    #[test]
    fn batch_accepted_inline_fits(
        count in 1usize..80, id_bytes in 1usize..200, dimensions in 1usize..400, refused in 0usize..80,
    ) {
        let input = |n: usize| Input { id: format!("{n}{}", "\"".repeat(id_bytes)), text: "a".into() };
        let inputs: Vec<_> = (0..count).map(input).collect();
        let embed = Embed { provider: None, model: None, inputs, output: Output::Inline };
        if embed.too_much_inline(dimensions).is_none() {
            let (call, value) = (Call::answered(Some(200), count, 1_000_000), Cell::new(0.1f32));
            let vector = || vec![value.replace(value.get() + 1.0); dimensions];
            let embedded = |n| match n {
                0 => Embedded::Vector(vector()),
                n if n <= refused => Embedded::Refused("\u{10ffff}".repeat(EMBED_REASON_CHARS)),
                _ => Embedded::Vector(vector()),
            };
            let all = (0..count).map(|n| text_of(embedded(n), &call)).collect();
            let ids: Vec<_> = embed.inputs.into_iter().map(|input| input.id).collect();
            let sum = sum_up(&choice(), Model::new(dimensions), &ids, all, &[]).ok().unwrap();
            prop_assert!(sum.inline().to_string().len() <= RESULT_BYTES_MAX);
        }
    }
}
