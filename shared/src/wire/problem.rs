//! Problems: every error that the API can return, with its slug, status and title. The producer writes them as RFC
//! 9457.

use crate::limits::{CURSOR_MS_MAX, HOPS_MAX, HOUR_MS, JSON_DEPTH_MAX};
use crate::wire::daily_limit::DailyLimit;
use crate::wire::invalid::{InvalidField, Unreadable};
use crate::wire::phrase::quoted;

/// A method that a path does not support.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Method of the request.
    pub method: String,
    /// Supported methods, in the format of the Allow header.
    pub allowed: String,
}

/// Prefix of the `type` of every problem; its slug follows.
const PROBLEM_TYPE: &str = "urn:problem-type:longshore:";

macro_rules! problems {
    ($($variant:ident $(($field:ty))? $slug:literal $status:literal $title:literal),* $(,)?) => {
        /// An error response. Nothing was written.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Problem {
            $(#[doc = $title] $variant $(($field))?,)*
        }

        impl Problem {
            /// Slugs of all problems.
            pub const SLUGS: &'static [&'static str] = &[$($slug),*];

            /// Returns the `type` of all problems.
            #[cfg(feature = "openapi")]
            pub(crate) fn types() -> Vec<String> {
                Self::SLUGS.iter().map(|slug| format!("{PROBLEM_TYPE}{slug}")).collect()
            }

            /// Returns the last part of its type, `urn:problem-type:longshore:<slug>`.
            pub fn slug(&self) -> &'static str {
                match self { $(problems!(@pattern $variant $(($field))?) => $slug,)* }
            }

            /// Returns its HTTP status.
            pub fn status(&self) -> u16 {
                match self { $(problems!(@pattern $variant $(($field))?) => $status,)* }
            }

            /// Returns its title, the same for every occurrence.
            pub fn title(&self) -> &'static str {
                match self { $(problems!(@pattern $variant $(($field))?) => $title,)* }
            }
        }
    };
    (@pattern $variant:ident ($field:ty)) => { Problem::$variant(..) };
    (@pattern $variant:ident) => { Problem::$variant };
}

problems! {
    NotJson(String) "not-json" 400 "The body is not JSON",
    TooDeep "too-deep" 400 "The JSON is nested too deeply",
    InvalidParameter(InvalidField) "invalid-parameter" 400 "A query parameter is invalid",
    InvalidCursor "invalid-cursor" 400 "The cursor is invalid or too old",
    InvalidIdempotencyKey(String) "invalid-idempotency-key" 400 "The idempotency key is malformed",
    InvalidHeader(String) "invalid-header" 400 "A header is invalid",
    Unauthenticated(String) "unauthenticated" 401 "The key is missing, malformed, unknown, expired or revoked",
    Forbidden(String) "forbidden" 403 "The key lacks the permission for this",
    NotFound(String) "not-found" 404 "Not found",
    MethodNotAllowed(Refused) "method-not-allowed" 405 "Method not allowed",
    IllegalTransition(String) "illegal-transition" 409 "The state does not allow this",
    PayloadGone(String) "payload-gone" 409 "The payload of the job was removed",
    TooLarge(String) "too-large" 413 "The body is too large",
    UnsupportedMediaType(String) "unsupported-media-type" 415 "Unsupported content type",
    UnsupportedEncoding(String) "unsupported-encoding" 415 "Unsupported content encoding",
    InvalidRequest(Vec<InvalidField>) "invalid-request" 422 "A field is invalid",
    LoopDetected "loop-detected" 422 "Too many jobs created one another",
    IdempotencyKeyReused "idempotency-key-reused" 422 "The idempotency key belongs to another request",
    RateLimited "rate-limited" 429 "Too many requests with this key or from this address, or too many refused ones",
    QuotaReached "quota-reached" 429 "The daily quota of jobs is used up",
    Internal "internal" 500 "Internal error",
    ProviderFailed(String) "provider-failed" 502 "The embedding provider returned no vector",
    StorageFull "storage-full" 503 "The database is nearly full and accepts no new jobs",
    Restoring "restoring" 503 "The database is being restored",
    DailyLimit(DailyLimit) "daily-limit" 503 "The Cloudflare account has used up a daily limit of the free plan",
    Unavailable "unavailable" 503 "The database does not answer; repeat the request with the same idempotency key",
}

impl Problem {
    /// Returns the problem of a `*` key without a tenant in the request.
    pub fn names_no_tenant() -> Problem {
        Problem::InvalidHeader(
            "A key for all tenants must name one: send the header `Longshore-Tenant` or the parameter `tenant`".into(),
        )
    }

    /// Returns the problem of a missing resource: `what` is its type, such as `Job`, and `name` its id or name.
    pub fn not_found(what: &str, name: &str) -> Problem {
        Problem::NotFound(format!("{what} {} not found", quoted(name)))
    }

    /// Returns the problem of an endpoint that does not exist.
    pub fn unknown_endpoint(name: &str) -> Problem {
        Problem::unknown_endpoint_at("#/endpoint", name)
    }

    /// Returns the problem of an endpoint that does not exist, named in the field at `pointer`.
    pub fn unknown_endpoint_at(pointer: &str, name: &str) -> Problem {
        let detail = format!("Unknown endpoint {}; create it with `PUT /v1/endpoints/{{id}}`", quoted(name));
        Problem::InvalidRequest(vec![InvalidField::new(pointer, "unknown-endpoint", detail)])
    }

    /// Returns the problem of a value that is too long. `what` begins the sentence.
    pub fn too_large(what: &str, most: usize, got: usize) -> Problem {
        Problem::TooLarge(format!("{what} must have at most {most} bytes, got {got}"))
    }

    /// Returns the text about this occurrence.
    pub fn detail(&self) -> Option<String> {
        match self {
            Problem::NotJson(text)
            | Problem::InvalidIdempotencyKey(text)
            | Problem::InvalidHeader(text)
            | Problem::Unauthenticated(text)
            | Problem::Forbidden(text)
            | Problem::NotFound(text)
            | Problem::IllegalTransition(text)
            | Problem::PayloadGone(text)
            | Problem::TooLarge(text)
            | Problem::UnsupportedMediaType(text)
            | Problem::UnsupportedEncoding(text)
            | Problem::ProviderFailed(text) => Some(text.clone()),
            Problem::TooDeep => Some(format!("The JSON is nested deeper than {JSON_DEPTH_MAX} levels; flatten it")),
            Problem::InvalidCursor => Some(format!(
                "The cursor belongs to another list or other filters, or is older than {} hours; start at the first page",
                CURSOR_MS_MAX / HOUR_MS
            )),
            Problem::MethodNotAllowed(Refused { method, allowed }) => {
                let allowed =
                    allowed.rsplit_once(", ").map_or(allowed.clone(), |(most, last)| format!("{most} or {last}"));
                Some(format!("{} is not allowed here; use {allowed}", quoted(method)))
            }
            Problem::LoopDetected => Some(format!(
                "{HOPS_MAX} or more jobs created one another, as counted by `Longshore-Hops`; find the endpoint that sends jobs back here"
            )),
            Problem::IdempotencyKeyReused => {
                Some("The idempotency key belongs to another request; use a new key for new work".into())
            }
            Problem::RateLimited => {
                Some("Too many requests; retry after the number of seconds in `Retry-After`".into())
            }
            Problem::QuotaReached => {
                Some("The daily quota of jobs is used up; repeat after midnight UTC, or ask for a larger quota".into())
            }
            Problem::DailyLimit(limit) => Some(format!(
                "The account has no {limit} left today. Nothing was written; the limit ends at midnight UTC"
            )),
            Problem::InvalidParameter(field) => Some(field.detail.clone()),
            Problem::InvalidRequest(fields) => fields.first().map(|field| field.detail.clone()),
            _ => None,
        }
    }

    /// Returns the wrong fields.
    pub fn errors(&self) -> &[InvalidField] {
        match self {
            Problem::InvalidRequest(fields) => fields,
            Problem::InvalidParameter(field) => std::slice::from_ref(field),
            _ => &[],
        }
    }

    /// Returns its type, a URN.
    pub(crate) fn type_uri(&self) -> String {
        format!("{PROBLEM_TYPE}{}", self.slug())
    }

    /// Returns the problem of one wrong field; see [`InvalidField::of`].
    pub fn field(pointer: impl Into<String>, code: &'static str, detail: impl AsRef<str>) -> Problem {
        Problem::InvalidRequest(vec![InvalidField::of(pointer, code, detail)])
    }
}

impl From<Unreadable> for Problem {
    fn from(unreadable: Unreadable) -> Self {
        match unreadable {
            Unreadable::NotJson(detail) => Problem::NotJson(format!("Not JSON: {detail}")),
            Unreadable::TooDeep => Problem::TooDeep,
            Unreadable::Shape(field) => Problem::InvalidRequest(vec![field]),
        }
    }
}
