//! Daily limits of Cloudflare's free plan: detection in the errors of D1 and Queues, and the time at which a limit
//! ends.
//!
//! A daily limit lasts until midnight UTC. Until then a repeated call fails again, so no call is repeated: callers get
//! their response immediately, and the work waits for the sweep after midnight. A refusal shortly after midnight still
//! belongs to the day before, and its work waits [`RESET_GRACE_MS`] at most.

use std::fmt;

use serde::Serialize;

use crate::limits::DAY_MS;

/// Daily limit that an account has used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum DailyLimit {
    /// Rows read by D1.
    RowsRead,
    /// Rows written by D1.
    RowsWritten,
    /// Operations of Queues.
    QueueOperations,
}

/// Ending of Queues' error text for a used-up limit: its code in parentheses
/// (<https://developers.cloudflare.com/queues/reference/error-codes/>, and workerd's `queue.c++`).
const QUEUE_LIMIT_ENDING: &str = "(10253)";

/// Time after midnight UTC in which a refusal still counts for the day before, in ms. The account's counters are reset
/// some minutes late, and a Worker's clock may be ahead. Without this time, the work of such a minute would wait for 24
/// hours. After 15 minutes the limit of the new day is used up.
pub const RESET_GRACE_MS: i64 = 15 * 60_000;

impl DailyLimit {
    /// Detects D1's error texts: `Your account has exceeded D1's free tier daily row read limit. ...` and the same with
    /// `row write limit`.
    pub fn of_database(text: &str) -> Option<DailyLimit> {
        let text = text.to_ascii_lowercase();
        let (_, limit) = text.split_once("free tier daily row")?;
        // The text after `limit` is advice.
        let (what, _) = limit.split_once("limit")?;
        match (what.contains("read"), what.contains("writ")) {
            (true, false) => Some(DailyLimit::RowsRead),
            (false, true) => Some(DailyLimit::RowsWritten),
            _ => None,
        }
    }

    /// Detects the error of a queue by the code at the end of the text. The same digits elsewhere are not the code: a
    /// text may contain the id of a message.
    pub fn of_queue(text: &str) -> Option<DailyLimit> {
        text.trim_end().ends_with(QUEUE_LIMIT_ENDING).then_some(DailyLimit::QueueOperations)
    }

    /// Returns the name in the API.
    pub fn name(self) -> &'static str {
        match self {
            DailyLimit::RowsRead => "rows_read",
            DailyLimit::RowsWritten => "rows_written",
            DailyLimit::QueueOperations => "queue_operations",
        }
    }
}

impl fmt::Display for DailyLimit {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            DailyLimit::RowsRead => "row reads",
            DailyLimit::RowsWritten => "row writes",
            DailyLimit::QueueOperations => "queue operations",
        })
    }
}

/// Returns the milliseconds until a limit that refuses at `now_ms` ends, at least 1: until the next midnight UTC, or
/// until the end of [`RESET_GRACE_MS`] after the last one.
pub fn ms_to_reset(now_ms: i64) -> i64 {
    let into_day = now_ms.rem_euclid(DAY_MS);
    let end = if into_day < RESET_GRACE_MS { RESET_GRACE_MS } else { DAY_MS };
    end - into_day
}

/// Returns [`ms_to_reset`] in whole seconds, rounded up.
pub fn seconds_to_reset(now_ms: i64) -> u32 {
    whole_seconds(ms_to_reset(now_ms))
}

/// Returns the seconds from `now_ms` to the next midnight UTC, rounded up. Longshore's quotas restart then.
pub fn seconds_to_midnight(now_ms: i64) -> u32 {
    whole_seconds(DAY_MS - now_ms.rem_euclid(DAY_MS))
}

/// Rounds up to whole seconds. All values are at most a day, which fits.
fn whole_seconds(ms: i64) -> u32 {
    u32::try_from(ms.unsigned_abs().div_ceil(1_000)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_d1_are_recognised() {
        let text = |what: &str| {
            format!(
                "Your account has exceeded D1's free tier daily row {what} limit. Upgrade to a paid plan or wait until tomorrow \
                 (midnight UTC) to continue."
            )
        };
        for prefix in ["", "D1_ERROR: ", "D1_ERROR: Error: ", "Error: D1_EXEC_ERROR: SQLITE_ERROR: "] {
            let of = |what| DailyLimit::of_database(&format!("{prefix}{}", text(what)));
            assert_eq!(
                (of("read"), of("write")),
                (Some(DailyLimit::RowsRead), Some(DailyLimit::RowsWritten)),
                "{prefix}"
            );
        }
        assert_eq!(DailyLimit::of_database(&text("write").to_uppercase()), Some(DailyLimit::RowsWritten));
        for other in [
            "",
            "D1 DB is overloaded. Requests queued for too long.",
            "D1_ERROR: UNIQUE constraint failed: jobs.id: SQLITE_CONSTRAINT",
            "Exceeded maximum DB size",
            "free tier daily row",
            "Your account has exceeded D1's maximum account storage limit",
        ] {
            assert_eq!(DailyLimit::of_database(other), None, "{other}");
        }
    }

    #[test]
    fn the_error_code_of_queues_is_recognised() {
        for text in [
            "Daily limit exceeded (10253)",
            "Error: Queue sendBatch failed: Daily limit exceeded. (10253)\n",
            "(10253)",
        ] {
            assert_eq!(DailyLimit::of_queue(text), Some(DailyLimit::QueueOperations), "{text}");
        }
        for other in [
            "Queue send failed: Too Many Requests (10250)",
            "message 9102531 failed",
            "a10253",
            "",
            "10253",
            "The message 10253 is too large (10210)",
            "The queue (10253) is busy (10250)",
            "Bad Gateway (110253)",
        ] {
            assert_eq!(DailyLimit::of_queue(other), None, "{other}");
        }
    }

    #[test]
    fn a_day_ends_at_midnight_utc() {
        let midnight = 20_000 * DAY_MS;
        for (now, seconds) in [
            (midnight, 86_400),
            (midnight + 1, 86_400),
            (midnight + 1_000, 86_399),
            (midnight + DAY_MS - 1, 1),
            (midnight + DAY_MS / 2, 43_200),
            (-1, 1),
        ] {
            assert_eq!(seconds_to_midnight(now), seconds, "{now}");
        }
    }

    #[test]
    fn a_refusal_shortly_after_midnight_waits_for_minutes() {
        let midnight = 20_000 * DAY_MS;
        for (now, ms) in [
            (midnight - 7_000, 7_000),
            (midnight - 1, 1),
            (midnight, RESET_GRACE_MS),
            (midnight + 60_000, RESET_GRACE_MS - 60_000),
            (midnight + RESET_GRACE_MS - 1, 1),
            (midnight + RESET_GRACE_MS, DAY_MS - RESET_GRACE_MS),
            (-1, 1),
        ] {
            assert_eq!(ms_to_reset(now), ms, "{now}");
        }
        assert_eq!((seconds_to_reset(midnight + 1), seconds_to_reset(midnight - 1)), (900, 1));
    }
}
