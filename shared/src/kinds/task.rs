//! Tasks: job types that the user defines, run by the user's Worker through a service binding or by an HTTPS handler.
//!
//! The payload is any JSON and is posted as it was written. Every 2xx response is a success, and its JSON body is the
//! result if it can be stored. `202` with `longshore-completion: deferred` means that the handler completes the job
//! later, by `POST /v1/jobs/{id}/complete` or `/fail`, within `longshore-completion-seconds`. 429 and 503 with
//! `Retry-After` postpone the job without a failure.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use serde_json::value::RawValue;

use crate::kinds::checked::CheckedPayload;
use crate::kinds::target::{Target, endpoint_headers, signed};
use crate::limits::{
    COMPLETION_SECONDS_DEFAULT, COMPLETION_SECONDS_MAX, RESULT_BYTES_MAX, TASK_NAME_BYTES_MAX,
    TASK_TIMEOUT_SECONDS_MAX, TIMEOUT_SECONDS_DEFAULT,
};
use crate::model::claimed::Claimed;
use crate::model::origin;
use crate::model::outcome::Outcome;
use crate::model::result::JobResult;
use crate::ports::{HttpRequest, HttpResponse};
use crate::settings::Settings;
use crate::wire::invalid::{InvalidField, JSON, UNREADABLE, names_media_type};
use crate::wire::problem::Problem;
use crate::wire::raw::is_readable;
use crate::wire::time::rfc3339;

/// True for a valid task name: lower-case words separated by dots, such as `image.thumbnail`.
pub fn is_task_name(name: &str) -> bool {
    let is_word = |word: &str| {
        word.starts_with(|first: char| first.is_ascii_lowercase())
            && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-')
    };
    name.len() <= TASK_NAME_BYTES_MAX && name.contains('.') && name.split('.').all(is_word)
}

/// Checks a payload, and that the job has an endpoint.
///
/// # Errors
/// A problem that names every wrong field.
pub fn check(payload: &RawValue, endpoint: Option<&str>) -> Result<CheckedPayload, Problem> {
    let mut errors = Vec::new();
    if endpoint.is_none() {
        errors.push(InvalidField::missing("#/endpoint"));
    }
    if !is_readable(payload.get()) {
        errors.push(InvalidField::of("#/payload", "unreadable-value", UNREADABLE));
    }
    if !errors.is_empty() {
        return Err(Problem::InvalidRequest(errors));
    }
    Ok(CheckedPayload { stored: payload.get().to_owned(), is_plain: true, refused_if_new: Vec::new() })
}

/// Builds the request of a claimed task. `object` is its payload, if that is too large for the row.
///
/// # Errors
/// The outcome if the endpoint is deleted or not allowed, or a sealed value cannot be used; nothing is sent then.
pub fn prepare(job: &Claimed, object: Option<Bytes>, settings: &Settings, now_ms: i64) -> Result<HttpRequest, Outcome> {
    let target = Target::of(job, None, settings)?;
    let body = object.unwrap_or_else(|| Bytes::from(job.payload.clone().unwrap_or_default()));
    let timeout_seconds = timeout_of(job);
    let due_at = now_ms + i64::from(timeout_seconds) * 1_000;
    let mut headers: BTreeMap<String, String> = BTreeMap::from([
        ("user-agent".into(), format!("Longshore/{}", settings.version)),
        ("content-type".into(), "application/json".into()),
    ]);
    headers.extend(origin::trace(job));
    headers.extend(endpoint_headers(job, settings)?);
    headers.extend([
        ("longshore-job".into(), job.id.clone()),
        ("longshore-kind".into(), job.kind.clone()),
        ("longshore-attempt".into(), job.attempt.to_string()),
        // Time by which the response is due: the timeout or the job's deadline, whichever is earlier.
        ("longshore-deadline".into(), rfc3339(job.deadline_at.map_or(due_at, |deadline| deadline.min(due_at)))),
    ]);
    origin::keep_together(&mut headers, job);
    headers.extend(signed(job, settings, now_ms, &body)?);
    Ok(HttpRequest {
        method: "POST".into(),
        url: target.url,
        service: target.service,
        headers: headers.into_iter().collect(),
        body,
        timeout: Duration::from_secs(u64::from(timeout_seconds)),
        response_bytes_max: settings.plan.evidence_body_bytes.max(RESULT_BYTES_MAX + 1),
    })
}

/// Returns the timeout of a claimed task's attempt in seconds, from its endpoint.
pub fn timeout_of(job: &Claimed) -> u32 {
    let asked = job.endpoint.as_ref().map(|endpoint| endpoint.timeout_seconds);
    asked.unwrap_or(TIMEOUT_SECONDS_DEFAULT).min(TASK_TIMEOUT_SECONDS_MAX)
}

/// Turns a 2xx response into an outcome.
pub fn judge(response: &HttpResponse) -> Outcome {
    let header = |name| response.header(name).map(str::trim);
    if response.status == 202 && header("longshore-completion") == Some("deferred") {
        let asked = header("longshore-completion-seconds").and_then(|value| value.parse().ok());
        let seconds: u32 = asked.unwrap_or(COMPLETION_SECONDS_DEFAULT).clamp(1, COMPLETION_SECONDS_MAX);
        return Outcome::Deferred { due_in: Duration::from_secs(u64::from(seconds)) };
    }
    // The status decides: any body is a success.
    let is_json = response.header("content-type").is_some_and(|text| names_media_type(text, JSON));
    Outcome::Succeeded { result: if is_json { JobResult::of_body(response) } else { JobResult::Empty } }
}

#[cfg(test)]
mod tests;
