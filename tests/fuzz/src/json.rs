//! Property of the depth of JSON, compared with the parser's.

use longshore::limits::JSON_DEPTH_MAX;
use longshore::wire::json_depth::depth_exceeds;
use serde_json::Value;

use crate::head;

/// Checks a depth limit and a JSON text.
pub fn depth(bytes: &[u8]) -> bool {
    let ([max], text) = head::<1>(bytes);
    let max = usize::from(max);
    let exceeds = depth_exceeds(text, max);
    assert!(!exceeds || max == 0 || depth_exceeds(text, max - 1), "a text deeper than {max} must be deeper than less");
    match serde_json::from_slice::<Value>(text) {
        Ok(value) => {
            assert_eq!(exceeds, depth_of(&value) > max);
            true
        }
        Err(error) => {
            let refused = error.to_string().contains("recursion limit");
            assert!(!refused || depth_exceeds(text, JSON_DEPTH_MAX), "the parser has a lower limit");
            false
        }
    }
}

fn depth_of(value: &Value) -> usize {
    let inner: Vec<&Value> = match value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(fields) => fields.values().collect(),
        _ => return 0,
    };
    1 + inner.into_iter().map(depth_of).max().unwrap_or(0)
}
