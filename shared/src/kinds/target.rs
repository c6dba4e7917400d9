//! Destination, endpoint headers and signature of a request, shared by all kinds that send one.

use serde::Deserialize;
use url::Url;

use crate::model::claimed::Claimed;
use crate::model::endpoint::EndpointState;
use crate::model::origin::hops;
use crate::model::outcome::{ErrorClass, Outcome};
use crate::security::destination;
use crate::security::seal::{SealedFor, open};
use crate::security::signing::signature_headers;
use crate::settings::Settings;
use crate::store::secrets::{Owner, signing_now};

/// Purpose under which header values of jobs and endpoints are sealed.
pub const SEAL_PURPOSE: &str = "header";
/// Origin of every request to a service binding. No name server resolves it.
pub const SERVICE_ORIGIN: &str = "https://service.longshore.internal";

/// Destination of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// URL, checked before each send.
    pub url: String,
    /// Service binding, if the request does not go over the network.
    pub service: Option<String>,
}

impl Target {
    /// Returns the target of a claimed job: its own URL if it has one, else its endpoint.
    ///
    /// # Errors
    /// The outcome if there is no target, or if the settings do not allow it.
    pub fn of(job: &Claimed, url: Option<&str>, settings: &Settings) -> Result<Target, Outcome> {
        let url = match (url, &job.endpoint) {
            (Some(url), _) => url,
            (None, Some(endpoint)) if endpoint.state != EndpointState::Deleted => {
                if let Some(service) = &endpoint.service {
                    return Ok(Target {
                        url: format!("{SERVICE_ORIGIN}{}", endpoint.url),
                        service: Some(service.clone()),
                    });
                }
                &endpoint.url
            }
            _ => return Err(Outcome::failed(ErrorClass::Config, "The endpoint does not exist.")),
        };
        match destination::check(url, &settings.private_destinations) {
            Ok(destination) => Ok(Target { url: destination.url.into(), service: None }),
            Err(error) => Err(Outcome::failed(ErrorClass::Blocked, error.to_string())),
        }
    }
}

/// Returns the host of the URL in a job's payload; `None` for a job to an endpoint.
pub fn host_of(job: &Claimed) -> Option<String> {
    #[derive(Deserialize)]
    struct To {
        url: String,
    }
    let payload = job.payload.as_deref().filter(|_| job.endpoint_id.is_empty())?;
    let To { url } = serde_json::from_str(payload).ok()?;
    Url::parse(&url).ok()?.host_str().map(str::to_owned)
}

/// Returns the headers of the job's endpoint, with names in lower case and values unsealed.
///
/// # Errors
/// The outcome if a value cannot be unsealed.
pub fn endpoint_headers(job: &Claimed, settings: &Settings) -> Result<Vec<(String, String)>, Outcome> {
    let unsealed = |(name, sealed): &(String, String)| {
        let context = endpoint_header(&job.endpoint_id, name);
        Ok((name.to_ascii_lowercase(), unseal(settings, &job.tenant, &context, sealed)?))
    };
    job.endpoint.iter().flat_map(|endpoint| &endpoint.headers).map(unsealed).collect()
}

/// Returns the seal context of an endpoint's header. `name` is in lower case.
pub fn endpoint_header(endpoint: &str, name: &str) -> String {
    format!("endpoint {endpoint} {name}")
}

/// Returns the seal context of a job's header. It does not contain the job's id, because replays keep the value.
pub fn job_header(name: &str) -> String {
    format!("job {}", name.to_ascii_lowercase())
}

pub(crate) fn unseal(settings: &Settings, tenant: &str, context: &str, sealed: &str) -> Result<String, Outcome> {
    open(&settings.keys, SealedFor { purpose: SEAL_PURPOSE, tenant, context }, sealed)
        .and_then(|bytes| String::from_utf8(bytes).ok())
        // A missing key is an error of the deployment and is fixed there: the job is retried.
        .ok_or_else(|| Outcome::failed(ErrorClass::Internal, "A sealed header cannot be opened with this MASTER_KEY."))
}

/// Returns the Standard Webhooks headers over the exact body, and the header that stops loops.
///
/// # Errors
/// The outcome if a signing secret cannot be unsealed. If the secret is missing, the database failed, and the job waits
/// without a failure.
pub fn signed(job: &Claimed, settings: &Settings, now_ms: i64, body: &[u8]) -> Result<Vec<(String, String)>, Outcome> {
    if !job.has_secret() {
        return Err(job.store_failed("The signing secret could not be read from the database or made."));
    }
    let owner = Owner { tenant: &job.tenant, endpoint: &job.endpoint_id };
    let open = || signing_now(&settings.keys, owner, &job.secrets, job.secret_version(), now_ms);
    let Some(secrets) = job.opened.get_or_init(open) else {
        let message = "The signing secret cannot be opened with this MASTER_KEY.";
        return Err(Outcome::failed(ErrorClass::Internal, message));
    };
    let headers = signature_headers(secrets, job.event_id(), now_ms / 1000, body);
    Ok(headers.into_iter().map(|(name, value)| (name.into(), value)).chain([hops(job)]).collect())
}
