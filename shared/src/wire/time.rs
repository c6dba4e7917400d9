//! Times as text: RFC 3339 in UTC with milliseconds, and back.

use chrono::{DateTime, Datelike, SecondsFormat, TimeZone, Utc};

use serde::{Deserialize, Serialize, Serializer};

use crate::limits::DAY_MS;

/// A time in RFC 3339. Answers have it in UTC with milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(extend("format" = "date-time")))]
pub struct Time(#[cfg_attr(feature = "openapi", schemars(with = "String"))] pub i64);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&rfc3339(self.0))
    }
}

/// `2026-11-02T08:00:00.000Z` for milliseconds since 1970. Times that chrono cannot hold become 1970.
pub fn rfc3339(ms: i64) -> String {
    Utc.timestamp_millis_opt(ms).single().unwrap_or_default().to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Milliseconds since 1970 of an RFC 3339 time with any offset. An offset or a leap second may lead out of the years that
/// can be written so, 0 to 9999; that is no time of ours.
pub fn parse_rfc3339(text: &str) -> Option<i64> {
    let ms = DateTime::parse_from_rfc3339(text).ok()?.timestamp_millis();
    let year = Utc.timestamp_millis_opt(ms).single()?.year();
    (0..=9_999).contains(&year).then_some(ms)
}

/// `2026-11-02`, as evidence keys begin with.
pub fn date(ms: i64) -> String {
    Utc.timestamp_millis_opt(ms).single().unwrap_or_default().date_naive().to_string()
}

/// Days since 1970 of a date as [`date`] writes it.
pub fn parse_date(text: &str) -> Option<i64> {
    let ms = parse_rfc3339(&format!("{text}T00:00:00Z"))?;
    // As it is written, and in no other way that the parser takes.
    (date(ms) == text).then(|| ms.div_euclid(DAY_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_go_both_ways() {
        assert_eq!(rfc3339(1_762_070_400_123), "2025-11-02T08:00:00.123Z");
        assert_eq!(parse_rfc3339("2025-11-02T09:00:00.123+01:00"), Some(1_762_070_400_123));
        assert_eq!(parse_rfc3339("yesterday"), None);
        for beyond in ["9999-12-31T23:59:60Z", "9999-12-31T23:59:59-00:01", "0000-01-01T00:00:00+00:01"] {
            assert_eq!(parse_rfc3339(beyond), None, "{beyond}");
        }
        assert_eq!(date(1_762_070_400_123), "2025-11-02");
        assert_eq!(parse_date("2025-11-02"), Some(1_762_070_400_123 / 86_400_000));
        assert_eq!(["1969-12-31", "2025-11-2", "2025-02-29"].map(parse_date), [Some(-1), None, None]);
        assert_eq!(rfc3339(i64::MAX), "1970-01-01T00:00:00.000Z");
    }
}
