//! Where a job's request goes, what its endpoint adds to it, and how it is signed: the same for every kind that sends one.

use crate::claim::Claimed;
use crate::destination;
use crate::endpoint::signing_secrets;
use crate::origin::hops;
use crate::outcome::ErrorClass;
use crate::seal::open;
use crate::settings::Settings;
use crate::signing::signature_headers;

/// What header values are sealed for: those of a job, and those of an endpoint.
pub const SEAL_PURPOSE: &str = "header";
/// The origin of every request to a service binding; no name server knows it.
pub const SERVICE_ORIGIN: &str = "https://service.longshore.internal";

/// Why no request could be made of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpreparable {
    /// What is wrong.
    pub class: ErrorClass,
    /// One line.
    pub message: String,
}

pub(crate) fn unpreparable(class: ErrorClass, message: impl Into<String>) -> Unpreparable {
    Unpreparable { class, message: message.into() }
}

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
    pub fn of(job: &Claimed, url: Option<&str>, settings: &Settings) -> Result<Target, Unpreparable> {
        let url = match (url, &job.endpoint) {
            (Some(url), _) => url,
            (None, Some(endpoint)) if endpoint.state != "deleted" => {
                if let Some(service) = &endpoint.service {
                    return Ok(Target {
                        url: format!("{SERVICE_ORIGIN}{}", endpoint.url),
                        service: Some(service.clone()),
                    });
                }
                &endpoint.url
            }
            _ => return Err(unpreparable(ErrorClass::Config, "The endpoint does not exist any more.")),
        };
        match destination::check(url, &settings.private_destinations) {
            Ok(destination) => Ok(Target { url: destination.url.into(), service: None }),
            Err(error) => Err(unpreparable(ErrorClass::Blocked, error.to_string())),
        }
    }
}

/// The headers of the job's endpoint, names in lower case, values in the clear.
///
/// # Errors
/// When a value cannot be opened.
pub fn endpoint_headers(job: &Claimed, settings: &Settings) -> Result<Vec<(String, String)>, Unpreparable> {
    let unsealed = |(name, sealed): &(String, String)| {
        let context = format!("endpoint {} {} {name}", job.tenant, job.endpoint_id);
        Ok((name.to_ascii_lowercase(), unseal(settings, &context, sealed)?))
    };
    job.endpoint.iter().flat_map(|endpoint| &endpoint.headers).map(unsealed).collect()
}

pub(crate) fn unseal(settings: &Settings, context: &str, sealed: &str) -> Result<String, Unpreparable> {
    open(&settings.master_key, SEAL_PURPOSE, context, sealed)
        .and_then(|bytes| String::from_utf8(bytes).ok())
        // Another MASTER_KEY is a mistake of the deployment, and mended there: the job is tried again.
        .ok_or_else(|| unpreparable(ErrorClass::Internal, "A sealed header cannot be opened with this MASTER_KEY."))
}

/// The headers of Standard Webhooks over these exact bytes, and the one that ends circles.
pub fn signed(job: &Claimed, settings: &Settings, now_ms: i64, body: &[u8]) -> Vec<(String, String)> {
    let (generation, rotated_at) = job.endpoint.as_ref().map_or((1, None), |e| (e.generation, e.rotated_at));
    let secrets = signing_secrets(&settings.master_key, &job.tenant, &job.endpoint_id, generation, rotated_at, now_ms);
    let headers = signature_headers(&secrets, job.event_id(), now_ms / 1000, body);
    headers.into_iter().map(|(name, value)| (name.into(), value)).chain([hops(job)]).collect()
}
