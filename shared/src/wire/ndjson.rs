//! Lines of JSON, one value each: how jobs come in bulk and lists go out whole.

use serde::Serialize;

use crate::wire::raw::on_one_line;

/// The media type.
pub const NDJSON: &str = "application/x-ndjson";

/// What some editors and spreadsheets write before UTF-8: no part of the text, and skipped (RFC 8259, 8.1).
pub const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Writes values as lines. JSON escapes every line break inside of a text; one between the tokens of what is kept as it was
/// written becomes a space.
pub fn as_lines<V: Serialize>(values: impl IntoIterator<Item = V>) -> String {
    values.into_iter().fold(String::new(), |mut lines, value| {
        // What is answered has no other names than texts: writing it cannot fail.
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
