//! Canonical form of JSON: two texts have the same form if they differ only in white space and in the order of members.
//! Numbers and strings stay as they were written: `1.0` is not `1`, and an escape is not the character it encodes.

use std::borrow::Cow;

/// Object that a member belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// The document itself.
    Document,
    /// The payload in the document.
    Payload,
    /// Any other object.
    Deeper,
}

/// Positions of one written member in the form.
struct WrittenMember {
    start: usize,
    name_end: usize,
    end: usize,
}

/// An object whose end has not been read yet.
struct OpenObject {
    level: Level,
    /// Position of its first member.
    start: usize,
    members: Vec<WrittenMember>,
    /// Start and name end of the member being written.
    begun: Option<(usize, usize)>,
}

/// Returns the canonical form of a JSON text, without the members for which `leaves_out` returns true. Members with the
/// same name keep their order.
///
/// Makes one pass over the text, plus one copy of each object whose members must be sorted. It neither recurses nor
/// builds values. A text that is not JSON gets an arbitrary form.
pub(crate) fn canonical(json: &[u8], leaves_out: impl Fn(Level, &[u8], &[u8]) -> bool) -> Vec<u8> {
    let mut form = Vec::with_capacity(json.len());
    // `None` stands for an array.
    let mut open: Vec<Option<OpenObject>> = Vec::new();
    let mut rest = json;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => continue,
            b'"' => {
                let (text, after) = rest.split_at(text_length(rest));
                rest = after;
                let start = form.len();
                form.push(b'"');
                form.extend_from_slice(text);
                if let Some(Some(object)) = open.last_mut() {
                    // The first text of a member is its name.
                    object.begun.get_or_insert((start, form.len()));
                }
                continue;
            }
            b',' | b'}' => {
                if let Some(Some(object)) = open.last_mut() {
                    object.end_member(form.len());
                }
            }
            _ => {}
        }
        match byte {
            b'{' => {
                let level = level_in(&open, &form);
                open.push(Some(OpenObject { level, start: form.len() + 1, members: Vec::new(), begun: None }));
            }
            b'[' => open.push(None),
            b'}' | b']' => {
                if let Some(Some(object)) = open.pop() {
                    object.close(&mut form, &leaves_out);
                }
            }
            _ => {}
        }
        form.push(*byte);
    }
    form
}

/// Returns the length of a string after its opening quote, including the closing quote.
fn text_length(rest: &[u8]) -> usize {
    let mut escaped = false;
    let is_end = |byte: &u8| {
        let ends = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        ends
    };
    rest.iter().position(is_end).map_or(rest.len(), |at| at + 1)
}

/// Returns the level of an object that opens inside `open`.
fn level_in(open: &[Option<OpenObject>], form: &[u8]) -> Level {
    match open {
        [] => Level::Document,
        [Some(OpenObject { begun: Some((start, name_end)), .. })]
            if *name_of(form, *start, *name_end) == *b"payload" =>
        {
            Level::Payload
        }
        _ => Level::Deeper,
    }
}

/// Returns the member name at these positions, without quotes and escapes.
fn name_of(form: &[u8], start: usize, end: usize) -> Cow<'_, [u8]> {
    let quoted = form.get(start..end).unwrap_or_default();
    if quoted.contains(&b'\\')
        && let Ok(name) = serde_json::from_slice::<String>(quoted)
    {
        return Cow::Owned(name.into_bytes());
    }
    Cow::Borrowed(quoted.trim_ascii().strip_prefix(b"\"").and_then(|name| name.strip_suffix(b"\"")).unwrap_or(quoted))
}

impl OpenObject {
    fn end_member(&mut self, end: usize) {
        if let Some((start, name_end)) = self.begun.take() {
            self.members.push(WrittenMember { start, name_end, end });
        }
    }

    /// Sorts the members after the last one was written.
    fn close(mut self, form: &mut Vec<u8>, leaves_out: &impl Fn(Level, &[u8], &[u8]) -> bool) {
        let written = self.members.len();
        let name = |member: &WrittenMember| name_of(form, member.start, member.name_end);
        if self.level != Level::Deeper {
            self.members.retain(|member| {
                // The value starts after the colon.
                let value = form.get(member.name_end + 1..member.end).unwrap_or_default();
                !leaves_out(self.level, &name(member), value)
            });
        }
        if self.members.len() == written && self.members.is_sorted_by(|one, next| name(one) <= name(next)) {
            return;
        }
        self.members.sort_by_cached_key(name);
        let written = |member: &WrittenMember| form.get(member.start..member.end).unwrap_or_default();
        let sorted = self.members.iter().map(written).collect::<Vec<_>>().join(&b',');
        form.truncate(self.start);
        form.extend(sorted);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn form(json: &str) -> String {
        String::from_utf8(canonical(json.as_bytes(), |_, _, _| false)).unwrap()
    }

    #[test]
    fn space_and_the_order_of_members_do_not_matter() {
        for (json, expected) in [
            (" { \"b\" :\t[ 1 , { } , [\r\n] ] , \"a\" : \" { b , a } \" } ", r#"{"a":" { b , a } ","b":[1,{},[]]}"#),
            (r#"{"b":{"d":1,"c":{"f":2,"e":3}},"a":null}"#, r#"{"a":null,"b":{"c":{"e":3,"f":2},"d":1}}"#),
            (r#"[{"b":1,"a":2},{"a":2,"b":1}]"#, r#"[{"a":2,"b":1},{"a":2,"b":1}]"#),
            (r#"{"a\"b,":1,"a":"\\"}"#, r#"{"a":"\\","a\"b,":1}"#),
            (r#"{"b":1,"":2}"#, r#"{"":2,"b":1}"#),
            // Members with the same name keep their order: most readers use the last one.
            (r#"{"b":1,"a":2,"a":1,"\u0061":3}"#, r#"{"a":2,"a":1,"\u0061":3,"b":1}"#),
            (r#"{"c":1,"\u0062":2,"a":3}"#, r#"{"a":3,"\u0062":2,"c":1}"#),
        ] {
            assert_eq!(form(json), expected, "{json}");
            assert_eq!(form(expected), expected, "the form of a form is the same");
        }
    }

    #[test]
    fn numbers_and_texts_stay_as_they_were_written() {
        for one in ["1", "1.0", "1e0", "10e-1", "1.00", "\"1\"", "true", "null", r#""A""#, r#""\u0041""#, r#"" A""#] {
            assert_eq!(form(&format!(" [ {one} ] ")), format!("[{one}]"));
        }
        for number in ["9007199254740993", "-0", "0.30000000000000000001", "1e308", "123456789012345678901234567890"] {
            assert_eq!(form(&format!("{{\"n\" : {number}}}")), format!("{{\"n\":{number}}}"));
        }
    }

    #[test]
    fn members_are_left_out_of_the_document_and_its_payload() {
        let json = r#"{"z":null,"payload":{"b":null,"a":{"c":null}},"key":1,"other":{"d":null},"list":[{"e":null}]}"#;
        let kept =
            |drops: fn(Level, &[u8], &[u8]) -> bool| String::from_utf8(canonical(json.as_bytes(), drops)).unwrap();
        assert_eq!(
            kept(|level, name, value| level == Level::Document && (name == b"key" || value == b"null")),
            r#"{"list":[{"e":null}],"other":{"d":null},"payload":{"a":{"c":null},"b":null}}"#
        );
        assert_eq!(
            kept(|level, _, value| level == Level::Payload && value == b"null"),
            r#"{"key":1,"list":[{"e":null}],"other":{"d":null},"payload":{"a":{"c":null}},"z":null}"#
        );
        let escaped = canonical(br#"{"p\u0061yload":{"a":null}}"#, |level, _, _| level == Level::Payload);
        assert_eq!(escaped, br#"{"p\u0061yload":{}}"#);
    }

    #[test]
    fn large_and_deep_texts_are_sorted() {
        let deep = (0..64).fold("1".to_owned(), |inner, _| format!(r#"{{"b":{inner},"a":"{}"}}"#, "x".repeat(50_000)));
        let sorted = form(&deep);
        assert!(sorted.len() == deep.len() && sorted.starts_with(r#"{"a":"x"#));
        let many: Vec<_> = (0..200_000).rev().map(|n| format!(r#""\u0061{n:06}":0"#)).collect();
        assert!(form(&format!("{{{}}}", many.join(","))).starts_with(r#"{"\u0061000000":0,"\u0061000001":0,"#));
        assert_eq!(form(&"[".repeat(1_000_000)).len(), 1_000_000);
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i32>().prop_map(Value::from),
            r#"[\[\]{}"\\a ,:]{0,6}"#.prop_map(Value::from)
        ];
        leaf.prop_recursive(6, 40, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::vec((r#"[\[{"\\,é ]{0,3}"#, inner), 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// serde_json writes the members of a map sorted by name.
        #[test]
        fn the_form_is_the_value_with_sorted_members(value in any_json()) {
            prop_assert_eq!(form(&value.to_string()), value.to_string());
            prop_assert_eq!(form(&serde_json::to_string_pretty(&value).unwrap()), value.to_string());
        }

        #[test]
        fn any_bytes_have_a_form(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in r#"[\[\]{}",:\\a ]{0,40}"#) {
            for json in [&*bytes, text.as_bytes()] {
                prop_assert!(canonical(json, |_, _, _| false).len() <= json.len());
            }
        }
    }
}
