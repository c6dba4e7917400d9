//! The webhook: its payload, its checks, the request it becomes and how the answer is judged.
//!
//! `{"endpoint" | "url", "method"?, "headers"?, "body" | "body_base64", "timeout_seconds"?}`. A `body` that is a JSON
//! string is sent as its text, any other JSON exactly as it was written; `body_base64` is sent as its bytes.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::backoff::parse_retry_after;
use crate::claim::Claimed;
use crate::destination;
use crate::endpoint::signing_secrets;
use crate::invalid::{InvalidField, check_headers, is_name, read};
use crate::jobs::CheckedPayload;
use crate::limits::{TIMEOUT_SECONDS_DEFAULT, TIMEOUT_SECONDS_MAX};
use crate::outcome::{ErrorClass, Outcome, RetryAfter};
use crate::ports::{HttpError, HttpRequest, HttpResponse};
use crate::problem::Problem;
use crate::redact::is_secret_name;
use crate::seal::{open, seal};
use crate::settings::Settings;
use crate::signing::signature_headers;

/// What header values are sealed for: those of a job, and those of an endpoint.
pub const SEAL_PURPOSE: &str = "header";
/// How a sealed value begins in a stored payload. A caller's value cannot: U+0001 is no header byte.
const SEALED: &str = "\u{1}";
/// How a sealed value is shown.
const SEALED_SHOWN: &str = "[sealed]";
const METHODS: [&str; 5] = ["POST", "PUT", "PATCH", "DELETE", "GET"];

/// The payload, as callers write it and as it is stored.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "WebhookPayload"))]
#[cfg_attr(feature = "openapi", schemars(extend("oneOf" = one_of(["endpoint", "url"]), "not" = required(&["body", "body_base64"]))))]
#[serde(deny_unknown_fields)]
pub(crate) struct Webhook {
    /// The endpoint that it goes to; or give a `url`.
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = crate::openapi::NAME)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    endpoint: Option<String>,
    /// Where it goes, https on port 443; or give an `endpoint`.
    #[cfg_attr(feature = "openapi", schemars(length(max = crate::limits::URL_BYTES_MAX)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    /// POST when nothing is said; a GET has no body.
    #[cfg_attr(feature = "openapi", schemars(extend("enum" = methods())))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    method: Option<String>,
    /// Headers of the request. Values of secret-looking ones are stored sealed and shown as `[sealed]`.
    #[cfg_attr(feature = "openapi", schemars(schema_with = "crate::openapi::headers"))]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<String, String>,
    /// A JSON string is sent as its text, any other JSON exactly as it was written.
    #[cfg_attr(feature = "openapi", schemars(with = "Option<serde_json::Value>"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<Box<RawValue>>,
    /// Bytes to send, as base64 with padding.
    #[cfg_attr(feature = "openapi", schemars(extend("contentEncoding" = "base64")))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
    /// Seconds an attempt may take; the endpoint's when nothing is said.
    #[cfg_attr(feature = "openapi", schemars(range(min = 1, max = TIMEOUT_SECONDS_MAX)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timeout_seconds: Option<u32>,
}

/// The methods, and that none is given.
#[cfg(feature = "openapi")]
fn methods() -> Vec<Option<&'static str>> {
    METHODS.into_iter().map(Some).chain([None]).collect()
}

/// That exactly one of these fields is given.
#[cfg(feature = "openapi")]
fn one_of<const N: usize>(fields: [&str; N]) -> serde_json::Value {
    fields.iter().map(|field| required(&[field])).collect()
}

/// That these fields are given.
#[cfg(feature = "openapi")]
fn required(fields: &[&str]) -> serde_json::Value {
    let known: serde_json::Map<_, _> = fields.iter().map(|field| ((*field).to_owned(), true.into())).collect();
    serde_json::json!({"properties": known, "required": fields})
}

/// Checks a payload and seals what is secret in it.
///
/// # Errors
/// A problem that names every wrong field.
pub fn check(
    payload: &RawValue,
    settings: &Settings,
    nonce: &mut impl FnMut() -> [u8; 12],
) -> Result<CheckedPayload, Problem> {
    let mut webhook: Webhook = read(payload.get().as_bytes(), "#/payload")?;
    let errors = webhook.errors(settings);
    if !errors.is_empty() {
        return Err(Problem::InvalidRequest(errors));
    }
    let canonical = serde_json::to_string(&webhook).map_err(|_| Problem::Internal)?;
    for (name, value) in &mut webhook.headers {
        if is_secret_name(name) {
            let context = format!("job {}", name.to_ascii_lowercase());
            *value =
                format!("{SEALED}{}", seal(&settings.master_key, SEAL_PURPOSE, &context, nonce(), value.as_bytes()));
        }
    }
    let stored = serde_json::to_string(&webhook).map_err(|_| Problem::Internal)?;
    Ok(CheckedPayload { endpoint: webhook.endpoint.unwrap_or_default(), canonical, stored })
}

impl Webhook {
    fn errors(&self, settings: &Settings) -> Vec<InvalidField> {
        let mut errors = Vec::new();
        let mut wrong = |field: &str, code, detail: &str| {
            errors.push(InvalidField::new(format!("#/payload/{field}"), code, detail));
        };
        match (&self.endpoint, &self.url) {
            (Some(_), Some(_)) => wrong("url", "either-or", "Give either an endpoint or a url."),
            (None, None) => wrong("endpoint", "missing-field", "Give an endpoint or a url."),
            (Some(endpoint), None) if !is_name(endpoint) => {
                wrong("endpoint", "invalid-name", "A name is 1 to 64 of A-Z a-z 0-9 _ -.");
            }
            (None, Some(url)) => {
                if let Err(error) = destination::check(url, &settings.private_destinations) {
                    wrong("url", error.code(), &error.to_string());
                }
            }
            _ => {}
        }
        let method = self.method.as_deref().unwrap_or("POST");
        if !METHODS.contains(&method) {
            wrong("method", "unknown-value", "The method is POST, PUT, PATCH, DELETE or GET.");
        }
        if self.body.is_some() && self.body_base64.is_some() {
            wrong("body_base64", "either-or", "Give either a body or a body_base64.");
        }
        if method == "GET" && (self.body.is_some() || self.body_base64.is_some()) {
            wrong("body", "either-or", "A GET has no body.");
        }
        if self.body_base64.as_ref().is_some_and(|text| STANDARD.decode(text).is_err()) {
            wrong("body_base64", "invalid-base64", "This is not base64 with padding.");
        }
        if self.timeout_seconds.is_some_and(|seconds| !(1..=TIMEOUT_SECONDS_MAX).contains(&seconds)) {
            wrong("timeout_seconds", "out-of-range", "A webhook may take 1 to 30 seconds.");
        }
        check_headers(self.headers.iter(), "#/payload/headers", &mut errors);
        for (name, _) in self.headers.iter().filter(|(_, value)| *value == SEALED_SHOWN) {
            let detail = "This is how a sealed value is shown; write the value itself.";
            errors.push(InvalidField::new(format!("#/payload/headers/{name}"), "sealed", detail));
        }
        errors
    }

    /// The bytes to send and the content type they have unless the caller says otherwise.
    fn body(&self) -> (Vec<u8>, Option<&'static str>) {
        if let Some(base64) = &self.body_base64 {
            return (STANDARD.decode(base64).unwrap_or_default(), Some("application/octet-stream"));
        }
        let Some(raw) = &self.body else {
            return (Vec::new(), None);
        };
        match serde_json::from_str::<String>(raw.get()) {
            Ok(text) => (text.into_bytes(), Some("text/plain; charset=utf-8")),
            Err(_) => (raw.get().as_bytes().to_vec(), Some("application/json")),
        }
    }
}

/// Why no request could be made of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpreparable {
    /// What is wrong.
    pub class: ErrorClass,
    /// One line.
    pub message: String,
}

fn unpreparable(class: ErrorClass, message: impl Into<String>) -> Unpreparable {
    Unpreparable { class, message: message.into() }
}

/// The stored payload as the API shows it: sealed values are hidden.
pub fn shown(stored: &str) -> Option<serde_json::Value> {
    let mut webhook: Webhook = serde_json::from_str(stored).ok()?;
    for value in webhook.headers.values_mut().filter(|value| value.starts_with(SEALED)) {
        SEALED_SHOWN.clone_into(value);
    }
    serde_json::to_value(webhook).ok()
}

/// Makes the request of a claimed job: the destination is checked again, the exact bytes are signed.
///
/// # Errors
/// When the payload, the endpoint or a sealed value cannot be used; nothing is sent then.
pub fn prepare(job: &Claimed, settings: &Settings, now_ms: i64) -> Result<HttpRequest, Unpreparable> {
    let stored = job.payload.as_deref().unwrap_or_default();
    let webhook: Webhook =
        serde_json::from_str(stored).map_err(|_| unpreparable(ErrorClass::Handler, "The payload cannot be read."))?;
    let url = match (&webhook.url, &job.endpoint) {
        (Some(url), _) => url,
        (None, Some(endpoint)) if endpoint.state != "deleted" => &endpoint.url,
        _ => {
            return Err(unpreparable(ErrorClass::Config, "The endpoint does not exist any more."));
        }
    };
    let destination = destination::check(url, &settings.private_destinations)
        .map_err(|error| unpreparable(ErrorClass::Blocked, error.to_string()))?;
    let (body, content_type) = webhook.body();
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    headers.insert("user-agent".into(), format!("Longshore/{}", settings.version));
    if let Some(content_type) = content_type {
        headers.insert("content-type".into(), content_type.into());
    }
    if let Some(endpoint) = &job.endpoint {
        for (name, sealed) in &endpoint.headers {
            let context = format!("endpoint {} {} {name}", job.tenant, job.endpoint_id);
            headers.insert(name.to_ascii_lowercase(), unseal(settings, &context, sealed)?);
        }
    }
    for (name, value) in &webhook.headers {
        let name = name.to_ascii_lowercase();
        let value = match value.strip_prefix(SEALED) {
            Some(sealed) => unseal(settings, &format!("job {name}"), sealed)?,
            None => value.clone(),
        };
        headers.insert(name, value);
    }
    let (generation, rotated_at) = job.endpoint.as_ref().map_or((1, None), |e| (e.generation, e.rotated_at));
    let secrets = signing_secrets(&settings.master_key, &job.tenant, &job.endpoint_id, generation, rotated_at, now_ms);
    for (name, value) in signature_headers(&secrets, job.event_id(), now_ms / 1000, &body) {
        headers.insert(name.into(), value);
    }
    Ok(HttpRequest {
        method: webhook.method.unwrap_or_else(|| "POST".into()),
        url: destination.url.into(),
        headers: headers.into_iter().collect(),
        body,
        timeout: timeout(job, webhook.timeout_seconds),
        response_bytes_max: settings.plan.evidence_body_bytes,
    })
}

fn unseal(settings: &Settings, context: &str, sealed: &str) -> Result<String, Unpreparable> {
    open(&settings.master_key, SEAL_PURPOSE, context, sealed)
        .and_then(|bytes| String::from_utf8(bytes).ok())
        // Another MASTER_KEY is a mistake of the deployment, and mended there: the job is tried again.
        .ok_or_else(|| unpreparable(ErrorClass::Internal, "A sealed header cannot be opened with this MASTER_KEY."))
}

fn timeout(job: &Claimed, asked: Option<u32>) -> Duration {
    let endpoint = job.endpoint.as_ref().map(|endpoint| endpoint.timeout_seconds);
    let seconds = asked.or(endpoint).unwrap_or(TIMEOUT_SECONDS_DEFAULT).min(TIMEOUT_SECONDS_MAX);
    Duration::from_secs(u64::from(seconds))
}

/// How long the attempt of a claimed job may take.
pub fn timeout_of(job: &Claimed) -> Duration {
    #[derive(Deserialize)]
    struct Asked {
        timeout_seconds: Option<u32>,
    }
    let asked = job.payload.as_deref().and_then(|payload| serde_json::from_str::<Asked>(payload).ok());
    timeout(job, asked.and_then(|asked| asked.timeout_seconds))
}

/// Judges what came back.
pub fn judge(answer: &Result<HttpResponse, HttpError>, now_ms: i64) -> Outcome {
    match answer {
        Ok(response) if (200..300).contains(&response.status) => {
            Outcome::Succeeded { result: Some(serde_json::json!({"status": response.status})) }
        }
        Ok(response) => {
            let retry_after = response
                .headers
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case("retry-after"))
                .and_then(|(_, value)| parse_retry_after(value, now_ms))
                .map(|wait| match response.status {
                    429 | 503 => RetryAfter::Deferral(wait),
                    _ => RetryAfter::AtLeast(wait),
                });
            let message = format!("The destination answered {}.", response.status);
            Outcome::Failed { class: ErrorClass::of_status(response.status), message, retry_after }
        }
        Err(error) => {
            let class = match error {
                HttpError::Timeout(_) => ErrorClass::Timeout,
                HttpError::Dns(_) => ErrorClass::Dns,
                HttpError::Connect(_) => ErrorClass::Connect,
                HttpError::Tls(_) => ErrorClass::Tls,
                HttpError::Unsendable(_) => ErrorClass::Handler,
            };
            Outcome::Failed { class, message: error.to_string(), retry_after: None }
        }
    }
}

#[cfg(test)]
mod tests;
