//! Acceptance: a request becomes a durable job, once per idempotency key.
//!
//! [`authorize`] checks the key, [`request`] and [`batch`] check the body, [`quotas`] limit a tenant, and [`insert`]
//! writes the rows in one batch. [`bulk`] accepts lines while they arrive; [`results`] collects the result of each job
//! of a request. [`documents`] builds the jobs that change an index.

pub mod accepted;
pub mod authorize;
pub mod batch;
pub mod bulk;
pub mod documents;
pub mod insert;
pub mod quotas;
pub mod request;
pub mod results;
