//! Wrong fields of a request, and the deserialization that reports them.

use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::error::Category;
use serde_path_to_error::{Path, Segment};

use crate::limits::{JSON_DEPTH_MAX, NAME_BYTES_MAX};
use crate::wire::json_depth::depth_exceeds;
use crate::wire::phrase::{did_you_mean, escape, listed, named, quoted, word};

/// A wrong field, as a problem's `errors` lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct InvalidField {
    /// JSON Pointer as a URI fragment, such as `#/payload/url`; `#` is the whole document.
    pub pointer: String,
    /// Fixed code for programs.
    pub code: &'static str,
    /// Sentence for people.
    pub detail: String,
}

impl InvalidField {
    /// Creates a wrong field. The detail is the text after the field's name: `must be …`.
    pub fn of(pointer: impl Into<String>, code: &'static str, detail: impl AsRef<str>) -> Self {
        let pointer = pointer.into();
        let detail = format!("{} {}", named(&pointer), detail.as_ref());
        InvalidField { pointer, code, detail }
    }

    /// Creates the error of a missing field.
    pub fn missing(pointer: impl Into<String>) -> Self {
        InvalidField::of(pointer, "missing-field", "is required")
    }

    /// Returns the same error with another pointer.
    #[must_use]
    pub(crate) fn moved(self, pointer: String) -> Self {
        let detail = self.detail.replacen(&named(&self.pointer), &named(&pointer), 1);
        InvalidField { pointer, detail, ..self }
    }

    /// Creates a wrong field with a complete detail.
    pub fn new(pointer: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        InvalidField { pointer: pointer.into(), code, detail: detail.into() }
    }
}

/// Wrong fields of a request, in the order in which they were found.
#[derive(Debug, Default)]
pub struct Wrong {
    fields: Vec<InvalidField>,
    /// True if one of them has an invalid form, which is wrong at any time.
    of_form: bool,
}

impl Wrong {
    /// Adds a field with an invalid form: no such request was ever accepted.
    pub fn form(&mut self, field: InvalidField) {
        self.of_form = true;
        self.fields.push(field);
    }

    /// Adds a field that is wrong only now, by the time, the settings or the plan: the same request may have been
    /// accepted before.
    pub fn now(&mut self, field: InvalidField) {
        self.fields.push(field);
    }

    /// Returns the fields that are wrong only now.
    ///
    /// # Errors
    /// All fields, if one of them has an invalid form.
    pub fn judge(self) -> Result<Vec<InvalidField>, Vec<InvalidField>> {
        if self.of_form { Err(self.fields) } else { Ok(self.fields) }
    }
}

/// Reasons why a document could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unreadable {
    /// The document is not JSON.
    NotJson(String),
    /// The document is nested deeper than [`JSON_DEPTH_MAX`].
    TooDeep,
    /// The document is JSON of another shape.
    Shape(InvalidField),
}

/// Deserializes a document. `base` is the pointer of the document within the request, `#` or `#/payload`.
///
/// # Errors
/// [`Unreadable`] if it is not JSON, too deep, or of another shape; the pointer names the field.
pub fn read<T: DeserializeOwned>(bytes: &[u8], base: &str) -> Result<T, Unreadable> {
    let text = check_form(bytes, base)?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().clone();
        Unreadable::Shape(wrong_shape(base, &path, &error.into_inner()))
    })
}

// `read` is compiled once per type, so code that is independent of the type is outside of it.

/// Checks that a document is complete JSON and returns its text. A syntax error is reported first, even if a field
/// before it is wrong.
fn check_form<'a>(bytes: &'a [u8], base: &str) -> Result<&'a str, Unreadable> {
    if depth_exceeds(bytes, JSON_DEPTH_MAX) {
        return Err(Unreadable::TooDeep);
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|error| Unreadable::NotJson(format!("byte {} is not UTF-8", error.valid_up_to())))?;
    serde_json::from_str::<IgnoredAny>(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Unreadable::NotJson(match error.classify() {
            _ if text.trim_ascii().is_empty() => "it is empty".to_owned(),
            Category::Eof => format!("it ends too early, at line {line} column {column}"),
            _ => error.to_string(),
        })
    })?;
    // Every document is an object; serde would also accept a list of its fields in order.
    if text.trim_ascii_start().starts_with('[') {
        let detail = "must be an object, got a list";
        return Err(Unreadable::Shape(InvalidField::of(base, "invalid-type", detail)));
    }
    Ok(text)
}

/// Describes why a JSON document has another shape, and where.
fn wrong_shape(base: &str, path: &Path, error: &serde_json::Error) -> InvalidField {
    let mut last = "";
    let pointer = path.iter().fold(base.to_owned(), |pointer, segment| match segment {
        Segment::Seq { index } => format!("{pointer}/{index}"),
        Segment::Map { key } | Segment::Enum { variant: key } => {
            last = key;
            format!("{pointer}/{}", escape(key))
        }
        Segment::Unknown => pointer,
    });
    // The text is valid JSON, so a remaining syntax error is a number too large for a double, half of a surrogate pair,
    // or a list for an object, whose items serde takes as the fields.
    let text = error.to_string();
    if text.starts_with("trailing characters") || text.starts_with("invalid length") {
        return InvalidField::of(pointer, "invalid-type", "must be an object, got a list");
    }
    if error.classify() != Category::Data {
        return InvalidField::of(pointer, "unreadable-value", UNREADABLE);
    }
    // The pointer is more useful than the position in bytes.
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(detail, _)| detail);
    let (found, expected) = text.rsplit_once(", expected ").unwrap_or((text, ""));
    let inner = |prefix: &str| found.strip_prefix(prefix).and_then(|name| name.strip_suffix('`'));
    if let Some(name) = inner("missing field `") {
        return InvalidField::missing(format!("{pointer}/{}", escape(name)));
    }
    if let Some(name) = inner("duplicate field `") {
        let pointer = format!("{pointer}/{}", escape(name));
        return InvalidField::of(pointer, "duplicate-field", "is given twice; give it once");
    }
    if let Some(known) = text.strip_prefix(&format!("unknown field `{last}`, ")) {
        return InvalidField::new(pointer, "unknown-field", unknown("field", last, words_of(known)));
    }
    if let Some(text) = inner("unknown variant `") {
        return wrong_word(pointer, text, expected, words_of(expected));
    }
    let found = found.split_once(": ").map_or(found, |(_, found)| found);
    let expected = plain(expected);
    // A number may be repeated where a number is expected; a string, a list or an object may hold a secret.
    let got = found.split('`').nth(1).filter(|_| expected.starts_with("an integer")).map_or(kind_of(found), |it| it);
    InvalidField::of(pointer, "invalid-type", format!("must be {expected}, got {got}"))
}

/// Describes a text that is not one of the allowed words.
fn wrong_word<'a>(pointer: String, text: &str, expected: &str, words: impl Iterator<Item = &'a str>) -> InvalidField {
    let meant = did_you_mean(text, words);
    let got = meant.as_ref().map(|_| quoted(text)).or_else(|| word(text)).unwrap_or_else(|| "another text".to_owned());
    let meant = meant.unwrap_or_default();
    InvalidField::of(pointer, "unknown-value", format!("must be {expected}, got {got}{meant}"))
}

/// Checks that a text is one of these words.
pub fn check_word(pointer: &str, text: &str, words: &[&str]) -> Option<InvalidField> {
    let expected = format!("one of {}", listed(words.iter().copied()));
    (!words.contains(&text)).then(|| wrong_word(pointer.to_owned(), text, &expected, words.iter().copied()))
}

/// Describes an unknown name: suggests a similar known name, or else lists all known ones.
pub fn unknown<'a>(what: &str, name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<_> = known.into_iter().collect();
    let more = did_you_mean(name, known.iter().copied()).unwrap_or_else(|| match &known[..] {
        [] => "; none is known here".to_owned(),
        known => format!("; known: {}", listed(known.iter().copied())),
    });
    format!("Unknown {what} {}{more}", quoted(name))
}

/// Returns the words between backticks.
fn words_of(expected: &str) -> impl Iterator<Item = &str> {
    expected.split('`').skip(1).step_by(2)
}

/// Translates serde's expectation from Rust types into JSON terms.
fn plain(expected: &str) -> &str {
    match expected {
        "a boolean" => "`true` or `false`",
        "a sequence" => "a list",
        text if text.starts_with("a ") || text.starts_with("an ") || text.starts_with("one of `") => text,
        text if text.starts_with('`') => text,
        text if text.starts_with("struct ") || text.starts_with("map") => "an object",
        text if text.contains("string") => "a string",
        text if text.starts_with(['u', 'i']) => "an integer",
        _ => "another value",
    }
}

/// Translates the found type into JSON terms, without its value.
fn kind_of(found: &str) -> &'static str {
    const KINDS: [(&str, &str); 8] = [
        ("string", "a string"),
        ("integer", "a number"),
        ("floating point", "a number"),
        ("boolean", "a boolean"),
        ("null", "`null`"),
        ("unit value", "`null`"),
        ("sequence", "a list"),
        ("map", "an object"),
    ];
    KINDS.iter().find(|(prefix, _)| found.starts_with(prefix)).map_or("another value", |(_, kind)| kind)
}

/// Media type of JSON.
pub const JSON: &str = "application/json";

/// True if a Content-Type, or a part of Accept, names this media type, with any parameters.
pub fn names_media_type(text: &str, media_type: &str) -> bool {
    text.split(';').next().is_some_and(|named| named.trim().eq_ignore_ascii_case(media_type))
}

/// True for a valid name of a tenant, an endpoint, a group or an event: 1 to 64 of `[A-Za-z0-9_-]`. A dot is not
/// allowed, because Standard Webhooks separates the event id from the timestamp with one.
pub fn is_name(text: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

/// Text for JSON that is well formed but cannot be read: half of a surrogate pair, or a number too large for a double
/// where one is needed.
pub(crate) const UNREADABLE: &str = "has a text with half of a surrogate pair, such as \\ud83d alone, or a number that is too \
    large for a double (above 1.8e308)";

#[cfg(test)]
mod tests;
