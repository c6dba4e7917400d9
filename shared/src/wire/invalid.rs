//! What is wrong with one field of a request, and the small checks that several requests share.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::error::Category;
use serde_path_to_error::{Path, Segment};

use crate::limits::{HEADER_VALUE_BYTES_MAX, HEADERS_MAX, JSON_DEPTH_MAX, NAME_BYTES_MAX};
use crate::wire::json_depth::depth_exceeds;

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
    let text = std::str::from_utf8(bytes).map_err(|error| Unreadable::NotJson(format!("It is no UTF-8: {error}.")))?;
    serde_json::from_str::<IgnoredAny>(text).map_err(|error| Unreadable::NotJson(error.to_string()))?;
    // Every document of ours is an object; serde would also take a list of its fields in order.
    if text.trim_ascii_start().starts_with('[') {
        let detail = "invalid type: sequence, expected an object";
        return Err(Unreadable::Shape(InvalidField::new(base, "invalid-type", detail)));
    }
    Ok(text)
}

/// What is wrong with a document that is JSON, and where.
fn wrong_shape(base: &str, path: &Path, error: &serde_json::Error) -> InvalidField {
    let pointer = path.iter().fold(base.to_owned(), |pointer, segment| match segment {
        Segment::Seq { index } => format!("{pointer}/{index}"),
        Segment::Map { key } | Segment::Enum { variant: key } => format!("{pointer}/{}", escape(key)),
        Segment::Unknown => pointer,
    });
    let text = error.to_string();
    // The position is of the bytes, which the pointer says better.
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(detail, _)| detail);
    // It is JSON to its end: what its parser minds is a number beyond all doubles, or half a surrogate pair.
    if error.classify() != Category::Data {
        return InvalidField::new(pointer, "unreadable-value", UNREADABLE);
    }
    let detail = without_value(text);
    match detail.strip_prefix("duplicate field `").and_then(|name| name.strip_suffix('`')) {
        Some(name) => {
            let pointer = format!("{pointer}/{}", escape(name));
            InvalidField::new(pointer, "duplicate-field", "The field is there twice.")
        }
        None => InvalidField::new(pointer, code_of(&detail), detail),
    }
}

/// What the parser says without the value that it says it of: where a mistake put it, it may be a secret.
fn without_value(detail: &str) -> String {
    match detail.rsplit_once(", expected ") {
        Some((found, expected)) if !found.starts_with("unknown field") => {
            let found = found.split(['"', '`']).next().unwrap_or_default().trim_end();
            format!("{found}, expected {expected}")
        }
        _ => detail.to_owned(),
    }
}

pub(crate) fn escape(segment: &str) -> String {
    segment.replace('~', "~0").replace('/', "~1")
}

fn code_of(detail: &str) -> &'static str {
    const CODES: [(&str, &str); 3] =
        [("unknown field", "unknown-field"), ("missing field", "missing-field"), ("unknown variant", "unknown-value")];
    CODES.iter().find(|(prefix, _)| detail.starts_with(prefix)).map_or("invalid-type", |(_, code)| code)
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

/// Names a caller may not set: ours, those of the connection, those that the platform sets, and cookies.
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

/// Headers as a caller writes them: names in any case, in their order, also those that are there twice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(pub Vec<(String, String)>);

impl Headers {
    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Headers;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Headers, A::Error> {
                let mut headers = Vec::new();
                while let Some(header) = map.next_entry()? {
                    headers.push(header);
                }
                Ok(Headers(headers))
            }
        }
        deserializer.deserialize_map(All)
    }
}

impl Serialize for Headers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// Checks headers that a caller wants sent.
pub fn check_headers(Headers(headers): &Headers, base: &str, errors: &mut Vec<InvalidField>) {
    if headers.len() > HEADERS_MAX {
        errors.push(InvalidField::new(base, "too-many", format!("At most {HEADERS_MAX} headers.")));
    }
    let mut seen = BTreeSet::new();
    for (name, value) in headers {
        let pointer = format!("{base}/{}", escape(name));
        let lower = name.to_ascii_lowercase();
        if !seen.insert(lower.clone()) {
            let detail = "The header is there twice: its name is the same in any case.";
            errors.push(InvalidField::new(&pointer, "duplicate-field", detail));
        }
        if !is_token(name) {
            errors.push(InvalidField::new(&pointer, "header-name", "A header name is a token of RFC 9110."));
        } else if FORBIDDEN_HEADERS.contains(&lower.as_str())
            || FORBIDDEN_PREFIXES.iter().any(|prefix| lower.starts_with(prefix))
        {
            errors.push(InvalidField::new(&pointer, "header-forbidden", "This header cannot be set."));
        }
        if value.len() > HEADER_VALUE_BYTES_MAX {
            let detail = format!("At most {HEADER_VALUE_BYTES_MAX} bytes.");
            errors.push(InvalidField::new(&pointer, "too-long", detail));
        }
        if !value.bytes().all(|byte| byte == b'\t' || (0x20..0x7f).contains(&byte)) || value.trim() != value {
            let detail = "A header value is visible ASCII, spaces and tabs, with neither CR nor LF nor spaces around.";
            errors.push(InvalidField::new(&pointer, "header-value", detail));
        }
    }
}

fn is_token(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= NAME_BYTES_MAX
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// What is said of JSON that is well formed and cannot be read: half a surrogate pair, or a number beyond all doubles where one is
/// needed.
pub(crate) const UNREADABLE: &str = "Here is a text with half of a surrogate pair, such as \\ud83d alone, or a number that is \
    too large for a double (above 1.8e308).";

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Shape {
        #[serde(default, rename = "list")]
        _list: Vec<u32>,
        #[serde(rename = "name")]
        _name: String,
    }

    #[test]
    fn the_pointer_names_the_field() {
        let shape = |text: &str| match read::<Shape>(text.as_bytes(), "#/payload").unwrap_err() {
            Unreadable::Shape(field) => (field.pointer, field.code),
            other => panic!("{other:?}"),
        };
        assert_eq!(shape(r#"{"name":"a","list":[1,"x"]}"#), ("#/payload/list/1".into(), "invalid-type"));
        assert_eq!(shape(r#"{"name":7}"#), ("#/payload/name".into(), "invalid-type"));
        assert_eq!(shape(r#"{"name":"a","nane":1}"#), ("#/payload/nane".into(), "unknown-field"));
        assert_eq!(shape("{}"), ("#/payload".into(), "missing-field"));
        assert_eq!(shape(r#"{"name":"a","list":[],"name":"a"}"#), ("#/payload/name".into(), "duplicate-field"));
        assert_eq!(shape(r#"{"name":"\ud800"}"#), ("#/payload/name".into(), "unreadable-value"));
        assert_eq!(shape(r#"{"name":"a","list":[1,1e400]}"#), ("#/payload/list/1".into(), "unreadable-value"));
        assert_eq!(shape(r#"{"name":1e400}"#), ("#/payload/name".into(), "unreadable-value"));
    }

    #[test]
    fn what_cannot_be_read_is_told_in_plain_words() {
        for text in [r#"{"name":"\ud800"}"#, r#"{"name":1e400}"#] {
            let Err(Unreadable::Shape(field)) = read::<Shape>(text.as_bytes(), "#") else { panic!("{text}") };
            for word in ["half of a surrogate pair", r"\ud83d", "too large for a double", "1.8e308"] {
                assert!(field.detail.contains(word), "{}: {word}", field.detail);
            }
        }
    }

    #[test]
    fn a_wrong_value_is_not_repeated() {
        for (text, expected) in [
            (r#"{"name":"a","list":"hush \", expected `x`"}"#, "invalid type: string, expected a sequence"),
            (r#"{"name":"a","list":["hush"]}"#, "invalid type: string, expected u32"),
            (r#"{"name":"a","list":[-7]}"#, "invalid value: integer, expected u32"),
            (r#"{"name":["hush"]}"#, "invalid type: sequence, expected a string"),
            (r#"{"name":"a","nane":"hush"}"#, "unknown field `nane`, expected `list` or `name`"),
            ("{}", "missing field `name`"),
        ] {
            let Err(Unreadable::Shape(field)) = read::<Shape>(text.as_bytes(), "#") else { panic!("{text}") };
            assert_eq!(field.detail, expected, "{text}");
        }
    }

    #[test]
    fn what_is_not_json_is_told_apart() {
        let texts = [
            "",
            " ",
            "{",
            "nul",
            "[",
            "[]]",
            "{\"name\":\"a\"} trailing",
            "\u{feff}{}",
            "{\"name\":\"a\tb\"}",
            "{\"name\":01}",
        ];
        // A wrong field stands before the place where it breaks.
        let after = [
            r#"{"nane":1"#,
            r#"{"name":7,"#,
            r#"{"name":7}}"#,
            r#"{"name":"a","name":"b"] "#,
            r#"{"list":"x", 'a'}"#,
            r#"["x",]"#,
        ];
        for text in texts.into_iter().chain(after) {
            assert!(matches!(read::<Shape>(text.as_bytes(), "#"), Err(Unreadable::NotJson(_))), "{text}");
        }
        for bytes in [&b"{\"name\":7,\"a\":\"\xc3\x28\"}"[..], b"\xff", b"{\"nane\":\"\xed\xa0\x80\"}"] {
            assert!(matches!(read::<Shape>(bytes, "#"), Err(Unreadable::NotJson(_))), "{bytes:?}");
        }
        let deep = "[".repeat(100_000);
        assert_eq!(read::<Shape>(deep.as_bytes(), "#").unwrap_err(), Unreadable::TooDeep);
    }

    #[test]
    fn a_header_is_there_once_in_whatever_case() {
        let headers: Headers = serde_json::from_str(r#"{"x-a":"1","x-b":"2","X-A":"3","x-b":"2"}"#).unwrap();
        let mut errors = Vec::new();
        check_headers(&headers, "#/headers", &mut errors);
        let told: Vec<_> = errors.iter().map(|field| (field.pointer.as_str(), field.code)).collect();
        assert_eq!(told, [("#/headers/X-A", "duplicate-field"), ("#/headers/x-b", "duplicate-field")]);
        assert_eq!(serde_json::to_string(&headers).unwrap(), r#"{"x-a":"1","x-b":"2","X-A":"3","x-b":"2"}"#);
    }

    #[test]
    fn headers_of_every_byte() {
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
