//! Tests of the errors of documents that cannot be read.

use serde::Deserialize;

use super::*;
use crate::wire::values::{Whole, Word};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape {
    #[serde(default, rename = "list")]
    _list: Vec<u32>,
    #[serde(rename = "name")]
    _name: String,
    #[serde(rename = "few")]
    _few: Option<Whole<1, 50>>,
    #[serde(default, rename = "on")]
    _on: bool,
    #[serde(rename = "inner")]
    _inner: Option<Empty>,
    #[serde(rename = "size")]
    _size: Option<Word<Size>>,
    #[serde(rename = "pair")]
    _pair: Option<Pair>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Empty {}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pair {
    #[serde(rename = "one")]
    _one: u8,
    #[serde(rename = "other")]
    _other: u8,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Size {
    Small,
    Large,
    Huge,
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
    assert_eq!(shape("{}"), ("#/payload/name".into(), "missing-field"));
    assert_eq!(shape(r#"{"name":"a","list":[],"name":"a"}"#), ("#/payload/name".into(), "duplicate-field"));
    assert_eq!(shape(r#"{"name":"\ud800"}"#), ("#/payload/name".into(), "unreadable-value"));
    assert_eq!(shape(r#"{"name":"a","list":[1,1e400]}"#), ("#/payload/list/1".into(), "unreadable-value"));
    assert_eq!(shape(r#"{"name":1e400}"#), ("#/payload/name".into(), "unreadable-value"));
}

#[test]
fn an_unreadable_value_is_explained() {
    for text in [r#"{"name":"\ud800"}"#, r#"{"name":1e400}"#] {
        let Err(Unreadable::Shape(field)) = read::<Shape>(text.as_bytes(), "#") else { panic!("{text}") };
        for word in ["half of a surrogate pair", r"\ud83d", "too large for a double", "1.8e308"] {
            assert!(field.detail.contains(word), "{}: {word}", field.detail);
        }
    }
}

/// A string may be a secret, and names of Rust types do not help a caller.
#[test]
fn a_wrong_shape_is_explained_in_json_terms() {
    for (text, expected) in [
        (r#"{"name":"a","list":"hush \", expected `x`"}"#, "`list` must be a list, got a string"),
        (r#"{"name":"a","list":["hush"]}"#, "`list[0]` must be an integer, got a string"),
        (r#"{"name":["hush"]}"#, "`name` must be a string, got a list"),
        (r#"{"name":7}"#, "`name` must be a string, got a number"),
        (r#"{"name":null}"#, "`name` must be a string, got `null`"),
        (r#"{"name":"a","few":"hush"}"#, "`few` must be an integer from 1 to 50, got a string"),
        (r#"{"name":"a","few":1.5}"#, "`few` must be an integer from 1 to 50, got 1.5"),
        (r#"{"name":"a","on":"hush"}"#, "`on` must be `true` or `false`, got a string"),
        (r#"{"name":"a","inner":["hush"]}"#, "`inner` must be an object, got a list"),
        (r#"{"name":"a","pair":[7]}"#, "`pair` must be an object, got a list"),
        (r#"{"name":"a","size":7}"#, "`size` must be one of `small`, `large`, `huge`, got a number"),
        (
            r#"{"name":"a","size":"lage"}"#,
            "`size` must be one of `small`, `large`, `huge`, got `lage`; did you mean `large`?",
        ),
        (
            r#"{"name":"a","size":"hug3"}"#,
            "`size` must be one of `small`, `large`, `huge`, got `hug3`; did you mean `huge`?",
        ),
        (r#"{"name":"a","size":"h5h7"}"#, "`size` must be one of `small`, `large`, `huge`, got another text"),
        (r#"{"name":"a","nane":"hush"}"#, "Unknown field `nane`; did you mean `name`?"),
        (
            r#"{"name":"a","\u0007":"hush"}"#,
            r"Unknown field `\u{7}`; known: `list`, `name`, `few`, `on`, `inner`, `size`, `pair`",
        ),
        (
            r#"{"name":"a","inner":{"x, expected `y`":1}}"#,
            "Unknown field `x, expected \\u{60}y\\u{60}`; none is known here",
        ),
        ("{}", "`name` is required"),
        (r#"{"name":"a","name":"hush"}"#, "`name` is given twice; give it once"),
        ("[]", "The document must be an object, got a list"),
        ("7", "The document must be an object, got a number"),
    ] {
        let Err(Unreadable::Shape(field)) = read::<Shape>(text.as_bytes(), "#") else { panic!("{text}") };
        assert_eq!(field.detail, expected, "{text}");
    }
}

#[test]
fn a_moved_field_has_the_new_name() {
    let field = InvalidField::of("#/payload/put/text", "out-of-range", "must have 1 to 9 bytes, got 10");
    let moved = field.moved("#/text".to_owned());
    assert_eq!((moved.pointer.as_str(), moved.detail.as_str()), ("#/text", "`text` must have 1 to 9 bytes, got 10"));
}

#[test]
fn text_that_is_not_json_is_recognised() {
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
    // A wrong field before the syntax error.
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
