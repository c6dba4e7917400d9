//! Time zones and slots, held against what others make of them: the IANA database, `chrono-tz` and `cronexpr`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod slots;
mod zones;
