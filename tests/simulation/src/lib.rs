//! The simulation, and SQLite behind the core's ports.
//!
//! This crate drives processes and clocks of a real machine and never becomes a Worker. Its errors and panics end a
//! test, so the rules that guard production code are relaxed here.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]
#![allow(clippy::missing_errors_doc, clippy::missing_panics_doc)]

pub mod sim;
pub mod sqlite;
