//! What is wrong with one field of a request, and the small checks that several requests share.

use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::error::Category;
use serde_path_to_error::{Path, Segment};

use crate::limits::{JSON_DEPTH_MAX, NAME_BYTES_MAX};
use crate::wire::json_depth::depth_exceeds;
use crate::wire::phrase::{did_you_mean, escape, listed, named, quoted, word};

/// One wrong field, as a problem's `errors` lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct InvalidField {
    /// A JSON Pointer in a URI fragment, `#/payload/url`; `#` is the whole document.
    pub pointer: String,
    /// A fixed word for programs.
    pub code: &'static str,
    /// One sentence for people.
    pub detail: String,
}

impl InvalidField {
    /// A wrong field; the detail is what is said of it after its name: `must be …`.
    pub fn of(pointer: impl Into<String>, code: &'static str, detail: impl AsRef<str>) -> Self {
        let pointer = pointer.into();
        let detail = format!("{} {}", named(&pointer), detail.as_ref());
        InvalidField { pointer, code, detail }
    }

    /// A field that is missing.
    pub fn missing(pointer: impl Into<String>) -> Self {
        InvalidField::of(pointer, "missing-field", "is required")
    }

    /// The same field where it stands at another place.
    #[must_use]
    pub(crate) fn moved(self, pointer: String) -> Self {
        let detail = self.detail.replacen(&named(&self.pointer), &named(&pointer), 1);
        InvalidField { pointer, detail, ..self }
    }

    /// A wrong field.
    pub fn new(pointer: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        InvalidField { pointer: pointer.into(), code, detail: detail.into() }
    }
}

/// The wrong fields of a request, in the order in which they were found.
#[derive(Debug, Default)]
pub struct Wrong {
    fields: Vec<InvalidField>,
    /// Whether one of them is wrong whenever it is asked.
    of_form: bool,
}

impl Wrong {
    /// Notes a field whose form is wrong: no such request was ever accepted.
    pub fn form(&mut self, field: InvalidField) {
        self.of_form = true;
        self.fields.push(field);
    }

    /// Notes a field that is wrong by the time, the settings or the plan of now: the same request may have been accepted before.
    pub fn now(&mut self, field: InvalidField) {
        self.fields.push(field);
    }

    /// The fields that are wrong by now alone.
    ///
    /// # Errors
    /// All of them, if the form of one is wrong.
    pub fn judge(self) -> Result<Vec<InvalidField>, Vec<InvalidField>> {
        if self.of_form { Err(self.fields) } else { Ok(self.fields) }
    }
}

/// Why a document could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unreadable {
    /// It is not JSON.
    NotJson(String),
    /// It nests deeper than [`JSON_DEPTH_MAX`].
    TooDeep,
    /// It is JSON of another shape.
    Shape(InvalidField),
}

/// Reads a document; `base` is the pointer of the document within the request, `#` or `#/payload`.
///
/// # Errors
/// When it is not JSON, too deep, or of another shape; the pointer names the field.
pub fn read<T: DeserializeOwned>(bytes: &[u8], base: &str) -> Result<T, Unreadable> {
    let text = check_form(bytes, base)?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().clone();
        Unreadable::Shape(wrong_shape(base, &path, &error.into_inner()))
    })
}

// There is one `read` for each type: what is no type's business is not in it.

/// The text of a document that is JSON to its end. What breaks off, or goes on, is told as that, also if a field before is wrong.
fn check_form<'a>(bytes: &'a [u8], base: &str) -> Result<&'a str, Unreadable> {
    if depth_exceeds(bytes, JSON_DEPTH_MAX) {
        return Err(Unreadable::TooDeep);
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|error| Unreadable::NotJson(format!("byte {} is not UTF-8", error.valid_up_to())))?;
    serde_json::from_str::<IgnoredAny>(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Unreadable::NotJson(match error.classify() {
            _ if text.trim_ascii().is_empty() => "there is no JSON".to_owned(),
            Category::Eof => format!("it ends too early, at line {line} column {column}"),
            _ => error.to_string(),
        })
    })?;
    // Every document of ours is an object; serde would also take a list of its fields in order.
    if text.trim_ascii_start().starts_with('[') {
        let detail = "must be an object, got a list";
        return Err(Unreadable::Shape(InvalidField::of(base, "invalid-type", detail)));
    }
    Ok(text)
}

/// What is wrong with a document that is JSON, and where.
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
    // It is JSON to its end: what its parser minds is a number beyond all doubles, half a surrogate pair, or a list for an object,
    // of which serde takes the items for the fields.
    let text = error.to_string();
    if text.starts_with("trailing characters") || text.starts_with("invalid length") {
        return InvalidField::of(pointer, "invalid-type", "must be an object, got a list");
    }
    if error.classify() != Category::Data {
        return InvalidField::of(pointer, "unreadable-value", UNREADABLE);
    }
    // The position is of the bytes, which the pointer says better.
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
    // A number where a number belongs may be repeated; a text, a list or an object may hold a secret.
    let got = found.split('`').nth(1).filter(|_| expected.starts_with("an integer")).map_or(kind_of(found), |it| it);
    InvalidField::of(pointer, "invalid-type", format!("must be {expected}, got {got}"))
}

/// A text that is none of some words.
fn wrong_word<'a>(pointer: String, text: &str, expected: &str, words: impl Iterator<Item = &'a str>) -> InvalidField {
    let meant = did_you_mean(text, words);
    let got = meant.as_ref().map(|_| quoted(text)).or_else(|| word(text)).unwrap_or_else(|| "another text".to_owned());
    let meant = meant.unwrap_or_default();
    InvalidField::of(pointer, "unknown-value", format!("must be {expected}, got {got}{meant}"))
}

/// Checks a text that must be one of some words.
pub fn check_word(pointer: &str, text: &str, words: &[&str]) -> Option<InvalidField> {
    let expected = format!("one of {}", listed(words.iter().copied()));
    (!words.contains(&text)).then(|| wrong_word(pointer.to_owned(), text, &expected, words.iter().copied()))
}

/// What is said of a name that is not known: the one that was probably meant, or else all that are known.
pub fn unknown<'a>(what: &str, name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<_> = known.into_iter().collect();
    let more = did_you_mean(name, known.iter().copied()).unwrap_or_else(|| match &known[..] {
        [] => "; none is known here".to_owned(),
        known => format!("; known: {}", listed(known.iter().copied())),
    });
    format!("Unknown {what} {}{more}", quoted(name))
}

/// The words between backticks.
fn words_of(expected: &str) -> impl Iterator<Item = &str> {
    expected.split('`').skip(1).step_by(2)
}

/// What is expected, in JSON's words: serde names types of Rust.
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

/// What was found, in JSON's words and without its value.
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

/// The media type of JSON.
pub const JSON: &str = "application/json";

/// Whether a Content-Type, or a part of Accept, names this media type, whatever its parameters.
pub fn names_media_type(text: &str, media_type: &str) -> bool {
    text.split(';').next().is_some_and(|named| named.trim().eq_ignore_ascii_case(media_type))
}

/// Whether this may be a name: a tenant, an endpoint, a group, an event id. `[A-Za-z0-9_-]`, 1 to 64 of them; no dot,
/// because Standard Webhooks joins an event id to the timestamp with one.
pub fn is_name(text: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

/// What is said of JSON that is well formed and cannot be read: half a surrogate pair, or a number beyond all doubles where one is
/// needed.
pub(crate) const UNREADABLE: &str = "has a text with half of a surrogate pair, such as \\ud83d alone, or a number that is too \
    large for a double (above 1.8e308)";

#[cfg(test)]
mod tests;
