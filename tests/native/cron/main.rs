//! Tests of occurrences and time zones against other implementations: the crate `cron`, the IANA database and
//! `chrono-tz`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod occurrences;
mod watched;
mod zones;
