//! Longshore's core, independent of the platform: modules in layers, each of which imports only lower layers.
//!
//! A job passes through them in this order:
//!
//! 1. [`accept`]: a request becomes a durable job, once per idempotency key; its [`kinds`] module checks the payload.
//! 2. [`store::notify`]: a hint tells the queue that jobs are ready to claim. D1 has the authoritative state.
//! 3. [`consume`] reads the hints, and [`run`] runs their jobs: it claims them under a lease, attempts them, and
//!    records the outcomes with evidence of the requests and responses.
//! 4. [`model::state`] decides the next state: success, a retry, or a dead letter.
//! 5. [`sweep`] finds the jobs without a hint, and deletes old data.
//! 6. [`manage`]: operators read, cancel, retry, replay and discard jobs; tenants export and erase their data.
//!
//! [`schedules`] create jobs at given times. [`index`] and [`search`] store and find documents; [`embed`] requests
//! vectors from providers.

// Sorted by name. `tests/native/layers.rs` lists the layers in order and checks every import.
pub mod accept;
#[cfg(feature = "cloudflare")]
pub mod cloudflare;
pub mod consume;
pub mod embed;
pub mod index;
pub mod kinds;
pub mod limits;
pub mod manage;
pub mod model;
#[cfg(feature = "openapi")]
pub mod openapi;
pub mod ports;
pub mod routes;
pub mod run;
pub mod schedules;
pub mod search;
pub mod security;
pub mod settings;
pub mod store;
pub mod sweep;
pub mod wire;
