//! The chaos run, the benchmark, the API's document as tests use it, the wrong requests of `docs/errors.md`, and a
//! stand-in for wrangler.
//!
//! This crate drives processes and clocks of a real machine and never becomes a Worker. Its errors and panics end a
//! test, so the rules that guard production code are relaxed here.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]
#![allow(clippy::missing_errors_doc, clippy::missing_panics_doc)]

pub mod api_document;
pub mod bench;
pub mod chaos;
pub mod variants;
pub mod wrangler_stand_in;
pub mod wrong_requests;
