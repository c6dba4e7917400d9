//! Properties that must hold for any bytes that reach Longshore's core from outside, one for each reader of such bytes.
//!
//! A property panics when it does not hold. `cargo test` runs all of them on the seeds and on random changes of these,
//! `make fuzz` runs them with libFuzzer. A reader of several texts takes them separated by 0xFF, a byte that UTF-8 does
//! not use, so each text can be any text.
#![allow(clippy::unwrap_used, clippy::expect_used)]
#![allow(clippy::missing_panics_doc)]

pub mod destination;
pub mod endpoint;
pub mod evidence;
pub mod job;
pub mod json;
pub mod message;
pub mod redact;
pub mod schedule;
pub mod secret;
pub mod stub;
pub mod text;

/// Property of any bytes. Returns true if the reader accepted them, so that all checks ran.
pub type Property = fn(&[u8]) -> bool;

/// Every property by name; `seeds/<name>` contains its initial inputs.
pub const PROPERTIES: [(&str, Property); 19] = [
    ("api_key", secret::api_key),
    ("batch", job::batch),
    ("cron", schedule::cron),
    ("cursor", secret::cursor),
    ("destination", destination::destination),
    ("endpoint", endpoint::endpoint),
    ("evidence_read", evidence::read),
    ("evidence_record", evidence::record),
    ("headers", text::headers),
    ("hint", message::hint),
    ("idempotency_key", text::idempotency_key),
    ("json_depth", json::depth),
    ("redact_body", redact::body),
    ("redact_url", redact::url),
    ("request", job::request),
    ("retry_after", text::retry_after),
    ("sealed", secret::sealed),
    ("settings", secret::settings),
    ("time", text::time),
];

/// Returns the property of that name.
pub fn named(name: &str) -> Option<Property> {
    PROPERTIES.iter().find(|(known, _)| *known == name).map(|(_, property)| *property)
}

/// Splits the bytes into `N` texts; missing texts are empty, and the last one contains the rest.
pub(crate) fn texts<const N: usize>(bytes: &[u8]) -> [String; N] {
    let mut parts = bytes.splitn(N, |byte| *byte == 0xFF);
    std::array::from_fn(|_| String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned())
}

/// Splits off the first `N` bytes; missing bytes are zero.
pub(crate) fn head<const N: usize>(bytes: &[u8]) -> ([u8; N], &[u8]) {
    let (front, rest) = bytes.split_at(bytes.len().min(N));
    (std::array::from_fn(|at| front.get(at).copied().unwrap_or(0)), rest)
}
