//! The request: a job as a caller submits it, checked completely before anything is written.

use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::kinds;
use crate::kinds::checked::{CheckedPayload, Split};
use crate::limits::plan::Plan;
use crate::limits::{
    DAY_MS, ENVELOPE_BYTES_MAX, KEY_WINDOW_SECONDS_DEFAULT, KEY_WINDOW_SECONDS_MAX, MAX_ATTEMPTS_MAX,
    METADATA_BYTES_MAX, RUN_AFTER_GRACE_MS, RUN_AFTER_MS_MAX, RUN_AFTER_SECONDS_MAX,
};
use crate::model::backoff::RetrySchedule;
use crate::model::job::mint_id;
use crate::model::origin::read_traceparent;
use crate::ports::Clock;
use crate::security::seal::nonce;
use crate::settings::Settings;
use crate::wire::canonical::{Level, canonical};
use crate::wire::checks::{check_name, read_time};
use crate::wire::idempotency::{check_key, digest_of_form};
use crate::wire::invalid::{InvalidField, Wrong, read};
use crate::wire::metadata::Metadata;
use crate::wire::problem::Problem;
use crate::wire::time::parse_rfc3339;
use crate::wire::values::{Whole, Word};

#[cfg(feature = "openapi")]
use crate::limits::IDEMPOTENCY_KEY_CHARS_MAX;

/// A job as a caller submits it.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "NewJob"))]
#[serde(deny_unknown_fields)]
pub(crate) struct JobRequest {
    /// Job kind.
    #[cfg_attr(feature = "openapi", schemars(schema_with = "crate::wire::schema::kind"))]
    kind: String,
    /// Payload of the job; its fields depend on the kind.
    #[cfg_attr(feature = "openapi", schemars(with = "crate::kinds::Payload"))]
    payload: Box<RawValue>,
    /// Endpoint that receives the webhook or task. A webhook may have a `url` in its payload instead.
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = crate::wire::schema::NAME)))]
    endpoint: Option<String>,
    /// A repeat with the same key, kind and endpoint within the window returns the same job. The `Idempotency-Key`
    /// header also sets it; this field wins.
    #[cfg_attr(feature = "openapi", schemars(length(min = 1, max = IDEMPOTENCY_KEY_CHARS_MAX)))]
    idempotency_key: Option<String>,
    /// Seconds that the key is kept; default one day.
    idempotency_window_seconds: Option<Whole<1, KEY_WINDOW_SECONDS_MAX>>,
    /// Earliest time to run, up to 366 days ahead.
    #[cfg_attr(feature = "openapi", schemars(with = "Option<crate::wire::time::Time>"))]
    run_after: Option<String>,
    /// Delay in seconds before the first attempt; an alternative to `run_after`.
    delay_seconds: Option<Whole<0, RUN_AFTER_SECONDS_MAX>>,
    /// Latest time to start an attempt. After it the job becomes a dead letter.
    #[cfg_attr(feature = "openapi", schemars(with = "Option<crate::wire::time::Time>"))]
    deadline_at: Option<String>,
    /// Number of attempts that may fail; default from the retry schedule.
    max_attempts: Option<Whole<1, MAX_ATTEMPTS_MAX>>,
    /// Waits between attempts; default from the endpoint.
    retry_schedule: Option<Word<RetrySchedule>>,
    /// `webhook-id` of every request; default is the job's id.
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = crate::wire::schema::NAME)))]
    event_id: Option<String>,
    /// Label to list and count jobs by.
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = crate::wire::schema::NAME)))]
    group: Option<String>,
    /// Trace that the job belongs to (W3C Trace Context); default is the request's header.
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = crate::wire::schema::TRACEPARENT)))]
    traceparent: Option<String>,
    /// Your own data, returned with the job: at most 2,048 bytes as JSON.
    metadata: Option<Metadata>,
}

/// A checked job, ready to insert. As JSON it is one item of the accept's parameter.
#[derive(Debug, Clone, Serialize)]
pub struct NewJob {
    pub(crate) index: usize,
    pub(crate) id: String,
    pub(crate) created_at: i64,
    pub(crate) kind: String,
    pub(crate) endpoint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) payload: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) payload_bytes: Option<usize>,
    /// Bulk of a large payload, stored as an object before the row is inserted.
    #[serde(skip)]
    pub(crate) object: Option<String>,
    /// True if the payload has secrets that [`NewJob::seal_secrets`] must still seal. Such a job is never stored.
    #[serde(skip)]
    pub(crate) is_unsealed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) idempotency_key: Option<String>,
    pub(crate) key_window_ms: i64,
    pub(crate) digest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) scheduled_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) deadline_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_attempts: Option<u32>,
    pub(crate) max_attempts_default: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) backoff: Option<RetrySchedule>,
    pub(crate) backoff_default: RetrySchedule,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) event_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) group: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) metadata: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) traceparent: Option<String>,
    /// Reason to refuse the job, unless its idempotency key already belongs to a job. A job with such a reason has a
    /// key and no payload. The database gets only a flag.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_flag")]
    pub refused_if_new: Option<Problem>,
}

#[allow(clippy::ref_option, reason = "the signature that serde requires")]
fn as_flag<S: Serializer>(_refused: &Option<Problem>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u8(1)
}

/// Checks one job of a request. `index` is its position in a batch, `key` the idempotency key from the request.
///
/// An invalid form is always an error. A field that is wrong only now (by the time, the settings or the plan) does not
/// matter if the job exists already: with a key, the problem becomes [`NewJob::refused_if_new`].
///
/// # Errors
/// A problem that names every wrong field. Nothing was written.
pub fn check<C: Clock>(
    clock: &C,
    settings: &Settings,
    bytes: &[u8],
    index: usize,
    key: Option<String>,
) -> Result<NewJob, Problem> {
    check_written(clock, settings, bytes, index, key, None)
}

/// Checks like [`check`]. `form` is the caller's original text if `bytes` were generated from it.
pub(crate) fn check_written<C: Clock>(
    clock: &C,
    settings: &Settings,
    bytes: &[u8],
    index: usize,
    key: Option<String>,
    form: Option<&[&[u8]]>,
) -> Result<NewJob, Problem> {
    let too_long = check_request_length(bytes, &settings.plan).err();
    let request: JobRequest = read(bytes, "#").map_err(|wrong| too_long.clone().unwrap_or(wrong.into()))?;
    let idempotency_key = request.idempotency_key.clone().or(key);
    let too_large = check_length(&request.payload, &settings.plan).err().or(too_long);
    if let (Some(too_large), None) = (&too_large, &idempotency_key) {
        return Err(too_large.clone());
    }
    let now = clock.now_ms();
    let judged = request.judge(settings, now);
    let (scheduled_at, payload, refused) = judged.map_err(|wrong| too_large.clone().unwrap_or(wrong))?;
    if let Some(key) = &idempotency_key {
        check_key(key).map_err(|error| Problem::InvalidIdempotencyKey(error.to_string()))?;
    }
    let mut refused_if_new = too_large.or(refused);
    let mut kept = Split { inline: None, object: None };
    if refused_if_new.is_none() {
        match split(&request.kind, payload.stored, &request.payload, &settings.plan) {
            Ok(whole) => kept = whole,
            Err(too_large) => refused_if_new = Some(too_large),
        }
    }
    if let (Some(refusal), None) = (&refused_if_new, &idempotency_key) {
        return Err(refusal.clone());
    }
    let digest = form.map_or_else(|| digest_of_form(&[&form_of(bytes, &request.kind)]), digest_of_form);
    let window = request.idempotency_window_seconds.map_or(KEY_WINDOW_SECONDS_DEFAULT, Whole::get);
    let (backoff, backoff_default) = (request.retry_schedule.map(|word| word.0), RetrySchedule::WebhookStandard);
    let is_unsealed = !payload.is_plain && refused_if_new.is_none();
    Ok(NewJob {
        index,
        id: mint_id(now, clock.random()),
        created_at: now,
        kind: request.kind,
        endpoint: request.endpoint.unwrap_or_default(),
        payload: kept.inline,
        payload_bytes: kept.object.as_ref().map(String::len),
        object: kept.object,
        is_unsealed,
        idempotency_key,
        key_window_ms: i64::from(window) * 1_000,
        digest,
        scheduled_at,
        deadline_at: request.deadline_at.as_deref().and_then(parse_rfc3339),
        // A retry schedule in the request sets its own number of attempts, also with an endpoint.
        max_attempts: request.max_attempts.map(Whole::get).or(backoff.map(RetrySchedule::max_attempts)),
        max_attempts_default: backoff.unwrap_or(backoff_default).max_attempts(),
        backoff,
        backoff_default,
        event_id: request.event_id,
        group: request.group,
        metadata: request.metadata.as_ref().map(Metadata::of_job),
        traceparent: request.traceparent.as_deref().and_then(read_traceparent),
        refused_if_new,
    })
}

/// Returns the text that two requests with one key must share: the canonical JSON of the request, without the key
/// itself, the trace, and members that are null.
fn form_of(bytes: &[u8], kind: &str) -> Vec<u8> {
    let null_is_none = kinds::null_is_none(kind);
    canonical(bytes, |level, name, value| match level {
        Level::Document => value == b"null" || name == b"idempotency_key" || name == b"traceparent",
        // A webhook's body may be null.
        Level::Payload => null_is_none && value == b"null" && name != b"body",
        Level::Deeper => false,
    })
}

impl NewJob {
    /// Seals the secrets in the payload for the tenant.
    ///
    /// # Errors
    /// `Internal` if the payload is missing, which is a bug.
    pub fn seal_secrets<C: Clock>(&mut self, clock: &C, settings: &Settings, tenant: &str) -> Result<(), Problem> {
        if self.is_unsealed {
            let stored = self.payload.as_deref().ok_or(Problem::Internal)?;
            let sealed = kinds::seal_secrets(&self.kind, stored, settings, tenant, &mut || nonce(clock));
            self.payload = Some(sealed.ok_or(Problem::Internal)?);
            self.is_unsealed = false;
        }
        Ok(())
    }
}

/// Sorts the ids of one request's jobs, with the times in them, into the order of the jobs. Of two changes of one
/// document the one with the greater id wins, and ids of the same millisecond are random.
///
/// Call it before an object is stored under such an id.
pub fn in_order<'a>(jobs: impl IntoIterator<Item = &'a mut NewJob>) {
    let mut jobs: Vec<_> = jobs.into_iter().collect();
    let mut minted: Vec<_> = jobs.iter_mut().map(|job| (std::mem::take(&mut job.id), job.created_at)).collect();
    minted.sort_unstable();
    for (job, (id, created_at)) in jobs.into_iter().zip(minted) {
        (job.id, job.created_at) = (id, created_at);
    }
}

/// Refuses a request of one job that is larger than the deployment accepts.
pub(crate) fn check_request_length(bytes: &[u8], plan: &Plan) -> Result<(), Problem> {
    let most = plan.payload_bytes_max + ENVELOPE_BYTES_MAX;
    if bytes.len() <= most {
        return Ok(());
    }
    Err(Problem::too_large("A job", most, bytes.len()))
}

/// Refuses a payload that is larger than the deployment accepts.
pub(crate) fn check_length(payload: &RawValue, plan: &Plan) -> Result<(), Problem> {
    let most = plan.payload_bytes_max;
    if payload.get().len() <= most {
        return Ok(());
    }
    Err(Problem::too_large("`payload`", most, payload.get().len()))
}

/// Splits a large payload into an inline part and an object.
///
/// # Errors
/// `TooLarge` if the part that must be inline is too large.
pub(crate) fn split(kind: &str, stored: String, payload: &RawValue, plan: &Plan) -> Result<Split, Problem> {
    let most = plan.payload_inline_bytes;
    if payload.get().len() <= most {
        return Ok(Split { inline: Some(stored), object: None });
    }
    let split = kinds::split(kind, stored);
    if let Some(inline) = split.inline.as_ref().filter(|inline| inline.len() > most) {
        return Err(Problem::too_large("A webhook's `payload` without its body", most, inline.len()));
    }
    Ok(split)
}

impl JobRequest {
    /// Returns the scheduled time, the checked payload, and the problem of a job that is wrong only now.
    fn judge(&self, settings: &Settings, now: i64) -> Result<(Option<i64>, CheckedPayload, Option<Problem>), Problem> {
        let mut wrong = Wrong::default();
        let scheduled_at = self.scheduled_at(now, &mut wrong);
        self.check_deadline(now, scheduled_at, &mut wrong);
        self.check_settings(&mut wrong);
        let payload = match kinds::check(&self.kind, &self.payload, self.endpoint.as_deref(), settings) {
            Err(Problem::InvalidRequest(fields)) => {
                for field in fields {
                    wrong.form(field);
                }
                None
            }
            other => Some(other?),
        };
        let of_now = payload.iter().flat_map(|payload| &payload.refused_if_new).cloned();
        of_now.for_each(|field| wrong.now(field));
        let fields = wrong.judge().map_err(Problem::InvalidRequest)?;
        let refused = (!fields.is_empty()).then_some(Problem::InvalidRequest(fields));
        let scheduled_at = scheduled_at.filter(|at| *at > now);
        Ok((scheduled_at, payload.ok_or(Problem::Internal)?, refused))
    }

    /// Returns the earliest time to run, which may be in the past.
    fn scheduled_at(&self, now: i64, wrong: &mut Wrong) -> Option<i64> {
        match (&self.run_after, self.delay_seconds) {
            (None, None) => None,
            (Some(_), Some(_)) => {
                let detail = "cannot be combined with `run_after`; give one of them";
                wrong.form(InvalidField::of("#/delay_seconds", "either-or", detail));
                None
            }
            (None, Some(seconds)) => {
                seconds.check("#/delay_seconds").into_iter().for_each(|field| wrong.form(field));
                Some(now + i64::from(seconds.get()) * 1_000)
            }
            (Some(text), None) => {
                let at = time(text, "#/run_after", wrong)?;
                check_within_a_year(at, now, "#/run_after", wrong);
                Some(at)
            }
        }
    }

    fn check_deadline(&self, now: i64, scheduled_at: Option<i64>, wrong: &mut Wrong) {
        let Some(at) = self.deadline_at.as_ref().and_then(|text| time(text, "#/deadline_at", wrong)) else { return };
        let detail = match (&self.run_after, self.delay_seconds) {
            _ if at <= now => "must be in the future",
            (None, Some(_)) => "must be later than `delay_seconds` lets the job run",
            _ => "must be after `run_after`",
        };
        let in_the_past = InvalidField::of("#/deadline_at", "in-the-past", detail);
        // Two absolute times that contradict each other are wrong on every day.
        if self.run_after.is_some() && scheduled_at.is_some_and(|scheduled_at| at <= scheduled_at) {
            wrong.form(in_the_past);
        } else if at <= scheduled_at.unwrap_or(now).max(now) {
            wrong.now(in_the_past);
        }
        check_within_a_year(at.max(now), now, "#/deadline_at", wrong);
    }

    fn check_settings(&self, wrong: &mut Wrong) {
        let mut errors = Vec::new();
        errors.extend(self.max_attempts.and_then(|attempts| attempts.check("#/max_attempts")));
        let window = self.idempotency_window_seconds;
        errors.extend(window.and_then(|seconds| seconds.check("#/idempotency_window_seconds")));
        for (pointer, name) in
            [("#/endpoint", &self.endpoint), ("#/event_id", &self.event_id), ("#/group", &self.group)]
        {
            errors.extend(name.as_ref().and_then(|name| check_name(pointer, name)));
        }
        if self.traceparent.as_ref().is_some_and(|text| read_traceparent(text).is_none()) {
            let detail =
                "must be 00-, 32 hex digits, -, 16 hex digits, - and 2 hex digits, in lower case and not all zeros";
            errors.push(InvalidField::of("#/traceparent", "invalid-traceparent", detail));
        }
        if let Some(metadata) = &self.metadata {
            metadata.check("#/metadata", METADATA_BYTES_MAX, &mut errors);
            metadata.check_subject("#/metadata", &mut errors);
        }
        for field in errors {
            wrong.form(field);
        }
    }
}

fn time(text: &str, pointer: &str, wrong: &mut Wrong) -> Option<i64> {
    read_time(pointer, text).map_err(|field| wrong.form(field)).ok()
}

fn check_within_a_year(at: i64, now: i64, pointer: &str, wrong: &mut Wrong) {
    if at < now - RUN_AFTER_GRACE_MS {
        let seconds = RUN_AFTER_GRACE_MS / 1_000;
        let detail = format!("must be at most {seconds} s in the past; leave it out to run now");
        wrong.now(InvalidField::of(pointer, "in-the-past", detail));
    }
    if at > now + RUN_AFTER_MS_MAX {
        let detail = format!("must be at most {} days ahead", RUN_AFTER_MS_MAX / DAY_MS);
        wrong.now(InvalidField::of(pointer, "too-far-ahead", detail));
    }
}

#[cfg(test)]
mod tests;
