//! Nesting depth of a JSON text, checked before it is parsed. A recursive parser could run out of stack, and `SQLite`
//! refuses more than 1,000 levels.

/// True if arrays and objects nest deeper than `max` levels (`[]` is one). Ignores brackets inside strings. Does not
/// recurse or allocate, and also works for prefixes of JSON. The result for other texts is arbitrary.
pub fn depth_exceeds(bytes: &[u8], max: usize) -> bool {
    let mut depth = 0_usize;
    let mut in_string = false;
    let mut escaped = false;
    for byte in bytes {
        match (in_string, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => in_string = !in_string,
            (false, b'[' | b'{') => {
                depth += 1;
                if depth > max {
                    return true;
                }
            }
            (false, b']' | b'}') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn depth_of(value: &Value) -> usize {
        match value {
            Value::Array(items) => 1 + items.iter().map(depth_of).max().unwrap_or(0),
            Value::Object(fields) => 1 + fields.values().map(depth_of).max().unwrap_or(0),
            _ => 0,
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i32>().prop_map(Value::from),
            r#"[\[\]{}"\\a]{0,6}"#.prop_map(Value::from)
        ];
        leaf.prop_recursive(6, 40, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map(r#"[\[{"\\a]{0,3}"#, inner, 0..4).prop_map(|fields| json!(fields)),
            ]
        })
    }

    #[test]
    fn the_limit_itself_is_allowed() {
        for (text, depth) in [
            ("", 0),
            ("1", 0),
            (r#""[[[[""#, 0),
            (r#""\"[[[""#, 0),
            (r#""\\"[]"#, 1),
            ("[]", 1),
            ("[[],[]]", 2),
            (r#"{"a":[{"}":1}]}"#, 3),
            ("]]]]", 0),
            ("[[[", 3),
        ] {
            assert!(!depth_exceeds(text.as_bytes(), depth), "{text}");
            assert!(depth == 0 || depth_exceeds(text.as_bytes(), depth - 1), "{text}");
        }
    }

    #[test]
    fn a_million_brackets_are_counted() {
        let bomb = "[".repeat(1_000_000);
        assert!(depth_exceeds(bomb.as_bytes(), 64));
        assert!(!depth_exceeds(bomb.as_bytes(), 1_000_000));
    }

    proptest! {
        #[test]
        fn the_depth_is_that_of_the_parsed_value(value in any_json(), max in 0_usize..8) {
            for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
                prop_assert_eq!(depth_exceeds(text.as_bytes(), max), depth_of(&value) > max);
            }
        }

        #[test]
        fn no_input_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), max in 0_usize..8) {
            let _ = depth_exceeds(&bytes, max);
        }
    }
}
