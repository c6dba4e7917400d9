//! The request: a job as a caller asks for it, checked whole before anything is written.

use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use crate::backoff::Schedule;
use crate::idempotency::{check_key, digest};
use crate::invalid::{InvalidField, is_name, read};
use crate::job::mint_id;
use crate::jobs::{self, Split};
#[cfg(feature = "openapi")]
use crate::limits::IDEMPOTENCY_KEY_BYTES_MAX;
use crate::limits::{KEY_WINDOW_SECONDS_DEFAULT, KEY_WINDOW_SECONDS_MAX, MAX_ATTEMPTS_MAX, METADATA_BYTES_MAX};
use crate::limits::{RUN_AFTER_GRACE_MS, RUN_AFTER_MS_MAX};
use crate::metadata::Metadata;
use crate::operate::nonce;
use crate::origin::is_traceparent;
use crate::plan::Plan;
use crate::ports::Clock;
use crate::problem::Problem;
use crate::raw::canonical;
use crate::settings::Settings;
use crate::time::parse_rfc3339;

/// A job as a caller asks for it.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "NewJob"))]
#[serde(deny_unknown_fields)]
pub(crate) struct JobRequest {
    /// What it does.
    #[cfg_attr(feature = "openapi", schemars(with = "crate::openapi::KindName"))]
    kind: String,
    /// What its kind needs.
    #[cfg_attr(feature = "openapi", schemars(with = "crate::openapi::Payload"))]
    payload: Box<RawValue>,
    /// The endpoint of a task; a webhook names its own in the payload.
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = crate::openapi::NAME)))]
    endpoint: Option<String>,
    /// The same key again, for the same kind and endpoint within the window, is the same job. It may also be given in
    /// the Idempotency-Key header; this one wins.
    #[cfg_attr(feature = "openapi", schemars(length(min = 1, max = IDEMPOTENCY_KEY_BYTES_MAX)))]
    idempotency_key: Option<String>,
    /// How long the key holds; a day when nothing is said.
    #[cfg_attr(feature = "openapi", schemars(range(min = 1, max = KEY_WINDOW_SECONDS_MAX)))]
    idempotency_window_seconds: Option<u32>,
    /// Not before this time, up to 366 days ahead.
    #[cfg_attr(feature = "openapi", schemars(with = "Option<crate::openapi::Time>"))]
    run_after: Option<String>,
    /// Not before this many seconds from now; instead of `run_after`.
    #[cfg_attr(feature = "openapi", schemars(range(max = RUN_AFTER_MS_MAX / 1_000)))]
    delay_seconds: Option<u32>,
    /// No attempt starts after this time; the job is a dead letter then.
    #[cfg_attr(feature = "openapi", schemars(with = "Option<crate::openapi::Time>"))]
    deadline_at: Option<String>,
    /// Attempts that may fail; the schedule's own number when nothing is said.
    #[cfg_attr(feature = "openapi", schemars(range(min = 1, max = MAX_ATTEMPTS_MAX)))]
    max_attempts: Option<u32>,
    /// The waits between attempts; the endpoint's when nothing is said.
    retry_schedule: Option<Schedule>,
    /// The `webhook-id` of every send; the job's own id when nothing is said.
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = crate::openapi::NAME)))]
    event_id: Option<String>,
    /// A name to list jobs by.
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = crate::openapi::NAME)))]
    group: Option<String>,
    /// The trace it belongs to, as in W3C Trace Context; the request's own header when nothing is said.
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = crate::openapi::TRACEPARENT)))]
    traceparent: Option<String>,
    /// Anything of the caller's, shown with the job: at most 2,048 bytes as JSON.
    #[cfg_attr(feature = "openapi", schemars(with = "Option<serde_json::Map<String, serde_json::Value>>"))]
    metadata: Option<Metadata>,
}

/// A job that was checked and may be inserted; as JSON, an item of the accept's parameter.
#[derive(Debug, Clone, Serialize)]
pub struct NewJob {
    pub(crate) index: usize,
    pub(crate) id: String,
    pub(crate) created_at: i64,
    pub(crate) kind: String,
    pub(crate) endpoint: String,
    pub(crate) payload: Option<String>,
    pub(crate) payload_bytes: Option<usize>,
    /// The bulk of a large payload, which is put before the row is inserted.
    #[serde(skip)]
    pub(crate) object: Option<String>,
    /// Whether its payload has secrets that [`NewJob::seal_secrets`] has not sealed yet; no such job is stored.
    #[serde(skip)]
    pub(crate) is_unsealed: bool,
    pub(crate) idempotency_key: Option<String>,
    pub(crate) key_window_ms: i64,
    pub(crate) digest: String,
    pub(crate) scheduled_at: Option<i64>,
    pub(crate) deadline_at: Option<i64>,
    pub(crate) max_attempts: Option<u32>,
    pub(crate) max_attempts_default: u32,
    pub(crate) backoff: Option<Schedule>,
    pub(crate) backoff_default: Schedule,
    pub(crate) event_id: Option<String>,
    pub(crate) group: Option<String>,
    pub(crate) metadata: Option<String>,
    pub(crate) traceparent: Option<String>,
}

/// Checks one job of a request. `index` is its place in a batch, `key` the idempotency key that the request gives it.
///
/// # Errors
/// A problem that names every wrong field; nothing was written.
pub fn check<C: Clock>(
    clock: &C,
    settings: &Settings,
    bytes: &[u8],
    index: usize,
    key: Option<String>,
) -> Result<NewJob, Problem> {
    let request: JobRequest = read(bytes, "#")?;
    check_length(&request.payload, &settings.plan)?;
    let now = clock.now_ms();
    let mut errors = Vec::new();
    let scheduled_at = request.scheduled_at(now, &mut errors);
    let deadline_at = request.deadline_at(now, scheduled_at, &mut errors);
    request.check_settings(&mut errors);
    let endpoint = request.endpoint.as_deref();
    let payload = match jobs::check(&request.kind, &request.payload, endpoint, settings) {
        Err(Problem::InvalidRequest(fields)) => {
            errors.extend(fields);
            return Err(Problem::InvalidRequest(errors));
        }
        other => other?,
    };
    if !errors.is_empty() {
        return Err(Problem::InvalidRequest(errors));
    }
    let idempotency_key = request.idempotency_key.clone().or(key);
    if let Some(key) = &idempotency_key {
        check_key(key).map_err(|error| Problem::InvalidIdempotencyKey(error.to_string()))?;
    }
    let window = request.idempotency_window_seconds.unwrap_or(KEY_WINDOW_SECONDS_DEFAULT);
    let metadata = request.metadata.as_ref().map(Metadata::of_job);
    let digest = request.digest(&payload.canonical, metadata.as_deref());
    let backoff_default = Schedule::WebhookStandard;
    let is_unsealed = !payload.is_plain;
    let Split { inline, object } = split(&request.kind, payload.stored, &request.payload, &settings.plan)?;
    Ok(NewJob {
        index,
        id: mint_id(now, clock.random()),
        created_at: now,
        kind: request.kind,
        endpoint: payload.endpoint,
        payload: inline,
        payload_bytes: object.as_ref().map(String::len),
        object,
        is_unsealed,
        idempotency_key,
        key_window_ms: i64::from(window) * 1_000,
        digest,
        scheduled_at,
        deadline_at,
        // A schedule of the job's own comes with its own number of attempts, also at an endpoint.
        max_attempts: request.max_attempts.or(request.retry_schedule.map(Schedule::max_attempts)),
        max_attempts_default: request.retry_schedule.unwrap_or(backoff_default).max_attempts(),
        backoff: request.retry_schedule,
        backoff_default,
        event_id: request.event_id,
        group: request.group,
        metadata,
        traceparent: request.traceparent,
    })
}

impl NewJob {
    /// Seals the secrets in its payload for its tenant.
    ///
    /// # Errors
    /// `Internal` when the payload is none, which is a bug of ours.
    pub fn seal_secrets<C: Clock>(&mut self, clock: &C, settings: &Settings, tenant: &str) -> Result<(), Problem> {
        if self.is_unsealed {
            let stored = self.payload.as_deref().ok_or(Problem::Internal)?;
            let sealed = jobs::seal_secrets(&self.kind, stored, settings, tenant, &mut || nonce(clock));
            self.payload = Some(sealed.ok_or(Problem::Internal)?);
            self.is_unsealed = false;
        }
        Ok(())
    }
}

/// Gives jobs of one request their ids, with the times that are in them, in the order of their places: of two changes of one
/// document the one with the greater id stands, and ids of one millisecond are in no order of their own.
///
/// To be done before an object is put by such an id.
pub fn in_order<'a>(jobs: impl IntoIterator<Item = &'a mut NewJob>) {
    let mut jobs: Vec<_> = jobs.into_iter().collect();
    let mut minted: Vec<_> = jobs.iter_mut().map(|job| (std::mem::take(&mut job.id), job.created_at)).collect();
    minted.sort_unstable();
    for (job, (id, created_at)) in jobs.into_iter().zip(minted) {
        (job.id, job.created_at) = (id, created_at);
    }
}

/// Refuses a payload that is larger than the deployment takes.
pub(crate) fn check_length(payload: &RawValue, plan: &Plan) -> Result<(), Problem> {
    let most = plan.payload_bytes_max;
    if payload.get().len() <= most {
        return Ok(());
    }
    Err(Problem::TooLarge(format!("A payload has at most {most} bytes.")))
}

/// Splits what was stored of a payload, if that is large.
///
/// # Errors
/// `TooLarge` when what must be inline is large, too.
pub(crate) fn split(kind: &str, stored: String, payload: &RawValue, plan: &Plan) -> Result<Split, Problem> {
    let most = plan.payload_inline_bytes;
    if payload.get().len() <= most {
        return Ok(Split { inline: Some(stored), object: None });
    }
    let split = jobs::split(kind, stored);
    if split.inline.as_ref().is_some_and(|inline| inline.len() > most) {
        return Err(Problem::TooLarge(format!("A webhook's payload has at most {most} bytes without its body.")));
    }
    Ok(split)
}

impl JobRequest {
    fn scheduled_at(&self, now: i64, errors: &mut Vec<InvalidField>) -> Option<i64> {
        let (at, pointer) = match (&self.run_after, self.delay_seconds) {
            (None, None) => return None,
            (Some(_), Some(_)) => {
                let detail = "Give either run_after or delay_seconds.";
                errors.push(InvalidField::new("#/delay_seconds", "either-or", detail));
                return None;
            }
            (None, Some(seconds)) => (now + i64::from(seconds) * 1_000, "#/delay_seconds"),
            (Some(text), None) => (time(text, "#/run_after", errors)?, "#/run_after"),
        };
        check_within_a_year(at, now, pointer, errors);
        Some(at).filter(|at| *at > now)
    }

    fn deadline_at(&self, now: i64, scheduled_at: Option<i64>, errors: &mut Vec<InvalidField>) -> Option<i64> {
        let at = time(self.deadline_at.as_ref()?, "#/deadline_at", errors)?;
        if at <= scheduled_at.unwrap_or(now) {
            let detail = "The deadline is not after the time at which the job may run.";
            errors.push(InvalidField::new("#/deadline_at", "in-the-past", detail));
        }
        check_within_a_year(at.max(now), now, "#/deadline_at", errors);
        Some(at)
    }

    fn check_settings(&self, errors: &mut Vec<InvalidField>) {
        let mut wrong = |field: &str, code, detail: String| errors.push(InvalidField::new(field, code, detail));
        if self.max_attempts.is_some_and(|attempts| !(1..=MAX_ATTEMPTS_MAX).contains(&attempts)) {
            wrong("#/max_attempts", "out-of-range", format!("A job has 1 to {MAX_ATTEMPTS_MAX} attempts."));
        }
        if self.idempotency_window_seconds.is_some_and(|seconds| !(1..=KEY_WINDOW_SECONDS_MAX).contains(&seconds)) {
            let detail = format!("A window is 1 to {KEY_WINDOW_SECONDS_MAX} seconds.");
            wrong("#/idempotency_window_seconds", "out-of-range", detail);
        }
        for (field, name) in [("#/event_id", &self.event_id), ("#/group", &self.group)] {
            if name.as_ref().is_some_and(|name| !is_name(name)) {
                wrong(field, "invalid-name", "A name is 1 to 64 of A-Z a-z 0-9 _ -.".into());
            }
        }
        if self.traceparent.as_ref().is_some_and(|text| !is_traceparent(text)) {
            let detail = "A traceparent is 00-<32 hex digits>-<16>-<2>, in lower case.";
            wrong("#/traceparent", "invalid-traceparent", detail.into());
        }
        if let Some(metadata) = &self.metadata {
            metadata.check("#/metadata", METADATA_BYTES_MAX, errors);
            metadata.check_subject("#/metadata", errors);
        }
    }

    /// Covers the canonical request without the key: what two requests with one key must share.
    fn digest(&self, canonical_payload: &str, metadata: Option<&str>) -> String {
        let rest = json!([
            self.run_after,
            self.delay_seconds,
            self.deadline_at,
            self.max_attempts,
            self.retry_schedule,
            self.event_id,
            self.group,
            self.idempotency_window_seconds,
        ])
        .to_string();
        digest(&[
            self.kind.as_bytes(),
            canonical_payload.as_bytes(),
            rest.as_bytes(),
            metadata.map(canonical).unwrap_or_default().as_bytes(),
        ])
    }
}

fn time(text: &str, pointer: &str, errors: &mut Vec<InvalidField>) -> Option<i64> {
    let parsed = parse_rfc3339(text);
    if parsed.is_none() {
        errors.push(InvalidField::new(pointer, "invalid-time", "A time is written as RFC 3339, 2026-11-02T08:00:00Z."));
    }
    parsed
}

fn check_within_a_year(at: i64, now: i64, pointer: &str, errors: &mut Vec<InvalidField>) {
    if at < now - RUN_AFTER_GRACE_MS {
        errors.push(InvalidField::new(pointer, "in-the-past", "The time is in the past."));
    }
    if at > now + RUN_AFTER_MS_MAX {
        errors.push(InvalidField::new(pointer, "too-far-ahead", "The time is more than 366 days ahead."));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A job with that id, minted then.
    fn job(index: usize, id: &str, created_at: i64) -> NewJob {
        NewJob {
            index,
            id: id.into(),
            created_at,
            kind: "index".into(),
            endpoint: String::new(),
            payload: Some(format!("payload {index}")),
            payload_bytes: None,
            object: None,
            is_unsealed: false,
            idempotency_key: None,
            key_window_ms: 0,
            digest: String::new(),
            scheduled_at: None,
            deadline_at: None,
            max_attempts: None,
            max_attempts_default: 1,
            backoff: None,
            backoff_default: Schedule::Once,
            event_id: None,
            group: None,
            metadata: None,
            traceparent: None,
        }
    }

    #[test]
    fn ids_are_in_the_order_of_the_request_and_keep_their_times() {
        let mut jobs = [job(0, "job_1C", 1), job(1, "job_1A", 1), job(2, "job_2B", 2), job(3, "job_1B", 1)];
        in_order(&mut jobs);
        let shown: Vec<_> =
            jobs.iter().map(|job| (job.index, job.id.as_str(), job.created_at, job.payload.as_deref())).collect();
        assert_eq!(
            shown,
            [
                (0, "job_1A", 1, Some("payload 0")),
                (1, "job_1B", 1, Some("payload 1")),
                (2, "job_1C", 1, Some("payload 2")),
                (3, "job_2B", 2, Some("payload 3")),
            ]
        );
        in_order(&mut []);
    }
}
