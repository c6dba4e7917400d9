//! Metadata: a JSON object of the caller, kept as it was written.

use serde::de::{Error, Unexpected};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::limits::SUBJECT_BYTES_MAX;
use crate::wire::invalid::{InvalidField, UNREADABLE};
use crate::wire::raw::{compact, find_twice, is_readable, members, name_of, object_of};

/// Name of the member by which an erasure finds jobs.
const SUBJECT: &str = "subject";

/// JSON object of the caller, kept as it was written, without white space between its tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct Metadata(
    #[cfg_attr(feature = "openapi", schemars(with = "serde_json::Map<String, serde_json::Value>"))] String,
);

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Box::<RawValue>::deserialize(deserializer)?;
        if !json.get().starts_with('{') {
            return Err(D::Error::invalid_type(kind_of(json.get()), &"an object"));
        }
        Ok(Metadata(compact(json.get())))
    }
}

impl Serialize for Metadata {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_raw().serialize(serializer)
    }
}

impl Default for Metadata {
    fn default() -> Self {
        Metadata("{}".to_owned())
    }
}

impl Metadata {
    /// True for an empty object.
    pub(crate) fn is_empty(&self) -> bool {
        self.0 == "{}"
    }

    /// Returns the metadata as JSON.
    pub(crate) fn to_raw(&self) -> Box<RawValue> {
        RawValue::from_string(self.0.clone()).unwrap_or_default()
    }

    /// Checks metadata at the pointer `base`, with at most `bytes_max` bytes.
    pub(crate) fn check(&self, base: &str, bytes_max: usize, errors: &mut Vec<InvalidField>) {
        if self.0.len() > bytes_max {
            let detail = format!("must have at most {bytes_max} bytes as JSON, got {}", self.0.len());
            errors.push(InvalidField::of(base, "too-long", detail));
        } else if is_readable(&self.0) {
            find_twice(&self.0, base, errors);
        } else {
            errors.push(InvalidField::of(base, "unreadable-value", UNREADABLE));
        }
    }

    /// Checks the `subject` in the metadata. A job can be erased by it only if a path can contain it.
    pub(crate) fn check_subject(&self, base: &str, errors: &mut Vec<InvalidField>) {
        let subjects = members(&self.0).unwrap_or_default().into_iter().filter(|(name, _)| name_of(name) == SUBJECT);
        for (_, subject) in subjects {
            let is_erasable = match subject.get().as_bytes().first() {
                Some(b'n') => true,
                Some(b'-' | b'0'..=b'9') => is_subject(subject.get()),
                _ => serde_json::from_str(subject.get()).is_ok_and(|text: String| is_subject(&text)),
            };
            if !is_erasable {
                let detail = format!(
                    "must be a number, or a text of 1 to {SUBJECT_BYTES_MAX} bytes without NUL and U+FFFD that is neither . nor .."
                );
                errors.push(InvalidField::of(format!("{base}/{SUBJECT}"), "invalid-subject", detail));
            }
        }
    }

    /// Returns the metadata as a job stores it. The member `subject` is written without escapes, so that SQL finds it
    /// by name.
    pub(crate) fn of_job(&self) -> String {
        let plain = format!("\"{SUBJECT}\"");
        let members = members(&self.0).unwrap_or_default();
        let named = |name: &RawValue| name.get() != plain && name_of(name) == SUBJECT;
        if !members.iter().any(|(name, _)| named(name)) {
            return self.0.clone();
        }
        object_of(members.iter().map(|(name, value)| (if named(name) { &*plain } else { name.get() }, value.get())))
    }
}

/// Returns the type of a value, without the value.
fn kind_of(json: &str) -> Unexpected<'static> {
    Unexpected::Other(match json.as_bytes().first() {
        Some(b'"') => "string",
        Some(b'[') => "sequence",
        Some(b't' | b'f') => "boolean",
        Some(b'n') => "null",
        _ => "integer",
    })
}

/// True if a path can contain this subject. A segment `.` or `..` leads to another path, even if it is escaped. U+FFFD
/// is excluded, because it also replaces invalid UTF-8.
pub(crate) fn is_subject(text: &str) -> bool {
    (1..=SUBJECT_BYTES_MAX).contains(&text.len())
        && !matches!(text, "." | "..")
        && !text.contains(['\0', char::REPLACEMENT_CHARACTER])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(json: &str) -> Vec<(String, &'static str)> {
        let metadata: Metadata = serde_json::from_str(json).unwrap();
        let mut errors = Vec::new();
        metadata.check("#/metadata", 60, &mut errors);
        metadata.check_subject("#/metadata", &mut errors);
        errors.into_iter().map(|field| (field.pointer, field.code)).collect()
    }

    #[test]
    fn metadata_is_an_object() {
        for json in ["[]", "1", "\"{}\"", "null", "true"] {
            assert!(serde_json::from_str::<Metadata>(json).is_err(), "{json}");
        }
        let metadata: Metadata = serde_json::from_str(" { \"b\" : 1E5 , \"a\": [ ] } ").unwrap();
        assert_eq!(metadata.0, r#"{"b":1E5,"a":[]}"#);
        assert_eq!(serde_json::to_string(&metadata).unwrap(), metadata.0);
        assert!(!metadata.is_empty() && serde_json::from_str::<Metadata>("{ }").unwrap().is_empty());
    }

    #[test]
    fn metadata_that_cannot_be_kept_is_refused() {
        let at = |pointer: &str, code| vec![(format!("#/metadata{pointer}"), code)];
        assert_eq!(wrong(r#"{"a":1,"b":{"a":1e400}}"#), []);
        assert_eq!(wrong(r#"{"a":1,"b":{"c":1,"c":2}}"#), at("/b/c", "duplicate-field"));
        assert_eq!(wrong(r#"{"a":"\ud800"}"#), at("", "unreadable-value"));
        assert_eq!(wrong(&format!(r#"{{"a":"{}","a":1}}"#, "x".repeat(60))), at("", "too-long"));
    }

    #[test]
    fn a_subject_must_fit_into_a_path() {
        for subject in
            [r#""user-7""#, "7", "-1.50", "12345678901234567890123", "null", r#"" ""#, r#""a/b""#, r#""...""#]
        {
            assert_eq!(wrong(&format!(r#"{{"subject":{subject}}}"#)), [], "{subject}");
        }
        let refused =
            ["\"\"", "\".\"", "\"..\"", r#""\u002e""#, r#""a\u0000""#, r#""\ufffd""#, "true", "{}", "[\"a\"]"];
        for subject in refused {
            let expected = [("#/metadata/subject".to_owned(), "invalid-subject")];
            assert_eq!(wrong(&format!(r#"{{"a":1,"\u0073ubject":{subject}}}"#)), expected, "{subject}");
        }
        assert_eq!(wrong(r#"{"about":{"subject":"."}}"#), [], "an erasure only looks at the top level");
    }

    #[test]
    fn the_name_subject_is_stored_without_escapes() {
        let of_job = |json: &str| serde_json::from_str::<Metadata>(json).unwrap().of_job();
        assert_eq!(
            of_job(r#"{"\u0061":1,"sub\u006aect":"\u0062","n":1.0}"#),
            r#"{"\u0061":1,"subject":"\u0062","n":1.0}"#
        );
        assert_eq!(of_job(r#"{"\u0061":1}"#), r#"{"\u0061":1}"#);
    }
}
