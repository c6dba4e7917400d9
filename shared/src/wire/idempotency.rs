//! Idempotency keys: their syntax, their checks, and the digest that distinguishes requests.
//!
//! The header is defined by the IETF's draft-ietf-httpapi-idempotency-key-header: a structured string in quotes. Most
//! clients send bare text, so that is accepted too. Two keys are the same only if their bytes are.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sfv::{BareItem, Item, Parser};
use sha2::{Digest, Sha256};

use crate::limits::IDEMPOTENCY_KEY_CHARS_MAX;

/// Prefix of the keys that Longshore creates itself (for the occurrences of a schedule). [`check_key`] refuses it in a
/// caller's key, like every control character.
pub const INTERNAL_PREFIX: char = '\u{1}';

/// True if a caller gave this key. Keys that Longshore created are not shown.
pub fn is_callers(key: &str) -> bool {
    !key.starts_with(INTERNAL_PREFIX)
}

/// Reasons why a text is not an idempotency key. No text repeats the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The key is empty.
    #[error("The idempotency key is empty; it must have 1 to {IDEMPOTENCY_KEY_CHARS_MAX} characters")]
    Empty,
    /// The key has more than [`IDEMPOTENCY_KEY_CHARS_MAX`] characters; holds their number.
    #[error("The idempotency key must have 1 to {IDEMPOTENCY_KEY_CHARS_MAX} characters, got {0}")]
    TooLong(usize),
    /// The key has a control character, at which `SQLite` or logs could truncate it.
    #[error("The idempotency key has a control character; remove it")]
    ControlCharacter,
    /// The header is neither one quoted string nor one bare word. Two headers are also refused.
    #[error("`Idempotency-Key` must be one word, or one string in double quotes; send it once")]
    Syntax,
}

/// Parses the `Idempotency-Key` header: `"8e03978e"` or `8e03978e`. Both are the same key.
///
/// # Errors
/// [`KeyError`], for the header's syntax or for the key itself.
pub fn parse_header(value: &str) -> Result<String, KeyError> {
    let value = value.trim_matches([' ', '\t']);
    let key = if value.starts_with('"') {
        let item: Item = Parser::new(value).parse().map_err(|_| KeyError::Syntax)?;
        match item.bare_item {
            // The draft defines no parameters; RFC 9651 says to ignore unknown ones.
            BareItem::String(key) => String::from(key),
            _ => return Err(KeyError::Syntax),
        }
    } else if value.bytes().all(is_bare) {
        value.to_owned()
    } else {
        return Err(KeyError::Syntax);
    };
    check_key(&key)?;
    Ok(key)
}

/// True for a byte of a bare key: visible ASCII, except quotes and separators. A gateway may join two headers with a
/// comma, which must not give a third key.
fn is_bare(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b',' | b';')
}

/// Checks a key from a JSON document: 1 to [`IDEMPOTENCY_KEY_CHARS_MAX`] characters without control characters.
///
/// # Errors
/// [`KeyError`], never [`KeyError::Syntax`].
pub fn check_key(key: &str) -> Result<(), KeyError> {
    if key.is_empty() {
        return Err(KeyError::Empty);
    }
    let length = key.chars().count();
    if length > IDEMPOTENCY_KEY_CHARS_MAX {
        return Err(KeyError::TooLong(length));
    }
    if key.chars().any(char::is_control) {
        return Err(KeyError::ControlCharacter);
    }
    Ok(())
}

/// Version of the digests that this build creates. It changes when the digested form changes.
const DIGEST_VERSION: &str = "2";

/// Returns the digest that two requests with one key must share: its version, a dot and the [`digest`] of the form.
pub fn digest_of_form(form: &[&[u8]]) -> String {
    format!("{DIGEST_VERSION}.{}", digest(form))
}

/// True if two requests with one key may be the same. Digests of two versions cannot be compared, so the key alone
/// decides: a deployment must not refuse repeats of requests that the previous version accepted.
pub fn may_be_the_same(one: &str, other: &str) -> bool {
    let version = |digest: &str| digest.split_once('.').map(|(version, _)| version.to_owned());
    one == other || version(one) != version(other)
}

/// Returns the SHA-256 over the parts as 43 characters of base64url. Each part is preceded by its length, so that no
/// two lists of parts give the same bytes.
pub fn digest(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    URL_SAFE_NO_PAD.encode(hash.finalize())
}

/// Returns the SHA-256 as base64url without padding: 43 characters.
pub fn sha256(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quoted_and_bare_spell_the_same_key() {
        let uuid = "8e03978e-40d5-43dd-bc93-6894a57f9324";
        for header in [format!("\"{uuid}\""), uuid.to_owned(), format!(" \t\"{uuid}\" "), format!("{uuid} ")] {
            assert_eq!(parse_header(&header).as_deref(), Ok(uuid), "{header}");
        }
        assert_eq!(parse_header(r#""a \"b\" \\ c""#).as_deref(), Ok(r#"a "b" \ c"#));
        assert_eq!(parse_header(r#""a";unknown=1"#).as_deref(), Ok("a"));
        assert_eq!(parse_header("order:17/line=2").as_deref(), Ok("order:17/line=2"));
        // A bare number, boolean or byte sequence is text, not a structured field's value.
        for text in ["12", "?1", ":YQ==:", "@1", "%x", "*a"] {
            assert_eq!(parse_header(text).as_deref(), Ok(text));
        }
    }

    #[test]
    fn a_header_that_is_not_one_key_is_refused() {
        for header in [
            r#"""#,
            r#""a"#,
            r#"a""#,
            r#""a" "b""#,
            r#""a", "b""#,
            r#""a","a""#,
            "a, b",
            "a,a",
            "a b",
            "a;b=1",
            r#""a\x""#,
            "\"a\u{e9}\"",
            "\u{e9}",
            "a\u{0}",
            "a\nb",
            "\"a\nb\"",
            "\"\u{1}\"",
            "\u{7f}",
            r#"%"a""#,
        ] {
            assert_eq!(parse_header(header), Err(KeyError::Syntax), "{header:?}");
        }
        for header in ["", " ", "\"\""] {
            assert_eq!(parse_header(header), Err(KeyError::Empty), "{header:?}");
        }
        for length in [255, 256] {
            let expected = if length == 255 { Ok(length) } else { Err(KeyError::TooLong(256)) };
            let key = "k".repeat(length);
            assert_eq!(parse_header(&key).map(|key| key.len()), expected);
            assert_eq!(parse_header(&format!("\"{key}\"")).map(|key| key.len()), expected);
        }
    }

    #[test]
    fn a_key_is_any_text_without_control_characters() {
        for key in ["a", " ", "a b", "\u{e9}", "\u{1f6a2}", "\u{202e}abc", &"\u{e9}".repeat(255)] {
            assert_eq!(check_key(key), Ok(()), "{key:?}");
        }
        for key in ["\u{0}", "a\u{0}", "\n", "a\u{1f}", "\u{7f}", "\u{85}", &format!("{INTERNAL_PREFIX}occurrence")] {
            assert_eq!(check_key(key), Err(KeyError::ControlCharacter), "{key:?}");
        }
        assert_eq!(check_key(""), Err(KeyError::Empty));
        assert_eq!(check_key(&"\u{e9}".repeat(256)), Err(KeyError::TooLong(256)));
        assert_eq!(KeyError::TooLong(256).to_string(), "The idempotency key must have 1 to 255 characters, got 256");
    }

    #[test]
    fn keys_created_by_longshore_are_not_callers_keys() {
        for (key, expected) in
            [("a", true), (&*format!("a{INTERNAL_PREFIX}"), true), (&*format!("{INTERNAL_PREFIX}a"), false)]
        {
            assert_eq!(is_callers(key), expected, "{key:?}");
        }
    }

    #[test]
    fn digests_are_pinned() {
        assert_eq!(digest(&[]), "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU");
        assert_eq!(digest(&[b"webhook", b"{}"]), "o0FAKEm7Sjg0Nebya5Yvq7haRsJLlI56tccShOpwxxQ");
    }

    #[test]
    fn digests_of_two_versions_are_not_compared() {
        let [one, other] = [digest_of_form(&[b"{}"]), digest_of_form(&[b"[]"])];
        assert_eq!((one.len(), one.get(..2)), (45, Some("2.")));
        assert!(may_be_the_same(&one, &one) && !may_be_the_same(&one, &other));
        // Digests without a version (of the first builds) and of a later version.
        for foreign in [digest(&[b"{}"]), format!("3.{}", digest(&[b"{}"]))] {
            assert!(may_be_the_same(&foreign, &one) && may_be_the_same(&one, &foreign), "{foreign}");
            assert!(!may_be_the_same(&foreign, &format!("{foreign}x")), "two digests of one version are compared");
        }
    }

    proptest! {
        /// The sfv library writes a header that we parse.
        #[test]
        fn a_serialized_string_is_parsed(key in "[ -~]{1,60}") {
            let header = sfv::ItemSerializer::new().bare_item(sfv::StringRef::from_str(&key).unwrap()).finish();
            prop_assert_eq!(parse_header(&header), Ok(key));
        }

        #[test]
        fn a_parsed_key_passes_the_check(header in "\\PC{0,300}|[\"\\\\ -~]{0,20}|[\\x00-\\x20\"a]{0,8}") {
            if let Ok(key) = parse_header(&header) {
                prop_assert_eq!(check_key(&key), Ok(()));
                prop_assert!(!key.starts_with(INTERNAL_PREFIX));
            }
        }

        #[test]
        fn different_parts_have_different_digests(
            one in proptest::collection::vec("[ab]{0,3}", 0..4), other in proptest::collection::vec("[ab]{0,3}", 0..4),
        ) {
            let of = |parts: &[String]| digest(&parts.iter().map(String::as_bytes).collect::<Vec<_>>());
            prop_assert_eq!(of(&one) == of(&other), one == other);
            prop_assert_eq!(of(&one).len(), 43);
        }
    }
}
