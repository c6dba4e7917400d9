//! Hexadecimal encoding: writes lower case, reads both cases.

/// Encodes each byte as two lower-case digits.
pub fn encode(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

/// Decodes two digits per byte. `None` for an odd number of digits or another character.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.chars().map(|digit| digit.to_digit(16)?.try_into().ok()).collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

/// True if a text has exactly this number of lower-case digits.
pub(crate) fn is_lower(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn digits_are_written_in_lower_case_and_read_in_either() {
        assert_eq!(encode(&[0x00, 0x9a, 0xff]), "009aff");
        assert_eq!(decode("009aFF"), Some(vec![0x00, 0x9a, 0xff]));
        assert_eq!(decode(""), Some(Vec::new()));
        for wrong in ["0", "0g", "+1", " 00", "00 ", "\u{e9}", "\u{ff11}\u{ff11}"] {
            assert_eq!(decode(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_number_of_digits_is_exact_and_in_lower_case() {
        assert!(is_lower("09af", 4) && is_lower("", 0));
        for wrong in ["09a", "09aff", "09aF", "09ag", "\u{e9}\u{e9}"] {
            assert!(!is_lower(wrong, 4), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn encoded_bytes_are_decoded(bytes in any::<Vec<u8>>()) {
            let text = encode(&bytes);
            prop_assert!(is_lower(&text, 2 * bytes.len()));
            prop_assert_eq!(decode(&text.to_uppercase()), Some(bytes));
        }
    }
}
