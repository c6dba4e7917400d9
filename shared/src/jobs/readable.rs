//! JSON that is read to its end, every number and text of it, and kept nowhere.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// A value that could be read.
pub(super) struct Readable;

impl<'de> Deserialize<'de> for Readable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Not as serde's own value to ignore: that would skip numbers and texts without reading them.
        deserializer.deserialize_any(Reads)
    }
}

struct Reads;

impl<'de> Visitor<'de> for Reads {
    type Value = Readable;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any JSON")
    }

    fn visit_unit<E>(self) -> Result<Readable, E> {
        Ok(Readable)
    }

    fn visit_bool<E>(self, _value: bool) -> Result<Readable, E> {
        Ok(Readable)
    }

    fn visit_i64<E>(self, _value: i64) -> Result<Readable, E> {
        Ok(Readable)
    }

    fn visit_u64<E>(self, _value: u64) -> Result<Readable, E> {
        Ok(Readable)
    }

    fn visit_f64<E>(self, _value: f64) -> Result<Readable, E> {
        Ok(Readable)
    }

    fn visit_str<E>(self, _value: &str) -> Result<Readable, E> {
        Ok(Readable)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Readable, A::Error> {
        while items.next_element::<Readable>()?.is_some() {}
        Ok(Readable)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut items: A) -> Result<Readable, A::Error> {
        while items.next_entry::<Readable, Readable>()?.is_some() {}
        Ok(Readable)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn is_readable(text: &str) -> bool {
        serde_json::from_str::<Readable>(text).is_ok()
    }

    #[test]
    fn what_has_no_value_is_not_read() {
        for text in ["1e999", r#"["\ud800"]"#, r#"{"\udc00":1}"#, r#"{"a":[-1e400]}"#, "[1,]", ""] {
            assert!(!is_readable(text) && serde_json::from_str::<Value>(text).is_err(), "{text}");
        }
        for text in ["1e-999", r#""\ud83d\udea2""#, r#"{"a":1,"a":[null,true,-5,18446744073709551616]}"#, "[]"] {
            assert!(is_readable(text) && serde_json::from_str::<Value>(text).is_ok(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_can_be_read_has_a_value(text in r#"[\[\]{}:,"\\0-9a-fuE.+ -]{0,24}|(\[|\{)[\PC]{0,12}"#) {
            prop_assert_eq!(is_readable(&text), serde_json::from_str::<Value>(&text).is_ok());
        }
    }
}
