//! Phrases of error texts: how fields, names and lists of names are written, and which known name was probably meant.
//!
//! An error text repeats only names, numbers and words of the request. Other text could be a secret that was put there
//! by mistake.

use std::fmt::Write as _;

/// Maximum number of characters of a name that an error text repeats.
const SHOWN_CHARS: usize = 64;
/// Prefix of an API key. Its id follows with [`KEY_ID_DIGITS`] digits.
const KEY_PREFIX: &str = "ls_";
const KEY_ID_DIGITS: usize = 16;
/// Prefix of a signing secret.
const SECRET_PREFIX: &str = "whsec_";
/// Number of characters per allowed edit: `timezone` is similar to `time_zone`, `id` to no other name.
const CHARS_PER_EDIT: usize = 3;

/// Quotes a name of the request in backticks: at most 64 characters, with control characters escaped. An API key or a
/// signing secret in the name is left out.
pub fn quoted(name: &str) -> String {
    let (name, is_truncated) = match secret_in(name) {
        Some(at) => (&name[..at], true),
        None => (name, name.chars().nth(SHOWN_CHARS).is_some()),
    };
    let mut shown = String::from("`");
    for letter in name.chars().take(SHOWN_CHARS) {
        if letter == '`' || letter.is_control() || is_format(letter) {
            // Writing to a string cannot fail.
            let _ = write!(shown, "{}", letter.escape_unicode());
        } else {
            shown.push(letter);
        }
    }
    shown.push_str(if is_truncated { "…`" } else { "`" });
    shown
}

/// Returns the position of an API key or a signing secret in a text.
fn secret_in(text: &str) -> Option<usize> {
    let is_key = |(at, prefix): &(usize, &str)| {
        let id: Vec<_> = text[at + prefix.len()..].bytes().take(KEY_ID_DIGITS).collect();
        id.len() == KEY_ID_DIGITS && id.iter().all(u8::is_ascii_hexdigit)
    };
    let key = text.match_indices(KEY_PREFIX).find(is_key).map(|(at, prefix)| at + prefix.len());
    key.or_else(|| text.find(SECRET_PREFIX).map(|at| at + SECRET_PREFIX.len()))
}

/// True for an invisible character that changes how its neighbours are shown.
fn is_format(letter: char) -> bool {
    matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Quotes an unknown word. `None` for a text with a digit or another character, which may be a secret.
pub fn word(text: &str) -> Option<String> {
    let is_word = text.bytes().all(|byte| byte.is_ascii_alphabetic() || b"_-.:".contains(&byte));
    (is_word && !text.is_empty() && text.len() <= SHOWN_CHARS).then(|| quoted(text))
}

/// Lists names in backticks.
pub fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Returns `; did you mean …?` with the most similar known name, if one is similar.
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    closest(name, known).map(|known| format!("; did you mean `{known}`?"))
}

/// Returns the most similar known name, if one is similar.
pub fn closest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if name.chars().nth(2 * SHOWN_CHARS).is_some() {
        return None;
    }
    let near = |known: &'a str| {
        let edits = strsim::osa_distance(&name.to_ascii_lowercase(), &known.to_ascii_lowercase());
        let most = name.chars().count().max(known.chars().count()) / CHARS_PER_EDIT;
        (name != known && edits <= most).then_some((edits, known))
    };
    known.into_iter().filter_map(near).min_by_key(|(edits, _)| *edits).map(|(_, known)| known)
}

/// Escapes a name as a segment of a JSON Pointer.
pub(crate) fn escape(segment: &str) -> String {
    segment.replace('~', "~0").replace('/', "~1")
}

/// Names the target of a pointer: `payload.headers` for `#/payload/headers`, `limit` for a parameter.
pub fn named(pointer: &str) -> String {
    let Some(path) = pointer.strip_prefix('#') else { return quoted(pointer) };
    let mut name = String::new();
    for segment in path.split('/').skip(1) {
        let segment = segment.replace("~1", "/").replace("~0", "~");
        if !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit()) && !name.is_empty() {
            let _ = write!(name, "[{segment}]");
        } else {
            let dot = if name.is_empty() { "" } else { "." };
            let _ = write!(name, "{dot}{segment}");
        }
    }
    if name.is_empty() { "The document".to_owned() } else { quoted(&name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_reads_as_a_name() {
        for (pointer, expected) in [
            ("limit", "`limit`"),
            ("#", "The document"),
            ("#/max_attempts", "`max_attempts`"),
            ("#/payload/headers/x-a", "`payload.headers.x-a`"),
            ("#/payload/inputs/3/text", "`payload.inputs[3].text`"),
            ("#/payload/a~1b~0c", "`payload.a/b~c`"),
            ("#/a\u{7}`\u{202e}b", r"`a\u{7}\u{60}\u{202e}b`"),
        ] {
            assert_eq!(named(pointer), expected, "{pointer}");
        }
        assert_eq!(named(&format!("#/{}", "x".repeat(65))), format!("`{}…`", "x".repeat(64)));
        assert_eq!(quoted(&"é".repeat(64)), format!("`{}`", "é".repeat(64)));
    }

    #[test]
    fn a_key_instead_of_a_name_is_not_repeated() {
        for (text, expected) in [
            ("ls_0123456789abcdef_aa_bb", "`ls_…`"),
            ("/v1/jobs/ls_0123456789abcdef", "`/v1/jobs/ls_…`"),
            ("whsec_abc", "`whsec_…`"),
            ("tools_x", "`tools_x`"),
            ("ls_short", "`ls_short`"),
            ("ls_é234567890123456", "`ls_é234567890123456`"),
        ] {
            assert_eq!(quoted(text), expected, "{text}");
        }
    }

    #[test]
    fn only_a_similar_name_is_suggested() {
        let known = ["time_zone", "cron", "catch_up", "id"];
        for (name, expected) in [
            ("timezone", Some("time_zone")),
            ("timeZone", Some("time_zone")),
            ("TIME_ZONE", Some("time_zone")),
            ("corn", Some("cron")),
            ("catchup", Some("catch_up")),
            ("time_zone", None),
            ("zone", None),
            ("ix", None),
            ("", None),
        ] {
            assert_eq!(closest(name, known), expected, "{name}");
        }
        assert_eq!(closest(&"x".repeat(1_000_000), known), None);
        assert_eq!(did_you_mean("corn", known).unwrap(), "; did you mean `cron`?");
    }

    #[test]
    fn a_word_is_repeated_and_a_text_is_not() {
        for (text, expected) in
            [("runing", Some("`runing`")), ("jobs:reed", Some("`jobs:reed`")), ("TRACE", Some("`TRACE`"))]
        {
            assert_eq!(word(text).as_deref(), expected, "{text}");
        }
        for text in ["", "a b", "sk4f2", "a\"b", "ä", &"x".repeat(65)] {
            assert_eq!(word(text), None, "{text}");
        }
    }
}
