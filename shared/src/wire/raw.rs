//! Raw JSON: names, numbers and strings are kept token for token; only the white space between them may change.
//!
//! A value of `serde_json` would lose this: its numbers are doubles, its names are sorted, and of two members with one
//! name it keeps the last.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Number, Value};

use crate::wire::invalid::InvalidField;
use crate::wire::phrase::escape;

/// An object built from values, except for members that are kept as they were written.
#[derive(Debug, Clone, Default)]
pub struct RawObject {
    values: Map<String, Value>,
    kept: BTreeMap<&'static str, Box<RawValue>>,
}

impl RawObject {
    /// Creates an object with these members; an empty one if the value is not an object.
    pub fn of(values: Value) -> RawObject {
        match values {
            Value::Object(values) => RawObject { values, kept: BTreeMap::new() },
            _ => RawObject::default(),
        }
    }

    /// Adds a member.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> RawObject {
        self.values.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a member that is kept as it was written; `None` becomes null.
    #[must_use]
    pub fn with_kept(mut self, name: &'static str, json: Option<&RawValue>) -> RawObject {
        self.kept.insert(name, json.unwrap_or(RawValue::NULL).to_owned());
        self
    }

    /// Returns the object as JSON.
    pub(crate) fn to_raw(&self) -> Box<RawValue> {
        to_raw_value(self).unwrap_or_default()
    }
}

impl Serialize for RawObject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(Some(self.values.len() + self.kept.len()))?;
        for (name, value) in &self.values {
            members.serialize_entry(name, value)?;
        }
        for (name, json) in &self.kept {
            members.serialize_entry(name, json)?;
        }
        members.end()
    }
}

/// Name and value of a member, each as it was written.
pub(crate) type Member<'a> = (&'a RawValue, &'a RawValue);

struct Members<'a>(Vec<Member<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;
        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Vec<Member<'de>>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(MembersVisitor).map(Members)
    }
}

/// Returns the members of an object in order, including repeated ones; `None` if it is not an object.
pub(crate) fn members(json: &str) -> Option<Vec<Member<'_>>> {
    serde_json::from_str::<Members<'_>>(json).ok().map(|members| members.0)
}

/// Builds an object from members.
pub(crate) fn object_of<'a>(members: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let members: Vec<_> = members.into_iter().map(|(name, value)| format!("{name}:{value}")).collect();
    format!("{{{}}}", members.join(","))
}

/// Returns a name without its escapes.
pub(crate) fn name_of(name: &RawValue) -> String {
    serde_json::from_str(name.get()).unwrap_or_default()
}

/// Returns the JSON without white space between its tokens.
pub(crate) fn compact(json: &str) -> String {
    let (mut kept, mut in_text, mut is_escaped) = (String::with_capacity(json.len()), false, false);
    for letter in json.chars() {
        match (in_text, letter) {
            (true, _) if is_escaped => is_escaped = false,
            (true, '\\') => is_escaped = true,
            (_, '"') => in_text = !in_text,
            (false, ' ' | '\t' | '\n' | '\r') => continue,
            _ => {}
        }
        kept.push(letter);
    }
    kept
}

/// Returns the JSON on one line. Line breaks occur only between its tokens; inside strings they are escaped.
pub(crate) fn on_one_line(json: String) -> String {
    if json.contains(['\n', '\r']) { json.replace(['\n', '\r'], " ") } else { json }
}

/// Reports names that occur twice in an object or below it.
pub(crate) fn find_twice(json: &str, base: &str, errors: &mut Vec<InvalidField>) {
    let mut seen = BTreeSet::new();
    for (name, value) in members(json).unwrap_or_default() {
        let name = name_of(name);
        let pointer = format!("{base}/{}", escape(&name));
        if !seen.insert(name) {
            errors.push(InvalidField::of(&pointer, "duplicate-field", "is given twice; give it once"));
        }
        find_twice(value.get(), &pointer, errors);
    }
    let items: Vec<&RawValue> = serde_json::from_str(json).unwrap_or_default();
    for (index, item) in items.into_iter().enumerate() {
        find_twice(item.get(), &format!("{base}/{index}"), errors);
    }
}

/// True if all strings and names of the JSON can be read: half of a surrogate pair is not a character.
pub(crate) fn is_readable(json: &str) -> bool {
    let unit = |text: &str| text.get(..4).and_then(|digits| u16::from_str_radix(digits, 16).ok());
    let mut rest = json;
    // A backslash occurs only in strings.
    while let Some((_, escape)) = rest.split_once('\\') {
        let after = |bytes: usize| escape.get(bytes..).unwrap_or_default();
        rest = after(1);
        if !escape.starts_with('u') {
            continue;
        }
        let low = after(5).strip_prefix("\\u").and_then(unit);
        match unit(rest) {
            Some(0xd800..0xdc00) if low.is_some_and(|low| (0xdc00..0xe000).contains(&low)) => rest = after(11),
            None | Some(0xd800..0xe000) => return false,
            Some(_) => {}
        }
    }
    true
}

/// Returns an object's members as values for comparison. A number too large for a double becomes the largest double. A
/// value that cannot be read becomes a list, which equals nothing.
pub(crate) fn comparable(json: &str) -> Value {
    let value = |value: &RawValue| {
        serde_json::from_str(value.get()).unwrap_or_else(|_| {
            let last = match value.get().as_bytes().first() {
                Some(b'-') => Number::from_f64(f64::MIN),
                Some(b'0'..=b'9') => Number::from_f64(f64::MAX),
                _ => None,
            };
            last.map_or_else(|| Value::Array(Vec::new()), Value::Number)
        })
    };
    members(json).unwrap_or_default().into_iter().map(|(name, json)| (name_of(name), value(json))).collect()
}

#[cfg(test)]
mod tests;
