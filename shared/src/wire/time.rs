//! Times as text: RFC 3339 in UTC with milliseconds.

use chrono::{DateTime, Datelike, SecondsFormat, TimeZone, Utc};

use serde::{Deserialize, Serialize, Serializer};

use crate::limits::DAY_MS;

/// RFC 3339 time, in responses in UTC with milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(extend("format" = "date-time")))]
pub struct Time(#[cfg_attr(feature = "openapi", schemars(with = "String"))] pub i64);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&rfc3339(self.0))
    }
}

/// Formats milliseconds since 1970 as `2026-11-02T08:00:00.000Z`. Times outside of chrono's range become 1970.
pub fn rfc3339(ms: i64) -> String {
    Utc.timestamp_millis_opt(ms).single().unwrap_or_default().to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Parses an RFC 3339 time with any offset into milliseconds since 1970. `None` if an offset or a leap second leads
/// outside of the years 0 to 9999, which RFC 3339 cannot express.
pub fn parse_rfc3339(text: &str) -> Option<i64> {
    let ms = DateTime::parse_from_rfc3339(text).ok()?.timestamp_millis();
    let year = Utc.timestamp_millis_opt(ms).single()?.year();
    (0..=9_999).contains(&year).then_some(ms)
}

/// Formats a date such as `2026-11-02`, the prefix of evidence keys.
pub fn date(ms: i64) -> String {
    Utc.timestamp_millis_opt(ms).single().unwrap_or_default().date_naive().to_string()
}

/// Parses a date in the format of [`date`] into days since 1970.
pub fn parse_date(text: &str) -> Option<i64> {
    let ms = parse_rfc3339(&format!("{text}T00:00:00Z"))?;
    // Rejects other spellings that the parser accepts.
    (date(ms) == text).then(|| ms.div_euclid(DAY_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_formatted_and_parsed() {
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
