//! Wire formats shared by all parts: JSON, times, problems, digests.

pub(crate) mod canonical;
pub mod checks;
pub mod daily_limit;
pub mod gzip;
pub mod headers;
pub mod idempotency;
pub mod invalid;
pub mod job_queue;
pub mod json_depth;
pub(crate) mod json_error;
pub(crate) mod metadata;
pub mod ndjson;
pub mod page;
pub mod phrase;
pub mod prefer;
pub mod problem;
pub mod problem_document;
pub mod raw;
#[cfg(feature = "openapi")]
pub(crate) mod schema;
pub mod time;
pub mod values;
