//! What must hold of any bytes that reach Longshore's core from outside: one property for each reader of such bytes.
//!
//! A property panics when it does not hold. `cargo test` plays all of them on the seeds and on random changes of these,
//! `make fuzz` plays them with libFuzzer. Where a reader takes several texts, 0xFF stands between them in the bytes: it
//! is in no UTF-8, so each text can be any text.
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

/// What must hold of any bytes. It answers whether the reader took them, and all that follows from it was looked at.
pub type Property = fn(&[u8]) -> bool;

/// Every property by name; `seeds/<name>` holds what it starts from.
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

/// The property of that name.
pub fn named(name: &str) -> Option<Property> {
    PROPERTIES.iter().find(|(known, _)| *known == name).map(|(_, property)| *property)
}

/// The bytes as `N` texts; what is missing is empty, and the last one takes the rest.
pub(crate) fn texts<const N: usize>(bytes: &[u8]) -> [String; N] {
    let mut parts = bytes.splitn(N, |byte| *byte == 0xFF);
    std::array::from_fn(|_| String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned())
}

/// The first `N` bytes and the rest; what is missing is zero.
pub(crate) fn head<const N: usize>(bytes: &[u8]) -> ([u8; N], &[u8]) {
    let (front, rest) = bytes.split_at(bytes.len().min(N));
    (std::array::from_fn(|at| front.get(at).copied().unwrap_or(0)), rest)
}
