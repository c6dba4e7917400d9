//! Lines of JSON, one value each: how jobs come in bulk and lists go out whole.

use std::borrow::Borrow;
use std::fmt::Write;

use serde_json::Value;

/// The media type.
pub const NDJSON: &str = "application/x-ndjson";

/// Writes values as lines. JSON escapes every line break inside of a value.
pub fn as_lines<V: Borrow<Value>>(values: impl IntoIterator<Item = V>) -> String {
    values.into_iter().fold(String::new(), |mut lines, value| {
        // Writing to a text cannot fail.
        let _ = writeln!(lines, "{}", value.borrow());
        lines
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_value_is_one_line() {
        assert_eq!(as_lines([json!({"a": "x\ny"}), json!(7)]), "{\"a\":\"x\\ny\"}\n7\n");
        assert_eq!(as_lines([] as [Value; 0]), "");
    }
}
