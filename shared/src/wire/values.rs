//! Typed values of requests: whole numbers with a range, and words of a list. The type defines what is allowed, for the
//! check, the error text and the OpenAPI document.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::value::{Error as AnyError, StrDeserializer};
use serde::de::{Error, IntoDeserializer, MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::wire::invalid::InvalidField;

/// A whole number from `MIN` to `MAX`. Deserialization accepts any whole number, so that [`Whole::check`] can report
/// one out of range together with all other wrong fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whole<const MIN: u32, const MAX: u32>(i128);

impl<const MIN: u32, const MAX: u32> Whole<MIN, MAX> {
    /// Returns the error if the number is out of range.
    pub fn check(self, pointer: &str) -> Option<InvalidField> {
        let is_wrong = !(i128::from(MIN)..=i128::from(MAX)).contains(&self.0);
        let detail = || format!("must be {}, got {}", Self::expected(), self.0);
        is_wrong.then(|| InvalidField::of(pointer, "out-of-range", detail()))
    }

    /// Returns the number, clamped to its range.
    pub fn get(self) -> u32 {
        u32::try_from(self.0.clamp(MIN.into(), MAX.into())).unwrap_or(MAX)
    }

    /// Returns the number as a `usize`.
    pub fn count(self) -> usize {
        usize::try_from(self.get()).unwrap_or(usize::MAX)
    }

    /// Parses a query parameter.
    ///
    /// # Errors
    /// The wrong field if it is not a whole number, or out of range.
    pub fn parse(name: &str, text: &str) -> Result<u32, InvalidField> {
        let Ok(number) = text.parse() else {
            return Err(InvalidField::of(name, "out-of-range", format!("must be {}, got a string", Self::expected())));
        };
        let number = Self(number);
        number.check(name).map_or_else(|| Ok(number.get()), Err)
    }

    fn expected() -> String {
        format!("an integer from {MIN} to {MAX}")
    }
}

impl<'de, const MIN: u32, const MAX: u32> Deserialize<'de> for Whole<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any<const MIN: u32, const MAX: u32>;
        impl<const MIN: u32, const MAX: u32> Visitor<'_> for Any<MIN, MAX> {
            type Value = Whole<MIN, MAX>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&Whole::<MIN, MAX>::expected())
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
                Ok(Whole(number.into()))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
                Ok(Whole(number.into()))
            }

            /// Accepts `2.0`, which is an integer in JSON Schema.
            fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
                let whole = (number.fract() == 0.0).then(|| format!("{number:.0}").parse().ok()).flatten();
                whole.map(Whole).ok_or_else(|| E::invalid_type(Unexpected::Float(number), &self))
            }
        }
        deserializer.deserialize_i64(Any)
    }
}

impl<const MIN: u32, const MAX: u32> Serialize for Whole<MIN, MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i128(self.0)
    }
}

#[cfg(feature = "openapi")]
impl<const MIN: u32, const MAX: u32> schemars::JsonSchema for Whole<MIN, MAX> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("Whole{MIN}To{MAX}").into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let mut schema = u32::json_schema(generator);
        schema.insert("minimum".to_owned(), MIN.into());
        schema.insert("maximum".to_owned(), MAX.into());
        schema
    }
}

/// A word of a closed list, deserialized as `T`. An error lists the words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Word<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Word<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct One<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for One<T> {
            type Value = Word<T>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                // The type lists its words in the error for an unknown word.
                let refusal = T::deserialize(StrDeserializer::<AnyError>::new("")).err().map(|error| error.to_string());
                let words = refusal.as_deref().and_then(|text| Some(text.rsplit_once(", expected ")?.1));
                formatter.write_str(words.unwrap_or("a string"))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                T::deserialize(text.into_deserializer()).map(Word)
            }
        }
        // Requests a string: for an enum, serde_json would also accept an object and report other values as syntax
        // errors.
        deserializer.deserialize_str(One(PhantomData))
    }
}

/// Deserializes a field that is a word, for a type that is also built elsewhere.
///
/// # Errors
/// As [`Word`].
pub(crate) fn read_word<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Word::deserialize(deserializer).map(|word| word.0)
}

/// Deserializes a field that must be an object. Derived deserialization would also accept a list of the fields.
///
/// # Errors
/// The error of another type, or of `T`.
pub(crate) fn read_object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    struct Only<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for Only<T> {
        type Value = T;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map))
        }
    }
    deserializer.deserialize_map(Only(PhantomData))
}

impl<T: Serialize> Serialize for Word<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

#[cfg(feature = "openapi")]
impl<T: schemars::JsonSchema> schemars::JsonSchema for Word<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> std::borrow::Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        T::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Few = Whole<1, 50>;

    #[test]
    fn a_number_out_of_range_is_read_and_reported() {
        for (json, expected) in [
            ("1", None),
            ("50", None),
            ("0", Some("`n` must be an integer from 1 to 50, got 0")),
            ("-7", Some("`n` must be an integer from 1 to 50, got -7")),
            ("2.0", None),
            ("-0.0", Some("`n` must be an integer from 1 to 50, got 0")),
            ("1e20", Some("`n` must be an integer from 1 to 50, got 100000000000000000000")),
            ("18446744073709551615", Some("`n` must be an integer from 1 to 50, got 18446744073709551615")),
        ] {
            let number: Few = serde_json::from_str(json).unwrap();
            assert_eq!(number.check("#/n").map(|field| field.detail).as_deref(), expected, "{json}");
            assert!((1..=50).contains(&number.get()), "{json}");
        }
        for json in ["1.5", "1e300", "true"] {
            assert!(serde_json::from_str::<Few>(json).is_err(), "{json}");
        }
        assert_eq!(serde_json::to_string(&serde_json::from_str::<Few>("500").unwrap()).unwrap(), "500");
    }

    #[test]
    fn a_parameter_is_read_and_checked() {
        assert_eq!(Few::parse("limit", "50"), Ok(50));
        for (text, got) in [("51", "51"), ("-1", "-1"), ("ten", "a string"), ("", "a string"), ("1.5", "a string")] {
            let wrong = Few::parse("limit", text).unwrap_err();
            let expected = format!("`limit` must be an integer from 1 to 50, got {got}");
            assert_eq!(
                (wrong.pointer.as_str(), wrong.code, wrong.detail),
                ("limit", "out-of-range", expected),
                "{text}"
            );
        }
    }

    #[test]
    fn a_wrong_word_lists_the_allowed_ones() {
        #[derive(Debug, PartialEq, Deserialize)]
        #[serde(rename_all = "lowercase")]
        enum Size {
            Small,
            Large,
            Huge,
        }
        let read = |json: &str| serde_json::from_str::<Word<Size>>(json).map_err(|error| error.to_string());
        assert_eq!(read("\"large\"").unwrap(), Word(Size::Large));
        for (json, expected) in [
            ("7", "invalid type: integer `7`, expected one of `small`, `large`, `huge` at"),
            ("{\"small\":1}", "invalid type: map, expected one of `small`, `large`, `huge` at"),
            ("null", "invalid type: null, expected one of `small`, `large`, `huge` at"),
            ("\"tiny\"", "unknown variant `tiny`, expected one of `small`, `large`, `huge` at"),
        ] {
            let error = read(json).unwrap_err();
            assert!(error.starts_with(expected), "{json}: {error}");
        }
        let _ = (Size::Small, Size::Huge);
    }
}
