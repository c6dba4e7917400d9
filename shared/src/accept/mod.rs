//! Accepting: a request becomes a durable job, once per idempotency key.
//!
//! [`authorize`] checks the key, [`request`] and [`batch`] check the form, [`quotas`] bound a tenant, [`insert`] writes the rows in one
//! batch. [`bulk`] does that with lines as they come; [`results`] says what became of each job of a request. [`documents`] makes the jobs
//! that change an index.

pub mod accepted;
pub mod authorize;
pub mod batch;
pub mod bulk;
pub mod documents;
pub mod insert;
pub mod quotas;
pub mod request;
pub mod results;
