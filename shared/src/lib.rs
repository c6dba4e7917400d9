//! Longshore's core, free of any platform: rooms in layers, each of which imports only those below it.
//!
//! A job meets them in this order:
//!
//! 1. [`accept`]: a request becomes a durable job, once per idempotency key; its [`kinds`] module checks the payload.
//! 2. [`store::notify`]: a hint tells the queue that some jobs are worth claiming. D1 is the truth.
//! 3. [`consume`] reads the hints, and [`run`] runs their jobs: they are claimed under a lease, attempted, and their outcomes
//!    recorded, with the evidence of what crossed the wire.
//! 4. [`model::state`] decides what follows: success, a retry, or a dead letter.
//! 5. [`sweep`] finds whatever no hint finds, and deletes what is old.
//! 6. [`manage`]: operators look, cancel, retry, replay and discard; tenants export and erase.
//!
//! [`schedules`] make jobs by the clock. [`index`] and [`search`] keep documents and find them; [`embed`] asks providers for vectors.

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
