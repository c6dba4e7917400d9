//! What Longshore's test rings, its demo and its benchmark share: the local runner, a webhook receiver, an API client.
//!
//! This crate drives processes and clocks of a real machine and never becomes a Worker; its errors and panics end a
//! test, so the rules that guard production code are relaxed here.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]
#![allow(clippy::missing_errors_doc, clippy::missing_panics_doc)]

pub mod api_document;
pub mod bench;
pub mod bridge;
pub mod chaos;
pub mod client;
pub mod conformance;
pub mod demo;
pub mod faults;
mod interrupt;
pub mod options;
pub mod provider;
pub mod raw_receiver;
pub mod receiver;
pub mod runner;
pub mod scratch;
pub mod sim;
pub mod sqlite;
pub mod workers_ai;
pub mod wrangler_stand_in;
