//! Variants of a valid request: each changes one member according to its schema.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::api_document::ApiDocument;

/// A request with one change.
#[derive(Debug)]
pub struct Variant {
    /// JSON Pointer of the changed member, and its new value.
    pub what: String,
    /// Body of the request.
    pub body: Value,
}

/// All variants of a request that matches a schema.
pub fn variants(document: &ApiDocument, schema: &Value, body: &Value) -> Vec<Variant> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    vary(document, schema, body, "", &mut |pointer, value| {
        let mut varied = body.clone();
        put(&mut varied, pointer, value.clone());
        let value = value.map_or_else(|| "absent".to_owned(), |value| value.to_string());
        if seen.insert(varied.to_string()) {
            let shown: String = value.chars().take(60).collect();
            found.push(Variant { what: format!("{pointer} is {shown}"), body: varied });
        }
    });
    found
}

/// Sets or removes the member that a pointer names.
fn put(body: &mut Value, pointer: &str, value: Option<Value>) {
    let (parent, name) = pointer.rsplit_once('/').expect("a member");
    match (body.pointer_mut(parent), value) {
        (Some(Value::Object(map)), Some(value)) => drop(map.insert(name.to_owned(), value)),
        (Some(Value::Object(map)), None) => drop(map.remove(name)),
        (Some(Value::Array(items)), Some(value)) => items[name.parse::<usize>().expect("an index")] = value,
        (Some(Value::Array(items)), None) => drop(items.remove(name.parse().expect("an index"))),
        other => panic!("{pointer} leads to {other:?}"),
    }
}

/// Object schemas that a schema may stand for.
fn shapes<'a>(document: &'a ApiDocument, schema: &'a Value) -> Vec<&'a Value> {
    let schema = document.resolve(schema);
    let choices = ["oneOf", "anyOf"].iter().find_map(|name| schema.get(name).and_then(Value::as_array));
    match choices {
        Some(choices) => choices.iter().flat_map(|choice| shapes(document, choice)).collect(),
        None => vec![schema],
    }
}

fn vary(
    document: &ApiDocument,
    schema: &Value,
    value: &Value,
    pointer: &str,
    found: &mut impl FnMut(&str, Option<Value>),
) {
    for shape in shapes(document, schema) {
        match value {
            Value::Object(map) => vary_object(document, shape, map, pointer, found),
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate().take(1) {
                    vary(document, &shape["items"], item, &format!("{pointer}/{index}"), found);
                }
            }
            _ => {}
        }
    }
}

fn vary_object(
    document: &ApiDocument,
    shape: &Value,
    map: &Map<String, Value>,
    pointer: &str,
    found: &mut impl FnMut(&str, Option<Value>),
) {
    let Some(members) = shape["properties"].as_object() else { return };
    for (name, member) in members {
        let pointer = format!("{pointer}/{name}");
        found(&pointer, None);
        for value in shapes(document, member).into_iter().flat_map(values) {
            found(&pointer, Some(value));
        }
        if let Some(value) = map.get(name) {
            vary(document, member, value, &pointer, found);
        }
    }
    found(&format!("{pointer}/unknown"), Some(json!(1)));
}

/// Values of each type, and values around the limits of a schema.
fn values(schema: &Value) -> Vec<Value> {
    let mut values = vec![
        json!(null),
        json!(true),
        json!([]),
        json!({}),
        json!([1]),
        json!("x"),
        json!(""),
        json!(-1),
        json!(0),
        json!(1),
        json!(2.0),
        json!(1.5),
        json!(1e12),
    ];
    for name in ["minimum", "maximum"] {
        if let Some(limit) = schema[name].as_i64() {
            values.extend([limit - 1, limit, limit + 1].map(Value::from));
        }
    }
    for name in ["minLength", "maxLength"] {
        if let Some(limit) = schema[name].as_u64().filter(|limit| *limit < 10_000) {
            let limit = usize::try_from(limit).expect("a small limit");
            values.extend([limit, limit + 1].map(|length| json!("y".repeat(length))));
            values.push(json!("é".repeat(limit)));
        }
    }
    values.extend(schema["enum"].as_array().into_iter().flatten().cloned());
    values.extend(schema["pattern"].is_string().then(|| json!("a b\n")));
    values
}
