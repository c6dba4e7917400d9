//! Takes secrets out of headers, bodies and URLs before anything stores or logs them.
//!
//! Where it cannot tell, it hides: a body that was to be searched and cannot be read becomes one placeholder.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use url::{Url, form_urlencoded};

use crate::limits::REDACTED_BODY_BYTES_MAX;
use crate::wire::raw::{members, name_of, object_of};

/// What stands in the place of a secret.
pub const REDACTED: &str = "[redacted]";

/// A header or query parameter with one of these in its name holds a secret.
const SECRET_FRAGMENTS: [&str; 12] = [
    "authorization", // proxy-authorization too
    "cookie",        // set-cookie too
    "secret",
    "token",
    "api-key",
    "apikey",
    "password",
    "passphrase",
    "credential",
    "signature", // ours too: it would let a reader of evidence send the same request again
    "session",   // x-session-id, JSESSIONID
    "sessid",
];

/// And one with one of these as a word of its name, as in `X-Auth-Email`, `x-jwt` or the `sig` of a shared access signature.
const SECRET_WORDS: [&str; 26] = [
    "auth",
    "authentication",
    "assertion",
    "bearer",
    "csrf",
    "cvc",
    "cvv",
    "dpop",
    "hmac",
    "jwt",
    "mfa",
    "otp",
    "pass",
    "passcode",
    "passwd",
    "pat",
    "pin",
    "pwd",
    "saml",
    "sas",
    "sid",
    "sig",
    "ssn",
    "totp",
    "xsrf",
    "2fa",
];

/// And one whose last word, but for a number, ends like this: `AccessKey`, `x-functions-key`, `x-key-2`.
const SECRET_END: &str = "key";
/// Keys that unlock nothing.
const PLAIN_KEYS: [&str; 5] = ["idempotency-key", "partition-key", "routing-key", "sec-websocket-key", "surrogate-key"];

/// And one of just this name, as an OAuth server sends it.
const SECRET_NAME: &str = "code";
/// Codes that are secrets; others, such as a status code, are none.
const SECRET_CODES: [&str; 3] = ["access-code", "security-code", "verification-code"];

/// What an endpoint wants hidden beside what is always hidden.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
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

    /// The body with the values at the pointers replaced, also in a field that is given twice; all other names, numbers and texts
    /// stay as they were written. Without pointers, and for an empty body, it is the body itself, not copied. A body that does not parse or
    /// is too large for that, or a text that is no pointer, hides the whole body. Redact before cutting: a cut body does not parse.
    pub fn redact_body<'a>(&self, body: &'a [u8]) -> Cow<'a, [u8]> {
        if self.body_pointers.is_empty() || body.is_empty() {
            return Cow::Borrowed(body);
        }
        self.redact_json(body).map_or(Cow::Borrowed(REDACTED.as_bytes()), Cow::Owned)
    }

    fn redact_json(&self, body: &[u8]) -> Option<Vec<u8>> {
        // As values, a body of megabytes may be more than the memory there is.
        if body.len() > REDACTED_BODY_BYTES_MAX {
            return None;
        }
        let json = std::str::from_utf8(body).ok()?;
        // What has no value for a reader may have a name that is none, which no pointer can be compared with.
        serde_json::from_str::<Value>(json).ok()?;
        let pointers: Option<Vec<Vec<String>>> = self.body_pointers.iter().map(|pointer| steps(pointer)).collect();
        let pointers = pointers?;
        Some(hide(json, &pointers.iter().map(Vec::as_slice).collect::<Vec<_>>()).into_bytes())
    }
}

/// The names and places that a JSON Pointer goes through; `None` for a text that is none.
fn steps(pointer: &str) -> Option<Vec<String>> {
    let plain = |step: &str| step.replace("~1", "/").replace("~0", "~");
    is_pointer(pointer).then(|| pointer.split('/').skip(1).map(plain).collect())
}

/// The JSON with the values hidden that these steps lead to, as many as there are of one name.
fn hide(json: &str, pointers: &[&[String]]) -> String {
    if pointers.iter().any(|steps| steps.is_empty()) {
        return Value::from(REDACTED).to_string();
    }
    let inner = |name: &str, value: &RawValue| {
        let led = pointers.iter().filter_map(|steps| steps.split_first().filter(|(first, _)| *first == name));
        let below: Vec<_> = led.map(|(_, rest)| rest).collect();
        if below.is_empty() { value.get().to_owned() } else { hide(value.get(), &below) }
    };
    if let Some(members) = members(json) {
        let hidden: Vec<_> = members.iter().map(|(name, value)| (name.get(), inner(&name_of(name), value))).collect();
        return object_of(hidden.iter().map(|(name, value)| (*name, value.as_str())));
    }
    let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(json) else { return json.to_owned() };
    let hidden: Vec<_> = items.iter().enumerate().map(|(at, item)| inner(&at.to_string(), item)).collect();
    format!("[{}]", hidden.join(","))
}

/// Whether a header or a query parameter of this name always holds a secret, whatever is configured.
pub fn is_secret_name(name: &str) -> bool {
    let normal = normal_name(name);
    let stem = normal.trim_end_matches(|last: char| last.is_ascii_digit() || last == '-');
    SECRET_FRAGMENTS.iter().any(|fragment| normal.contains(fragment))
        || normal.split('-').any(|word| SECRET_WORDS.contains(&word))
        || (stem.ends_with(SECRET_END) && !PLAIN_KEYS.iter().any(|plain| stem.ends_with(plain)))
        || normal == SECRET_NAME
        || SECRET_CODES.iter().any(|code| normal.ends_with(code))
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
        (Some((name, _)), Some((written, _))) if is_secret_name(&name) => {
            format!("{written}={REDACTED}")
        }
        _ => parameter.to_owned(),
    }
}

/// `Api_Key`, `api.key` and `api-key` are one name.
fn normal_name(name: &str) -> String {
    let normal = |character: char| if character.is_alphanumeric() { character.to_ascii_lowercase() } else { '-' };
    name.chars().map(normal).collect()
}

#[cfg(test)]
mod tests;
