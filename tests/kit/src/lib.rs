//! Drives Longshore from outside: the local runner, an API client, webhook receivers. It does not compile the core, so
//! the demo starts soon after a clone.
//!
//! This crate drives processes and clocks of a real machine and never becomes a Worker; its errors and panics end a
//! test, so the rules that guard production code are relaxed here.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]
#![allow(clippy::missing_errors_doc, clippy::missing_panics_doc)]

pub mod client;
pub mod failure;
pub mod faults;
pub mod interrupt;
pub mod options;
pub mod random;
pub mod raw_receiver;
pub mod receiver;
pub mod runner;
pub mod scratch;
pub mod statements;
