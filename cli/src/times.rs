//! Times: RFC 3339 in UTC as the API gives them, with their distance from now.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use longshore::wire::time::parse_rfc3339;

use crate::escape::escaped;

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Returns the time of this machine, in ms since 1970.
#[allow(clippy::disallowed_methods, reason = "the command line runs on a machine with a clock")]
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A point in time at which a wait ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    /// Creates the deadline after this number of seconds.
    #[allow(clippy::disallowed_methods, reason = "the command line runs on a machine with a clock")]
    pub(crate) fn after(seconds: u64) -> Deadline {
        // A wait of a year is a wait without an end.
        Deadline(Instant::now() + Duration::from_secs(seconds.min(DAY / SECOND * 366)))
    }

    /// Returns the time that is left.
    #[allow(clippy::disallowed_methods, reason = "the command line runs on a machine with a clock")]
    pub(crate) fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }
}

/// Shows a duration in the largest fitting unit: `3 s`, `5 min`, `2 h`, `4 d`.
pub(crate) fn span(ms: u64) -> String {
    match ms {
        0..SECOND => format!("{ms} ms"),
        SECOND..MINUTE => format!("{} s", ms / SECOND),
        MINUTE..HOUR => format!("{} min", ms / MINUTE),
        HOUR..DAY => format!("{} h", ms / HOUR),
        _ => format!("{} d", ms / DAY),
    }
}

/// Shows the distance of a time from now: `5 min ago`, `in 2 h`, `now`.
fn relative(at: i64, now: i64) -> String {
    let distance = at.abs_diff(now);
    match at.cmp(&now) {
        _ if distance < SECOND => "now".to_owned(),
        std::cmp::Ordering::Greater => format!("in {}", span(distance)),
        _ => format!("{} ago", span(distance)),
    }
}

/// Shows a time with its distance from `now`.
pub(crate) fn shown_at(text: &str, now: i64) -> String {
    match parse_rfc3339(text) {
        Some(at) => format!("{} ({})", escaped(text), relative(at, now)),
        None => escaped(text),
    }
}

/// Shows a time with its distance from the time of this machine.
pub(crate) fn shown(text: &str) -> String {
    shown_at(text, now_ms())
}

/// Shows a time that may be missing; a missing one is `-`.
pub(crate) fn shown_or_dash(text: Option<&str>) -> String {
    text.map_or_else(|| "-".to_owned(), shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_shown_with_its_distance() {
        let now = parse_rfc3339("2026-11-02T08:00:00Z").unwrap();
        for (text, expected) in [
            ("2026-11-02T07:59:57.000Z", "3 s ago"),
            ("2026-11-02T08:00:00.500Z", "now"),
            ("2026-11-02T08:05:59.000Z", "in 5 min"),
            ("2026-11-01T08:00:00.000Z", "1 d ago"),
            ("2026-11-02T10:59:00.000Z", "in 2 h"),
        ] {
            assert_eq!(shown_at(text, now), format!("{text} ({expected})"));
        }
        assert_eq!(shown_at("soon\u{1b}", now), "soon\\u{1b}");
    }
}
