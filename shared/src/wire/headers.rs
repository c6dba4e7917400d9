//! Request headers as a caller writes them, and the check of which may be sent.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::limits::{HEADER_VALUE_BYTES_MAX, HEADERS_MAX, NAME_BYTES_MAX};
use crate::wire::invalid::InvalidField;
use crate::wire::phrase::{escape, quoted};

/// Names that a caller must not set: cookies, and names that Longshore, the connection or the platform sets.
const FORBIDDEN_HEADERS: [&str; 15] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "cookie",
    "cookie2",
    "via",
    "x-forwarded-for",
    "x-real-ip",
    "accept-encoding",
];
const FORBIDDEN_PREFIXES: [&str; 5] = ["webhook-", "longshore-", "cf-", "proxy-", "sec-"];

/// Headers as a caller writes them: names in any case, in order, including repeated ones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(pub Vec<(String, String)>);

impl Headers {
    /// True if there are no headers.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct HeadersVisitor;
        impl<'de> Visitor<'de> for HeadersVisitor {
            type Value = Headers;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Headers, A::Error> {
                let mut headers = Vec::new();
                while let Some(header) = map.next_entry()? {
                    headers.push(header);
                }
                Ok(Headers(headers))
            }
        }
        deserializer.deserialize_map(HeadersVisitor)
    }
}

impl Serialize for Headers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// Checks the headers that a caller wants to send. Error texts never repeat a value, because it may be a secret.
pub fn check_headers(Headers(headers): &Headers, base: &str, errors: &mut Vec<InvalidField>) {
    if headers.len() > HEADERS_MAX {
        let detail = format!("must have at most {HEADERS_MAX} headers, got {}", headers.len());
        errors.push(InvalidField::of(base, "too-many", detail));
    }
    let mut seen = BTreeSet::new();
    for (name, value) in headers {
        let mut wrong = |code, detail: String| {
            errors.push(InvalidField::of(format!("{base}/{}", escape(name)), code, detail));
        };
        let lower = name.to_ascii_lowercase();
        if !seen.insert(lower.clone()) {
            wrong("duplicate-field", "is given twice; header names are case-insensitive".into());
        }
        if !is_token(name) {
            let detail =
                format!("is not a valid header name; use 1 to {NAME_BYTES_MAX} letters, digits or !#$%&'*+-.^_|~");
            wrong("header-name", detail);
        } else if let Some(prefix) = FORBIDDEN_PREFIXES.iter().find(|prefix| lower.starts_with(**prefix)) {
            wrong(
                "header-forbidden",
                format!("cannot be set: names that begin with `{prefix}` are reserved; remove it"),
            );
        } else if FORBIDDEN_HEADERS.contains(&lower.as_str()) {
            wrong("header-forbidden", "cannot be set: Longshore or the connection sets it; remove it".into());
        }
        if value.len() > HEADER_VALUE_BYTES_MAX {
            wrong("too-long", format!("must have at most {HEADER_VALUE_BYTES_MAX} bytes, got {}", value.len()));
        }
        if let Some(letter) = value.chars().find(|letter| !matches!(letter, '\t' | ' '..='~')) {
            let detail =
                format!("must have only visible ASCII, spaces and tabs; it has {}", quoted(&letter.to_string()));
            wrong("header-value", detail);
        } else if value.trim() != value {
            wrong("header-value", "must not begin or end with a space or a tab".into());
        }
    }
}

fn is_token(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= NAME_BYTES_MAX
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_given_once_in_any_case() {
        let headers: Headers = serde_json::from_str(r#"{"x-a":"1","x-b":"2","X-A":"3","x-b":"2"}"#).unwrap();
        let mut errors = Vec::new();
        check_headers(&headers, "#/headers", &mut errors);
        let found: Vec<_> = errors.iter().map(|field| (field.pointer.as_str(), field.code)).collect();
        assert_eq!(found, [("#/headers/X-A", "duplicate-field"), ("#/headers/x-b", "duplicate-field")]);
        assert_eq!(serde_json::to_string(&headers).unwrap(), r#"{"x-a":"1","x-b":"2","X-A":"3","x-b":"2"}"#);
    }

    #[test]
    fn header_values_have_only_visible_ascii() {
        for byte in 0..=255u8 {
            let value = format!("a{}b", char::from(byte));
            let mut errors = Vec::new();
            check_headers(&Headers(vec![("x-test".to_owned(), value)]), "#/headers", &mut errors);
            let allowed = byte == b'\t' || (0x20..0x7f).contains(&byte);
            assert_eq!(errors.is_empty(), allowed, "{byte:#x}");
        }
        for name in ["Host", "webhook-id", "CF-Ray", "Cookie", "a b", "", "ä", "Transfer-Encoding", "longshore-kind"] {
            let mut errors = Vec::new();
            check_headers(&Headers(vec![(name.to_owned(), "v".to_owned())]), "#/headers", &mut errors);
            assert_eq!(errors.len(), 1, "{name:?}");
        }
    }
}
