//! Where a job's request goes, what its endpoint adds to it, and how it is signed: the same for every kind that sends one.

use crate::model::claimed::Claimed;
use crate::model::endpoint::EndpointState;
use crate::model::origin::hops;
use crate::model::outcome::{ErrorClass, Outcome};
use crate::security::destination;
use crate::security::seal::{SealedFor, open};
use crate::security::signing::signature_headers;
use crate::settings::Settings;
use crate::store::secrets::{Owner, signing_now};

/// What header values are sealed for: those of a job, and those of an endpoint.
pub const SEAL_PURPOSE: &str = "header";
/// The origin of every request to a service binding; no name server knows it.
pub const SERVICE_ORIGIN: &str = "https://service.longshore.internal";

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The URL, checked again.
    pub url: String,
    /// The service binding, instead of the network.
    pub service: Option<String>,
}

impl Target {
    /// The target of a claimed job: its own URL if it has one, else its endpoint.
    ///
    /// # Errors
    /// When there is none any more, or it is not allowed any more.
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
            _ => return Err(Outcome::failed(ErrorClass::Config, "The endpoint does not exist any more.")),
        };
        match destination::check(url, &settings.private_destinations) {
            Ok(destination) => Ok(Target { url: destination.url.into(), service: None }),
            Err(error) => Err(Outcome::failed(ErrorClass::Blocked, error.to_string())),
        }
    }
}

/// The headers of the job's endpoint, names in lower case, values in the clear.
///
/// # Errors
/// When a value cannot be opened.
pub fn endpoint_headers(job: &Claimed, settings: &Settings) -> Result<Vec<(String, String)>, Outcome> {
    let unsealed = |(name, sealed): &(String, String)| {
        let context = endpoint_header(&job.endpoint_id, name);
        Ok((name.to_ascii_lowercase(), unseal(settings, &job.tenant, &context, sealed)?))
    };
    job.endpoint.iter().flat_map(|endpoint| &endpoint.headers).map(unsealed).collect()
}

/// What a header of an endpoint is sealed for. Its name is in lower case.
pub fn endpoint_header(endpoint: &str, name: &str) -> String {
    format!("endpoint {endpoint} {name}")
}

/// What a header of a job is sealed for. Replays are other jobs and keep the value.
pub fn job_header(name: &str) -> String {
    format!("job {}", name.to_ascii_lowercase())
}

pub(crate) fn unseal(settings: &Settings, tenant: &str, context: &str, sealed: &str) -> Result<String, Outcome> {
    open(&settings.keys, SealedFor { purpose: SEAL_PURPOSE, tenant, context }, sealed)
        .and_then(|bytes| String::from_utf8(bytes).ok())
        // A key that is missing is a mistake of the deployment, and mended there: the job is tried again.
        .ok_or_else(|| Outcome::failed(ErrorClass::Internal, "A sealed header cannot be opened with this MASTER_KEY."))
}

/// The headers of Standard Webhooks over these exact bytes, and the one that ends circles.
///
/// # Errors
/// When a signing secret cannot be opened. When it is missing the database failed, and the job waits without a failure.
pub fn signed(job: &Claimed, settings: &Settings, now_ms: i64, body: &[u8]) -> Result<Vec<(String, String)>, Outcome> {
    if !job.has_secret() {
        return Err(job.store_failed("The signing secret could not be read from the database or made."));
    }
    let owner = Owner { tenant: &job.tenant, endpoint: &job.endpoint_id };
    let Some(secrets) = signing_now(&settings.keys, owner, &job.secrets, job.secret_version(), now_ms) else {
        let message = "The signing secret cannot be opened with this MASTER_KEY.";
        return Err(Outcome::failed(ErrorClass::Internal, message));
    };
    let headers = signature_headers(&secrets, job.event_id(), now_ms / 1000, body);
    Ok(headers.into_iter().map(|(name, value)| (name.into(), value)).chain([hops(job)]).collect())
}
