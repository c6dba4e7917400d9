//! Properties of redaction: a secret planted in a redacted place does not appear in the result.

use longshore::security::redact::{REDACTED, Redaction, is_pointer, is_secret_name, redact_url};
use serde_json::Value;
use url::Url;

use crate::texts;

/// Secret that no text contains by chance.
pub const CANARY: &str = "c4n4ry-0f-l0ngsh0re";

/// Checks JSON Pointers, one per line, and a body.
pub fn body(bytes: &[u8]) -> bool {
    let [pointers, body] = texts::<2>(bytes);
    let redaction = Redaction { body_pointers: pointers.lines().map(str::to_owned).collect(), headers: vec![] };
    let redacted = redaction.redact_body(body.as_bytes());
    if redaction.body_pointers.is_empty() || body.is_empty() {
        assert_eq!(redacted, body.as_bytes());
        return false;
    }
    if redacted != REDACTED.as_bytes() {
        assert!(redaction.body_pointers.iter().all(|pointer| is_pointer(pointer)));
        let json: Value = serde_json::from_slice(&redacted).expect("JSON stays JSON");
        let hidden = |found: Option<&Value>| found.is_none_or(|value| value == REDACTED);
        assert!(redaction.body_pointers.iter().all(|pointer| hidden(json.pointer(pointer))), "{json}");
    }
    if let (Some(planted), false) = (plant(&redaction, &body), body.contains(CANARY)) {
        let redacted = String::from_utf8(redaction.redact_body(planted.as_bytes()).into_owned()).unwrap();
        assert!(!redacted.contains(CANARY), "{redacted}");
    }
    redacted != REDACTED.as_bytes()
}

/// Returns the body with the secret planted at the pointers.
pub(crate) fn plant(redaction: &Redaction, body: &str) -> Option<String> {
    let mut json: Value = serde_json::from_str(body).ok()?;
    let clean = json.to_string();
    for pointer in &redaction.body_pointers {
        if let Some(value) = json.pointer_mut(pointer) {
            *value = Value::from(CANARY);
        }
    }
    // Escaped names could spell the secret itself.
    (!clean.contains(CANARY)).then(|| json.to_string())
}

/// Checks a URL and the name of a query parameter.
pub fn url(bytes: &[u8]) -> bool {
    let [url, name] = texts::<2>(bytes);
    let redacted = redact_url(&url);
    assert_eq!(redact_url(&redacted), redacted, "a second redaction changes nothing");
    if redacted != REDACTED {
        let parsed = Url::parse(&redacted).expect("a URL stays a URL");
        assert!(parsed.username().is_empty() && parsed.password().is_none() && parsed.fragment().is_none());
    }
    let Ok(mut planted) = Url::parse(&url) else { return false };
    if planted.as_str().contains(CANARY) || name.contains(CANARY) {
        return false;
    }
    // Both fail for a URL without a host, which becomes the placeholder.
    let _ = planted.set_password(Some(CANARY));
    planted.set_fragment(Some(CANARY));
    let fixed = ["access_token", "sig", "X-Amz-Signature", "pwd", "AccessKey"];
    for name in fixed.into_iter().chain(Some(name.as_str()).filter(|name| is_secret_name(name))) {
        planted.query_pairs_mut().append_pair(name, CANARY);
    }
    let redacted = redact_url(planted.as_str());
    assert!(!redacted.contains(CANARY), "{planted} became {redacted}");
    redacted != REDACTED
}
