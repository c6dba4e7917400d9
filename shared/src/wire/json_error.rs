//! Descriptions of JSON errors: the position of the error, and never a value.

use serde_json::error::Category;

/// Describes the problem of a JSON text and its position, without any value. serde's text quotes the unexpected value,
/// which may be a secret of a setting, a row or a provider's response.
pub(crate) fn describe(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        Category::Io | Category::Syntax => "it is not JSON",
        Category::Eof => "it ends too early",
        Category::Data => "a value has another type than expected, is missing or is not known",
    };
    format!("{what}, at line {} column {}", error.line(), error.column())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_is_repeated() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Row {
            #[serde(rename = "count")]
            _count: u8,
        }
        for (text, expected) in [
            (r#"{"count":"sk-secret"}"#, "a value has another type"),
            (r#"{"sk-secret":1}"#, "a value has another type"),
            ("sk-secret", "it is not JSON"),
            (r#"{"count":"sk-sec"#, "it ends too early"),
        ] {
            let error = serde_json::from_str::<Row>(text).unwrap_err();
            let text_shown = describe(&error);
            assert!(text_shown.starts_with(expected) && text_shown.contains("line 1 column"), "{text}: {text_shown}");
            assert!(!text_shown.contains("sk-"), "{text_shown}");
        }
    }
}
