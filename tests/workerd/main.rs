//! Ring 4: both Workers, built as they are deployed, in a real workerd, driven through their HTTP API by callers and
//! looked at through a receiver's log. One binary, so that it links once; most tests share one runner.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod bad_bodies;
mod bad_destinations;
mod bad_fields;
mod bad_requests;
mod bad_settings;
mod batch;
mod canary;
mod chaos;
mod crash;
mod d1_faults;
mod dead_letters;
mod delivery;
mod endpoints;
mod faults;
mod hints;
mod histories;
mod hostile_receivers;
mod idempotency;
mod keys;
mod ledger;
mod matrix;
mod migrations;
mod operate;
mod panics;
mod plans;
mod raw;
mod refusal;
mod retries;
mod route_table;
mod routes;
mod tenant;
mod world;
