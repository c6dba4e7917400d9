//! Occurrences and time zones, held against what others make of them: the crate `cron`, the IANA database and `chrono-tz`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod occurrences;
mod watched;
mod zones;
