//! NDJSON: lines with one JSON value each, for bulk requests, lists and exports.

use serde::Serialize;

use crate::wire::raw::on_one_line;

/// Media type of NDJSON.
pub const NDJSON: &str = "application/x-ndjson";

/// BOM (U+FEFF) that some editors and spreadsheets write before UTF-8. It is not part of the text and is skipped (RFC
/// 8259, 8.1).
pub const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Serializes values as lines. JSON escapes line breaks inside strings; a line break between the tokens of raw JSON
/// becomes a space.
pub fn as_lines<V: Serialize>(values: impl IntoIterator<Item = V>) -> String {
    values.into_iter().fold(String::new(), |mut lines, value| {
        // All map keys are strings, so that serialization cannot fail.
        lines.push_str(&on_one_line(serde_json::to_string(&value).unwrap_or_default()));
        lines.push('\n');
        lines
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::value::RawValue;
    use serde_json::{Value, json};

    #[test]
    fn each_value_is_one_line() {
        assert_eq!(as_lines([json!({"a": "x\ny"}), json!(7)]), "{\"a\":\"x\\ny\"}\n7\n");
        assert_eq!(as_lines([] as [Value; 0]), "");
        let kept = RawValue::from_string("{\"a\":\n1.0,\r\n\"b\":\"\\n\"}".to_owned()).unwrap();
        assert_eq!(as_lines([&kept]), "{\"a\": 1.0,  \"b\":\"\\n\"}\n");
    }
}
