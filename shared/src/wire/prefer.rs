//! The `Prefer` header (RFC 7240). Longshore supports `return=minimal`.

/// Value of `Preference-Applied` for `Prefer: return=minimal`.
pub const RETURN_MINIMAL: &str = "return=minimal";

/// True if a `Prefer` header requests a minimal response. If a preference is given twice, the first one counts.
pub fn prefers_minimal(header: &str) -> bool {
    let first = split(header, ',').into_iter().find_map(|preference| {
        // The text after a semicolon is a parameter of the preference; `return` has none.
        let (name, value) = split(preference, ';').first().copied()?.split_once('=')?;
        name.trim().eq_ignore_ascii_case("return").then(|| value.trim())
    });
    first.is_some_and(|value| value.trim_matches('"').eq_ignore_ascii_case("minimal"))
}

/// Splits a text at separators outside of quoted strings.
fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut quoted, mut escaped) = (false, false);
    let parts = text.split(move |character: char| {
        if escaped {
            escaped = false;
        } else if quoted && character == '\\' {
            escaped = true;
        } else if character == '"' {
            quoted = !quoted;
        }
        !quoted && character == separator
    });
    parts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minimal_response_is_requested_in_any_spelling() {
        for header in [
            "return=minimal",
            "Return = Minimal",
            "return=\"minimal\"",
            "respond-async, return=minimal; foo=\"a,b\"",
            "wait=10, handling=lenient,return=minimal",
            "return=minimal, return=representation",
            "foo=\"a\\\",return=representation\", return=minimal",
        ] {
            assert!(prefers_minimal(header), "{header}");
        }
        for header in [
            "",
            ",",
            "return",
            "minimal",
            "return=representation",
            "return=representation, return=minimal",
            "foo=\"a, return=minimal\"",
            "foo; return=minimal",
            "return=minimally",
            "no-return=minimal",
        ] {
            assert!(!prefers_minimal(header), "{header}");
        }
    }
}
