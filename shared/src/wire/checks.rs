//! Checks that several requests share. Error texts never repeat the checked value, except single characters of it.

use std::ops::RangeInclusive;

use crate::limits::NAME_BYTES_MAX;
use crate::wire::invalid::{InvalidField, is_name};
use crate::wire::phrase::{named, quoted};
use crate::wire::time::parse_rfc3339;

/// Checks a name by the rules of [`is_name`].
pub fn check_name(pointer: &str, text: &str) -> Option<InvalidField> {
    if is_name(text) {
        return None;
    }
    let is_letter = |letter: &char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
    let fault = match text.chars().find(|letter| !is_letter(letter)) {
        Some(letter) => format!("it has {}", quoted(&letter.to_string())),
        None if text.is_empty() => "it is empty".to_owned(),
        None => format!("it has {}", text.len()),
    };
    Some(InvalidField::of(
        pointer,
        "invalid-name",
        format!("must be 1 to {NAME_BYTES_MAX} of A-Z a-z 0-9 _ -; {fault}"),
    ))
}

/// Checks a name that comes from the path.
pub(crate) fn check_name_of_path(name: &str) -> Option<InvalidField> {
    let detail = check_name("#", name)?.detail.replacen(&named("#"), "The name in the path", 1);
    Some(InvalidField::new("#", "invalid-name", detail))
}

/// Checks an id or a source: its length in bytes, and that it has no control characters.
pub fn check_label(pointer: &str, text: &str, bytes: &RangeInclusive<usize>) -> Option<InvalidField> {
    fault_of_label(text, bytes).map(|fault| InvalidField::of(pointer, "out-of-range", fault))
}

/// Checks a text for people: at most `chars_max` characters, and no control characters. The code is `too-long` for both
/// problems.
pub fn check_note(pointer: &str, text: &str, chars_max: usize) -> Option<InvalidField> {
    let length = text.chars().count();
    let too_long = || format!("must have at most {chars_max} characters, got {length}");
    let fault = if length > chars_max { Some(too_long()) } else { fault_of_control(text) };
    fault.map(|fault| InvalidField::of(pointer, "too-long", fault))
}

/// Returns the problem of a text with a control character.
fn fault_of_control(text: &str) -> Option<String> {
    let control = text.chars().find(|letter| letter.is_control())?;
    Some(format!("has the control character {}; remove it", quoted(&control.to_string())))
}

/// Returns the problem of a label, as [`check_label`] reports it.
pub(crate) fn fault_of_label(text: &str, bytes: &RangeInclusive<usize>) -> Option<String> {
    let (least, most) = (bytes.start(), bytes.end());
    if bytes.contains(&text.len()) {
        return fault_of_control(text);
    }
    let range = if *least == 0 { format!("at most {most}") } else { format!("{least} to {most}") };
    Some(format!("must have {range} bytes, got {}", text.len()))
}

/// Parses a time into ms since 1970.
///
/// # Errors
/// The wrong field if the text is not an RFC 3339 time.
pub fn read_time(pointer: &str, text: &str) -> Result<i64, InvalidField> {
    let detail = "must be a time as in RFC 3339, such as 2026-11-02T08:00:00Z";
    parse_rfc3339(text).ok_or_else(|| InvalidField::of(pointer, "invalid-time", detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_name_is_explained() {
        assert_eq!(check_name("#/group", "a_B-9"), None);
        for (text, fault) in
            [("", "it is empty"), ("a.b", "it has `.`"), ("ä", "it has `ä`"), (&"x".repeat(65), "it has 65")]
        {
            let expected = format!("`group` must be 1 to 64 of A-Z a-z 0-9 _ -; {fault}");
            assert_eq!(check_name("#/group", text).unwrap().detail, expected, "{text}");
        }
        assert!(check_name("#/group", "a\u{0}").unwrap().detail.ends_with(r"it has `\u{0}`"));
    }

    #[test]
    fn a_label_has_a_length_and_no_control_characters() {
        let detail = |text: &str, bytes| check_label("#/id", text, &bytes).map(|field| field.detail);
        assert_eq!(detail("a b", 1..=3), None);
        assert_eq!(detail("", 0..=3), None);
        assert_eq!(detail("", 1..=3).unwrap(), "`id` must have 1 to 3 bytes, got 0");
        assert_eq!(detail("abcd", 0..=3).unwrap(), "`id` must have at most 3 bytes, got 4");
        assert_eq!(detail("a\n", 1..=3).unwrap(), r"`id` has the control character `\u{a}`; remove it");
    }
}
