//! Tests of redaction: always hidden values, values hidden by configuration, and unchanged ones.

use proptest::prelude::*;
use serde_json::json;

use super::*;

const CANARY: &str = "c4n4ry";

fn pointers(pointers: &[&str]) -> Redaction {
    let body_pointers = pointers.iter().map(|&pointer| pointer.to_owned()).collect();
    Redaction { body_pointers, ..Redaction::default() }
}

fn header_is_hidden(redaction: &Redaction, name: &str) -> bool {
    let redacted = redaction.redact_headers(&[(name.to_owned(), CANARY.to_owned())]);
    assert_eq!(redacted[0].0, name);
    redacted[0].1 == REDACTED
}

fn body(redaction: &Redaction, body: &str) -> String {
    String::from_utf8(redaction.redact_body(body.as_bytes()).into_owned()).unwrap()
}

#[test]
fn secret_headers_are_always_hidden() {
    let none = Redaction::default();
    for name in [
        "authorization",
        "Authorization",
        "PROXY-AUTHORIZATION",
        "cookie",
        "Set-Cookie",
        "webhook-signature",
        "Webhook-Signature",
        "x-api-key",
        "X_API_KEY",
        "apikey",
        "X-Auth-Token",
        "client-secret",
        "x-password",
        "x-auth-key",
        "x-access-key",
        "x-functions-key",
        "ocp-apim-subscription-key",
        "x-jwt",
        "X-Auth",
        "x-session-id",
        "JSESSIONID",
        "x-otp",
        "stripe-signature",
        "x-hub-signature-256",
        "X-Shopify-Hmac-Sha256",
        "paypal-transmission-sig",
        "cf-access-jwt-assertion",
        "x.api.key",
        "AccessKey",
        "x-key-2",
        "x-xsrf",
        "x-verification-code",
    ] {
        assert!(header_is_hidden(&none, name), "{name}");
    }
    for name in ["content-type", "webhook-id", "webhook-timestamp", "retry-after", "x-key-id", "date", ""] {
        assert!(!header_is_hidden(&none, name), "{name}");
    }
    for name in ["idempotency-key", "x-author", "x-design", "x-status-code", "www-authenticate", "x-passenger", "-2"] {
        assert!(!header_is_hidden(&none, name), "{name}");
    }
    let redaction = Redaction { headers: vec!["X-Internal".to_owned()], ..none };
    assert!(header_is_hidden(&redaction, "x-internal"));
    assert!(!header_is_hidden(&redaction, "x-internal-id"));
}

#[test]
fn redirect_locations_are_kept_without_secrets() {
    for (value, expected) in [
        ("https://u:c4n4ry@a.com/p?token=c4n4ry&a=1#c4n4ry", "https://a.com/p?token=[redacted]&a=1"),
        ("/p?a=1&code=c4n4ry#id_token=c4n4ry", "/p?a=1&code=[redacted]"),
        ("?sig=c4n4ry", "?sig=[redacted]"),
        ("next#c4n4ry", "next"),
        ("//u:c4n4ry@a.com/", REDACTED),
        ("data:c4n4ry", REDACTED),
        ("://", REDACTED),
        ("", ""),
    ] {
        for name in ["location", "Content-Location"] {
            let redacted = Redaction::default().redact_headers(&[(name.to_owned(), value.to_owned())]);
            assert_eq!(redacted, [(name.to_owned(), expected.to_owned())], "{value}");
        }
    }
}

#[test]
fn values_at_pointers_are_replaced() {
    let text = r#"{"card":{"number":"c4n4ry","cvc":[1,2]},"a/b":1,"m~n":2,"":3,"list":[{"k":1},{"k":2}]}"#;
    let redaction = pointers(&["/card/number", "/card/cvc/1", "/a~1b", "/m~0n", "/", "/list/1/k", "/none/x"]);
    let redacted: Value = serde_json::from_str(&body(&redaction, text)).unwrap();
    let expected = json!({
        "card": {"number": REDACTED, "cvc": [1, REDACTED]},
        "a/b": REDACTED, "m~n": REDACTED, "": REDACTED, "list": [{"k": 1}, {"k": REDACTED}],
    });
    assert_eq!(redacted, expected);
    assert_eq!(body(&pointers(&[""]), text), "\"[redacted]\"");
    assert_eq!(body(&pointers(&["/card", "/card/number"]), r#"{"card":{"number":1}}"#), r#"{"card":"[redacted]"}"#);
}

#[test]
fn a_body_that_does_not_parse_is_hidden() {
    let redaction = pointers(&["/a"]);
    for text in ["{\"a\":\"c4n4ry", "a=c4n4ry", "{}c4n4ry", "{\"n\":1e999}", &"[".repeat(200_000)] {
        assert_eq!(body(&redaction, text), REDACTED);
    }
    assert_eq!(*redaction.redact_body(b"\xff\xfe"), *REDACTED.as_bytes());
    for wrong in ["a", "a/b", "/a~", "/a~2b", "#/a"] {
        assert!(!is_pointer(wrong));
        assert_eq!(body(&pointers(&[wrong]), r#"{"a":1}"#), REDACTED, "{wrong}");
    }
}

#[test]
fn a_body_is_searched_up_to_its_limit() {
    let of_length = |length: usize| format!(r#"{{"a":"{CANARY}","b":"{}"}}"#, "x".repeat(length - 21));
    let [whole, longer] = [REDACTED_BODY_BYTES_MAX, REDACTED_BODY_BYTES_MAX + 1].map(of_length);
    assert_eq!((whole.len(), longer.len()), (REDACTED_BODY_BYTES_MAX, REDACTED_BODY_BYTES_MAX + 1));
    assert_eq!(body(&pointers(&["/a"]), &whole), whole.replace(CANARY, REDACTED));
    assert_eq!(body(&pointers(&["/a"]), &longer), REDACTED);
}

#[test]
fn a_field_given_twice_is_hidden_twice() {
    let text = r#"{"a":{"secret":"c4n4ry"},"a":{}}"#;
    assert_eq!(body(&pointers(&["/a/secret"]), text), r#"{"a":{"secret":"[redacted]"},"a":{}}"#);
    let text = r#"{"a":"c4n4ry","\u0061":"c4n4ry","a":["c4n4ry"]}"#;
    let hidden = r#"{"a":"[redacted]","\u0061":"[redacted]","a":"[redacted]"}"#;
    assert_eq!(body(&pointers(&["/a"]), text), hidden);
    let text = r#"{"a":["c4n4ry"],"a":{"0":"c4n4ry","00":1}}"#;
    assert_eq!(body(&pointers(&["/a/0"]), text), r#"{"a":["[redacted]"],"a":{"0":"[redacted]","00":1}}"#);
}

#[test]
fn values_that_are_not_hidden_stay_as_written() {
    let kept =
        r#""one":1.0,"e":1e5,"big":12345678901234567890123,"zero":-0,"z\u0065":"\u00e9\/","list":[1.50, {"x" : 2E+3}]"#;
    for (pointer, hidden) in [("/a", r#""[redacted]""#), ("/a/b", r#"{"b":"[redacted]","c":0.10}"#), ("/none", "")] {
        let text = format!(r#"{{"z":1,{kept},"a":{{"b":"c4n4ry","c":0.10}}}}"#);
        let expected = if hidden.is_empty() { text.clone() } else { format!(r#"{{"z":1,{kept},"a":{hidden}}}"#) };
        assert_eq!(body(&pointers(&[pointer]), &text), expected, "{pointer}");
    }
    let text = "[1.0,[10e-1,\"c4n4ry\"],9007199254740993]";
    assert_eq!(body(&pointers(&["/1/1", "/01", "/-", "/+0"]), text), text.replace("c4n4ry", REDACTED));
    assert_eq!(body(&pointers(&["/a"]), "1.0"), "1.0");
}

#[test]
fn without_pointers_a_body_keeps_its_bytes() {
    let none = Redaction::default();
    for bytes in [&b"{ \"a\" : 1.0 }"[..], b"not json", b"\xff\x00", b""] {
        assert!(
            matches!(none.redact_body(bytes), Cow::Borrowed(same) if std::ptr::eq(same, bytes)),
            "the body is not copied"
        );
    }
    assert_eq!(*pointers(&["/a"]).redact_body(b""), *b"");
}

#[test]
fn a_redaction_has_defaults_and_refuses_unknown_fields() {
    assert_eq!(serde_json::from_str::<Redaction>("{}").unwrap(), Redaction::default());
    assert!(serde_json::from_str::<Redaction>(r#"{"body_pointer":[]}"#).is_err());
}

#[test]
fn urls_lose_only_their_secrets() {
    for (url, expected) in [
        ("https://user:c4n4ry@a.com/p?x=1", "https://a.com/p?x=1"),
        ("https://c4n4ry@a.com/", "https://a.com/"),
        ("https://a.com/?token=c4n4ry&b=%20+", "https://a.com/?token=[redacted]&b=%20+"),
        ("https://a.com/?t%6Fken=c4n4ry", "https://a.com/?t%6Fken=[redacted]"),
        ("https://a.com/?A=1&X-Amz-Signature=c4n4ry", "https://a.com/?A=1&X-Amz-Signature=[redacted]"),
        ("https://a.com/?key=c4n4ry&key=c4n4ry", "https://a.com/?key=[redacted]&key=[redacted]"),
        ("https://a.com/?access_key=c4n4ry==&sig=c4n4ry", "https://a.com/?access_key=[redacted]&sig=[redacted]"),
        ("https://a.com/?code=c4n4ry&state=1", "https://a.com/?code=[redacted]&state=1"),
        ("https://a.com/#access_token=c4n4ry", "https://a.com/"),
        ("https://a.com/?token", "https://a.com/?token"),
        ("https://a.com/?", "https://a.com/?"),
        ("https://a.com/?&&a&=b&design=1&zipcode=2", "https://a.com/?&&a&=b&design=1&zipcode=2"),
        ("data:text/plain,c4n4ry", REDACTED),
        ("mailto:c4n4ry@a.com", REDACTED),
        ("file:///c4n4ry", REDACTED),
        ("c4n4ry", REDACTED),
        ("", REDACTED),
    ] {
        assert_eq!(redact_url(url), expected, "{url}");
    }
}

proptest! {
    /// A secret at a configured pointer is not in the result, in any document.
    #[test]
    fn no_canary_survives_a_pointer(
        path in proptest::collection::vec("[a-z/~\"\\\\]{0,4}", 1..5), truncated in 0_usize..60,
    ) {
        let escaped = path.iter().map(|key| format!("/{}", key.replace('~', "~0").replace('/', "~1")));
        let redaction = pointers(&[escaped.collect::<String>().as_str()]);
        let nested = path.iter().rev().fold(json!(CANARY), |inner, key| json!({ key: inner, "other~~": 1 }));
        let text = nested.to_string();
        prop_assert!(!body(&redaction, &text).contains(CANARY));
        let prefix: String = text.chars().take(truncated).collect();
        prop_assert!(!body(&redaction, &prefix).contains(CANARY));
    }

    /// A secret in userinfo or behind a secret name is not in the result. Redacting is idempotent.
    #[test]
    fn no_canary_survives_a_url(
        before in "([a-z]{1,5}=[a-z%0-9]{0,5}&){0,3}", name in "[a-z_-]{0,4}(secret|token|KEY|sig_key)",
        after in "(&[a-z]{1,5}=[^#]{0,5}){0,2}",
    ) {
        let url = format!("https://{CANARY}:{CANARY}@a.com/p?{before}{name}={CANARY}{after}#{CANARY}");
        let redacted = redact_url(&url);
        prop_assert!(!redacted.contains(CANARY), "{redacted}");
        prop_assert_eq!(redact_url(&redacted), redacted);
    }

    #[test]
    fn any_input_is_redacted_without_a_panic(
        text in "\\PC{0,80}", bytes in proptest::collection::vec(any::<u8>(), 0..80),
    ) {
        let redaction = Redaction { headers: vec![text.clone()], body_pointers: vec![text.clone()] };
        let _ = redaction.redact_body(&bytes);
        let _ = redact_url(&text);
        prop_assert!(header_is_hidden(&redaction, &text));
    }
}
