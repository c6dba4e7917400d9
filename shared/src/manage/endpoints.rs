//! Endpoints and their signing secrets: create, update, read, list, pause, resume, delete, rotate.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::json;
use url::Url;

use crate::kinds::target::{SEAL_PURPOSE, SERVICE_ORIGIN, endpoint_header};
use crate::limits::{
    ENDPOINT_CONNECTIONS_DEFAULT, ENDPOINT_CONNECTIONS_MAX, MAX_ATTEMPTS_MAX, SERVICE_PATH_BYTES_MAX,
    TASK_TIMEOUT_SECONDS_MAX, TIMEOUT_SECONDS_DEFAULT,
};
use crate::model::backoff::RetrySchedule;
use crate::model::endpoint::{EndpointRow, EvidencePolicy, PausedReason};
use crate::model::outcome::ErrorClass;
use crate::ports::{Clock, Database, Rows, Statement};
use crate::routes::Operation;
use crate::security::destination;
use crate::security::redact::{Redaction, is_pointer};
use crate::security::seal::{SealedFor, nonce, seal};
use crate::security::signing::{SealedSecret, SecretVersion, SigningSecret};
use crate::settings::Settings;
use crate::store::audit::{AuditNote, Operator, Target};
use crate::store::rows::{read_first, read_rows, unavailable};
use crate::store::secrets::{Owner, signing_now};
use crate::store::{batch, first_as, json_param, rows_as, secrets, sql};
use crate::wire::checks::check_name_of_path;
use crate::wire::headers::{Headers, check_headers};
use crate::wire::invalid::{InvalidField, read};
use crate::wire::problem::Problem;
use crate::wire::values::{Whole, Word, read_object};

/// An endpoint as callers write it. An absent field gets its default, also in an update.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "NewEndpoint"))]
#[serde(deny_unknown_fields)]
pub(crate) struct EndpointRequest {
    /// URL of the receiver: https on port 443 unless the deployment allows more.
    #[cfg_attr(feature = "openapi", schemars(length(max = crate::limits::URL_BYTES_MAX)))]
    url: Option<String>,
    /// Service binding of the consumer, instead of a URL: `HANDLER_` and capitals, digits or `_`.
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = "^HANDLER_[A-Z0-9_]{1,50}$")))]
    service: Option<String>,
    /// Path of requests to the service; default `/`.
    #[cfg_attr(feature = "openapi", schemars(length(max = SERVICE_PATH_BYTES_MAX)))]
    path: Option<String>,
    /// Headers of each request. All values are stored sealed.
    #[cfg_attr(feature = "openapi", schemars(schema_with = "crate::wire::schema::headers"))]
    #[serde(default)]
    headers: Headers,
    /// Timeout of an attempt in seconds; default 20.
    timeout_seconds: Option<Whole<1, TASK_TIMEOUT_SECONDS_MAX>>,
    /// Requests that one consumer invocation sends to the endpoint at once, from 1 to 5; default 2. Several invocations may
    /// run at the same time.
    connections: Option<Whole<1, ENDPOINT_CONNECTIONS_MAX>>,
    /// Waits between attempts; default `webhook-standard`.
    schedule: Option<Word<RetrySchedule>>,
    /// Number of attempts that may fail; default from the schedule.
    max_attempts: Option<Whole<1, MAX_ATTEMPTS_MAX>>,
    /// Attempts whose evidence is kept; default `full`.
    evidence: Option<Word<EvidencePolicy>>,
    /// True to keep the payload of a succeeded job until retention deletes the job, so that it can be sent again. Each
    /// attempt uses the setting from when it began. Default false.
    #[serde(default)]
    keep_payload: bool,
    /// Error classes that dead-letter a job at its first failure.
    #[serde(default)]
    dead_letter_on: Vec<Word<ErrorClass>>,
    /// Headers and body parts to hide in evidence, in addition to those that are always hidden.
    #[serde(default, deserialize_with = "read_object")]
    redact: Redaction,
}

impl EndpointRequest {
    /// Returns the normalized URL, or for a service the path.
    fn place(&self, settings: &Settings) -> Result<String, InvalidField> {
        let wrong = |pointer: &str, code, detail: &str| Err(InvalidField::of(pointer, code, detail));
        match (&self.url, &self.service, &self.path) {
            (Some(url), None, None) => match destination::check(url, &settings.private_destinations) {
                Ok(destination) => Ok(destination.url.into()),
                Err(error) => wrong("#/url", error.code(), &error.to_string()),
            },
            (Some(_), Some(_), _) => wrong("#/service", "either-or", "cannot be combined with `url`; give one of them"),
            (Some(_), None, Some(_)) => {
                wrong("#/path", "either-or", "cannot be combined with `url`; it belongs to a `service`")
            }
            (None, None, _) => wrong("#/url", "missing-field", "or `service` is required"),
            (None, Some(service), _) if !is_service(service) => {
                let detail = "must be the name of a binding: HANDLER_ and 1 to 50 of A-Z 0-9 _";
                wrong("#/service", "invalid-name", detail)
            }
            (None, Some(_), path) => {
                let path = path.as_deref().unwrap_or("/");
                let detail = format!("must begin with one `/` and have at most {SERVICE_PATH_BYTES_MAX} bytes");
                service_path(path).map_or_else(|| wrong("#/path", "invalid-path", &detail), Ok)
            }
        }
    }

    /// Checks all fields and returns the URL or path.
    fn check(&self, id: &str, settings: &Settings) -> Result<String, Problem> {
        let mut errors = Vec::new();
        errors.extend(check_name_of_path(id));
        errors.extend(self.timeout_seconds.and_then(|seconds| seconds.check("#/timeout_seconds")));
        errors.extend(self.connections.and_then(|connections| connections.check("#/connections")));
        errors.extend(self.max_attempts.and_then(|attempts| attempts.check("#/max_attempts")));
        for (index, pointer) in self.redact.body_pointers.iter().enumerate() {
            if !is_pointer(pointer) {
                let place = format!("#/redact/body_pointers/{index}");
                let detail = "must be a JSON Pointer (RFC 6901), such as `/card/number`";
                errors.push(InvalidField::of(place, "invalid-pointer", detail));
            }
        }
        check_headers(&self.headers, "#/headers", &mut errors);
        match self.place(settings) {
            Ok(place) if errors.is_empty() => return Ok(place),
            Ok(_) => {}
            Err(field) => errors.push(field),
        }
        Err(Problem::InvalidRequest(errors))
    }
}

/// True if the name is a service binding reserved for endpoints.
fn is_service(name: &str) -> bool {
    name.strip_prefix("HANDLER_").is_some_and(|rest| {
        (1..=50).contains(&rest.len())
            && rest.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    })
}

/// Returns the normalized path and query of a request to a service; `None` if it is invalid.
fn service_path(path: &str) -> Option<String> {
    let url = Url::parse(SERVICE_ORIGIN).ok()?.join(path).ok()?;
    let is_path = path.starts_with('/') && !path.starts_with("//") && path.len() <= SERVICE_PATH_BYTES_MAX;
    (is_path && url.fragment().is_none() && url.origin().ascii_serialization() == SERVICE_ORIGIN)
        .then(|| url.as_str()[SERVICE_ORIGIN.len()..].to_owned())
}

/// Creates or updates an endpoint.
///
/// # Errors
/// A problem that names every wrong field.
pub async fn put_endpoint<W: Database + Clock>(
    world: &W,
    operator: &Operator,
    settings: &Settings,
    tenant: &str,
    id: &str,
    body: &[u8],
) -> Result<EndpointRow, Problem> {
    let request: EndpointRequest = read(body, "#")?;
    let url = request.check(id, settings)?;
    let seal_value = |(name, value): &(String, String)| {
        let name = name.to_ascii_lowercase();
        let context = endpoint_header(id, &name);
        let place = SealedFor { purpose: SEAL_PURPOSE, tenant, context: &context };
        let sealed = seal(&settings.keys, place, nonce(world), value.as_bytes());
        (name, sealed)
    };
    let headers: Vec<_> = request.headers.0.iter().map(seal_value).collect();
    let backoff = request.schedule.map_or(RetrySchedule::WebhookStandard, |word| word.0);
    let row = json!({
        "tenant": tenant, "id": id, "url": url, "service": request.service, "headers": headers,
        "timeout_seconds": request.timeout_seconds.map_or(TIMEOUT_SECONDS_DEFAULT, Whole::get),
        "connections": request.connections.map_or(ENDPOINT_CONNECTIONS_DEFAULT, Whole::get),
        "backoff": backoff, "max_attempts": request.max_attempts.map_or_else(|| backoff.max_attempts(), Whole::get),
        "evidence": request.evidence.map_or(EvidencePolicy::Full, |word| word.0), "keep_payload": request.keep_payload,
        "dead_letter_on": request.dead_letter_on, "redact": request.redact,
    });
    let (row, action) = (json_param(&row), operator.does(Operation::PutEndpoint, tenant, Target::Endpoint, id));
    let statements = vec![
        sql!("note_endpoint", action.param(), row.clone()),
        sql!("put_endpoint", row),
        // Creates a secret for a new endpoint, and for a deleted one that is created again; any other endpoint has one.
        secrets::make_one(world, settings, Owner { tenant, endpoint: id }),
        read_statement(tenant, id),
    ];
    let answers = batch(world, &statements).await.map_err(|error| unavailable(&error))?;
    first_as(answers.last()).map_err(|error| unavailable(&error))?.ok_or(Problem::Internal)
}

fn read_statement(tenant: &str, id: &str) -> Statement {
    sql!("read_endpoint", tenant, id)
}

/// Reads one endpoint.
///
/// # Errors
/// `NotFound`; `Unavailable`.
pub async fn read_endpoint<W: Database + Clock>(world: &W, tenant: &str, id: &str) -> Result<EndpointRow, Problem> {
    read_first(world, read_statement(tenant, id)).await?.ok_or_else(|| not_found(id))
}

fn not_found(id: &str) -> Problem {
    Problem::not_found("Endpoint", id)
}

/// Reads a page of a tenant's endpoints, sorted by name.
///
/// # Errors
/// `Unavailable`.
pub async fn list_endpoints<W: Database + Clock>(
    world: &W,
    tenant: &str,
    after: &str,
    limit: u32,
) -> Result<Vec<EndpointRow>, Problem> {
    let statement = sql!("list_endpoints", tenant, after, i64::from(limit));
    read_rows(world, statement).await
}

/// Operations on a whole endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndpointChange {
    /// Holds its jobs.
    Pause,
    /// Releases its held jobs.
    Resume,
    /// Deletes it. Its jobs become dead letters, which can be replayed after the endpoint is created again.
    Delete,
}

/// Pauses, resumes or deletes an endpoint. Idempotent.
///
/// # Errors
/// `NotFound`; `Unavailable`.
pub async fn change_endpoint<W: Database + Clock>(
    world: &W,
    operator: &Operator,
    tenant: &str,
    id: &str,
    change: EndpointChange,
) -> Result<(), Problem> {
    let (operation, state, reason) = match change {
        EndpointChange::Pause => (Operation::PauseEndpoint, "paused", Some(PausedReason::Operator.name().to_owned())),
        EndpointChange::Resume => (Operation::ResumeEndpoint, "active", None),
        EndpointChange::Delete => (Operation::DeleteEndpoint, "deleted", None),
    };
    let action = operator.does(operation, tenant, Target::Endpoint, id);
    let statements = vec![
        sql!("note_endpoint_state", action.param(), state, reason.clone()),
        sql!("set_endpoint_state", tenant, id, state, reason),
        secrets::forgetting(Owner { tenant, endpoint: id }),
    ];
    let answers = batch(world, &statements).await.map_err(|error| unavailable(&error))?;
    if answers.get(1).is_none_or(Vec::is_empty) { Err(not_found(id)) } else { Ok(()) }
}

/// Signing secrets in the format of Standard Webhooks libraries.
#[derive(PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Secrets {
    /// Current secret: `whsec_` and base64.
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = "^whsec_")))]
    pub secret: String,
    /// Secret before the last rotation, which also signs for 24 hours.
    pub previous_secret: Option<String>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("Secrets").finish_non_exhaustive()
    }
}

/// Reads the signing secrets of an endpoint, the newest first. Creates a missing one.
///
/// # Errors
/// `NotFound`; `Restoring` if a secret is missing in a database of another epoch; `Unavailable`.
pub async fn read_secrets<W: Database + Clock>(
    world: &W,
    operator: &Operator,
    settings: &Settings,
    tenant: &str,
    id: &str,
) -> Result<Secrets, Problem> {
    let owner = Owner { tenant, endpoint: id };
    let making = secrets::make_one(world, settings, owner);
    let noting = noting_read(&operator.does(Operation::ReadSecret, tenant, Target::Endpoint, id), id);
    let statements = vec![making, read_statement(tenant, id), noting, secrets::reading(owner)];
    let answers = batch(world, &statements).await.map_err(|error| unavailable(&error))?;
    let row: EndpointRow =
        first_as(answers.get(1)).map_err(|error| unavailable(&error))?.ok_or_else(|| not_found(id))?;
    secrets_of(settings, &row, answers.last())
}

/// Builds the statement that records the read of a secret; the tenant's default secret has no endpoint.
fn noting_read(action: &AuditNote, endpoint: &str) -> Statement {
    sql!("note_secret_read", action.param(), endpoint)
}

fn secrets_of(settings: &Settings, row: &EndpointRow, stored: Option<&Rows>) -> Result<Secrets, Problem> {
    let stored: Vec<SealedSecret> = rows_as(stored.unwrap_or(&Vec::new())).map_err(|error| unavailable(&error))?;
    let owner = Owner { tenant: &row.tenant, endpoint: &row.id };
    let current = SecretVersion { number: row.secret_version, rotated_at: row.rotated_at };
    shown(settings, owner, &stored, current, row.now)
}

fn shown(
    settings: &Settings,
    owner: Owner<'_>,
    stored: &[SealedSecret],
    current: SecretVersion,
    now_ms: i64,
) -> Result<Secrets, Problem> {
    // The caller's batch has tried to create it; in a database of the deployment's epoch it would exist.
    if !stored.iter().any(|stored| stored.secret_version == current.number) {
        return Err(Problem::Restoring);
    }
    let secrets = signing_now(&settings.keys, owner, stored, current, now_ms);
    let secrets = secrets.unwrap_or_default();
    let mut texts = secrets.iter().map(SigningSecret::to_whsec);
    let Some(secret) = texts.next() else {
        tracing::error!("signing_secret_unseal_failed");
        return Err(Problem::Internal);
    };
    Ok(Secrets { secret, previous_secret: texts.next() })
}

/// Reads the secret that signs a tenant's jobs without an endpoint. Creates it on first use. It has one version.
///
/// # Errors
/// `Restoring` if the secret is missing in a database of another epoch; `Unavailable`.
pub async fn read_tenant_secret<W: Database + Clock>(
    world: &W,
    operator: &Operator,
    settings: &Settings,
    tenant: &str,
) -> Result<Secrets, Problem> {
    let owner = Owner { tenant, endpoint: "" };
    let noting = noting_read(&operator.does(Operation::ReadTenantSecret, tenant, Target::Tenant, tenant), "");
    let statements = vec![secrets::make_one(world, settings, owner), noting, secrets::reading(owner)];
    let answers = batch(world, &statements).await.map_err(|error| unavailable(&error))?;
    let stored: Vec<SealedSecret> =
        rows_as(answers.last().unwrap_or(&Vec::new())).map_err(|error| unavailable(&error))?;
    shown(settings, owner, &stored, SecretVersion::FIRST, 0)
}

/// Gives an endpoint a new secret and returns both. The previous one also signs for 24 hours.
///
/// Safe to repeat for one seen version: the next rotation must see the new version first.
///
/// # Errors
/// `NotFound`; `IllegalTransition` if another request rotated at the same time.
pub async fn rotate_secret<W: Database + Clock>(
    world: &W,
    operator: &Operator,
    settings: &Settings,
    tenant: &str,
    id: &str,
) -> Result<Secrets, Problem> {
    let seen = read_endpoint(world, tenant, id).await?;
    let owner = Owner { tenant, endpoint: id };
    let action = operator.does(Operation::RotateSecret, tenant, Target::Endpoint, id);
    let noting = action
        .before(json!({"secret_version": seen.secret_version}))
        .after(json!({"secret_version": seen.secret_version + 1}))
        .if_changed();
    let statements = vec![
        sql!("rotate_secret", tenant, id, i64::from(seen.secret_version)),
        noting,
        secrets::make_one(world, settings, owner),
        secrets::forgetting(owner),
        secrets::reading(owner),
        read_statement(tenant, id),
    ];
    let answers = batch(world, &statements).await.map_err(|error| unavailable(&error))?;
    let row: EndpointRow =
        first_as(answers.last()).map_err(|error| unavailable(&error))?.ok_or_else(|| not_found(id))?;
    if row.secret_version == seen.secret_version + 1 {
        return secrets_of(settings, &row, answers.get(4));
    }
    Err(Problem::IllegalTransition("Another request rotated the secret at the same time; read it again".into()))
}
