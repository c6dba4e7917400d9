//! The kinds of job: what a payload must be, what request it becomes, how an answer is judged. A kind is one file beside this one
//! and one arm in each match here. Kinds that send no request of their own run in [`crate::run`].

pub mod checked;
pub mod embed;
pub mod index;
pub mod target;
pub mod task;
pub mod webhook;

use bytes::Bytes;
use serde_json::value::RawValue;

use crate::kinds::checked::{CheckedPayload, Split};
use crate::limits::TIMEOUT_SECONDS_DEFAULT;
use crate::model::backoff::parse_retry_after;
use crate::model::claimed::Claimed;
use crate::model::outcome::{ErrorClass, Outcome, RetryAfter};
use crate::ports::{HttpError, HttpRequest, HttpResponse};
use crate::settings::Settings;
use crate::wire::invalid::InvalidField;
use crate::wire::phrase::{did_you_mean, listed, word};
use crate::wire::problem::Problem;
use crate::wire::raw::on_one_line;

/// The kinds this build runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An HTTP request to somebody else's server, signed by Standard Webhooks.
    Webhook,
    /// A kind of the user's own.
    Task,
    /// Texts that become vectors.
    Embed,
    /// A document of an index that comes or goes.
    Index,
}

/// The kinds whose names have no dot.
const BUILT_IN: [&str; 3] = ["webhook", "embed", "index"];

impl Kind {
    /// The kind of that name.
    pub fn named(name: &str) -> Option<Kind> {
        match name {
            "webhook" => Some(Kind::Webhook),
            "embed" => Some(Kind::Embed),
            "index" => Some(Kind::Index),
            _ if task::is_task_name(name) => Some(Kind::Task),
            _ => None,
        }
    }
}

/// Splits a large payload as its kind stored it.
pub fn split(kind: &str, stored: String) -> Split {
    match Kind::named(kind) {
        Some(Kind::Webhook) => webhook::split(stored),
        Some(Kind::Task | Kind::Embed | Kind::Index) | None => Split { inline: None, object: Some(stored) },
    }
}

/// The payload that was split into these two, byte for byte; `None` when they are not what was stored.
pub fn join(kind: &str, inline: Option<&str>, object: Vec<u8>) -> Option<String> {
    let object = String::from_utf8(object).ok()?;
    match Kind::named(kind) {
        Some(Kind::Webhook) => webhook::join(inline?, &object),
        Some(Kind::Task | Kind::Embed | Kind::Index) | None => Some(object),
    }
}

/// Whether what is stored of a payload is all of it: a large one is an object, beside which a webhook has the rest inline.
pub(crate) fn is_whole(kind: &str, has_inline: bool, has_object: bool) -> bool {
    match Kind::named(kind) {
        Some(Kind::Webhook) => has_inline,
        Some(Kind::Task | Kind::Embed | Kind::Index) | None => has_inline || has_object,
    }
}

/// Checks a payload of the kind named `kind`, and the `endpoint` that the job names.
///
/// # Errors
/// A problem that names every wrong field, if the form of one is wrong.
pub fn check(
    kind: &str,
    payload: &RawValue,
    endpoint: Option<&str>,
    settings: &Settings,
) -> Result<CheckedPayload, Problem> {
    match (Kind::named(kind), endpoint) {
        (Some(Kind::Webhook), endpoint) => webhook::check(payload, endpoint, settings),
        (Some(Kind::Task), endpoint) => task::check(payload, endpoint),
        (Some(Kind::Embed), None) => embed::check(payload, settings),
        (Some(Kind::Index), None) => index::check(payload),
        (Some(Kind::Embed | Kind::Index), Some(_)) => {
            let detail = format!("cannot be given for the kind `{kind}`; remove it");
            Err(Problem::field("#/endpoint", "either-or", detail))
        }
        (None, _) => {
            let named = word(kind).map_or("Unknown kind".to_owned(), |kind| format!("Unknown kind {kind}"));
            let more = did_you_mean(kind, BUILT_IN).unwrap_or_else(|| {
                format!("; use {}, or the name of a task, such as `image.resize`", listed(BUILT_IN))
            });
            let detail = format!("{named}{more}");
            Err(Problem::InvalidRequest(vec![InvalidField::new("#/kind", "unknown-kind", detail)]))
        }
    }
}

/// Seals what is secret in a checked payload for its tenant. `None` when the payload is none of that kind.
pub(crate) fn seal_secrets(
    kind: &str,
    stored: &str,
    settings: &Settings,
    tenant: &str,
    nonce: &mut impl FnMut() -> [u8; 12],
) -> Option<String> {
    match Kind::named(kind) {
        Some(Kind::Webhook) => webhook::seal_secrets(stored, settings, tenant, nonce),
        Some(Kind::Task | Kind::Embed | Kind::Index) | None => Some(stored.to_owned()),
    }
}

/// Whether jobs of that kind send requests that are signed.
pub(crate) fn is_signed(kind: &str) -> bool {
    matches!(Kind::named(kind), Some(Kind::Webhook | Kind::Task))
}

/// Whether a member of that kind's payload that is `null` says the same as none: all but a task's payload are Longshore's to read.
pub(crate) fn null_is_none(kind: &str) -> bool {
    Kind::named(kind) != Some(Kind::Task)
}

/// The stored payload as the API shows it, as it was written and on one line: secret values are hidden. It takes no more memory
/// than the payload: the value of megabytes would be twenty times as large.
pub fn shown(kind: &str, stored: &str) -> Option<Box<RawValue>> {
    let text = match Kind::named(kind) {
        Some(Kind::Webhook) => webhook::shown(stored)?,
        Some(Kind::Task | Kind::Embed | Kind::Index) | None => stored.to_owned(),
    };
    RawValue::from_string(on_one_line(text)).ok()
}

/// Makes the request of a claimed job: the destination is checked again, the exact bytes are signed. `object` is what is stored of a
/// large payload beside the row; the body of the request is a part of it, and is not copied.
///
/// # Errors
/// When the payload, the endpoint or a sealed value cannot be used; nothing is sent then.
pub fn prepare(job: &Claimed, object: Option<Bytes>, settings: &Settings, now_ms: i64) -> Result<HttpRequest, Outcome> {
    match Kind::named(&job.kind) {
        Some(Kind::Webhook) => webhook::prepare(job, object.as_ref(), settings, now_ms),
        Some(Kind::Task) => task::prepare(job, object, settings, now_ms),
        Some(Kind::Embed | Kind::Index) | None => Err(unknown(&job.kind)),
    }
}

/// The outcome for a kind that this build does not know: another version accepted the job.
fn unknown(kind: &str) -> Outcome {
    Outcome::failed(ErrorClass::Config, format!("This build does not know the kind {kind:?}."))
}

/// How many seconds the attempt of a claimed job may take.
pub fn timeout_of(job: &Claimed) -> u32 {
    match Kind::named(&job.kind) {
        Some(Kind::Task) => task::timeout_of(job),
        // One of many calls takes longer, and lives on heartbeats. Of an unknown kind nothing is sent.
        Some(Kind::Embed | Kind::Index) | None => TIMEOUT_SECONDS_DEFAULT,
        Some(Kind::Webhook) => webhook::timeout_of(job),
    }
}

/// Judges what came back: what is not 2xx is the same for all kinds.
pub fn judge(job: &Claimed, answer: &Result<HttpResponse, HttpError>, now_ms: i64) -> Outcome {
    match answer {
        Ok(response) if (200..300).contains(&response.status) => match Kind::named(&job.kind) {
            Some(Kind::Task) => task::judge(response),
            Some(Kind::Webhook) => webhook::judge(response),
            Some(Kind::Embed | Kind::Index) | None => unknown(&job.kind),
        },
        Ok(response) if is_challenge(response) => {
            let message = format!(
                "A bot protection answered {} with a challenge, which only a browser can pass: let these requests skip it, for \
                 example by a rule for their path or their User-Agent.",
                response.status
            );
            // It asks for no time: a wait only lengthens that of the schedule.
            let wait = response.header("retry-after").and_then(|value| parse_retry_after(value, now_ms));
            Outcome::Failed { class: ErrorClass::Challenged, message, retry_after: wait.map(RetryAfter::AtLeast) }
        }
        Ok(response) => {
            let retry_after =
                response.header("retry-after").and_then(|value| parse_retry_after(value, now_ms)).map(|wait| {
                    match response.status {
                        429 | 503 => RetryAfter::Deferral(wait),
                        _ => RetryAfter::AtLeast(wait),
                    }
                });
            let message = format!("The destination answered {}.", response.status);
            Outcome::Failed { class: ErrorClass::of_status(response.status), message, retry_after }
        }
        Err(error) => {
            let message = error.to_string();
            let class = match error {
                HttpError::Timeout(_) | HttpError::Unfinished { .. } => ErrorClass::Timeout,
                HttpError::Dns(_) => ErrorClass::Dns,
                HttpError::Connect(_) => ErrorClass::Connect,
                HttpError::Tls(_) => ErrorClass::Tls,
                HttpError::NoService(_) => return Outcome::Unconfigured { message },
                HttpError::Unsendable(_) => ErrorClass::Handler,
            };
            Outcome::failed(class, message)
        }
    }
}

/// Whether Cloudflare's bot protection answered in place of the destination
/// (<https://developers.cloudflare.com/cloudflare-challenges/challenge-types/challenge-pages/detect-response/>).
fn is_challenge(response: &HttpResponse) -> bool {
    let mitigated = response.header("cf-mitigated").unwrap_or_default().trim();
    matches!(response.status, 403 | 429) && mitigated.eq_ignore_ascii_case("challenge")
}

/// The schemas of all payloads. The field itself is JSON that keeps its own bytes; the document gives each kind its own.
#[cfg(feature = "openapi")]
pub(crate) enum Payload {}

#[cfg(feature = "openapi")]
impl schemars::JsonSchema for Payload {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Payload".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        generator.subschema_for::<webhook::Webhook>();
        generator.subschema_for::<embed::Embed>();
        generator.subschema_for::<index::IndexPayload>();
        schemars::json_schema!({})
    }
}
