//! Escapes of control characters in text of others, which could otherwise move the cursor, hide text or retitle the
//! terminal.

/// True for characters that change how a terminal shows the text around them: control characters, line separators, and
/// characters that change the direction of text.
fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Escapes the control characters of a text: a line break becomes `\n`, an escape character `\u{1b}`.
pub(crate) fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_unsafe(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Escapes a text of several lines and begins each line with `indent`, so that no line can pass for one of the command.
pub(crate) fn escaped_lines(text: &str, indent: &str) -> String {
    let lines: Vec<_> = text.lines().map(|line| format!("{indent}{}", escaped(line))).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped_and_text_stays() {
        assert_eq!(escaped("\u{1b}]0;x\u{7}\r\n\t\u{9b}31m"), "\\u{1b}]0;x\\u{7}\\r\\n\\t\\u{9b}31m");
        assert_eq!(escaped("a\u{202e}b\u{2066}\u{7f}"), "a\\u{202e}b\\u{2066}\\u{7f}");
        let plain = "Grüße, 世界 \\ \"' é🙂";
        assert_eq!(escaped(plain), plain);
    }

    #[test]
    fn each_line_is_indented() {
        assert_eq!(escaped_lines("a\nlongshore: b\r\n\u{1b}c", "  "), "  a\n  longshore: b\n  \\u{1b}c");
        assert_eq!(escaped_lines("", "  "), "");
    }
}
