//! Redaction: removes secrets from headers, bodies and URLs before they are stored or logged.
//!
//! Hides too much rather than too little: a body that must be searched but cannot be parsed becomes one placeholder.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use url::{Url, form_urlencoded};

use crate::limits::REDACTED_BODY_BYTES_MAX;
use crate::wire::raw::{members, name_of, object_of};

/// Placeholder of a secret.
pub const REDACTED: &str = "[redacted]";

/// Parts of a name. A header or query parameter whose name contains one of them is secret.
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

/// Words of a name. A header or query parameter with one of them as a word of its name is secret, such as
/// `X-Auth-Email`, `x-jwt`, or `sig` of a shared access signature.
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

/// Ending of a name. A header or query parameter whose last word, without a number, ends like this is secret:
/// `AccessKey`, `x-functions-key`, `x-key-2`.
const SECRET_END: &str = "key";
/// Exceptions to [`SECRET_END`]: keys that are not secret.
const PLAIN_KEYS: [&str; 5] = ["idempotency-key", "partition-key", "routing-key", "sec-websocket-key", "surrogate-key"];

/// A complete name that is secret, as OAuth servers send it.
const SECRET_NAME: &str = "code";
/// Endings of codes that are secret. Other codes, such as a status code, are not.
const SECRET_CODES: [&str; 3] = ["access-code", "security-code", "verification-code"];

/// Headers and body parts that an endpoint hides in evidence, in addition to those that are always hidden.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Redaction {
    /// Names of headers, case-insensitive.
    pub headers: Vec<String>,
    /// JSON Pointers (RFC 6901) into request and response bodies; `""` is the whole body.
    pub body_pointers: Vec<String>,
}

impl Redaction {
    /// Returns the headers with secret values replaced and secrets in URLs removed. Names, order and number stay the
    /// same.
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

    /// Returns the body with the values at the pointers replaced, also when a member occurs twice. Everything else
    /// stays as it was written. Without pointers, or for an empty body, returns the body without a copy. Hides the
    /// whole body if it does not parse, if it is too large, or if a pointer is invalid. Redact before truncating: a
    /// truncated body does not parse.
    pub fn redact_body<'a>(&self, body: &'a [u8]) -> Cow<'a, [u8]> {
        if self.body_pointers.is_empty() || body.is_empty() {
            return Cow::Borrowed(body);
        }
        self.redact_json(body).map_or(Cow::Borrowed(REDACTED.as_bytes()), Cow::Owned)
    }

    fn redact_json(&self, body: &[u8]) -> Option<Vec<u8>> {
        // Parsed values of a large body could exceed the memory limit.
        if body.len() > REDACTED_BODY_BYTES_MAX {
            return None;
        }
        let json = std::str::from_utf8(body).ok()?;
        // Text that does not parse as values may have a name that is not valid Unicode, which no pointer can match.
        serde_json::from_str::<Value>(json).ok()?;
        let pointers: Option<Vec<Vec<String>>> = self.body_pointers.iter().map(|pointer| steps(pointer)).collect();
        let pointers = pointers?;
        Some(hide(json, &pointers.iter().map(Vec::as_slice).collect::<Vec<_>>()).into_bytes())
    }
}

/// Splits a JSON Pointer into its steps; `None` if it is invalid.
fn steps(pointer: &str) -> Option<Vec<String>> {
    let plain = |step: &str| step.replace("~1", "/").replace("~0", "~");
    is_pointer(pointer).then(|| pointer.split('/').skip(1).map(plain).collect())
}

/// Hides the values at these steps, including every occurrence of a repeated name.
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

/// True if a header or query parameter of this name always holds a secret, with any configuration.
pub fn is_secret_name(name: &str) -> bool {
    let normal = normal_name(name);
    let stem = normal.trim_end_matches(|last: char| last.is_ascii_digit() || last == '-');
    SECRET_FRAGMENTS.iter().any(|fragment| contains(&normal, fragment))
        || normal.split('-').any(|word| SECRET_WORDS.contains(&word))
        || (stem.ends_with(SECRET_END) && !PLAIN_KEYS.iter().any(|plain| stem.ends_with(plain)))
        || normal == SECRET_NAME
        || SECRET_CODES.iter().any(|code| normal.ends_with(code))
}

/// True if the name contains the fragment. The search of the standard library prepares itself for long texts, which takes
/// longer than to look through a name.
fn contains(name: &str, fragment: &str) -> bool {
    let (name, fragment) = (name.as_bytes(), fragment.as_bytes());
    name.windows(fragment.len()).any(|part| part.first() == fragment.first() && part == fragment)
}

/// True for a JSON Pointer: empty, or parts that each begin with `/`, where `~` occurs only as `~0` or `~1`.
pub fn is_pointer(text: &str) -> bool {
    let tildes_are_escapes = text.split('~').skip(1).all(|rest| rest.starts_with('0') || rest.starts_with('1'));
    (text.is_empty() || text.starts_with('/')) && tildes_are_escapes
}

/// Returns a URL for logs and evidence: without userinfo, fragment and values of secret-looking query parameters. The
/// rest of the query keeps its bytes. A text that is not a URL with a host becomes the placeholder.
pub fn redact_url(url: &str) -> String {
    redacted_url(url).unwrap_or_else(|| REDACTED.to_owned())
}

fn redacted_url(url: &str) -> Option<String> {
    let mut url = Url::parse(url).ok()?;
    // Fails for URLs without a host, such as `data:` and `file:`.
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    url.set_fragment(None);
    if let Some(query) = url.query() {
        let query = redact_query(query);
        url.set_query(Some(&query));
    }
    Some(url.into())
}

/// Redacts a URL or a relative reference. A reference that may contain userinfo becomes the placeholder.
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

/// Redacts one `name=value`. The name is decoded first, so that `t%6Fken` is recognised.
fn redact_parameter(parameter: &str) -> String {
    let decoded = form_urlencoded::parse(parameter.as_bytes()).next();
    match (decoded, parameter.split_once('=')) {
        (Some((name, _)), Some((written, _))) if is_secret_name(&name) => {
            format!("{written}={REDACTED}")
        }
        _ => parameter.to_owned(),
    }
}

/// Normalizes a name: `Api_Key`, `api.key` and `api-key` are the same.
fn normal_name(name: &str) -> String {
    let normal = |character: char| if character.is_alphanumeric() { character.to_ascii_lowercase() } else { '-' };
    name.chars().map(normal).collect()
}

#[cfg(test)]
mod tests;
