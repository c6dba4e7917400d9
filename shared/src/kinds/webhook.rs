//! Webhooks: the payload, its checks, and the request it becomes.
//!
//! `{"url"?, "method"?, "headers"?, "body" | "body_base64", "timeout_seconds"?}`. A `body` that is a JSON string is
//! sent as its text; any other JSON, also `null`, is sent exactly as it was written. `body_base64` is sent as its
//! bytes. The body of a large payload is stored as an object.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::kinds::checked::{CheckedPayload, Split};
use crate::kinds::target::{SEAL_PURPOSE, Target, endpoint_headers, job_header, signed, unseal};
use crate::limits::{TIMEOUT_SECONDS_DEFAULT, TIMEOUT_SECONDS_MAX};
use crate::model::claimed::Claimed;
use crate::model::origin;
use crate::model::outcome::Outcome;
use crate::ports::{HttpRequest, HttpResponse};
use crate::security::destination;
use crate::security::redact::is_secret_name;
use crate::security::seal::{SealedFor, seal};
use crate::settings::Settings;
use crate::wire::headers::{Headers, check_headers};
use crate::wire::invalid::{InvalidField, UNREADABLE, Wrong, read};
use crate::wire::phrase::escape;
use crate::wire::problem::Problem;
use crate::wire::raw::{Member, is_readable, members, name_of, object_of};
use crate::wire::values::{Whole, Word};

/// Prefix of a sealed value in a stored payload. A caller's value cannot start with it: U+0001 is not allowed in
/// headers.
pub(crate) const SEALED: &str = "\u{1}";
/// Text that the API shows instead of a sealed value.
const SEALED_SHOWN: &str = "[sealed]";

/// HTTP method of a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "WebhookMethod"))]
#[serde(rename_all = "UPPERCASE")]
#[allow(missing_docs)]
pub(crate) enum Method {
    Post,
    Put,
    Patch,
    Delete,
    Get,
}

impl Method {
    fn name(self) -> &'static str {
        match self {
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
            Method::Get => "GET",
        }
    }
}

/// Payload of a webhook, as callers write it and as it is stored.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "WebhookPayload"))]
#[cfg_attr(feature = "openapi", schemars(extend("not" = excluded())))]
#[serde(deny_unknown_fields)]
pub(crate) struct Webhook {
    /// Destination, https on port 443. Only for a job without an `endpoint`.
    #[cfg_attr(feature = "openapi", schemars(length(max = crate::limits::URL_BYTES_MAX)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    /// HTTP method; default `POST`. A `GET` has no body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    method: Option<Word<Method>>,
    /// Headers of the request. Secret-looking values are stored sealed and shown as `[sealed]`.
    #[cfg_attr(feature = "openapi", schemars(schema_with = "crate::wire::schema::headers"))]
    #[serde(default, skip_serializing_if = "Headers::is_empty")]
    headers: Headers,
    /// Body to send: a JSON string as its text, any other JSON exactly as it was written, also `null`.
    #[cfg_attr(feature = "openapi", schemars(with = "crate::wire::schema::Json"))]
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    body: Option<Box<RawValue>>,
    /// Body to send, as base64 with padding.
    #[cfg_attr(feature = "openapi", schemars(extend("contentEncoding" = "base64")))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
    /// Timeout of an attempt in seconds; default from the endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timeout_seconds: Option<Whole<1, TIMEOUT_SECONDS_MAX>>,
}

/// Deserializes a present value, also `null`: a body of `null` is sent.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::deserialize(deserializer).map(Some)
}

/// Returns the pairs of members that exclude each other.
#[cfg(feature = "openapi")]
fn excluded() -> serde_json::Value {
    let (text, get) = (serde_json::json!({"type": "string"}), serde_json::json!({"enum": [Method::Get]}));
    serde_json::json!({"anyOf": [
        {"properties": {"body_base64": text}, "required": ["body", "body_base64"]},
        {"properties": {"method": get}, "required": ["method", "body"]},
        {"properties": {"method": get, "body_base64": text}, "required": ["method", "body_base64"]},
    ]})
}

/// Checks a payload, and that the job has one destination: its `endpoint` or the payload's `url`. Secrets are sealed
/// later, when the tenant is known.
///
/// # Errors
/// A problem that names every wrong field, if the form of one is wrong.
pub fn check(payload: &RawValue, endpoint: Option<&str>, settings: &Settings) -> Result<CheckedPayload, Problem> {
    let webhook: Webhook = read(payload.get().as_bytes(), "#/payload")?;
    let refused_if_new = webhook.wrong(endpoint, settings).judge().map_err(Problem::InvalidRequest)?;
    let stored = with_headers(payload.get(), &mut |_, _| None).ok_or(Problem::Internal)?;
    let is_plain = !webhook.headers.0.iter().any(|(name, _)| is_secret_name(name));
    Ok(CheckedPayload { stored, is_plain, refused_if_new })
}

/// Seals the secrets of a checked payload, with or without its body, for its tenant. `None` if it is not a webhook's
/// payload.
pub fn seal_secrets(
    stored: &str,
    settings: &Settings,
    tenant: &str,
    nonce: &mut impl FnMut() -> [u8; 12],
) -> Option<String> {
    with_headers(stored, &mut |name, value| {
        is_secret_name(name).then(|| {
            let place = SealedFor { purpose: SEAL_PURPOSE, tenant, context: &job_header(name) };
            format!("{SEALED}{}", seal(&settings.keys, place, nonce(), value.as_bytes()))
        })
    })
}

/// Returns the payload as it was written, with the header values that `changed` replaces.
fn with_headers(payload: &str, changed: &mut impl FnMut(&str, &str) -> Option<String>) -> Option<String> {
    let mut header = |(name, value): Member<'_>| {
        let changed = changed(&name_of(name), &name_of(value));
        (name.get().to_owned(), changed.map_or_else(|| value.get().to_owned(), |text| Value::from(text).to_string()))
    };
    let written = members(payload)?.into_iter().map(|(name, value)| {
        let headers = if name_of(name) == "headers" { members(value.get()) } else { None };
        let headers = headers.map(|headers| headers.into_iter().map(&mut header).collect::<Vec<_>>());
        let headers = headers.map(|all| object_of(all.iter().map(|(name, value)| (name.as_str(), value.as_str()))));
        (name.get(), headers.unwrap_or_else(|| value.get().to_owned()))
    });
    let written: Vec<_> = written.collect();
    Some(object_of(written.iter().map(|(name, value)| (*name, value.as_str()))))
}

impl Webhook {
    fn wrong(&self, endpoint: Option<&str>, settings: &Settings) -> Wrong {
        let mut wrong_fields = Wrong::default();
        let invalid = |field: &str, code, detail: &str| InvalidField::of(format!("#/payload/{field}"), code, detail);
        match (endpoint, &self.url) {
            (Some(_), Some(_)) => {
                wrong_fields.form(invalid("url", "either-or", "cannot be combined with `endpoint`; give one of them"));
            }
            (None, None) => {
                wrong_fields.form(InvalidField::of("#/endpoint", "missing-field", "or `payload.url` is required"));
            }
            (Some(_), None) => {}
            // The settings decide which destinations are allowed.
            (None, Some(url)) => {
                if let Err(error) = destination::check(url, &settings.private_destinations) {
                    wrong_fields.now(invalid("url", error.code(), &error.to_string()));
                }
            }
        }
        let mut wrong = |field: &str, code, detail: &str| wrong_fields.form(invalid(field, code, detail));
        if self.body.is_some() && self.body_base64.is_some() {
            wrong("body_base64", "either-or", "cannot be combined with `body`; give one of them");
        }
        if self.method == Some(Word(Method::Get)) && (self.body.is_some() || self.body_base64.is_some()) {
            let field = if self.body.is_some() { "body" } else { "body_base64" };
            wrong(field, "either-or", "cannot be given for the method `GET`; remove it, or use another method");
        }
        if self.body_base64.as_ref().is_some_and(|text| STANDARD.decode(text).is_err()) {
            wrong("body_base64", "invalid-base64", "must be base64 with padding, as in `aGk=`");
        }
        if self.body.as_ref().is_some_and(|body| !is_readable(body.get())) {
            wrong("body", "unreadable-value", UNREADABLE);
        }
        let mut errors = Vec::new();
        errors.extend(self.timeout_seconds.and_then(|seconds| seconds.check("#/payload/timeout_seconds")));
        check_headers(&self.headers, "#/payload/headers", &mut errors);
        for (name, _) in self.headers.0.iter().filter(|(_, value)| *value == SEALED_SHOWN) {
            let detail = "must be the value itself; `[sealed]` is only shown in responses";
            errors.push(InvalidField::of(format!("#/payload/headers/{}", escape(name)), "sealed", detail));
        }
        for field in errors {
            wrong_fields.form(field);
        }
        wrong_fields
    }

    /// Returns the body, if it is inline.
    fn body(&self) -> StoredBody<'_> {
        StoredBody { body: self.body.as_deref(), body_base64: self.body_base64.as_deref().map(Cow::Borrowed) }
    }
}

/// Body of a webhook as it is stored, inline or in an object (see [`split`]).
#[derive(Debug, Deserialize)]
struct StoredBody<'a> {
    #[serde(borrow, default)]
    body: Option<&'a RawValue>,
    #[serde(default)]
    body_base64: Option<Cow<'a, str>>,
}

impl StoredBody<'_> {
    /// Returns the bytes to send and their default content type. A body sent as it was written is a slice of `object`,
    /// or a copy if it is inline.
    fn to_send(&self, object: Option<&Bytes>) -> (Bytes, Option<&'static str>) {
        if let Some(base64) = &self.body_base64 {
            let bytes = STANDARD.decode(base64.as_bytes()).unwrap_or_default();
            return (bytes.into(), Some("application/octet-stream"));
        }
        let Some(raw) = self.body else {
            return (Bytes::new(), None);
        };
        let part = |text: &str| {
            object.map_or_else(|| Bytes::copy_from_slice(text.as_bytes()), |object| object.slice_ref(text.as_bytes()))
        };
        if let Ok(text) = serde_json::from_str::<&str>(raw.get()) {
            return (part(text), Some("text/plain; charset=utf-8"));
        }
        match serde_json::from_str::<String>(raw.get()) {
            Ok(text) => (text.into(), Some("text/plain; charset=utf-8")),
            Err(_) => (part(raw.get()), Some("application/json")),
        }
    }
}

/// True if a member is the body. A `null` body stays inline.
fn is_body((name, value): Member<'_>) -> bool {
    matches!(name_of(name).as_str(), "body" | "body_base64") && value.get() != "null"
}

fn as_texts((name, value): Member<'_>) -> (&str, &str) {
    (name.get(), value.get())
}

/// Moves the body of a stored payload into an object. The inline part keeps everything that the claim and the API need.
/// `at` in the object is the body's position among the members.
pub fn split(stored: String) -> Split {
    let taken = || {
        let members = members(&stored)?;
        let at = members.iter().position(|member| is_body(*member))?;
        let (body, rest) = members.iter().enumerate().partition::<Vec<_>, _>(|(index, _)| *index == at);
        let place = at.to_string();
        let object = [("\"at\"", place.as_str())].into_iter().chain(body.into_iter().map(|(_, body)| as_texts(*body)));
        Some((object_of(rest.into_iter().map(|(_, member)| as_texts(*member))), object_of(object)))
    };
    match taken() {
        Some((inline, object)) => Split { inline: Some(inline), object: Some(object) },
        None => Split { inline: Some(stored), object: None },
    }
}

/// Puts the body back into the payload.
pub fn join(inline: &str, object: &str) -> Option<String> {
    let (mut all, mut at) = (members(inline)?, usize::MAX);
    for (name, value) in members(object)? {
        if name.get() == "\"at\"" {
            at = serde_json::from_str(value.get()).ok()?;
        } else {
            all.insert(at.min(all.len()), (name, value));
        }
    }
    Some(object_of(all.into_iter().map(as_texts)))
}

/// Returns the stored payload as the API shows it: as it was written, with sealed values hidden.
pub fn shown(stored: &str) -> Option<String> {
    with_headers(stored, &mut |_, value| value.starts_with(SEALED).then(|| SEALED_SHOWN.to_owned()))
}

/// Builds the request of a claimed job: checks the destination again and signs the exact bytes. `object` has the body
/// of a large payload.
///
/// # Errors
/// The outcome if the payload, the endpoint or a sealed value cannot be used; nothing is sent then.
pub fn prepare(
    job: &Claimed,
    object: Option<&Bytes>,
    settings: &Settings,
    now_ms: i64,
) -> Result<HttpRequest, Outcome> {
    let stored = job.payload.as_deref().unwrap_or_default();
    let webhook: Webhook = serde_json::from_str(stored).map_err(|_| Outcome::unreadable_payload())?;
    let target = Target::of(job, webhook.url.as_deref(), settings)?;
    let body = match object {
        None => webhook.body(),
        Some(object) => serde_json::from_slice(object).map_err(|_| Outcome::unreadable_payload())?,
    };
    let (body, content_type) = body.to_send(object);
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    headers.insert("user-agent".into(), format!("Longshore/{}", settings.version));
    if let Some(content_type) = content_type {
        headers.insert("content-type".into(), content_type.into());
    }
    headers.extend(origin::trace(job));
    headers.extend(endpoint_headers(job, settings)?);
    for (name, value) in &webhook.headers.0 {
        let name = name.to_ascii_lowercase();
        let value = match value.strip_prefix(SEALED) {
            Some(sealed) => unseal(settings, &job.tenant, &job_header(&name), sealed)?,
            None => value.clone(),
        };
        headers.insert(name, value);
    }
    origin::keep_together(&mut headers, job);
    headers.extend(signed(job, settings, now_ms, &body)?);
    Ok(HttpRequest {
        method: webhook.method.map_or(Method::Post, |word| word.0).name().into(),
        url: target.url,
        service: target.service,
        headers: headers.into_iter().collect(),
        body,
        timeout: Duration::from_secs(u64::from(timeout(job, webhook.timeout_seconds.map(Whole::get)))),
        response_bytes_max: settings.plan.evidence_body_bytes,
    })
}

fn timeout(job: &Claimed, asked: Option<u32>) -> u32 {
    let endpoint = job.endpoint.as_ref().map(|endpoint| endpoint.timeout_seconds);
    asked.or(endpoint).unwrap_or(TIMEOUT_SECONDS_DEFAULT).min(TIMEOUT_SECONDS_MAX)
}

/// Returns the timeout of a claimed job's attempt in seconds.
pub fn timeout_of(job: &Claimed) -> u32 {
    #[derive(Deserialize)]
    struct TimeoutField {
        timeout_seconds: Option<Whole<1, TIMEOUT_SECONDS_MAX>>,
    }
    let asked = job.payload.as_deref().and_then(|payload| serde_json::from_str::<TimeoutField>(payload).ok());
    timeout(job, asked.and_then(|asked| asked.timeout_seconds).map(Whole::get))
}

/// Turns a 2xx response into an outcome.
pub fn judge(response: &HttpResponse) -> Outcome {
    Outcome::Succeeded { result: serde_json::json!({"status": response.status}).into() }
}

#[cfg(test)]
mod tests;
