//! The daily limits of Cloudflare's free plan: how the errors of D1 and Queues are recognised, and when a limit ends.
//!
//! A daily limit lasts until midnight UTC. Until then a repeated call fails again and spends time for nothing, so no call is
//! repeated: callers answer at once, and the work waits for the sweep after midnight.

use std::fmt;
use std::time::Duration;

use crate::limits::DAY_MS;

/// What an account has spent for today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DailyLimit {
    /// The rows that D1 reads.
    RowsRead,
    /// The rows that D1 writes.
    RowsWritten,
    /// The operations of Queues.
    QueueOperations,
}

/// The code of Queues' error for a spent day
/// (<https://developers.cloudflare.com/queues/reference/error-codes/>); it stands at the end of the message.
const QUEUE_LIMIT_CODE: &str = "10253";

impl DailyLimit {
    /// Recognises D1's error text, of which two are fixed: `Your account has exceeded D1's free tier daily row read limit. ...`
    /// and the same with `row write limit`.
    pub fn of_database(text: &str) -> Option<DailyLimit> {
        let text = text.to_ascii_lowercase();
        let (_, limit) = text.split_once("free tier daily row")?;
        // What follows the limit is advice.
        let (what, _) = limit.split_once("limit")?;
        match (what.contains("read"), what.contains("writ")) {
            (true, false) => Some(DailyLimit::RowsRead),
            (false, true) => Some(DailyLimit::RowsWritten),
            _ => None,
        }
    }

    /// Recognises the error of a queue by its code.
    pub fn of_queue(text: &str) -> Option<DailyLimit> {
        let mut numbers = text.split(|letter: char| !letter.is_ascii_alphanumeric());
        numbers.any(|number| number == QUEUE_LIMIT_CODE).then_some(DailyLimit::QueueOperations)
    }

    /// The name in the API.
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

/// Milliseconds from `now_ms` to the next midnight UTC, 1 at least.
pub fn ms_to_midnight(now_ms: i64) -> i64 {
    DAY_MS - now_ms.rem_euclid(DAY_MS)
}

/// The same in whole seconds, rounded up.
pub fn seconds_to_midnight(now_ms: i64) -> u32 {
    u32::try_from(ms_to_midnight(now_ms).unsigned_abs().div_ceil(1_000)).unwrap_or(u32::MAX)
}

/// The same as a wait.
pub(crate) fn wait_for_midnight(now_ms: i64) -> Duration {
    Duration::from_secs(u64::from(seconds_to_midnight(now_ms)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_of_d1_are_recognised() {
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
    fn the_code_of_queues_is_recognised() {
        for text in ["Queue sendBatch failed: Daily limit exceeded. (10253)", "error 10253", "code=10253: too many"] {
            assert_eq!(DailyLimit::of_queue(text), Some(DailyLimit::QueueOperations), "{text}");
        }
        for other in ["Queue send failed: Too Many Requests (10250)", "message 9102531 failed", "a10253", ""] {
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
        assert_eq!(wait_for_midnight(midnight - 7_000), Duration::from_secs(7));
        assert_eq!(ms_to_midnight(midnight - 1), 1);
    }
}
