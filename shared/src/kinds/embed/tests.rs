//! Tests of the `embed` kind: its payload and its checks.

use serde_json::json;

use super::*;

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
fn a_payload_is_stored_with_its_model() {
    let stored = checked(&json!({"inputs": inputs(1)})).unwrap();
    assert_eq!(stored, json!({"provider": "own", "model": "small", "inputs": inputs(1)}));
    let written =
        RawValue::from_string(r#"{"model": null, "inputs": [{"text":"caf\u00e9","id":"\/"}]}"#.into()).unwrap();
    let expected = r#"{"inputs":[{"text":"caf\u00e9","id":"\/"}],"provider":"own","model":"small"}"#;
    assert_eq!(check(&written, &settings()).unwrap().stored, expected);
    let stored = checked(&json!({"inputs": inputs(1_000), "provider": "builtin", "output": "r2"})).unwrap();
    assert_eq!((&stored["model"], &stored["output"]), (&json!("lexical-1"), &json!("r2")));
    // The index determines the model.
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
        (json!({"inputs": inputs(1), "output": {"disk": "a"}}), "#/payload/output/disk unknown-field"),
        (json!({"inputs": inputs(1), "output": {"index": "a b"}}), "#/payload/output/index invalid-name"),
        (
            json!({"inputs": [{"id": "a", "text": "a\u{0}"}], "output": {"index": "a"}}),
            "#/payload/inputs/0/text invalid-character",
        ),
        (json!({"inputs": inputs(76), "output": {"index": "a"}}), "now #/payload/inputs out-of-range"),
        (json!({"inputs": [{"id": "a"}]}), "#/payload/inputs/0/text missing-field"),
        (json!({"inputs": inputs(1), "more": 1}), "#/payload/more unknown-field"),
    ] {
        assert_eq!(checked(&payload).unwrap_err(), [expected], "{payload:.200}");
    }
    let both = checked(&json!({"inputs": [], "provider": "acme"})).unwrap_err();
    assert_eq!(both.len(), 2, "all at once: {both:?}");
}
