//! The API: each resource, and the callers that it refuses.

pub(crate) mod assets;
pub(crate) mod audit;
pub(crate) mod batch;
pub(crate) mod bulk;
pub(crate) mod causes;
mod clients;
pub(crate) mod cors;
pub(crate) mod cursors;
pub(crate) mod dead_letters;
pub(crate) mod encodings;
pub(crate) mod endpoints;
pub(crate) mod erasures;
pub(crate) mod exports;
pub(crate) mod forms;
pub(crate) mod idempotency;
pub(crate) mod indexes;
pub(crate) mod keys;
pub(crate) mod late_readers;
pub(crate) mod matrix;
pub(crate) mod openapi;
pub(crate) mod operate;
pub(crate) mod rate_limits;
pub(crate) mod refused_first;
pub(crate) mod routes;
pub(crate) mod schedules;
pub(crate) mod tokens;
pub(crate) mod wrong_requests;
