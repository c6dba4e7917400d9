//! Job kinds: validation of payloads, the request that a payload becomes, and the outcome of a response. A kind is one
//! file in this folder and one arm in each match here. Kinds without a request run in [`crate::run`].

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

/// Job kinds that this build runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An HTTP request to any server, signed by Standard Webhooks.
    Webhook,
    /// A job type that the user defines.
    Task,
    /// A batch of texts to turn into vectors.
    Embed,
    /// A change of an index.
    Index,
}

/// Names of the kinds without a dot.
const BUILT_IN: [&str; 3] = ["webhook", "embed", "index"];

impl Kind {
    /// Returns the kind of this name.
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

/// Splits a large stored payload into an inline part and an object.
pub fn split(kind: &str, stored: String) -> Split {
    match Kind::named(kind) {
        Some(Kind::Webhook) => webhook::split(stored),
        Some(Kind::Task | Kind::Embed | Kind::Index) | None => Split { inline: None, object: Some(stored) },
    }
}

/// Joins the two parts of a split payload, byte for byte; `None` if they do not belong together.
pub fn join(kind: &str, inline: Option<&str>, object: Vec<u8>) -> Option<String> {
    let object = String::from_utf8(object).ok()?;
    match Kind::named(kind) {
        Some(Kind::Webhook) => webhook::join(inline?, &object),
        Some(Kind::Task | Kind::Embed | Kind::Index) | None => Some(object),
    }
}

/// True if the stored parts are the whole payload. A large payload is an object; a webhook also needs its inline part.
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

/// Seals the secrets of a checked payload for its tenant. `None` if the payload does not have the form of its kind.
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

/// True if jobs of this kind send signed requests.
pub(crate) fn is_signed(kind: &str) -> bool {
    matches!(Kind::named(kind), Some(Kind::Webhook | Kind::Task))
}

/// True if a `null` member of the payload means the same as an absent one. Only a task's payload is not interpreted.
pub(crate) fn null_is_none(kind: &str) -> bool {
    Kind::named(kind) != Some(Kind::Task)
}

/// Returns the stored payload as the API shows it: as it was written, on one line, with secret values hidden. Works on
/// the text, because a parsed value would take up to 20 times the memory.
pub fn shown(kind: &str, stored: &str) -> Option<Box<RawValue>> {
    let text = match Kind::named(kind) {
        Some(Kind::Webhook) => webhook::shown(stored)?,
        Some(Kind::Task | Kind::Embed | Kind::Index) | None => stored.to_owned(),
    };
    RawValue::from_string(on_one_line(text)).ok()
}

/// Builds the request of a claimed job: checks the destination again and signs the exact bytes. `object` is the stored
/// object of a large payload; the request body is a slice of it, without a copy.
///
/// # Errors
/// The outcome if the payload, the endpoint or a sealed value cannot be used; nothing is sent then.
pub fn prepare(job: &Claimed, object: Option<Bytes>, settings: &Settings, now_ms: i64) -> Result<HttpRequest, Outcome> {
    match Kind::named(&job.kind) {
        Some(Kind::Webhook) => webhook::prepare(job, object.as_ref(), settings, now_ms),
        Some(Kind::Task) => task::prepare(job, object, settings, now_ms),
        Some(Kind::Embed | Kind::Index) | None => Err(unknown(&job.kind)),
    }
}

/// Returns the outcome of a kind that this build does not know, accepted by another version.
fn unknown(kind: &str) -> Outcome {
    Outcome::failed(ErrorClass::Config, format!("This build does not know the kind {kind:?}."))
}

/// Returns the timeout of a claimed job's attempt in seconds.
pub fn timeout_of(job: &Claimed) -> u32 {
    match Kind::named(&job.kind) {
        Some(Kind::Task) => task::timeout_of(job),
        // A job with many calls takes longer and extends its lease by heartbeats. A job of an unknown kind sends
        // nothing.
        Some(Kind::Embed | Kind::Index) | None => TIMEOUT_SECONDS_DEFAULT,
        Some(Kind::Webhook) => webhook::timeout_of(job),
    }
}

/// Turns a response into an outcome. Only 2xx responses depend on the kind.
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
            // A challenge is not a request for time: its wait can only lengthen the schedule's wait.
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

/// True if Cloudflare's bot protection answered instead of the destination
/// (<https://developers.cloudflare.com/cloudflare-challenges/challenge-types/challenge-pages/detect-response/>).
fn is_challenge(response: &HttpResponse) -> bool {
    let mitigated = response.header("cf-mitigated").unwrap_or_default().trim();
    matches!(response.status, 403 | 429) && mitigated.eq_ignore_ascii_case("challenge")
}

/// Schemas of all payloads. The field is raw JSON, so that its bytes are kept; the OpenAPI document adds one schema per
/// kind.
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
