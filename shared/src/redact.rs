//! Takes secrets out of headers, bodies and URLs before anything stores or logs them.
//!
//! Where it cannot tell, it hides: a body that was to be searched and cannot be read becomes one placeholder.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::{Url, form_urlencoded};

use crate::limits::REDACTED_BODY_BYTES_MAX;

/// What stands in the place of a secret.
pub const REDACTED: &str = "[redacted]";

/// A header or query parameter with one of these in its name holds a secret.
const SECRET_FRAGMENTS: [&str; 8] = [
    "authorization", // proxy-authorization too
    "cookie",        // set-cookie too
    "secret",
    "token",
    "api-key",
    "apikey",
    "password",
    "credential",
];

/// A header of exactly this name holds one. Ours would let a reader of evidence send the same request again.
const SECRET_HEADER: &str = "webhook-signature";

/// Beside [`SECRET_FRAGMENTS`]: query parameters that hold a secret if their name ends like this, as in
/// `X-Amz-Signature`, `AccessKey`, or the `sig` of a shared access signature.
const SECRET_PARAMETER_ENDS: [&str; 3] = ["signature", "key", "-sig"];
/// And if they have just this name.
const SECRET_PARAMETERS: [&str; 7] = ["sig", "auth", "jwt", "pass", "passwd", "pwd", "code"];

/// What an endpoint wants hidden beside what is always hidden.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(inline))]
pub struct Redaction {
    /// Names of headers, in any case.
    pub headers: Vec<String>,
    /// JSON Pointers (RFC 6901) into request and response bodies; `""` is the whole body.
    pub body_pointers: Vec<String>,
}

impl Redaction {
    /// The headers with the values of secret ones replaced, and without the secrets of URLs in them; names, order and
    /// number stay.
    pub fn redact_headers(&self, headers: &[(String, String)]) -> Vec<(String, String)> {
        let redact = |(name, value): &(String, String)| {
            let value = match name.to_ascii_lowercase().as_str() {
                _ if self.hides_header(name) => REDACTED.to_owned(),
                "location" | "content-location" => redact_reference(value),
                _ => value.clone(),
            };
            (name.clone(), value)
        };
        headers.iter().map(redact).collect()
    }

    fn hides_header(&self, name: &str) -> bool {
        is_secret_name(name) || self.headers.iter().any(|configured| configured.eq_ignore_ascii_case(name))
    }

    /// The body with the values at the pointers replaced. Without pointers, and for an empty body, the bytes are
    /// unchanged. With pointers the JSON is written anew, so nothing hides in a field given twice; a body that does not
    /// parse or is too large for that, or a text that is no pointer, hides the whole body. Redact before cutting: a cut body does not parse.
    pub fn redact_body(&self, body: &[u8]) -> Vec<u8> {
        if self.body_pointers.is_empty() || body.is_empty() {
            return body.to_vec();
        }
        self.redact_json(body).unwrap_or_else(|| REDACTED.as_bytes().to_vec())
    }

    fn redact_json(&self, body: &[u8]) -> Option<Vec<u8>> {
        // As values, a body of megabytes may be more than the memory there is.
        if body.len() > REDACTED_BODY_BYTES_MAX {
            return None;
        }
        let mut json: Value = serde_json::from_slice(body).ok()?;
        for pointer in &self.body_pointers {
            if !is_pointer(pointer) {
                return None;
            }
            if let Some(value) = json.pointer_mut(pointer) {
                *value = Value::from(REDACTED);
            }
        }
        serde_json::to_vec(&json).ok()
    }
}

/// Whether a header of this name always holds a secret, whatever is configured.
pub fn is_secret_name(name: &str) -> bool {
    let normal = normal_name(name);
    normal == SECRET_HEADER || has_secret_fragment(&normal)
}

/// Whether a text is a JSON Pointer: empty, or parts that each begin with `/`, where `~` is only `~0` or `~1`.
pub fn is_pointer(text: &str) -> bool {
    let tildes_are_escapes = text.split('~').skip(1).all(|rest| rest.starts_with('0') || rest.starts_with('1'));
    (text.is_empty() || text.starts_with('/')) && tildes_are_escapes
}

/// A URL for logs and evidence: no userinfo, no fragment, no values of secret-looking query parameters. The rest of
/// the query keeps its bytes. What is no URL with a host becomes the placeholder.
pub fn redact_url(url: &str) -> String {
    redacted_url(url).unwrap_or_else(|| REDACTED.to_owned())
}

fn redacted_url(url: &str) -> Option<String> {
    let mut url = Url::parse(url).ok()?;
    // Fails for what has no host, as in `data:` and `file:`.
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    url.set_fragment(None);
    if let Some(query) = url.query() {
        let query = redact_query(query);
        url.set_query(Some(&query));
    }
    Some(url.into())
}

/// A URL, or what is one beside the URL of the request. What may hold userinfo in a place of its own becomes the
/// placeholder.
fn redact_reference(reference: &str) -> String {
    if let Some(url) = redacted_url(reference) {
        return url;
    }
    let bare = reference.split('#').next().unwrap_or_default();
    match bare.split_once('?') {
        _ if bare.contains(['@', ':']) => REDACTED.to_owned(),
        Some((path, query)) => format!("{path}?{}", redact_query(query)),
        None => bare.to_owned(),
    }
}

fn redact_query(query: &str) -> String {
    query.split('&').map(redact_parameter).collect::<Vec<_>>().join("&")
}

/// One `name=value`. Its name is decoded first, or `t%6Fken` would get through.
fn redact_parameter(parameter: &str) -> String {
    let decoded = form_urlencoded::parse(parameter.as_bytes()).next();
    match (decoded, parameter.split_once('=')) {
        (Some((name, _)), Some((written, _))) if is_secret_parameter(&name) => {
            format!("{written}={REDACTED}")
        }
        _ => parameter.to_owned(),
    }
}

fn is_secret_parameter(name: &str) -> bool {
    let normal = normal_name(name);
    has_secret_fragment(&normal)
        || SECRET_PARAMETER_ENDS.iter().any(|end| normal.ends_with(end))
        || SECRET_PARAMETERS.contains(&normal.as_str())
}

fn has_secret_fragment(normal: &str) -> bool {
    SECRET_FRAGMENTS.iter().any(|fragment| normal.contains(fragment))
}

/// `Api_Key` and `api-key` are one name.
fn normal_name(name: &str) -> String {
    name.to_ascii_lowercase().replace('_', "-")
}

#[cfg(test)]
mod tests {
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
        String::from_utf8(redaction.redact_body(body.as_bytes())).unwrap()
    }

    #[test]
    fn secret_headers_are_hidden_whatever_is_configured() {
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
        ] {
            assert!(header_is_hidden(&none, name), "{name}");
        }
        for name in ["content-type", "webhook-id", "webhook-timestamp", "retry-after", "x-key-id", "date", ""] {
            assert!(!header_is_hidden(&none, name), "{name}");
        }
        let redaction = Redaction { headers: vec!["X-Internal".to_owned()], ..none };
        assert!(header_is_hidden(&redaction, "x-internal"));
        assert!(!header_is_hidden(&redaction, "x-internal-id"));
    }

    #[test]
    fn where_a_redirect_goes_is_kept_without_its_secrets() {
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
    fn a_body_that_cannot_be_searched_is_hidden_whole() {
        let redaction = pointers(&["/a"]);
        for text in ["{\"a\":\"c4n4ry", "a=c4n4ry", "{}c4n4ry", "{\"n\":1e999}", &"[".repeat(200_000)] {
            assert_eq!(body(&redaction, text), REDACTED);
        }
        assert_eq!(redaction.redact_body(b"\xff\xfe"), REDACTED.as_bytes());
        for wrong in ["a", "a/b", "/a~", "/a~2b", "#/a"] {
            assert!(!is_pointer(wrong));
            assert_eq!(body(&pointers(&[wrong]), r#"{"a":1}"#), REDACTED, "{wrong}");
        }
    }

    #[test]
    fn a_body_is_searched_up_to_its_cap() {
        let of_length = |length: usize| format!(r#"{{"a":"{CANARY}","b":"{}"}}"#, "x".repeat(length - 21));
        let [whole, longer] = [REDACTED_BODY_BYTES_MAX, REDACTED_BODY_BYTES_MAX + 1].map(of_length);
        assert_eq!((whole.len(), longer.len()), (REDACTED_BODY_BYTES_MAX, REDACTED_BODY_BYTES_MAX + 1));
        assert_eq!(body(&pointers(&["/a"]), &whole), whole.replace(CANARY, REDACTED));
        assert_eq!(body(&pointers(&["/a"]), &longer), REDACTED);
    }

    #[test]
    fn a_field_given_twice_hides_nothing() {
        let text = r#"{"a":{"secret":"c4n4ry"},"a":{}}"#;
        assert_eq!(body(&pointers(&["/a/secret"]), text), r#"{"a":{}}"#);
        let text = r#"{"a":"c4n4ry","a":"c4n4ry"}"#;
        assert_eq!(body(&pointers(&["/a"]), text), r#"{"a":"[redacted]"}"#);
    }

    #[test]
    fn without_pointers_a_body_keeps_its_bytes() {
        let none = Redaction::default();
        for bytes in [&b"{ \"a\" : 1.0 }"[..], b"not json", b"\xff\x00", b""] {
            assert_eq!(none.redact_body(bytes), bytes);
        }
        assert_eq!(pointers(&["/a"]).redact_body(b""), b"");
    }

    #[test]
    fn configuration_has_defaults_and_no_typing_errors() {
        assert_eq!(serde_json::from_str::<Redaction>("{}").unwrap(), Redaction::default());
        assert!(serde_json::from_str::<Redaction>(r#"{"body_pointer":[]}"#).is_err());
    }

    #[test]
    fn urls_lose_their_secrets_and_nothing_else() {
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
        /// A canary at a configured pointer is nowhere in the outcome, whatever stands around it.
        #[test]
        fn no_canary_survives_a_pointer(
            path in proptest::collection::vec("[a-z/~\"\\\\]{0,4}", 1..5), cut in 0_usize..60,
        ) {
            let escaped = path.iter().map(|key| format!("/{}", key.replace('~', "~0").replace('/', "~1")));
            let redaction = pointers(&[escaped.collect::<String>().as_str()]);
            let nested = path.iter().rev().fold(json!(CANARY), |inner, key| json!({ key: inner, "other~~": 1 }));
            let text = nested.to_string();
            prop_assert!(!body(&redaction, &text).contains(CANARY));
            let prefix: String = text.chars().take(cut).collect();
            prop_assert!(!body(&redaction, &prefix).contains(CANARY));
        }

        /// A canary in userinfo or behind a secret name is nowhere in the outcome; redacting twice is redacting once.
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
}
