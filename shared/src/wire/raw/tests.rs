//! Tests of raw JSON.

use proptest::prelude::*;
use serde_json::json;

use super::*;

/// Tokens that a parsed value would change or lose.
const ODD: &str = r#"{"z":117.63331139400017,"a":[12345678901234567890123,-0,1E5,1.0,1e400,-1e400,0.1e-7,18446744073709551616],"a":"\u00e9\/\ud83d\ude00A","n":null}"#;

#[test]
fn an_object_shows_its_members_as_they_were_written() {
    let kept = RawValue::from_string(ODD.to_owned()).unwrap();
    let object =
        RawObject::of(json!({"id": 7, "type": "job"})).with_kept("metadata", Some(&kept)).with_kept("result", None);
    let text = serde_json::to_string(&object).unwrap();
    assert_eq!(text, format!(r#"{{"id":7,"type":"job","metadata":{ODD},"result":null}}"#));
    assert_eq!(object.with("id", 8).to_raw().get(), text.replacen('7', "8", 1));
    assert_eq!(RawObject::of(json!([1])).to_raw().get(), "{}");
}

#[test]
fn members_are_split_and_joined() {
    let spaced = ODD.replace(',', " ,\n").replace(':', "\t: ");
    let taken = members(&spaced).unwrap();
    assert_eq!(taken.iter().map(|(name, _)| name.get()).collect::<Vec<_>>(), ["\"z\"", "\"a\"", "\"a\"", "\"n\""]);
    let together = object_of(taken.iter().map(|(name, value)| (name.get(), value.get())));
    assert_eq!(compact(&together), ODD);
    for json in ["[]", "1", "\"{}\"", "null"] {
        assert!(members(json).is_none(), "{json}");
    }
}

#[test]
fn only_white_space_between_tokens_is_removed() {
    assert_eq!(compact(" { \"a b\\\" c\" :\t[ 1 ,\r\n \"\\\\\" , \" \" ] } "), r#"{"a b\" c":[1,"\\"," "]}"#);
    assert_eq!(on_one_line("[1,\r\n\"a\"]".into()), "[1,  \"a\"]");
}

#[test]
fn names_given_twice_are_found() {
    let twice = |json: &str| {
        let mut errors = Vec::new();
        find_twice(json, "#/metadata", &mut errors);
        errors.into_iter().map(|field| field.pointer.replace("#/metadata", "")).collect::<Vec<_>>()
    };
    assert_eq!(twice(r#"{"a":1,"b":{"a":1},"c":[{"a":1},{"a":1}]}"#), Vec::<String>::new());
    assert_eq!(twice(r#"{"a":1,"b":2,"a":1,"\u0061":3}"#), ["/a", "/a"]);
    assert_eq!(twice(r#"{"a/b":{"x":[0,{"~":1,"~":2}]},"":1,"":2}"#), ["/a~1b/x/1/~0", "/"]);
}

#[test]
fn half_a_surrogate_pair_is_not_readable() {
    for json in [r#""\ud800""#, r#"["\udc00\ud800"]"#, r#"{"\ud83d":1}"#, r#""\ud83d\u0041""#, r#""\ud83d\\ude00""#] {
        assert!(!is_readable(json) && serde_json::from_str::<Value>(json).is_err(), "{json}");
    }
    for json in [ODD, r#""\ud83d\ude00\ud83d\ude00""#, r#""\\ud800""#, r#""\\\\u00e9\n""#, "\"\u{1f6a2}\\u0000\""] {
        assert!(is_readable(json), "{json}");
    }
}

#[test]
fn numbers_too_large_for_a_double_are_compared() {
    let expected = json!({"big": f64::MAX, "small": f64::MIN, "list": [], "n": 1.5});
    assert_eq!(comparable(r#"{"big":1e400,"small":-1e400,"list":[1e400],"n":1.5}"#), expected);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        "[ \\PC\"\\\\\n]{0,6}".prop_map(Value::from)
    ];
    leaf.prop_recursive(4, 30, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("[a\"\\\\ ]{0,3}", inner, 0..4).prop_map(|fields| json!(fields)),
        ]
    })
}

proptest! {
    #[test]
    fn compact_and_one_line_json_have_the_same_value(value in any_json()) {
        let pretty = serde_json::to_string_pretty(&value).unwrap();
        prop_assert_eq!(compact(&pretty), value.to_string());
        prop_assert_eq!(serde_json::from_str::<Value>(&on_one_line(pretty.clone())).unwrap(), value.clone());
        prop_assert!(is_readable(&pretty));
        let mut errors = Vec::new();
        find_twice(&pretty, "#", &mut errors);
        prop_assert!(errors.is_empty());
    }

    #[test]
    fn a_text_is_readable_if_it_has_a_value(text in r"(\\u[dD][89a-fA-F]0[0-9]|\\u00e9|\\\\|\\n|[a-f0-9u]){0,8}") {
        let json = format!("\"{text}\"");
        prop_assert_eq!(is_readable(&json), serde_json::from_str::<String>(&json).is_ok());
    }
}
