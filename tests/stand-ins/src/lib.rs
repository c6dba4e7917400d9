//! Stand-ins for services that tests cannot reach: a provider of embeddings and Workers AI; and the D1 of a real
//! workerd behind the core's database port.
//!
//! This crate drives processes and clocks of a real machine and never becomes a Worker; its errors and panics end a
//! test, so the rules that guard production code are relaxed here.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]
#![allow(clippy::missing_errors_doc, clippy::missing_panics_doc)]

pub mod bridge;
pub mod provider;
pub mod workers_ai;
