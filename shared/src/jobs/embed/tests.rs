//! What a batch of texts may say, and what its result tells.

use std::cell::Cell;

use proptest::prelude::*;

use super::*;
use crate::embed::ask::{NO_CALLS, wait_a_while};
use crate::outcome::RetryAfter;

const PROVIDERS: &str = r#"{"own": {"type": "openai-compatible", "url": "https://embed.example.com/v1",
    "models": {"small": {"dimensions": 8}, "large": {"dimensions": 1024}}}}"#;

fn settings() -> Settings {
    let get = |name: &str| match name {
        "MASTER_KEY" => Some("00".repeat(32)),
        "EMBED_PROVIDERS" => Some(PROVIDERS.to_owned()),
        "EMBED_DEFAULT" => Some("own/small".to_owned()),
        _ => None,
    };
    Settings::parse(get).unwrap()
}

fn checked(payload: &Value) -> Result<Value, Vec<String>> {
    let raw: Box<RawValue> = serde_json::from_str(&payload.to_string()).unwrap();
    match check(&raw, &settings()) {
        Ok(checked) => {
            assert_eq!(checked.endpoint, "");
            if !checked.refused_if_new.is_empty() {
                return Err(checked.refused_if_new.iter().map(|field| format!("now {}", named(field))).collect());
            }
            Ok(serde_json::from_str(&checked.stored).unwrap())
        }
        Err(Problem::InvalidRequest(errors)) => Err(errors.iter().map(named).collect()),
        Err(problem) => panic!("{problem:?}"),
    }
}

fn named(field: &InvalidField) -> String {
    format!("{} {}", field.pointer, field.code)
}

fn inputs(count: usize) -> Value {
    (0..count).map(|n| json!({"id": n.to_string(), "text": "words"})).collect()
}

#[test]
fn a_payload_is_stored_with_what_it_means() {
    let stored = checked(&json!({"inputs": inputs(1)})).unwrap();
    assert_eq!(stored, json!({"provider": "own", "model": "small", "inputs": inputs(1)}));
    let written =
        RawValue::from_string(r#"{"model": null, "inputs": [{"text":"caf\u00e9","id":"\/"}]}"#.into()).unwrap();
    let expected = r#"{"inputs":[{"text":"caf\u00e9","id":"\/"}],"provider":"own","model":"small"}"#;
    assert_eq!(check(&written, &settings()).unwrap().stored, expected);
    let stored = checked(&json!({"inputs": inputs(1_000), "provider": "builtin", "output": "r2"})).unwrap();
    assert_eq!((&stored["model"], &stored["output"]), (&json!("lexical-1"), &json!("r2")));
    // Which model is meant is for the index to say.
    for named in [json!({}), json!({"provider": "own"}), json!({"model": "small"}), json!({"model": "tiny"})] {
        let mut payload = json!({"inputs": inputs(75), "output": {"index": "notes"}});
        payload.as_object_mut().unwrap().extend(named.as_object().unwrap().clone());
        assert_eq!(checked(&payload).unwrap(), payload);
    }
}

#[test]
fn each_wrong_field_is_named() {
    for (payload, expected) in [
        (json!({"inputs": []}), "#/payload/inputs out-of-range"),
        (json!({"inputs": inputs(1_001), "output": "r2"}), "#/payload/inputs out-of-range"),
        (json!({"inputs": [{"id": "", "text": "a"}]}), "#/payload/inputs/0/id out-of-range"),
        (json!({"inputs": [{"id": "a", "text": "\u{FEFF} "}]}), "#/payload/inputs/0/text out-of-range"),
        (json!({"inputs": [{"id": "x".repeat(257), "text": "a"}]}), "#/payload/inputs/0/id out-of-range"),
        (json!({"inputs": [{"id": "a\u{1}", "text": "a"}]}), "#/payload/inputs/0/id out-of-range"),
        (
            json!({"inputs": [{"id": "a", "text": "a"}, {"id": "b", "text": "b"}, {"id": "a", "text": "c"}]}),
            "#/payload/inputs/2/id duplicate",
        ),
        (json!({"inputs": [{"id": "a", "text": " \n"}]}), "#/payload/inputs/0/text out-of-range"),
        (json!({"inputs": [{"id": "a", "text": "x".repeat(131_073)}]}), "#/payload/inputs/0/text out-of-range"),
        (json!({"inputs": inputs(1), "provider": "acme"}), "now #/payload/provider unknown-provider"),
        (json!({"inputs": inputs(1), "model": "tiny"}), "now #/payload/model unknown-model"),
        (json!({"inputs": inputs(3), "model": "large"}), "now #/payload/output out-of-range"),
        (json!({"inputs": inputs(1), "output": "disk"}), "#/payload/output unknown-value"),
        (json!({"inputs": inputs(1), "output": {"disk": "a"}}), "#/payload/output unknown-value"),
        (json!({"inputs": inputs(1), "output": {"index": "a b"}}), "#/payload/output/index invalid-name"),
        (
            json!({"inputs": [{"id": "a", "text": "a\u{0}"}], "output": {"index": "a"}}),
            "#/payload/inputs/0/text invalid-character",
        ),
        (json!({"inputs": inputs(76), "output": {"index": "a"}}), "now #/payload/inputs out-of-range"),
        (json!({"inputs": [{"id": "a"}]}), "#/payload/inputs/0 missing-field"),
        (json!({"inputs": inputs(1), "more": 1}), "#/payload/more unknown-field"),
    ] {
        assert_eq!(checked(&payload).unwrap_err(), [expected], "{payload:.200}");
    }
    let both = checked(&json!({"inputs": [], "provider": "acme"})).unwrap_err();
    assert_eq!(both.len(), 2, "all at once: {both:?}");
}

fn told(embedded: Embedded, call: &Rc<Call>) -> Told {
    (embedded, vec![call.clone()])
}

fn choice() -> Choice {
    Choice { provider: "own".into(), model: "small".into() }
}

#[test]
fn a_sum_tells_vectors_refusals_and_its_part_of_the_tokens() {
    let (call, ids) = (Call::answered(Some(200), 10, 95), ["a", "b", "c"].map(str::to_owned));
    let all = vec![
        told(Embedded::Vector(vec![1.0, -0.5]), &call),
        told(Embedded::Refused("too long".into()), &call),
        told(Embedded::Vector(vec![0.0, 2.0]), &call),
    ];
    let calls = calls_in(&all);
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
fn one_text_without_an_answer_fails_the_attempt_and_no_vector_at_all_is_the_payloads_fault() {
    let (call, ids) = (Call::answered(Some(200), 2, 0), ["a", "b"].map(str::to_owned));
    let wait = Some(RetryAfter::Deferral(std::time::Duration::from_secs(3)));
    let failure = Outcome::Failed { class: ErrorClass::Provider, message: "later".into(), retry_after: wait };
    let some = vec![told(Embedded::Vector(vec![1.0]), &call), told(Embedded::Failed(failure.clone()), &call)];
    let sum = |told: Vec<Told>| sum_up(&choice(), Model::new(1), &ids, told, &[]).map(Sum::inline);
    assert_eq!(sum(some), Err(failure));
    for (count, expected) in [(1, ErrorClass::Handler), (2, ErrorClass::Provider)] {
        let none = vec![told(Embedded::Refused("no".into()), &call); count];
        let Err(Outcome::Failed { class, message, .. }) = sum(none) else { panic!("no vector is no success") };
        assert_eq!((class, message.as_str()), (expected, "The provider refuses every text: no"));
    }
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
    /// Whatever is accepted inline fits into a result.
    #[test]
    fn what_is_accepted_inline_fits(
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
            let all = (0..count).map(|n| told(embedded(n), &call)).collect();
            let ids: Vec<_> = embed.inputs.into_iter().map(|input| input.id).collect();
            let sum = sum_up(&choice(), Model::new(dimensions), &ids, all, &[]).ok().unwrap();
            prop_assert!(sum.inline().to_string().len() <= RESULT_BYTES_MAX);
        }
    }
}
