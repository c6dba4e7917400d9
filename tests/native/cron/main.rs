//! Time zones, held against what others make of them: the IANA database and `chrono-tz`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod zones;
